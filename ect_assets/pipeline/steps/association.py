"""Association: which genes the change follows, against spatial null maps.

The tables are made in `science.association`; what is compared is lined up in `matched_parcels`.
"""

from __future__ import annotations

import pandas as pd

from ect_assets import tables
from ect_assets.pipeline.step import Drift, Made, Verdict, Work, step
from ect_assets.pipeline.steps.matched_parcels import (
    COHORT,
    CONFOUND_FILES,
    DEFAULT_CONTRAST,
    ROWS,
    aligned,
    beyond_confounds,
    changes_over,
    null_versions,
)
from ect_assets.pipeline.steps.transcriptome import no_expression
from ect_assets.science.association.component_tables import (
    component_table,
    influence_table,
    score_table,
    with_rates,
)
from ect_assets.science.association.gene_tables import gene_table
from ect_assets.science.association.null_tables import (
    null_distribution_table,
    null_map_table,
    null_matrices,
    null_matrices_of,
    null_matrix,
)
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import (
    DIRECTIONS,
)
from ect_assets.science.transcriptome.matrix import covered, rows_in_use

ASSET_GROUP = "association"


@step(
    tables.NullMaps,
    ASSET_GROUP,
    settings=("nulls.models", "nulls.n", "seed", *ROWS),
    unavailable=no_expression,
    measured_by=null_versions,
)
def null_maps(
    work: Work,
    gmv_change: pd.DataFrame,
    parcels: pd.DataFrame,
    expression_coverage: pd.DataFrame,
) -> Made:
    """Surrogates of the map of change that keep its spatial autocorrelation.

    Vasa: the map turned on the sphere (Vasa et al. 2018). Moran: spectral randomisation (Wagner
    and Dray 2015). One set of maps per model, over the parcels that have expression.
    """
    study = work.study
    rows = rows_in_use(
        parcels,
        covered(expression_coverage),
        gmv_change,
        study.association.hemisphere,
        study.association.structures,
    )
    maps = null_matrices(
        study.nulls.models, rows.t.to_numpy(float), rows, study.nulls.n, study.seed
    )
    return Made(
        null_map_table(maps, rows.parcel),
        figures={"parcels": len(rows), "maps_per_model": study.nulls.n},
    )


@step(
    tables.NullDistributions,
    ASSET_GROUP,
    settings=("association.components", *ROWS),
    unavailable=no_expression,
)
def null_distributions(
    work: Work,
    null_maps: pd.DataFrame,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> pd.DataFrame:
    """What each component explains of the null maps: the null distribution of `pls_components`."""
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    maps = null_matrices_of(null_maps, ours.parcels.parcel)
    return null_distribution_table(ours.expression, maps, work.study.association.components)


@step(
    tables.PlsComponents,
    ASSET_GROUP,
    settings=(
        "association.components",
        "association.permutations",
        "association.confounds",
        "nulls.primary",
        "nulls.n",
        "seed",
        *ROWS,
        *COHORT,
    ),
    version="3",
    sources=(CONFOUND_FILES,),
    unavailable=no_expression,
    checks={
        "null_is_calibrated": "The primary null model is not liberal on noise as smooth as the "
        "map.",
        "map_is_as_smooth_as_noise": "The map is no smoother than the noise of the patients, so "
        "that p_patients can be read by itself.",
    },
)
def pls_components(
    work: Work,
    null_distributions: pd.DataFrame,
    null_calibration: pd.DataFrame,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """How much of the change each component of gene expression explains, and its p values.

    Partial least squares of the t map on z-scored expression; p against each spatial null model,
    (1 + nulls at least as large) / (1 + nulls). Also the false positive rate of that null model on
    noise as smooth as the map. Beside it p over patients, by flipping the signs of their changes,
    and how well the genes' t over half the patients agree with those over the others. Where the
    study names confounds, also what is explained beyond them.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    study = work.study
    components = component_table(
        ours,
        null_distributions,
        changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions),
        beyond_confounds(work, ours),
        study.association.components,
        study.association.permutations,
        study.seed,
    )
    frame = with_rates(components, null_calibration)
    first = frame[frame.component == 1]
    p_values = zip(first.null_model, first.p_spatial.astype(float), strict=True)
    primary = first[first.null_model == study.nulls.primary].iloc[0]
    return Made(
        frame,
        figures={
            "pls1_r2_y": float(primary.r2_y),
            **{f"p_{name}": p for name, p in p_values},
            "p_patients": float(primary.p_patients),
        },
        verdicts={
            "null_is_calibrated": _calibrated(primary),
            "map_is_as_smooth_as_noise": _as_smooth(primary),
        },
    )


def _calibrated(component: pd.Series) -> Verdict:
    """Say whether a null model is liberal on noise as smooth as the map."""
    rate, low, high = (
        component[f"false_positive_{name}_05"] for name in ("rate", "ci_low", "ci_high")
    )
    return Verdict(
        passed=bool(low <= LEVEL),
        says=f"{component.null_model} gives p <= {LEVEL} on {rate:.3f} of noise maps "
        f"(95 % interval {low:.3f} to {high:.3f}) that are as smooth as the map, "
        f"about {component.map_smoothness_mm:.0f} mm.",
    )


def _as_smooth(component: pd.Series) -> Verdict:
    """Say whether the map is smoother than the patients' noise, which p_patients suffers from."""
    return Verdict(
        passed=bool(component.p_smoother >= LEVEL),
        says=f"The map is correlated over about {component.map_smoothness_mm:.0f} mm, the "
        f"patients' residual changes over {component.patients_smoothness_mm:.0f} mm; of maps with "
        f"flipped signs {component.p_smoother:.3f} are as smooth. A change without genes that is "
        "smoother than the noise passes p_patients of R2 too often: read p_spatial.",
    )


@step(
    tables.PlsScores,
    ASSET_GROUP,
    settings=("association.components", *ROWS),
    unavailable=no_expression,
)
def pls_scores(
    work: Work,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> pd.DataFrame:
    """The map of each component, beside the map of change that it follows."""
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    return score_table(ours, work.study.association.components)


@step(
    tables.PlsGenes,
    ASSET_GROUP,
    drift=Drift("z", "q_bootstrap"),
    settings=(
        "association.components",
        "association.bootstraps",
        "association.gene_list_q",
        "nulls.primary",
        "seed",
        *ROWS,
        *COHORT,
    ),
    version="3",
    unavailable=no_expression,
)
def pls_genes(
    work: Work,
    null_maps: pd.DataFrame,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Rank the genes by their weight in each component; the lists are of the first.

    The bootstrap z is what the field reports, and takes parcels as independent: thousands of
    genes pass it on smooth noise. Compare p_spatial, which controls its error rate, p_space_max,
    which controls that of any gene at all, p_closed_form, a second opinion without null maps, and
    p_patients, which asks whether the patients' changes follow the gene or only their mean does.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    study = work.study
    frame = gene_table(
        ours,
        null_matrix(null_maps, study.nulls.primary, ours.parcels.parcel),
        changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions),
        study.association.components,
        study.association.bootstraps,
        study.association.gene_list_q,
        study.seed,
    )
    first = frame[frame.component == 1]
    return Made(
        frame,
        figures={
            "pls1_plus_genes": int((frame.direction == DIRECTIONS[0]).sum()),
            "pls1_minus_genes": int((frame.direction == DIRECTIONS[1]).sum()),
            "genes_q_spatial_below_0.05": int((first.q_spatial < LEVEL).sum()),
            "genes_q_patients_below_0.05": int((first.q_patients < LEVEL).sum()),
        },
    )


@step(
    tables.ParcelInfluence,
    ASSET_GROUP,
    settings=("association.components", *ROWS),
    unavailable=no_expression,
)
def parcel_influence(
    work: Work,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> pd.DataFrame:
    """By how much the variance that a component explains falls without each parcel."""
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    found = influence_table(ours, work.study.association.components)
    return found.assign(contrast=DEFAULT_CONTRAST)


STEPS = (null_maps, null_distributions, pls_components, pls_scores, pls_genes, parcel_influence)
