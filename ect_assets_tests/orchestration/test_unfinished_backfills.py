"""A backfill of everything with a bad patient: the group that Dagster leaves is made after it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from ect_assets.lake.store import Partition
from ect_assets.orchestration.automation import CONDITIONS
from ect_assets.orchestration.definitions import build_definitions
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.partitions import partition_key
from ect_assets.orchestration.run_tags import BY, COMPLETES, UI
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.unfinished_backfills import (
    LeftByBackfill,
    completing_sensor,
    completion,
    conditions_are_asked,
)
from ect_assets.pipeline.all_steps import steps_of
from ect_assets.pipeline.plan import Item, Planner, State
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import Exclusions, GmvChange
from ect_assets_tests.conftest import without_genes

BAD = "003"
OF_PATIENTS = ["raw_scans", "scan_volumes", "parcel_gmv"]
BY_HAND = "\n[schedule]\narrivals = false\n"
ID = "everybody"


@pytest.fixture(scope="module")
def stopped(simulated_input, tmp_path_factory) -> Path:
    """Patients' tables are made, of one not all; the group was not tried."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("backfill") / "study")
    file = folder / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + BY_HAND, encoding="utf-8")
    image = next(folder.glob(f"bids/sub-{BAD}/ses-post/anat/*.nii.gz"))
    image.write_bytes(image.read_bytes()[:900])
    Runner(load_study(folder)).run(tables=OF_PATIENTS)
    return folder


@pytest.fixture
def study(stopped, tmp_path) -> Study:
    return load_study(shutil.copytree(stopped, tmp_path / "study"))


def partitions(study: Study, tables: set[str] | None = None) -> set[AssetKeyPartitionKey]:
    planner = Planner(study, lake_of(study))
    return {
        AssetKeyPartitionKey(dg.AssetKey(step.name), partition_key(step.table, one))
        for step in steps_of(study)
        for one in planner.partitions(step)
        if tables is None or step.name in tables
    }


def end_backfill(
    study: Study,
    instance: dg.DagsterInstance,
    ended: float,
    status: BulkActionStatus = BulkActionStatus.COMPLETED_FAILED,
    tables: set[str] | None = None,
) -> None:
    """Record a backfill as Dagster leaves it after a failure of one patient."""
    graph = build_definitions(study).resolve_asset_graph()
    wanted = partitions(study, tables)
    tried = {one for one in wanted if one.asset_key.path[-1] in OF_PATIENTS}
    failed = {one for one in tried if one.partition_key == BAD}

    def subset(of: set[AssetKeyPartitionKey]) -> AssetGraphSubset:
        return AssetGraphSubset.from_asset_partition_set(of, graph)

    backfill = PartitionBackfill.from_asset_graph_subset(
        ID, ended - 60, {}, instance, subset(wanted), None, None, None
    )
    assert backfill.asset_backfill_data is not None
    data = backfill.asset_backfill_data._replace(
        requested_subset=subset(tried),
        materialized_subset=subset(tried - failed),
        failed_and_downstream_subset=subset(failed | (wanted - tried)),
    )
    backfill = backfill.with_asset_backfill_data(data, instance, graph).with_status(status)
    instance.add_backfill(backfill.with_end_timestamp(ended))


def look(study: Study, instance: dg.DagsterInstance, cursor: float | None) -> dg.SensorResult:
    context = dg.build_sensor_context(
        instance=instance,
        definitions=build_definitions(study),
        cursor=None if cursor is None else str(cursor),
    )
    return completing_sensor(study)(context)


def test_the_group_is_made_of_the_other_patients_and_the_bad_one_is_named(study):
    definitions = build_definitions(study)
    now = time.time()
    with open_instance(study) as instance:
        end_backfill(study, instance, now)
        asked = look(study, instance, now - 1)
        (request,) = asked.run_requests
        assert (request.run_key, request.job_name) == (ID, "whole_study")
        assert (request.tags[BY], request.tags[COMPLETES]) == (UI, ID)
        assert (
            definitions.resolve_job_def("whole_study")
            .execute_in_process(request.run_config, instance=instance)
            .success
        )
        assert not look(study, instance, float(asked.cursor)).run_requests
    lake = lake_of(study)
    assert set(lake.read(GmvChange).n) == {6}
    assert set(lake.read(Exclusions).subject) == {BAD}


def test_of_the_tables_that_were_asked_for_only_those_that_can_be_made_are_launched(study):
    now = time.time()
    with open_instance(study) as instance:
        end_backfill(study, instance, now, tables={*OF_PATIENTS, "participants"})
        (request,) = look(study, instance, now - 1).run_requests
    config = request.run_config["ops"]["make_everything"]["config"]
    assert config == {"tables": ["participants"]}


def test_what_was_left_of_one_parcellation_is_made_of_that_one(study, monkeypatch):
    left = LeftByBackfill(ID, 1.0, [("parcel_quality", "hcp_mmp")])

    def item(self: Planner, step: Step, one: Partition) -> Item:
        return Item(step, one, State.MISSING, is_due=True)

    monkeypatch.setattr(Planner, "item", item)
    with open_instance(study) as instance:
        request = completion(study, instance, left)
    config = request.run_config["ops"]["make_everything"]["config"]
    assert config == {"tables": ["parcel_quality"], "parcellations": ["hcp_mmp"]}


@pytest.mark.parametrize(
    ("status", "seconds_ago"),
    [
        (BulkActionStatus.CANCELED, 0),
        (BulkActionStatus.COMPLETED_SUCCESS, 0),
        (BulkActionStatus.COMPLETED_FAILED, 60),
    ],
)
def test_what_was_cancelled_or_looked_at_before_is_left_alone(study, status, seconds_ago):
    now = time.time()
    with open_instance(study) as instance:
        end_backfill(study, instance, now - seconds_ago, status)
        assert not look(study, instance, now - 1).run_requests


def test_at_its_first_look_it_leaves_what_ended_before_alone(study):
    with open_instance(study) as instance:
        end_backfill(study, instance, time.time() - 1)
        assert not look(study, instance, None).run_requests


def test_where_the_daemon_makes_what_is_due_it_is_left_to_it(stopped, tmp_path):
    folder = shutil.copytree(stopped, tmp_path / "study")
    file = folder / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8").replace(BY_HAND, ""), encoding="utf-8")
    study, now = load_study(folder), time.time()
    with open_instance(study) as instance:
        end_backfill(study, instance, now)
        looked = look(study, instance, now - 1)
        assert not looked.run_requests
        assert "make_what_is_out_of_date makes" in looked.skip_reason.skip_message


class Switched:
    """An instance in which somebody has switched the sensor of the conditions."""

    def __init__(self, *statuses: str):
        self.statuses = statuses

    def all_instigator_state(self):
        class State:
            def __init__(self, value: str):
                self.instigator_name = CONDITIONS
                self.status = type("Status", (), {"value": value})

        return [State(one) for one in self.statuses]


@pytest.mark.parametrize(
    ("statuses", "are_asked"),
    [((), False), (("DECLARED_IN_CODE",), False), (("RUNNING",), True), (("STOPPED",), False)],
)
def test_what_was_switched_in_the_ui_counts_before_study_toml(study, statuses, are_asked):
    assert conditions_are_asked(study, Switched(*statuses)) is are_asked
