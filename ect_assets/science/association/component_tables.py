"""Tables of the components: how much of a map each explains, its scores, what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ect_assets.science.association.null_tables import component_statistic
from ect_assets.science.calibration import Rate, reading
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.influence import component_influence, first_pattern_share
from ect_assets.science.statistics.multiple_comparisons import permutation_p
from ect_assets.science.statistics.patients import (
    SPLITS,
    Changes,
    Stability,
    component_p,
    smoother_p,
    split_half_stability,
)
from ect_assets.science.statistics.pls import PartialLeastSquares, zscore
from ect_assets.science.statistics.smoothness import correlation_length
from ect_assets.science.transcriptome.matrix import Aligned

SMOOTHNESS_FLIPS = 1_000
UNKNOWN_RATE = Rate(np.nan, np.nan, np.nan)
NOT_ASKED = np.nan
"""Of a question over patients, where a map comes without any."""
OF_CONFOUNDS = ("r2_confounds", "r2_partial", "p_partial")


@dataclass(frozen=True)
class OverPatients:
    """What patients say of the components; missing where the map comes without any."""

    by_component: pd.DataFrame
    smoothness_mm: float
    p_smoother: float
    replication: float


def component_table(
    ours: Aligned,
    null_distributions: pd.DataFrame,
    changes: Changes | None,
    beyond_confounds: pd.DataFrame | None,
    n_components: int,
    n_flips: int,
    seed: int,
) -> pd.DataFrame:
    """Test the components of a map: the rows of ``pls_components``.

    Parameters
    ----------
    null_distributions : DataFrame
        From `null_distribution_table`.
    changes : Changes or None
        Of the patients, over the same parcels; without them their question is not asked.
    beyond_confounds : DataFrame or None
        From `confounds.partial_components`; None where there are no confounds.
    n_flips : int
        Flips of the signs of patients.
    """
    model = PartialLeastSquares(n_components).fit(ours.expression, ours.values)
    cumulative = np.cumsum(model.r2_y_)
    smoothness = map_smoothness(ours)
    pattern = first_pattern_share(ours.expression, model)
    patients = _over_patients(ours, changes, n_components, n_flips, seed)
    partial = _no_confounds(n_components) if beyond_confounds is None else beyond_confounds
    rows = []
    for index, r2_y in enumerate(model.r2_y_):
        mine = null_distributions[null_distributions.statistic == component_statistic(index + 1)]
        for null_model, nulls in mine.groupby("null_model", sort=False):
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
                    "p_patients": patients.by_component.p_patients[index],
                    "p_patients_covariance": patients.by_component.p_patients_covariance[index],
                    "replication": patients.replication if index == 0 else np.nan,
                    "r2_c1_share": pattern[index],
                    "patients_smoothness_mm": patients.smoothness_mm,
                    "p_smoother": patients.p_smoother,
                }
                | {name: partial[name][index] for name in OF_CONFOUNDS}
            )
    return pd.DataFrame(rows)


def with_rates(components: pd.DataFrame, calibration: pd.DataFrame | None) -> pd.DataFrame:
    """Say how often each null model errs on noise as smooth as the map, for the first component.

    Parameters
    ----------
    components : DataFrame
        From `component_table`.
    calibration : DataFrame or None
        From `calibration.calibrate`; without it the rates are missing.
    """
    rates = [
        reading(calibration, smoothness, model)
        if component == 1 and calibration is not None
        else UNKNOWN_RATE
        for component, model, smoothness in zip(
            components.component, components.null_model, components.map_smoothness_mm, strict=True
        )
    ]
    return components.assign(
        false_positive_rate_05=[one.rate for one in rates],
        false_positive_ci_low_05=[one.ci_low for one in rates],
        false_positive_ci_high_05=[one.ci_high for one in rates],
    )


def map_smoothness(ours: Aligned) -> float:
    """Estimate the length, in mm, over which the map is correlated."""
    distances = mni_distances(ours.parcels, "smoothness")
    return correlation_length(ours.values, distances, ours.parcels.hemisphere)


def _over_patients(
    ours: Aligned, changes: Changes | None, n_components: int, n_flips: int, seed: int
) -> OverPatients:
    if changes is None:
        columns = ["p_patients", "p_patients_covariance"]
        none = pd.DataFrame(NOT_ASKED, range(n_components), columns)
        return OverPatients(none, NOT_ASKED, NOT_ASKED, NOT_ASKED)
    distances, hemisphere = mni_distances(ours.parcels, "smoothness"), ours.parcels.hemisphere
    return OverPatients(
        component_p(changes, ours.expression, n_components, n_flips, seed),
        correlation_length((changes.residuals / changes.spread).T, distances, hemisphere),
        smoother_p(changes, distances, SMOOTHNESS_FLIPS, seed),
        replicated(changes, zscore(ours.expression).T, seed).weight_correlation,
    )


def _no_confounds(n_components: int) -> pd.DataFrame:
    return pd.DataFrame(np.nan, range(n_components), list(OF_CONFOUNDS))


def replicated(changes: Changes, profiles: np.ndarray, seed: int) -> Stability:
    """Say what comes back in halves of the cohort; nothing is known of one that is too small."""
    found = split_half_stability(changes, profiles, SPLITS, seed)
    return found or Stability(np.nan, np.full(len(profiles), np.nan))


def score_table(ours: Aligned, n_components: int) -> pd.DataFrame:
    """Give the map of each component beside the map itself: the rows of ``pls_scores``."""
    model = PartialLeastSquares(n_components).fit(ours.expression, ours.values)
    return _by_component(ours, model.x_scores_.T, "score").assign(
        map_value=np.tile(ours.values, n_components)
    )


def influence_table(ours: Aligned, n_components: int) -> pd.DataFrame:
    """Say by how much R2 falls without each parcel: component, parcel, delta_r2."""
    falls = component_influence(ours.expression, ours.values, n_components)
    return _by_component(ours, falls, "delta_r2")


def _by_component(ours: Aligned, values: np.ndarray, name: str) -> pd.DataFrame:
    frames = [
        pd.DataFrame({"component": number + 1, "parcel": ours.parcels.parcel, name: one})
        for number, one in enumerate(values)
    ]
    return pd.concat(frames, ignore_index=True)
