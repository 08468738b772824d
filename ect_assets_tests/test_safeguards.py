"""From files to the group's results: who is kept out for privacy or quality, and who comes back."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets.intake.overruling import REVIEWED
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.gates import current_problems
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Work
from ect_assets.pipeline.steps import scans
from ect_assets.problems import InputProblem
from ect_assets.report.summary import summarise
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.conftest import without_genes, without_hcp_mmp
from ect_assets_tests.light_runs import without_dagster

ATLAS = "desikan_killiany"
ASKED = ("gmv_change", "clinical_change")
NAME = "Quartermain^Zebulon"
NAMED, MIXED, TWICE = "002", "003", "004"
PATIENTS = 7


def plant_name(folder: Path) -> None:
    """Let a sidecar say who the patient is."""
    anat = folder / f"bids/sub-{NAMED}/ses-pre/anat"
    (anat / f"sub-{NAMED}_ses-pre_T1w.json").write_text(json.dumps({"PatientName": NAME}))


def mix_versions(folder: Path) -> None:
    """Let two versions of FreeSurfer have made the sessions of one patient."""
    for session, number in (("pre", "6.0.0"), ("post", "7.4.1")):
        scripts = folder / f"bids/derivatives/freesurfer/sub-{MIXED}_ses-{session}/scripts"
        scripts.mkdir(exist_ok=True)
        (scripts / "recon-all.done").touch()
        stamp = f"freesurfer-linux-centos7_x86_64-{number}-20230614-7eb8460\n"
        (scripts / "build-stamp.txt").write_text(stamp)


def put_a_scan_twice(folder: Path) -> None:
    """Let one image stand for both sessions of a patient."""
    before, after = (
        folder / f"bids/sub-{TWICE}/ses-{session}/anat/sub-{TWICE}_ses-{session}_T1w.nii.gz"
        for session in ("pre", "post")
    )
    shutil.copyfile(before, after)


def state(runner: Runner) -> dict[str, pd.DataFrame]:
    """Read what the tests look at; only one of the two parcellations was asked for."""
    names = ("gmv_change", "scan_quality", "parcel_quality", "raw_scans")
    found = {name: query(runner.lake, f"FROM {name}").df() for name in names}
    sql = f"FROM exclusions WHERE parcellation IN ('*', '{ATLAS}')"
    return found | {"exclusions": query(runner.lake, sql).df()}


@pytest.fixture(scope="module")
def walked(simulated_input, tmp_path_factory):
    """A study with three faults, walked through; then again, with one of them overruled."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("safe") / "study")
    without_hcp_mmp(folder)
    for fault in (plant_name, mix_versions, put_a_scan_twice):
        fault(folder)
    runner = Runner(load_study(folder))
    runner.run(tables=ASKED)
    before = state(runner)
    (folder / REVIEWED).write_text(
        "subject\tsession\tparcellation\treason\tdecision\n"
        f"sub-{TWICE}\t*\t*\tscan_duplicated\tkeep\n"
    )
    # The name is looked for in Dagster's records of the first run.
    with without_dagster():
        runner.run(tables=ASKED)
    return runner, before, state(runner)


def reasons(exclusions: pd.DataFrame, subject: str) -> set[str]:
    return set(exclusions.loc[exclusions.subject == subject, "reason"])


def test_a_patient_whose_name_is_in_a_sidecar_is_blocked(walked):
    _, before, _ = walked
    assert reasons(before["exclusions"], NAMED) == {"identifying_content"}
    assert NAMED not in set(before["raw_scans"].subject)


def test_the_name_is_nowhere_but_where_it_came_from(walked):
    runner, _, _ = walked
    words = [part.encode() for part in NAME.split("^")]
    for file in runner.study.folder.rglob("*"):
        if not file.is_file() or file.is_relative_to(runner.study.bids_folder):
            continue
        content = file.read_bytes()
        if file.suffix == ".parquet":
            content += pq.read_table(file).to_pandas().to_csv().encode()
        assert not [word for word in words if word in content], file


def test_sessions_of_two_versions_of_freesurfer_leave_the_patient_out_with_both_named(walked):
    _, before, _ = walked
    rows = before["exclusions"].query("subject == @MIXED")
    assert set(rows.reason) == {"freesurfer_versions_differ"}
    assert rows.detail.str.contains("ses-post by 7.4.1, ses-pre by 6.0.0").all()


def test_an_image_that_stands_twice_leaves_the_patient_out(walked):
    _, before, _ = walked
    assert reasons(before["exclusions"], TWICE) == {"scan_duplicated"}


def test_the_others_go_on(walked):
    _, before, _ = walked
    assert set(before["exclusions"].subject) == {NAMED, MIXED, TWICE}
    assert set(before["gmv_change"].n) == {PATIENTS - 3}


def test_every_check_of_the_others_is_in_the_tables_of_quality(walked):
    _, before, _ = walked
    scan, parcel = before["scan_quality"], before["parcel_quality"]
    assert {"tiv_changed", "sources_mixed", "scan_duplicated"} <= set(scan["check_name"])
    assert "parcel_level_outliers" in set(parcel["check_name"])
    assert set(scan.subject[~scan.passes]) == {TWICE}
    # The blocked patient has no volumes: of the six others one stands out, and stays.
    assert not parcel.excludes.any()


def test_an_overruled_patient_is_in_the_groups_results_again(walked):
    _, _, after = walked
    assert set(after["gmv_change"].n) == {PATIENTS - 2}
    rows = after["exclusions"].query("subject == @TWICE")
    assert rows.overruled.all() and set(rows.overruled_by_file) == {REVIEWED}


def test_the_summary_says_who_was_kept_by_a_reviewer(walked):
    runner, _, _ = walked
    sections = {one.title: one.rows for one in summarise(runner.study, runner.lake)}
    assert {row[0] for row in sections["Kept by a reviewer"]} == {TWICE}
    assert {row[-1] for row in sections["Kept by a reviewer"]} == {f"overruled by {REVIEWED}"}
    assert {row[0] for row in sections["Left out"] if row[2] in ("*", ATLAS)} == {NAMED, MIXED}


def test_a_second_run_finds_nothing_to_do(walked):
    runner, _, _ = walked
    with without_dagster():
        assert runner.run(tables=ASKED).made == []


def participants(study: Study) -> scans.Made:
    """Make the table of patients."""
    return scans.participants.make(Work(study, lake_of(study), {}))


def test_a_column_of_names_stops_the_table_of_patients(study_folder):
    file = study_folder / "bids/participants.tsv"
    head, *rows = file.read_text().splitlines()
    named = [f"{row}\tsomebody{number}" for number, row in enumerate(rows)]
    file.write_text("\n".join([f"{head}\tpatient_name", *named]) + "\n")
    with pytest.raises(InputProblem, match="patient_name") as raised:
        participants(load_study(study_folder))
    assert "somebody" not in str(raised.value)


def test_a_patient_too_old_to_be_anonymous_is_not_listed(study_folder):
    file = study_folder / "bids/participants.tsv"
    table = pd.read_csv(file, sep="\t", dtype="str", keep_default_na=False)
    table.loc[table.participant_id == "sub-005", "age"] = "93"
    table.to_csv(file, sep="\t", index=False)
    made = participants(load_study(study_folder))
    assert "005" not in set(made.frame.subject) and len(made.frame) == PATIENTS - 1
    assert [(one.subject, one.reason) for one in made.problems] == [("005", "identifying_content")]


@pytest.mark.parametrize("has_images", [True, False])
@pytest.mark.parametrize("table", [scans.participants, scans.clinical_scores])
def test_a_patient_who_is_blocked_has_no_row_in_any_table(study_folder, table, has_images):
    plant_name(study_folder)
    study = load_study(study_folder)
    images = study.scans.model_copy(update={"images": has_images})
    study = study.model_copy(update={"scans": images})
    made = table.make(Work(study, lake_of(study), {}))
    (problem,) = made.problems
    assert (problem.subject, problem.stage) == (NAMED, table.name)
    assert "privacy.allow" in problem.detail
    assert set(made.frame.subject) == {f"{number:03d}" for number in range(1, 8)} - {NAMED}


def test_a_column_of_ages_that_blocks_a_patient_also_takes_the_ratings_away(study_folder):
    file = study_folder / "bids/participants.tsv"
    file.write_text(re.sub(r"(?m)^sub-005\t[\d.]+", "sub-005\t95", file.read_text()))
    study = load_study(study_folder)
    made = scans.clinical_scores.make(Work(study, lake_of(study), {}))
    assert [problem.subject for problem in made.problems] == ["005"]
    assert "005" not in set(made.frame.subject)


def test_what_raw_scans_found_of_the_same_files_is_not_looked_for_again(walked, monkeypatch):
    runner, _, _ = walked
    monkeypatch.setattr(scans, "screen_subject", None)
    known = partial(current_problems, study=runner.study, lake=runner.lake)
    work = Work(runner.study, runner.lake, {}, current_problems=known)
    made = scans.clinical_scores.make(work)
    assert [problem.subject for problem in made.problems] == [NAMED]


def test_findings_are_of_the_files_as_they_are_now(walked, monkeypatch):
    runner, _, _ = walked
    asked = ("raw_scans", {"subject": NAMED}, runner.study, runner.lake)
    assert current_problems(*asked)
    sidecar = next(runner.study.bids_folder.glob(f"sub-{NAMED}/**/*_T1w.json"))
    before = sidecar.read_text(encoding="utf-8")
    sidecar.write_text(before + " ", encoding="utf-8")
    try:
        assert current_problems(*asked) is None
    finally:
        sidecar.write_text(before, encoding="utf-8")
    assert current_problems(*asked)


def test_a_blocked_patient_is_in_no_analysis_of_ratings(walked):
    runner, _, _ = walked
    assert query(runner.lake, "SELECT n FROM clinical_change").fetchall() == [(PATIENTS - 1,)]


def test_a_field_that_a_reviewer_allows_blocks_nobody(study_folder):
    plant_name(study_folder)
    settings = study_folder / STUDY_FILE
    settings.write_text(settings.read_text() + '\n[privacy]\nallow = ["PatientName"]\n')
    study = load_study(study_folder)
    made = scans.raw_scans.make(Work(study, lake_of(study), {"subject": NAMED}))
    assert len(made.frame) == 2


def test_a_file_that_is_screened_is_one_that_the_scans_depend_on(study_folder):
    plant_name(study_folder)
    files = scans.raw_scans.files(load_study(study_folder), {"subject": NAMED})
    assert f"sub-{NAMED}_ses-pre_T1w.json" in {file.name for file in files}
