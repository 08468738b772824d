"""Volumes that cannot be an atlas in MNI152 are refused, and told why."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from ect_assets.parcellations.atlas import read_atlas
from ect_assets.problems import StudyError
from ect_assets_tests.parcellations.files import info_rows, write_info, write_volume


def test_a_mirrored_volume_is_refused(volumetric, voxels):
    labels, affine = voxels
    write_volume(volumetric.volume, labels, np.diag([-1.0, 1, 1, 1]) @ affine)
    with pytest.raises(StudyError, match="is mirrored: 12 of 12"):
        read_atlas(volumetric)


def test_single_parcels_on_the_wrong_side_are_named(volumetric):
    rows = info_rows()
    rows.loc[2, ["hemisphere", "label"]] = ["R", "lost"]
    write_info(volumetric.info, rows)
    with pytest.raises(StudyError, match=r"table says: rh_lost \(R, mean x -"):
        read_atlas(volumetric)


@pytest.mark.parametrize(
    "moved", [np.eye(4), np.diag([1.5, 1.5, 1.5, 1])], ids=["no affine of its own", "larger"]
)
def test_a_volume_outside_the_brain_is_refused(volumetric, voxels, moved):
    labels, affine = voxels
    write_volume(volumetric.volume, labels, moved if moved[0, 0] == 1 else moved @ affine)
    with pytest.raises(StudyError, match="is not in MNI152"):
        read_atlas(volumetric)


def test_a_volume_that_does_not_say_where_it_lies_is_refused(volumetric, voxels):
    nib.save(nib.Nifti1Image(voxels[0].astype(np.int16), None), volumetric.volume)
    with pytest.raises(StudyError, match="does not say where it lies"):
        read_atlas(volumetric)


def test_probabilities_are_refused(volumetric, voxels):
    labels, affine = voxels
    write_volume(volumetric.volume, labels * 0.3, affine)
    with pytest.raises(StudyError, match="expected whole numbers"):
        read_atlas(volumetric)


def test_labels_kept_as_floating_point_are_taken(volumetric, voxels):
    labels, affine = voxels
    write_volume(volumetric.volume, labels.astype(np.float32), affine)
    assert len(read_atlas(volumetric).parcels) == 12


def test_a_voxel_that_is_not_a_number_is_refused(volumetric, voxels):
    labels = voxels[0].astype(np.float32)
    labels[0, 0, 0] = np.nan
    write_volume(volumetric.volume, labels, voxels[1])
    with pytest.raises(StudyError, match="not a number"):
        read_atlas(volumetric)


def test_negative_labels_are_refused(volumetric, voxels):
    write_volume(volumetric.volume, -voxels[0], voxels[1])
    with pytest.raises(StudyError, match="labels from -12 to 0"):
        read_atlas(volumetric)


def test_a_series_of_volumes_is_refused(volumetric, voxels):
    write_volume(volumetric.volume, np.stack([voxels[0]] * 2, axis=3), voxels[1])
    with pytest.raises(StudyError, match="x 2 voxels, expected three dimensions. Give"):
        read_atlas(volumetric)


def test_a_fourth_dimension_of_one_is_no_series(volumetric, voxels):
    write_volume(volumetric.volume, voxels[0][..., None], voxels[1])
    assert len(read_atlas(volumetric).parcels) == 12


def test_an_empty_volume_is_refused(volumetric, voxels):
    write_volume(volumetric.volume, np.zeros_like(voxels[0]), voxels[1])
    with pytest.raises(StudyError, match="is empty"):
        read_atlas(volumetric)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_volume_is_refused(volumetric, share):
    content = volumetric.volume.read_bytes()
    volumetric.volume.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StudyError, match="breaks off|is an empty file"):
        read_atlas(volumetric)


def test_a_volume_that_is_no_image_is_refused(volumetric):
    volumetric.volume.write_bytes(volumetric.info.read_bytes())
    with pytest.raises(StudyError, match="is not a NIfTI image. Copy it again"):
        read_atlas(volumetric)


def test_labels_may_be_large_numbers(volumetric, voxels):
    labels, affine = voxels
    image = nib.Nifti1Image(np.where(labels == 12, 2_000_000_000, labels).astype(np.int32), affine)
    nib.save(image, volumetric.volume)
    rows = info_rows()
    rows.loc[11, "id"] = 2_000_000_000
    write_info(volumetric.info, rows)
    assert read_atlas(volumetric).parcels["parcel_index"].iloc[-1] == 2_000_000_000
