"""Parcels after a rotation of the sphere: which takes whose value.

One published way to assign rotated parcels to unrotated ones. Drawing rotations belongs in
`rotations`; maps, hemispheres and missing coordinates in `models`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ect_assets.statistics.arrays import FloatArray, finite


def vasa_assignment(
    coordinates: FloatArray, rotations: FloatArray, chunk_size: int = 64
) -> NDArray[np.int64]:
    """Give each parcel of one hemisphere a rotated parcel, each used once.

    Repeatedly takes, among the unrotated parcels without a partner, the one whose nearest free
    rotated parcel is farthest, and pairs the two. Vectorised over rotations: all rotations of a
    chunk make their k-th choice together, and only parcels whose nearest partner was just taken
    look for the next.

    Parameters
    ----------
    coordinates : (n, 3) array
        Parcel centres on the sphere.
    rotations : (B, 3, 3) array
        Applied as ``coordinates @ rotation``.
    chunk_size : int
        How many rotations are held at once (x n x n x 8 bytes, a few times).

    Returns
    -------
    (B, n) array of int
        The null value of parcel i is ``values[assignment[b, i]]``.

    Raises
    ------
    ValueError
        When a coordinate is missing or shapes do not fit.

    References
    ----------
    Vasa F et al. (2018). Adolescent tuning of association cortex in human structural brain
    networks. Cereb Cortex 28:281-294 (rotate_parcellation, method "vasa").
    """
    coordinates = finite("The sphere coordinates", coordinates, 2)
    if coordinates.shape[1] != 3 or np.shape(rotations)[1:] != (3, 3):
        raise ValueError(
            "Sphere coordinates must be n x 3 and rotations B x 3 x 3; the shapes found are "
            f"{coordinates.shape} and {np.shape(rotations)}."
        )
    assignment = np.empty((len(rotations), len(coordinates)), dtype=np.int64)
    for start in range(0, len(rotations), chunk_size):
        part = slice(start, start + chunk_size)
        assignment[part] = _assign(_squared_distances(coordinates, rotations[part]))
    return assignment


def _squared_distances(coordinates: FloatArray, rotations: FloatArray) -> FloatArray:
    """(b, n, n) squared distances of unrotated parcel i and rotated parcel j."""
    rotated = coordinates @ rotations
    n = len(coordinates)
    squared = np.zeros((len(rotations), n, n))
    for axis in range(3):
        difference = coordinates[:, axis, None] - rotated[:, None, :, axis]
        squared += difference * difference
    return squared


def _assign(distances: FloatArray) -> NDArray[np.int64]:
    """Pair rows and columns of each matrix; the distances are overwritten."""
    n_rotations, n, _ = distances.shape
    every = np.arange(n_rotations)
    nearest = distances.argmin(axis=2)
    distance = np.take_along_axis(distances, nearest[:, :, None], axis=2)[:, :, 0]
    assignment = np.empty((n_rotations, n), dtype=np.int64)
    for _ in range(n):
        row = distance.argmax(axis=1)
        column = nearest[every, row]
        assignment[every, row] = column
        distances[every, :, column] = np.inf
        distance[every, row] = -np.inf
        nearest[every, row] = -1
        rotation, bereft = np.nonzero(nearest == column[:, None])
        left = distances[rotation, bereft]
        second = left.argmin(axis=1)
        nearest[rotation, bereft] = second
        distance[rotation, bereft] = left[np.arange(len(second)), second]
    return assignment
