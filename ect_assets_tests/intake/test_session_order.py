"""The order of sessions comes from dates or from labels beyond doubt, and is never guessed."""

from __future__ import annotations

from itertools import permutations

import pytest

from ect_assets.intake.session_order import contradictions, first_by_label, ordered


@pytest.fixture
def dated(bids, write):
    """Return a function that dates the sessions of a subject in its sessions file."""

    def write_dates(subject, column="acq_time", **dates):
        rows = "".join(f"ses-{session}\t{date}\n" for session, date in dates.items())
        return write(f"sub-{subject}/sub-{subject}_sessions.tsv", f"session_id\t{column}\n{rows}")

    return write_dates


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("pre", "post"),
        ("preECT", "postECT"),
        ("ECTpre", "ECTpost"),
        ("baseline", "followup"),
        ("bl", "fu"),
        ("before", "after"),
        ("intake", "followup"),
        ("initial", "followup"),
        ("start", "end"),
        ("admission", "discharge"),
        ("post", "followup"),
        ("pre", "mid"),
        ("V2", "V10"),
        ("1", "2"),
        ("01", "02"),
        ("tp1", "tp2"),
        ("first", "second"),
        ("baseline", "month6"),
        ("baseline", "2"),
        ("followup1", "followup2"),
        ("post", "post2"),
    ],
)
def test_labels_that_say_so_are_ordered(first, second):
    assert first_by_label(first, second) == first == first_by_label(second, first)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A", "B"),
        ("alpha", "beta"),
        ("scan", "rescan"),
        ("post", "post1"),
        ("week8", "month1"),
        ("final", "followup"),
        ("ect", "rest"),
        ("baseline", "screening"),
        ("01", "1"),
        ("pre", "baseline"),
    ],
)
def test_labels_that_do_not_say_so_are_not_ordered(one, other):
    assert first_by_label(one, other) is first_by_label(other, one) is None


@pytest.mark.parametrize("order", list(permutations(("pre", "mid", "post", "followup"))))
def test_several_sessions_are_ordered_whatever_order_they_come_in(bids, order):
    assert ordered(bids, order) == ("pre", "mid", "post", "followup")


def test_one_pair_in_doubt_leaves_the_whole_order_unknown(bids):
    assert ordered(bids, ("pre", "x", "post")) is None


def test_dates_of_the_sessions_file_order_any_labels(bids, dated):
    dated("01", B="1900-03-01T10:00:00", A="1900-04-01T10:00:00")
    assert ordered(bids, ("A", "B")) == ("B", "A")


def test_days_order_as_dates_do(bids, dated):
    dated("01", column="days_since_baseline", B="0", A="21")
    assert ordered(bids, ("A", "B")) == ("B", "A")


def test_dates_of_the_scans_order_the_sessions(bids, write):
    for session, date in (("A", "1900-04-01T10:00:00"), ("B", "1900-03-01T10:00:00.5Z")):
        name = f"sub-01/ses-{session}/sub-01_ses-{session}_scans.tsv"
        write(name, f"filename\tacq_time\nanat/x.nii.gz\t{date}\n")
    assert ordered(bids, ("A", "B")) == ("B", "A")


def test_dates_against_labels_leave_the_order_unknown(bids, dated):
    dated("01", pre="1900-04-01", post="1900-03-01")
    assert ordered(bids, ("pre", "post")) is None


def test_one_exchanged_patient_does_not_speak_against_the_labels(bids, dated):
    for subject in ("01", "02", "03", "04"):
        dated(subject, pre="1900-03-01", post="1900-04-01")
    dated("05", pre="1900-04-01", post="1900-03-01")
    assert ordered(bids, ("pre", "post")) == ("pre", "post")


@pytest.mark.parametrize("dates", [("1900-01-01", "1900-01-01"), ("10:00", "11:00"), ("x", "n/a")])
def test_dates_that_say_nothing_leave_the_order_unknown(bids, dated, dates):
    dated("01", A=dates[0], B=dates[1])
    assert ordered(bids, ("A", "B")) is None


def test_a_date_whose_day_and_month_could_be_exchanged_says_nothing(bids, dated):
    dated("01", A="02-03-2020", B="03.02.2020")
    assert ordered(bids, ("A", "B")) is None


def test_patients_who_disagree_leave_the_order_unknown(bids, dated):
    dated("01", A="1900-03-01", B="1900-04-01")
    dated("02", A="1900-04-01", B="1900-03-01")
    assert ordered(bids, ("A", "B")) is None


def test_dates_that_agree_with_the_study_are_no_problem(bids, dated):
    dated("01", pre="1900-03-01", post="1900-04-01")
    assert contradictions(bids, ["01", "02"], ("pre", "post")) == []


def test_a_study_with_its_sessions_exchanged_is_told_for_every_patient(bids, dated):
    for subject in ("01", "02"):
        dated(subject, intake="1900-03-01", followup="1900-04-01")
    found = contradictions(bids, ["01", "02"], ("followup", "intake"))
    assert [one.subject for one in found] == ["01", "02"]
    assert "2 of 2 patients" in found[0].detail and "[sessions]" in found[0].detail
    assert "1900" not in found[0].detail


def test_one_patient_with_exchanged_sessions_is_told_alone(bids, dated):
    for subject in ("01", "02", "03"):
        dated(subject, pre="1900-03-01", post="1900-04-01")
    dated("02", pre="1900-04-01", post="1900-03-01")
    (found,) = contradictions(bids, ["01", "02", "03"], ("pre", "post"))
    assert found.subject == "02" and "this patient's two sessions" in found.detail
