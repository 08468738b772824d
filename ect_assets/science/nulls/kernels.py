"""Compiled loops of the null models.

Importing this module loads numba (half a second), so `spins` imports it where it is used. What
the loops are for is said there; only what numpy cannot do fast enough belongs here. No `fastmath`:
ties between distances must fall as they do in numpy.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ect_assets.science.statistics.arrays import FloatArray


@njit(nogil=True, cache=True)
def first_smallest(values: FloatArray) -> int:
    """Find the first position of the smallest value; four running minima go side by side."""
    n = values.size
    a = b = c = d = np.inf
    for j in range(0, n - 3, 4):
        a = min(a, values[j])
        b = min(b, values[j + 1])
        c = min(c, values[j + 2])
        d = min(d, values[j + 3])
    for j in range(n - n % 4, n):
        a = min(a, values[j])
    smallest = min(min(a, b), min(c, d))
    j = 0
    while values[j] != smallest:
        j += 1
    return j


@njit(nogil=True, cache=True)
def vasa(coordinates: FloatArray, rotated: FloatArray) -> NDArray[np.int64]:
    """Pair unrotated and rotated parcels, the loneliest unrotated parcel first.

    Parameters
    ----------
    coordinates : (n, 3) array
        Parcel centres, all finite.
    rotated : (B, n, 3) array
        The same after each rotation.

    Returns
    -------
    (B, n) array of int
    """
    n_rotations, n = rotated.shape[0], rotated.shape[1]
    assignment = np.empty((n_rotations, n), dtype=np.int64)
    squared = np.empty((n, n))
    nearest = np.empty(n, dtype=np.int64)
    distance = np.empty(n)
    for rotation in range(n_rotations):
        places = rotated[rotation].T.copy()
        for i in range(n):
            for j in range(n):
                x = coordinates[i, 0] - places[0, j]
                y = coordinates[i, 1] - places[1, j]
                z = coordinates[i, 2] - places[2, j]
                squared[i, j] = x * x + y * y + z * z
            nearest[i] = first_smallest(squared[i])
            distance[i] = squared[i, nearest[i]]
        for _ in range(n):
            row = np.argmax(distance)
            column = nearest[row]
            assignment[rotation, row] = column
            distance[row] = -np.inf
            nearest[row] = -1
            for i in range(n):
                if nearest[i] >= 0:
                    squared[i, column] = np.inf
                if nearest[i] == column:
                    nearest[i] = first_smallest(squared[i])
                    distance[i] = squared[i, nearest[i]]
    return assignment
