"""The treatment of patients is read from either file, typed, bounded, and never identifies."""

from __future__ import annotations

import math

import pytest

from ect_assets.intake.findings import Findings
from ect_assets.intake.participants import read_participants
from ect_assets.intake.session_order import days_of_sessions
from ect_assets.intake.treatment import in_participants, of_sessions, placement
from ect_assets.problems import StudyError

BOTH = ("pre", "post")
WANTED = {"n_ect": "treatments", "ect_placement": "Electrodes"}


@pytest.fixture
def sessions(write):
    """Return a function that writes a patient's sessions file."""

    def write_sessions(subject, *rows, columns="session_id\ttreatments\telectrodes"):
        write(f"sub-{subject}/sub-{subject}_sessions.tsv", "\n".join([columns, *rows]) + "\n")

    return write_sessions


def read(bids, subjects, wanted=WANTED, allowed=()):
    findings = Findings("participants")
    frame = of_sessions(bids, subjects, BOTH, wanted, allowed, findings)
    return frame, [(one.subject, one.reason) for one in findings.problems]


@pytest.mark.parametrize("text", ["RUL", "right unilateral", "Right-Unilateral"])
def test_a_placement_has_one_name_however_it_is_written(text):
    assert placement(text) == "right_unilateral"


def test_a_placement_that_is_not_known_stays_as_it_is():
    assert placement("focal") == "focal"


def test_the_follow_up_counts_and_the_baseline_where_it_is_empty(bids, sessions):
    sessions("01", "ses-pre\t0\tRUL", "ses-post\t9\tn/a")
    frame, problems = read(bids, ["01"])
    assert frame.loc["01"].to_dict() == {"n_ect": 9.0, "ect_placement": "right_unilateral"}
    assert problems == []


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("many", "value_not_a_number"), ("-1", "value_out_of_range"), ("999", "value_out_of_range")],
)
def test_a_number_that_cannot_be_is_missing_and_told(bids, sessions, cell, reason):
    sessions("01", f"ses-post\t{cell}\tRUL")
    sessions("02", "ses-post\t8\tRUL")
    frame, problems = read(bids, ["01", "02"])
    assert math.isnan(frame.n_ect["01"]) and frame.n_ect["02"] == 8
    assert problems == [("01", reason)]


def test_a_text_that_one_patient_has_alone_is_withheld(bids, sessions):
    for subject, text in (("01", "as Dr Example said"), ("02", "focal"), ("03", "focal")):
        sessions(subject, f"ses-post\t8\t{text}")
    frame, problems = read(bids, ["01", "02", "03"])
    assert frame.ect_placement.isna().tolist() == [True, False, False]
    assert problems == [("01", "text_withheld")]


@pytest.mark.parametrize("text", ["says Dr Example", "Smith"])
def test_a_text_like_a_name_is_withheld_unless_a_reviewer_allows_the_column(bids, sessions, text):
    for subject in ("01", "02"):
        sessions(subject, f"ses-post\t8\t{text}")
    assert read(bids, ["01", "02"])[0].ect_placement.isna().all()
    assert read(bids, ["01", "02"], allowed=["electrodes"])[0].ect_placement.tolist() == [text] * 2


def test_who_has_no_file_or_row_has_no_treatment(bids, sessions):
    sessions("01", "ses-post\t8\tBT")
    frame, _ = read(bids, ["01", "02"])
    assert frame.loc["02"].isna().all()


def test_a_column_that_is_nowhere_is_named_with_the_setting(bids, sessions):
    sessions("01", "ses-post\t8\tBT")
    with pytest.raises(StudyError, match=r"\[treatment\].*column charge.*treatments"):
        read(bids, ["01"], {"ect_charge_mc": "charge"})


def test_columns_of_participants_are_found_and_read_with_their_bounds(bids, write):
    write(
        "participants.tsv",
        "participant_id\tTreatments\telectrodes\nsub-01\t9\tBL\nsub-02\t-3\tRUL\n",
    )
    renamed = in_participants(bids, WANTED)
    assert renamed == {"Treatments": "n_ect", "electrodes": "ect_placement"}
    frame, problems = read_participants(bids, renamed)
    assert frame.ect_placement.tolist() == ["bitemporal", "right_unilateral"]
    assert frame.n_ect[0] == 9 and math.isnan(frame.n_ect[1])
    assert [(one.subject, one.reason) for one in problems] == [("02", "value_out_of_range")]


@pytest.mark.parametrize(
    ("column", "cells"),
    [("acq_time", ("1925-03-01T09:00:00", "1925-04-12T08:00:00")), ("day", ("3", "45"))],
)
def test_days_between_sessions_are_counted_from_the_first(bids, sessions, column, cells):
    rows = [f"ses-{name}\t{cell}" for name, cell in zip(BOTH, cells, strict=True)]
    sessions("01", *rows, columns=f"session_id\t{column}")
    assert days_of_sessions(bids, "01") == {"pre": 0, "post": 42}


def test_one_dated_session_says_nothing_of_days(bids, sessions):
    sessions("01", "ses-pre\t1925-03-01", "ses-post\tn/a", columns="session_id\tacq_time")
    assert days_of_sessions(bids, "01") == {}
