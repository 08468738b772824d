"""Labels on a surface: one hemisphere's file, read, checked and brought to fsaverage5.

FreeSurfer's annotations and GIFTI label files give the same `SurfaceLabels`. Which parcels the
labels are is decided in `surface_parcels`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ect_assets.problems import StudyError
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets.science.parcellations.annot import BrokenAnnot, read_annot
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.gifti import read_gifti
from ect_assets.science.parcellations.names import SIDE_WORDS, is_parcel
from ect_assets.science.parcellations.template import N_VERTICES, IntArray

SURFACES = {10_242: "fsaverage5", 40_962: "fsaverage6", 163_842: "fsaverage"}
"""Vertices of a hemisphere -> FreeSurfer's name; each surface begins with the smaller one's."""

OTHER_SURFACES = {32_492: "fs_LR 32k", 59_292: "fs_LR 59k", 163_842: "fsaverage"}
GIFTI_ENDINGS = (".gii", ".gii.gz")
LARGEST_LABEL = 2**31 - 1
CIFTI_HINT = (
    "Take the surface out of a CIFTI file: `wb_command -cifti-separate FILE COLUMN -label "
    "CORTEX_LEFT left.label.gii -label CORTEX_RIGHT right.label.gii`; a volume belongs in `volume`."
)


@dataclass(frozen=True)
class SurfaceLabels:
    """The labels of one hemisphere, as its file has them.

    Parameters
    ----------
    side : str
        ``L`` or ``R``: the hemisphere that the file was given for.
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
        hint = CIFTI_HINT if file_name.endswith(".nii") else "Give the labels in one of these."
        raise StudyError(f"{shown} is neither .annot nor .gii nor .gii.gz. {hint}")
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
    except ImageFault as fault:
        raise StudyError(f"{files.shown(kind)} {fault}") from fault
    except BrokenAnnot as error:
        raise StudyError(
            f"{files.shown(kind)} cannot be read: {error}. Copy it again from where it came from."
        ) from error


def _read_gifti(files: AtlasFiles, kind: str) -> tuple[IntArray, dict[int, str]]:
    shown = files.shown(kind)
    try:
        arrays, names = read_gifti(files.path(kind))
    except ImageFault as fault:
        raise StudyError(f"{shown} {fault}") from fault
    if len(arrays) != 1 or arrays[0].ndim != 1:
        raise StudyError(
            f"{shown} has {len(arrays)} data arrays, expected one label per vertex. "
            "Give a .label.gii file."
        )
    found = arrays[0].astype(np.float64)
    if not np.isfinite(found).all() or (found != np.rint(found)).any():
        raise StudyError(
            f"{shown} has values that are no whole numbers, expected labels. "
            "Give a .label.gii file, not a map."
        )
    if (found < -1).any() or (found > LARGEST_LABEL).any():
        raise StudyError(
            f"{shown} has labels from {found.min():.0f} to {found.max():.0f}, expected 0 where "
            f"there is no parcel and numbers up to {LARGEST_LABEL} elsewhere. Number the parcels "
            "so."
        )
    return found.astype(np.int64), names
