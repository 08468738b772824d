"""A study with images that cannot be right, walked to the change: told, left out, the others go on.

Each kind of header is tried on the reader in `intake.test_scans`; here one of each kind goes all
the way to what a user asks with SQL.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.study import load_study
from ect_assets.tables import RawScans
from ect_assets_tests.conftest import without_genes, without_hcp_mmp

HEALTHY = {"001", "007"}
SIDECAR_WRONG = "006"
pytestmark = pytest.mark.usefixtures("light_runs")


def image_of(folder: Path, subject: str, session: str = "post") -> Path:
    (image,) = (folder / f"bids/sub-{subject}/ses-{session}/anat").glob("*_T1w.nii.gz")
    return image


def change_header(file: Path, change: Callable[[nibabel.Nifti1Header], None]) -> None:
    content = gzip.decompress(file.read_bytes())
    header = nibabel.Nifti1Header(content[:348], check=False)
    change(header)
    file.write_bytes(gzip.compress(header.binaryblock + content[348:], 1))


def sform_of_zeros(header: nibabel.Nifti1Header) -> None:
    for row in ("srow_x", "srow_y", "srow_z"):
        header[row] = 0


def sform_mirrored(header: nibabel.Nifti1Header) -> None:
    header["srow_x"] *= -1


def no_orientation(header: nibabel.Nifti1Header) -> None:
    header["sform_code"] = header["qform_code"] = 0


HEADERS = {
    "002": (sform_of_zeros, "scan_orientation_contradictory", "sform of zeros"),
    "003": (sform_mirrored, "scan_orientation_contradictory", "mirrored against its qform"),
    "004": (no_orientation, "scan_orientation_unknown", "left and right are not known"),
}


def copy_rescaled(folder: Path, subject: str) -> None:
    """Put the first session in the place of the second, brighter and with another header."""
    image = nibabel.load(image_of(folder, subject, "pre"))
    values = np.round(np.asarray(image.dataobj) * 1.7).astype(np.int16)
    copy = nibabel.Nifti1Image(values, image.affine)
    copy.header["descrip"] = b"exported again"
    nibabel.save(copy, image_of(folder, subject, "post"))


@pytest.fixture(scope="module")
def walked(simulated_input, tmp_path_factory) -> Runner:
    """Seven patients: three headers, a copied session, a sidecar in milliseconds, two healthy."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("images") / "study")
    without_hcp_mmp(folder)
    for subject, (change, _, _) in HEADERS.items():
        change_header(image_of(folder, subject), change)
    copy_rescaled(folder, "005")
    sidecar = image_of(folder, SIDECAR_WRONG).with_name(f"sub-{SIDECAR_WRONG}_ses-post_T1w.json")
    sidecar.write_text(json.dumps({"RepetitionTime": 2300, "EchoTime": 2.98}))
    runner = Runner(load_study(folder))
    runner.run(tables=["gmv_change"])
    return runner


@pytest.mark.parametrize("subject", HEADERS)
def test_an_image_whose_orientation_is_not_known_is_a_row_of_exclusions(walked, subject):
    _, reason, words = HEADERS[subject]
    sql = f"SELECT session, stage, detail FROM exclusions WHERE reason = '{reason}' AND subject = "
    ((session, stage, detail),) = query(walked.lake, f"{sql}'{subject}'").fetchall()
    assert (session, stage) == ("post", "raw_scans")
    assert words in detail and f"sub-{subject}_ses-post_T1w.nii.gz" in detail
    assert "dcm2niix" in detail and str(walked.study.folder) not in detail


def test_a_session_that_is_the_other_one_rescaled_is_a_row_of_exclusions(walked):
    sql = "SELECT subject, session FROM exclusions WHERE reason = 'image_copied' ORDER BY session"
    assert query(walked.lake, sql).fetchall() == [("005", "post"), ("005", "pre")]


def test_times_in_milliseconds_are_missing_and_never_read_as_seconds(walked):
    sql = (
        "SELECT repetition_time_s, echo_time_s FROM raw_scans "
        f"WHERE subject = '{SIDECAR_WRONG}' AND session = 'post'"
    )
    assert query(walked.lake, sql).fetchall() == [(None, None)]
    told = walked.lake.failure(RawScans, {"subject": SIDECAR_WRONG})
    (problem,) = told.problems
    assert problem.reason == "sidecar_implausible"
    assert "probably in milliseconds" in problem.detail


def test_the_others_and_only_they_are_in_the_change(walked):
    n = query(walked.lake, "SELECT DISTINCT n FROM gmv_change").fetchall()
    assert n == [(len(HEALTHY | {SIDECAR_WRONG}),)]
    assert query(walked.lake, "SELECT DISTINCT orientation FROM raw_scans").fetchall() == [("RAS",)]
