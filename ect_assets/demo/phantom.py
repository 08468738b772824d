"""Scans with a known change: a real T1w image, some of whose parcels grow and shrink.

For the demo's images and the tests; no part of measuring a patient. The deformation is the flow
of a smooth velocity whose divergence is wanted growth, so that the true change of a parcel is known
from its Jacobian, whatever the pipeline makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.gauss_newton import field_of_growth
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Grid,
    Matrix,
    Volume,
    rigid_from_parameters,
    transform_points,
)

SMOOTHNESS_MM = 4.0
SQUARINGS = 4
NOISE = 3.0
"""Standard deviation of the noise, in percent of white matter."""

BIAS = 0.1
BIAS_SIGMA_MM = 40.0
TURN_DEGREES = 3.0
SHIFT_MM = 4.0


@dataclass(frozen=True)
class Deformation:
    """A known growth.

    Parameters
    ----------
    grid : Grid
        Of the undeformed scan's space.
    backward : (3, x, y, z) array
        Displacement in millimetres: where what is seen at x after the change came from.
    growth : (x, y, z) array
        det of the Jacobian of the change, at each place before it.
    """

    grid: Grid
    backward: Array
    growth: Array


def grow(labels: NDArray[np.int32], percentages: NDArray[np.float64], grid: Grid) -> Deformation:
    """Make the deformation that lets parcels grow and shrink.

    Parameters
    ----------
    labels : (x, y, z) array of int
        Parcels of the undeformed scan; 0 is none.
    percentages : (n_parcels,) array
        Wanted change; smoothing weakens it, the true change follows from the Jacobian.
    grid : Grid
        Of the labels; isotropic voxels.

    References
    ----------
    Arsigny V et al. (2006). A log-Euclidean framework for statistics on diffeomorphisms. MICCAI,
    LNCS 4190:924-931.
    """
    voxel_mm = float(grid.voxel_mm[0])
    wanted = np.log1p(np.concatenate([[0.0], percentages]) / 100)[labels]
    rate = ndimage.gaussian_filter(wanted, SMOOTHNESS_MM / voxel_mm)
    velocity = field_of_growth(rate)
    forward, backward = _flow(velocity), _flow(-velocity)
    return Deformation(grid, backward * np.float32(voxel_mm), _determinant(forward))


def scan_again(base: Volume, deformation: Deformation | None, seed: int) -> Volume:
    """Scan a head again: changed or not, moved, with noise and a bias field of its own.

    Parameters
    ----------
    base : Volume
        Head with white matter near 100.
    """
    random = np.random.default_rng(seed)
    degrees = np.deg2rad(TURN_DEGREES)
    motion = rigid_from_parameters(
        np.concatenate(
            [random.uniform(-degrees, degrees, 3), random.uniform(-SHIFT_MM, SHIFT_MM, 3)]
        )
    )
    seen = _seen(base, deformation, motion)
    low_frequency = ndimage.gaussian_filter(
        random.normal(size=seen.shape), BIAS_SIGMA_MM / base.grid.voxel_mm, mode="reflect"
    )
    bias = np.exp(BIAS * low_frequency / low_frequency.std())
    signal = seen * bias
    real, imaginary = random.normal(scale=NOISE, size=(2, *seen.shape))
    return Volume(np.hypot(signal + real, imaginary).astype(np.float32), base.affine)


def _seen(base: Volume, deformation: Deformation | None, motion: Matrix) -> Array:
    shape = base.values.shape
    coefficients = ndimage.spline_filter(base.values, order=3, output=np.float32)
    out = np.empty(shape, dtype=np.float32)
    inverse = np.linalg.inv(base.affine)
    for x in range(shape[0]):
        index = np.stack(np.meshgrid([x], *map(np.arange, shape[1:]), indexing="ij"), axis=-1)
        places = transform_points(motion @ base.affine, index.reshape(-1, 3).astype(float))
        if deformation is not None:
            at = transform_points(np.linalg.inv(deformation.grid.affine), places).T
            shifts = [
                ndimage.map_coordinates(part, at, order=1, mode="constant")
                for part in deformation.backward
            ]
            places = places + np.stack(shifts, axis=1)
        at = transform_points(inverse, places).T
        plane = ndimage.map_coordinates(coefficients, at, order=3, prefilter=False)
        out[x] = plane.reshape(shape[1:])
    return np.maximum(out, 0)


def _flow(velocity: Array) -> Array:
    """Displacement of the flow of a stationary velocity after unit time, in voxels."""
    field = velocity / np.float32(2**SQUARINGS)
    places = np.indices(field.shape[1:], dtype=np.float32)
    for _ in range(SQUARINGS):
        moved = places + field
        field = field + np.stack(
            [ndimage.map_coordinates(part, moved, order=1, mode="nearest") for part in field]
        )
    return field


def _determinant(displacement: Array) -> Array:
    slopes = np.stack([np.stack(np.gradient(part), axis=-1) for part in displacement], axis=-2)
    return np.linalg.det(slopes + np.eye(3, dtype=np.float32)).astype(np.float32)
