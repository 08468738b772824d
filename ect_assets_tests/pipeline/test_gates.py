"""A check that did not run counts as not passed: who is left out, what is blocked, what is said."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ect_assets import cli, tables
from ect_assets.export.package import export_study
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.caveats import caveats, departed_patients
from ect_assets.pipeline.gates import unchecked
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import out_of_date_tables, study_status
from ect_assets.pipeline.steps import group, morphometry, scans
from ect_assets.problems import NOT_CHECKED, StudyError
from ect_assets.science.cohort import refuse_unchecked
from ect_assets.study import STUDY_FILE, Study, load_study

ATLAS = "desikan_killiany"
PATIENTS = 7
ASKED = ["gmv_change", "clinical_change", "symptom_pls"]
MOVED, UNREADABLE, IMPOSSIBLE = "003", "004", "005"
pytestmark = pytest.mark.usefixtures("light_runs")


@pytest.fixture
def study(narrow_folder) -> Study:
    """Seven patients, one parcellation, made to the change."""
    return load_study(narrow_folder)


def move_etiv(study: Study, subject: str = MOVED, factor: float = 1.09) -> None:
    """Let a patient's intracranial volume change between the sessions."""
    said = re.compile(r"(# Measure EstimatedTotalIntraCranialVol.*, )([\d.]+)(, mm\^3)")
    scan = study.folder / f"bids/derivatives/freesurfer/sub-{subject}_ses-post"
    # Every file of a scan repeats it.
    for file in (scan / "stats").glob("*.stats"):
        text = file.read_text()
        file.write_text(said.sub(lambda one: f"{one[1]}{float(one[2]) * factor:.6f}{one[3]}", text))


def n_of(study: Study) -> int:
    (found,) = query(lake_of(study), "SELECT DISTINCT n FROM gmv_change").fetchall()
    return found[0]


def exclusions(study: Study) -> pd.DataFrame:
    return query(lake_of(study), "FROM exclusions").df()


def broken(*_: object, **__: object) -> None:
    raise ValueError("broken")


def touch_image(study: Study, subject: str) -> None:
    """Let a patient have another image than the one that was registered."""
    (file,) = (study.bids_folder / f"sub-{subject}/ses-post/anat").glob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"EchoTime": 0.004}))


def test_where_every_check_has_run_none_is_missed(narrow_input):
    study = load_study(narrow_input)
    assert unchecked(group.GATES, study, lake_of(study)) == []


def test_a_check_of_all_patients_that_failed_blocks_the_group_and_says_so(
    study, tmp_path, monkeypatch
):
    move_etiv(study)
    with monkeypatch.context() as poisoned:
        poisoned.setattr(morphometry.quality, "scan_quality", broken)
        outcome = Runner(study).run(tables=ASKED)
    assert outcome.group_failed
    said = outcome.failed[f"gmv_change ({ATLAS})"]
    assert "scan_quality did not run" in said and "ValueError" in said and "Fix" in said
    assert {"scan_quality", f"symptom_pls ({ATLAS})"} <= set(outcome.failed)
    assert "clinical_change" not in outcome.failed
    (row,) = exclusions(study).query("reason == @NOT_CHECKED").to_dict("records")
    assert (row["subject"], row["stage"], row["parcellation"]) == ("*", "scan_quality", "*")

    # What was there before stays, and is called out of date everywhere.
    assert n_of(study) == PATIENTS
    assert {"scan_quality", "gmv_change", "symptom_pls"} <= set(out_of_date_tables(study))
    why = {one.name: one.why for one in study_status(study)}
    assert "scan_quality did not run" in why["gmv_change"]
    answer = CliRunner().invoke(
        cli.app, ["sql", "SELECT DISTINCT n FROM gmv_change", "--study", str(study.folder)]
    )
    assert answer.exit_code == 0
    remarks = " ".join(answer.stderr.split())
    assert f"OUT OF DATE: scan_quality, gmv_change ({ATLAS})" in remarks
    assert "NOT CHECKED: scan_quality" in remarks
    with pytest.raises(StudyError, match=r"Out of date in demo: gmv_change.*--stale"):
        export_study(study, tmp_path / "refused", ("tsv",), tables=["gmv_change"])
    assert not (tmp_path / "refused").exists()
    is_marked_stale(study, tmp_path / "marked")

    # Once the check runs, the patient whom it would have found is out, and nothing is said.
    outcome = Runner(study).run(tables=ASKED)
    assert not outcome.failed and n_of(study) == PATIENTS - 1
    assert set(exclusions(study).subject) == {MOVED}
    assert set(exclusions(study).reason) == {"tiv_changed"}
    assert caveats(study) == []


def is_marked_stale(study: Study, folder: Path) -> None:
    done = export_study(study, folder, tables=["gmv_change", "parcels"], with_stale=True)
    assert done.stale == ("gmv_change",)
    first = (folder / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("**OUT OF DATE: ") and "gmv_change" in first
    described = json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))
    assert described["title"].startswith("OUT OF DATE: ") and described["stale"] == ["gmv_change"]
    files = {one["path"]: one["description"] for one in described["resources"]}
    of_change = {name for name in files if "gmv_change" in name}
    assert len(of_change) > 4 and all("stale" in name for name in of_change)
    assert all("OUT OF DATE: " in files[name] for name in of_change)
    assert files["tables/parcels.tsv"] and "OUT OF DATE" not in files["tables/parcels.tsv"]


def test_the_same_command_again_says_again_why_and_ends_non_zero(study, monkeypatch):
    monkeypatch.setattr(morphometry.quality, "parcel_quality", broken)
    touched = study.folder / STUDY_FILE
    touched.write_text(touched.read_text() + "\n[quality]\noutlier_z = 4.0\n")
    words = ["run", "--study", str(study.folder), "--table", "gmv_change"]
    for _ in range(2):
        ended = CliRunner().invoke(cli.app, words)
        assert ended.exit_code == 1
        assert "parcel_quality" in ended.stdout and "Nothing to do" not in ended.stdout


def test_patients_who_could_not_be_read_block_ratings_and_volumes(study, monkeypatch):
    file = study.bids_folder / "participants.tsv"
    head, *rows = file.read_text().splitlines()
    named = "\n".join([f"{head}\tpatient_name", *(f"{row}\tQuartermain" for row in rows)])
    file.write_text(named + "\n")
    for _ in range(2):
        outcome = Runner(study).run(tables=ASKED)
        for table in (f"gmv_change ({ATLAS})", "clinical_change", f"symptom_pls ({ATLAS})"):
            assert "patient_name" in outcome.failed[table], table
    found = exclusions(study)
    assert set(found.subject) == {"*"} and "participants" in set(found.stage)
    assert not found.detail.str.contains("Quartermain").any()


def test_a_broken_reader_of_scores_blocks_what_is_made_of_scores_and_no_volumes(study, monkeypatch):
    file = study.bids_folder / f"sub-{MOVED}/sub-{MOVED}_sessions.tsv"
    file.write_text(re.sub(r"(?m)^(ses-post\t)\S+", r"\g<1>3", file.read_text()))
    monkeypatch.setattr(scans, "read_clinical_scores", broken)
    move_etiv(study)
    outcome = Runner(study).run(tables=ASKED)
    assert "clinical_scores" in outcome.failed["clinical_change"]
    assert f"symptom_pls ({ATLAS})" in outcome.failed
    assert f"gmv_change ({ATLAS})" in outcome.made and n_of(study) == PATIENTS - 1


def test_a_patient_whose_images_could_not_be_screened_is_left_out_and_the_others_go_on(
    study, monkeypatch
):
    touch_image(study, UNREADABLE)

    def refuse(bids: Path, subject: str, *_: object) -> list:
        if subject == UNREADABLE:
            raise PermissionError(13, "Permission denied")
        return []

    monkeypatch.setattr(scans, "screen_subject", refuse)
    outcome = Runner(study).run(tables=ASKED)
    assert f"gmv_change ({ATLAS})" in outcome.made and n_of(study) == PATIENTS - 1
    found = exclusions(study)
    assert set(found.subject) == {UNREADABLE} and set(found.reason) == {NOT_CHECKED}
    assert found.detail.str.contains("could not be screened").all()
    for table in ("participants", "clinical_scores"):
        listed = query(lake_of(study), f"SELECT DISTINCT subject FROM {table}").df()
        assert len(listed) == PATIENTS - 1 and UNREADABLE not in set(listed.subject)


@pytest.mark.parametrize("gate", ["raw_scans", "scan_volumes"])
def test_a_patient_with_volumes_and_without_a_check_is_not_checked(study, gate):
    shutil.rmtree(study.lake_folder / gate / f"subject={UNREADABLE}")
    (problem, *more) = unchecked(group.GATES, study, lake_of(study))
    assert (problem.subject, problem.stage, problem.reason) == (UNREADABLE, gate, NOT_CHECKED)
    assert "is missing" in problem.detail and f"`ect run --table {gate}`" in problem.detail
    # A table of all patients no longer stands for the patients as they are.
    assert {one.subject for one in more} == {"*"}


def test_a_check_of_other_files_than_there_are_now_has_not_run(study):
    touch_image(study, UNREADABLE)
    (problem,) = [
        one for one in unchecked(group.GATES, study, lake_of(study)) if one.stage == "raw_scans"
    ]
    assert problem.subject == UNREADABLE and "is stale" in problem.detail


def test_without_volumes_there_is_nothing_to_check(study):
    for table in ("scan_volumes", "parcel_gmv", "scan_quality", "parcel_quality", "raw_scans"):
        shutil.rmtree(study.lake_folder / table)
    stages = {one.stage for one in unchecked(group.GATES, study, lake_of(study))}
    assert not stages & {"scan_volumes", "parcel_gmv", "scan_quality", "parcel_quality"}


@pytest.mark.parametrize("stage", ["participants", "raw_scans", "scan_quality"])
def test_an_analysis_names_the_check_that_it_lacks(stage):
    row = {"subject": "*", "session": "*", "parcellation": "*", "reason": NOT_CHECKED}
    frame = pd.DataFrame([row | {"stage": stage, "detail": "it waits.", "overruled": False}])
    with pytest.raises(StudyError, match="not every check has run. It waits. Fix that"):
        refuse_unchecked(frame, [stage], ATLAS)
    refuse_unchecked(frame, ["clinical_scores"], ATLAS)
    refuse_unchecked(frame.assign(parcellation="another"), [stage], ATLAS)


def with_value(read, table: str, column: str, value: float, subject: str):
    """Let a reader give an impossible value for one patient."""

    def planted(*words, **named):
        frame, *rest = read(*words, **named)
        rows = frame.subject == subject if "subject" in frame else [True] * len(frame)
        if "subject" in frame or subject in words:
            frame = frame.assign(**{column: frame[column].mask(rows, value)})
        return (frame, *rest)

    return planted


def test_an_impossible_header_is_that_patients_problem_and_the_others_are_made(study, monkeypatch):
    for subject in ("001", IMPOSSIBLE, "007"):
        touch_image(study, subject)
    reader = with_value(scans.read_raw_scans, "raw_scans", "voxel_x_mm", -1.0, IMPOSSIBLE)
    monkeypatch.setattr(scans, "read_raw_scans", reader)
    outcome = Runner(study).run(tables=ASKED)
    assert {"raw_scans (001)", "raw_scans (007)"} <= set(outcome.made)
    assert f"gmv_change ({ATLAS})" in outcome.made and n_of(study) == PATIENTS - 1
    found = exclusions(study)
    assert set(found.subject) == {IMPOSSIBLE} and set(found.reason) == {"value_not_allowed"}
    assert set(found.session) == {"pre", "post"}
    for session, detail in zip(found.session, found.detail, strict=True):
        assert "raw_scans.voxel_x_mm: expected at least" in detail and "found -1" in detail
        assert f"sub-{IMPOSSIBLE}_ses-{session}_T1w.nii.gz" in detail and "Fix" in detail
        assert "adjusts_for_etiv" not in detail


def test_an_impossible_cell_of_participants_is_that_patients_problem_and_the_rest_goes_on(
    study, monkeypatch
):
    file = study.bids_folder / "participants.tsv"
    file.write_text(file.read_text() + "\n")
    reader = with_value(scans.read_participants, "participants", "age_years", -9.0, IMPOSSIBLE)
    monkeypatch.setattr(scans, "read_participants", reader)
    move_etiv(study)
    outcome = Runner(study).run(tables=ASKED)
    assert {"participants", "scan_quality", f"gmv_change ({ATLAS})"} <= set(outcome.made)
    found = exclusions(study).set_index("subject")
    assert set(found.index) == {IMPOSSIBLE, MOVED} and n_of(study) == PATIENTS - 2
    detail = found.detail[IMPOSSIBLE]
    assert "participants.age_years: expected at least 0 years, found -9" in detail
    assert "participants.tsv" in detail
    listed = query(lake_of(study), "SELECT subject FROM participants").df()
    assert len(listed) == PATIENTS - 1 and IMPOSSIBLE not in set(listed.subject)


def test_who_left_the_folder_is_named_with_what_remains_until_they_are_withdrawn(study):
    assert departed_patients(study) == {}
    shutil.rmtree(study.bids_folder / f"sub-{MOVED}")
    file = study.bids_folder / "participants.tsv"
    lines = [one for one in file.read_text().splitlines() if not one.startswith(f"sub-{MOVED}\t")]
    file.write_text("\n".join(lines) + "\n")
    gone = departed_patients(study)
    assert set(gone) == {MOVED} and {"raw_scans", "scan_volumes", "parcel_gmv"} <= set(gone[MOVED])
    words = ["sql", "SELECT count(DISTINCT subject) FROM parcel_gmv", "--study", str(study.folder)]
    answer = CliRunner().invoke(cli.app, words)
    assert answer.exit_code == 0 and f"sub-{MOVED} left the BIDS folder" in answer.stderr
    status = CliRunner().invoke(cli.app, ["status", "--study", str(study.folder)])
    assert f"sub-{MOVED} is no longer in the BIDS folder; rows remain in" in status.stdout
    Runner(study).run(tables=ASKED)
    assert n_of(study) == PATIENTS - 1


def test_a_copied_session_and_a_person_under_two_labels_are_left_out_with_both_named(study):
    folder = study.folder / "bids/derivatives/freesurfer"
    shutil.rmtree(folder / "sub-002_ses-post")
    shutil.copytree(folder / "sub-002_ses-pre", folder / "sub-002_ses-post")
    for session in ("pre", "post"):
        shutil.rmtree(folder / f"sub-006_ses-{session}")
        shutil.copytree(folder / f"sub-007_ses-{session}", folder / f"sub-006_ses-{session}")
    Runner(study).run(tables=["gmv_change"])
    found = exclusions(study)
    told = dict(zip(found.subject, zip(found.reason, found.detail, strict=True), strict=True))
    assert {subject: reason for subject, (reason, _) in told.items()} == {
        "002": "session_copied",
        "006": "person_twice",
        "007": "person_twice",
    }
    assert "sub-007" in told["006"][1] and "sub-006" in told["007"][1]
    assert n_of(study) == PATIENTS - 3


def test_every_table_with_rows_of_patients_that_may_be_left_out_says_who():
    steps = (scans.participants, scans.clinical_scores, morphometry.scan_quality)
    assert all(one.leaves_out_rows for one in (*steps, morphometry.parcel_quality))
    assert not group.exclusions.leaves_out_rows
    assert tables.Exclusions.key[0] == "subject"


def test_a_missing_code_for_an_age_hides_no_other_patients_fault(study):
    """What participants_one_bad_cell did: no quality was checked, and the moved patient stayed."""
    file = study.bids_folder / "participants.tsv"
    head, *rows = file.read_text().splitlines()
    place = head.split("\t").index("age")
    cells = [row.split("\t") for row in rows]
    for row in cells:
        row[place] = "-9" if row[0] == f"sub-{IMPOSSIBLE}" else row[place]
    file.write_text("\n".join([head, *("\t".join(row) for row in cells)]) + "\n")
    move_etiv(study, factor=1.094)
    ended = CliRunner().invoke(
        cli.app, ["run", "--study", str(study.folder), "--table", "gmv_change"]
    )
    assert ended.exit_code == 0, ended.output
    found = exclusions(study).set_index("subject")
    # The reader says of the age that it is missing, or the patient is left out; never neither.
    assert found.reason[MOVED] == "tiv_changed"
    assert set(found.index) <= {MOVED, IMPOSSIBLE}
    assert n_of(study) == PATIENTS - len(set(found.index))
    assert query(lake_of(study), "SELECT count(*) FROM scan_quality").fetchall() != [(0,)]
