"""One PLS component of many responses: what it reaches, and predictions of left-out patients.

There are two ways to the same numbers, and the smaller matrix is taken: products of patients
(n x n) where parcels outnumber patients, products of parcels (p x p) where patients outnumber
parcels. What the numbers mean, and their p values, belong in `symptoms`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ect_assets.science.statistics.arrays import FloatArray, constant_columns
from ect_assets.science.statistics.pls import variance_explained

LEAST_REMAINDER = 1e-3
"""Share of a parcel's sum of squares that must remain without a patient for it to be taken as the
difference of both; where one patient has nearly all of it, it is summed again."""


def first_component(
    standardised: FloatArray, responses: FloatArray, chunk_size: int = 2048
) -> tuple[FloatArray, FloatArray]:
    """Work out what one component reaches in each of many responses.

    Parameters
    ----------
    standardised : (n, p) array
        z-scored predictors.
    responses : (n, b) array
        In columns, none of them constant.
    chunk_size : int
        How many responses are worked on at once.

    Returns
    -------
    covariance, r2 : (b,) array
        ``||X'y||^2`` with y centred, and the share of the variance of y that is explained.
    """
    centred = responses - responses.mean(axis=0)
    n, p = standardised.shape
    if p >= n:
        gram = standardised @ standardised.T
        covariance = ((gram @ centred) * centred).sum(axis=0)
        return covariance, variance_explained(gram, responses, chunk_size=chunk_size)[0]
    products = standardised.T @ standardised
    covariance, size = np.empty(centred.shape[1]), np.empty(centred.shape[1])
    for part in _chunks(centred.shape[1], chunk_size):
        weights = standardised.T @ centred[:, part]
        covariance[part] = _inner(weights, weights)
        size[part] = _inner(weights, products @ weights)
    return covariance, _ratio(covariance**2, size * _inner(centred, centred))


def predict_left_out(
    change: FloatArray, responses: FloatArray, chunk_size: int = 2048
) -> FloatArray:
    """Predict each response of each patient by one PLS component of all others.

    Centring, scaling and fit are repeated without the patient. With X and y of the others,
    z-scored and centred, w = X'y, and z the left-out patient's changes on the scale of the
    others, the prediction is ``ybar + z'w (w'w) / (w'X'X w)``.

    Parameters
    ----------
    change : (n, p) array
        A parcel that is constant without a patient has no weight in that patient's prediction.
    responses : (n, b) array
        In columns.
    chunk_size : int
        How many responses are worked on at once.

    Returns
    -------
    (n, b) array
        In the units of the responses.

    References
    ----------
    Hoskuldsson A (1988). PLS regression methods. J Chemometrics 2:211-228.
    """
    n, p = change.shape
    predict = _by_parcels if p < n - 1 else _by_patients
    return predict(change, responses, chunk_size)


def _by_patients(change: FloatArray, responses: FloatArray, chunk_size: int) -> FloatArray:
    """Predict through K = XX' of the others: w'w = y'Ky, w'X'Xw = y'K^2y, z'w = (Xz)'y."""
    predictions = np.empty_like(responses)
    for left_out in range(len(change)):
        kept, training, scaled = _without(change, left_out)
        gram, link = training @ training.T, training @ scaled
        for part in _chunks(responses.shape[1], chunk_size):
            mean = responses[kept, part].mean(axis=0)
            y = responses[kept, part] - mean
            scores = gram @ y
            slope = _ratio(_inner(scores, y), _inner(scores, scores))
            predictions[left_out, part] = mean + (link @ y) * slope
    return predictions


def _by_parcels(change: FloatArray, responses: FloatArray, chunk_size: int) -> FloatArray:
    """Predict through sums over all patients, from which the left-out one is taken away.

    With d and e the patient's deviations from the means of all n, the others have
    ``X'X - d d' n/(n-1)`` and ``X'y - d e n/(n-1)``, and the patient is ``d n/(n-1)`` from them.
    """
    n = len(change)
    more = n / (n - 1)
    deviations = change - change.mean(axis=0)
    deviations[:, constant_columns(change)] = 0
    products = deviations.T @ deviations
    squares = np.diag(products)
    predictions = np.empty_like(responses)
    for part in _chunks(responses.shape[1], chunk_size):
        mean = responses[:, part].mean(axis=0)
        y = responses[:, part] - mean
        links = deviations.T @ y
        for left_out, (deviation, own) in enumerate(zip(deviations, y, strict=True)):
            remaining = squares - more * deviation**2
            if (remaining < LEAST_REMAINDER * squares).any():
                predictions[left_out, part] = _summed_anew(change, responses[:, part], left_out)
                continue
            inverse = np.sqrt(_ratio(np.full_like(squares, n - 2), remaining))[:, None]
            weights = (links - np.outer(more * deviation, own)) * inverse
            unscaled = weights * inverse
            shared = deviation @ unscaled
            size = _inner(unscaled, products @ unscaled) - more * shared**2
            slope = _ratio(_inner(weights, weights), size)
            predictions[left_out, part] = mean - own / (n - 1) + more * shared * slope
    return predictions


def _summed_anew(change: FloatArray, responses: FloatArray, left_out: int) -> FloatArray:
    kept, training, scaled = _without(change, left_out)
    mean = responses[kept].mean(axis=0)
    weights = training.T @ (responses[kept] - mean)
    scores = training @ weights
    slope = _ratio(_inner(weights, weights), _inner(scores, scores))
    return mean + (scaled @ weights) * slope


def _without(change: FloatArray, left_out: int) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Give the rows of the others, their z scores, and the left-out patient on their scale."""
    kept = np.delete(np.arange(len(change)), left_out)
    training = change[kept]
    mean, sd = training.mean(axis=0), training.std(axis=0, ddof=1)
    sd[constant_columns(training)] = np.inf
    return kept, (training - mean) / sd, (change[left_out] - mean) / sd


def _chunks(n: int, chunk_size: int) -> Iterator[slice]:
    return (slice(start, min(start + chunk_size, n)) for start in range(0, n, chunk_size))


def _inner(first: FloatArray, second: FloatArray) -> FloatArray:
    """Inner product of each column with its partner."""
    return np.einsum("ij,ij->j", first, second)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Divide; 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
