"""Images and folders whose names are nearly right: the message names them, and the right name."""

from __future__ import annotations

import pytest

from ect_assets.intake.scans import is_almost_t1w, read_raw_scans

BEGINS = "sub-01_ses-pre"


def told_of_pre(bids) -> str:
    """Read the baseline scan, which is not found, and return what is told."""
    frame, (problem,) = read_raw_scans(bids, "01", ("pre",))
    assert frame.empty and problem.reason == "session_missing"
    return problem.detail


@pytest.mark.parametrize(
    "name",
    [
        f"{BEGINS}_T1W.nii.gz",
        f"{BEGINS}_t1w.nii.gz",
        f"{BEGINS}_T1w.NII.GZ",
        f"{BEGINS}_T1w.Nii",
        f"{BEGINS}_T1w.nii.gz.gz",
        f"{BEGINS}_T1w.mgz",
        f"{BEGINS}_T1w.img",
        f"{BEGINS}_T1w.hdr",
        f"{BEGINS}_T1w.nii.bz2",
        f"{BEGINS}_acq-mprage_T1.nii.gz",
        f"{BEGINS}-T1w.nii.gz",
    ],
)
def test_a_file_whose_name_is_almost_right_is_named(bids, write, name):
    write(f"sub-01/ses-pre/anat/{name}", "")
    told = told_of_pre(bids)
    assert name in told and f"{BEGINS}_T1w.nii.gz" in told and "convert" in told


@pytest.mark.parametrize("name", ["MILLER_JANE_T1W.nii.gz", "Jane Miller 1975_t1.nii"])
def test_a_name_that_may_tell_a_person_is_not_repeated(bids, write, name):
    write(f"sub-01/ses-pre/anat/{name}", "")
    told = told_of_pre(bids).lower()
    assert "another name that ends in _t1" in told
    assert "jane" not in told and "miller" not in told


def test_a_misnamed_image_is_not_told_by_a_name_that_may_be_a_persons(bids, write):
    write("sub-01/ses-pre/anat/Jane_Miller_T1w.nii.gz", "")
    _, (problem,) = read_raw_scans(bids, "01", ("pre",))
    assert problem.reason == "scan_misnamed" and "Jane" not in problem.detail
    assert "ends in _T1w.nii.gz" in problem.detail


@pytest.mark.parametrize("folder", ["ses_pre", "Ses-pre", "SES-PRE", "ses-Pre", "ses pre"])
def test_a_folder_of_a_session_whose_name_is_almost_right_is_named(bids, write, folder):
    write(f"sub-01/{folder}/anat/{BEGINS}_T1w.nii.gz", "")
    assert f"there is {folder}. Rename it to ses-pre." in told_of_pre(bids)


def test_a_folder_of_anatomy_whose_name_is_almost_right_is_named(bids, write):
    write(f"sub-01/ses-pre/Anat/{BEGINS}_T1w.nii.gz", "")
    assert "there is Anat. Rename it to anat." in told_of_pre(bids)


def test_an_image_beside_the_folder_of_anatomy_is_named(bids, write):
    write(f"sub-01/ses-pre/{BEGINS}_T1w.nii.gz", "")
    assert f"{BEGINS}_T1w.nii.gz is in ses-pre. Move it to ses-pre/anat." in told_of_pre(bids)


@pytest.mark.parametrize(
    "name",
    [f"{BEGINS}_T1w.json", f"{BEGINS}_T2w.nii.gz", f"{BEGINS}_FLAIR.nii.gz", "notes.txt", "T1"],
)
def test_other_files_are_not_taken_for_an_image(name):
    assert not is_almost_t1w(name)
