"""Carrying an atlas from fsaverage to a person, over the registration sphere.

Labels go to the nearest vertex; nothing is smoothed and no parcel is redrawn on the person's
own folds. Measures belong in `surface_measures`; the labels of a
study's own atlas in `intake.volumes.atlas_labels`.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ect_assets.reference.loaders import reference_file

N_VERTICES = 163_842
"""Vertices of a hemisphere of fsaverage."""

REFERENCE = ("fsaverage_sphere.npy", "hcp_mmp_labels.npz")
"""Packaged files that volumes measured on surfaces depend on."""

OUTSIDE_CORTEX = {"hcp_mmp": ("L_H", "R_H")}
"""Parcels that lie wholly outside FreeSurfer's cortex label, where it measures no gray matter.

HCP-MMP counts a strip of hippocampus as cortex. FreeSurfer draws no gray matter there: its volume
is zero, or that of a few stray vertices.
"""


def fsaverage_labels(parcellation: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Look up the label of every fsaverage vertex.

    Parameters
    ----------
    parcellation : str
        Name of the parcellation in the study, such as ``hcp_mmp``.

    Returns
    -------
    left, right : (163842,) arrays of int, or None
        ``parcel_index`` of the table `parcels`, 0 where there is none; None where the atlas is
        not known on fsaverage.
    """
    if parcellation != "hcp_mmp":
        return None
    with np.load(reference_file("hcp_mmp_labels.npz")) as labels:
        return labels["fsaverage_L"].astype(np.int64), labels["fsaverage_R"].astype(np.int64)


@cache
def fsaverage_sphere() -> np.ndarray:
    """Read where fsaverage's vertices lie on the registration sphere.

    Returns
    -------
    (163842, 3) array
        Unit vectors; left and right hemisphere share them. Not to be written to.

    References
    ----------
    Fischl B, Sereno MI, Tootell RBH, Dale AM (1999). High-resolution intersubject averaging and a
    coordinate system for the cortical surface. Hum Brain Mapp 8:272-284.
    """
    sphere = on_unit_sphere(np.load(reference_file("fsaverage_sphere.npy")).astype(np.float64))
    sphere.flags.writeable = False
    return sphere


def on_unit_sphere(vertices: np.ndarray) -> np.ndarray:
    """Bring vertices (n, 3) around the origin to length 1.

    Parameters
    ----------
    vertices : (n, 3) array
        Coordinates on a sphere of any radius.

    Returns
    -------
    (n, 3) array
    """
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True)


def nearest_vertices(source_sphere: np.ndarray, target_sphere: np.ndarray) -> np.ndarray:
    """Find the source vertex that lies nearest to each target vertex.

    Parameters
    ----------
    source_sphere : (n, 3) array
        Where the atlas's vertices lie; any radius.
    target_sphere : (m, 3) array
        Where the person's vertices lie (``?h.sphere.reg``); any radius.

    Returns
    -------
    (m,) array of int
        Indices of source vertices.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(on_unit_sphere(source_sphere))
    return np.asarray(tree.query(on_unit_sphere(target_sphere))[1])


def carry_labels(
    labels: np.ndarray, source_sphere: np.ndarray, target_sphere: np.ndarray
) -> np.ndarray:
    """Give each of a person's vertices the label of the nearest vertex of the atlas.

    Forward only, as `mri_surf2surf` does with an annotation: every target vertex gets one label.

    Parameters
    ----------
    labels : (n,) array
        Label of each source vertex.
    source_sphere : (n, 3) array
    target_sphere : (m, 3) array

    Returns
    -------
    (m,) array
    """
    return labels[nearest_vertices(source_sphere, target_sphere)]
