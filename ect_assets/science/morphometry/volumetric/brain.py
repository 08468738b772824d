"""Where the brain is in one scan, taken by itself: place, size and mask.

The scan may be a full head or already without skull. Tissue classes are found later, on the
average of all sessions (`tissue`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.itk import Itk, Step
from ect_assets.science.morphometry.volumetric.settings import ImageError
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Mask,
    Matrix,
    Volume,
    bounding_box,
    dilate,
    erode,
    grid_around,
    largest_piece,
    resample,
    rigid_about,
    rigid_from_parameters,
    transform_points,
)
from ect_assets.science.morphometry.volumetric.template import Template, load_template

WORK_MM = 2.0
"""Place and mask are found on voxels of this size."""

BRAIN_HEIGHT_MM = 110.0
"""Below the top of the head, the slab whose centre is taken for the brain's in a first guess."""

SCALES = (0.75, 1.33)
"""Lengths of a brain relative to the template's that are plausible, along any direction."""

OVERLAP = 0.85
"""Least Dice overlap of the brain mask with the template's after the affine registration."""

MASK_MM3 = (700_000.0, 2_400_000.0)
"""Volumes of the brain with its fluid that a person can have."""

NEAR_MM = 10.0
"""Around the template's brain, what counts when it is laid on a head: the dark rim holds it."""

PITCHES = (-15.0, 0.0, 15.0)
SCALPS_MM = (0.0, 12.0)
"""Starts of the search: nodding of the head (degrees) and what lies above its brain."""

RIGID = [Step("Rigid[0.1]", "mattes", (80, 40), (4, 3), (2, 1))]
AFFINE = [Step("Affine[0.1]", "mattes", (200, 100), (4, 2), (2, 1))]
FINE_AFFINE = [Step("Affine[0.1]", "mattes", (100, 50), (2, 1), (1, 0), 0.25)]
ROUGH_WARP = [Step("SyN[0.25,3,0]", "mattes", (40, 25), (4, 2), (2, 1))]


@dataclass(frozen=True)
class Brain:
    """One scan with its brain.

    Parameters
    ----------
    image : Volume
        The head as it was scanned; white matter near 100.
    bias : Volume
        Its bias field, near 1, on voxels of 2 mm. Not divided out: fields found for two scans
        differ in detail, and that difference would look like a change of the brain.
    mask : Volume
        Brain with the fluid around it, 0 or 1, on voxels of 2 mm.
    to_template : (4, 4) array
        Millimetres of the scan -> millimetres of the template, affine.
    etiv_mm3 : float
        Intracranial volume from this scan alone: the template's, scaled.
    """

    image: Volume
    bias: Volume
    mask: Volume
    to_template: Matrix
    etiv_mm3: float


def find_brain(head: Volume, itk: Itk) -> Brain:
    """Find place, size mask and bias field of the brain in a head.

    Parameters
    ----------
    head : Volume
        From `read_head`.

    Raises
    ------
    ImageError
        ``registration_failed`` or ``mask_implausible``.

    References
    ----------
    Buckner RL et al. (2004). A unified approach for morphometric and functional data analysis in
    young, old, and demented adults using automated atlas-based head size normalization.
    NeuroImage 23:724-738.
    """
    template = load_template().at(WORK_MM)
    coarse = resample(head, grid_around(head.grid.corners_mm, WORK_MM, 0.0))
    near = dilate(template.mask, NEAR_MM, WORK_MM)
    start = best_start(coarse, template, near, itk)
    matrix = itk.register(template.brain, coarse, start, AFFINE, near).matrix
    as_scanned = coarse
    coarse = itk.without_bias(coarse, _carried(template.mask, template, matrix, coarse))
    matrix = itk.register(template.brain, coarse, matrix, AFFINE, near).matrix
    _check_scale(matrix)
    mask = refined_mask(coarse, warped_mask(coarse, template, matrix, itk))
    stripped = Volume(np.where(mask, coarse.values, 0).astype(np.float32), coarse.affine)
    matrix = itk.register(template.brain, stripped, matrix, FINE_AFFINE, near).matrix
    _check_scale(matrix)
    _check_mask(mask, coarse, template, matrix)
    mask_image = Volume(mask.astype(np.float32), coarse.affine)
    white = np.float32(100 / _bright(coarse.values[mask], 80))
    bias = as_scanned.values / np.maximum(coarse.values, 1e-3)
    bias = np.where(as_scanned.values > 0, np.clip(bias, 0.1, 10), 1).astype(np.float32)
    return Brain(
        Volume(head.values * white, head.affine),
        Volume(bias, coarse.affine),
        mask_image,
        np.linalg.inv(matrix),
        template.volume_mm3 * abs(float(np.linalg.det(matrix[:3, :3]))),
    )


def first_guess(head: Volume, template: Template) -> Matrix:
    """Lay the template's top and centre on the head's: template -> head, a shift in millimetres."""
    bright = head.values > 0.15 * _bright(head.values, 98)
    places = [
        transform_points(affine, np.argwhere(mask).astype(float))
        for mask, affine in ((template.mask, template.affine), (bright, head.affine))
    ]
    centres = []
    for points in places:
        top = np.percentile(points[:, 2], 99.9)
        slab = points[points[:, 2] > top - BRAIN_HEIGHT_MM]
        low, high = np.percentile(slab[:, :2], [2, 98], axis=0)
        centres.append(np.array([*(low + high) / 2, top]))
    guess = np.eye(4)
    guess[:3, 3] = centres[1] - centres[0]
    return guess


def best_start(head: Volume, template: Template, near: Mask, itk: Itk) -> Matrix:
    """Try several ways to lay the template on a head and keep the one that tells most about it."""
    guess = first_guess(head, template)
    centre = template.affine[:3, :3] @ (np.array(near.shape) / 2) + template.affine[:3, 3]
    found = []
    for pitch in PITCHES:
        turn = rigid_from_parameters(np.array([np.deg2rad(pitch), 0, 0, 0, 0, 0]))[:3, :3]
        for scalp_mm in SCALPS_MM:
            lowered = transform_points(guess, centre[None])[0] - np.array([0, 0, scalp_mm])
            start = rigid_about(turn, centre, lowered)
            matrix = itk.register(template.brain, head, start, RIGID, near).matrix
            carried = resample(head, template.brain.grid, matrix).values
            found.append((mutual_information(template.brain.values[near], carried[near]), matrix))
    return max(found, key=lambda pair: pair[0])[1]


def mutual_information(a: Array, b: Array) -> float:
    """Say how much one image tells about another, in nats, from 32 x 32 classes of values.

    References
    ----------
    Wells WM et al. (1996). Multi-modal volume registration by maximization of mutual information.
    Med Image Anal 1:35-51.
    """
    clipped = [np.clip(values, 0, np.percentile(values, 99.5)) for values in (a, b)]
    joint = np.histogram2d(clipped[0], clipped[1], bins=32)[0] / a.size
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    held = joint > 0
    return float((joint[held] * np.log(joint[held] / apart[held])).sum())


def warped_mask(head: Volume, template: Template, matrix: Matrix, itk: Itk) -> Mask:
    """Bring the template's mask onto the head, following its shape roughly."""
    near = _carried(dilate(template.mask, 8.0, WORK_MM), template, matrix, head)
    box = bounding_box(near, margin=2)
    part = head.cropped(box)
    found = itk.register(
        part, template.brain, np.linalg.inv(matrix), ROUGH_WARP, np.asarray(near[box])
    )
    everywhere = np.ones(part.values.shape, dtype=bool)
    index = np.linalg.inv(template.affine)
    points = transform_points(index, found.coordinates_mm(everywhere, part.affine)).T
    soft = ndimage.map_coordinates(template.mask.astype(np.float32), points, order=1)
    mask = np.zeros(head.values.shape, dtype=bool)
    mask[box] = soft.reshape(part.values.shape) > 0.5
    return mask


def refined_mask(head: Volume, guess: Mask) -> Mask:
    """Let the image decide where a guessed mask ends: no skull, no dura, all of the cortex.

    Parameters
    ----------
    head : Volume
        2 mm voxels.
    guess : (x, y, z) array of bool

    Returns
    -------
    (x, y, z) array of bool
    """
    white = _bright(head.values[erode(guess, 6.0, WORK_MM)], 75)
    tissue = (head.values > 0.45 * white) & (head.values < 1.5 * white)
    tissue &= dilate(guess, 4.0, WORK_MM)
    core = largest_piece(erode(tissue | erode(guess, 12.0, WORK_MM), 2.0, WORK_MM))
    brain = dilate(core, 4.0, WORK_MM) & tissue
    closed = erode(dilate(brain | erode(guess, 4.0, WORK_MM), 8.0, WORK_MM), 8.0, WORK_MM)
    return ndimage.binary_fill_holes(closed & dilate(guess, 4.0, WORK_MM))


def _bright(values: Array, percent: float) -> float:
    """Return a percentile of the values of tissue, which is above zero."""
    found = float(np.percentile(values, percent)) if values.size else 0.0
    if not found > 0:
        raise ImageError(
            "registration_failed",
            "Where the brain should be, the image has no bright tissue. Look at the image: is it a "
            "T1w image of a whole head, upright, with the right orientation in its header?",
        )
    return found


def _carried(mask: Mask, template: Template, matrix: Matrix, head: Volume) -> Mask:
    soft = Volume(mask.astype(np.float32), template.affine)
    return resample(soft, head.grid, np.linalg.inv(matrix)).values > 0.5


def _check_scale(matrix: Matrix) -> None:
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    low, high = SCALES
    if scales.min() < low or scales.max() > high:
        raise ImageError(
            "registration_failed",
            f"The brain would be {scales.min():.2f} to {scales.max():.2f} times as long as the "
            f"template's, expected {low:g} to {high:g}. Look at the image: is it a T1w image of a "
            "whole head, with the right orientation in its header?",
        )


def _check_mask(mask: Mask, head: Volume, template: Template, matrix: Matrix) -> None:
    volume_mm3 = float(mask.sum()) * head.grid.voxel_mm3
    low, high = MASK_MM3
    if not low <= volume_mm3 <= high:
        raise ImageError(
            "mask_implausible",
            f"The brain mask holds {volume_mm3 / 1000:,.0f} cm3, expected {low / 1000:,.0f} to "
            f"{high / 1000:,.0f}. Look at the image: is the whole head in the field of view?",
        )
    carried = _carried(template.mask, template, matrix, head)
    overlap = 2 * float((carried & mask).sum()) / float(carried.sum() + mask.sum())
    if overlap < OVERLAP:
        raise ImageError(
            "registration_failed",
            f"The brain mask and the template's overlap by {overlap:.2f} (Dice), expected at least "
            f"{OVERLAP:g}. Look at the image: is it a T1w image, upright, without large defects?",
        )
