"""Decisions of reviewers: what the file may say, and what it changes in the table exclusions."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.intake.overruling import apply_reviews, read_reviews, unused_reviews
from ect_assets.problems import EVERY, Problem, StudyError
from ect_assets.science.cohort import IMAGING, collect_exclusions

HEADER = "subject\tsession\tparcellation\treason\tdecision\n"
SUBJECTS, SESSIONS, ATLASES = ("01", "02", "03"), ("pre", "post"), ("hcp_mmp",)


@pytest.fixture
def reviewed(tmp_path):
    """Return a function that writes the file and reads it."""

    def read(text, header=HEADER):
        (tmp_path / "reviewed.tsv").write_text(header + text, encoding="utf-8")
        return read_reviews(tmp_path, SUBJECTS, SESSIONS, ATLASES)

    return read


def found(*rows):
    """Make a table of exclusions from subject, session and reason."""
    problems = [Problem(reason, "found.", "raw_scans", one, where) for one, where, reason in rows]
    volumes = [{"subject": one, "parcellation": "hcp_mmp"} for one in SUBJECTS]
    return collect_exclusions(problems, SUBJECTS, volumes, ATLASES)


def test_without_a_file_nothing_is_reviewed(tmp_path):
    exclusions = found(("01", "post", "tiv_changed"))
    reviews = read_reviews(tmp_path, SUBJECTS, SESSIONS, ATLASES)
    pd.testing.assert_frame_equal(apply_reviews(exclusions, reviews), exclusions)


def test_a_row_that_is_kept_says_by_which_file(reviewed):
    reviews = reviewed("sub-01\tses-post\t*\ttiv_changed\tkeep\n")
    frame = apply_reviews(found(("01", "post", "tiv_changed")), reviews, "reviewed.tsv")
    assert frame[["overruled", "overruled_by_file"]].values.tolist() == [[True, "reviewed.tsv"]]


def test_other_rows_stand(reviewed):
    exclusions = found(
        ("01", "post", "euler_number_low"),
        ("02", "post", "tiv_changed"),
        ("01", "pre", "tiv_changed"),
    )
    reviews = reviewed("01\tpost\t*\ttiv_changed\tkeep\n")
    assert not apply_reviews(exclusions, reviews)["overruled"].any()


def test_a_star_covers_every_session(reviewed):
    exclusions = found(("01", "pre", "euler_number_low"), ("01", "post", "euler_number_low"))
    reviews = reviewed("01\t*\t*\teuler_number_low\tkeep\n")
    assert apply_reviews(exclusions, reviews)["overruled"].all()


def test_one_session_does_not_speak_for_the_whole_patient(reviewed):
    reviews = reviewed("01\tpost\t*\ttiv_changed\tkeep\n")
    assert not apply_reviews(found(("01", EVERY, "tiv_changed")), reviews)["overruled"].any()


def test_an_exclusion_by_a_reviewer_is_a_row_that_concerns_imaging(reviewed):
    frame = apply_reviews(found(), reviewed("02\t\t\tmotion\texclude\n"))
    row = frame.iloc[0]
    assert row[["subject", "session", "parcellation"]].tolist() == ["02", "*", "*"]
    assert (row["reason"], row["stage"] in IMAGING) == ("excluded_by_reviewer", True)
    assert "motion" in row["detail"] and not row["overruled"]


def test_applied_twice_is_as_applied_once(reviewed):
    reviews = reviewed("02\t*\t*\tmotion\texclude\n01\tpost\t*\ttiv_changed\tkeep\n")
    once = apply_reviews(found(("01", "post", "tiv_changed")), reviews)
    pd.testing.assert_frame_equal(apply_reviews(once, reviews), once)


def test_what_comes_out_is_the_table_exclusions(reviewed):
    reviews = reviewed("02\t*\t*\tmotion\texclude\n01\tpost\t*\ttiv_changed\tkeep\n")
    frame = apply_reviews(found(("01", "post", "tiv_changed")), reviews)
    assert tables.Exclusions.to_arrow(frame.assign(simulated=False)).num_rows == 2


@pytest.mark.parametrize(
    "reason", ["session_missing", "scan_unreadable", "not_processed", "identifying_content"]
)
def test_what_is_not_there_cannot_be_kept(reviewed, reason):
    reviews = reviewed(f"01\tpost\t*\t{reason}\tkeep\n")
    with pytest.raises(StudyError, match="line 2 keeps sub-01 despite"):
        apply_reviews(found(("01", "post", reason)), reviews)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("09\tpost\t*\ttiv_changed\tkeep\n", "line 2 names a subject"),
        ("01\tlater\t*\ttiv_changed\tkeep\n", "line 2 names a session"),
        ("01\tpost\tother\ttiv_changed\tkeep\n", "line 2 names a parcellation"),
        ("01\tpost\t*\ttiv_changed\tmaybe\n", "line 2 has a decision"),
        ("01\tpost\t*\tn/a\tkeep\n", "line 2 has no valid reason"),
        ("01\tpost\t*\tIt moved\tkeep\n", "line 2 has no valid reason"),
        ("01\tpost\t*\tmotion\texclude\n" * 2, "lines 2, 3 decide"),
        ("01\tpost\t*\ta\texclude\n01\tpost\t*\tb\texclude\n", "lines 2, 3 decide"),
        ("01\tpost\t*\ta\texclude\n01\tpost\t*\ta\tkeep\n", "lines 2, 3 decide"),
        ("01\tpost\n", "line 2 has 2 cells"),
    ],
)
def test_a_row_that_cannot_be_right_stops_the_study_and_is_named(reviewed, rows, says):
    with pytest.raises(StudyError, match=says):
        reviewed(rows)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (HEADER.replace("reason\t", ""), "no column reason"),
        (HEADER.replace("\n", "\tverdict\n"), "unknown column.*: verdict"),
    ],
)
def test_a_column_too_few_or_too_many_stops_the_study(reviewed, header, says):
    with pytest.raises(StudyError, match=says):
        reviewed("", header)


def test_every_faulty_row_is_named_at_once(reviewed):
    with pytest.raises(StudyError, match="line 2 .* line 3 "):
        reviewed("09\t*\t*\ttiv_changed\tkeep\n01\t*\t*\ttiv_changed\tperhaps\n")


def test_a_decision_that_fits_nothing_is_listed(reviewed):
    reviews = reviewed("01\tpost\t*\ttiv_changed\tkeep\n02\tpost\t*\ttiv_changed\tkeep\n")
    unused = unused_reviews(found(("01", "post", "tiv_changed")), reviews)
    assert unused["subject"].tolist() == ["02"]


def test_an_empty_reason_of_an_exclusion_is_the_reviewers_own(reviewed):
    frame = apply_reviews(found(), reviewed("02\tpost\t\t\texclude\n"))
    assert frame["reason"].tolist() == ["excluded_by_reviewer"]


def test_columns_are_recognized_without_regard_to_case(tmp_path):
    header = "Subject\tSESSION\tParcellation\tReason\tDecision"
    (tmp_path / "reviewed.tsv").write_text(f"{header}\n001\t*\t*\ttiv_changed\tkeep\n")
    reviews = read_reviews(tmp_path, ["001"], ["pre", "post"], [])
    assert reviews["decision"].tolist() == ["keep"]
