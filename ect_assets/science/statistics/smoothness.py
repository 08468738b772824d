"""How smooth a parcellated map is: the length over which it is correlated.

One number, in mm, by which an observed map finds its place among the noise maps of a calibration.
Surrogates with the same smoothness belong in `nulls`; error rates in `calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.pls import zscore

SHORTEST_MM = 1.0
MINIMUM_PARCELS = 10
PAIRS_PER_BIN = 30


def correlation_length(
    values: ArrayLike,
    distances: ArrayLike,
    hemisphere: Sequence[str] | ArrayLike | None = None,
    n_bins: int = 15,
) -> float:
    """Estimate l of maps whose parcels are correlated as exp(-d / l).

    The correlogram is the mean product of z-scored values over pairs of parcels, by distance, up
    to half of the largest one; pairs are taken within hemispheres and pooled. Subtracting the
    mean of so few parcels pulls every product down, more so the smoother the map. So the
    correlogram is not fitted by exp(-d / l) itself but by what exp(-d / l) becomes when the mean
    is subtracted, ``H C H`` with ``H = I - 11'/n``, scaled to mean variance 1; least squares
    over bins.

    Parameters
    ----------
    values : (n_parcels,) or (n_parcels, m) array
        The map, or several that are correlated alike: their correlograms are averaged.
    distances : (n_parcels, n_parcels) array
        Between parcels, in mm.
    hemisphere : (n_parcels,) sequence, optional
        Pairs are taken within its groups; without it all parcels are one group.
    n_bins : int
        Distance bins at most, each with the same number of pairs and at least 30.

    Returns
    -------
    float
        l in mm, between 1 and half of the largest distance: these pairs cannot tell more.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, the map is constant in a hemisphere, or no
        hemisphere has 10 parcels.

    References
    ----------
    Cressie N (1993). Statistics for Spatial Data, revised edition. Wiley, ch. 2 (variogram and
    correlogram, their bias and fit by least squares).
    """
    from scipy.optimize import minimize_scalar

    z = finite("The map", values, np.ndim(values) if np.ndim(values) == 1 else 2)
    z = z.reshape(len(z), -1)
    between = finite("The distances", distances, 2)
    same_length("The map", z, "the distances", between)
    groups = np.zeros(len(z)) if hemisphere is None else np.asarray(hemisphere)
    same_length("The map", z, "the hemispheres", groups)
    products, apart, parts = [], [], []
    longest = 0.0
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) < MINIMUM_PARCELS:
            continue
        inside = between[np.ix_(rows, rows)]
        pairs = np.triu_indices(len(rows), k=1)
        near = inside[pairs] <= inside.max() / 2
        longest = max(longest, inside.max() / 2)
        first, second = pairs[0][near], pairs[1][near]
        centred = zscore(z[rows], ddof=0, name="The map")
        products.append((centred[first] * centred[second]).mean(axis=1))
        apart.append(inside[first, second])
        parts.append((inside, first, second))
    if not parts:
        raise ValueError(
            f"The map has {len(z)} parcels, and no hemisphere has {MINIMUM_PARCELS}: too few to "
            "estimate its smoothness."
        )
    bins = _equal_bins(np.concatenate(apart), n_bins)
    observed = _bin_means(np.concatenate(products), bins)

    def misfit(log_length: float) -> float:
        expected = np.concatenate([_expected(np.exp(log_length), *part) for part in parts])
        return float(((observed - _bin_means(expected, bins)) ** 2).sum())

    grid = np.linspace(np.log(SHORTEST_MM), np.log(longest), 25)
    best = int(np.argmin([misfit(each) for each in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return float(np.exp(minimize_scalar(misfit, bounds=bounds, method="bounded").x))


def moran_index(maps: ArrayLike, distances: ArrayLike) -> FloatArray:
    """Compute Moran's I of maps, with inverse distances as weights.

    Parameters
    ----------
    maps : (n_parcels, m) array
    distances : (n_parcels, n_parcels) array
        Between parcels, positive off the diagonal.

    Returns
    -------
    (m,) array
        About 0 for white noise, larger for smoother maps.

    References
    ----------
    Moran PAP (1950). Notes on continuous stochastic phenomena. Biometrika 37:17-23.
    """
    z, between = finite("The maps", maps, 2), finite("The distances", distances, 2)
    same_length("The maps", z, "the distances", between)
    weights = 1 / (between + np.eye(len(between))) - np.eye(len(between))
    centred = z - z.mean(axis=0)
    agreement = (centred * (weights @ centred)).sum(axis=0) / weights.sum()
    index: FloatArray = agreement / (centred**2).mean(axis=0)
    return index


def _expected(
    length_mm: float, distances: FloatArray, first: np.ndarray, second: np.ndarray
) -> FloatArray:
    """Expected product of each pair of a centred map with covariance exp(-d / l)."""
    covariance = np.exp(-distances / length_mm)
    covariance -= covariance.mean(axis=0)
    covariance -= covariance.mean(axis=1, keepdims=True)
    return covariance[first, second] / np.trace(covariance) * len(distances)


def _equal_bins(apart: FloatArray, n_bins: int) -> np.ndarray:
    """Number the bin of each pair; bins have equally many pairs."""
    n_bins = int(np.clip(len(apart) // PAIRS_PER_BIN, 1, n_bins))
    rank = np.argsort(np.argsort(apart, kind="stable"), kind="stable")
    return rank * n_bins // len(apart)


def _bin_means(values: FloatArray, bins: np.ndarray) -> FloatArray:
    return np.bincount(bins, weights=values) / np.bincount(bins)
