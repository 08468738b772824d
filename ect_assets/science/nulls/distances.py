"""Distances between parcels, checked before Moran or variogram surrogates use them.

What can be wrong with a matrix of distances is said here once. Which distances are taken belongs
in `models`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite


def usable_distances(distances: ArrayLike) -> FloatArray:
    """Return the distances as a float array, or say why they cannot be used.

    Parameters
    ----------
    distances : (n, n) array
        Symmetric, positive off the diagonal.

    Returns
    -------
    (n, n) array

    Raises
    ------
    ValueError
        When the matrix is not square and symmetric, or two places coincide.
    """
    distances = finite("The distances", distances, 2)
    n = len(distances)
    if distances.shape != (n, n) or not np.allclose(distances, distances.T):
        raise ValueError(f"The distances ({distances.shape}) must be a symmetric square matrix.")
    apart = distances + np.eye(n)
    if (apart <= 0).any():
        i, j = np.argwhere(apart <= 0)[0]
        raise ValueError(
            f"Places {i} and {j} (counted from 0) have distance {distances[i, j]:g}: inverse "
            "distances and variograms need places that differ."
        )
    return distances
