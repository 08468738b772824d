"""Label volumes: read from NIfTI, and checked to lie in MNI152 the right way round.

What any image must be (orientation, size) is decided in `imaging`; what the labels mean belongs in
`info_table`; volumes that are derived belong in `derive`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from nibabel.nifti1 import Nifti1Image

from ect_assets.problems import StudyError
from ect_assets.science.imaging.files import read_labels
from ect_assets.science.imaging.geometry import EXPORT_AGAIN, ImageFault
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.template import FloatArray, IntArray, brain

SHARE_IN_BRAIN = 0.85
"""Of an atlas in MNI152 nearly all labelled voxels lie in the template's brain (HCP-MMP and
Desikan-Killiany: 0.9997), 15 mm off less than this."""

MOST_PLACES = 4_000_000
"""Labelled voxels whose place is looked up, evenly taken; at 1 mm these are all."""

LARGEST_LABEL = 2**31 - 1
COPY_AGAIN = "Copy it again from where it came from."
FIXES = {
    "orientation_unknown": "Set the affine that its makers give.",
    "not_3d": "Give the discrete labels, one per voxel, not probabilities or a series.",
    "orientation_contradictory": "Set sform and qform to the affine that its makers give.",
}
"""What is done about an atlas, where it is not what is done about a patient's image."""


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

    Raises
    ------
    StudyError
        When the image is refused (`ImageFault`), has values that are no whole numbers from 0, or
        lies outside the MNI152 brain.
    """
    shown = files.shown("volume")
    try:
        values, geometry = read_labels(files.path("volume"))
    except ImageFault as fault:
        fix = COPY_AGAIN if fault.fix == EXPORT_AGAIN else FIXES.get(fault.reason, fault.fix)
        raise StudyError(f"{shown} {fault.words}. {fix}") from fault
    volume = LabelVolume(_whole_numbers(shown, values), geometry.affine)
    _check_place(shown, volume)
    return volume


def _whole_numbers(shown: str, values: np.ndarray) -> IntArray:
    fix = "Give the discrete labels: 0 where there is no parcel, ids elsewhere."
    if not values.any():
        raise StudyError(f"{shown} is empty: every voxel is 0. {fix}")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise StudyError(f"{shown} has voxels that are not a number, expected labels. {fix}")
        # Scaling in the header may leave labels a rounding error away from whole numbers.
        is_off = np.abs(values - np.rint(values)) > 1e-4
        if is_off.any():
            raise StudyError(
                f"{shown} has the value {values[is_off][0]:g}, expected whole numbers. {fix}"
            )
    low, high = np.rint(float(values.min())), np.rint(float(values.max()))
    if low < 0 or high > LARGEST_LABEL:
        raise StudyError(
            f"{shown} has labels from {low:.0f} to {high:.0f}, expected 0 and above. {fix}"
        )
    return (np.rint(values) if values.dtype.kind == "f" else values).astype(np.int64)


def _check_place(shown: str, volume: LabelVolume) -> None:
    labelled = np.flatnonzero(volume.labels)
    some = labelled[:: len(labelled) // MOST_PLACES + 1]
    index = np.column_stack(np.unravel_index(some, volume.labels.shape))
    places = apply_affine(volume.affine, index)
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
        "or fix its affine."
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
            "hemisphere than in their table (in MNI152 the left one has x < 0). Fix the "
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
        f"{shown} has parcels in another hemisphere than in their table: {', '.join(names)}. "
        "In MNI152 the left hemisphere has x < 0. Fix `hemisphere` of the table, or the ids."
    )


def mean_places(volume: LabelVolume) -> pd.DataFrame:
    """Average the voxels of each label that has any.

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
