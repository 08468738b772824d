"""From tissue and growth to gray matter volume per parcel and whole-scan measures.

A parcel's name and hemisphere are the caller's; here parcels are the numbers of an atlas volume.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray
from scipy import ndimage

from ect_assets.problems import StudyError
from ect_assets.science.morphometry.volumetric.space import Matrix, transform_points

REACH_MM = 3.0
"""A voxel this near to a parcel, in the template, belongs to the nearest one."""


def read_atlas(atlas: Path) -> tuple[NDArray[np.int32], Matrix]:
    """Read a label volume in the template's space.

    Parameters
    ----------
    atlas : Path
        NIfTI file of whole numbers; 0 is no parcel.

    Returns
    -------
    (x, y, z) array of int, (4, 4) array

    Raises
    ------
    StudyError
        When it cannot be read or holds no labels.
    """
    try:
        image = cast(Any, nibabel.load(atlas))
        values = np.asarray(image.dataobj)
    except (ImageFileError, OSError, EOFError) as error:
        raise StudyError(f"The atlas {atlas.name} cannot be read ({error}).") from error
    labels = np.rint(values).astype(np.int32)
    if labels.ndim != 3 or not np.allclose(values, labels, atol=1e-3) or labels.max() < 1:
        raise StudyError(
            f"The atlas {atlas.name} must be a 3-D volume of whole numbers, 1 for the first parcel "
            f"and 0 elsewhere; found shape {values.shape}, {values.min():g} to {values.max():g}."
        )
    return labels, np.asarray(image.affine, dtype=np.float64)


def labels_at(
    labels: NDArray[np.int32], affine: Matrix, places_mm: NDArray[np.floating]
) -> NDArray[np.int32]:
    """Give the parcel at each place, or the nearest one within reach.

    An atlas labels the template's gray matter; a person's differs by a millimetre or two after
    registration. So a place without label takes the nearest parcel's within 3 mm, and how much
    of it is gray matter is left to the person's own tissue.

    Parameters
    ----------
    labels : (x, y, z) array of int
    affine : (4, 4) array
    places_mm : (n, 3) array
        In the template.

    Returns
    -------
    (n,) array of int
        0 where there is no parcel within reach.
    """
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    distance, nearest = ndimage.distance_transform_edt(
        labels == 0, sampling=spacing, return_indices=True
    )
    reached = np.where(distance <= REACH_MM, labels[tuple(nearest)], 0).astype(np.int32)
    index = transform_points(np.linalg.inv(affine), np.asarray(places_mm, dtype=np.float64)).T
    return ndimage.map_coordinates(reached, index, order=0, mode="constant", cval=0)


def parcel_sums(
    labels: NDArray[np.int32], values: NDArray[np.floating], n_parcels: int
) -> NDArray[np.float64]:
    """Sum values over each parcel, 1 to n."""
    sums = np.bincount(labels, weights=values, minlength=n_parcels + 1)[1 : n_parcels + 1]
    return sums.astype(np.float64)
