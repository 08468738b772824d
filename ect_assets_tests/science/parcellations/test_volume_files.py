"""Volumes that cannot be an atlas in MNI152 are refused, and told why."""

from __future__ import annotations

import gzip

import nibabel as nib
import numpy as np
import pytest

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.atlas import read_atlas
from ect_assets_tests.science.imaging.cases import REFUSED
from ect_assets_tests.science.parcellations.files import info_rows, write_info, write_volume


def test_a_mirrored_volume_is_refused(volumetric, voxels):
    labels, affine = voxels
    write_volume(volumetric.volume, labels, np.diag([-1.0, 1, 1, 1]) @ affine)
    with pytest.raises(StudyError, match="is mirrored: 12 of 12"):
        read_atlas(volumetric)


def test_single_parcels_on_the_wrong_side_are_named(volumetric):
    rows = info_rows()
    rows.loc[2, ["hemisphere", "label"]] = ["R", "lost"]
    write_info(volumetric.info, rows)
    with pytest.raises(StudyError, match=r"than in their table: rh_lost \(R, mean x -"):
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
    with pytest.raises(StudyError, match="has no orientation"):
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
    with pytest.raises(StudyError, match="is truncated|is an empty file"):
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


ATLAS_CASES = ("sform of zeros", "sform mirrored against qform", "pixdim of 0", "units meter")


@pytest.mark.parametrize("case", ATLAS_CASES)
def test_a_volume_whose_header_cannot_be_right_is_refused_as_a_t1w_image_is(volumetric, case):
    content, _, words = REFUSED[case]
    volumetric.volume.write_bytes(gzip.compress(content(), 1))
    with pytest.raises(StudyError, match=rf"coarse.volume \(volume.nii.gz\) .*{words}"):
        read_atlas(volumetric)


def test_a_volume_in_cifti_is_refused_with_the_command(volumetric):
    header = nib.Nifti2Header()
    header.set_data_shape((1, 1, 1, 1, 1, 59_412))
    header["intent_code"], header["magic"] = 3007, b"n+2"
    volumetric.volume.write_bytes(gzip.compress(header.binaryblock + bytes(300_000)))
    with pytest.raises(StudyError, match="is a CIFTI file.*wb_command -cifti-separate"):
        read_atlas(volumetric)


def test_a_pointer_in_the_place_of_a_volume_is_told_with_the_command(volumetric):
    volumetric.volume.write_bytes(b"/annex/objects/MD5E-s98--0123456789.nii.gz\n")
    with pytest.raises(StudyError, match="pointer of git-annex.*datalad get"):
        read_atlas(volumetric)


@pytest.mark.parametrize("value", [1e30, 3e9])
def test_labels_beyond_all_numbers_are_refused(volumetric, voxels, value):
    write_volume(volumetric.volume, np.where(voxels[0] == 1, value, voxels[0]), voxels[1])
    with pytest.raises(StudyError, match="expected 0 and above"):
        read_atlas(volumetric)
