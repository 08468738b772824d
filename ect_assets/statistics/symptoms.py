"""Whether the change of gray matter goes with the improvement of symptoms, over patients.

A first PLS component fits any noise when parcels outnumber patients, so its apparent correlation
comes with a permutation p and with the prediction of patients that were left out. Reading scores
and volumes belongs elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.statistics.arrays import (
    FloatArray,
    constant_columns,
    finite,
    same_length,
    varying,
)
from ect_assets.statistics.multiple_comparisons import permutation_p
from ect_assets.statistics.pls import variance_explained, zscore
from ect_assets.statistics.resampling import weight_statistics

MINIMUM_PATIENTS = 4


class _Fold(NamedTuple):
    """What the prediction of one left-out patient needs from the other n - 1."""

    kept: np.ndarray
    gram: FloatArray
    link: FloatArray


def symptom_pls(
    change: ArrayLike,
    improvement: ArrayLike,
    n_permutations: int,
    seed: int,
    chunk_size: int = 2048,
) -> dict[str, float]:
    """Association of change and improvement by one PLS component, fitted and cross-validated.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel; z-scored over patients inside.
    improvement : (n_subjects,) array
        Improvement of the symptoms; larger is better.
    n_permutations, seed : int
        How often patients are permuted, and the seed.
    chunk_size : int
        How many permutations are held at once.

    Returns
    -------
    dict
        r: correlation of the score with the improvement (never negative, by construction);
        r2 its square; n; p_perm: permutation p of the covariance that the component reaches,
        ``||X'y||``; p_perm_r2: permutation p of r2; n_permutations; r_cross_validated:
        correlation of improvement with its leave-one-out prediction, where centring, scaling and
        fit are repeated without the patient; p_cross_validated: one-sided, the whole
        leave-one-out repeated for each permutation.

    Raises
    ------
    ValueError
        When patients are fewer than 4, a value is missing, a parcel or the improvement is
        constant, or the predictions do not vary.

    Notes
    -----
    PLS maximises covariance, and its r2 is no measure of surprise: a random response is free to
    follow the many directions in which patients hardly differ, and then r2 is higher than for a
    response that follows the main one. The covariance does not have this fault, so p_perm is of
    the covariance, and p_perm_r2 is given beside it.

    References
    ----------
    McIntosh AR, Lobaugh NJ (2004). Partial least squares analysis of neuroimaging data:
    applications and advances. NeuroImage 23:S250-S263 (permutation test of the singular value).
    """
    x, y = _patients(change, improvement)
    rng = np.random.default_rng(seed)
    permuted = rng.permuted(np.tile(y, (n_permutations, 1)), axis=1).T
    folds = [_fold(x, left_out) for left_out in range(len(y))]

    standardised = zscore(x)
    gram = standardised @ standardised.T
    r2 = float(variance_explained(gram, y[:, None])[0, 0])
    centred = permuted - y.mean()
    covariance_null = ((gram @ centred) * centred).sum(axis=0)
    covariance = float((y - y.mean()) @ gram @ (y - y.mean()))
    r2_null = variance_explained(gram, permuted, chunk_size=chunk_size)[0]

    predicted = _predict(folds, y[:, None])
    if np.ptp(predicted) <= 1e-10 * np.ptp(y):
        raise ValueError(
            f"All {len(y)} patients get the same leave-one-out prediction "
            f"({predicted[0, 0]:g}): it has no correlation with the improvement."
        )
    r_left_out = float(_correlate_columns(predicted, y[:, None])[0])
    r_left_out_null = np.concatenate(
        [
            _correlate_columns(_predict(folds, part), part)
            for part in np.split(permuted, range(chunk_size, n_permutations, chunk_size), axis=1)
        ]
    )
    return {
        "r": float(np.sqrt(r2)),
        "r2": r2,
        "n": len(y),
        "p_perm": float(permutation_p(covariance, covariance_null)),
        "p_perm_r2": float(permutation_p(r2, r2_null)),
        "n_permutations": n_permutations,
        "r_cross_validated": r_left_out,
        "p_cross_validated": float(permutation_p(r_left_out, r_left_out_null)),
    }


def leave_one_out_predictions(change: ArrayLike, improvement: ArrayLike) -> FloatArray:
    """Predict each patient's improvement from the others by one PLS component.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel.
    improvement : (n_subjects,) array
        Improvement of the symptoms.

    Returns
    -------
    (n_subjects,) array
        Predictions in the units of the improvement.

    Raises
    ------
    ValueError
        When patients are fewer than 4, a value is missing, or the improvement is constant.
    """
    x, y = _patients(change, improvement)
    folds = [_fold(x, left_out) for left_out in range(len(y))]
    return _predict(folds, y[:, None])[:, 0]


def symptom_weights(
    change: ArrayLike, improvement: ArrayLike, n_bootstraps: int, seed: int
) -> pd.DataFrame:
    """How strongly and how surely each parcel enters the symptom component.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel.
    improvement : (n_subjects,) array
        Improvement of the symptoms.
    n_bootstraps, seed : int
        Number of resamples of the patients, and their seed.

    Returns
    -------
    DataFrame
        One row per parcel in the order of the columns: weight, se, z, p, q.

    Raises
    ------
    ValueError
        As `symptom_pls`.
    """
    x, y = _patients(change, improvement)
    return weight_statistics(x, y, n_bootstraps, seed).drop(columns="component")


def _patients(change: ArrayLike, improvement: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x = finite("The change", change, 2)
    y = finite("The improvement", improvement, 1)
    same_length("The change", x, "the improvement", y)
    if len(y) < MINIMUM_PATIENTS:
        raise ValueError(
            f"{len(y)} patients have both change and improvement; at least {MINIMUM_PATIENTS} "
            "are needed to fit and cross-validate."
        )
    return x, varying("The improvement", y)


def _fold(change: FloatArray, left_out: int) -> _Fold:
    kept = np.delete(np.arange(len(change)), left_out)
    training = change[kept]
    mean, sd = training.mean(axis=0), training.std(axis=0, ddof=1)
    # A parcel that is constant without this patient gets weight 0.
    sd[constant_columns(training)] = np.inf
    standardised = (training - mean) / sd
    return _Fold(
        kept, standardised @ standardised.T, standardised @ ((change[left_out] - mean) / sd)
    )


def _predict(folds: list[_Fold], responses: FloatArray) -> FloatArray:
    """Leave-one-out predictions (n, b) of responses (n, b).

    With K and y of the others, and k their products with the left-out patient, the prediction is
    ``ybar + k'y (y'Ky) / (y'K^2y)``.
    """
    predictions = np.empty_like(responses)
    for left_out, fold in enumerate(folds):
        training = responses[fold.kept]
        mean = training.mean(axis=0)
        y = training - mean
        scores = fold.gram @ y
        size = (scores**2).sum(axis=0)
        slope = np.divide((scores * y).sum(axis=0), size, out=np.zeros_like(size), where=size > 0)
        predictions[left_out] = mean + (fold.link @ y) * slope
    return predictions


def _correlate_columns(first: FloatArray, second: FloatArray) -> FloatArray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    # Without variation there is no correlation; 1 counts against the finding.
    return np.divide((first * second).sum(axis=0), size, out=np.ones_like(size), where=size > 0)
