"""What is derived where an atlas's files do not say: volumes, surfaces, central points.

Everything here is deterministic. The brains it is derived on belong in `template`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.template import (
    N_VERTICES,
    FloatArray,
    IntArray,
    cortical_gray_matter,
    midthickness,
    unit_sphere,
)
from ect_assets.science.parcellations.volume_files import LabelVolume, mean_places

Surfaces = tuple[IntArray, IntArray]

FARTHEST_VERTEX_MM = 6.0
"""How far a gray matter voxel may lie from the vertex whose label it takes."""

FARTHEST_VOXEL_MM = 3.0
"""How far a vertex may lie from the voxel whose label it takes."""

FARTHEST_CORTEX_MM = 10.0
"""How far the central voxel of a parcel of cortex may lie from the cortex."""

SPHERE = ["x_sphere", "y_sphere", "z_sphere"]
MNI = ["x_mni_mm", "y_mni_mm", "z_mni_mm"]


def volume_of_surfaces(surfaces: Surfaces) -> LabelVolume:
    """Give each voxel of the template's cortical gray matter the nearest vertex's label.

    Vertices are those of fsaverage5's midthickness within 6 mm; where the nearest is in no
    parcel (the medial wall), the voxel is in none either.

    Parameters
    ----------
    surfaces : pair of (10242,) arrays of int
        parcel_index of each left and each right vertex; 0 is no parcel.

    Returns
    -------
    LabelVolume
        On nilearn's MNI152 template, 1 mm.
    """
    from scipy.spatial import KDTree

    mask, affine = cortical_gray_matter()
    vertices = np.concatenate([midthickness("L"), midthickness("R")])
    # One more label for voxels beyond the limit, to which the tree gives the number past the last.
    labels = np.concatenate([*surfaces, [0]])
    _, nearest = KDTree(vertices).query(
        apply_affine(affine, np.argwhere(mask)), distance_upper_bound=FARTHEST_VERTEX_MM
    )
    volume = np.zeros(mask.shape, dtype=np.int64)
    volume[mask] = labels[nearest]
    return LabelVolume(volume, affine)


def surfaces_of_volume(volume: LabelVolume, parcels: pd.DataFrame) -> Surfaces | None:
    """Give each vertex of fsaverage5's midthickness the label of the nearest voxel within 3 mm.

    Only parcels of cortex count, and for each hemisphere only its own and those of both.

    Parameters
    ----------
    volume : LabelVolume
        In MNI152.
    parcels : DataFrame
        parcel_index, hemisphere, structure.

    Returns
    -------
    pair of (10242,) arrays of int, or None
        Left and right; None when no parcel is of cortex.
    """
    if not (parcels["structure"] == "cortex").any():
        return None
    return _sampled(volume, parcels, "L"), _sampled(volume, parcels, "R")


def _sampled(volume: LabelVolume, parcels: pd.DataFrame, side: str) -> IntArray:
    from scipy.spatial import KDTree

    is_here = (parcels["structure"] == "cortex") & parcels["hemisphere"].isin([side, "B"])
    voxels = np.argwhere(np.isin(volume.labels, parcels.loc[is_here, "parcel_index"].to_numpy()))
    if len(voxels) == 0:
        return np.zeros(N_VERTICES, dtype=np.int64)
    _, nearest = KDTree(apply_affine(volume.affine, voxels)).query(
        midthickness(side), distance_upper_bound=FARTHEST_VOXEL_MM
    )
    return np.append(volume.labels[tuple(voxels.T)], 0)[nearest]


def sphere_centroids(
    parcels: pd.DataFrame, surfaces: Surfaces | None, central: FloatArray
) -> FloatArray:
    """Find each parcel's place on the sphere of its hemisphere.

    The mean of the parcel's vertices on the sphere may lie outside a curved parcel; the vertex of
    the parcel that is nearest to it is taken. A parcel of cortex too small to reach any vertex
    has the place of the vertex nearest to its central point.

    Parameters
    ----------
    parcels : DataFrame
        parcel_index, parcel, hemisphere, structure.
    surfaces : pair of (10242,) arrays of int, or None
        parcel_index of each vertex.
    central : (n_parcels, 3) array
        Central points in mm of MNI152.

    Returns
    -------
    (n_parcels, 3) array
        Length 1; not a number where a parcel is not of cortex, or of both hemispheres.

    Raises
    ------
    StudyError
        When a parcel of cortex lies far from the cortex.
    """
    result = np.full((len(parcels), 3), np.nan)
    if surfaces is None:
        return result
    labels = dict(zip("LR", surfaces, strict=True))
    columns = [parcels[name] for name in ("parcel_index", "hemisphere", "structure", "parcel")]
    for row, (index, side, structure, name) in enumerate(zip(*columns, strict=True)):
        if structure != "cortex" or side not in labels:
            continue
        own = unit_sphere(side)[labels[side] == index]
        if len(own) > 0:
            result[row] = own[nearest_to_mean(own)]
        else:
            result[row] = unit_sphere(side)[_nearest_vertex(side, central[row], name)]
    return result


def _nearest_vertex(side: str, place: FloatArray, name: str) -> int:
    distances = np.linalg.norm(midthickness(side) - place, axis=1)
    if distances.min() > FARTHEST_CORTEX_MM:
        x, y, z = place.round()
        raise StudyError(
            f"The parcel {name} is labelled cortex, but its centre (MNI {x:.0f}, {y:.0f}, "
            f"{z:.0f} mm) lies {distances.min():.0f} mm from it. Fix `structure` or `hemisphere` "
            "in the atlas's table."
        )
    return int(distances.argmin())


def central_voxels(volume: LabelVolume, parcel_indices: pd.Series) -> FloatArray:
    """Find, for each parcel, the voxel of it that is nearest to the mean of its voxels.

    Parameters
    ----------
    volume : LabelVolume
        In MNI152.
    parcel_indices : Series of int
        Which parcels; each has a voxel.

    Returns
    -------
    (n_parcels, 3) array
        In mm of MNI152.
    """
    voxels = np.argwhere(volume.labels)
    labels = volume.labels[tuple(voxels.T)]
    places = apply_affine(volume.affine, voxels)
    means = mean_places(volume)
    position = np.searchsorted(means.index, labels)
    distances = np.linalg.norm(places - means.to_numpy()[position], axis=1)
    # The first of equally near voxels is taken, in the order of the volume.
    order = np.lexsort((distances, position))
    _, first = np.unique(position[order], return_index=True)
    central = pd.DataFrame(places[order[first]], index=means.index)
    return central.loc[parcel_indices.to_list()].to_numpy()


def central_vertices(surfaces: Surfaces, parcels: pd.DataFrame) -> FloatArray:
    """Find, for each parcel, the midthickness vertex of it that is nearest to their mean.

    Parameters
    ----------
    surfaces : pair of (10242,) arrays of int
        parcel_index of each vertex.
    parcels : DataFrame
        parcel_index and hemisphere (``L`` or ``R``); each has a vertex.

    Returns
    -------
    (n_parcels, 3) array
        In mm of MNI152.
    """
    labels = dict(zip("LR", surfaces, strict=True))
    rows = []
    for index, side in zip(parcels["parcel_index"], parcels["hemisphere"], strict=True):
        own = midthickness(side)[labels[side] == index]
        rows.append(own[nearest_to_mean(own)])
    return np.array(rows)


def nearest_to_mean(points: FloatArray) -> int:
    """Give the row of the point (n, 3) that is nearest to their mean, the first of equals."""
    return int(np.linalg.norm(points - points.mean(axis=0), axis=1).argmin())
