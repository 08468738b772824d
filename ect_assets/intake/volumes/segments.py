"""Volumes outside the cortex: from FreeSurfer's names of structures to rows of `parcel_gmv`.

Sources read their files and hand over plain volumes by name; here they become the rows of
`desikan_killiany` and `aseg`. Subfields and nuclei are read in `subfields`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.volumes.stats_files import StatsFile
from ect_assets.intake.volumes.volumes import PARCEL_KINDS, Scan, wrong_volumes
from ect_assets.problems import listed
from ect_assets.reference.loaders import SEGMENTATIONS
from ect_assets.science.morphometry.plausible_volumes import segment_faults
from ect_assets.study import Study

ASEG = "aseg"
WITH_SEGMENTS = ("desikan_killiany", ASEG)
"""Packaged parcellations of which `aseg.stats` has parcels."""

Value = TypeVar("Value")
_VOLUME = "Volume_mm3"
_SIDES = {"lh": "left", "rh": "right"}
_OTHER_NAMES = {"thalamusproper": ("thalamusproper", "thalamus")}
"""FreeSurfer 7 calls Left-Thalamus what Left-Thalamus-Proper was before."""


def is_segmentation(study: Study, parcellation: str) -> bool:
    """Say whether a parcellation of a study is a packaged one without cortex."""
    return parcellation in SEGMENTATIONS and study.parcellations[parcellation].atlas is None


def has_segments(study: Study, parcellation: str) -> bool:
    """Say whether a parcellation of a study has parcels of which FreeSurfer's aseg tells."""
    return parcellation in WITH_SEGMENTS and study.parcellations[parcellation].atlas is None


def plain_name(name: str) -> str:
    """Take case and signs off a name: ``leftthalamus`` of ``Left-Thalamus`` or ``Left.Thalamus``.

    Versions of FreeSurfer and programs that save its tables differ in them.
    """
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def names_of(parcel: str) -> tuple[str, ...]:
    """Give the plain names under which FreeSurfer may have a parcel.

    Parameters
    ----------
    parcel : str
        Such as ``lh_hippocampus`` or ``brainstem``.
    """
    side, _, bare = parcel.partition("_")
    if side not in _SIDES:
        return (plain_name(parcel),)
    return tuple(f"{_SIDES[side]}{name}" for name in _OTHER_NAMES.get(bare, (bare,)))


def by_parcel(values: Mapping[str, Value], parcels: Iterable[str]) -> dict[str, Value]:
    """Look up what a source has of each parcel, whatever it calls it.

    Parameters
    ----------
    values : mapping of str to anything
        By FreeSurfer's names of structures.

    Returns
    -------
    dict
        Of the parcels that are there, in their order.
    """
    plain = {plain_name(name): value for name, value in values.items()}
    found = {
        parcel: [plain[name] for name in names_of(parcel) if name in plain] for parcel in parcels
    }
    return {parcel: of_parcel[0] for parcel, of_parcel in found.items() if of_parcel}


def aseg_rows(
    content: StatsFile | None,
    where: str,
    parcels: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
) -> pd.DataFrame:
    """Make rows of what `aseg.stats` says, as `segment_rows`.

    Parameters
    ----------
    content : StatsFile or None
        None where there is no such file, or it cannot be read.
    """
    table = pd.DataFrame(columns=["StructName"]) if content is None else content.table
    volumes = dict(zip(table["StructName"], table.get(_VOLUME, ()), strict=False))
    outside = parcels.loc[parcels["structure"] != "cortex", "parcel"]
    found = pd.Series(by_parcel(volumes, outside), dtype="float64")
    return segment_rows(found, parcels, parcellation, scan, findings, where)


def segment_rows(
    volumes: pd.Series,
    parcels: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
    where: str,
) -> pd.DataFrame:
    """Make the rows of the parcels outside the cortex, in the order of `parcels`.

    Parameters
    ----------
    volumes : Series of float
        mm3 by parcel.
    parcels : DataFrame
        Rows of the table `parcels`; those of cortex are passed over.
    findings : Findings
        Takes up ``parcel_missing`` where some of the parcels are there and others are not,
        ``volume_negative``, ``volume_zero``, ``volume_not_a_number`` and ``volume_implausible``.
    where : str
        The file that messages name, with its folder.

    Returns
    -------
    DataFrame
        Without rows where the source has none of the parcels.
    """
    wanted = parcels[parcels["structure"] != "cortex"]
    missing = [parcel for parcel in wanted["parcel"] if parcel not in volumes.index]

    def tell(reason: str, sentence: str) -> None:
        told = f"{where} {sentence} {scan.fix}"
        findings.add(reason, told, scan.subject, scan.session, parcellation)

    if len(missing) < len(wanted):
        if missing:
            n_found = len(wanted) - len(missing)
            tell(
                "parcel_missing",
                f"has {n_found} of {len(wanted)} structures outside the cortex, so it was cut "
                f"short or edited. Missing: {listed(missing)}.",
            )
        wrong = wrong_volumes(volumes)
        for reason, words, names in wrong:
            tell(reason, f"has a volume that is {words} for {listed(names)}.")
        for sentence in () if wrong else segment_faults(volumes):
            tell("volume_implausible", f"has an impossible volume. {sentence}")
    return rows_of(wanted[wanted["parcel"].isin(volumes.index)], volumes, parcellation, scan)


def rows_of(
    wanted: pd.DataFrame, volumes: pd.Series, parcellation: str, scan: Scan
) -> pd.DataFrame:
    """Make rows of `parcel_gmv` of parcels that have a volume and no surface.

    Parameters
    ----------
    wanted : DataFrame
        Rows of the table `parcels`.
    volumes : Series of float
        mm3 by parcel.
    """
    n = len(wanted)
    columns = {
        **{name: wanted[name].to_numpy() for name in ("parcel", "hemisphere", "structure")},
        "subject": [scan.subject] * n,
        "session": [scan.session] * n,
        "parcellation": [parcellation] * n,
        "gmv_mm3": volumes.reindex(wanted["parcel"]).to_numpy(),
        "area_mm2": np.full(n, np.nan),
        "thickness_mm": np.full(n, np.nan),
        "source": [scan.source] * n,
    }
    return pd.DataFrame(
        {name: pd.Series(columns[name], dtype=kind) for name, kind in PARCEL_KINDS.items()}
    )
