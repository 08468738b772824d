"""What the voxels of an image show: whether there is a picture, and by what a copy is known.

Everything is estimated from a small part of the voxels, taken while a file is read once from
beginning to end. How good the picture is (noise, contrast of tissue) belongs in `morphometry`.
"""

from __future__ import annotations

import base64
import math

import numpy as np

from ect_assets.science.imaging.geometry import Geometry, ImageFault
from ect_assets.science.plausibility import BACKGROUND_BRIGHTNESS, IMAGE_CONTRAST

N_SAMPLED = 40_000
PERCENTS = (0.5, 99.5)
EDGE_SHARE = 0.05
"""A voxel this near to the ends of two axes lies along an edge of the image: in air."""
FEWEST_AT_EDGES = 50
MOST_OFFSET = 0.1
"""Relative to the brightest voxels; a darkest value within it is noise or ringing, no offset."""

N_PLACES = 1_024
CENTRAL = 0.6
"""Share of each axis, around its middle, in which a fingerprint is taken: there is the head."""
FEWEST_SIGNS = 200
MOST_OPPOSED = 0.01
"""Share of signs in which two copies may differ: rescaling and rounding leave none opposed. Two
scans of one head in the same place have 7 % at a noise of 0.2 % of white matter, and 16 % at 1 %
(two real T1w images with noise added)."""


class PictureSample:
    """Takes voxels of an image while it is read, block by block.

    Parameters
    ----------
    geometry : Geometry
        Of the image.
    """

    def __init__(self, geometry: Geometry):
        self._geometry = geometry
        self._places = _sampled_places(geometry.shape)
        self._values = np.empty(len(self._places), geometry.dtype)
        self._first = _fingerprint_places(geometry.shape)
        # Both of a pair: a block may end between them.
        self._pairs = np.empty((2, len(self._first)), geometry.dtype)
        self._at = 0

    def add(self, block: np.ndarray) -> None:
        """Take what is wanted of the next block."""
        _take(block, self._at, self._places, self._values)
        _take(block, self._at, self._first, self._pairs[0])
        _take(block, self._at, self._first + 1, self._pairs[1])
        self._at += len(block)

    def check(self) -> None:
        """Refuse an image without a picture, or with an inverted one.

        Raises
        ------
        ImageFault
            ``empty``, ``without_contrast`` or ``inverted``.
        """
        values = self._values * self._geometry.slope + self._geometry.inter
        check_picture(values.astype(np.float64), _is_at_edge(self._places, self._geometry.shape))

    def fingerprint(self) -> str | None:
        """Give the signs of the differences between neighbouring voxels, as text.

        Returns
        -------
        str or None
            None where too few neighbours differ: a small or drawn picture.
        """
        first, second = self._pairs
        signs = np.stack([second > first, second < first])
        if self._geometry.slope < 0:
            signs = signs[::-1]
        if signs.sum() < FEWEST_SIGNS:
            return None
        return base64.b64encode(np.packbits(signs, axis=1).tobytes()).decode("ascii")


def check_picture(values: np.ndarray, is_edge: np.ndarray) -> None:
    """Refuse values that are no picture of a head.

    Parameters
    ----------
    values : (n,) array of float
        Of the whole image, or a fair sample of it.
    is_edge : (n,) array of bool
        Which of them lie along an edge of the image.

    Raises
    ------
    ImageFault
        ``empty``, ``without_contrast`` or ``inverted``.
    """
    is_number = np.isfinite(values)
    if not is_number.any():
        raise ImageFault("empty", "has no picture: its voxels are not a number")
    low, high = np.percentile(values[is_number], PERCENTS)
    if not high > low:
        raise ImageFault("empty", f"has no picture: nearly all its voxels are {low:g}")
    contrast = (high - low) / max(abs(low), abs(high))
    if not IMAGE_CONTRAST.allow(contrast):
        raise ImageFault(
            "without_contrast",
            f"has almost no contrast: 99 % of its voxels lie between {low:g} and {high:g}, "
            f"expected a range of at least {IMAGE_CONTRAST.low:.0%} of the largest value",
            "Export or scan the session again.",
        )
    edge = values[is_number & is_edge]
    if len(edge) < FEWEST_AT_EDGES:
        return
    background = float((np.median(edge) - low) / (high - low))
    if background > BACKGROUND_BRIGHTNESS.high:
        raise ImageFault(
            "inverted",
            "is inverted: its background is as bright as its brightest tissue (air is dark in a "
            "T1-weighted image)",
            "Export the image again without inverting its gray scale.",
        )


def edges_of(shape: tuple[int, ...]) -> np.ndarray:
    """Mark the voxels along the edges of an image.

    Parameters
    ----------
    shape : (3,) tuple of int

    Returns
    -------
    (x, y, z) array of bool
    """
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    x, y, z = (_is_end(axis, size) for axis, size in zip(axes, shape, strict=True))
    return (x & y) | (y & z) | (x & z)


def brightness_offset(low: float, high: float) -> float:
    """Say by what to shift an image so that its background is near zero.

    Parameters
    ----------
    low, high : float
        Darkest and brightest values, without outliers.

    Returns
    -------
    float
        0 where the background is near zero as it is; what is to be subtracted otherwise.
    """
    return 0.0 if abs(low) <= MOST_OFFSET * high else low


def _sampled_places(shape: tuple[int, int, int]) -> np.ndarray:
    """Choose every so manieth voxel, by a step that falls on all rows and columns alike."""
    step = max(math.prod(shape) // N_SAMPLED, 1)
    while math.gcd(step, shape[0] * shape[1]) > 1:
        step += 1
    return np.arange(0, math.prod(shape), step)


def _is_at_edge(places: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    axes = np.unravel_index(places, shape, order="F")
    ends = [_is_end(axis, size) for axis, size in zip(axes, shape, strict=True)]
    return np.sum(ends, axis=0) >= 2


def _is_end(index: np.ndarray, size: int) -> np.ndarray:
    width = max(EDGE_SHARE * size, 1)
    return (index < width) | (index >= size - width)


def _fingerprint_places(shape: tuple[int, int, int]) -> np.ndarray:
    """Spread places evenly over the middle of an image, the same for each image of its shape.

    References
    ----------
    Roberts M (2018). The unreasonable effectiveness of quasirandom sequences (the sequence R3).
    """
    root = 1.2207440846057596
    share = (np.arange(1, N_PLACES + 1)[:, None] * root ** -np.arange(1.0, 4.0)) % 1
    share = (1 - CENTRAL) / 2 + CENTRAL * share
    index = np.minimum((share * shape).astype(np.int64), np.array(shape) - [2, 1, 1])
    return np.unique(np.ravel_multi_index(tuple(index.T), shape, order="F"))


def _take(block: np.ndarray, begin: int, places: np.ndarray, into: np.ndarray) -> None:
    first, last = np.searchsorted(places, [begin, begin + len(block)])
    into[first:last] = block[places[first:last] - begin]
