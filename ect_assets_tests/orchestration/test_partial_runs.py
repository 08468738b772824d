"""A run of several patients of whom one is bad: the others are made, and only that one is red."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from ect_assets.lake.store import Failure, Lake
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.execution import IF_DUE, NOT_COMPUTED
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.runs import carry_out, new_run, partition_tags
from ect_assets.pipeline.plan import Planner, State
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import Problem
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.conftest import without_genes

BAD = "003"
TABLES_OF_PATIENTS = ["raw_scans", "scan_volumes", "parcel_gmv"]


def stats_of(folder: Path, subject: str) -> Path:
    return folder / f"bids/derivatives/freesurfer/sub-{subject}_ses-post/stats/lh.aparc.stats"


def image_of(folder: Path, subject: str) -> Path:
    return next(folder.glob(f"bids/sub-{subject}/ses-post/anat/*.nii.gz"))


@pytest.fixture(scope="module")
def walked(simulated_input, tmp_path_factory) -> tuple[Study, Outcome]:
    """A patient whose image is cut off, and whose volumes are fine."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("partial") / "study")
    image = image_of(folder, BAD)
    image.write_bytes(image.read_bytes()[:900])
    study = load_study(folder)
    return study, Runner(study).run(tables=TABLES_OF_PATIENTS)


@pytest.fixture
def study(walked, tmp_path) -> Study:
    """The same, to be changed."""
    return load_study(shutil.copytree(walked[0].folder, tmp_path / "study"))


def runs_of(study: Study, table: str) -> list[dg.DagsterRun]:
    with open_instance(study) as instance:
        return [
            run for run in instance.get_runs() if dg.AssetKey(table) in (run.asset_selection or ())
        ]


def failed_in_dagster(study: Study, table: str) -> set[str]:
    """Name the partitions that the UI shows as failed."""
    job = pipeline_definitions(study).resolve_implicit_global_asset_job_def()
    partitions = job.asset_layer.get(dg.AssetKey(table)).partitions_def
    with open_instance(study) as instance:
        status = get_and_update_asset_status_cache_value(instance, dg.AssetKey(table), partitions)
    return set(status.deserialize_failed_partition_subsets(partitions).get_partition_keys())


def made_in_lake(lake: Lake, table: str) -> set[str]:
    return {one["subject"] for one in lake.partitions(TABLES[table])}


def test_the_others_are_made_and_nothing_is_run_twice(walked):
    study, outcome = walked
    for table in TABLES_OF_PATIENTS:
        assert len(runs_of(study, table)) == 1
    others = {f"{number:03}" for number in range(1, 8)} - {BAD}
    assert made_in_lake(lake_of(study), "raw_scans") == others
    assert [name for name in outcome.made if name.startswith("raw_scans")] == [
        f"raw_scans ({one})" for one in sorted(others)
    ]


def test_what_follows_is_made_of_the_others_in_the_same_run_and_not_of_the_bad_one(walked):
    study, outcome = walked
    (run,) = runs_of(study, "scan_volumes")
    assert dg.AssetKey("raw_scans") in run.asset_selection
    assert BAD not in made_in_lake(lake_of(study), "scan_volumes")
    assert len(made_in_lake(lake_of(study), "scan_volumes")) == 6
    assert outcome.failed[f"scan_volumes ({BAD})"] == "waits for raw_scans, which failed"


def test_in_a_later_run_as_well_nothing_is_measured_of_the_bad_one(walked):
    study, outcome = walked
    (run,) = runs_of(study, "parcel_gmv")
    assert dg.AssetKey("raw_scans") not in run.asset_selection
    assert BAD not in made_in_lake(lake_of(study), "parcel_gmv")
    for atlas in study.parcellations:
        assert outcome.failed[f"parcel_gmv ({BAD}, {atlas})"] == "waits for raw_scans, which failed"


def test_the_plan_says_what_the_bad_one_waits_for_and_nothing_of_it_is_due(walked):
    study, _ = walked
    items = {one.name: one for one in Planner(study, lake_of(study)).items()}
    waiting = [f"scan_volumes ({BAD})", *(f"parcel_gmv ({BAD}, {a})" for a in study.parcellations)]
    for name in waiting:
        assert (items[name].state, items[name].is_due) == (State.WAITING, False)
        assert items[name].why == "needs raw_scans"
    assert items["participants"].is_due


def test_what_waits_is_not_tried_again_until_the_image_is_mended(study):
    ran = len(runs_of(study, "scan_volumes"))
    assert Runner(study).run(tables=TABLES_OF_PATIENTS).made == []
    assert len(runs_of(study, "scan_volumes")) == ran
    shutil.copy(image_of(study.folder, "004"), image_of(study.folder, BAD))
    assert due_of(study, BAD) == {"raw_scans", "scan_volumes", "parcel_gmv"}
    outcome = Runner(study).run(tables=TABLES_OF_PATIENTS)
    assert outcome.failed == {}
    assert {name.split(" ")[0] for name in outcome.made} == {*TABLES_OF_PATIENTS}


def due_of(study: Study, subject: str) -> set[str]:
    items = Planner(study, lake_of(study)).items()
    return {
        one.step.name for one in items if one.is_due and one.partition.get("subject") == subject
    }


def test_what_the_ui_launches_of_the_bad_one_alone_is_refused(study):
    run = carried_out(study, ["scan_volumes"], BAD, BAD)
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert BAD not in made_in_lake(lake_of(study), "scan_volumes")


def test_volumes_that_were_there_before_the_image_broke_stay_as_they_are(study):
    image = image_of(study.folder, "002")
    image.write_bytes(image.read_bytes()[:900])
    there = lake_of(study).footer(TABLES["scan_volumes"], {"subject": "002"})
    Runner(study).run(tables=TABLES_OF_PATIENTS)
    assert lake_of(study).footer(TABLES["scan_volumes"], {"subject": "002"}) == there
    assert due_of(study, "002") == set()


def test_dagster_takes_that_partition_alone_for_failed(walked):
    study, _ = walked
    for table in ("raw_scans", "scan_volumes"):
        assert failed_in_dagster(study, table) == {BAD}


def test_the_step_names_the_partition_and_quotes_no_file(walked):
    study, _ = walked
    (run,) = runs_of(study, "raw_scans")
    with open_instance(study) as instance:
        failures = [
            one.dagster_event.step_failure_data.error.message
            for one in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            if one.dagster_event is not None
        ]
    (own,) = [one for one in failures if "Not made: 003." in one and "exclusions" in one]
    assert "T1w" not in own


def test_a_run_from_failure_makes_the_mended_patient_and_what_follows(study):
    shutil.copy(image_of(study.folder, "004"), image_of(study.folder, BAD))
    job = pipeline_definitions(study).resolve_implicit_global_asset_job_def()
    (before,) = runs_of(study, "raw_scans")
    with open_instance(study) as instance:
        steps, state = KnownExecutionState.build_resume_retry_reexecution(instance, before)
        assert set(steps) == {"raw_scans", "scan_volumes"}
        plan = create_execution_plan(
            job.get_subset(asset_selection=before.asset_selection),
            step_keys_to_execute=steps,
            known_state=state,
        )
        run = instance.create_run_for_job(
            job,
            plan,
            tags=before.tags,
            asset_selection=before.asset_selection,
            parent_run_id=before.run_id,
            root_run_id=before.run_id,
        )
        assert carry_out(instance, job, run).said == {}
    for table in ("raw_scans", "scan_volumes"):
        assert failed_in_dagster(study, table) == set()
        assert BAD in made_in_lake(lake_of(study), table)


def carried_out(
    study: Study, tables: list[str], first: str, last: str, **tags: str
) -> dg.DagsterRun:
    job = pipeline_definitions(study).resolve_implicit_global_asset_job_def()
    with open_instance(study) as instance:
        run = new_run(instance, job, tables, first, last, {})
        instance.add_run_tags(run.run_id, tags)
        run = instance.get_run_by_id(run.run_id)
        carry_out(instance, job, run)
        return instance.get_run_by_id(run.run_id)


def test_the_daemon_computes_what_is_due_at_its_turn_and_leaves_the_rest_as_it_is(study):
    shutil.copy(image_of(study.folder, "004"), image_of(study.folder, BAD))
    there = lake_of(study).footer(TABLES["raw_scans"], {"subject": "002"})
    run = carried_out(study, ["raw_scans"], "002", "003", **{IF_DUE: "true"})
    assert run.is_success
    assert lake_of(study).footer(TABLES["raw_scans"], {"subject": "002"}) == there
    with open_instance(study) as instance:
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        made = {
            one.dagster_event.partition: one.dagster_event.step_materialization_data.materialization
            for one in events
            if one.dagster_event is not None
        }
    assert {key: NOT_COMPUTED in one.metadata for key, one in made.items()} == {
        "002": True,
        "003": False,
    }
    # What the UI shows of it is what it showed before.
    assert "dagster/partition_row_count" in made["002"].metadata


def test_what_failed_with_the_same_files_is_not_read_again_by_the_daemon(study):
    run = carried_out(study, ["raw_scans"], "002", "003", **{IF_DUE: "true"})
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert failed_in_dagster(study, "raw_scans") == {BAD}


def test_a_table_of_the_group_that_failed_before_blocks_what_the_ui_launches(study):
    problem = Problem("step_stopped", "It failed.", "participants")
    failure = Failure((problem,), "digest", True)
    lake_of(study).record_problems(TABLES["participants"], {}, failure)
    run = carried_out(study, ["parcel_quality"], "hcp_mmp", "hcp_mmp")
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert lake_of(study).partitions(TABLES["parcel_quality"]) == []
    with open_instance(study) as instance:
        said = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert "waits for participants, which failed" in str(said)


def test_a_run_of_one_partition_has_the_tags_of_the_ui(walked):
    study, _ = walked
    (run,) = runs_of(study, "raw_scans")
    assert partition_tags("001", "007").items() <= run.tags.items()
