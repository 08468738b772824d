"""How much each voxel's tissue grew or shrank in each session, from all pairs of sessions.

With the pairwise growth L_jk (logarithm, from session j to k), session k has

    l_k = mean over j of L_jk,

which sums to zero over sessions: the volume of a session is that of the average times exp(l_k).
Two sessions give l = -+ L / 2. Taking pairs rather than each session against the average keeps
every comparison between two images of equal sharpness.

A stiff membrane keeps noise small and makes every change too small. How much too small is measured
on the two scans themselves: their parcels are let grow and shrink by known rates, on top of what
happened between the sessions. The share that is found of it is the gain, by which growth is
divided. So it is that of the contrast, the fine structure and the noise of these very scans.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.gauss_newton import (
    STIFFNESS,
    deformation,
    field_of_growth,
    log_growth,
    spread_of,
    warp,
)
from ect_assets.science.morphometry.volumetric.halfway import BIAS_SIGMA_MM, Halfway
from ect_assets.science.morphometry.volumetric.space import Array, Mask, dilate

BORDER_MM = 4.0
"""How far the growth of a parcel fades into its neighbours (sigma): the assumption of the gain.
What changes over shorter distances is found too small, over longer ones too large."""

GRAY_CORE = 0.3
"""Probability of gray matter above which a voxel grows with its parcel."""

GROWTH_SD = 0.01
GAIN_DRAWS = 3
SMALLEST_GAIN = 0.5

RIM_MM = 4.0
"""How far the comparison reaches beyond the brain: its outer border must be seen."""


def session_growth(
    halfway: Halfway, gray: Array, parcel: NDArray[np.int32], seed: int
) -> list[Array]:
    """Give the logarithm of each session's volume relative to the average, voxel by voxel.

    Parameters
    ----------
    gray : (x, y, z) array
        Probability of gray matter.
    parcel : (x, y, z) array of int
        Whose growth the gain is measured with; 0 is none.
    seed : int
        Of that growth.

    Returns
    -------
    list of (x, y, z) arrays
        One per session; their sum is zero everywhere.
    """
    growth = [np.zeros(halfway.grid.shape, dtype=np.float32) for _ in halfway.images]
    if len(growth) == 1:
        return growth
    resolution_mm = float(halfway.grid.voxel_mm[0])
    weights = comparison_weights(halfway.mask, resolution_mm)
    brain = GrayMatter(gray, parcel, resolution_mm)
    for j, k in combinations(range(len(growth)), 2):
        found, gain = compare(halfway.images[j], halfway.images[k], weights, brain, seed)
        pairwise = found / np.float32(len(growth) * gain)
        growth[j] -= pairwise
        growth[k] += pairwise
    return growth


def compare(
    a: Array, b: Array, weights: Array, brain: GrayMatter, seed: int
) -> tuple[Array, float]:
    """Find the growth between two scans, and which share of a true growth is found there.

    Parameters
    ----------
    a, b : (x, y, z) arrays
        The scans.
    weights : (x, y, z) array
        How much each voxel counts, 0 to 1.
    seed : int
        Of the growth that the scans are given.

    Returns
    -------
    growth : (x, y, z) array
        Logarithm, too small by the gain.
    gain : float
        Slope of found on true growth over parcels, each weighing as much as it has gray matter.
    """
    spread = spread_of(a - b, weights)
    if spread == 0:
        return np.zeros_like(a), 1.0
    found = _between(a, b, weights, brain.resolution_mm, spread)
    product = square = 0.0
    for draw in range(GAIN_DRAWS):
        known = brain.random_growth(np.random.default_rng((seed, draw)))
        given = warp(a, known, 0.5), warp(b, known, -0.5)
        more = _between(*given, weights, brain.resolution_mm, spread) - found
        true = brain.mean_over_parcels(log_growth(known))
        product += float(brain.mm3 @ (true * brain.mean_over_parcels(more)))
        square += float(brain.mm3 @ true**2)
    # Without any gray matter in a parcel there is nothing that could be too small.
    return found, float(np.clip(product / square, SMALLEST_GAIN, 1.0)) if square else 1.0


class GrayMatter:
    """The gray matter of a brain and its parcels, which can be let grow.

    Parameters
    ----------
    gray : (x, y, z) array
        Probability of gray matter.
    parcel : (x, y, z) array of int
        1 to n; 0 is none.
    """

    def __init__(self, gray: Array, parcel: NDArray[np.int32], resolution_mm: float):
        self.resolution_mm = resolution_mm
        self._core = np.where(gray > GRAY_CORE, parcel, 0)
        self._inside = parcel > 0
        self._gray, self._parcel = gray[self._inside], parcel[self._inside]
        self._sums = self._sums_of(self._gray)
        self.mm3 = self._sums * resolution_mm**3

    def random_growth(self, random: np.random.Generator) -> Array:
        """Draw a deformation that lets each parcel grow or shrink at a rate of its own.

        Returns
        -------
        (3, x, y, z) array
            In voxels.
        """
        rates = GROWTH_SD * random.standard_normal(len(self.mm3)).astype(np.float32)
        rates[0] = 0
        return field_of_growth(
            ndimage.gaussian_filter(rates[self._core], BORDER_MM / self.resolution_mm)
        )

    def mean_over_parcels(self, growth: Array) -> NDArray[np.float64]:
        """Average growth over the gray matter of each parcel; 0 where it has none."""
        sums = self._sums_of(self._gray * growth[self._inside])
        return np.divide(sums, self._sums, out=np.zeros_like(sums), where=self._sums > 0)

    def _sums_of(self, values: Array) -> NDArray[np.float64]:
        return np.bincount(self._parcel, values, minlength=1).astype(np.float64)


def _between(a: Array, b: Array, weights: Array, resolution_mm: float, spread: float) -> Array:
    stiffness = STIFFNESS * resolution_mm**2
    sigma = BIAS_SIGMA_MM / resolution_mm
    return log_growth(deformation(a, b, weights, stiffness, bias_sigma=sigma, spread=spread))


def comparison_weights(mask: Mask, resolution_mm: float) -> Array:
    """Weigh the brain with a narrow rim, fading outward."""
    wide = dilate(mask, RIM_MM / 2, resolution_mm).astype(np.float32)
    return ndimage.gaussian_filter(wide, 1.0 / resolution_mm)
