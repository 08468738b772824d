"""Reference maps: a user's folder of maps, and how far each map of change resembles them.

Files are read in `intake.reference_map_files`, the test is in
`science.statistics.reference_maps`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.intake.reference_map_files import (
    has_maps,
    long_rows,
    map_files,
    map_folder,
    read_reference_maps,
    read_sources,
)
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Made, Source, Work, step
from ect_assets.pipeline.steps.association import ASSET_GROUP
from ect_assets.pipeline.steps.contrasts import no_contrasts
from ect_assets.pipeline.steps.matched_parcels import DEFAULT_CONTRAST, ROWS, primary_null_version
from ect_assets.problems import Problem, StudyError
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.reference_maps import reference_correlations as correlate
from ect_assets.science.transcriptome.matrix import parcels_in_use
from ect_assets.study import Study

UNREADABLE = "reference_map_unusable"
MAP_FILES = Source(
    "reference_map_files",
    "Reference maps of the user's own, by parcel.",
    map_files,
    settings=("reference_maps",),
)


def no_reference_maps(study: Study, partition: Partition) -> str | None:
    """Say why a parcellation has no reference maps, or nothing; a missing folder is an error."""
    folder = map_folder(study)
    if folder is None:
        return "study.toml names no folder under [reference_maps]"
    name = partition["parcellation"]
    if not folder.is_dir() or has_maps(study, name):
        return None
    return (
        f"the folder of [reference_maps] has no table of {name}, such as {name}/NAME.tsv or "
        f"NAME_parc-{name}.csv"
    )


def _without_contrasts(study: Study, partition: Partition) -> tuple[str, ...]:
    return ("contrast_maps",) if no_contrasts(study, partition) else ()


@step(
    tables.ReferenceMaps,
    ASSET_GROUP,
    settings=("reference_maps", "parcellations.*"),
    sources=(MAP_FILES,),
    unavailable=no_reference_maps,
)
def reference_maps(work: Work, parcels: pd.DataFrame) -> Made:
    """The reference maps of the study's folder, by parcel, with their sources and licences.

    Files that cannot be used are named and the others are read. Nothing is downloaded.
    """
    read = read_reference_maps(work.study, work.parcellation, parcels.parcel, work.lake.subjects)
    if not read.maps:
        raise StudyError(" ".join(read.faults))
    rows = pd.concat(long_rows(read.maps, read_sources(work.study)), ignore_index=True)
    without = rows[rows.licence.isna()].reference.nunique()
    problems = tuple(
        Problem(UNREADABLE, one, "reference_maps", parcellation=work.parcellation)
        for one in read.faults
    )
    figures = {"maps": len(read.maps), "maps_without_a_stated_licence": without}
    return Made(rows, problems, figures=figures)


@step(
    tables.ReferenceCorrelations,
    ASSET_GROUP,
    after=("contrast_maps",),
    settings=("nulls.primary", "nulls.n", "seed", "contrasts.*", *ROWS),
    skips=_without_contrasts,
    unavailable=no_reference_maps,
    measured_by=primary_null_version,
)
def reference_correlations(
    work: Work, reference_maps: pd.DataFrame, parcels: pd.DataFrame, gmv_change: pd.DataFrame
) -> Made:
    """How far the map of change, and that of each contrast, resembles the reference maps.

    Pearson's r over the parcels in use, against the primary null model's maps of the change
    (Markello and Misic 2021); family-wise over the references of a map by the largest |r|.
    """
    study = work.study
    values = reference_maps.pivot(index="parcel", columns="reference", values="value")
    told = reference_maps.drop_duplicates("reference").set_index("reference")
    chosen = study.association
    frames = []
    for contrast, t in _maps(work, gmv_change):
        rows = parcels_in_use(parcels, pd.Series(t.index), chosen.hemisphere, chosen.structures)
        rows = rows[rows.parcel.isin(values.index)].reset_index(drop=True)
        mine = values.reindex(rows.parcel)
        mine = mine.loc[:, (mine.notna().sum() >= FEWEST_PARCELS) & (mine.nunique() > 1)]
        if mine.empty:
            continue
        change = t.loc[rows.parcel].to_numpy(float)
        nulls = surrogate_maps(study.nulls.primary, change, rows, study.nulls.n, study.seed)
        found = correlate(mine, change, nulls)
        frames.append(found.assign(contrast=contrast, reference=mine.columns))
    if not frames:
        raise StudyError(
            f"No reference map has values in {FEWEST_PARCELS} of the parcels that are compared "
            f"({work.parcellation}, hemisphere {chosen.hemisphere}). Add them, or change "
            "`hemisphere` and `structures` in [association]."
        )
    frame = pd.concat(frames, ignore_index=True).assign(
        null_model=study.nulls.primary, n_nulls=study.nulls.n
    )
    frame = frame.join(told[["source", "licence"]], on="reference")
    is_change = frame.contrast == DEFAULT_CONTRAST
    return Made(
        frame,
        figures={
            "references": int(frame.reference.nunique()),
            "of_change_with_p_max_below_0.05": int((frame.p_max[is_change] < LEVEL).sum()),
        },
    )


FEWEST_PARCELS = 5


def _maps(work: Work, gmv_change: pd.DataFrame) -> Iterator[tuple[str, pd.Series]]:
    """Go through the maps of t, by parcel: the change, then each contrast."""
    yield DEFAULT_CONTRAST, _finite(gmv_change)
    if _without_contrasts(work.study, work.partition):
        return
    contrasts = work.lake.read(tables.ContrastMaps, work.partition)
    for name, rows in contrasts.groupby("contrast", sort=True):
        yield str(name), _finite(rows)


def _finite(rows: pd.DataFrame) -> pd.Series:
    t = rows.set_index("parcel").t
    return t[np.isfinite(t)]


STEPS = (reference_maps, reference_correlations)
