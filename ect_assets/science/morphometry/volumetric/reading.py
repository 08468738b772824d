"""From a NIfTI file to a head in RAS+ order, cut to what matters.

What is brain and what is not is decided in `brain`; whose file it is, the caller knows.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from scipy import ndimage

from ect_assets.science.imaging.files import read_geometry
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets.science.imaging.picture import PERCENTS, brightness_offset, check_picture, edges_of
from ect_assets.science.morphometry.volumetric.settings import ImageError
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Mask,
    Volume,
    bounding_box,
    grid_around,
    largest_piece,
    resample,
    transform_points,
)

HEAD_BELOW_TOP_MM = 190.0
"""What is kept below the highest point of the head; a cerebellum ends earlier, a neck does not."""

LARGEST_VOXEL_MM = 3.0
SMALLEST_EXTENT_MM = 100.0
MARGIN_MM = 4.0
NO_HEAD = (
    "Nothing of the size of a head stands out from the background. "
    "Look at the image; export or scan the session again."
)


def read_head(scan: Path) -> Volume:
    """Read a T1w image and cut it to the head.

    Parameters
    ----------
    scan : Path
        A ``.nii`` or ``.nii.gz`` file.

    Returns
    -------
    Volume
        RAS+ order, scaled so that the 99th percentile within the head is 100.

    Raises
    ------
    ImageError
        When the file cannot be read, is no 3-D image of a head, or has no contrast; the caller
        names it.
    """
    image = _loaded(scan)
    values = _from_zero(image.values)
    head = find_head(Volume(values, image.affine))
    box = bounding_box(head)
    cut = Volume(np.maximum(values, 0), image.affine).cropped(box)
    bright = float(np.percentile(cut.values[head[box]], 99))
    if not bright > 0:
        raise ImageError("image_without_contrast", NO_HEAD)
    return Volume(cut.values * np.float32(100 / bright), cut.affine)


def _from_zero(values: Array) -> Array:
    """Shift the values so that the background is near zero; what is no number becomes background.

    A magnitude image is left as it is.
    """
    try:
        check_picture(values, edges_of(values.shape))
    except ImageFault as fault:
        reason = "image_inverted" if fault.reason == "inverted" else "image_without_contrast"
        raise ImageError(reason, f"The image {fault}") from fault
    is_number = np.isfinite(values)
    low, high = np.percentile(values[is_number], PERCENTS)
    offset = np.float32(brightness_offset(float(low), float(high)))
    return np.where(is_number, values - offset, np.float32(0))


def find_head(image: Volume) -> Mask:
    """Find the head: the largest bright piece, without the lower neck.

    Returns
    -------
    (x, y, z) array of bool

    Raises
    ------
    ImageError
        ``image_without_contrast`` when nothing stands out from the background.
    """
    coarse = resample(image, grid_around(image.grid.corners_mm, 4.0, 0.0))
    values = ndimage.gaussian_filter(coarse.values, 1.0)
    low, high = np.percentile(image.values, [1, 99])
    if not np.ptp(image.values) > 1e-3 * abs(float(high)):
        raise ImageError(
            "image_without_contrast",
            f"The image has no contrast: nearly all its values lie at {low:g}. "
            "Export or scan the session again.",
        )
    high = max(float(high), float(low) + 1e-6)
    head = largest_piece(values > low + 0.5 * _otsu((values - low) / (high - low)) * (high - low))
    head = ndimage.binary_closing(np.pad(head, 3), iterations=3)[3:-3, 3:-3, 3:-3]
    points = np.argwhere(head)
    if np.ptp(points, axis=0).min() * 4.0 < SMALLEST_EXTENT_MM * 0.7:
        raise ImageError("image_without_contrast", NO_HEAD)
    height = transform_points(coarse.affine, points.astype(float))[:, 2]
    kept = points[height > height.max() - HEAD_BELOW_TOP_MM]
    head = np.zeros_like(head)
    head[tuple(kept.T)] = True
    found = resample(Volume(head.astype(np.float32), coarse.affine), image.grid)
    return found.values > 0.1


def _otsu(values: Array) -> float:
    """Give the threshold that best parts values between 0 and 1 in two classes.

    References
    ----------
    Otsu N (1979). A threshold selection method from gray-level histograms. IEEE Trans Syst Man
    Cybern 9:62-66.
    """
    counts, edges = np.histogram(values, bins=128, range=(0, 1))
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centres)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] / counts.sum() * below - sums[:-1]) ** 2 / (below * above)
    return float(edges[1 + int(np.nanargmax(between))])


def _loaded(scan: Path) -> Volume:
    try:
        read_geometry(scan)
        image = cast(Any, nibabel.as_closest_canonical(nibabel.load(scan)))
        values = np.asarray(image.dataobj, dtype=np.float32)
    except ImageFault as fault:
        reason = "scan_not_a_head" if fault.reason == "not_3d" else f"scan_{fault.reason}"
        raise ImageError(reason, f"The image {fault}") from fault
    except (ImageFileError, EOFError, OSError, ValueError, zlib.error) as error:
        raise ImageError(
            "scan_unreadable", f"The image cannot be read ({error}). Export or copy it again."
        ) from error
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    extent = np.array(values.shape[:3]) * image.header.get_zooms()[:3] if values.ndim == 3 else None
    if extent is None or extent.min() < SMALLEST_EXTENT_MM:
        raise ImageError(
            "scan_not_a_head",
            f"The image has the shape {values.shape}, expected one 3-D image of at least "
            f"{SMALLEST_EXTENT_MM:g} mm along each axis. Is it a T1w image of the whole head?",
        )
    if max(image.header.get_zooms()[:3]) > LARGEST_VOXEL_MM:
        raise ImageError(
            "scan_too_coarse",
            f"The image has voxels of {max(image.header.get_zooms()[:3]):.1f} mm, expected at "
            f"most {LARGEST_VOXEL_MM:g} mm. Gray matter cannot be measured in it.",
        )
    return Volume(values, np.asarray(image.affine, dtype=np.float64))
