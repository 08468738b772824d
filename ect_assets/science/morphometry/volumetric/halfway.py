"""All sessions of one subject in one space that favours none of them, and of one brightness.

Rigid motion between sessions is found symmetrically; each scan is interpolated once, by the same
share of the way. What changed in the brain is measured in `gauss_newton`.

References
----------
Reuter M et al. (2012). Within-subject template estimation for unbiased longitudinal image
analysis. NeuroImage 61:1402-1418.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.brain import Brain
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Grid,
    Mask,
    Matrix,
    Volume,
    bounding_box,
    grid_around,
    nearest_rotation,
    resample,
    rigid_about,
    rigid_from_parameters,
    rigid_parameters,
    transform_points,
)

LEVELS = ((3.0, 8), (1.5, 8), (0.6, 12))
"""Smoothing in voxels of 2 mm, and the most steps at it."""

STEP_IS_SMALL = np.array([1e-5] * 3 + [1e-3] * 3)
"""Radians and millimetres."""

WORK_MM = 2.0
MARGIN_MM = 10.0
BIAS_SIGMA_MM = 12.0
BIAS_ROUNDS = 5
"""A Gaussian weakens also what is wider than itself; repeated, it takes out all of that."""

BRIGHT = 0.3
"""Share of the median brightness above which the ratio of two scans says something of bias."""


WithoutBias = Callable[[Volume, Mask], Volume]


@dataclass(frozen=True)
class Halfway:
    """The sessions in their common space.

    Parameters
    ----------
    images : list of (x, y, z) arrays
        One per session, of one brightness.
    mask : (x, y, z) array of bool
        The brain in all of them.
    poses : list of (4, 4) arrays
        Millimetres of the common space -> millimetres of each scan; rigid.
    to_template : (4, 4) array
        Millimetres of the common space -> millimetres of the template; affine.
    """

    grid: Grid
    images: list[Array]
    mask: Mask
    poses: list[Matrix]
    to_template: Matrix

    @property
    def average(self) -> Volume:
        """Mean of the sessions."""
        return Volume(np.mean(self.images, axis=0, dtype=np.float32), self.grid.affine)


def bring_together(brains: list[Brain], resolution_mm: float, without_bias: WithoutBias) -> Halfway:
    """Bring the scans of one subject into the space half-way between them.

    Parameters
    ----------
    brains : list of Brain
        One per session.
    resolution_mm : float
        Voxel size of the common space.
    without_bias : callable
        Takes an image and a mask and gives the image without its bias field; used once, on the
        average, so that all sessions are divided by the same field.
    """
    motions: list[Matrix] = [np.eye(4)] + [rigid_motion(brains[0], brain) for brain in brains[1:]]
    mean = np.mean([rigid_parameters(motion) for motion in motions], axis=0)
    back = rigid_from_parameters(-mean)
    poses: list[Matrix] = [motion @ back for motion in motions]
    grid, mask = _common_grid(brains, poses, resolution_mm)
    images = [
        resample(brain.image, grid, pose, order=3).values
        for brain, pose in zip(brains, poses, strict=True)
    ]
    to_template = brains[0].to_template @ poses[0]
    return Halfway(grid, of_one_brightness(images, mask, resolution_mm), mask, poses, to_template)


def rigid_motion(first: Brain, second: Brain) -> Matrix:
    """Find how the head moved from one scan to another.

    Gauss-Newton on six parameters, in the space half-way, so that swapping the scans gives the
    inverse.

    Returns
    -------
    (4, 4) array
        Millimetres of the first scan -> millimetres of the second.
    """
    guess = _first_guess(first, second)
    half = rigid_from_parameters(rigid_parameters(guess) / 2)
    to_scans = [np.linalg.inv(half), half]
    corners = transform_points(half, first.mask.grid.corners_mm)
    grid = grid_around(corners, WORK_MM, 0.0)
    mask = _inside([first, second], to_scans, grid)
    box = bounding_box(mask, margin=4)
    grid = Volume(np.empty(grid.shape, dtype=np.float32), grid.affine).cropped(box).grid
    mask = mask[box]
    weights = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)
    parameters = np.zeros(6)
    for sigma, most in LEVELS:
        scans = [_smoothed(brain, sigma) for brain in (first, second)]
        for _ in range(most):
            turn = rigid_from_parameters(parameters / 2)
            a = resample(scans[0], grid, to_scans[0] @ np.linalg.inv(turn)).values
            b = resample(scans[1], grid, to_scans[1] @ turn).values
            step = _rigid_step(a, b, weights, grid)
            parameters = rigid_parameters(
                rigid_from_parameters(parameters) @ rigid_from_parameters(step)
            )
            if np.all(np.abs(step) < STEP_IS_SMALL):
                break
    turn = rigid_from_parameters(parameters / 2)
    return to_scans[1] @ turn @ turn @ np.linalg.inv(to_scans[0])


def _rigid_step(a: Array, b: Array, weights: Array, grid: Grid) -> np.ndarray:
    inside = weights > 0.05
    gain = np.median(a[inside]) / np.median(b[inside])
    a, b = a / np.float32(np.sqrt(gain)), b * np.float32(np.sqrt(gain))
    mean, lengths = (a + b) / 2, grid.voxel_mm
    slopes = [np.gradient(mean, float(lengths[axis]), axis=axis) for axis in range(3)]
    g = np.stack([slope[inside] for slope in slopes], axis=1).astype(np.float64)
    p = transform_points(grid.affine, np.argwhere(inside).astype(np.float64))
    design = np.concatenate([np.cross(p, g), g], axis=1)
    difference = (a - b)[inside].astype(np.float64)
    scale = 1.4826 * np.median(np.abs(difference)) + 1e-9
    # What moved by more than noise (eyes, vessels) counts less (Huber 1964).
    robust = 1 / np.maximum(np.abs(difference) / (2 * scale), 1)
    w = weights[inside] * robust
    return np.linalg.solve(design.T @ (design * w[:, None]), design.T @ (w * difference))


def _first_guess(first: Brain, second: Brain) -> Matrix:
    affine = np.linalg.inv(second.to_template) @ first.to_template
    middle = transform_points(np.linalg.inv(first.to_template), np.array([[0.0, -18.0, 10.0]]))
    return rigid_about(nearest_rotation(affine), middle[0], transform_points(affine, middle)[0])


def _smoothed(brain: Brain, sigma: float) -> Volume:
    coarse = resample(brain.image, brain.mask.grid)
    even = coarse.values / brain.bias.values
    return Volume(ndimage.gaussian_filter(even, sigma), coarse.affine)


def _inside(brains: list[Brain], poses: list[Matrix], grid: Grid) -> Mask:
    shares = [
        resample(brain.mask, grid, pose).values for brain, pose in zip(brains, poses, strict=True)
    ]
    return np.mean(shares, axis=0) > 0.5


def _common_grid(
    brains: list[Brain], poses: list[Matrix], resolution_mm: float
) -> tuple[Grid, Mask]:
    corners = transform_points(np.linalg.inv(poses[0]), brains[0].mask.grid.corners_mm)
    coarse = grid_around(corners, WORK_MM, 0.0)
    inside = _inside(brains, poses, coarse)
    points = transform_points(coarse.affine, np.argwhere(inside).astype(np.float64))
    grid = grid_around(points, resolution_mm, MARGIN_MM)
    return grid, _inside(brains, poses, grid)


def of_one_brightness(images: list[Array], mask: Mask, resolution_mm: float) -> list[Array]:
    """Take out what differs slowly in brightness between sessions.

    The logarithm of each image over their geometric mean is smoothed within the bright part of
    the brain and divided out.

    Parameters
    ----------
    images : list of (x, y, z) arrays
    mask : (x, y, z) array of bool

    Returns
    -------
    list of (x, y, z) arrays

    References
    ----------
    Lewis EB, Fox NC (2004). Correction of differential intensity inhomogeneity in longitudinal MR
    images. NeuroImage 23:75-83.
    """
    levels = [float(np.median(image[mask])) for image in images]
    common = float(np.exp(np.mean(np.log(levels))))
    even = [image * np.float32(common / level) for image, level in zip(images, levels, strict=True)]
    if len(images) == 1:
        return even
    sigma = BIAS_SIGMA_MM / resolution_mm
    for _ in range(BIAS_ROUNDS):
        bright = mask & np.all([image > BRIGHT * common for image in even], axis=0)
        logs = [np.where(bright, np.log(np.maximum(image, 1e-3)), 0) for image in even]
        mean = np.mean(logs, axis=0)
        share = np.maximum(ndimage.gaussian_filter(bright.astype(np.float32), sigma), 1e-3)
        even = [
            image
            * np.exp(-ndimage.gaussian_filter(np.clip(log - mean, -0.25, 0.25), sigma) / share)
            for image, log in zip(even, logs, strict=True)
        ]
    return even
