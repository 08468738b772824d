"""Labels on a surface: one hemisphere's file, read, checked and brought to fsaverage5.

FreeSurfer's annotations and GIFTI label files give the same `SurfaceLabels`. Which parcels the
labels are is decided in `surface_parcels`.
"""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from xml.parsers.expat import ExpatError

import numpy as np
from nibabel.gifti import GiftiImage

from ect_assets.parcellations.annot import BrokenAnnot, read_annot
from ect_assets.parcellations.atlas_files import AtlasFiles
from ect_assets.parcellations.names import SIDE_WORDS, is_parcel
from ect_assets.parcellations.template import N_VERTICES, IntArray
from ect_assets.problems import StudyError

SURFACES = {10_242: "fsaverage5", 40_962: "fsaverage6", 163_842: "fsaverage"}
"""Vertices of a hemisphere -> FreeSurfer's name; each surface begins with the smaller one's."""

OTHER_SURFACES = {32_492: "fs_LR 32k", 59_292: "fs_LR 59k", 163_842: "fsaverage"}
GIFTI_ENDINGS = (".gii", ".gii.gz")
GIFTI_FAULTS = (ExpatError, OSError, EOFError, ValueError, KeyError, zlib.error, binascii.Error)


@dataclass(frozen=True)
class SurfaceLabels:
    """The labels of one hemisphere, as its file has them.

    Parameters
    ----------
    side : str
        ``L`` or ``R``: the hemisphere that the file was given for.
    shown : str
        How messages name the file.
    keys : (10242,) array of int
        The file's number of each fsaverage5 vertex; -1 where it is in no parcel.
    names : dict of int to str
        What the file calls each number in use; empty where it does not say.
    """

    side: str
    shown: str
    keys: IntArray
    names: dict[int, str]


def read_surface(files: AtlasFiles, side: str) -> SurfaceLabels:
    """Read the surface labels of a hemisphere.

    Parameters
    ----------
    files : AtlasFiles
        With ``left`` or ``right``, whichever is asked for.
    side : str
        ``L`` or ``R``.

    Returns
    -------
    SurfaceLabels

    Raises
    ------
    StudyError
        When the file is no label file, has another number of vertices than fsaverage5, 6 or
        fsaverage, has no parcel, or one too small for fsaverage5.
    """
    kind = SIDE_WORDS[side]
    shown = files.shown(kind)
    file_name = files.path(kind).name.lower()
    if file_name.endswith(".annot"):
        keys, names = _read_annot(files, kind)
    elif file_name.endswith(GIFTI_ENDINGS):
        keys, names = _read_gifti(files, kind)
    else:
        raise StudyError(
            f"{shown} is neither .annot nor .gii nor .gii.gz. Give the labels in one of these."
        )
    _check_count(shown, len(keys))
    in_use = [key for key in np.unique(keys).tolist() if _is_parcel(key, names)]
    if not in_use:
        raise StudyError(
            f"{shown} labels no vertex of the {kind} hemisphere, expected parcels. "
            f"Give the file that has them, or leave `{kind}` out."
        )
    smaller = np.where(np.isin(keys, in_use), keys, -1)[:N_VERTICES]
    lost = sorted(set(in_use) - set(smaller.tolist()))
    if lost:
        raise StudyError(
            f"{shown} has labels without any vertex on fsaverage5, where maps are compared: "
            f"{', '.join(names.get(key, '') or str(key) for key in lost)}. "
            "They are too small: merge or remove them."
        )
    return SurfaceLabels(side, shown, smaller, {key: names.get(key, "") for key in in_use})


def _is_parcel(key: int, names: dict[int, str]) -> bool:
    name = names.get(key, "").strip()
    return key >= 0 and (is_parcel(name) if name else key > 0)


def _check_count(shown: str, count: int) -> None:
    if count in SURFACES:
        return
    known = f", as {OTHER_SURFACES[count]} has" if count in OTHER_SURFACES else ""
    expected = ", ".join(f"{number:,} ({name})" for number, name in SURFACES.items())
    raise StudyError(
        f"{shown} has {count:,} vertices{known}; expected {expected}. Carry the labels over to "
        "fsaverage (mri_surf2surf, wb_command -label-resample), or give a `volume` in MNI152."
    )


def _read_annot(files: AtlasFiles, kind: str) -> tuple[IntArray, dict[int, str]]:
    try:
        return read_annot(files.path(kind))
    except BrokenAnnot as error:
        raise StudyError(
            f"{files.shown(kind)} cannot be read: {error}. Copy it again from where it came from."
        ) from error


def _read_gifti(files: AtlasFiles, kind: str) -> tuple[IntArray, dict[int, str]]:
    shown = files.shown(kind)
    try:
        image = GiftiImage.from_filename(files.path(kind))
        values = [np.asarray(array.data) for array in image.darrays] if image is not None else []
    except GIFTI_FAULTS as error:
        raise StudyError(
            f"{shown} cannot be read as GIFTI: it is cut, or something else. "
            "Copy it again from where it came from."
        ) from error
    if len(values) != 1 or values[0].squeeze().ndim != 1:
        raise StudyError(
            f"{shown} has {len(values)} data arrays, expected one label per vertex. "
            "Give a .label.gii file."
        )
    found = values[0].squeeze().astype(np.float64)
    if not np.isfinite(found).all() or (found != np.rint(found)).any():
        raise StudyError(
            f"{shown} has values that are no whole numbers, expected labels. "
            "Give a .label.gii file, not a map."
        )
    if (found < -1).any():
        raise StudyError(
            f"{shown} has negative labels, expected 0 where there is no parcel and numbers above "
            "0 elsewhere. Number the parcels so."
        )
    names = {int(label.key): label.label or "" for label in image.labeltable.labels}
    return found.astype(np.int64), names
