"""Whether the change of gray matter goes with the improvement of symptoms, over patients.

A first PLS component fits any noise when parcels outnumber patients, so its apparent correlation
comes with a permutation p and with the prediction of patients that were left out. Reading scores
and volumes belongs elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length, varying
from ect_assets.science.statistics.left_out import first_component, predict_left_out
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg, permutation_p
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import weight_statistics

MINIMUM_PATIENTS = 4
NUMBERS_HELD = 20_000_000
"""How many values of permuted improvements, or of resamples, are held at once: 160 MB."""
FEWEST_BOOTSTRAPS = 1_000


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

    What the left-out predictions need of the change is worked out once for many of them, and for
    one left-out patient at a time; so many permutations are held that they take 160 MB.

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
    standardised = zscore(x)
    statistics = np.hstack(
        [
            _statistics(x, standardised, responses, chunk_size)
            for responses in _permuted(columns, n_permutations, seeds)
        ]
    )
    return [_summary(mine, len(x)) for mine in np.split(statistics, len(columns), axis=1)]


def _permuted(
    columns: FloatArray, n_permutations: int, seeds: Sequence[int]
) -> Iterator[FloatArray]:
    """Yield each improvement and its permutations, (n_subjects, b), as many as are to be held."""
    at_once = max(1, NUMBERS_HELD // columns.shape[1])
    held: list[FloatArray] = []
    n_held = 0
    for y, seed in zip(columns, seeds, strict=True):
        rng = np.random.default_rng(seed)
        blocks = [varying("The improvement", y)[:, None]]
        for start in range(0, n_permutations, at_once):
            rows = np.tile(y, (min(at_once, n_permutations - start), 1))
            blocks.append(rng.permuted(rows, axis=1).T)
        for block in blocks:
            held.append(block)
            n_held += block.shape[1]
            if n_held >= at_once:
                yield np.hstack(held)
                held, n_held = [], 0
    if held:
        yield np.hstack(held)


def _statistics(
    change: FloatArray, standardised: FloatArray, responses: FloatArray, chunk_size: int
) -> FloatArray:
    """Rows: covariance, r2, cross-validated r, and how far predictions vary, of each response."""
    predicted = predict_left_out(change, responses, chunk_size)
    return np.array(
        [
            *first_component(standardised, responses, chunk_size),
            _correlate_columns(predicted, responses),
            np.ptp(predicted, axis=0) / np.ptp(responses, axis=0),
        ]
    )


def _summary(statistics: FloatArray, n: int) -> dict[str, float]:
    """Hold one improvement, which comes first, against its permutations."""
    covariance, r2, r_left_out, spread = statistics
    if spread[0] <= 1e-10:
        raise ValueError(
            f"All {n} patients get the same leave-one-out prediction: it has no correlation with "
            "the improvement."
        )
    return {
        "r": float(np.sqrt(r2[0])),
        "r2": float(r2[0]),
        "n": n,
        "p_perm": float(permutation_p(covariance[0], covariance[1:])),
        "p_perm_r2": float(permutation_p(r2[0], r2[1:])),
        "n_permutations": len(r2) - 1,
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
    return predict_left_out(x, y[:, None])[:, 0]


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
        Number of resamples and of exchanges of the patients, and the seed of both. Of more than
        2,000 patients fewer resamples are taken, that memory stays bounded: 20 million over the
        number of patients, 1,000 at least.

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
    n_bootstraps = min(n_bootstraps, max(FEWEST_BOOTSTRAPS, NUMBERS_HELD // len(y)))
    weights = weight_statistics(x, y, n_bootstraps, seed).drop(columns="component")
    standardised = zscore(x).T
    # Both are centred and every response has the same norm: as the covariance, so the correlation.
    strength = np.hstack(
        [
            np.abs(standardised @ (responses - y.mean()))
            for responses in _permuted(y[None], n_permutations, [seed])
        ]
    )
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


def _correlate_columns(first: FloatArray, second: FloatArray) -> FloatArray:
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    size = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    # Without variation there is no correlation; 1 counts against the finding.
    return np.divide((first * second).sum(axis=0), size, out=np.ones_like(size), where=size > 0)
