"""Bootstrap of the first PLS component with scaling repeated in each resample.

What a plain loop over scikit-learn's PLSRegression does; it needs every weight of every resample,
and so works through blocks of resamples and predictors. The field's bootstrap, which scales once,
is in `bootstrap` and far cheaper.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.bootstrap import Norm, resampled_data
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.threads import one_blas_thread

_CANCELLED = 1e-5
"""Below this share of the mean square a one-pass variance has lost digits and is taken anew."""


def scaled_bootstrap_standard_errors(
    predictors: ArrayLike,
    response: ArrayLike,
    counts: ArrayLike,
    norm: Norm = "weights",
    resamples_at_once: int = 256,
    predictors_at_once: int = 512,
) -> tuple[FloatArray, FloatArray]:
    """Weights of the first component and standard errors, scaling again in each resample.

    With the counts c of a resample, and m and v mean and variance (n - 1) of a predictor in it,
    the weight is ``x'a / sqrt(v)`` up to a factor, ``a = c (y - ybar)``. A predictor that is
    constant in a resample gets weight 0 there.

    Parameters
    ----------
    predictors : (n, p) array
        Scaled inside.
    response : (n,) array
        Scaled inside.
    counts : (B, n) array
        See `bootstrap.bootstrap_counts`.
    norm : {"scores", "weights"}
        What has length 1 in each resample; "weights" is scikit-learn's x_weights_.
    resamples_at_once, predictors_at_once : int
        Size of the blocks; the first times p times 8 bytes is what is held.

    Returns
    -------
    weights : (p,) array
        Weights in the whole sample, in the same norm.
    standard_errors : (p,) array
        Standard deviation (B - 1) over resamples, signs aligned by the correlation of weights.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, a predictor is constant in the whole sample,
        or a resample has no variation.
    """
    x, y, drawn = resampled_data(predictors, response, counts, norm)
    x, y = zscore(x, name="The predictors"), zscore(y)
    with one_blas_thread():
        return _blockwise(x, y, drawn, norm, resamples_at_once, predictors_at_once)


def _blockwise(
    x: FloatArray,
    y: FloatArray,
    drawn: FloatArray,
    norm: Norm,
    resamples_at_once: int,
    predictors_at_once: int,
) -> tuple[FloatArray, FloatArray]:
    n, p = x.shape
    blocks = [slice(start, start + predictors_at_once) for start in range(0, p, predictors_at_once)]
    block_data = [np.ascontiguousarray(x[:, block]) for block in blocks]

    weights = np.empty((1, p))
    _fill(weights, np.ones((1, n)), y, block_data, blocks, norm)
    weights = weights[0]
    direction = weights - weights.mean()
    total, squares = np.zeros(p), np.zeros(p)
    held = np.empty((min(resamples_at_once, len(drawn)), p))
    for start in range(0, len(drawn), resamples_at_once):
        part = drawn[start : start + resamples_at_once]
        resampled = held[: len(part)]
        _fill(resampled, part, y, block_data, blocks, norm)
        signs = np.where(resampled @ direction < 0, -1.0, 1.0)[:, None]
        for block in blocks:
            deviation = resampled[:, block] * signs
            deviation -= weights[block]
            total[block] += deviation.sum(axis=0)
            squares[block] += np.einsum("ij,ij->j", deviation, deviation)
    n_resamples = len(drawn)
    variance = (squares - total**2 / n_resamples) / (n_resamples - 1)
    return weights, np.sqrt(np.maximum(variance, 0))


def _fill(
    resampled: FloatArray,
    counts: FloatArray,
    y: FloatArray,
    block_data: list[FloatArray],
    blocks: list[slice],
    norm: Norm,
) -> None:
    """Write the weights (b, p) of each resample, in the norm, into the array given."""
    size = counts.sum(axis=1, keepdims=True)
    row = counts * (y - counts @ y[:, None] / size)
    square = np.zeros(len(counts))
    scores = np.zeros(counts.shape)
    for block, x in zip(blocks, block_data, strict=True):
        weight = row @ x
        deviation = _standard_deviations(counts, size, x)
        weight /= deviation
        square += np.einsum("ij,ij->i", weight, weight)
        resampled[:, block] = weight
        if norm == "scores":
            weight /= deviation
            scores += weight @ x.T
    if norm == "scores":
        scores -= (counts * scores).sum(axis=1, keepdims=True) / size
        square = (counts * scores**2).sum(axis=1)
    if (square <= 0).any():
        raise ValueError(
            f"{int((square <= 0).sum())} of {len(counts)} resamples have a constant response or "
            "constant predictors. Draw them with `bootstrap_counts(..., response=response)`."
        )
    resampled /= np.sqrt(square)[:, None]


def _standard_deviations(counts: FloatArray, size: FloatArray, x: FloatArray) -> FloatArray:
    """Standard deviation (b, block) of each predictor in each resample; infinite where constant."""
    mean = counts @ x
    mean /= size
    variance = counts @ (x * x)
    variance /= size
    mean *= mean
    variance -= mean
    lost = variance <= _CANCELLED * mean
    if lost.any():
        _take_anew(variance, lost, counts, size, x)
    variance *= size / (size - 1)
    return np.sqrt(variance, out=variance)


def _take_anew(
    variance: FloatArray, lost: np.ndarray, counts: FloatArray, size: FloatArray, x: FloatArray
) -> None:
    """Replace the variances in the places lost by those about the mean, in two passes."""
    for column in np.flatnonzero(lost.any(axis=0)):
        rows = np.flatnonzero(lost[:, column])
        drawn, values = counts[rows], x[:, column]
        mean = drawn @ values / size[rows, 0]
        anew = (drawn * (values - mean[:, None]) ** 2).sum(axis=1) / size[rows, 0]
        rounding = (8 * np.finfo(np.float64).eps * np.abs(values).max()) ** 2
        variance[rows, column] = np.where(anew <= rounding, np.inf, anew)
