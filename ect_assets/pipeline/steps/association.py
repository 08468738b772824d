"""Association: which genes the change follows, against spatial null maps.

The methods are in `statistics` and `nulls`; what is compared is lined up in `lined_up`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.pipeline.step import Drift, Made, Verdict, Work, step
from ect_assets.pipeline.steps.lined_up import (
    COHORT,
    CONFOUND_FILES,
    DEFAULT_CONTRAST,
    ROWS,
    aligned,
    beyond_confounds,
    changes_over,
    closed_form,
    component_statistic,
    null_matrix,
    null_versions,
    replicated,
)
from ect_assets.pipeline.steps.transcriptome import no_expression
from ect_assets.science.calibration import Rate, reading
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.bootstrap import resamples_for
from ect_assets.science.statistics.influence import component_influence, first_pattern_share
from ect_assets.science.statistics.list_stability import list_stability
from ect_assets.science.statistics.multiple_comparisons import LEVEL, permutation_p
from ect_assets.science.statistics.patients import (
    component_p,
    projection_tests,
    smoother_p,
)
from ect_assets.science.statistics.pls import (
    DIRECTIONS,
    PartialLeastSquares,
    variance_explained,
    zscore,
)
from ect_assets.science.statistics.resampling import gene_statistics, spatial_gene_p
from ect_assets.science.statistics.smoothness import correlation_length
from ect_assets.science.transcriptome.matrix import covered, rows_in_use
from ect_assets.study import Study

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
    frames = []
    for model in study.nulls.models:
        maps = surrogate_maps(model, rows.t.to_numpy(float), rows, study.nulls.n, study.seed)
        n_parcels, n_maps = maps.shape
        frames.append(
            pd.DataFrame(
                {
                    "null_model": model,
                    "null_id": np.repeat(np.arange(n_maps), n_parcels),
                    "parcel": np.tile(rows.parcel.to_numpy(), n_maps),
                    "value": maps.T.ravel(),
                }
            )
        )
    return Made(
        pd.concat(frames, ignore_index=True),
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
    predictors = zscore(ours.expression)
    gram = predictors @ predictors.T
    frames = []
    for model in null_maps.null_model.unique():
        maps = null_matrix(null_maps, model, ours.parcels.parcel)
        cumulative = variance_explained(gram, maps, work.study.association.components)
        for index, values in enumerate(np.diff(cumulative, axis=0, prepend=0)):
            frames.append(
                pd.DataFrame(
                    {
                        "null_model": model,
                        "statistic": component_statistic(index + 1),
                        "null_id": np.arange(values.size),
                        "value": values,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


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
    model = PartialLeastSquares(work.study.association.components).fit(ours.expression, ours.values)
    cumulative = np.cumsum(model.r2_y_)
    distances, hemisphere = mni_distances(ours.parcels, "smoothness"), ours.parcels.hemisphere
    smoothness = correlation_length(ours.values, distances, hemisphere)
    rates = {
        name: reading(null_calibration, smoothness, name)
        for name in null_distributions.null_model.unique()
    }
    study = work.study
    changes = changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions)
    over_patients = component_p(
        changes,
        ours.expression,
        study.association.components,
        study.association.permutations,
        study.seed,
    )
    of_noise = correlation_length((changes.residuals / changes.spread).T, distances, hemisphere)
    p_smoother = smoother_p(changes, distances, SMOOTHNESS_FLIPS, study.seed)
    genes = zscore(ours.expression).T
    agreement = replicated(changes, genes, study.seed).weight_correlation
    pattern = first_pattern_share(ours.expression, model)
    partial = beyond_confounds(work, ours)
    rows = []
    for index, r2_y in enumerate(model.r2_y_):
        mine = null_distributions[null_distributions.statistic == component_statistic(index + 1)]
        for null_model, nulls in mine.groupby("null_model", sort=False):
            rate = rates[null_model] if index == 0 else UNKNOWN_RATE
            rows.append(
                {
                    "component": index + 1,
                    "null_model": null_model,
                    "r2_y": r2_y,
                    "r2_y_cumulative": cumulative[index],
                    "r2_x": model.r2_x_[index],
                    "p_spatial": float(permutation_p(r2_y, nulls.value.to_numpy())),
                    "n_nulls": len(nulls),
                    "map_smoothness_mm": smoothness,
                    "false_positive_rate_05": rate.rate,
                    "false_positive_ci_low_05": rate.ci_low,
                    "false_positive_ci_high_05": rate.ci_high,
                    "p_patients": over_patients.p_patients[index],
                    "p_patients_covariance": over_patients.p_patients_covariance[index],
                    "replication": agreement if index == 0 else np.nan,
                    "r2_c1_share": pattern[index],
                    "patients_smoothness_mm": of_noise,
                    "p_smoother": p_smoother,
                    "r2_confounds": partial.r2_confounds[index],
                    "r2_partial": partial.r2_partial[index],
                    "p_partial": partial.p_partial[index],
                }
            )
    frame = pd.DataFrame(rows)
    first = frame[frame.component == 1]
    p_values = zip(first.null_model, first.p_spatial.astype(float), strict=True)
    primary = study.nulls.primary
    return Made(
        frame,
        figures={
            "pls1_r2_y": float(model.r2_y_[0]),
            **{f"p_{name}": p for name, p in p_values},
            "p_patients": float(over_patients.p_patients[0]),
        },
        verdicts={
            "null_is_calibrated": _verdict(primary, rates[primary], smoothness),
            "map_is_as_smooth_as_noise": _as_smooth(smoothness, of_noise, p_smoother),
        },
    )


SMOOTHNESS_FLIPS = 1_000
UNKNOWN_RATE = Rate(np.nan, np.nan, np.nan)


def _verdict(model: str, rate: Rate, smoothness_mm: float) -> Verdict:
    """Say whether a null model is liberal on noise as smooth as the map."""
    return Verdict(
        passed=rate.ci_low <= LEVEL,
        says=f"{model} gives p <= {LEVEL} on {rate.rate:.3f} of noise maps "
        f"(95 % interval {rate.ci_low:.3f} to {rate.ci_high:.3f}) that are as smooth as the map, "
        f"about {smoothness_mm:.0f} mm.",
    )


def _as_smooth(map_mm: float, noise_mm: float, p_smoother: float) -> Verdict:
    """Say whether the map is smoother than the patients' noise, which p_patients suffers from."""
    return Verdict(
        passed=p_smoother >= LEVEL,
        says=f"The map is correlated over about {map_mm:.0f} mm, the patients' residual changes "
        f"over {noise_mm:.0f} mm; of maps with flipped signs {p_smoother:.3f} are as smooth. A "
        "change without genes that is smoother than the noise passes p_patients of R2 too often: "
        "read p_spatial.",
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
    model = PartialLeastSquares(work.study.association.components).fit(ours.expression, ours.values)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "component": index + 1,
                    "parcel": ours.parcels.parcel,
                    "score": scores,
                    "map_value": ours.values,
                }
            )
            for index, scores in enumerate(model.x_scores_.T)
        ],
        ignore_index=True,
    )


def list_columns(
    study: Study, predictors: np.ndarray, values: np.ndarray, first: pd.DataFrame
) -> pd.DataFrame:
    """Say of each gene how often it is listed, and how long its list is under other seeds."""
    chosen = study.association
    z, errors = first.z.to_numpy(float), first.se.to_numpy(float)
    counts = resamples_for(values, chosen.bootstraps, study.seed, chosen.components)
    found = list_stability(predictors, values, counts, z, errors, chosen.gene_list_q, study.seed)
    low, high = np.where(z > 0, found.n_plus[:, None], found.n_minus[:, None])
    return pd.DataFrame(
        {
            "selection_frequency": found.selection_frequency,
            "n_listed_low": low,
            "n_listed_high": high,
        },
        index=first.index,
    ).astype({"n_listed_low": "Int64", "n_listed_high": "Int64"})


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
    predictors, values = zscore(ours.expression), zscore(ours.values)
    n_components = study.association.components
    frame = gene_statistics(
        predictors, values, study.association.bootstraps, study.seed, n_components
    )
    of_list = list_columns(study, predictors, values, frame[frame.component == 1])
    nulls = null_matrix(null_maps, study.nulls.primary, ours.parcels.parcel)
    spatial = spatial_gene_p(predictors, values, nulls)
    changes = changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions)
    over_patients = projection_tests(changes, predictors.T)
    stable = replicated(changes, predictors.T, study.seed).replication
    of_genes = pd.concat(
        [
            spatial,
            closed_form(ours, predictors.T),
            over_patients[["p_patients", "q_patients"]],
        ],
        axis=1,
    ).assign(replication=stable)
    frame = pd.concat([frame, pd.concat([of_genes] * n_components, ignore_index=True)], axis=1)
    listed = (frame.q_bootstrap < study.association.gene_list_q) & (frame.component == 1)
    signs = pd.Series(np.where(frame.z > 0, *DIRECTIONS), dtype="str")
    ranks = frame.groupby("component").z.rank(ascending=False, method="first")
    # Lists are of the first component, whose genes come first.
    frame = frame.join(of_list).assign(
        gene=list(ours.genes) * n_components,
        direction=signs.where(listed, None),
        rank=ranks.astype(int),
    )
    return Made(
        frame.sort_values(["component", "rank"], ignore_index=True),
        figures={
            "pls1_plus_genes": int((frame.direction == DIRECTIONS[0]).sum()),
            "pls1_minus_genes": int((frame.direction == DIRECTIONS[1]).sum()),
            "genes_q_spatial_below_0.05": int((spatial.q_spatial < LEVEL).sum()),
            "genes_q_patients_below_0.05": int((over_patients.q_patients < LEVEL).sum()),
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
    falls = component_influence(ours.expression, ours.values, work.study.association.components)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "contrast": DEFAULT_CONTRAST,
                    "component": number + 1,
                    "parcel": ours.parcels.parcel,
                    "delta_r2": one,
                }
            )
            for number, one in enumerate(falls)
        ],
        ignore_index=True,
    )


STEPS = (null_maps, null_distributions, pls_components, pls_scores, pls_genes, parcel_influence)
