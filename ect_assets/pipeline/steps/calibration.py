"""How far the tests can be trusted, and what they could have found, for this very study.

The measurements are in `calibration` and `statistics.power`; here tables are lined up.
"""

from __future__ import annotations

import pandas as pd

from ect_assets import tables
from ect_assets.pipeline.step import Made, Work, step
from ect_assets.pipeline.steps.association import ASSET_GROUP
from ect_assets.pipeline.steps.group import cohort_of
from ect_assets.pipeline.steps.matched_parcels import (
    COHORT,
    ROWS,
    aligned,
    changes_over,
    null_versions,
    primary_null_version,
)
from ect_assets.pipeline.steps.symptoms import no_rows, too_few
from ect_assets.pipeline.steps.transcriptome import no_expression
from ect_assets.science.association.null_tables import component_statistic
from ect_assets.science.calibration import calibrate
from ect_assets.science.calibration import symptom_calibration as calibrate_symptoms
from ect_assets.science.enrichment.collections import cell_types_of
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.morphometry.scans_by_parcels import primary_structures
from ect_assets.science.question_calibration import NO_CHANGE, calibrate_questions
from ect_assets.science.statistics.power import detectable_effects as find_detectable_effects
from ect_assets.science.transcriptome.matrix import covered, expression_as_matrix, parcels_in_use

SYMPTOM_PERMUTATIONS = 999


@step(
    tables.NullCalibration,
    ASSET_GROUP,
    settings=("calibration", "nulls.models", "association.gene_list_q", "seed", *ROWS),
    unavailable=no_expression,
    measured_by=null_versions,
    is_weekly=True,
    version="3",
)
def null_calibration(
    work: Work,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gene_sets: pd.DataFrame,
) -> Made:
    """False positive rate of each test on smooth noise, for this parcellation and matrix.

    Noise maps of several smoothness lengths are unrelated to genes; any finding in them is false.
    Rates near 0.05 are nominal; above, the test is liberal and its p too small.
    """
    study = work.study
    rows = parcels_in_use(
        parcels,
        covered(expression_coverage),
        study.association.hemisphere,
        study.association.structures,
    )
    matrix = expression_as_matrix(expression, rows.parcel)
    matrix = matrix.loc[:, matrix.std() > 0]
    frame = calibrate(
        matrix.to_numpy(float),
        rows,
        list(matrix.columns),
        cell_types_of(gene_sets),
        study.nulls.models,
        study.calibration.lengths_mm,
        study.calibration.maps,
        study.calibration.nulls,
        study.seed,
        gene_list_q=study.association.gene_list_q,
        n_component_maps=study.calibration.component_maps,
    )
    worst = frame[frame.statistic == component_statistic(1)].groupby("null_model")
    rates = worst.false_positive_rate_05.max().astype(float)
    return Made(frame, figures={f"highest_rate {name}": rate for name, rate in rates.items()})


@step(
    tables.QuestionCalibration,
    ASSET_GROUP,
    settings=(
        "calibration",
        "nulls.primary",
        "enrichment.min_size",
        "seed",
        *ROWS,
        *COHORT,
    ),
    unavailable=no_expression,
    measured_by=primary_null_version,
    is_weekly=True,
    version="2",
)
def question_calibration(
    work: Work,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gene_sets: pd.DataFrame,
    gmv_change: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """How often each of the three questions and their verdict err, and find what was planted.

    Simulated cohorts: these patients' own noise, with no change, a smooth change without genes, or
    a change along a cell type. Each question alone errs somewhere; the verdict should nowhere.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    changes = changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions)
    study = work.study
    sets = membership(cell_types_of(gene_sets), ours.genes).of_size(study.enrichment.min_size, None)
    frame = calibrate_questions(
        ours.expression,
        ours.parcels,
        sets,
        changes,
        study.nulls.primary,
        study.calibration.lengths_mm,
        study.calibration.maps,
        study.calibration.nulls,
        study.seed,
    )
    verdict = frame[frame.question == "all"].set_index("truth")
    planted = verdict.true_positive_rate_05.dropna()
    return Made(
        frame,
        figures={
            "verdict_rate no_change": float(verdict.positive_rate_05[NO_CHANGE]),
            "verdict_true_positive_rate": float(planted.iloc[0]),
        },
    )


@step(
    tables.SymptomCalibration,
    "group",
    settings=(
        "sessions",
        "group.adjusts_for_etiv",
        "calibration.symptom_maps",
        "calibration.symptom_patients",
        "seed",
    ),
    is_weekly=True,
)
def symptom_calibration(
    work: Work,
    parcels: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """False positive rate of the tests of brain against symptoms, by permuting patients.

    The patients' own changes, with improvements drawn at random. Of a large cohort some patients
    are drawn: the rates of a permutation test do not follow the number of patients, its cost does.
    """
    cohort = cohort_of(work, parcels, parcel_gmv, scan_volumes, exclusions)
    few = too_few(len(cohort.subjects), "symptom_calibration", work.parcellation)
    if few:
        return Made(no_rows(tables.SymptomCalibration), (few,))
    return Made(
        calibrate_symptoms(
            cohort.follow_up - cohort.baseline,
            work.study.calibration.symptom_maps,
            SYMPTOM_PERMUTATIONS,
            work.study.seed,
            most_patients=work.study.calibration.symptom_patients,
        )
    )


@step(
    tables.DetectableEffects,
    ASSET_GROUP,
    settings=("nulls.primary", "group.adjusts_for_etiv"),
    unavailable=no_expression,
)
def detectable_effects(
    work: Work,
    gmv_change: pd.DataFrame,
    null_distributions: pd.DataFrame,
    pls_scores: pd.DataFrame,
) -> Made:
    """The smallest effects that a study of this size can detect.

    With 80 % power at 5 %: change of one parcel without and with correction for all parcels, a
    correlation with symptoms, and the variance that the first component has to explain.
    """
    is_tested = gmv_change.structure.isin(primary_structures(gmv_change.structure))
    gmv_change = gmv_change[is_tested]
    few = too_few(int(gmv_change.n.iloc[0]), "detectable_effects", work.parcellation)
    if few:
        return Made(no_rows(tables.DetectableEffects), (few,))
    nulls = null_distributions[
        (null_distributions.null_model == work.study.nulls.primary)
        & (null_distributions.statistic == component_statistic(1))
    ]
    frame = find_detectable_effects(
        int(gmv_change.n.iloc[0]),
        len(gmv_change),
        n_covariates=int(work.study.group.adjusts_for_etiv),
        null_r2_95=float(nulls.value.quantile(0.95)),
    )
    # Fewer parcels enter the association than the map has: one hemisphere, those with expression.
    in_association = frame.test == "pls_r2"
    return Made(frame.assign(n=frame.n.mask(in_association, pls_scores.parcel.nunique())))
