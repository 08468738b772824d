"""Carrying an atlas from fsaverage to a person, over the registration sphere.

Labels go to the nearest vertex; nothing is smoothed and no parcel is drawn anew on the person's
own folds. Which atlases are known on fsaverage stands here; measures belong in
`surface_measures`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ect_assets.imaging.geometry import ImageFault
from ect_assets.parcellations.annot import BrokenAnnot, read_annot
from ect_assets.parcellations.gifti import read_gifti
from ect_assets.parcellations.sources import atlas_of
from ect_assets.parcellations.surface_files import GIFTI_ENDINGS
from ect_assets.reference.loaders import reference_file
from ect_assets.study import Study

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


def study_labels(study: Study, parcellation: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Look up the label of every fsaverage vertex in the atlas that a study means.

    Parameters
    ----------
    study : Study
    parcellation : str
        One of its parcellations.

    Returns
    -------
    left, right : (163842,) arrays of int, or None
        As `fsaverage_labels` for a packaged atlas; for one with files of its own ``parcel_index``
        as `atlas_of` numbers them. None where the atlas is not known on fsaverage.

    Raises
    ------
    StudyError
        When the files of the atlas cannot be used.
    """
    if study.parcellations[parcellation].atlas is None:
        return fsaverage_labels(parcellation)
    keys = _own_keys(study, parcellation)
    if keys is None:
        return None
    surfaces = atlas_of(study, parcellation).surfaces
    if surfaces is None:
        return None
    left, right = (
        np.zeros(N_VERTICES, dtype=np.int64) if of_side is None else _renumbered(of_side, known)
        for of_side, known in zip(keys, surfaces, strict=True)
    )
    return left, right


def is_on_fsaverage(study: Study, parcellation: str) -> bool:
    """Say whether `study_labels` knows an atlas, without judging its files."""
    if study.parcellations[parcellation].atlas is None:
        return fsaverage_labels(parcellation) is not None
    return _own_keys(study, parcellation) is not None


def _own_keys(
    study: Study, parcellation: str
) -> tuple[np.ndarray | None, np.ndarray | None] | None:
    """Read the numbers in the files of an atlas, None for a side without one.

    None where there are no such files, or they do not have fsaverage's vertices.
    """
    source = study.parcellations[parcellation].atlas
    if source is None or (source.left is None and source.right is None):
        return None
    left, right = (
        None if path is None else _read_keys(study.folder / path)
        for path in (source.left, source.right)
    )
    given = [keys for keys in (left, right) if keys is not None]
    n_named = (source.left is not None) + (source.right is not None)
    is_whole = len(given) == n_named and all(len(keys) == N_VERTICES for keys in given)
    return (left, right) if is_whole else None


def _read_keys(path: Path) -> np.ndarray | None:
    """Read one number per vertex; None without a file that can be read (`atlas_of` tells)."""
    if not path.is_file():
        return None
    try:
        if path.name.lower().endswith(GIFTI_ENDINGS):
            (keys,) = read_gifti(path)[0]
            return keys
        return read_annot(path)[0]
    except (BrokenAnnot, ImageFault, ValueError):
        return None


def _renumbered(keys: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give the file's own numbers the ids that fsaverage5, the first vertices, has for them.

    A parcel without any vertex on fsaverage5 is refused when the atlas is read.
    """
    in_use, first = np.unique(keys[: len(known)], return_index=True)
    places = np.searchsorted(in_use, keys).clip(max=len(in_use) - 1)
    return np.where(in_use[places] == keys, known[first][places], 0).astype(np.int64)


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
