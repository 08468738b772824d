"""Ratings: each score once, in order, and every gap told by patient and session."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets.intake.clinical import read_clinical_scores
from ect_assets.problems import StudyError
from ect_assets.study import Instrument

SESSIONS = ("pre", "post")
HAMD = {"hamd17": Instrument(title="HAMD-17", column="hamd17", minimum=0, maximum=52)}
AUDIT = {
    "audit": Instrument(
        title="AUDIT",
        file=Path("phenotype/audit.tsv"),
        columns={"pre": "audit_pre", "post": "audit_post"},
    )
}


@pytest.fixture
def rate(write):
    """Return a function that writes a patient's sessions file."""

    def write_sessions(subject, *rows, columns="session_id\thamd17"):
        text = "\n".join([columns, *rows]) + "\n"
        return write(f"sub-{subject}/sub-{subject}_sessions.tsv", text)

    return write_sessions


def read(bids, subjects, instruments):
    frame, problems = read_clinical_scores(bids, subjects, SESSIONS, instruments)
    rows = list(frame.itertuples(index=False, name=None))
    return rows, [(problem.subject, problem.session, problem.reason) for problem in problems]


def test_scores_are_read_with_and_without_the_prefix_of_the_session(bids, rate):
    rate("01", "ses-pre\t24", "post\t6")
    assert read(bids, ["01"], HAMD) == (
        [("01", "pre", "hamd17", 24.0), ("01", "post", "hamd17", 6.0)],
        [],
    )


def test_scores_are_sorted_by_subject_instrument_and_session(bids, rate, write):
    for subject in ("02", "01"):
        rate(subject, "ses-post\t6", "ses-pre\t24")
    write("phenotype/audit.tsv", "participant_id\taudit_post\taudit_pre\nsub-02\t2\t1\n01\t4\t3\n")
    rows, _ = read(bids, ["02", "01"], HAMD | AUDIT)
    assert rows == [
        (subject, session, instrument, score)
        for subject, scores in (("01", (24, 6, 3, 4)), ("02", (24, 6, 1, 2)))
        for (instrument, session), score in zip(
            [(name, session) for name in ("hamd17", "audit") for session in SESSIONS],
            scores,
            strict=True,
        )
    ]


def test_the_frame_has_the_columns_of_the_table_even_when_empty(bids):
    frame, _ = read_clinical_scores(bids, [], SESSIONS, HAMD)
    assert list(frame.columns) == ["subject", "session", "instrument", "score"]


def test_a_missing_score_is_reported_and_the_present_one_kept(bids, rate):
    rate("01", "ses-pre\t24", "ses-post\tn/a")
    assert read(bids, ["01"], HAMD) == (
        [("01", "pre", "hamd17", 24.0)],
        [("01", "post", "score_missing")],
    )


def test_a_missing_session_row_is_a_missing_score_and_others_go_on(bids, rate):
    rate("01", "ses-pre\t24")
    rate("02", "ses-pre\t20", "ses-post\t5")
    rows, problems = read(bids, ["01", "02"], HAMD)
    assert (len(rows), problems) == (3, [("01", "post", "score_missing")])


def test_a_patient_without_a_sessions_file_is_reported_once(bids, rate):
    rate("01", "ses-pre\t24", "ses-post\t6")
    rows, problems = read(bids, ["01", "02"], HAMD)
    assert (len(rows), problems) == (2, [("02", "*", "sessions_file_missing")])


def test_a_sessions_file_that_cannot_be_read_concerns_one_patient(bids, rate, write):
    rate("01", "ses-pre\t24", "ses-post\t6")
    write("sub-02/sub-02_sessions.tsv", "session_id,hamd17\nses-pre,3\n")
    assert read(bids, ["01", "02"], HAMD)[1] == [("02", "*", "table_unreadable")]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("12,5", "value_not_a_number"), ("53", "score_out_of_range"), ("-1", "score_out_of_range")],
)
def test_a_score_that_cannot_be_right_is_left_out_and_reported(bids, rate, cell, reason):
    rate("01", f"ses-pre\t{cell}", "ses-post\t6")
    assert read(bids, ["01"], HAMD) == (
        [("01", "post", "hamd17", 6.0)],
        [("01", "pre", reason)],
    )


def test_two_rows_of_one_session_are_reported_and_neither_is_used(bids, rate):
    rate("01", "ses-pre\t24", "ses-pre\t25", "ses-post\t6")
    assert read(bids, ["01"], HAMD) == (
        [("01", "post", "hamd17", 6.0)],
        [("01", "pre", "session_duplicated")],
    )


def test_a_column_that_one_patient_lacks_is_reported(bids, rate):
    rate("01", "ses-pre\t24", "ses-post\t6")
    rate("02", "ses-pre\t24", columns="session_id\thamd")
    assert read(bids, ["01", "02"], HAMD)[1] == [("02", "*", "column_missing")]


def test_a_column_that_all_patients_lack_stops_the_study_and_names_the_setting(bids, rate):
    rate("01", "ses-pre\t24", columns="session_id\thamd")
    with pytest.raises(
        StudyError, match=r"column hamd17; columns found: hamd.*instruments\.hamd17"
    ):
        read(bids, ["01"], HAMD)


def test_sessions_files_without_session_id_stop_the_study(bids, rate):
    rate("01", "pre\t24", columns="visit\thamd17")
    with pytest.raises(StudyError, match="session_id; columns found: hamd17, visit"):
        read(bids, ["01"], HAMD)


def test_a_patient_without_a_row_in_the_instruments_table_is_reported(bids, write):
    write("phenotype/audit.tsv", "participant_id\taudit_pre\taudit_post\nsub-01\t1\t2\n")
    assert read(bids, ["01", "02"], AUDIT)[1] == [
        ("02", "post", "score_missing"),
        ("02", "pre", "score_missing"),
    ]


def test_a_patient_with_two_rows_in_the_instruments_table_is_reported(bids, write):
    write("phenotype/audit.tsv", "participant_id\taudit_pre\taudit_post\n01\t1\t2\nsub-01\t1\t2\n")
    assert read(bids, ["01"], AUDIT) == ([], [("01", "*", "subject_duplicated")])


def test_two_instruments_missing_in_one_session_are_one_finding_that_names_both(bids, rate, write):
    rate("01", "ses-pre\t24", "ses-post\tn/a")
    write("phenotype/audit.tsv", "participant_id\taudit_pre\taudit_post\nsub-01\t1\t\n")
    (problem,) = read_clinical_scores(bids, ["01"], SESSIONS, HAMD | AUDIT)[1]
    assert "HAMD-17" in problem.detail and "AUDIT" in problem.detail


def test_a_missing_instruments_table_stops_the_study(bids):
    with pytest.raises(StudyError, match=r"phenotype/audit\.tsv is missing.*instruments\.audit"):
        read(bids, ["01"], AUDIT)


def test_a_missing_column_of_the_instruments_table_stops_the_study(bids, write):
    write("phenotype/audit.tsv", "participant_id\taudit_pre\tAUDIT_later\nsub-01\t1\t2\n")
    with pytest.raises(StudyError, match="no column audit_post; it has: .*AUDIT_later"):
        read(bids, ["01"], AUDIT)


def test_an_instrument_that_says_nothing_of_a_session_stops_the_study(bids):
    half = {"audit": AUDIT["audit"].model_copy(update={"columns": {"pre": "audit_pre"}})}
    with pytest.raises(StudyError, match="says no column for session post"):
        read(bids, ["01"], half)
