"""Whether the association of change with symptoms comes back in other patients.

Halves of the cohort and resamples of its patients; whether there is an association at all is
tested in `symptoms`. Every weight has its sign from the improvement, so components of different
patients are compared as they are, neither turned round nor rotated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length, varying
from ect_assets.science.statistics.change import two_sided
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.patients import FEWEST_PER_HALF, SPLITS

RESAMPLES = 1_000


@dataclass(frozen=True)
class SymptomStability:
    """What of the component comes back.

    Attributes
    ----------
    weight_correlation : float
        Mean correlation, over splits, of the weights of both halves.
    r_other_half : float
        Mean correlation of improvement with the score by the other half's weights.
    weight_correlation_bootstrap : float
        Mean correlation of the weights of a resample with those of all patients.
    replication : (n_parcels,) array
        Share of halves in which the parcel correlates with improvement in the direction that it
        has in all patients, with p below 0.05.
    same_sign : (n_parcels,) array
        Share of resamples in which the parcel's weight has the sign that it has in all patients.
    """

    weight_correlation: float
    r_other_half: float
    weight_correlation_bootstrap: float
    replication: FloatArray
    same_sign: FloatArray


def symptom_stability(
    change: ArrayLike, improvement: ArrayLike, seed: int, n_splits: int = SPLITS
) -> SymptomStability | None:
    """Fit the component in halves of the patients and in resamples of them.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel; z-scored in each half and each resample.
    improvement : (n_subjects,) array
    seed, n_splits : int
        Of an odd number of patients one is left out of each split.

    Returns
    -------
    SymptomStability or None
        None where a half would have fewer than four patients. A half or resample whose
        improvement is constant counts for nothing.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or the improvement is constant.

    References
    ----------
    Helmer M et al. (2024). On the stability of canonical correlation analysis and partial least
    squares with application to brain-behavior associations. Commun Biol 7:217.
    Danyluik M et al. (2025). Evaluating permutation-based inference for partial least squares
    analysis of neuroimaging data. Imaging Neuroscience 3:imag_a_00434.
    """
    x = finite("The change", change, 2)
    y = varying("The improvement", finite("The improvement", improvement, 1))
    same_length("The change", x, "the improvement", y)
    half = len(y) // 2
    if half < FEWEST_PER_HALF:
        return None
    whole = _correlations(x, y)
    likeness, predicted, came_back = _over_halves(x, y, np.sign(whole), seed, n_splits)
    likeness_resampled, same_sign = _over_resamples(x, y, whole, seed)
    return SymptomStability(
        float(np.nanmean(likeness)),
        float(np.nanmean(predicted)),
        likeness_resampled,
        came_back,
        same_sign,
    )


def _correlations(x: FloatArray, y: FloatArray) -> FloatArray:
    """Correlation of each parcel with improvement, which its weight is in proportion to."""
    return _z(x).T @ _z(y) / len(y)


def _z(values: FloatArray) -> FloatArray:
    """Z scores; 0 where nothing varies, as nothing is known there."""
    centred = values - values.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    is_constant = spread <= 1e-12 * np.abs(values).max(axis=0)
    return np.where(is_constant, 0.0, centred / np.where(is_constant, 1.0, spread))


def _alike(first: FloatArray, second: FloatArray) -> float:
    if not (np.ptp(first) > 0 and np.ptp(second) > 0):
        return np.nan
    return float(np.corrcoef(first, second)[0, 1])


def _over_halves(
    x: FloatArray, y: FloatArray, sign: FloatArray, seed: int, n_splits: int
) -> tuple[list[float], list[float], FloatArray]:
    half = len(y) // 2
    rng = np.random.default_rng([seed, n_splits])
    likeness: list[float] = []
    predicted: list[float] = []
    came_back = np.zeros(x.shape[1])
    n_halves = 0
    for _ in range(n_splits):
        order = rng.permutation(len(y))
        halves = [order[:half], order[half : 2 * half]]
        if any(np.ptp(y[rows]) == 0 for rows in halves):
            continue
        r = [_correlations(x[rows], y[rows]) for rows in halves]
        likeness.append(_alike(*r))
        for mine, other in ((0, 1), (1, 0)):
            score = _z(x[halves[mine]]) @ r[other]
            predicted.append(_alike(score, y[halves[mine]]))
            came_back += (np.sign(r[mine]) == sign) & (_p(r[mine], half) < LEVEL)
            n_halves += 1
    return likeness or [np.nan], predicted or [np.nan], came_back / max(n_halves, 1)


def _p(r: FloatArray, n: int) -> FloatArray:
    limited = np.clip(r, -1 + 1e-15, 1 - 1e-15)
    return two_sided(limited * np.sqrt((n - 2) / (1 - limited**2)), n - 2)


def _over_resamples(
    x: FloatArray, y: FloatArray, whole: FloatArray, seed: int
) -> tuple[float, FloatArray]:
    rng = np.random.default_rng([seed, RESAMPLES, 1])
    likeness: list[float] = []
    same = np.zeros(x.shape[1])
    while len(likeness) < RESAMPLES:
        rows = rng.integers(0, len(y), size=len(y))
        if np.ptp(y[rows]) == 0:
            continue
        r = _correlations(x[rows], y[rows])
        likeness.append(_alike(r, whole))
        same += np.sign(r) == np.sign(whole)
    return float(np.nanmean(likeness)), same / RESAMPLES
