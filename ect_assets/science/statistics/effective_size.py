"""p of correlations between maps in closed form: how many independent parcels they are worth.

Neighbouring parcels are alike, so n of them carry less than n independent values. Here the number
follows from the variograms of both maps, as a second opinion beside null maps, and for p far below
what a thousand of these can show. Null maps themselves belong in `nulls`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.multiple_comparisons import SMALLEST_P
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.threads import one_blas_thread

FARTHEST = 0.7
"""Pairs of parcels enter a variogram up to so much of the largest distance."""
EXPONENTS = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
N_RANGES = 24
MAPS_AT_ONCE = 64


@dataclass(frozen=True)
class Variograms:
    """Stable variograms ``nugget + sill (1 - exp(-(h / range)^exponent))``, one per map.

    Attributes
    ----------
    sill, nugget : (m,) array
    model : (m,) array of int
        Row of `correlations`.
    correlations : (n_models, n, n) array
        exp(-(d / range)^exponent) of every range and exponent that was tried.
    """

    sill: FloatArray
    nugget: FloatArray
    model: NDArray[np.int64]
    correlations: FloatArray

    def covariance(self, number: int) -> FloatArray:
        """Covariance of the parcels of one map, (n, n)."""
        correlation = self.correlations[self.model[number]]
        return self.sill[number] * correlation + self.nugget[number] * np.eye(len(correlation))


def fit_variograms(maps: ArrayLike, distances: ArrayLike) -> Variograms:
    """Fit a variogram to each map.

    The empirical variogram is half the mean squared difference of pairs around each of 3 sqrt(n)
    distances, with Gaussian weights; fewer distances, with wider weights, find too little
    smoothness. Sill and nugget follow by least squares, not below 0, for each of a grid of ranges
    and exponents, of which the best is taken.

    Parameters
    ----------
    maps : (m, n_parcels) array
        z-scored inside.
    distances : (n_parcels, n_parcels) array
        In mm.

    Returns
    -------
    Variograms

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing or a map is constant.

    References
    ----------
    Burt JB et al. (2020). Generative modeling of brain maps with spatial autocorrelation.
    NeuroImage 220:117038 (smoothed variogram).
    """
    z = zscore(maps, axis=1, name="The maps")
    apart = finite("The distances", distances, 2)
    same_length("The maps' parcels", z.T, "the distances", apart)
    pairs = apart[np.triu_indices(len(apart), k=1)]
    farthest = FARTHEST * pairs.max()
    lags = np.linspace(pairs.min(), farthest, 3 * int(np.ceil(np.sqrt(len(apart)))))
    empirical = _empirical(z, _weights(apart, lags, farthest))
    ranges = np.geomspace(pairs.min() / 2, pairs.max(), N_RANGES)
    kinds = [(length, exponent) for length in ranges for exponent in EXPONENTS]
    shapes = np.array([1 - np.exp(-((lags / length) ** power)) for length, power in kinds])
    sill, nugget, model = _best(empirical, shapes)
    correlations = np.array([np.exp(-((apart / length) ** power)) for length, power in kinds])
    return Variograms(sill, nugget, model, correlations)


def _weights(apart: FloatArray, lags: FloatArray, farthest: float) -> FloatArray:
    """Weight of each pair at each lag, symmetric, (n_lags, n, n); each lag's add up to 1."""
    width = 3 * (lags[1] - lags[0]) / 2.68
    weights = np.exp(-(((lags[:, None, None] - apart) / width) ** 2) / 2)
    weights *= (apart <= farthest) & ~np.eye(len(apart), dtype=bool)
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    return weights


def _empirical(z: FloatArray, weights: FloatArray) -> FloatArray:
    """Half the mean squared difference at each lag, (m, n_lags).

    The sum of w (a - b)^2 / 2 over ordered pairs is that of w a^2 less that of w a b.
    """
    n_lags, n, _ = weights.shape
    stacked, of_squares = weights.reshape(n_lags * n, n), weights.sum(axis=2)
    empirical = np.empty((len(z), n_lags))
    with one_blas_thread():
        for start in range(0, len(z), MAPS_AT_ONCE):
            part = np.ascontiguousarray(z[start : start + MAPS_AT_ONCE].T)
            neighbours = (stacked @ part).reshape(n_lags, n, -1)
            shared = np.einsum("kim,im->km", neighbours, part)
            empirical[start : start + MAPS_AT_ONCE] = (of_squares @ part**2 - shared).T
    return empirical


def _best(
    empirical: FloatArray, shapes: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Sill, nugget and best shape of each variogram, by least squares that are not negative."""
    n_lags = shapes.shape[1]
    mean = empirical.mean(axis=1)
    products = empirical @ shapes.T
    shape_mean, squares = shapes.mean(axis=1), (shapes**2).sum(axis=1)
    spread = np.maximum(squares - n_lags * shape_mean**2, 1e-12)
    sill = (products - n_lags * mean[:, None] * shape_mean) / spread
    nugget = mean[:, None] - sill * shape_mean
    # Where one of them would be negative, it is 0 and the other is fitted alone.
    alone = products / squares
    sill, nugget = (
        np.where(sill < 0, 0, np.where(nugget < 0, alone, sill)),
        np.where(sill < 0, mean[:, None], np.maximum(nugget, 0)),
    )
    misfit = (
        sill**2 * squares
        + n_lags * nugget**2
        + 2 * n_lags * sill * nugget * shape_mean
        - 2 * sill * products
        - 2 * n_lags * nugget * mean[:, None]
    )
    model = misfit.argmin(axis=1)
    chosen = np.arange(len(model)), model
    return sill[chosen], nugget[chosen], model


def effective_sizes(of_many: Variograms, of_one: Variograms) -> FloatArray:
    """Compute to how many independent parcels the correlation of each map with one is equal.

    With C_x and C_y the covariances and B = (I - 11'/n) / n, which takes out the mean,
    ``1 + tr(B C_x) tr(B C_y) / tr(B C_x B C_y)``.

    Parameters
    ----------
    of_many, of_one : Variograms
        Of m maps, and of the one map that they are correlated with.

    Returns
    -------
    (m,) array
        n for maps without autocorrelation.

    References
    ----------
    Dutilleul P (1993). Modifying the t test for assessing the correlation between two spatial
    processes. Biometrics 49:305-314.
    """
    one = of_one.covariance(0)
    n = len(one)
    centring = (np.eye(n) - 1 / n) / n
    around = centring @ one @ centring
    correlations = of_many.correlations
    of_model = np.einsum("kij,ij->k", correlations, around)[of_many.model]
    own = np.einsum("kij,ij->k", correlations, centring)[of_many.model]
    shared = of_many.sill * of_model + of_many.nugget * np.trace(around)
    own = of_many.sill * own + of_many.nugget * np.trace(centring)
    return 1 + own * np.trace(centring @ one) / shared


def closed_form_p(profiles: ArrayLike, change_map: ArrayLike, distances: ArrayLike) -> pd.DataFrame:
    """Test the correlation of each profile with a map by its effective number of parcels.

    Parameters
    ----------
    profiles : (m, n_parcels) array
    change_map : (n_parcels,) array
    distances : (n_parcels, n_parcels) array
        In mm.

    Returns
    -------
    DataFrame
        One row per profile: n_effective; p_closed_form, two-sided, of Student's t with
        n_effective - 2 degrees of freedom, missing where these are not above 0.

    Raises
    ------
    ValueError
        As `fit_variograms`.

    Notes
    -----
    Stationary covariance is assumed, and both variograms are taken as known. The approach is that
    of PaSTA, with a grid for its iterative fit.

    References
    ----------
    Liu Y et al. (2026). PaSTA: Fast parametric inference of significance for spatial associations
    between brain maps. bioRxiv 2026.03.08.710410.
    """
    from scipy import stats

    x = zscore(profiles, axis=1, name="The profiles")
    y = zscore(change_map, name="The map")
    r = np.clip(x @ y / (len(y) - 1), -1, 1)
    size = effective_sizes(fit_variograms(x, distances), fit_variograms(y[None], distances))
    df = np.where(size > 2, size - 2, np.nan)
    with np.errstate(divide="ignore"):
        t = r * np.sqrt(df / (1 - r**2))
    p = np.maximum(2 * stats.t.sf(np.abs(t), df), SMALLEST_P)
    return pd.DataFrame({"n_effective": size, "p_closed_form": p})
