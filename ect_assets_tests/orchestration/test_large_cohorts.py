"""What keeps a cohort of thousands quick: many patients in a run, names looked up, no pictures."""

from __future__ import annotations

import shutil

import pytest

from ect_assets.intake.folder_names import names_beginning, names_ending
from ect_assets.orchestration import partitions, runner, runs
from ect_assets.orchestration.partitions import partition_advice
from ect_assets.orchestration.runner import Batch, Runner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Made, Work
from ect_assets.pipeline.steps import morphometry
from ect_assets.reference import loaders
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import RawScans, ScanVolumes


@pytest.fixture
def study(study_folder) -> Study:
    return load_study(study_folder)


def measured(study: Study, draws: bool) -> Made:
    partition = {"subject": "001", "parcellation": "desikan_killiany"}
    work = Work(study, lake_of(study), partition, draws=draws)
    return morphometry.parcel_gmv.make(work, loaders.parcels("desikan_killiany"))


def test_a_run_of_many_patients_draws_nothing_and_says_so(study):
    made = measured(study, draws=False)
    assert (made.pictures, "alone" in made.figures["pictures"]) == ({}, True)


def test_a_run_of_many_patients_measures_the_same(study):
    many, one = measured(study, draws=False), measured(study, draws=True)
    assert many.frame.equals(one.frame)


def runs_of(study: Study, patients: int) -> list[int]:
    """How many patients each run takes."""
    labels = [f"{number:05d}" for number in range(patients)]
    batches = [Batch(one, (morphometry.scan_volumes,), ({"subject": one},)) for one in labels]
    return [len(together) for together in Runner(study)._joined(batches, labels)]


def test_fifty_patients_share_a_run(study):
    assert runs_of(study, 120) == [50, 50, 20]


def test_a_large_cohort_takes_no_more_runs_than_a_smaller_one(study):
    assert len(runs_of(study, 10_000)) == runner.RUNS_PER_WAVE


def test_patients_between_whom_another_was_registered_do_not_share_a_run(study):
    labels = ["001", "002", "004"]
    batches = [Batch(one, (morphometry.scan_volumes,), ({"subject": one},)) for one in labels]
    joined = Runner(study)._joined(batches, ["001", "002", "003", "004"])
    assert [[one.title for one in together] for together in joined] == [["001", "002"], ["004"]]


def test_names_of_a_beginning_are_those_that_have_it(tmp_path):
    for name in ("sub-1", "sub-1_ses-pre", "sub-10", "sub-2", "sub-", "t"):
        (tmp_path / name).touch()
    assert names_beginning(tmp_path, "sub-1") == ("sub-1", "sub-10", "sub-1_ses-pre")


def test_names_of_an_ending_are_those_that_have_it(tmp_path):
    for name in ("a.json", "b.tsv", "c.json"):
        (tmp_path / name).touch()
    assert names_ending(tmp_path, ".json") == ("a.json", "c.json")


@pytest.mark.parametrize(("patients", "is_reported"), [(50_000, False), (50_001, True)])
def test_more_partitions_than_dagster_is_made_for_are_told(study, patients, is_reported):
    advice = partition_advice(study, patients)
    assert (advice is not None and "100,002 partitions" in advice) == is_reported


def contents(study: Study) -> dict[str, str]:
    lake = lake_of(study)
    return {
        f"{table.table_name} {partition}": (lake.footer(table, partition) or {})["content_sha256"]
        for table in (RawScans, ScanVolumes)
        for partition in lake.partitions(table)
    }


def test_several_patients_at_a_time_make_the_same_tables(study, study_folder, monkeypatch):
    monkeypatch.setattr(partitions, "PATIENTS_PER_RUN", 4)
    tables = ("raw_scans", "scan_volumes")
    shutil.copytree(study_folder, study_folder.with_name("together"))
    file = study_folder.with_name("together") / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + "\n[cluster]\nprocesses = 2\n")
    together = load_study(file.parent)
    assert Runner(together).run(tables=tables).failed == {}
    Runner(study).run(tables=tables)
    assert contents(together) == contents(study)


def test_a_run_that_could_not_begin_says_why(study, study_folder, monkeypatch):
    monkeypatch.setattr(runs, "DEFINITIONS", ("ect_assets.not_there", "defs"))
    file = study_folder / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + "\n[cluster]\nprocesses = 2\n")
    failed = Runner(load_study(study_folder)).run(tables=["participants"]).failed
    assert "No module named 'ect_assets.not_there'" in failed["participants"]
