"""Partial least squares of one response on many predictors.

The fit, and how much of many responses it explains at once. Resampling and p values belong in
`resampling` and `symptoms`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import (
    FloatArray,
    constant_columns,
    enough_rows,
    finite,
    same_length,
    varying,
)
from ect_assets.science.statistics.threads import one_blas_thread

DIRECTIONS = ("PLS1+", "PLS1-")
"""The two ends of a component: of genes that follow the map, and of those that run against it."""


def zscore(
    array: ArrayLike, axis: int = 0, ddof: int = 1, name: str = "The array to z-score"
) -> FloatArray:
    """Subtract the mean and divide by the standard deviation along an axis.

    Parameters
    ----------
    array : (n,) or (n, p) array
        Finite values.
    axis : int
        0 scales columns, 1 scales rows.
    ddof : int
        1 divides by n - 1.

    Returns
    -------
    array
        The shape of the input.

    Raises
    ------
    ValueError
        When a value is missing or a column (row for ``axis=1``) is constant; the message gives
        the first few indexes.
    """
    values = finite(name, array, np.ndim(array) if np.ndim(array) == 1 else 2)
    if axis == 1:
        return zscore(values.T, ddof=ddof, name=name).T
    varying(name, values)
    return (values - values.mean(axis=0)) / values.std(axis=0, ddof=ddof)


class PartialLeastSquares:
    """Partial least squares of one response (PLS1).

    With r = y at first: ``w = X'r / ||X'r||``; ``t = X w``, made orthogonal to the earlier t;
    ``r`` loses its part along t. For one response NIPALS and SIMPLS agree. Since
    ``t'y = ||X'r|| > 0`` up to scale, every score map correlates positively with the response.

    Parameters
    ----------
    n_components : int
        How many components.
    scale : bool
        Whether predictors and response are divided by their standard deviation (n - 1) after
        they were centred.

    Attributes
    ----------
    x_weights_ : (p, k) array
        Unit length.
    x_rotations_ : (p, k) array
        What turns the (scaled) predictors into scores: ``x_scores_ = X @ x_rotations_``.
    x_scores_ : (n, k) array
        Orthogonal columns.
    y_loadings_ : (k,) array
        Regression of the (scaled) response on each score.
    r2_y_, r2_x_ : (k,) array
        Share of the variance of the response and of the predictors that each component explains.

    References
    ----------
    Hoskuldsson A (1988). PLS regression methods. J Chemometrics 2:211-228.
    de Jong S (1993). SIMPLS. Chemometr Intell Lab Syst 18:251-263.
    """

    x_weights_: FloatArray
    x_rotations_: FloatArray
    x_scores_: FloatArray
    y_loadings_: FloatArray
    r2_y_: FloatArray
    r2_x_: FloatArray

    def __init__(self, n_components: int, scale: bool = True):
        self.n_components = n_components
        self.scale = scale

    def fit(self, predictors: ArrayLike, response: ArrayLike) -> PartialLeastSquares:
        """Fit the components.

        Parameters
        ----------
        predictors : (n, p) array
            One row per observation.
        response : (n,) array
            The same rows.

        Returns
        -------
        PartialLeastSquares
            Itself.

        Raises
        ------
        ValueError
            When a value is missing, a column is constant, rows are fewer than 3, or the
            predictors cannot carry so many components.
        """
        x = finite("The predictors", predictors, 2)
        y = finite("The response", response, 1)
        same_length("The predictors", x, "the response", y)
        n, p = enough_rows("The predictors", x).shape
        if not 1 <= self.n_components <= min(n - 1, p):
            raise ValueError(
                f"{self.n_components} components cannot be taken from {n} rows and {p} columns; "
                f"between 1 and {min(n - 1, p)} can."
            )
        varying("The response", y)
        if self.scale:
            x, y = zscore(x, name="The predictors"), zscore(y)
        else:
            x, y = x - x.mean(axis=0), y - y.mean()

        k = self.n_components
        self.x_weights_, self.x_scores_ = np.empty((p, k)), np.empty((n, k))
        self.x_rotations_ = np.empty((p, k))
        self.y_loadings_, self.r2_y_, self.r2_x_ = np.empty(k), np.empty(k), np.empty(k)
        total_x = (x**2).sum()
        unit_scores, unit_rotations = np.empty((n, k)), np.empty((p, k))
        residual = y
        for component in range(k):
            weight = x.T @ residual
            length = np.linalg.norm(weight)
            if length <= 1e-12 * np.sqrt(total_x) * np.linalg.norm(y):
                raise ValueError(
                    f"The predictors explain nothing more after {component} components; "
                    f"{k} were asked for."
                )
            weight /= length
            score = x @ weight
            rotation = weight.copy()
            earlier = unit_scores[:, :component]
            for _ in range(2):
                shared = earlier.T @ score
                score -= earlier @ shared
                rotation -= unit_rotations[:, :component] @ shared
            size = score @ score
            unit_scores[:, component] = score / np.sqrt(size)
            unit_rotations[:, component] = rotation / np.sqrt(size)
            self.x_weights_[:, component] = weight
            self.x_rotations_[:, component] = rotation
            self.x_scores_[:, component] = score
            self.y_loadings_[component] = score @ residual / size
            self.r2_y_[component] = (score @ residual) ** 2 / (size * (y @ y))
            self.r2_x_[component] = ((score @ x) ** 2).sum() / (size * total_x)
            residual = residual - score * self.y_loadings_[component]
        return self


def variance_explained(
    gram: ArrayLike, maps: ArrayLike, n_components: int = 1, chunk_size: int = 512
) -> FloatArray:
    """Variance of each map explained by its first PLS components, cumulated.

    Works in the space of the n rows: one component costs n x n per map, however many predictors
    there are. For the first, R2 = (y'Ky)^2 / (y'K^2y . y'y).

    Parameters
    ----------
    gram : (n, n) array
        ``X @ X.T`` of the z-scored (at least column-centred) predictors.
    maps : (n, b) array
        Responses, one per column; centred inside.
    n_components : int
        How many components, at most n - 1.
    chunk_size : int
        How many maps are held at once.

    Returns
    -------
    (n_components, b) array
        Cumulative R2 of the response, between 0 and 1. A component that cannot be extracted,
        because nothing is left to explain, adds nothing.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a map is constant.

    References
    ----------
    Hoskuldsson A (1988). PLS regression methods. J Chemometrics 2:211-228.
    """
    return np.cumsum(component_statistics(gram, maps, n_components, chunk_size)[0], axis=0)


def component_statistics(
    gram: ArrayLike, maps: ArrayLike, n_components: int, chunk_size: int = 512
) -> tuple[FloatArray, FloatArray]:
    """Variance of each map explained by each PLS component, and its covariance with the scores.

    Parameters
    ----------
    gram, maps, n_components, chunk_size
        As in `variance_explained`, whose errors are these.

    Returns
    -------
    r2, covariance : (n_components, b) array
        Share of the variance of the map; sum of squares of the covariances of all predictors with
        what the components before have left of it.
    """
    kernel = finite("The Gram matrix", gram, 2)
    responses = finite("The maps", maps, 2)
    n = len(kernel)
    if kernel.shape != (n, n):
        raise ValueError(f"The Gram matrix must be square; the shape found is {kernel.shape}.")
    same_length("The Gram matrix", kernel, "the maps", responses)
    enough_rows("The Gram matrix", kernel)
    if not 1 <= n_components <= n - 1:
        raise ValueError(f"n_components is {n_components}; between 1 and {n - 1} is possible.")
    _refuse_constant_maps(responses)
    kernel = kernel - kernel.mean(axis=0)
    kernel = kernel - kernel.mean(axis=1, keepdims=True)
    r2, covariance = np.empty((2, n_components, responses.shape[1]))
    with one_blas_thread():
        for start in range(0, responses.shape[1], chunk_size):
            part = slice(start, start + chunk_size)
            r2[:, part], covariance[:, part] = _by_component(
                kernel, responses[:, part], n_components
            )
    return r2, covariance


def _refuse_constant_maps(maps: FloatArray) -> None:
    constant = np.flatnonzero(constant_columns(maps))
    if constant.size:
        raise ValueError(
            f"{constant.size} maps are constant, the first is column {constant[0]} (counted from "
            "0): no share of their variance can be given."
        )


def _by_component(
    gram: FloatArray, maps: FloatArray, n_components: int
) -> tuple[FloatArray, FloatArray]:
    residual = maps - maps.mean(axis=0)
    total = _products(residual, residual)
    rounding = 1e-12 * np.linalg.norm(gram) * np.sqrt(total)
    scores: list[FloatArray] = []
    r2, covariance = np.empty((2, n_components, maps.shape[1]))
    for component in range(n_components):
        score = gram @ residual
        for earlier in scores * 2:
            score -= earlier * _products(earlier, score)
        length = np.sqrt(_products(score, score))
        score = np.divide(score, length, out=np.zeros_like(score), where=length > rounding)
        agreement = _products(score, residual)
        r2[component] = agreement**2 / total
        covariance[component] = agreement * length
        if component + 1 < n_components:
            residual -= score * agreement
            scores.append(score)
    return r2, covariance


def _products(first: FloatArray, second: FloatArray) -> FloatArray:
    """Inner products of columns with each other."""
    products: FloatArray = np.einsum("ij,ij->j", first, second)
    return products
