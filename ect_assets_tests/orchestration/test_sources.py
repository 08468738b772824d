"""The UI's stale status against the plan: the situations of `test_plan`, asked as the UI asks.

Dagster looks at each table by itself, so a table that is due only because something before it is
counts as fresh until that has been made: compared is what is due for a reason of its own.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_graphql.test.utils import execute_dagster_graphql

from ect_assets.cli.server import WORKSPACE
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.history import OF_GROUP, report_lake
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.partitions import SUBJECT, partition_key
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.sources import SETTINGS, Sources, observation_sensor
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.plan import Planner, State
from ect_assets.pipeline.sources import SOURCES
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import Study, load_study
from ect_assets_tests.pipeline.test_plan import SITUATIONS, append, append_top, stats

DUE = (State.STALE, State.MISSING)
LOST = "the lake lost its file, and Dagster looks at no file of the lake"
FAILED = "it failed, which the UI shows as a failed run"
NOT_SHOWN = {
    "a patient's row of a table is gone": ({"scan_volumes (003)"}, LOST),
    "a table of the group is gone": ({"clinical_change"}, LOST),
    "a table of one parcellation is gone": ({"gmv_change (desikan_killiany)"}, LOST),
    "a file was cut short": ({"gmv_change (desikan_killiany)"}, LOST),
    "a patient's volumes are gone from the lake": (
        {"parcel_gmv (003, desikan_killiany)", "parcel_gmv (003, hcp_mmp)"},
        LOST,
    ),
    "another file of a patient could not be used, and this one was not tried": (
        {"scan_volumes (003)"},
        FAILED,
    ),
    "a step stopped for a reason of its own": ({"clinical_change"}, FAILED),
}
"""What is due and looks fresh in the UI, by situation, and why."""
QUICK = ("a rating changed", "another seed", "a patient is no longer in the dataset")


def shown(study: Study, instance: dg.DagsterInstance, names: set[str] | None = None) -> set[str]:
    """Name the partitions that the UI marks as missing or unsynced."""
    graph = pipeline_definitions(study).resolve_asset_graph()
    asked = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    planner = Planner(study, lake_of(study))
    return {
        item.name
        for item in planner.items()
        if item.state is not State.UNAVAILABLE
        and (names is None or item.name in names)
        and asked.get_status(
            dg.AssetKey(item.step.name), partition_key(item.step.table, item.partition)
        )
        is not StaleStatus.FRESH
    }


def due(study: Study) -> set[str]:
    """Name the partitions that are due for a reason of their own."""
    planner = Planner(study, lake_of(study))
    return {
        item.name
        for item in planner.items()
        if item.state is not State.UNAVAILABLE
        and planner.own_state(item.step, item.partition) in DUE
    }


def observe(study: Study, instance: dg.DagsterInstance) -> int:
    return Sources(study, lake_of(study)).report_changes(instance)


def marked(one) -> pytest.ParameterSet:
    marks = () if one.name in QUICK else (pytest.mark.slow,)
    return pytest.param(one, id=one.name, marks=marks)


@pytest.mark.parametrize(
    "one",
    [marked(one) for one in SITUATIONS if one.name != "the whole lake is gone"],
)
def test_the_ui_shows_as_unsynced_what_is_due(filled_folder, one):
    one.do(filled_folder)
    study = load_study(filled_folder)
    lost, _ = NOT_SHOWN.get(one.name, (set(), ""))
    with open_instance(study) as instance:
        observe(study, instance)
        assert shown(study, instance) == due(study) - lost
    assert lost <= due(study)


QUESTION = """query ($path: [String!]!, $partition: String) {
  assetNodeOrError(assetKey: {path: $path}) { ... on AssetNode {
    staleStatus(partition: $partition)
    staleCauses(partition: $partition) { reason key { path } partitionKey }
} } }"""


def test_the_web_application_says_which_setting_or_patients_file_changed(
    filled_folder, monkeypatch
):
    append(stats(filled_folder), "\n")
    append_top(filled_folder, "seed = 77")
    study = load_study(filled_folder)
    monkeypatch.setenv("ECT_STUDY", str(filled_folder))
    with (
        open_instance(study) as instance,
        WorkspaceProcessContext(instance, WorkspaceFileTarget([WORKSPACE])) as server,
    ):
        observe(study, instance)

        def ask(table: str, partition: str | None) -> dict:
            variables = {"path": [table], "partition": partition}
            request = server.create_request_context()
            answer = execute_dagster_graphql(request, QUESTION, variables)
            assert not answer.errors
            return answer.data["assetNodeOrError"]

        for table, partition, source, which in (
            ("scan_volumes", "003", "volume_files", "003"),
            ("parcel_gmv", "hcp_mmp|003", "volume_files", "003"),
            ("symptom_pls", "hcp_mmp", SETTINGS, "seed"),
        ):
            said = ask(table, partition)
            assert said["staleStatus"] == "STALE"
            (cause,) = said["staleCauses"]
            assert cause["key"]["path"] == [source]
            assert cause["partitionKey"] == which
        assert ask("gmv_change", "hcp_mmp")["staleStatus"] == "FRESH"
        assert ask("scan_volumes", "004")["staleStatus"] == "FRESH"
        assert ask("clinical_change", None)["staleStatus"] == "FRESH"


def test_what_was_made_again_is_in_sync(filled_folder):
    append(stats(filled_folder), "\n")
    append_top(filled_folder, "seed = 77")
    study = load_study(filled_folder)
    with open_instance(study) as instance:
        observe(study, instance)
        assert shown(study, instance)
    Runner(study).run()
    with open_instance(study) as instance:
        assert observe(study, instance) == 0
        assert not shown(study, instance)


def test_a_run_records_what_it_read_before_any_sensor_looked(filled_folder):
    append(stats(filled_folder), "\n")
    study = load_study(filled_folder)
    Runner(study).run()
    with open_instance(study) as instance:
        assert observe(study, instance) == 0
        assert not shown(study, instance, {"scan_volumes (003)", "raw_scans (003)"})


def test_nothing_is_recorded_while_nothing_changes(filled_folder):
    study = load_study(filled_folder)
    with open_instance(study) as instance:
        observe(study, instance)

        def events() -> Counter:
            return Counter(
                {
                    name: len(instance.fetch_observations(dg.AssetKey(name), limit=1000).records)
                    for name in Sources(study, lake_of(study)).names
                }
            )

        before = events()
        for _ in range(3):
            observation_sensor(study)(dg.build_sensor_context(instance=instance))
        assert events() == before
        append(stats(filled_folder), "\n")
        tick = observation_sensor(study)(dg.build_sensor_context(instance=instance))
        assert tick.skip_message == "2 partitions of sources changed."
        assert events() - before == {"bids_files": 1, "volume_files": 1}


def test_every_partition_of_a_shared_run_has_the_digest_of_its_own_rows(filled_folder):
    study = load_study(filled_folder)
    lake = lake_of(study)
    with open_instance(study) as instance:
        for table in ("scan_volumes", "parcel_gmv", "clinical_change"):
            key = dg.AssetKey(table)
            step = STEP_OF[table]
            for partition in lake.partitions(step.table):
                name = partition_key(step.table, partition)
                record = instance.get_latest_data_version_record(key, partition_key=name)
                tags = record.asset_materialization.tags
                footer = lake.footer(step.table, partition)
                assert tags["dagster/data_version"] == footer["content_sha256"]


def test_a_version_names_no_file_and_no_value(filled_folder):
    study = load_study(filled_folder)
    with open_instance(study) as instance:
        for source in Sources(study, lake_of(study)).names:
            for record in instance.fetch_observations(dg.AssetKey(source), limit=1000).records:
                said = record.asset_observation
                assert set(said.tags) == {"dagster/data_version"}
                assert len(said.tags["dagster/data_version"]) == 64
                assert not said.metadata


def test_each_kind_of_source_can_be_observed_by_hand(filled_folder):
    study = load_study(filled_folder)
    append_top(filled_folder, "seed = 78")
    study = load_study(filled_folder)
    job = pipeline_definitions(study).resolve_implicit_global_asset_job_def()
    with open_instance(study) as instance:
        done = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(one) for one in (SETTINGS, "review_file", "bids_files")],
        )
        assert done.success
        record = instance.get_latest_data_version_record(
            dg.AssetKey(SETTINGS), is_source=True, partition_key="seed"
        )
        assert record.run_id == done.run_id


def test_group_tables_that_an_earlier_release_made_are_taken_up_as_they_are(filled_folder):
    study = load_study(filled_folder)
    lake = lake_of(study)
    with open_instance(study) as instance:
        old = dg.AssetMaterialization(
            "clinical_change",
            tags={"dagster/data_version": "of inputs", "dagster/code_version": "0.1.0/1"},
        )
        instance.report_runless_asset_event(old)
        names = {"clinical_change"}
        assert shown(study, instance, names) == names
        assert report_lake(instance, study, lake, OF_GROUP) == 1
        assert not shown(study, instance, names)
        assert report_lake(instance, study, lake, OF_GROUP) == 0
        append_top(filled_folder, "seed = 79")
        edited = filled_folder / "study.toml"
        text = edited.read_text(encoding="utf-8")
        edited.write_text(text.replace("maximum = 52", "maximum = 50"), encoding="utf-8")
        study = load_study(filled_folder)
        observe(study, instance)
        assert shown(study, instance, names) == names


def test_every_source_of_a_step_is_a_root_of_the_lineage(simulated_input, tmp_path):
    study = load_study(Path(shutil.copytree(simulated_input, tmp_path / "study")))
    graph = pipeline_definitions(study).resolve_asset_graph()
    for source in SOURCES:
        node = graph.get(dg.AssetKey(source.name))
        assert node.is_observable and not node.parent_keys
        assert node.child_keys
        assert source.partitions in ((), (SUBJECT,), ("parcellation",))
