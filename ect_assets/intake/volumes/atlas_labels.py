"""The labels of fsaverage's vertices in an atlas that a study names.

How they are carried to a person belongs in `science.morphometry.atlas_transfer`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ect_assets.intake.atlases import atlas_of
from ect_assets.science.morphometry.atlas_transfer import N_VERTICES, fsaverage_labels
from ect_assets.study import Study


def study_labels(study: Study, parcellation: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Look up the label of every fsaverage vertex in the atlas that a study means.

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
    from ect_assets.science.imaging.geometry import ImageFault
    from ect_assets.science.parcellations.annot import BrokenAnnot, read_annot
    from ect_assets.science.parcellations.gifti import read_gifti
    from ect_assets.science.parcellations.surface_files import GIFTI_ENDINGS

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
