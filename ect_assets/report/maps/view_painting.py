"""Pixels of a view: each parcel in its colour, shaded, some of them outlined.

Which colour a value has, and everything around the views, belongs in `brain_maps`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.sparse import csr_array

from ect_assets.report.maps.brain_views import FINER, SIDES, View, brain_views, in_blocks, triangles
from ect_assets.report.maps.parcels_on_surface import NO_PARCEL, SurfaceParcels

OUTSIDE = -2
"""Stands for the parcel of a pixel without brain."""

OWN_SHARE = 0.5
"""What a vertex's own label counts against those around it; half keeps every vertex its label."""


@lru_cache(maxsize=8)
def parcels_seen(surface: SurfaceParcels, width: int) -> tuple[NDArray[np.int32], ...]:
    """Find the parcel that each pixel of the four views shows.

    Between vertices that is the label which counts most there, of the three corners of the
    triangle and of the vertices around each. So borders run smoothly where those between the
    nearest vertices would go in steps, and every vertex still shows its own parcel.

    Parameters
    ----------
    width : int
        Of each view, in pixels.

    Returns
    -------
    tuple of (height, width) arrays of int
        In the order of `brain_views`; position among the parcels, -1 for none, -2 outside the
        brain.
    """
    shares = {side: _label_shares(surface.of(side), triangles(side)) for side in SIDES}
    return tuple(
        _seen(view, surface.of(view.side), shares[view.side]) for view in brain_views(width)
    )


def _label_shares(labels: NDArray[np.int64], faces: NDArray[np.int64]) -> NDArray[np.float32]:
    """Say how much each label counts at each vertex: (n_vertices, highest label + 2).

    The last column is that of no parcel, where -1 points.
    """
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    # Each edge belongs to two triangles, which go along it in opposite directions.
    edges = csr_array((np.ones(len(starts)), (starts, ends)), shape=(len(labels),) * 2)
    n_columns = int(labels.max()) + 2
    own = np.zeros((len(labels), n_columns))
    own[np.arange(len(labels)), labels] = 1
    around = (edges @ own) / edges.sum(axis=1)[:, None]
    return (OWN_SHARE * own + (1 - OWN_SHARE) * around).astype(np.float32)


def _seen(view: View, labels: NDArray[np.int64], shares: NDArray[np.float32]) -> NDArray[np.int32]:
    candidates = labels[view.corners]
    counts = np.zeros(candidates.shape)
    for corner in range(3):
        of_corner = shares[view.corners[:, corner, None], candidates]
        counts += view.weights[:, corner, None] * of_corner
    chosen = counts.argmax(axis=1)[:, None]
    seen = np.full(view.is_brain.shape, OUTSIDE, dtype=np.int32)
    seen[view.is_brain] = np.take_along_axis(candidates, chosen, axis=1)[:, 0]
    seen.flags.writeable = False
    return seen


def painted(
    view: View,
    seen: NDArray[np.int32],
    palette: NDArray[np.float32],
    is_outlined: NDArray[np.bool_],
    line_width: float,
) -> NDArray[np.uint8]:
    """Paint a view; edges are smooth, since four of its pixels are averaged to one.

    Parameters
    ----------
    seen : (height, width) array of int
        From `parcels_seen`.
    palette : (n_parcels + 1, 3) array of 32-bit float
        Red, green, blue of each parcel between 0 and 1, and at the end those of no parcel.
    is_outlined : (n_parcels,) array of bool
        Which parcels have a black line along their border.
    line_width : float
        In pixels of the image.

    Returns
    -------
    (height / 2, width / 2, 3) array of 8-bit int
        On white.
    """
    # The parcel -1, none, has the last colour.
    colours = palette[np.maximum(seen, NO_PARCEL)]
    colours[~view.is_brain] = 1
    if is_outlined.any():
        colours[_borders(seen, is_outlined, line_width * FINER)] = 0
    blocks = in_blocks(colours)
    total = sum(blocks[:, down, :, right] for down in range(FINER) for right in range(FINER))
    averaged = total / np.float32(FINER**2) * view.brightness[..., None]
    return np.rint(averaged * 255).astype(np.uint8)


def _borders(
    seen: NDArray[np.int32], is_outlined: NDArray[np.bool_], line_width: float
) -> NDArray[np.bool_]:
    """Mark the pixels of lines around the outlined parcels."""
    inside = np.append(is_outlined, False)[np.maximum(seen, NO_PARCEL)] & (seen != OUTSIDE)
    innermost = inside & (maximum_filter(seen, 3) != minimum_filter(seen, 3))
    return maximum_filter(innermost, max(round(line_width), 1))
