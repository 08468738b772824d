"""Who is in which analysis, who is left out, and that it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.problems import EVERY, NOT_CHECKED, Problem, StudyError
from ect_assets.science import cohort
from ect_assets.science.cohort import (
    REMARKS,
    collect_exclusions,
    families,
    paired_cohort,
    paired_instrument,
)
from ect_assets_tests.arranged import arranged

SESSIONS = ("pre", "post")
SUBJECTS = ["03", "01", "02"]
PARCELS = ["lh_b", "lh_a"]
ATLAS = "desikan_killiany"


def problem(subject="01", reason="scan_broken", stage="raw_scans", **where):
    return Problem(reason, f"{reason} found by {stage}", stage, subject, **where)


def exclusions(*problems):
    return collect_exclusions(problems, SUBJECTS, volumes(), [ATLAS])


def volumes(subjects=SUBJECTS):
    return [{"subject": subject, "parcellation": ATLAS} for subject in subjects]


def one_volume(subject, session, parcel):
    """A volume that tells whose it is."""
    return 100.0 * int(subject) + 10 * SESSIONS.index(session) + PARCELS.index(parcel)


@pytest.fixture
def parcel_gmv():
    keys = [(a, b, c) for a in SUBJECTS for b in SESSIONS for c in PARCELS]
    frame = pd.DataFrame(keys, columns=["subject", "session", "parcel"])
    return frame.assign(parcellation=ATLAS, gmv_mm3=[one_volume(*key) for key in keys])


@pytest.fixture
def scan_volumes():
    keys = [(subject, session) for subject in SUBJECTS for session in SESSIONS]
    frame = pd.DataFrame(keys, columns=["subject", "session"])
    return frame.assign(etiv_mm3=[float(subject) + (b == "post") for subject, b in keys])


@pytest.fixture
def parcels():
    """The parcels in the order of the atlas, with one that has no volume."""
    kinds = {"lh_a": "cortex", "lh_b": "cortex", "lh_thalamus": "subcortex"}
    return pd.DataFrame(
        {"parcellation": ATLAS, "parcel": list(kinds), "structure": list(kinds.values())}
    )


@pytest.fixture
def pair(parcel_gmv, scan_volumes, parcels):
    """Return a function that matches the three patients under some exclusions."""

    def paired(left_out=None, gmv=parcel_gmv, etiv=scan_volumes, adjusts=True):
        left_out = exclusions() if left_out is None else left_out
        return paired_cohort(arranged(gmv), etiv, parcels, left_out, SESSIONS, adjusts)

    return paired


def without(frame, **where):
    """Leave out the rows that agree with all that is said."""
    agrees = pd.Series(True, index=frame.index)
    for column, value in where.items():
        agrees &= frame[column] == value
    return frame[~agrees]


def test_nothing_found_is_a_table_without_rows():
    frame = exclusions().assign(simulated=False)
    assert tables.Exclusions.to_arrow(frame).num_rows == 0


def test_findings_are_rows_of_the_table():
    frame = exclusions(problem("01"), problem("02", session="post")).assign(simulated=False)
    assert tables.Exclusions.to_arrow(frame).num_rows == 2


def test_of_one_finding_by_several_stages_the_earliest_stands():
    found = [problem(stage=stage) for stage in ("parcel_gmv", "raw_scans", "clinical_scores")]
    assert exclusions(*found).stage.tolist() == ["raw_scans"]


def test_two_reasons_are_two_rows():
    frame = exclusions(problem(reason="scan_broken"), problem(reason="session_missing"))
    assert frame.reason.tolist() == ["scan_broken", "session_missing"]


def test_the_sentence_of_a_finding_is_kept():
    assert exclusions(problem()).detail.tolist() == ["scan_broken found by raw_scans"]


@pytest.mark.parametrize(("stage", "reason"), sorted(REMARKS))
def test_a_remark_excludes_nobody(stage, reason):
    assert exclusions(problem(stage=stage, reason=reason)).empty


def test_a_reason_is_a_remark_only_where_its_stage_says_so():
    found = problem(stage="clinical_scores", reason="value_not_a_number")
    assert exclusions(found).subject.tolist() == ["01"]


def test_nobody_is_overruled_at_first():
    assert not exclusions(problem()).overruled.any()


def test_a_finding_about_a_patient_who_left_is_dropped():
    assert exclusions(problem("99")).empty


def test_a_label_that_cannot_be_registered_is_kept():
    found = problem("99", "subject_duplicated", "participants")
    assert exclusions(found).subject.tolist() == ["99"]


def test_a_patient_without_volumes_and_finding_is_not_processed_yet():
    frame = collect_exclusions([], SUBJECTS, volumes(["01", "03"]), [ATLAS])
    assert frame[["subject", "parcellation", "reason"]].to_numpy().tolist() == [
        ["02", ATLAS, "not_processed"]
    ]


def test_a_patient_is_not_processed_once_per_parcellation():
    frame = collect_exclusions([], ["01"], [], [ATLAS, "hcp_mmp"])
    assert frame.parcellation.tolist() == [ATLAS, "hcp_mmp"]


def test_a_patient_whose_missing_volumes_are_explained_is_told_once():
    frame = collect_exclusions([problem("01")], ["01"], [], [ATLAS, "hcp_mmp"])
    assert frame.reason.tolist() == ["scan_broken"]


def test_a_finding_in_one_parcellation_does_not_explain_another():
    found = problem("01", "parcel_missing", "parcel_gmv", parcellation=ATLAS)
    frame = collect_exclusions([found], ["01"], [], [ATLAS, "hcp_mmp"])
    assert frame.reason.tolist() == ["parcel_missing", "not_processed"]


def test_a_clinical_finding_does_not_explain_missing_volumes():
    found = problem("01", "score_missing", "clinical_scores")
    frame = collect_exclusions([found], ["01"], [], [ATLAS])
    assert sorted(frame.reason) == ["not_processed", "score_missing"]


def test_patients_are_in_the_order_of_their_labels(pair):
    assert pair().subjects == ["01", "02", "03"]


def test_parcels_are_in_the_order_of_the_atlas(pair):
    assert pair().parcels.parcel.tolist() == ["lh_a", "lh_b"]


@pytest.mark.parametrize("session", SESSIONS)
def test_each_volume_stands_at_its_patient_and_parcel(pair, session):
    cohort = pair()
    found = cohort.baseline if session == "pre" else cohort.follow_up
    assert found.tolist() == [
        [one_volume(subject, session, parcel) for parcel in ("lh_a", "lh_b")]
        for subject in ("01", "02", "03")
    ]


def test_the_order_of_the_rows_does_not_matter(pair, parcel_gmv):
    shuffled = parcel_gmv.sample(frac=1, random_state=1)
    assert (pair(gmv=shuffled).baseline == pair().baseline).all()


@pytest.mark.parametrize("session", SESSIONS)
def test_a_patient_with_one_session_is_not_in_the_cohort_but_named(pair, parcel_gmv, session):
    told = exclusions(problem("02", "session_missing", "parcel_gmv"))
    cohort = pair(told, gmv=without(parcel_gmv, subject="02", session=session))
    assert (cohort.subjects, cohort.left_out) == (["01", "03"], ["02"])


def test_a_patient_whose_gap_nobody_explained_stops_the_group_by_name(pair, parcel_gmv):
    gmv = without(parcel_gmv, subject="02", session="post", parcel="lh_a")
    with pytest.raises(StudyError, match="sub-02: volumes .* incomplete.*--again --subject 02"):
        pair(gmv=gmv)


def test_a_third_session_is_not_looked_at(pair, parcel_gmv):
    third = parcel_gmv[parcel_gmv.subject == "01"].query("session == 'pre'").assign(session="later")
    assert pair(gmv=pd.concat([parcel_gmv, third])).subjects == ["01", "02", "03"]


def test_where_nobody_has_both_sessions_there_is_no_one_in_the_cohort(pair, parcel_gmv):
    told = exclusions(*(problem(one, "session_missing", "parcel_gmv") for one in SUBJECTS))
    assert pair(told, gmv=without(parcel_gmv, session="post")).subjects == []


def test_where_everybody_is_in_nobody_is_left_out(pair):
    assert pair().left_out == []


def test_an_excluded_patient_is_left_out(pair):
    assert pair(exclusions(problem("02"))).subjects == ["01", "03"]


def test_an_excluded_patient_is_named(pair):
    assert pair(exclusions(problem("02"))).left_out == ["02"]


def test_an_overruled_exclusion_leaves_nobody_out(pair):
    overruled = exclusions(problem("02")).assign(overruled=True)
    assert pair(overruled).subjects == ["01", "02", "03"]


def test_a_second_reason_that_stands_still_leaves_out(pair):
    frame = exclusions(problem("02"), problem("02", "session_missing"))
    assert pair(frame.assign(overruled=[True, False])).left_out == ["02"]


def test_an_exclusion_from_another_parcellation_does_not_count(pair):
    found = problem("02", "parcel_missing", "parcel_gmv", parcellation="hcp_mmp")
    assert pair(exclusions(found)).left_out == []


def test_a_clinical_finding_leaves_the_scans_in(pair):
    found = problem("02", "score_missing", "clinical_scores")
    assert pair(exclusions(found)).left_out == []


def test_intracranial_volume_is_the_mean_of_both_sessions(pair):
    assert pair().mean_etiv_mm3.tolist() == [1.5, 2.5, 3.5]


def test_without_adjustment_intracranial_volume_may_be_missing(pair, scan_volumes):
    etiv = scan_volumes.assign(etiv_mm3=float("nan"))
    assert pair(etiv=etiv, adjusts=False).mean_etiv_mm3 is None


@pytest.mark.parametrize("sessions", [["pre", "post"], ["post"]])
def test_a_patient_without_intracranial_volume_is_named_with_the_mend(pair, scan_volumes, sessions):
    missing = (scan_volumes.subject == "02") & scan_volumes.session.isin(sessions)
    etiv = scan_volumes.assign(etiv_mm3=scan_volumes.etiv_mm3.mask(missing))
    with pytest.raises(StudyError, match="sub-02: .*`ect run --again --subject 02`"):
        pair(etiv=etiv)


@pytest.fixture
def clinical_scores():
    keys = [(a, b, c) for a in SUBJECTS for b in SESSIONS for c in ("hamd", "moca")]
    frame = pd.DataFrame(keys, columns=["subject", "session", "instrument"])
    return frame.assign(score=[int(a) + 10.0 * (b == "pre") for a, b, _ in keys])


def match(frame, left_out=None):
    left_out = exclusions() if left_out is None else left_out
    return paired_instrument(frame, "hamd", SESSIONS, left_out)


def test_both_scores_of_each_patient_are_matched(clinical_scores):
    assert match(clinical_scores).to_dict("index") == {
        "01": {"pre": 11.0, "post": 1.0},
        "02": {"pre": 12.0, "post": 2.0},
        "03": {"pre": 13.0, "post": 3.0},
    }


def test_baseline_is_the_first_column(clinical_scores):
    assert list(match(clinical_scores).columns) == ["pre", "post"]


def test_a_patient_with_one_score_is_not_matched(clinical_scores):
    one_missing = without(clinical_scores, subject="02", session="post", instrument="hamd")
    assert match(one_missing).index.tolist() == ["01", "03"]


def test_a_missing_score_of_another_instrument_does_not_matter(clinical_scores):
    one_missing = without(clinical_scores, subject="02", session="post", instrument="moca")
    assert match(one_missing).index.tolist() == ["01", "02", "03"]


def test_a_broken_scan_leaves_the_scores_in(clinical_scores):
    assert "02" in match(clinical_scores, exclusions(problem("02"))).index


def test_a_patient_whose_identity_is_in_doubt_is_not_matched(clinical_scores):
    doubtful = problem("02", "subject_duplicated", "participants")
    assert "02" not in match(clinical_scores, exclusions(doubtful)).index


def test_an_overruled_doubt_leaves_the_scores_in(clinical_scores):
    doubtful = problem("02", "subject_duplicated", "participants", session=EVERY)
    overruled = exclusions(doubtful).assign(overruled=True)
    assert "02" in match(clinical_scores, overruled).index


def test_an_instrument_without_scores_matches_nobody(clinical_scores):
    assert match(without(clinical_scores, instrument="hamd")).empty


def outside(parcel_gmv, monkeypatch, **where):
    """Let lh_a lie outside FreeSurfer's cortex, and leave some of its volumes out."""
    monkeypatch.setitem(cohort.OUTSIDE_CORTEX, ATLAS, ("lh_a",))
    return without(parcel_gmv, parcel="lh_a", **where)


def test_a_parcel_outside_cortex_that_nobody_has_is_no_parcel(pair, parcel_gmv, monkeypatch):
    found = pair(gmv=outside(parcel_gmv, monkeypatch))
    assert found.subjects == ["01", "02", "03"] and found.parcels.parcel.tolist() == ["lh_b"]
    assert found.parcels_left_out == []


@pytest.mark.parametrize("session", SESSIONS)
def test_a_parcel_outside_cortex_that_one_patient_lacks_is_left_out(
    pair, parcel_gmv, monkeypatch, session
):
    found = pair(gmv=outside(parcel_gmv, monkeypatch, subject="02", session=session))
    assert found.subjects == ["01", "02", "03"] and found.parcels.parcel.tolist() == ["lh_b"]
    assert found.baseline[:, 0].tolist() == [100.0, 200.0, 300.0]
    assert found.parcels_left_out == ["lh_a"]


def test_a_parcel_outside_cortex_that_everybody_has_stays(pair, parcel_gmv, monkeypatch):
    outside(parcel_gmv, monkeypatch)
    assert pair().parcels.parcel.tolist() == ["lh_a", "lh_b"]


def test_a_patient_left_out_takes_no_parcel_along(pair, parcel_gmv, monkeypatch):
    gmv = outside(parcel_gmv, monkeypatch, subject="02")
    assert pair(exclusions(problem("02")), gmv).parcels.parcel.tolist() == ["lh_a", "lh_b"]


@pytest.mark.parametrize("stage", ["scan_quality", "parcel_quality"])
def test_what_is_not_sound_leaves_the_patient_out(pair, stage):
    assert pair(exclusions(problem("02", "tiv_changed", stage))).subjects == ["01", "03"]


def test_what_concerns_the_whole_dataset_leaves_nobody_out():
    assert exclusions(problem(EVERY, "identifying_content", "participants")).empty


def missing(stage="scan_volumes", subject="01", **where):
    return Problem(NOT_CHECKED, f"the check {stage} did not run.", stage, subject, **where)


def test_a_check_that_did_not_run_leaves_out_its_patient_or_everybody(pair):
    assert pair(exclusions(missing())).left_out == ["01"]
    with pytest.raises(StudyError, match="scan_quality did not run"):
        pair(exclusions(missing("scan_quality", EVERY)))


def test_that_a_check_did_not_run_is_not_repeated_where_an_earlier_stage_says_why():
    assert set(exclusions(missing(), problem(stage="raw_scans")).reason) == {"scan_broken"}
    later = exclusions(missing("raw_scans"), problem(stage="parcel_gmv"))
    assert set(later.reason) == {NOT_CHECKED, "scan_broken"}


def test_what_a_reviewer_may_overrule_does_not_stand_for_a_check_that_did_not_run():
    found = exclusions(missing("scan_quality"), problem(reason="tiv_changed", stage="raw_scans"))
    assert set(found.reason) == {NOT_CHECKED, "tiv_changed"}


def test_scores_are_not_compared_where_who_the_patients_are_was_not_checked(clinical_scores):
    for stage in ("participants", "clinical_scores"):
        with pytest.raises(StudyError, match=f"{stage} did not run"):
            match(clinical_scores, exclusions(missing(stage, EVERY)))
    match(clinical_scores, exclusions(missing("scan_quality", EVERY)))


@pytest.fixture
def with_thalamus(parcel_gmv):
    """Volumes that include a subcortical parcel, which the second patient lacks at follow-up."""
    cortex = parcel_gmv[parcel_gmv.parcel == "lh_a"]
    beyond = cortex.assign(parcel="lh_thalamus", gmv_mm3=cortex.gmv_mm3 + 7)
    beyond = beyond[(beyond.subject != "02") | (beyond.session == SESSIONS[0])]
    return arranged(pd.concat([parcel_gmv, beyond], ignore_index=True))


def test_each_structure_is_a_family_and_the_cortex_does_not_need_the_others(
    pair, parcel_gmv, scan_volumes, parcels, with_thalamus
):
    whole = paired_cohort(with_thalamus, scan_volumes, parcels, exclusions(), SESSIONS)
    found = families(whole, with_thalamus, parcels, SESSIONS)
    cortex, subcortex = found["cortex"], found["subcortex"]
    assert list(found) == ["cortex", "subcortex"]
    np.testing.assert_array_equal(cortex.baseline, pair().baseline)
    assert cortex.parcels.parcel.tolist() == ["lh_a", "lh_b"]
    assert cortex.subjects == ["01", "02", "03"] and cortex.left_out == []
    assert subcortex.parcels.parcel.tolist() == ["lh_thalamus"]
    assert subcortex.subjects == ["01", "03"] and subcortex.left_out == ["02"]
    np.testing.assert_array_equal(subcortex.baseline[:, 0], cortex.baseline[[0, 2], 0] + 7)
    np.testing.assert_array_equal(subcortex.mean_etiv_mm3, cortex.mean_etiv_mm3[[0, 2]])


def test_a_structure_that_nobody_has_is_no_family(pair, parcel_gmv, parcels):
    assert list(families(pair(), arranged(parcel_gmv), parcels, SESSIONS)) == ["cortex"]


def test_without_cortex_all_structures_are_analysed(scan_volumes, parcels, with_thalamus):
    bare = parcels.assign(structure=["brainstem", "subcortex", "cerebellum"])
    complete = with_thalamus.drop(columns="lh_thalamus")
    whole = paired_cohort(complete, scan_volumes, bare, exclusions(), SESSIONS)
    found = families(whole, complete, bare, SESSIONS)
    assert {name: one.parcels.parcel.tolist() for name, one in found.items()} == {
        "brainstem": ["lh_a"],
        "subcortex": ["lh_b"],
    }
    np.testing.assert_array_equal(found["subcortex"].baseline, whole.baseline[:, [1]])
