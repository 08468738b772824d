"""Bootstrap standard errors of PLS weights in the space of the rows.

Draws resamples and gives the standard error of every weight without ever holding the weights of
a resample. z, p and q belong in `resampling`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import (
    FloatArray,
    enough_rows,
    finite,
    same_length,
    varying,
)
from ect_assets.science.statistics.threads import one_blas_thread

Norm = Literal["scores", "weights"]


def bootstrap_counts(
    n: int,
    n_resamples: int,
    rng: np.random.Generator,
    minimum_distinct: int = 3,
    response: ArrayLike | None = None,
) -> FloatArray:
    """Draw resamples of n rows with replacement, as how often each row was drawn.

    Parameters
    ----------
    n : int
        Number of rows.
    n_resamples : int
        Number of resamples B.
    rng : Generator
        Source of the draws.
    minimum_distinct : int
        A resample with fewer different rows is drawn again; k components need k + 1 or more.
    response : (n,) array, optional
        A resample in which it is constant is drawn again as well.

    Returns
    -------
    (B, n) array
        Counts; each row sums to n.

    Raises
    ------
    ValueError
        When no resample could be accepted.
    """
    if not 1 <= minimum_distinct <= n:
        raise ValueError(
            f"Resamples of {n} rows cannot have {minimum_distinct} different rows; "
            "a bootstrap needs more rows."
        )
    groups = np.arange(n)
    if response is not None:
        response = varying("The response", finite("The response", response, 1))
        groups = np.unique(response, return_inverse=True)[1]
    counts = np.empty((n_resamples, n))
    wanted = np.arange(n_resamples)
    while wanted.size:
        drawn = rng.integers(0, n, size=(wanted.size, n))
        cells = drawn + n * np.arange(wanted.size)[:, None]
        counts[wanted] = np.bincount(cells.ravel(), minlength=wanted.size * n).reshape(-1, n)
        n_distinct = (counts[wanted] > 0).sum(axis=1)
        is_constant = (groups[drawn] == groups[drawn[:, :1]]).all(axis=1) & (n > 1)
        wanted = wanted[(n_distinct < minimum_distinct) | is_constant]
    return counts


def resamples_for(
    response: ArrayLike, n_resamples: int, seed: int, n_components: int = 1
) -> FloatArray:
    """Draw resamples from which so many components can be taken, as `bootstrap_counts` does."""
    y = np.asarray(response, float)
    rng = np.random.default_rng(seed)
    return bootstrap_counts(len(y), n_resamples, rng, max(3, n_components + 2), y)


def bootstrap_standard_errors(
    predictors: ArrayLike,
    response: ArrayLike,
    counts: ArrayLike,
    norm: Norm = "scores",
    n_components: int = 1,
    chunk_size: int = 512,
) -> tuple[FloatArray, FloatArray]:
    """Weights of the first PLS components and their bootstrap standard errors, exactly.

    Rows are resampled; predictors and response are centred again in each resample but not scaled
    again. The weights of a component lie in the row space of X: with the counts c of a resample
    and the residual r of the response in it (the centred response at first), they are ``X'a``
    with ``a = c r`` up to a factor. So their covariance over resamples is ``X' cov(a) X``, whose
    diagonal needs one n x n matrix per component, and a resample costs n x n per component
    however many predictors there are (where they are fewer than rows, n x p, and the weights
    themselves are summed up). Each resampled component takes the sign in which its
    weights correlate with those of the same component in the whole sample; components are
    neither reordered nor rotated.

    Parameters
    ----------
    predictors : (n, p) array
        z-scored predictors.
    response : (n,) array
        z-scored response.
    counts : (B, n) array
        How often each row occurs in each resample, see `bootstrap_counts`.
    norm : {"scores", "weights"}
        "scores": the weights that turn the centred predictors into scores of length 1 in each
        resample (``stats.W`` of MATLAB's plsregress, which the field bootstraps; scikit-learn's
        x_rotations_ over the length of the scores). "weights": the weights have length 1
        (scikit-learn's x_weights_). For the first component the two differ by a factor per
        resample only.
    n_components : int
        How many components k.
    chunk_size : int
        How many resamples are held at once.

    Returns
    -------
    weights : (k, p) array
        Weights in the whole sample, in the same norm.
    standard_errors : (k, p) array
        Standard deviation (B - 1) of the weights over resamples.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a resample cannot carry the components.

    References
    ----------
    Whitaker KJ, Vertes PE et al. (2016). Adolescence is associated with genomically patterned
    consolidation of the hubs of the human brain connectome. PNAS 113:9105-9110.
    de Jong S (1993). SIMPLS. Chemometr Intell Lab Syst 18:251-263.
    """
    x, y, drawn = resampled_data(predictors, response, counts, norm)
    n, k = len(y), n_components
    if not 1 <= k <= min(n - 1, x.shape[1]):
        raise ValueError(f"n_components is {k}; 1 to {min(n - 1, x.shape[1])} are possible.")
    with one_blas_thread():
        prepared = ResampledPredictors(x)
        weights, spreads = prepared.spreads(y - y.mean(), drawn, norm, k, chunk_size)
        return weights, np.array([spread.errors(len(drawn)) for spread in spreads])


def first_component_rows(
    predictors: ArrayLike, response: ArrayLike, counts: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Rows a of the first component: ``X'a`` are its weights, with scores of length 1.

    Parameters
    ----------
    predictors, response, counts
        As for `bootstrap_standard_errors`, whose errors are these.

    Returns
    -------
    resampled : (B, n) array
        Of each resample, with the sign in which its weights correlate with the whole sample's.
    whole : (n,) array
        Of the whole sample.
    """
    x, y, drawn = resampled_data(predictors, response, counts, "scores")
    x, y = x - x.mean(axis=0), y - y.mean()
    with one_blas_thread():
        gram = x @ x.T
        trace = float(np.trace(gram))

        def rows_of(times: FloatArray) -> FloatArray:
            return _row_weights(times, y, lambda rows: rows @ gram, trace, "scores", 1)[0]

        whole, resampled = rows_of(np.ones((1, len(y))))[0], rows_of(drawn)
        resampled[resampled @ _centred_direction(whole, x) < 0] *= -1
    return resampled, whole


def _centred_direction(whole: FloatArray, x: FloatArray) -> FloatArray:
    """Products of rows with it have the sign of the correlation of their weights with these."""
    weights = whole @ x
    return (weights - weights.mean(axis=-1, keepdims=True)) @ x.T


class ResampledPredictors:
    """What the bootstraps of all responses on the same predictors share.

    Parameters
    ----------
    predictors : (n, p) array
        z-scored and finite.
    """

    def __init__(self, predictors: FloatArray):
        centre = predictors.mean(axis=0)
        # Rows of weights sum to 0, so centring is for rounding only: z scores need no copy.
        self.x = predictors - centre if np.abs(centre).max() > 1e-8 else predictors
        n, p = self.x.shape
        self._gram = self.x @ self.x.T if p >= n else None
        self._trace = float(np.einsum("ij,ij->", self.x, self.x))

    def _scores_of(self, rows: FloatArray) -> FloatArray:
        return (rows @ self.x) @ self.x.T if self._gram is None else rows @ self._gram

    def spreads(
        self, response: FloatArray, drawn: FloatArray, norm: Norm, k: int, chunk_size: int = 512
    ) -> tuple[FloatArray, list[_SpreadOfRows | _SpreadOfWeights]]:
        """Resample; return the weights (k, p) of the whole sample, and their spread.

        Parameters
        ----------
        response : (n,) array
            Centred.
        drawn : (B, n) array
            See `bootstrap_counts`.
        """
        is_wide = self._gram is not None
        spreads = [(_SpreadOfRows if is_wide else _SpreadOfWeights)(self.x) for _ in range(k)]
        once = np.ones((1, len(response)))
        whole = _row_weights(once, response, self._scores_of, self._trace, norm, k)[:, 0]
        weights = whole @ self.x
        direction = _centred_direction(whole, self.x)
        for start in range(0, len(drawn), chunk_size):
            counts = drawn[start : start + chunk_size]
            resampled = _row_weights(counts, response, self._scores_of, self._trace, norm, k)
            for component, rows in enumerate(resampled):
                rows[rows @ direction[component] < 0] *= -1
                # Deviations from the whole sample: sums of them lose no digits.
                rows -= whole[component]
                spreads[component].add(rows)
        return weights, spreads


class _SpreadOfRows:
    """Sums up resampled rows a: the variance of ``X'a`` follows from their covariance."""

    def __init__(self, x: FloatArray):
        self._x = x
        self._total, self._products = np.zeros(len(x)), np.zeros((len(x), len(x)))

    def add(self, rows: FloatArray) -> None:
        self._total += rows.sum(axis=0)
        self._products += rows.T @ rows

    def errors(self, n_resamples: int, columns: NDArray[np.intp] | None = None) -> FloatArray:
        """Give the standard error of each weight, or of those of some columns."""
        mean_product = np.outer(self._total, self._total) / n_resamples
        covariance = (self._products - mean_product) / (n_resamples - 1)
        x = self._x if columns is None else self._x[:, columns]
        return np.sqrt(np.maximum(_quadratic_forms(x, covariance), 0))


class _SpreadOfWeights:
    """Sums up the resampled weights themselves, where they are fewer than rows."""

    def __init__(self, x: FloatArray):
        self._x = x
        self._total, self._squares = np.zeros(x.shape[1]), np.zeros(x.shape[1])

    def add(self, rows: FloatArray) -> None:
        weights = rows @ self._x
        self._total += weights.sum(axis=0)
        self._squares += (weights**2).sum(axis=0)

    def errors(self, n_resamples: int, columns: NDArray[np.intp] | None = None) -> FloatArray:
        """Give the standard error of each weight, or of those of some columns."""
        variance = (self._squares - self._total**2 / n_resamples) / (n_resamples - 1)
        errors: FloatArray = np.sqrt(np.maximum(variance, 0))
        return errors if columns is None else errors[columns]


def resampled_data(
    predictors: ArrayLike, response: ArrayLike, counts: ArrayLike, norm: Norm
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Check what every bootstrap takes: predictors (n, p), response (n,), counts (B, n), norm."""
    x = enough_rows("The predictors", finite("The predictors", predictors, 2))
    y = varying("The response", finite("The response", response, 1))
    drawn = finite("The bootstrap counts", counts, 2)
    same_length("The predictors", x, "the response", y)
    if drawn.shape[1] != len(y) or len(drawn) < 2:
        raise ValueError(
            f"The bootstrap counts must be at least 2 resamples of {len(y)} rows; the shape "
            f"found is {drawn.shape}."
        )
    if norm not in ("scores", "weights"):
        raise ValueError(f"norm is {norm!r}; it must be 'scores' or 'weights'.")
    return x, y, drawn


def _row_weights(
    counts: FloatArray,
    y: FloatArray,
    scores_of: Callable[[FloatArray], FloatArray],
    trace: float,
    norm: Norm,
    n_components: int,
) -> FloatArray:
    """Rows a (k, b, n), one per component and resample: ``X'a`` are its weights.

    ``scores_of`` multiplies rows by XX', whose trace is given.
    """
    size = counts.sum(axis=1, keepdims=True)
    residual = y - counts @ y[:, None] / size
    found = np.empty((n_components, *counts.shape))
    scores: list[FloatArray] = []
    rotations: list[FloatArray] = []
    smallest = np.zeros(len(counts))
    for component in range(n_components):
        row = counts * residual
        if component == 0:
            smallest = 1e-14 * trace * np.einsum("ij,ij->i", row, row)
        score = scores_of(row)
        square = np.einsum("ij,ij->i", row, score)
        _refuse_exhausted(square <= smallest, component)
        length = np.sqrt(square)[:, None]
        row /= length
        score /= length
        score -= np.einsum("ij,ij->i", counts, score)[:, None] / size
        rotation = row.copy()
        for _ in range(2 if component else 0):
            for earlier, earlier_rotation in zip(scores, rotations, strict=True):
                shared = _weighted(counts, earlier, score)
                score -= shared * earlier
                rotation -= shared * earlier_rotation
        spread = np.sqrt(_weighted(counts, score, score))
        _refuse_exhausted(spread[:, 0] <= 1e-7 * np.sqrt(trace), component)
        score /= spread
        rotation /= spread
        found[component] = rotation if norm == "scores" else row
        if component + 1 < n_components:
            residual = residual - _weighted(counts, score, residual) * score
            scores.append(score)
            rotations.append(rotation)
    return found


def _weighted(counts: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    """Inner products within each resample, (b, 1)."""
    return np.einsum("ij,ij,ij->i", counts, first, second)[:, None]


def _refuse_exhausted(exhausted: np.ndarray, component: int) -> None:
    if exhausted.any():
        raise ValueError(
            f"{int(exhausted.sum())} of {len(exhausted)} resamples have a constant response or "
            f"constant predictors after {component} components. Draw them with "
            f"`bootstrap_counts(..., minimum_distinct={component + 3}, response=response)`."
        )


def _quadratic_forms(x: FloatArray, matrix: FloatArray, chunk_size: int = 1024) -> FloatArray:
    """``x_j' M x_j`` for each column, a block of columns at a time."""
    forms = np.empty(x.shape[1])
    for start in range(0, len(forms), chunk_size):
        block = x[:, start : start + chunk_size]
        forms[start : start + chunk_size] = np.einsum("ij,ij->j", block, matrix @ block)
    return forms
