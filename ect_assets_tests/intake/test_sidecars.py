"""What sidecars say of the scanner: in BIDS's units, or left out with a remark."""

from __future__ import annotations

import json

import pytest

from ect_assets.intake.scans import read_raw_scans
from ect_assets.science.cohort import REMARKS

SIDECAR = "sub-01/ses-pre/anat/sub-01_ses-pre_T1w.json"
SOUND = {
    "RepetitionTime": 2.3,
    "EchoTime": 0.00298,
    "FlipAngle": 9,
    "MagneticFieldStrength": 3,
}
COLUMNS = {
    "RepetitionTime": "repetition_time_s",
    "EchoTime": "echo_time_s",
    "FlipAngle": "flip_angle_deg",
    "MagneticFieldStrength": "field_strength_t",
}


@pytest.fixture
def read(bids, add_scan, write):
    """Return a function that reads a scan with a sidecar: its row, and what is told."""
    add_scan("pre")

    def read_with(content: dict):
        write(SIDECAR, json.dumps(content))
        frame, problems = read_raw_scans(bids, "01", ("pre",))
        return frame.iloc[0], problems

    return read_with


def test_a_sound_sidecar_is_taken_as_it_is(read):
    row, problems = read(SOUND)
    assert problems == []
    assert row[list(COLUMNS.values())].tolist() == list(SOUND.values())


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [
        ("RepetitionTime", 2300, "in milliseconds"),
        ("RepetitionTime", 2.3e6, "in microseconds"),
        ("RepetitionTime", 0, None),
        ("RepetitionTime", -2.3, None),
        ("EchoTime", 2.98, "in milliseconds"),
        ("EchoTime", 2980, "in microseconds"),
        ("FlipAngle", 0.157, "in radians"),
        ("FlipAngle", 900, None),
        ("MagneticFieldStrength", 30000, "in gauss"),
        ("MagneticFieldStrength", 15000, "in gauss"),
        ("MagneticFieldStrength", 3000, "in millitesla"),
        ("MagneticFieldStrength", 123.2, "frequency in MHz"),
        ("MagneticFieldStrength", -9, None),
    ],
)
def test_a_value_that_cannot_be_true_is_missing_and_told_with_its_unit(read, field, value, cause):
    row, problems = read(SOUND | {field: value})
    assert row.isna()[COLUMNS[field]]
    (problem,) = problems
    assert problem.reason == "sidecar_implausible"
    assert SIDECAR in problem.detail and field in problem.detail
    assert cause is None or cause in problem.detail
    others = [COLUMNS[one] for one in SOUND if one not in ("RepetitionTime", "EchoTime", field)]
    assert row[others].notna().all()


def test_times_that_are_both_milliseconds_are_both_missing_though_one_could_be_seconds(read):
    row, (problem,) = read(SOUND | {"RepetitionTime": 7.2, "EchoTime": 3.1})
    assert row.isna()[["repetition_time_s", "echo_time_s"]].all()
    assert "RepetitionTime is plausible" in problem.detail


def test_an_echo_after_the_repetition_is_refused(read):
    row, (problem,) = read(SOUND | {"RepetitionTime": 0.007, "EchoTime": 0.1})
    assert row.isna()[["repetition_time_s", "echo_time_s"]].all()
    assert "not shorter than the repetition time" in problem.detail


@pytest.mark.parametrize("value", ["2.3", [2.3], True, {"value": 2.3}])
def test_a_value_that_is_no_number_is_missing_and_told_without_being_quoted(read, value):
    row, (problem,) = read(SOUND | {"RepetitionTime": value})
    assert row.isna()["repetition_time_s"]
    assert "RepetitionTime is not a single number" in problem.detail


def test_null_is_missing_without_a_word(read):
    row, problems = read(SOUND | {"RepetitionTime": None})
    assert row.isna()["repetition_time_s"] and problems == []


def test_the_sidecar_that_says_the_value_is_named(read, write):
    write("T1w.json", json.dumps({"RepetitionTime": 2300}))
    _, (problem,) = read({"EchoTime": 0.003})
    assert problem.detail.startswith("T1w.json: RepetitionTime is 2300 s, expected 0.002 to 10 s.")


def test_a_remark_leaves_nobody_out():
    assert ("raw_scans", "sidecar_implausible") in REMARKS


def test_a_pointer_in_the_place_of_a_sidecar_is_named(bids, add_scan, write):
    add_scan("pre")
    write(SIDECAR, "/annex/objects/MD5E-s100--00.json\n")
    _, (problem,) = read_raw_scans(bids, "01", ("pre",))
    assert problem.reason == "sidecar_unreadable" and "datalad get" in problem.detail
