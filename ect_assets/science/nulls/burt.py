"""Variogram matching: surrogates with the variogram of a map.

Works on any set of places with distances, on one hemisphere or both. Which distances are taken
belongs in `models`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.nulls.distances import usable_distances
from ect_assets.science.statistics.arrays import FloatArray

NEIGHBOUR_FRACTIONS = np.linspace(0.1, 0.9, 9)
"""How much of the brain a permuted map is smoothed over; the best of them is taken."""

VARIOGRAM_PERCENTILE = 25
VARIOGRAM_DISTANCES = 25
MINIMUM_PLACES = 10
SURROGATES_AT_ONCE = 32
"""Bounds memory (pairs of parcels x 32 numbers) and keeps it in the processor's cache."""


@dataclass(frozen=True)
class VariogramMatching:
    """What the variogram matching of any map on the same places needs; see `prepare_variogram`.

    Parameters
    ----------
    smoothers : (n_fractions, n, n) array
        Row i of each averages the nearest neighbours of place i, without i itself.
    first, second : (n_pairs,) array of int
        The pairs of places that are near enough to count in the variogram.
    pair_weights : (n_distances, n_pairs) array
        How much each pair counts at each distance; each row sums to 1.
    """

    smoothers: FloatArray
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    pair_weights: FloatArray

    def variogram(self, maps: FloatArray) -> FloatArray:
        """Half the mean squared difference of places at each distance.

        Parameters
        ----------
        maps : (n, b) array
            One map per column.

        Returns
        -------
        (n_distances, b) array
        """
        difference = maps[self.second]
        difference -= maps[self.first]
        difference *= difference
        return self.pair_weights @ difference / 2

    def surrogates(
        self, values: FloatArray, orders: NDArray[np.intp], noise: FloatArray
    ) -> FloatArray:
        """Shuffle a map, and smooth it until it has the variogram that the map had.

        With v the variogram of the map and v_k that of the shuffled map smoothed over the k-th
        fraction of neighbours, v = alpha_k + beta_k v_k is fitted by least squares; the k of the
        smallest residual gives the surrogate sqrt|beta_k| smoothed + sqrt|alpha_k| noise. It is
        moved to the mean of the map.

        Only the nearest quarter of pairs is fitted, and an intercept below zero, which cannot be
        the variance of noise, counts by its size, both as published. On the left HCP-MMP cortex
        surrogates of exponential noise (15-80 mm) then vary 0.7 to 1.6 times as much as the map
        and are rougher at short range, so tests against them find too little.

        Parameters
        ----------
        values : (n,) array
            The map.
        orders : (b, n) array of int
            A permutation of the places for each surrogate.
        noise : (b, n) array
            Standard normal draws.

        Returns
        -------
        (n, b) array

        References
        ----------
        Burt JB et al. (2020). Generative modeling of brain maps with spatial autocorrelation.
        NeuroImage 220:117038.
        """
        target = self.variogram(values[:, None])
        surrogates = np.empty((len(values), len(orders)))
        for start in range(0, len(orders), SURROGATES_AT_ONCE):
            part = slice(start, start + SURROGATES_AT_ONCE)
            shuffled = values[orders[part]].T
            surrogates[:, part] = self._matched(shuffled, target, noise[part].T)
        return surrogates + (values.mean() - surrogates.mean(axis=0))

    def _matched(self, shuffled: FloatArray, target: FloatArray, noise: FloatArray) -> FloatArray:
        smoothed = self.smoothers @ shuffled
        fits = [_fit(self.variogram(maps), target) for maps in smoothed]
        alpha, beta, residual = (np.array(each) for each in zip(*fits, strict=True))
        best, column = residual.argmin(axis=0), np.arange(shuffled.shape[1])
        structured = smoothed[best, :, column].T
        return (
            np.sqrt(np.abs(beta[best, column])) * structured
            + np.sqrt(np.abs(alpha[best, column])) * noise
        )


def prepare_variogram(distances: ArrayLike) -> VariogramMatching:
    """Do once what the variogram matching of every map on the same places shares.

    The choices are those of brainsmash's `Base`: exponential kernel exp(-d / d_max) over the
    nearest 10, 20, ... 90 % of places; pairs below the 25th percentile of distance; 25 distances,
    smoothed by a Gaussian kernel of three times their spacing.

    Parameters
    ----------
    distances : (n, n) array
        Symmetric, positive off the diagonal; n at least 10.

    Raises
    ------
    ValueError
        When the distances cannot be used or there are too few places.
    """
    distances = usable_distances(distances)
    n = len(distances)
    if n < MINIMUM_PLACES:
        raise ValueError(
            f"There are {n} parcels; matching a variogram needs at least {MINIMUM_PLACES}."
        )
    first, second = np.triu_indices(n, k=1)
    between = distances[first, second]
    near = np.flatnonzero(between < np.percentile(between, VARIOGRAM_PERCENTILE))
    between = between[near]
    if near.size == 0 or np.ptp(between) == 0:
        raise ValueError(
            f"The nearest {VARIOGRAM_PERCENTILE} % of parcels are all equally far apart: a "
            "variogram needs distances that differ."
        )
    at = np.linspace(between.min(), between.max(), VARIOGRAM_DISTANCES)
    bandwidth = 3 * (at[1] - at[0])
    weights = np.exp(-((2.68 * np.abs(between - at[:, None]) / bandwidth) ** 2) / 2)
    return VariogramMatching(
        smoothers=np.stack([_smoother(distances, part) for part in NEIGHBOUR_FRACTIONS]),
        first=first[near],
        second=second[near],
        pair_weights=weights / weights.sum(axis=1, keepdims=True),
    )


def _smoother(distances: FloatArray, fraction: float) -> FloatArray:
    n = len(distances)
    neighbours = np.argsort(distances, axis=1)[:, 1 : int(fraction * n) + 1]
    apart = np.take_along_axis(distances, neighbours, axis=1)
    weights = np.exp(-apart / apart.max(axis=1, keepdims=True))
    smoother = np.zeros((n, n))
    np.put_along_axis(smoother, neighbours, weights / weights.sum(axis=1, keepdims=True), axis=1)
    return smoother


def _fit(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Regress one column y on each column of x: intercepts, slopes, residual sums of squares."""
    centred = x - x.mean(axis=0)
    beta = (centred * (y - y.mean())).sum(axis=0) / (centred**2).sum(axis=0)
    alpha = y.mean() - beta * x.mean(axis=0)
    return alpha, beta, ((y - beta * x - alpha) ** 2).sum(axis=0)


def draw_shuffles(
    n_parcels: int, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], FloatArray]:
    """Draw what n surrogates need: permutations and standard normal noise, (n, n_parcels) each.

    The two come from streams of their own, so that fewer surrogates are the first of more.
    """
    shuffling, noising = rng.spawn(2)
    orders = shuffling.random((n, n_parcels)).argsort(axis=1)
    return orders, noising.normal(size=(n, n_parcels))
