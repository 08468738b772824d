"""The map, gene expression and the patients' changes, lined up for the steps that compare them.

Which parcels are compared, and in which order, is the same in every step; the steps themselves are
in `association`, `enrichment` and `calibration`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.intake.confound_files import read_confound
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Source, Work
from ect_assets.pipeline.steps.group import cohort_of
from ect_assets.problems import StudyError
from ect_assets.science.cohort import families
from ect_assets.science.confounds import electrode_distance, first_pattern, partial_components
from ect_assets.science.nulls.places import mni_coordinates
from ect_assets.science.nulls.registered_models import versions_of
from ect_assets.science.statistics.patients import (
    Changes,
)
from ect_assets.science.transcriptome.matrix import Aligned, align
from ect_assets.study import Study

ROWS = ("association.hemisphere", "association.structures")
COHORT = ("sessions", "group.adjusts_for_etiv")
"""Settings that say whose changes are analysed."""
DEFAULT_CONTRAST = "gmv_change"


def aligned(
    work: Work,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> Aligned:
    """Line up the change with gene expression as the study's settings say."""
    chosen = work.study.association
    return align(
        expression, expression_coverage, parcels, gmv_change, chosen.hemisphere, chosen.structures
    )


def changes_over(
    work: Work,
    rows: pd.Series,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Changes:
    """Give the change of each patient of the map, over the parcels `rows` in their order."""
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    found = families(cohort, parcel_gmv, parcels, work.study.sessions.both)
    used = [one for one in found.values() if one.parcels.parcel.isin(rows).any()]
    without = sorted({subject for one in used for subject in one.left_out})
    if without:
        raise StudyError(
            f"sub-{', sub-'.join(without)}: no volumes of every structure of the map, which needs "
            "the same patients everywhere. Leave them out with a line `exclude` in reviewed.tsv, "
            "or compare fewer `structures` in [association] of study.toml."
        )
    names = [parcel for one in used for parcel in one.parcels.parcel]
    columns = pd.Index(names).get_indexer(rows)
    if (columns < 0).any():
        lacking = ", ".join(rows[columns < 0])
        raise StudyError(f"The patients of the map have no change of {lacking}, which it has.")
    change = np.hstack([one.follow_up - one.baseline for one in used])[:, columns]
    return Changes.of(change, cohort.mean_etiv_mm3)


def confound_files(study: Study, partition: Partition) -> list[Path]:
    """List the confound maps of the user's own, for one parcellation."""
    named = [one for one in study.association.confounds if one.endswith(".tsv")]
    return [_confound_file(study, one, partition["parcellation"]) for one in named]


def _confound_file(study: Study, name: str, parcellation: str) -> Path:
    return study.folder / name.replace("{parcellation}", parcellation)


CONFOUND_FILES = Source(
    "confound_files",
    "Confound maps of the user's own, such as an electric field.",
    confound_files,
    ("parcellation",),
    ("association.confounds",),
)


def confounds_of(work: Work, ours: Aligned) -> np.ndarray | None:
    """Give the confound maps of the study in columns, or None where it names none."""
    names = work.study.association.confounds
    return np.column_stack([_confound(work, ours, one) for one in names]) if names else None


def _confound(work: Work, ours: Aligned, name: str) -> np.ndarray:
    if name == "c1":
        return first_pattern(ours.expression)
    if name.endswith(".tsv"):
        file = _confound_file(work.study, name, work.parcellation)
        return read_confound(file, list(ours.parcels.parcel))
    coordinates = mni_coordinates(ours.parcels, "distance to electrodes")
    return electrode_distance(coordinates, name.removeprefix("electrodes_"))


def beyond_confounds(work: Work, ours: Aligned) -> pd.DataFrame:
    """Ask what components explain beyond the study's confounds; missing where it names none."""
    study = work.study
    confounds = confounds_of(work, ours)
    if confounds is None:
        columns = ["r2_confounds", "r2_partial", "p_partial"]
        return pd.DataFrame(np.nan, range(study.association.components), columns)
    try:
        return partial_components(
            ours.expression,
            ours.values,
            confounds,
            ours.parcels,
            study.nulls.primary,
            study.nulls.n,
            study.association.components,
            study.seed,
        )
    except ValueError as error:
        named = ", ".join(study.association.confounds)
        raise StudyError(
            f"`confounds` of [association] ({named}) cannot be used with "
            f"{work.parcellation}: {error}"
        ) from error


def null_versions(study: Study) -> dict[str, int]:
    """Return the versions of the null models that are a lab's own."""
    return versions_of(study.nulls.models)


def primary_null_version(study: Study) -> dict[str, int]:
    """Return the version of the primary null model where it is a lab's own."""
    return versions_of((study.nulls.primary,))
