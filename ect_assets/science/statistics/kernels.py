"""Compiled loops of the statistics.

Importing this module loads numba (half a second), so it is imported where it is used. Only what
numpy cannot do fast enough belongs here.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ect_assets.science.statistics.arrays import FloatArray


@njit(nogil=True, cache=True)
def count_reaching(null: FloatArray, thresholds: FloatArray, counts: NDArray[np.int64]) -> None:
    """Count in each row how many values reach its threshold in either direction.

    Parameters
    ----------
    null : (m, b) array
        Values, all finite.
    thresholds : (m,) array
        Not negative.
    counts : (m,) array of int
        Filled with #{|null| >= threshold}.
    """
    for i in range(null.shape[0]):
        threshold = thresholds[i]
        count = 0
        for j in range(null.shape[1]):
            count += abs(null[i, j]) >= threshold
        counts[i] = count
