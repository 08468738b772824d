"""Means of parcels of a map on a surface or in MNI152: one number a parcel, or none.

How files are read belongs in `intake.map_files`; labels come from the packaged atlases.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine

from ect_assets.problems import StudyError
from ect_assets.reference.loaders import reference_file
from ect_assets.science.morphometry.atlas_transfer import carry_labels, fsaverage_sphere
from ect_assets.science.parcellations.atlas import Atlas
from ect_assets.science.parcellations.surface_files import OTHER_SURFACES, SURFACES
from ect_assets.science.parcellations.template import FloatArray, IntArray, brain
from ect_assets.science.parcellations.volume_files import SHARE_IN_BRAIN

COVERED = 0.5
"""A parcel has a value where at least this share of its vertices or voxels has one."""
FS_LR = 32_492
"""Vertices of a hemisphere of fs_LR at 2 mm, on which HCP-MMP is packaged."""


def surface_labels(atlas: Atlas, side: str, n_vertices: int) -> IntArray:
    """Give the parcel_index of each vertex of a hemisphere, 0 for none.

    Parameters
    ----------
    side : str
        ``L`` or ``R``.
    n_vertices : int
        Of the map: 10,242, 40,962 or 163,842 of fsaverage, or 32,492 of fs_LR.

    Raises
    ------
    StudyError
        When the atlas has no labels on such a surface.
    """
    if n_vertices == FS_LR and atlas.name == "hcp_mmp":
        return _hcp_mmp(f"fslr32k_{side}")
    if n_vertices not in SURFACES:
        known = f" ({OTHER_SURFACES[n_vertices]})" if n_vertices in OTHER_SURFACES else ""
        expected = ", ".join(f"{number:,} ({name})" for number, name in SURFACES.items())
        raise StudyError(
            f"The map has {n_vertices:,} vertices{known}, on which {atlas.name} has no labels "
            f"here; it has on {expected}. Carry the map over (`wb_command -metric-resample`, "
            "`mri_surf2surf`), or give one value for each parcel."
        )
    if atlas.surfaces is None:
        raise StudyError(f"{atlas.name} has no cortical surface. Give one value for each parcel.")
    if atlas.name == "hcp_mmp":
        return _hcp_mmp(f"fsaverage_{side}")[:n_vertices]
    labels = atlas.surfaces["LR".index(side)]
    if n_vertices == len(labels):
        return labels
    sphere = fsaverage_sphere()
    # Each surface of fsaverage begins with the vertices of the coarser one.
    return carry_labels(labels, sphere[: len(labels)], sphere[:n_vertices])


def _hcp_mmp(name: str) -> IntArray:
    with np.load(reference_file("hcp_mmp_labels.npz")) as labels:
        return labels[name].astype(np.int64)


def surface_means(values: FloatArray, labels: IntArray, parcels: pd.DataFrame) -> pd.Series:
    """Average a map over the vertices of each parcel.

    Parameters
    ----------
    values : (n_vertices,) array
        Vertices without a finite value are passed over.
    labels : (n_vertices,) array of int
        From `surface_labels`.
    parcels : DataFrame
        parcel, parcel_index.

    Returns
    -------
    Series
        By name of the parcels that have vertices; missing where fewer than half have a value.
    """
    has_value = np.isfinite(values)
    size = int(max(labels.max(), parcels.parcel_index.max())) + 1
    there = np.bincount(labels, minlength=size)
    known = np.bincount(labels[has_value], minlength=size)
    total = np.bincount(labels[has_value], values[has_value], minlength=size)
    index = parcels.parcel_index.to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(known >= COVERED * there, total / known, np.nan)[index]
    found = pd.Series(means, pd.Index(parcels.parcel))
    return found[there[index] > 0]


def volume_means(values: FloatArray, affine: FloatArray, atlas: Atlas) -> pd.Series:
    """Average a map in MNI152 over the voxels of each parcel.

    The map's voxel nearest to each labelled voxel is taken; 0 and missing values are outside of
    the map.

    Parameters
    ----------
    values : (x, y, z) array
    affine : (4, 4) array
        From its voxels to mm of MNI152.

    Raises
    ------
    StudyError
        When the map does not lie on the MNI152 brain, or the atlas has no volume.
    """
    if not atlas.has_places:
        raise StudyError(f"{atlas.name} has no volume here. Give one value for each parcel.")
    is_map = np.isfinite(values) & (values != 0)
    _refuse_elsewhere(is_map, affine)
    volume = atlas.label_volume
    voxels = np.argwhere(volume.labels)
    labels = volume.labels[tuple(voxels.T)]
    places = apply_affine(np.linalg.inv(affine), apply_affine(volume.affine, voxels))
    nearest = np.rint(places).astype(np.int64)
    is_inside = ((nearest >= 0) & (nearest < values.shape)).all(axis=1)
    sampled = np.full(len(labels), np.nan)
    inside = tuple(nearest[is_inside].T)
    sampled[is_inside] = np.where(is_map[inside], values[inside], np.nan)
    return surface_means(sampled, labels, atlas.parcels)


def _refuse_elsewhere(is_map: np.ndarray, affine: FloatArray) -> None:
    """Refuse a map most of whose voxels lie outside of the template's brain."""
    if not is_map.any():
        raise StudyError("The map is empty: every voxel is 0 or missing.")
    mask, of_brain = brain()
    places = apply_affine(affine, np.argwhere(is_map))
    nearest = np.rint(apply_affine(np.linalg.inv(of_brain), places)).astype(np.int64)
    is_inside = ((nearest >= 0) & (nearest < mask.shape)).all(axis=1)
    share = mask[tuple(nearest[is_inside].T)].sum() / len(places)
    if share < SHARE_IN_BRAIN:
        raise StudyError(
            f"Only {100 * share:.0f} % of the map's voxels lie in the brain of MNI152, expected at "
            f"least {100 * SHARE_IN_BRAIN:.0f} %. It is in another space, or not masked: normalise "
            "it to MNI152, and set what is outside of the brain to 0."
        )
