"""Headers of images: what they say, and which images cannot be used."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import shutil

import nibabel
import numpy as np
import pytest

from ect_assets.intake.scans import read_raw_scans, scan_files
from ect_assets_tests.paths import ROOT
from ect_assets_tests.science.imaging.cases import REFUSED, SOUND
from ect_assets_tests.science.imaging.headers import affine_of, image, picture

SHARED = ROOT / ".." / "shared"
SESSIONS = ("pre", "post")
COLUMNS = [
    *("subject", "session", "path", "sha256", "n_x", "n_y", "n_z"),
    *("voxel_x_mm", "voxel_y_mm", "voxel_z_mm", "orientation"),
    *("repetition_time_s", "echo_time_s", "flip_angle_deg", "field_strength_t", "manufacturer"),
    "voxel_fingerprint",
]


def reason_of_pre(bids):
    """Read the baseline scan alone and return why it cannot be used."""
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert frame.empty
    (problem,) = problems
    assert "sub-01/ses-pre/anat" in problem.detail and str(bids) not in problem.detail
    return problem.reason


def test_a_row_says_what_the_header_says(bids, add_scan):
    add_scan("pre")
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert list(frame.columns) == COLUMNS and problems == []
    assert frame.loc[0, "path"] == "sub-01/ses-pre/anat/sub-01_ses-pre_T1w.nii.gz"
    assert frame.loc[0, ["n_x", "n_y", "n_z"]].tolist() == [6, 5, 4]
    assert frame.loc[0, ["voxel_x_mm", "voxel_y_mm", "voxel_z_mm"]].tolist() == [1.0, 1.5, 2.0]
    assert frame.loc[0, "orientation"] == "LAS"


@pytest.mark.parametrize("name", ["sub-01_ses-pre_T1w.nii.gz", "sub-01_ses-pre_T1w.nii"])
def test_the_checksum_is_that_of_the_file_as_it_is(bids, add_scan, name):
    scan = add_scan("pre", name=name)
    frame, _ = read_raw_scans(bids, "01", ("pre",))
    assert frame.loc[0, "sha256"] == hashlib.sha256(scan.read_bytes()).hexdigest()


def test_an_image_of_more_than_one_block_is_read_to_its_end(bids, add_scan):
    data = np.random.default_rng(1).random((128, 128, 80), dtype=np.float32)
    scan = add_scan("pre", data)
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert problems == []
    assert frame.loc[0, "sha256"] == hashlib.sha256(scan.read_bytes()).hexdigest()


def test_nifti_2_is_read_as_well(bids, add_scan):
    scan = add_scan("pre")
    image = nibabel.Nifti2Image(np.random.default_rng(1).random((4, 4, 4)), np.eye(4))
    nibabel.save(image, scan)
    assert read_raw_scans(bids, "01", ("pre",))[0]["n_x"].tolist() == [4]


def test_a_patient_without_a_second_scan_is_reported_and_the_first_is_kept(bids, add_scan):
    add_scan("pre")
    frame, (problem,) = read_raw_scans(bids, "01", SESSIONS)
    assert frame["session"].tolist() == ["pre"]
    assert (problem.session, problem.reason) == ("post", "session_missing")


def test_sidecars_of_the_dataset_are_inherited_and_the_nearer_wins(bids, add_scan, write):
    add_scan("pre")
    write("T1w.json", json.dumps({"RepetitionTime": 2.3, "Manufacturer": "Siemens"}))
    write(
        "sub-01/ses-pre/anat/sub-01_ses-pre_T1w.json",
        json.dumps({"RepetitionTime": 1.9, "EchoTime": 0.003, "FlipAngle": 9}),
    )
    frame, _ = read_raw_scans(bids, "01", ("pre",))
    values = frame.loc[0, ["repetition_time_s", "echo_time_s", "flip_angle_deg", "manufacturer"]]
    assert values.tolist() == [1.9, 0.003, 9, "Siemens"]


def test_a_sidecar_of_another_acquisition_does_not_count(bids, add_scan, write):
    add_scan("pre")
    write("acq-fast_T1w.json", json.dumps({"RepetitionTime": 1.0}))
    frame, _ = read_raw_scans(bids, "01", ("pre",))
    assert frame["repetition_time_s"].isna().all()


def test_a_missing_sidecar_leaves_values_missing_and_excludes_nobody(bids, add_scan):
    add_scan("pre")
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert problems == [] and frame[COLUMNS[-6:-1]].isna().to_numpy().all()


def test_a_sidecar_that_is_no_json_is_reported_and_the_row_kept(bids, add_scan, write):
    add_scan("pre")
    write("T1w.json", "{'RepetitionTime': 2.3}")
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert len(frame) == 1
    assert [problem.reason for problem in problems] == ["sidecar_unreadable"]


def test_two_images_of_one_session_are_ambiguous(bids, add_scan):
    add_scan("pre", name="sub-01_ses-pre_run-1_T1w.nii.gz")
    add_scan("pre", name="sub-01_ses-pre_run-2_T1w.nii.gz")
    assert reason_of_pre(bids) == "scan_ambiguous"


def test_an_image_named_after_another_patient_is_refused(bids, add_scan):
    add_scan("pre", name="sub-02_ses-pre_T1w.nii.gz")
    assert reason_of_pre(bids) == "scan_misnamed"


def test_a_cut_gzip_file_is_unreadable(bids, add_scan):
    scan = add_scan("pre", np.random.default_rng(1).random((20, 20, 20)))
    scan.write_bytes(scan.read_bytes()[:-2000])
    assert reason_of_pre(bids) == "scan_unreadable"


def test_a_damaged_gzip_file_is_unreadable(bids, add_scan):
    scan = add_scan("pre", np.random.default_rng(1).random((20, 20, 20)))
    content = bytearray(scan.read_bytes())
    content[len(content) // 2] ^= 0xFF
    scan.write_bytes(content)
    assert reason_of_pre(bids) == "scan_unreadable"


def test_a_cut_image_that_is_not_compressed_is_unreadable(bids, add_scan):
    scan = add_scan("pre", name="sub-01_ses-pre_T1w.nii")
    scan.write_bytes(scan.read_bytes()[:-10])
    assert reason_of_pre(bids) == "scan_unreadable"


@pytest.mark.parametrize(
    "content", [b"", b"plain text" * 100, gzip.compress(b"text" * 500, mtime=0)]
)
def test_what_is_no_image_is_unreadable(bids, add_scan, content):
    add_scan("pre").write_bytes(content)
    assert reason_of_pre(bids) == "scan_unreadable"


def test_a_header_that_is_damaged_is_unreadable(bids, add_scan):
    scan = add_scan("pre")
    content = bytearray(gzip.decompress(scan.read_bytes()))
    content[70:74] = b"\xff\x7f\x07\x00"
    scan.write_bytes(gzip.compress(content, mtime=0))
    assert reason_of_pre(bids) == "scan_unreadable"


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 1), (4, 4, 4, 3)])
def test_an_image_that_is_not_three_dimensional_is_refused(bids, add_scan, shape):
    add_scan("pre", np.random.default_rng(1).random(shape))
    assert reason_of_pre(bids) == "scan_not_3d"


def test_a_fourth_dimension_of_one_is_no_dimension(bids, add_scan):
    add_scan("pre", np.random.default_rng(1).random((4, 4, 4, 1)))
    assert read_raw_scans(bids, "01", ("pre",))[1] == []


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_an_image_without_a_picture_is_empty(bids, add_scan, value):
    add_scan("pre", np.full((4, 4, 4), value, dtype=np.float32))
    assert reason_of_pre(bids) == "scan_empty"


def test_an_image_with_some_voxels_not_a_number_is_a_picture(bids, add_scan):
    data = np.random.default_rng(1).random((4, 4, 4))
    data[0] = np.nan
    add_scan("pre", data)
    assert read_raw_scans(bids, "01", ("pre",))[1] == []


def test_a_link_out_of_the_dataset_is_refused(bids, add_scan, tmp_path):
    scan = add_scan("pre")
    elsewhere = tmp_path / "elsewhere.nii.gz"
    shutil.move(scan, elsewhere)
    scan.symlink_to(elsewhere)
    assert reason_of_pre(bids) == "scan_outside_study"


def test_a_link_inside_the_dataset_is_followed(bids, add_scan):
    scan = add_scan("pre")
    store = bids / ".git" / "annex"
    store.mkdir(parents=True)
    shutil.move(scan, store / "object")
    scan.symlink_to(store / "object")
    assert read_raw_scans(bids, "01", ("pre",))[1] == []


def test_a_link_whose_content_is_not_here_is_unreadable(bids, add_scan):
    scan = add_scan("pre")
    scan.unlink()
    scan.symlink_to(bids / ".git" / "annex" / "object")
    assert reason_of_pre(bids) == "scan_unreadable"


def test_the_files_of_a_patient_are_its_images_and_their_sidecars(bids, add_scan, write):
    scans = [add_scan("post"), add_scan("pre")]
    sidecar = write("T1w.json", "{}")
    write("sub-02/ses-pre/anat/sub-02_ses-pre_T1w.nii.gz", "")
    assert scan_files(bids, "01") == sorted([*scans, sidecar])


def test_a_real_image_is_read_in_one_pass(bids):
    source = SHARED / "checks" / "t1w_colin27.nii.gz"
    if not source.exists():
        pytest.skip("needs the real image in ../shared/checks")
    folder = bids / "sub-01" / "ses-pre" / "anat"
    folder.mkdir(parents=True)
    shutil.copy(source, folder / "sub-01_ses-pre_T1w.nii.gz")
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert problems == []
    assert frame["sha256"].tolist() == [hashlib.sha256(source.read_bytes()).hexdigest()]


@pytest.mark.parametrize("case", REFUSED)
def test_a_header_that_cannot_be_right_is_a_row_of_that_session_and_the_other_is_read(
    bids, add_scan, case
):
    content, reason, words = REFUSED[case]
    add_scan("post")
    add_scan("pre").write_bytes(gzip.compress(content(), 1))
    frame, (problem,) = read_raw_scans(bids, "01", SESSIONS)
    assert frame["session"].tolist() == ["post"]
    assert (problem.session, problem.reason) == ("pre", f"scan_{reason}")
    assert re.search(words, problem.detail)
    assert "sub-01/ses-pre/anat/sub-01_ses-pre_T1w.nii.gz" in problem.detail


@pytest.mark.parametrize("case", SOUND)
def test_a_header_that_is_odd_and_right_is_read(bids, add_scan, case):
    add_scan("pre").write_bytes(gzip.compress(SOUND[case](), 1))
    frame, problems = read_raw_scans(bids, "01", ("pre",))
    assert problems == [] and frame["orientation"].notna().all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.random.default_rng(1).integers(98, 103, (20, 20, 20)), "scan_without_contrast"),
        (np.full((20, 20, 20), -1024), "scan_empty"),
        (500 - picture(), "scan_inverted"),
    ],
)
def test_an_image_without_a_picture_of_tissue_in_air_is_the_sessions_problem(
    bids, add_scan, data, reason
):
    add_scan("pre", data.astype(np.int16))
    assert reason_of_pre(bids) == reason


@pytest.mark.parametrize("offset", [-1024, -450])
def test_an_image_below_zero_is_a_picture(bids, add_scan, offset):
    add_scan("pre", picture() + np.int16(offset))
    assert read_raw_scans(bids, "01", ("pre",))[1] == []


def test_a_picture_that_its_scaling_inverts_is_inverted(bids, add_scan):
    scan = add_scan("pre")
    scan.write_bytes(gzip.compress(image(affine_of(), None, scl_slope=-1), 1))
    assert reason_of_pre(bids) == "scan_inverted"


def test_a_pointer_of_datalad_is_told_with_the_command(bids, add_scan):
    add_scan("pre").write_bytes(b"/annex/objects/MD5E-s98--0123456789.nii.gz\n")
    _, (problem,) = read_raw_scans(bids, "01", ("pre",))
    assert problem.reason == "scan_unreadable" and "datalad get" in problem.detail
