"""What Dagster's records are given of a table: of one with patients' rows nothing but counts.

Records of runs are kept for long, copied and looked through by others than those who may see the
lake. Rows, figures and pictures of patients stay out of them, and so do the words of what was wrong
with a patient: these are in the table `exclusions`. What Dagster calls is in `execution`.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg
import pandas as pd

from ect_assets.lake.location import write_whole
from ect_assets.lake.store import Partition, Provenance
from ect_assets.pipeline.step import Made
from ect_assets.problems import Problem
from ect_assets.study import Study
from ect_assets.tables.schema import Table

PICTURES = "pictures"
"""Folder of the cache for pictures of patients."""
SEE_EXCLUSIONS = "See the table exclusions, or the output of `ect run`."


def shown_metadata(
    study: Study,
    table: type[Table],
    partition: Partition,
    frame: pd.DataFrame,
    provenance: Provenance,
    made: Made,
    preview: Callable[[pd.DataFrame], str],
) -> dict[str, Any]:
    """Return what the UI shows beside a materialization.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    preview : callable
        Writes the first rows as Markdown.

    Returns
    -------
    dict
        Pictures first, then the strongest rows; of a patient's partition counts, and where its
        pictures are kept.
    """
    # Dagster shows the count of a partition as the table's own, unless it is named so.
    count = "partition_row_count" if partition else "row_count"
    plain = {
        f"dagster/{count}": len(frame),
        "simulated": provenance.simulated,
        "seed": provenance.seed,
    }
    if "subject" in partition:
        return {**_kept_pictures(study, partition, made.pictures), **plain}
    shown = {name: _shown(name, png) for name, png in made.pictures.items()}
    if not table.is_about_patients():
        shown["preview"] = dg.MetadataValue.md(preview(strongest_first(table, frame)))
    return {**shown, **made.figures, **plain}


def strongest_first(table: type[Table], frame: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as a table says what matters most; missing values come last."""
    if not table.strongest:
        return frame
    rows = frame.reset_index(drop=True)
    keys = pd.DataFrame(
        {
            rule: -rows[rule.strip("|")].abs() if rule.startswith("|") else rows[rule]
            for rule in table.strongest
        }
    )
    return rows.loc[keys.sort_values(list(table.strongest), kind="stable").index]


def _kept_pictures(
    study: Study, partition: Partition, pictures: Mapping[str, bytes]
) -> dict[str, Any]:
    """Keep a patient's pictures in the cache, from where withdrawal takes them."""
    folder = study.cache_folder / PICTURES / f"sub-{partition['subject']}"
    paths = {}
    for name, png in pictures.items():
        file = folder / partition.get("parcellation", "") / f"{name.replace(' ', '_')}.png"
        write_whole(file, lambda aside, png=png: aside.write_bytes(png))  # type: ignore[misc]
        paths[name] = dg.MetadataValue.path(file.relative_to(study.folder).as_posix())
    return paths


def _shown(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    """Put a figure into the metadata itself, so that it is seen without any file."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{b64encode(png).decode()})")


def shown_problems(table: type[Table], problems: Iterable[Problem]) -> str:
    """Count what was left out, by reason; the words of a group's own problems are shown."""
    if table.is_about_patients():
        counts = Counter(one.reason for one in problems)
        lines = [f"- {reason}: {times}" for reason, times in sorted(counts.items())]
        return "\n".join([*lines, SEE_EXCLUSIONS]) if lines else "nothing"
    return "\n".join(f"- {one}" for one in problems) or "nothing"


def shown_failure(table: type[Table], sentences: list[str]) -> str:
    """Say that partitions could not be made, without what is wrong with a patient."""
    if not table.is_about_patients():
        return "\n".join(sentences)
    return f"{len(sentences)} partition(s) failed. {SEE_EXCLUSIONS}"


class StoppedError(Exception):
    """A step of patients' data broke off; the words of the error are not kept by Dagster."""


def without_words(error: Exception) -> StoppedError:
    """Say where an error came from, without its words, which may quote what a file holds."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rsplit('/', 1)[-1]} line {trace.tb_lineno}, {code.co_name}"
        trace = trace.tb_next
    return StoppedError(f"{type(error).__name__} at {place}")


def last_metadata(
    context: dg.AssetExecutionContext, partition_key: str | None
) -> dict[str, dg.MetadataValue]:
    """Return what the UI shows of one partition as it was made last."""
    wanted = dg.AssetRecordsFilter(
        asset_key=context.asset_key,
        asset_partitions=None if partition_key is None else [partition_key],
    )
    found = context.instance.fetch_materializations(wanted, limit=1).records
    made = found[0].asset_materialization if found else None
    return dict(made.metadata) if made is not None else {}
