"""How much each voxel's tissue grew or shrank in each session, from all pairs of sessions.

With the pairwise growth L_jk (logarithm, from session j to k), session k has

    l_k = mean over j of L_jk,

which sums to zero over sessions: the volume of a session is that of the average times exp(l_k).
Two sessions give l = -+ L / 2. Taking pairs rather than each session against the average keeps
every comparison between two images of equal sharpness.

A stiff membrane keeps noise small and makes every change too small. How much too small is
measured on the subject's own average, which is deformed by a known random growth and compared
with itself under noise of the same size; growth is divided by this gain.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy import ndimage

from ect_assets.morphometry.volumetric.gauss_newton import (
    STIFFNESS,
    deformation,
    field_of_growth,
    log_growth,
    pull,
    spread_of,
)
from ect_assets.morphometry.volumetric.halfway import BIAS_SIGMA_MM, Halfway
from ect_assets.morphometry.volumetric.space import Array, Mask, dilate

PARCEL_SIGMA_MM = 6.5
"""A quarter of the median parcel's diameter: 1,400 mm3 of cortex, 2.7 mm thick and 26 mm wide."""

GROWTH_SD = 0.01
SMALLEST_GAIN = 0.5

RIM_MM = 4.0
"""How far the comparison reaches beyond the brain: its outer border must be seen."""


def session_growth(halfway: Halfway, gray: Array, seed: int) -> list[Array]:
    """Give the logarithm of each session's volume relative to the average, voxel by voxel.

    Parameters
    ----------
    halfway : Halfway
    gray : (x, y, z) array
        Probability of gray matter.
    seed : int
        Of the random growth with which the gain is measured.

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
    noise = spread_of(halfway.images[0] - halfway.images[1], weights) / np.sqrt(2)
    if noise == 0:
        return growth
    average = halfway.average.values
    factor = np.float32(
        1 / (len(growth) * gain(average, gray, weights, noise, resolution_mm, seed))
    )
    for j, k in combinations(range(len(growth)), 2):
        pairwise = factor * _between(halfway.images[j], halfway.images[k], weights, resolution_mm)
        growth[j] -= pairwise
        growth[k] += pairwise
    return growth


def gain(
    average: Array, gray: Array, weights: Array, noise: float, resolution_mm: float, seed: int
) -> float:
    """Measure which share of a known growth is found in this brain under this noise.

    Parameters
    ----------
    average : (x, y, z) array
        Mean of the sessions.
    gray : (x, y, z) array
        Probability of gray matter.
    weights : (x, y, z) array
        As for the comparison of the sessions.
    noise : float
        Standard deviation in one session.
    resolution_mm : float
    seed : int

    Returns
    -------
    float
        Slope of found on true growth of gray matter, both averaged over the size of a parcel.
    """
    random = np.random.default_rng(seed)
    sigma = PARCEL_SIGMA_MM / resolution_mm
    rate = ndimage.gaussian_filter(random.normal(size=average.shape), sigma)
    known = field_of_growth(rate * (GROWTH_SD / rate.std()))
    seen = [
        pull(average, known, share)
        + random.normal(scale=noise, size=average.shape).astype(np.float32)
        for share in (0.5, -0.5)
    ]
    inside = gray * (weights > 0.5)
    total = np.maximum(ndimage.gaussian_filter(inside, sigma), 1e-3)
    # The scans' own spread, so that the membrane is as stiff as between the sessions.
    spread = noise * float(np.sqrt(2))
    found, true = (
        ndimage.gaussian_filter(inside * growth, sigma) / total
        for growth in (
            _between(seen[0], seen[1], weights, resolution_mm, spread),
            log_growth(known),
        )
    )
    slope = float((inside * found * true).sum() / (inside * true * true).sum())
    return float(np.clip(slope, SMALLEST_GAIN, 1.0))


def _between(
    a: Array, b: Array, weights: Array, resolution_mm: float, spread: float | None = None
) -> Array:
    stiffness = STIFFNESS * resolution_mm**2
    sigma = BIAS_SIGMA_MM / resolution_mm
    return log_growth(deformation(a, b, weights, stiffness, bias_sigma=sigma, spread=spread))


def comparison_weights(mask: Mask, resolution_mm: float) -> Array:
    """Weigh the brain with a narrow rim, fading outward."""
    wide = dilate(mask, RIM_MM / 2, resolution_mm).astype(np.float32)
    return ndimage.gaussian_filter(wide, 1.0 / resolution_mm)
