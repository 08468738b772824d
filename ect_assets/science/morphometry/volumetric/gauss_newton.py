"""How the brain changed between two scans: a small symmetric deformation, by Gauss-Newton.

Two scans A and B, already in one space and of one brightness, are brought together half-way:

    E(u) = sum w / s^2 (A(x - u/2) - B(x + u/2))^2 + weight sum |grad u|^2

in voxels. Swapping the scans gives -u exactly. The volume at x grows from A to B by
det(I + grad u/2) / det(I - grad u/2). How the scans come into one space is in `halfway`.

References
----------
Ashburner J, Ridgway GR (2013). Symmetric diffeomorphic modeling of longitudinal structural MRI.
Front Neurosci 6:197.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage
from scipy.fft import dctn, idctn

from ect_assets.science.morphometry.volumetric.multigrid import laplacian, solve
from ect_assets.science.morphometry.volumetric.space import Array

STEPS = 3
CYCLES = 5
BIAS_ROUNDS = 2
BRIGHT = 0.3
"""Share of the median brightness above which the ratio of two scans says something of bias."""

STIFFNESS = 16.0
"""Weight of the membrane at 1 mm, in units of the noise."""


def deformation(
    a: Array,
    b: Array,
    weights: Array,
    stiffness: float,
    steps: int = STEPS,
    bias_sigma: float | None = None,
    spread: float | None = None,
) -> Array:
    """Find the deformation that brings two scans together.

    Parameters
    ----------
    a, b : (x, y, z) arrays
        The scans.
    weights : (x, y, z) array
        How much each voxel counts, 0 to 1.
    stiffness : float
        Weight of the membrane, relative to squared differences in units of their spread.
    steps : int
        Of Gauss-Newton.
    bias_sigma : float, optional
        In voxels: what differs in brightness over this distance, once the scans are brought
        together, is taken for bias and not for change; nothing is without it.
    spread : float, optional
        Standard deviation of the differences; estimated from the scans without it.

    Returns
    -------
    (3, x, y, z) array
        u in voxels: what lies at x - u/2 in A lies at x + u/2 in B.
    """
    u = np.zeros((3, *a.shape), dtype=np.float32)
    spread = spread_of(a - b, weights) if spread is None else spread
    if spread == 0:
        return u
    scaled = (weights / spread**2).astype(np.float32)
    for step in range(steps):
        moved_a, moved_b = (pull(a, u, -0.5), pull(b, u, 0.5)) if step else (a, b)
        if step and bias_sigma is not None:
            moved_a, moved_b = evened(moved_a, moved_b, weights, bias_sigma)
        right, blocks = normal_equations(moved_a, moved_b, scaled)
        right -= np.float32(stiffness) * laplacian(u)
        u += solve(blocks, right, stiffness, CYCLES)
    return u


def log_growth(u: Array) -> Array:
    """Give the logarithm of the growth of volume from A to B at each voxel.

    Parameters
    ----------
    u : (3, x, y, z) array
        From `deformation`.

    Returns
    -------
    (x, y, z) array
        log det(I + grad u/2) - log det(I - grad u/2).
    """
    return _log_growth(u)


def evened(a: Array, b: Array, weights: Array, sigma: float) -> tuple[Array, Array]:
    """Bring two scans to one brightness, over distances of sigma voxels and more."""
    threshold = BRIGHT * float(np.median((a + b)[weights > 0.5])) / 2
    bright = (weights > 0.5) & (a > threshold) & (b > threshold)
    logs = [np.log(np.where(bright, image, 1)) for image in (a, b)]
    ratio = np.clip(logs[0] - logs[1], -0.25, 0.25)
    share = np.maximum(ndimage.gaussian_filter(bright.astype(np.float32), sigma), 1e-3)
    total = np.zeros_like(ratio)
    for _ in range(BIAS_ROUNDS):
        rest = np.where(bright, ratio - total, 0)
        total += ndimage.gaussian_filter(rest, sigma) / share
    return a * np.exp(-total / 2), b * np.exp(total / 2)


def field_of_growth(rate: NDArray[np.floating]) -> Array:
    """Give the field without curl that has a given divergence, in voxels.

    Parameters
    ----------
    rate : (x, y, z) array
        Growth of volume per voxel; its mean is taken out.

    Returns
    -------
    (3, x, y, z) array
    """
    waves = [2 - 2 * np.cos(np.pi * np.arange(n) / n) for n in rate.shape]
    total = waves[0][:, None, None] + waves[1][None, :, None] + waves[2][None, None, :]
    total[0, 0, 0] = 1
    spectrum = dctn(rate, norm="ortho") / -total
    spectrum[0, 0, 0] = 0
    potential = np.asarray(idctn(spectrum, norm="ortho"))
    return np.stack([np.gradient(potential, axis=axis) for axis in range(3)]).astype(np.float32)


def spread_of(difference: Array, weights: Array) -> float:
    """Estimate the standard deviation of the differences, little moved by those that changed."""
    inside = difference[weights > 0.5]
    return float(1.4826 * np.median(np.abs(inside))) if inside.size > 0 else 0.0


@njit(cache=True)
def normal_equations(a: Array, b: Array, weights: Array) -> tuple[Array, Array]:
    """Give the right side w g (A - B) and the blocks w g g' with g = grad (A + B) / 2."""
    n_x, n_y, n_z = a.shape
    right = np.empty((3, n_x, n_y, n_z), np.float32)
    blocks = np.empty((6, n_x, n_y, n_z), np.float32)
    quarter = np.float32(0.25)
    for x in range(n_x):
        x0, x1 = max(x - 1, 0), min(x + 1, n_x - 1)
        for y in range(n_y):
            y0, y1 = max(y - 1, 0), min(y + 1, n_y - 1)
            for z in range(n_z):
                z0, z1 = max(z - 1, 0), min(z + 1, n_z - 1)
                g_x = quarter * ((a[x1, y, z] + b[x1, y, z]) - (a[x0, y, z] + b[x0, y, z]))
                g_y = quarter * ((a[x, y1, z] + b[x, y1, z]) - (a[x, y0, z] + b[x, y0, z]))
                g_z = quarter * ((a[x, y, z1] + b[x, y, z1]) - (a[x, y, z0] + b[x, y, z0]))
                w = weights[x, y, z]
                pull_by = w * (a[x, y, z] - b[x, y, z])
                right[0, x, y, z] = g_x * pull_by
                right[1, x, y, z] = g_y * pull_by
                right[2, x, y, z] = g_z * pull_by
                blocks[0, x, y, z] = w * g_x * g_x
                blocks[1, x, y, z] = w * g_y * g_y
                blocks[2, x, y, z] = w * g_z * g_z
                blocks[3, x, y, z] = w * g_x * g_y
                blocks[4, x, y, z] = w * g_x * g_z
                blocks[5, x, y, z] = w * g_y * g_z
    return right, blocks


def pull(image: Array, u: Array, share: float) -> Array:
    """Sample an image at x + share * u by cubic convolution; the border continues outward."""
    return _sampled(image, u, share, False)


def warp(image: Array, u: Array, share: float) -> Array:
    """Sample an image at x + share * u by cubic B-splines.

    As `pull`, but it keeps structure as fine as a voxel, and takes a second longer. The outermost
    voxels of the image are not exact.

    References
    ----------
    Unser M (1999). Splines: a perfect fit for signal and image processing. IEEE Signal Process Mag
    16(6):22-38.
    """
    coefficients = ndimage.spline_filter(image, order=3, output=np.float32, mode="mirror")
    return _sampled(coefficients, u, share, True)


@njit(cache=True)
def _weights(t: float, of_splines: bool) -> tuple[float, float, float, float]:
    """Weights of four neighbours: of B-splines, or Keys's (1981, IEEE Trans ASSP 29:1153-1160)."""
    if of_splines:
        rest = 1.0 - t
        return (
            rest**3 / 6.0,
            2.0 / 3.0 - t * t * (1.0 - 0.5 * t),
            2.0 / 3.0 - rest * rest * (1.0 - 0.5 * rest),
            t**3 / 6.0,
        )
    return (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (-2.5 + 1.5 * t),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (-0.5 + 0.5 * t),
    )


@njit(cache=True)
def _sampled(image: Array, u: Array, share: float, of_splines: bool) -> Array:
    n_x, n_y, n_z = image.shape
    out = np.empty_like(image)
    for x in range(n_x):
        for y in range(n_y):
            for z in range(n_z):
                p_x = x + share * u[0, x, y, z]
                p_y = y + share * u[1, x, y, z]
                p_z = z + share * u[2, x, y, z]
                i_x, i_y, i_z = int(np.floor(p_x)), int(np.floor(p_y)), int(np.floor(p_z))
                w_x = _weights(p_x - i_x, of_splines)
                w_y = _weights(p_y - i_y, of_splines)
                w_z = _weights(p_z - i_z, of_splines)
                value = 0.0
                for d_x in range(4):
                    at_x = min(max(i_x + d_x - 1, 0), n_x - 1)
                    plane = 0.0
                    for d_y in range(4):
                        at_y = min(max(i_y + d_y - 1, 0), n_y - 1)
                        row = 0.0
                        for d_z in range(4):
                            at_z = min(max(i_z + d_z - 1, 0), n_z - 1)
                            row += w_z[d_z] * image[at_x, at_y, at_z]
                        plane += w_y[d_y] * row
                    value += w_x[d_x] * plane
                out[x, y, z] = value
    return out


@njit(cache=True)
def _log_growth(u: Array) -> Array:
    _, n_x, n_y, n_z = u.shape
    out = np.empty((n_x, n_y, n_z), np.float32)
    slope = np.empty((3, 3))
    for x in range(n_x):
        x0, x1 = max(x - 1, 0), min(x + 1, n_x - 1)
        for y in range(n_y):
            y0, y1 = max(y - 1, 0), min(y + 1, n_y - 1)
            for z in range(n_z):
                z0, z1 = max(z - 1, 0), min(z + 1, n_z - 1)
                for i in range(3):
                    slope[i, 0] = 0.5 * (u[i, x1, y, z] - u[i, x0, y, z]) / max(x1 - x0, 1)
                    slope[i, 1] = 0.5 * (u[i, x, y1, z] - u[i, x, y0, z]) / max(y1 - y0, 1)
                    slope[i, 2] = 0.5 * (u[i, x, y, z1] - u[i, x, y, z0]) / max(z1 - z0, 1)
                out[x, y, z] = _log_det(slope, 1.0) - _log_det(slope, -1.0)
    return out


@njit(cache=True)
def _log_det(slope: Array, sign: float) -> float:
    """Logarithm of det(I + sign * slope), kept between that of 0.2 and of 5."""
    xx, yy, zz = 1 + sign * slope[0, 0], 1 + sign * slope[1, 1], 1 + sign * slope[2, 2]
    determinant = (
        xx * (yy * zz - slope[1, 2] * slope[2, 1])
        - sign * slope[0, 1] * (sign * slope[1, 0] * zz - slope[1, 2] * slope[2, 0])
        + sign * slope[0, 2] * (slope[1, 0] * slope[2, 1] - sign * yy * slope[2, 0])
    )
    return np.log(min(max(determinant, 0.2), 5.0))
