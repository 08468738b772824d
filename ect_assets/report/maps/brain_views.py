"""The cortex seen from four sides: which vertices each pixel shows, and how bright it is.

Both hemispheres of fsaverage5, inflated so that the depths of the folds are seen, from outside
and from the midline. A view is worked out once per process and size; a map then only looks its
colours up. What is drawn on the views belongs in `view_painting` and `brain_maps`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nibabel.gifti import GiftiImage
from numpy.typing import NDArray

from ect_assets.science.parcellations.template import package_file

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FINER = 2
"""How many pixels of a view become one of the image, along both sides."""

SIDES = {"L": "left", "R": "right"}
VIEWS = (("L", "lateral"), ("L", "medial"), ("R", "medial"), ("R", "lateral"))
WIDTH_MM, HEIGHT_MM = 222.0, 152.0
"""What a view shows: a little more than the inflated hemisphere."""

DIMMEST = 0.82
"""Brightness where the surface turns away from the eye."""
SULCUS_DIMMED = 0.08
"""How much darker the depth of a sulcus is than the crown of a gyrus."""
SHADES = 50
"""Steps of brightness, too fine to be seen; pictures of few colours make small files."""


@dataclass(frozen=True, eq=False)
class View:
    """One hemisphere from one direction.

    Attributes
    ----------
    side : str
        ``L`` or ``R``.
    direction : str
        ``lateral`` or ``medial``.
    is_brain : (height, width) array of bool
        Which pixels show the brain; top row first.
    corners : (n, 3) array of int
        Vertices around what each of these pixels shows, row by row.
    weights : (n, 3) array of 32-bit float
        How near it is to each of them; the sum is 1.
    brightness : (height / 2, width / 2) array of 32-bit float
        Between 0 and 1, of blocks of four pixels; 1 outside the brain.
    """

    side: str
    direction: str
    is_brain: NDArray[np.bool_]
    corners: NDArray[np.int32]
    weights: NDArray[np.float32]
    brightness: NDArray[np.float32]


@lru_cache(maxsize=4)
def brain_views(width: int) -> tuple[View, ...]:
    """See both hemispheres from both sides, the front of each towards the outer margins.

    Parameters
    ----------
    width : int
        Of each view in pixels, an even number; the height follows, even too.

    Returns
    -------
    tuple of View
        Left lateral, left medial, right medial, right lateral, all in one scale.
    """
    return tuple(_view(side, direction, width) for side, direction in VIEWS)


def triangles(side: str) -> IntArray:
    """Give the vertices (20480, 3) of each triangle of a hemisphere; side is ``L`` or ``R``."""
    return _surface(side)[1]


def _view(side: str, direction: str, width: int) -> View:
    places, faces, depth_of_sulcus = _surface(side)
    # Seen from the left, the front of the brain is at the left; x grows to the right of the head.
    from_left = (side == "L") == (direction == "lateral")
    eye = -1.0 if from_left else 1.0
    scale = width / WIDTH_MM
    height = FINER * round(HEIGHT_MM * scale / FINER)
    x, y, z = places.T
    on_screen = np.column_stack([width / 2 + eye * y * scale, height / 2 - z * scale, eye * x])
    of_face, normals = _normals(places, faces)
    visible = faces[eye * of_face[:, 0] > 0]
    pixel, face, weights = _rasterised(on_screen, visible, width, height)
    corners = visible[face]
    is_brain = np.zeros(height * width, dtype=bool)
    is_brain[pixel] = True
    facing = np.clip(eye * normals[:, 0], 0, 1)
    shade = (DIMMEST + (1 - DIMMEST) * facing) * (1 - SULCUS_DIMMED * depth_of_sulcus)
    brightness = np.full(height * width, np.nan)
    brightness[pixel] = (weights * shade[corners]).sum(axis=1)
    return View(
        side,
        direction,
        _fixed(is_brain.reshape(height, width)),
        _fixed(corners.astype(np.int32)),
        _fixed(weights.astype(np.float32)),
        _fixed(_in_steps(brightness.reshape(height, width))),
    )


def _in_steps(brightness: FloatArray) -> NDArray[np.float32]:
    """Average what is known (else NaN) over blocks of pixels, and round it."""
    blocks = in_blocks(brightness)
    is_known = np.isfinite(blocks)
    total, count = np.where(is_known, blocks, 0).sum(axis=(1, 3)), is_known.sum(axis=(1, 3))
    mean = np.where(count > 0, total / np.maximum(count, 1), 1)
    return (np.rint(mean * SHADES) / SHADES).astype(np.float32)


def in_blocks(image: NDArray) -> NDArray:
    """See an image (height, width, ...) as blocks: (height / 2, 2, width / 2, 2, ...)."""
    height, width, *rest = image.shape
    return image.reshape(height // FINER, FINER, width // FINER, FINER, *rest)


@lru_cache(maxsize=2)
def _surface(side: str) -> tuple[FloatArray, IntArray, FloatArray]:
    """Read places (10242, 3), triangles (20480, 3) and depth in the sulcus, 0 to 1 (10242,)."""
    name = f"datasets/data/fsaverage5/{{}}_{SIDES[side]}.gii.gz"
    surface = GiftiImage.from_filename(package_file("nilearn", name.format("infl"))).agg_data()
    sulcus = GiftiImage.from_filename(package_file("nilearn", name.format("sulc"))).agg_data()
    # FreeSurfer counts depth as positive; a soft step about zero separates sulci from gyri.
    depth = np.clip(0.5 + np.asarray(sulcus, dtype=np.float64) / 0.5, 0, 1)
    return np.asarray(surface[0], dtype=np.float64), np.asarray(surface[1], dtype=np.int64), depth


def _normals(places: FloatArray, faces: IntArray) -> tuple[FloatArray, FloatArray]:
    """Say where the surface faces: at each triangle, and at each vertex with length 1."""
    first, second, third = (places[faces[:, corner]] for corner in range(3))
    of_face = np.cross(second - first, third - first)
    normals = np.column_stack(
        [
            np.bincount(faces.ravel(), np.repeat(of_face[:, axis], 3), minlength=len(places))
            for axis in range(3)
        ]
    )
    return of_face, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _rasterised(
    places: FloatArray, faces: IntArray, width: int, height: int
) -> tuple[IntArray, IntArray, FloatArray]:
    """Find the triangle that each pixel's centre shows: the nearest to the eye that covers it.

    Parameters
    ----------
    places : (n_vertices, 3) array
        Column and row in pixels, and nearness to the eye.
    faces : (n_faces, 3) array of int

    Returns
    -------
    pixel : (n,) array of int
        Which pixels show anything, counted along the rows.
    face : (n,) array of int
    weights : (n, 3) array
        How much each corner of the triangle counts there; the sum is 1.
    """
    # Loads numba, which only this needs.
    from ect_assets.report.maps.kernels import nearest_faces

    face = np.empty(width * height, dtype=np.int64)
    weights = np.empty((width * height, 3))
    nearest_faces(places[faces], width, height, face, weights)
    seen = np.flatnonzero(face >= 0)
    return seen, face[seen], weights[seen]


def _fixed(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array
