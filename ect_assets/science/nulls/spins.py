"""Parcels after a rotation of the sphere: which takes whose value.

Two published ways to assign rotated parcels to unrotated ones, each used once. Drawing rotations
belongs in `rotations`; maps, hemispheres and missing coordinates in `models`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ect_assets.science.statistics.arrays import FloatArray, finite

Assignment = NDArray[np.int64]

ROTATIONS_PER_TASK = 50


def vasa_assignment(
    coordinates: FloatArray, rotations: FloatArray, n_threads: int | None = None
) -> Assignment:
    """Give each parcel of one hemisphere a rotated parcel, each used once, loneliest first.

    Repeatedly takes, among the unrotated parcels without a partner, the one whose nearest free
    rotated parcel is farthest, and pairs the two.

    Parameters
    ----------
    coordinates : (n, 3) array
        Parcel centres on the sphere.
    rotations : (B, 3, 3) array
        Applied as ``coordinates @ rotation``.
    n_threads : int, optional
        Every processor by default; the result does not depend on it.

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
    from ect_assets.science.nulls.kernels import vasa

    return _in_threads(vasa, coordinates, rotations, n_threads)


def hungarian_assignment(
    coordinates: FloatArray, rotations: FloatArray, n_threads: int | None = None
) -> Assignment:
    """Give each parcel of one hemisphere a rotated parcel, each used once, nearest in sum.

    Minimises the sum of the distances (not squared) between the parcels that are paired.

    Parameters
    ----------
    coordinates, rotations, n_threads
        See `vasa_assignment`.

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
    Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage
    236:118052.
    """
    return _in_threads(_hungarian, coordinates, rotations, n_threads)


def _hungarian(coordinates: FloatArray, rotated: FloatArray) -> Assignment:
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    # cdist and linear_sum_assignment release the interpreter, so threads run side by side.
    return np.stack([linear_sum_assignment(cdist(coordinates, each))[1] for each in rotated])


def _in_threads(
    assign: Callable[[FloatArray, FloatArray], Assignment],
    coordinates: FloatArray,
    rotations: FloatArray,
    n_threads: int | None,
) -> Assignment:
    """Hand each thread some of the rotations; the parts come back in their order."""
    coordinates = np.ascontiguousarray(finite("The sphere coordinates", coordinates, 2))
    if coordinates.shape[1] != 3 or np.shape(rotations)[1:] != (3, 3):
        raise ValueError(
            "Sphere coordinates must be n x 3 and rotations B x 3 x 3; the shapes found are "
            f"{coordinates.shape} and {np.shape(rotations)}."
        )
    rotated = coordinates @ rotations
    parts = [
        rotated[start : start + ROTATIONS_PER_TASK]
        for start in range(0, len(rotated), ROTATIONS_PER_TASK)
    ]
    with ThreadPoolExecutor(n_threads or os.cpu_count()) as threads:
        return np.concatenate(list(threads.map(lambda part: assign(coordinates, part), parts)))
