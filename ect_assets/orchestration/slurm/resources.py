"""What each table asks of a node: by table, by asset group, by the study's settings.

The numbers are upper bounds for a study of a hundred patients, so that a site has little to say;
how long a step really took is in the run's log.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ect_assets.problems import StudyError
from ect_assets.study.cluster import Cluster, Resources

BY_ASSET_GROUP: Mapping[str, Resources] = {
    "scans": Resources(time="0:30:00", memory="2G", cpus=1),
    "morphometry": Resources(time="0:30:00", memory="4G", cpus=1),
    "group": Resources(time="1:00:00", memory="4G", cpus=1),
    "transcriptome": Resources(time="4:00:00", memory="8G", cpus=1),
    "association": Resources(time="4:00:00", memory="8G", cpus=2),
    "enrichment": Resources(time="4:00:00", memory="8G", cpus=2),
    "report": Resources(time="0:30:00", memory="4G", cpus=1),
}
ELSEWHERE = Resources(time="1:00:00", memory="4G", cpus=1)
"""For steps that belong to no asset group."""

MEASURING = ("scan_volumes", "parcel_gmv")
"""Tables that measure the images themselves where no volumes are there."""

BY_SOURCE: Mapping[str, Resources] = {
    "recon-all": Resources(time="2-00:00:00", memory="8G"),
    "volumetric": Resources(time="4:00:00", memory="8G"),
}
"""What `MEASURING` asks for, by `morphometry.source`."""


def resources_of(
    table: str, asset_group: str | None, cluster: Cluster, source: str = "", threads: int = 1
) -> Resources:
    """Return what the job of a table asks for.

    The narrower wins: a table of `[cluster.resources]`, its asset group, `[cluster]`, then what is
    written here.

    Parameters
    ----------
    table : str
        Its name, which is the step's key.
    asset_group : str or None
        Its group in the pipeline.
    source : str
        The study's `morphometry.source`.
    threads : int
        How many the source was told to use.

    Returns
    -------
    Resources
        With time, memory and cpus.
    """
    asked = BY_ASSET_GROUP.get(asset_group or "", ELSEWHERE)
    if table in MEASURING and source in BY_SOURCE:
        asked = asked.narrowed(BY_SOURCE[source]).narrowed(Resources(cpus=threads))
    everywhere = {name: getattr(cluster, name) for name in Resources.model_fields}
    asked = asked.narrowed(Resources(**everywhere))
    for name in (asset_group or "", table):
        asked = asked.narrowed(cluster.resources.get(name, Resources()))
    return asked


def refuse_unknown(cluster: Cluster, tables: Collection[str]) -> None:
    """Stop where `[cluster.resources]` names something that there is not.

    Parameters
    ----------
    tables : collection of str
        Every table that there is.

    Raises
    ------
    StudyError
    """
    unknown = sorted(set(cluster.resources) - set(tables) - set(BY_ASSET_GROUP))
    if unknown:
        raise StudyError(
            f"study.toml: cluster.resources.{unknown[0]}: there is no such table or asset group; "
            f'groups are {", ".join(BY_ASSET_GROUP)}; `ect sql "SHOW TABLES"` lists the tables.'
        )
