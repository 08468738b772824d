"""Compiled loop that finds which triangle each pixel of a view shows.

Importing this module loads numba (half a second), so it is imported where it is used, by
`brain_views`. No `fastmath`: the same surface must give the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, error_model="numpy")
def nearest_faces(
    corners: NDArray[np.float64],
    width: int,
    height: int,
    face: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> None:
    """Find for each pixel the triangle nearest to the eye that covers its centre.

    Parameters
    ----------
    corners : (n, 3, 3) array
        Column and row in pixels, and nearness to the eye, of each corner of each triangle.
    width, height : int
        Of the view.
    face : (height * width,) array of int
        Filled with the triangle, -1 where there is none; of equally near ones the first.
    weights : (height * width, 3) array
        Filled with how much each corner counts there.
    """
    nearness = np.full(face.size, -np.inf)
    face[:] = -1
    for number in range(len(corners)):
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = corners[number]
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        left, top = np.floor(min(ax, bx, cx)), np.floor(min(ay, by, cy))
        right, bottom = np.ceil(max(ax, bx, cx)), np.ceil(max(ay, by, cy))
        for row in range(max(top, 0), min(bottom, height)):
            for column in range(max(left, 0), min(right, width)):
                x, y = column + 0.5 - cx, row + 0.5 - cy
                first = ((by - cy) * x + (cx - bx) * y) / area
                second = ((cy - ay) * x + (ax - cx) * y) / area
                third = 1 - first - second
                if not (first >= 0 and second >= 0 and third >= 0):
                    continue
                near = first * az + second * bz + third * cz
                pixel = row * width + column
                if near > nearness[pixel]:
                    nearness[pixel], face[pixel] = near, number
                    weights[pixel, 0], weights[pixel, 1], weights[pixel, 2] = first, second, third
