"""Whether the change of gray matter goes with the improvement of symptoms, over patients.

A first PLS component fits any noise when parcels outnumber patients, so its apparent correlation
comes with a permutation p and with the prediction of patients that were left out. Reading scores
and volumes belongs elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from ect_assets.statistics.multiple_comparisons import benjamini_hochberg, permutation_p
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
    y = finite("The improvement", improvement, 1)
    return symptom_pls_of_many(change, y[:, None], n_permutations, [seed], chunk_size)[0]


def symptom_pls_of_many(
    change: ArrayLike,
    improvements: ArrayLike,
    n_permutations: int,
    seeds: Sequence[int],
    chunk_size: int = 2048,
) -> list[dict[str, float]]:
    """Associate one change with several improvements, each as `symptom_pls` does.

    What the left-out predictions need of the change is worked out once for all of them, and for
    one left-out patient at a time, so that memory grows with patients times permutations alone.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel.
    improvements : (n_subjects, n_improvements) array
        In columns.
    n_permutations : int
        How often the patients of each are permuted.
    seeds : sequence of int
        One for each improvement.
    chunk_size : int
        How many permutations are worked on at once.

    Returns
    -------
    list of dict
        As from `symptom_pls`, in the order of the columns.

    Raises
    ------
    ValueError
        As `symptom_pls`.
    """
    columns = finite("The improvements", improvements, 2).T
    x, _ = _patients(change, columns[0])
    responses = np.hstack(
        [
            _with_permuted(varying("The improvement", y), n_permutations, seed)
            for y, seed in zip(columns, seeds, strict=True)
        ]
    )
    standardised = zscore(x)
    gram = standardised @ standardised.T
    r2 = variance_explained(gram, responses, chunk_size=chunk_size)[0]
    centred = responses - responses.mean(axis=0)
    covariance = ((gram @ centred) * centred).sum(axis=0)
    predicted = _predict(x, responses, chunk_size)
    r_left_out = _correlate_columns(predicted, responses)
    return [
        _summary(
            responses[:, mine], predicted[:, mine], r2[mine], covariance[mine], r_left_out[mine]
        )
        for mine in np.split(np.arange(responses.shape[1]), len(columns))
    ]


def _with_permuted(y: FloatArray, n_permutations: int, seed: int) -> FloatArray:
    """Put a response and its permutations side by side: (n_subjects, 1 + n_permutations)."""
    rng = np.random.default_rng(seed)
    return np.column_stack([y, rng.permuted(np.tile(y, (n_permutations, 1)), axis=1).T])


def _summary(
    responses: FloatArray,
    predicted: FloatArray,
    r2: FloatArray,
    covariance: FloatArray,
    r_left_out: FloatArray,
) -> dict[str, float]:
    """Hold one improvement, which comes first, against its permutations."""
    n = len(responses)
    if np.ptp(predicted[:, 0]) <= 1e-10 * np.ptp(responses[:, 0]):
        raise ValueError(
            f"All {n} patients get the same leave-one-out prediction "
            f"({predicted[0, 0]:g}): it has no correlation with the improvement."
        )
    return {
        "r": float(np.sqrt(r2[0])),
        "r2": float(r2[0]),
        "n": n,
        "p_perm": float(permutation_p(covariance[0], covariance[1:])),
        "p_perm_r2": float(permutation_p(r2[0], r2[1:])),
        "n_permutations": responses.shape[1] - 1,
        "r_cross_validated": float(r_left_out[0]),
        "p_cross_validated": float(permutation_p(r_left_out[0], r_left_out[1:])),
    }


def symptom_scores(change: ArrayLike, improvement: ArrayLike) -> FloatArray:
    """Score each patient's change along the first PLS component.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel; z-scored over patients inside.
    improvement : (n_subjects,) array
        Improvement of the symptoms.

    Returns
    -------
    (n_subjects,) array
        Mean 0, standard deviation 1; its correlation with the improvement is the r of
        `symptom_pls`.

    Raises
    ------
    ValueError
        As `symptom_pls`.
    """
    x, y = _patients(change, improvement)
    standardised = zscore(x)
    return zscore(standardised @ (standardised.T @ (y - y.mean())))


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
    return _predict(x, y[:, None])[:, 0]


def symptom_weights(
    change: ArrayLike, improvement: ArrayLike, n_bootstraps: int, n_permutations: int, seed: int
) -> pd.DataFrame:
    """How strongly and how surely each parcel enters the symptom component.

    The weight over its bootstrap error (z) is what the field reports, and no test: a component is
    fitted to improvement that was dealt out at random, too, and its largest weights are then as
    sure of themselves. The test of a parcel exchanges patients.

    Parameters
    ----------
    change : (n_subjects, n_parcels) array
        Change of each parcel.
    improvement : (n_subjects,) array
        Improvement of the symptoms.
    n_bootstraps, n_permutations, seed : int
        Number of resamples and of exchanges of the patients, and the seed of both.

    Returns
    -------
    DataFrame
        One row per parcel in the order of the columns: weight, se, z; p and q of z under a normal
        distribution; p_perm: share of the exchanges in which change and improvement correlate as
        strongly, whatever the sign; q_perm: after false discovery rate over the parcels.

    Raises
    ------
    ValueError
        As `symptom_pls`.
    """
    x, y = _patients(change, improvement)
    weights = weight_statistics(x, y, n_bootstraps, seed).drop(columns="component")
    responses = _with_permuted(y, n_permutations, seed)
    # Both are centred and every response has the same norm: as the covariance, so the correlation.
    strength = np.abs(zscore(x).T @ (responses - y.mean()))
    p_perm = permutation_p(strength[:, 0], strength[:, 1:])
    return weights.assign(p_perm=p_perm, q_perm=benjamini_hochberg(p_perm))


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


def _predict(change: FloatArray, responses: FloatArray, chunk_size: int = 2048) -> FloatArray:
    """Leave-one-out predictions (n, b) of responses (n, b).

    With K and y of the others, and k their products with the left-out patient, the prediction is
    ``ybar + k'y (y'Ky) / (y'K^2y)``.
    """
    predictions = np.empty_like(responses)
    for left_out in range(len(change)):
        fold = _fold(change, left_out)
        for start in range(0, responses.shape[1], chunk_size):
            part = slice(start, start + chunk_size)
            training = responses[fold.kept, part]
            mean = training.mean(axis=0)
            y = training - mean
            scores = fold.gram @ y
            size = (scores**2).sum(axis=0)
            product = (scores * y).sum(axis=0)
            slope = np.divide(product, size, out=np.zeros_like(size), where=size > 0)
            predictions[left_out, part] = mean + (fold.link @ y) * slope
    return predictions


def _correlate_columns(first: FloatArray, second: FloatArray) -> FloatArray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    # Without variation there is no correlation; 1 counts against the finding.
    return np.divide((first * second).sum(axis=0), size, out=np.ones_like(size), where=size > 0)
