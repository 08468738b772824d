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
    with pytest.raises(StudyError, match="has no column for session post"):
        read(bids, ["01"], half)


LONG = {
    "audit": Instrument(
        title="My scale",
        file=Path("phenotype/audit.tsv"),
        columns={"pre": "score", "post": "score"},
    )
}
HEADING = "participant_id\tsession_id\tscore\n"


def test_a_table_with_a_row_per_session_is_read_by_session_id(bids, write):
    write(
        "phenotype/audit.tsv",
        f"{HEADING}sub-01\tses-post\t6\nsub-01\tses-pre\t24\n02\tpre\t20\n02\tmid\t9\n02\tpost\t5\n",
    )
    assert read(bids, ["01", "02"], LONG) == (
        [
            ("01", "pre", "audit", 24.0),
            ("01", "post", "audit", 6.0),
            ("02", "pre", "audit", 20.0),
            ("02", "post", "audit", 5.0),
        ],
        [],
    )


def test_one_column_for_both_sessions_without_session_id_stops_the_study(bids, write):
    write("phenotype/audit.tsv", "participant_id\tscore\nsub-01\t24\n")
    with pytest.raises(StudyError, match="no column session_id"):
        read(bids, ["01"], LONG)


def test_a_session_without_a_row_is_a_missing_score(bids, write):
    write("phenotype/audit.tsv", f"{HEADING}sub-01\tpre\t24\n")
    rows, problems = read(bids, ["01"], LONG)
    assert (len(rows), problems) == (1, [("01", "post", "score_missing")])


def test_a_label_in_other_letters_is_pointed_at(bids, rate, write):
    rate("01", "ses-Pre\t24", "ses-post\t6")
    write("phenotype/audit.tsv", f"{HEADING}sub-01\tPRE\t1\nsub-01\tpost\t2\n")
    for instruments, hint in (
        (HAMD, "no row for ses-pre; is ses-Pre meant?"),
        (LONG, "no row for sub-01 ses-pre; is ses-PRE meant?"),
    ):
        _, (problem,) = read_clinical_scores(bids, ["01"], SESSIONS, instruments)
        assert hint in problem.detail


def test_one_session_twice_in_a_table_is_told_and_the_other_session_goes_on(bids, write):
    write("phenotype/audit.tsv", f"{HEADING}sub-01\tpre\t24\nsub-01\tpre\t23\nsub-01\tpost\t6\n")
    assert read(bids, ["01"], LONG) == (
        [("01", "post", "audit", 6.0)],
        [("01", "pre", "session_duplicated")],
    )


def test_a_column_per_session_is_read_whichever_row_of_the_patient_has_it(bids, write):
    heading = "participant_id\tsession_id\taudit_pre\taudit_post\n"
    write("phenotype/audit.tsv", f"{heading}01\tpre\t24\tn/a\n01\tpost\tn/a\t6\n02\tpre\t20\t5\n")
    rows, problems = read(bids, ["01", "02"], AUDIT)
    assert [row[3] for row in rows] == [24, 6, 20, 5] and problems == []


def test_no_message_advises_to_delete_a_row(bids, rate, write):
    rate("01", "ses-pre\t24", "ses-pre\t25", "ses-post\t6")
    write("phenotype/audit.tsv", "participant_id\taudit_pre\taudit_post\n01\t1\t2\n01\t1\t2\n")
    problems = read_clinical_scores(bids, ["01"], SESSIONS, HAMD | AUDIT)[1]
    assert len(problems) == 2
    assert all("delete" not in one.detail.lower() for one in problems)
    assert all("session_id" in one.detail for one in problems)


@pytest.mark.parametrize("line", ["ses-pre", "ses-pre\t24\t", "ses-pre\t24\t7"])
def test_a_line_that_does_not_fit_is_that_sessions_problem(bids, rate, line):
    rate("01", line, "ses-post\t6")
    rows, problems = read(bids, ["01"], HAMD)
    assert rows == [("01", "post", "hamd17", 6.0)]
    assert ("01", "pre", "line_malformed") in problems


def test_a_line_that_does_not_fit_of_a_session_that_is_not_compared_is_nobodys_problem(bids, rate):
    rate("01", "ses-pre\t24", "ses-mid", "ses-post\t6")
    rows, problems = read(bids, ["01"], HAMD)
    assert (len(rows), problems) == (2, [])


def test_a_line_that_does_not_fit_in_a_table_is_one_patients_problem(bids, write):
    write("phenotype/audit.tsv", "participant_id\taudit_pre\taudit_post\nsub-01\t1\nsub-02\t3\t4\n")
    rows, problems = read(bids, ["01", "02"], AUDIT)
    assert [row[0] for row in rows] == ["02", "02"]
    assert problems == [("01", "*", "line_malformed")]


def test_rows_of_another_subject_in_a_sessions_file_are_not_used(bids, rate):
    columns = "participant_id\tsession_id\thamd17"
    rate("01", "sub-01\tpre\t24", "sub-02\tpost\t6", columns=columns)
    rows, problems = read(bids, ["01"], HAMD)
    assert [row[3] for row in rows] == [24]
    assert ("01", "*", "row_of_another_subject") in problems


@pytest.mark.parametrize(
    ("columns", "setting"), [("Session_ID\tHAMD17", "hamd17"), ("session_id\thamd17", "HamD17")]
)
def test_columns_are_found_without_regard_to_case(bids, rate, columns, setting):
    rate("01", "ses-pre\t24", "ses-post\t6", columns=columns)
    instrument = {"hamd": Instrument(title="HAMD", column=setting)}
    assert [row[3] for row in read(bids, ["01"], instrument)[0]] == [24, 6]


def test_columns_of_a_table_are_found_without_regard_to_case(bids, write):
    write("phenotype/audit.tsv", "Participant_ID\tAUDIT_PRE\tAudit_Post\nsub-01\t1\t2\n")
    assert [row[3] for row in read(bids, ["01"], AUDIT)[0]] == [1, 2]


def test_columns_of_a_table_that_differ_in_case_only_stop_the_study(bids, write):
    write("phenotype/audit.tsv", "participant_id\tAUDIT_PRE\tAudit_pre\taudit_post\n01\t1\t2\t3\n")
    with pytest.raises(StudyError, match="differ in case only: AUDIT_PRE, Audit_pre"):
        read(bids, ["01"], AUDIT)


@pytest.mark.parametrize("code", ["-9", "-99", "99", "999", "9999"])
@pytest.mark.parametrize("name", ["hamd17", "MADRS", "my_scale"])
def test_a_missing_code_is_no_score_even_without_limits_in_the_study(bids, rate, name, code):
    for subject, score in (("01", code), ("02", "20")):
        rate(subject, f"ses-pre\t{score}", "ses-post\t6", columns=f"session_id\t{name}")
    instrument = {name.lower(): Instrument(title=name, column=name)}
    rows, problems = read(bids, ["01", "02"], instrument)
    assert len(rows) == 3 and problems == [("01", "pre", "score_out_of_range")]


def test_a_missing_code_is_told_with_file_line_column_and_fix(bids, rate):
    rate("01", "ses-pre\t999", "ses-post\t6")
    instrument = {"hamd": Instrument(title="HAMD-17", column="hamd17")}
    (problem,) = read_clinical_scores(bids, ["01"], SESSIONS, instrument)[1]
    for said in ("sub-01_sessions.tsv line 2 column hamd17", "999", "0 to 52", "`n/a`", "1960"):
        assert said in problem.detail


def test_the_limits_of_the_study_win(bids, rate):
    rate("01", "ses-pre\t99", "ses-post\t-9")
    own = {"hamd": Instrument(title="HAMD-17", column="hamd17", minimum=-10, maximum=100)}
    assert [row[3] for row in read(bids, ["01"], own)[0]] == [99, -9]


def test_a_number_that_others_come_near_is_a_score_of_an_unknown_scale(bids, rate):
    for subject, scores in (("01", ("99", "80")), ("02", ("97", "101"))):
        rows = f"ses-pre\t{scores[0]}", f"ses-post\t{scores[1]}"
        rate(subject, *rows, columns="session_id\tmemory")
    unknown = {"memory": Instrument(title="Memory", column="memory")}
    assert [row[3] for row in read(bids, ["01", "02"], unknown)[0]] == [99, 80, 97, 101]


def test_a_long_number_is_not_quoted(bids, rate):
    rate("01", "ses-pre\t19800203", "ses-post\t6")
    (problem,) = read_clinical_scores(bids, ["01"], SESSIONS, HAMD)[1]
    assert "98" not in problem.detail


def test_an_infinite_score_is_no_number(bids, rate):
    rate("01", "ses-pre\t1e999", "ses-post\tinf")
    assert read(bids, ["01"], HAMD)[1] == [
        ("01", "post", "value_not_a_number"),
        ("01", "pre", "value_not_a_number"),
    ]


def test_a_workbook_in_the_place_of_a_table_is_named(bids):
    (bids / "phenotype").mkdir()
    (bids / "phenotype/audit.tsv").write_bytes(b"PK\x03\x04\x14\x00[Content_Types].xml")
    with pytest.raises(StudyError, match="audit.tsv is an Excel workbook"):
        read(bids, ["01"], AUDIT)
