"""Label volumes: read from NIfTI, and checked to lie in MNI152 the right way round.

What the labels mean belongs in `info_table`; volumes that are derived belong in `derive`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from nibabel.filebasedimages import ImageFileError
from nibabel.nifti1 import Nifti1Image
from nibabel.spatialimages import HeaderDataError

from ect_assets.parcellations.atlas_files import AtlasFiles
from ect_assets.parcellations.template import FloatArray, IntArray, brain
from ect_assets.problems import StudyError

SHARE_IN_BRAIN = 0.85
"""Of an atlas in MNI152 nearly all labelled voxels lie in the template's brain (HCP-MMP and
Desikan-Killiany: 0.9997), 15 mm off less than this."""

LARGEST_LABEL = 2**31 - 1
NIFTI_FAULTS = (ImageFileError, HeaderDataError, OSError, EOFError, ValueError, zlib.error)


@dataclass(frozen=True, eq=False)
class LabelVolume:
    """Labels of voxels in MNI152.

    Parameters
    ----------
    labels : (x, y, z) array of int
        parcel_index of each voxel; 0 where there is no parcel.
    affine : (4, 4) array
        From voxels to mm of MNI152.
    """

    labels: IntArray
    affine: FloatArray

    def image(self) -> Nifti1Image:
        """Give the volume as an image of 32-bit integers."""
        image = Nifti1Image(self.labels.astype(np.int32), self.affine)
        image.set_sform(self.affine, code="mni")
        image.set_qform(None)
        return image

    def restricted(self, parcel_indices: pd.Series) -> LabelVolume:
        """Give the volume with labels of some parcels only."""
        is_kept = np.isin(self.labels, parcel_indices.to_numpy())
        return LabelVolume(np.where(is_kept, self.labels, 0), self.affine)


def read_volume(files: AtlasFiles) -> LabelVolume:
    """Read a label volume.

    Parameters
    ----------
    files : AtlasFiles
        With ``volume``.

    Returns
    -------
    LabelVolume

    Raises
    ------
    StudyError
        When the file is no NIfTI image, is cut, has more than three dimensions, values that are
        no whole numbers from 0, no orientation, or lies outside the MNI152 brain.
    """
    shown = files.shown("volume")
    again = "Copy it again from where it came from."
    try:
        image = nib.load(files.path("volume"))
        values = np.asarray(image.dataobj) if isinstance(image, Nifti1Image) else None
    except NIFTI_FAULTS as error:
        raise StudyError(
            f"{shown} cannot be read as an image: it is cut, or something else. {again}"
        ) from error
    if values is None or not isinstance(image, Nifti1Image):
        raise StudyError(f"{shown} is no NIfTI image. Convert it to .nii.gz.")
    if image.header["sform_code"] == 0 and image.header["qform_code"] == 0:
        raise StudyError(
            f"{shown} does not say where it lies (sform and qform are unset), expected MNI152. "
            "Set the affine that its makers give."
        )
    shape = values.shape
    values = values.reshape(shape[:3]) if values.ndim > 3 and set(shape[3:]) == {1} else values
    if values.ndim != 3:
        raise StudyError(
            f"{shown} has {values.ndim} dimensions {shape}, expected one label per voxel in three. "
            "Give the discrete labels, not probabilities or a series."
        )
    volume = LabelVolume(_whole_numbers(shown, values), np.asarray(image.affine, dtype=np.float64))
    _check_place(shown, volume)
    return volume


def _whole_numbers(shown: str, values: np.ndarray) -> IntArray:
    mend = "Give the discrete labels: 0 where there is no parcel, ids elsewhere."
    if values.dtype.kind not in "iufb":
        raise StudyError(f"{shown} has values of the kind {values.dtype}, expected labels. {mend}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise StudyError(f"{shown} has voxels that are not a number, expected labels. {mend}")
    # Scaling in the header may leave labels a rounding error away from whole numbers.
    if values.dtype.kind == "f" and not np.allclose(values, np.rint(values), rtol=0, atol=1e-4):
        example = values[np.abs(values - np.rint(values)) > 1e-4][0]
        raise StudyError(f"{shown} has the value {example:g}, expected whole numbers. {mend}")
    labels = np.rint(values).astype(np.int64)
    if labels.min(initial=0) < 0 or labels.max(initial=0) > LARGEST_LABEL:
        raise StudyError(
            f"{shown} has labels from {labels.min()} to {labels.max()}, expected 0 and above. "
            f"{mend}"
        )
    if not labels.any():
        raise StudyError(f"{shown} is empty: every voxel is 0. {mend}")
    return labels


def _check_place(shown: str, volume: LabelVolume) -> None:
    places = apply_affine(volume.affine, np.argwhere(volume.labels > 0))
    mask, affine = brain()
    voxels = np.rint(apply_affine(np.linalg.inv(affine), places)).astype(int)
    is_inside = ((voxels >= 0) & (voxels < mask.shape)).all(axis=1)
    share = mask[tuple(voxels[is_inside].T)].sum() / len(voxels)
    if share >= SHARE_IN_BRAIN:
        return
    low, high = places.min(axis=0), places.max(axis=0)
    box = ", ".join(
        f"{axis} {first:.0f} to {last:.0f}"
        for axis, first, last in zip("xyz", low, high, strict=True)
    )
    raise StudyError(
        f"{shown} is not in MNI152: {share:.0%} of its labelled voxels lie in the template's brain "
        f"(they span {box} mm), expected {SHARE_IN_BRAIN:.0%} or more. Give the volume in MNI152, "
        "or mend its affine."
    )


def check_sides(shown: str, parcels: pd.DataFrame, volume: LabelVolume) -> None:
    """Stop unless left parcels lie left (x < 0) and right ones right.

    Parameters
    ----------
    shown : str
        How messages name the volume.
    parcels : DataFrame
        parcel_index, parcel, hemisphere.
    volume : LabelVolume
        With these parcels.

    Raises
    ------
    StudyError
        When the volume is mirrored, or single parcels lie on the wrong side.
    """
    mean_x = parcels["parcel_index"].map(mean_places(volume)["x"])
    sided = parcels["hemisphere"].isin(["L", "R"])
    is_wrong = ((parcels["hemisphere"] == "L") & (mean_x >= 0)) | (
        (parcels["hemisphere"] == "R") & (mean_x <= 0)
    )
    if not is_wrong.any():
        return
    if is_wrong.sum() * 2 > sided.sum():
        raise StudyError(
            f"{shown} is mirrored: {is_wrong.sum()} of {sided.sum()} parcels lie in the other "
            "hemisphere than their table says (in MNI152 the left one has x < 0). Mend the "
            "affine, or `hemisphere` of the table."
        )
    names = [
        f"{name} ({side}, mean x {x:.1f} mm)"
        for name, side, x in zip(
            parcels.loc[is_wrong, "parcel"],
            parcels.loc[is_wrong, "hemisphere"],
            mean_x[is_wrong],
            strict=True,
        )
    ]
    raise StudyError(
        f"{shown} has parcels in the other hemisphere than their table says: {', '.join(names)}. "
        "In MNI152 the left hemisphere has x < 0. Mend `hemisphere` of the table, or the ids."
    )


def mean_places(volume: LabelVolume) -> pd.DataFrame:
    """Average the voxels of each label that has any.

    Parameters
    ----------
    volume : LabelVolume
        Any.

    Returns
    -------
    DataFrame
        Indexed by label, ascending: mean place in mm of MNI152, columns x, y, z.
    """
    voxels = np.nonzero(volume.labels)
    labels, position = np.unique(volume.labels[voxels], return_inverse=True)
    counts = np.bincount(position)
    means = np.column_stack([np.bincount(position, weights=axis) / counts for axis in voxels])
    return pd.DataFrame(apply_affine(volume.affine, means), index=labels, columns=list("xyz"))
