"""What Dagster does not promise and the product uses: where it stands, and that it is still so."""

from __future__ import annotations

import ast
import inspect
import json
import multiprocessing
import sys
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.storage import tags

from ect_assets.orchestration import dagster_internals as internals
from ect_assets.orchestration import dagster_records
from ect_assets.orchestration.engines import ENGINES_KEPT, keeping
from ect_assets.orchestration.instance import FINISHED, SETTINGS
from ect_assets.orchestration.runs import RANGE_TAGS, partition_tags
from ect_assets_tests.orchestration.private_names import (
    PACKAGE,
    Attributes,
    Call,
    found_by,
    private_attributes,
    private_imports,
    unchecked,
    unexplained,
    why_broken,
)
from ect_assets_tests.paths import ROOT

ALLOWED = {
    PACKAGE / "orchestration" / "dagster_internals.py",
    PACKAGE / "orchestration" / "slurm" / "dagster_internals.py",
}
IMPORTED_AGAIN = "each run of the UI imports all libraries again"
SLOWER = "a tenth of a run's time goes into compiling the same statements"
WORKER = "no worker of a run can be started: `ect run` with processes or on Slurm, the run launcher"
UI = "`ect ui` cannot serve Dagster's application behind its guard"
RUNS = "`ect run` cannot carry out a run in its own process"
WITHDRAWAL = "rows that name a patient who withdrew stay in Dagster's records"
CONDITIONS = "the daemon's conditions cannot ask the plan, and nothing is made by itself"
VERSIONS = "the UI's `unsynced` is not what `ect plan` says"
OUTPUT = "no run begins: what its steps print has nowhere to go"
CALLS = (
    Call(
        "dagster._core.storage.local_compute_log_manager.LocalComputeLogManager",
        ("base_dir", "inst_data"),
        OUTPUT,
    ),
    Call("dagster._core.storage.compute_log_manager.CapturedLogContext", ("log_key",), OUTPUT),
    Call(
        "dagster._core.code_pointer.ModuleCodePointer",
        ("module", "fn_name", "working_directory"),
        WORKER,
    ),
    Call("dagster._core.definitions.reconstruct.ReconstructableRepository", ("pointer",), WORKER),
    Call(
        "dagster._core.definitions.reconstruct.ReconstructableJob",
        ("repository", "job_name"),
        WORKER,
    ),
    Call("dagster._core.definitions.job_base.InMemoryJob", ("job_def",), RUNS),
    Call("dagster._core.execution.api.execute_run", ("job", "dagster_run", "instance"), RUNS),
    Call("dagster._grpc.types.ExecuteRunArgs", ("job_origin", "run_id", "instance_ref"), WORKER),
    Call(
        "dagster._grpc.types.ResumeRunArgs",
        ("job_origin", "run_id", "instance_ref"),
        "a run whose worker was lost is not continued",
    ),
    Call(
        "dagster._core.remote_origin.RegisteredCodeLocationOrigin",
        ("location_name",),
        "the UI's timeline does not show the runs of `ect run`",
    ),
    Call(
        "dagster._core.remote_origin.RemoteRepositoryOrigin",
        ("code_location_origin", "repository_name"),
        "the UI's timeline does not show the runs of `ect run`",
    ),
    Call(
        "dagster._core.workspace.context.WorkspaceProcessContext",
        ("instance", "workspace_load_target", "version"),
        UI,
    ),
    Call("dagster._core.workspace.load_target.WorkspaceFileTarget", ("paths",), UI),
    Call(
        "dagster_webserver.app.create_app_from_workspace_process_context",
        ("workspace_process_context", "live_data_poll_rate", "lifespan"),
        UI,
    ),
    Call(
        "dagster._core.execution.context.metadata_logging.OutputMetadataAccumulator"
        ".with_additional_asset_metadata",
        ("asset_key", "partition_key", "metadata"),
        "no run can be recorded: metadata of a partition has nowhere to go",
    ),
    Call(
        "dagster._core.definitions.data_version.extract_data_version_from_entry",
        ("entry",),
        VERSIONS,
    ),
    Call(
        "dagster._core.definitions.data_version.get_input_data_version_tag",
        ("input_key",),
        VERSIONS,
    ),
    Call(
        "dagster._core.definitions.data_version.get_input_event_pointer_tag",
        ("input_key",),
        VERSIONS,
    ),
    Call(
        "dagster._core.execution.plan.execute_step._get_output_asset_events",
        (
            "asset_key",
            "asset_partitions",
            "output",
            "output_def",
            "io_manager_metadata",
            "step_context",
            "execution_type",
        ),
        f"{VERSIONS}, and no run can be recorded",
    ),
)
ATTRIBUTES = (
    Attributes(
        "dagster._core.storage.event_log.sqlite.sqlite_event_log", ("create_engine",), SLOWER
    ),
    Attributes("dagster._core.storage.runs.sqlite.sqlite_run_storage", ("create_engine",), SLOWER),
    Attributes("dagster._grpc.server.DagsterApiServer", ("StartRun",), IMPORTED_AGAIN),
    Attributes(
        "dagster._daemon.controller",
        ("DEFAULT_DAEMON_INTERVAL_SECONDS", "RELOAD_WORKSPACE_INTERVAL"),
        "each step of a backfill waits half a minute, and each minute costs five CPU seconds",
    ),
    Attributes(
        "dagster._core.remote_origin.RemoteJobOrigin",
        ("repository_origin",),
        "a run of `ect run` is taken for one that the daemon has launched",
    ),
    Attributes(
        "dagster._core.execution.backfill.PartitionBackfill",
        ("get_asset_backfill_data", "is_asset_backfill"),
        "what a backfill left because of one patient is not made",
    ),
    Attributes(
        "dagster._core.instance.ref.InstanceRef",
        (
            "storage_data",
            "run_storage_data",
            "event_storage_data",
            "schedule_storage_data",
            "defs_state_storage_data",
            "local_artifact_storage_data",
            "compute_logs_data",
            "scheduler_data",
            "run_coordinator_data",
            "run_launcher_data",
            "secrets_loader_data",
        ),
        "`dagster` and `dg` without DAGSTER_HOME do not find the study's records",
    ),
    Attributes(
        "dagster._core.storage.local_compute_log_manager.LocalComputeLogManager",
        (
            "get_captured_local_path",
            "complete_artifact_path",
            "open_log_stream",
            "register_instance",
        ),
        OUTPUT,
    ),
    Attributes(
        "dagster._core.definitions.data_version",
        ("DATA_VERSION_TAG", "CODE_VERSION_TAG", "DEFAULT_DATA_VERSION", "NULL_EVENT_POINTER"),
        VERSIONS,
    ),
    Attributes(
        "dagster._core.execution.plan.execute_step", ("_get_output_asset_events",), VERSIONS
    ),
    Attributes(
        "dagster._core.execution.context.system.StepExecutionContext",
        ("wipe_input_asset_version_info", "maybe_fetch_and_get_input_asset_version_info"),
        VERSIONS,
    ),
    Attributes(
        "dagster._utils.error.SerializableErrorInfo",
        ("message", "cause"),
        "`ect run` cannot say why a step failed",
    ),
    Attributes(
        "dagster._core.definitions.decorators.op_decorator.DecoratedOpFunction",
        ("decorated_fn", "has_context_arg", "has_config_arg", "get_resource_args"),
        "no asset of a lab's own can be stored in the lake",
    ),
    Attributes("dagster._daemon.cli.cli", ("commands",), "`ect ui` cannot start the daemon"),
    Attributes("dagster._grpc.types.ExecuteRunArgs", ("get_command_args",), WORKER),
    Attributes("dagster._grpc.types.ResumeRunArgs", ("get_command_args",), WORKER),
    Attributes(
        "dagster._core.definitions.reconstruct.ReconstructableJob",
        ("get_python_origin",),
        WORKER,
    ),
    Attributes(
        "dagster._core.storage.runs.sql_run_storage.SqlRunStorage",
        ("connect", "alembic_version", "get_cursor_values", "set_cursor_values"),
        f"{WITHDRAWAL}; old runs are not deleted; a layout of another version is not refused",
    ),
    Attributes(
        "dagster._core.storage.event_log.sql_event_log.SqlEventLogStorage",
        ("index_connection", "get_asset_check_execution_history", "get_latest_tags_by_partition"),
        f"{WITHDRAWAL}; old runs are not deleted; {VERSIONS}",
    ),
    Attributes(
        "dagster._core.storage.schedules.sql_schedule_storage.SqlScheduleStorage",
        ("connect", "purge_asset_evaluations"),
        WITHDRAWAL,
    ),
    Attributes("dagster.DagsterInstance", ("wipe_asset_cached_status",), WITHDRAWAL),
    Attributes("dagster.DagsterInstance", ("optimize_for_webserver",), UI),
    Attributes(
        "dagster.DagsterInstance",
        (
            "get_latest_data_version_record",
            "get_ref",
            "create_run_for_job",
            "report_run_failed",
            "report_run_canceling",
            "report_run_canceled",
            "report_engine_event",
            "add_run_tags",
        ),
        "runs cannot be started, ended or cancelled from outside",
    ),
    Attributes(
        "dagster._core.asset_graph_view.asset_graph_view.AssetGraphView",
        (
            "compute_execution_failed_subset",
            "get_full_subset",
            "get_asset_subset_from_asset_partitions",
        ),
        CONDITIONS,
    ),
    Attributes(
        "dagster._core.asset_graph_view.entity_subset.EntitySubset",
        ("expensively_compute_asset_partitions",),
        CONDITIONS,
    ),
)


@dg.asset
def one() -> None:
    """Stands for a table."""


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    settings = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(folder), settings) as made:
        yield made


def test_private_names_are_imported_in_two_modules_only():
    elsewhere = [
        f"{file}:{line} {name}"
        for file in PACKAGE.rglob("*.py")
        if file not in ALLOWED
        for line, name in private_imports(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not elsewhere, "move to orchestration/dagster_internals.py: " + "\n".join(elsewhere)


def test_private_attributes_of_dagster_are_used_in_two_modules_only():
    elsewhere = []
    for file in set(PACKAGE.rglob("*.py")) - ALLOWED:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if "dagster" in {name.split("_")[0].split(".")[0] for name in _imported(tree)}:
            elsewhere += [f"{file}:{line} {name}" for line, name in private_attributes(tree)]
    assert not elsewhere, "move to orchestration/dagster_internals.py: " + "\n".join(elsewhere)


def _imported(tree: ast.Module) -> list[str]:
    nodes = list(ast.walk(tree))
    plain = [one.name for node in nodes if isinstance(node, ast.Import) for one in node.names]
    return plain + [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]


@pytest.mark.parametrize(
    "line",
    [
        "import dagster._core.events",
        "from dagster._core import events",
        "from dagster import _check",
        "from dagster_shared.record import copy",
        "from dagster_webserver.app import create_app_from_workspace_process_context",
        "import_module('dagster._daemon')",
        "module = 'compute_logs:\\n  module: dagster._core.storage.noop'",
        "def later():\n    from dagster_postgres._utils import pg",
    ],
)
def test_a_private_name_is_recognized(line):
    assert list(private_imports(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    ["import dagster as dg", "from dagster_webserver import __version__", "import dagrun._x"],
)
def test_a_public_name_is_allowed(line):
    assert not list(private_imports(ast.parse(line)))


def test_a_private_attribute_is_recognized_and_one_of_our_own_is_not():
    ours = "class A:\n  def __init__(self):\n    self._b = 1\n  def c(self):\n    self._b\n"
    assert not list(private_attributes(ast.parse(ours)))
    assert list(private_attributes(ast.parse(f"{ours}    self._instance\n")))


def test_every_private_name_is_checked_here_and_explained_in_the_module():
    module = "orchestration/dagster_internals"
    assert unchecked(module, CALLS, ATTRIBUTES) == set(), "say above what breaks when it moves"
    assert unexplained(module) == set(), "say in the docstring what it is for, and what instead"


@pytest.mark.parametrize("call", CALLS, ids=lambda one: one.name.split(".")[-1])
def test_a_private_name_takes_what_it_is_given(call):
    assert not why_broken(call), why_broken(call)


@pytest.mark.parametrize("used", ATTRIBUTES, ids=lambda one: one.owner.split(".")[-1])
def test_what_is_not_documented_is_there(used):
    missing = [name for name in used.names if not hasattr(found_by(used.owner), name)]
    assert not missing, f"{used.owner} has no {missing}: {used.breaks}"


def test_the_daemons_command_takes_the_workspace_and_the_level():
    run = found_by("dagster._daemon.cli.cli").commands["run"]
    options = {option for one in run.params for option in one.opts}
    assert {"--workspace", "--log-level"} <= options, "`ect ui` cannot start Dagster's daemon"


def test_the_command_of_a_worker_names_the_job_and_the_run(instance):
    origin = internals.job_origin("ect_assets.orchestration.definitions", "defs", "job")
    command = internals.run_command(origin, "the-run", instance)
    assert command[:4] == [sys.executable, "-m", "dagster", "api"], WORKER
    said = json.dumps(command)
    assert all(one in said for one in ("the-run", "ect_assets.orchestration.definitions")), WORKER


def test_the_command_that_continues_a_run_is_another(instance):
    origin = internals.job_origin("ect_assets.orchestration.definitions", "defs", "job")
    assert "resume_run" in internals.resume_command(origin, "the-run", instance), WORKER


def test_metadata_of_a_partition_is_recorded():
    letters = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=letters)
    def table(context) -> None:
        internals.add_partition_metadata(context, "a", {"rows": 3})

    result = dg.materialize([table], partition_key="a")
    (made,) = result.get_asset_materialization_events()
    recorded = made.step_materialization_data.materialization.metadata["rows"].value
    assert recorded == 3, "the UI shows no rows, figures or seed of any table"


class Nowhere(dg.IOManager):
    """Keeps nothing."""

    def handle_output(self, context, obj):
        assert len(context.asset_partition_keys) == 2

    def load_input(self, context):
        raise NotImplementedError


def test_each_partition_of_an_output_has_a_data_version_of_its_own(instance):
    letters = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=letters, io_manager_def=Nowhere())
    def versioned(context):
        yield internals.output(None, {key: f"of {key}" for key in context.partition_keys})

    start, end = RANGE_TAGS
    dg.materialize([versioned], instance=instance, tags={start: "a", end: "b"})
    found = internals.latest_versions(instance, "versioned", False, ["a", "b"])
    assert found == {"a": "of a", "b": "of b"}, VERSIONS


def test_of_a_partition_that_was_not_made_no_materialization_is_recorded(instance):
    letters = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=letters, io_manager_def=Nowhere())
    def partly(context):
        yield internals.output(None, {"a": "of a"})

    start, end = RANGE_TAGS
    dg.materialize([partly], instance=instance, tags={start: "a", end: "b"})
    made = instance.get_materialized_partitions(dg.AssetKey("partly"))
    assert made == {"a"}, "the UI shows partitions as made that failed"


def test_backfills_are_looked_at_every_other_second(monkeypatch):
    from dagster._daemon import backfill, cli, controller

    monkeypatch.setattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS", 30)
    monkeypatch.setattr(cli, "cli", lambda *arguments, **settings: None)
    internals.run_daemons("workspace.yaml")
    wrong = "each step of a backfill waits half a minute"
    assert controller.DEFAULT_DAEMON_INTERVAL_SECONDS == 2, wrong
    loop = inspect.getsource(backfill.execute_backfill_iteration_loop)
    assert "import DEFAULT_DAEMON_INTERVAL_SECONDS" in loop, wrong


def test_runs_that_a_sensor_asks_for_are_put_together():
    def shared(requests, instance):
        yield dg.RunRequest(
            asset_selection=[key for one in requests for key in one.asset_selection]
        )

    @dg.asset(automation_condition=dg.AutomationCondition.missing())
    def first() -> None: ...

    @dg.asset(automation_condition=dg.AutomationCondition.missing())
    def second() -> None: ...

    sensor = internals.SharingSensor(
        shared, name="asks", target=dg.AssetSelection.all(), use_user_code_server=True
    )
    for one in (sensor, sensor.with_attributes(metadata={"a": "b"})):
        definitions = dg.Definitions(assets=[first, second], sensors=[one])
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance, definitions=definitions)
            asked = one.evaluate_tick(context).run_requests
        assert [len(request.asset_selection) for request in asked] == [2], CONDITIONS


def test_the_version_of_an_observation_is_read_as_it_was_written(instance):
    for version in ("1", "2"):
        instance.report_runless_asset_event(internals.observation("file", None, version))
    assert internals.latest_versions(instance, "file", True, None) == {None: "2"}, VERSIONS


def test_each_of_the_three_records_can_be_opened(instance):
    opened = list(dagster_records.connections(instance))
    assert len(opened) == 3, WITHDRAWAL


def _columns(instance: dg.DagsterInstance) -> dict[str, set[str]]:
    columns: dict[str, set[str]] = {}
    for connect in dagster_records.connections(instance):
        with connect() as connection:
            tables = sa.MetaData()
            tables.reflect(connection)
            columns |= {one.name: set(one.columns.keys()) for one in tables.sorted_tables}
    return columns


def test_the_tables_of_the_records_have_the_names_that_are_searched(instance):
    columns = _columns(instance)
    named = {*dagster_records.TABLES_WITHOUT_PATIENTS, dagster_records.INSTIGATORS, "kvs"}
    assert named <= set(columns), WITHDRAWAL
    assert dagster_records.INSTIGATOR_BODY in columns[dagster_records.INSTIGATORS], WITHDRAWAL
    assert dagster_records.CURSOR_VALUE in columns["kvs"], WITHDRAWAL


def test_no_table_of_the_records_is_new(instance):
    known = {
        *dagster_records.TABLES_WITHOUT_PATIENTS,
        dagster_records.INSTIGATORS,
        "asset_check_executions",
        "asset_check_partitions",
        "asset_daemon_asset_evaluations",
        "asset_event_tags",
        "backfill_tags",
        "bulk_actions",
        "concurrency_limits",
        "concurrency_slots",
        "daemon_heartbeats",
        "dynamic_partitions",
        "event_logs",
        "job_ticks",
        "jobs",
        "kvs",
        "pending_steps",
        "run_tags",
        "runs",
        "snapshots",
    }
    new = set(_columns(instance)) - known
    assert not new, f"{new}: see that a patient's rows in them are deleted, then add them here"


def test_the_state_of_a_sensor_has_the_two_cursors_that_are_cleared(instance):
    state = found_by("dagster._core.scheduler.instigation.SensorInstigatorData")
    fields = inspect.signature(state).parameters
    assert {dagster_records.CURSOR, dagster_records.LAST_RUN_KEY} <= set(fields), WITHDRAWAL


@pytest.mark.parametrize(
    "module",
    [
        "dagster._core.storage.event_log.sqlite.sqlite_event_log",
        "dagster._core.storage.runs.sqlite.sqlite_run_storage",
    ],
)
def test_the_sqlite_storages_take_their_engine_from_where_it_is_kept(module, tmp_path, monkeypatch):
    module = import_module(module)
    made = []

    def create_engine(url, **options):
        made.append(url)
        return sa.create_engine(url, **options)

    monkeypatch.setattr(module, "create_engine", create_engine)
    internals.keep_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        dg.materialize([one], instance=instance)
        instance.get_runs()
        instance.all_asset_keys()
    assert made and len(made) == len(set(made)), SLOWER


def test_a_code_server_starts_its_runs_as_forks(monkeypatch):
    server = found_by("dagster._grpc.server.DagsterApiServer")
    assert "self._mp_ctx.Process(" in inspect.getsource(server.StartRun), IMPORTED_AGAIN
    monkeypatch.setattr(server, "_mp_ctx", None, raising=False)
    internals.fork_runs(("json",))
    one = server.__new__(server)
    one._mp_ctx = multiprocessing.get_context("spawn")
    assert one._mp_ctx.get_start_method() == "forkserver", IMPORTED_AGAIN


def test_the_migrations_are_read_once_for_all_runs(tmp_path, monkeypatch):
    from alembic.script import Script

    internals.keep_engines()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        dg.materialize([one], instance=instance)
        monkeypatch.setattr(Script, "_from_path", None)
        assert dg.materialize([one], instance=instance).success, SLOWER


def test_engines_that_are_not_kept_any_more_are_made_anew(tmp_path):
    create = keeping(sa.create_engine)
    engines = [create(f"sqlite:///{tmp_path}/{n}.db") for n in range(ENGINES_KEPT + 1)]
    assert create(f"sqlite:///{tmp_path}/1.db") is engines[1]
    assert create(f"sqlite:///{tmp_path}/0.db") is not engines[0]
    assert len(create.engines) == ENGINES_KEPT


def test_the_events_of_a_run_lie_in_a_file_of_its_own(instance):
    result = dg.materialize([one], instance=instance)
    file = dagster_records.events_file(Path(instance.root_directory), result.run_id)
    assert file.is_file(), "each old run that is deleted leaves a file of 120 KB"


@pytest.mark.parametrize("file", [None, ROOT / "deploy" / "slurm" / "dagster.yaml"])
def test_the_classes_that_dagster_yaml_names_can_be_loaded(file):
    text = SETTINGS.format(runs=1, resumes=0) if file is None else file.read_text(encoding="utf-8")
    named = [one for one in yaml.safe_load(text).values() if isinstance(one, dict)]
    data = found_by("dagster._serdes.ConfigurableClassData")
    for entry in (one for one in named if "module" in one):
        config = yaml.safe_dump(entry.get("config", {}))
        made = data(entry["module"], entry["class"], config).rehydrate()
        assert type(made).__name__ == entry["class"], "no Dagster home can be opened"


def test_partitions_of_a_run_are_tagged_as_dagster_reads_them():
    wrong = "a run is recorded without its partitions"
    start, end = tags.ASSET_PARTITION_RANGE_START_TAG, tags.ASSET_PARTITION_RANGE_END_TAG
    assert (start, end) == RANGE_TAGS, wrong
    assert partition_tags("001", "002") == {start: "001", end: "002"}, wrong
    assert partition_tags("001", "001") == {tags.PARTITION_NAME_TAG: "001"}, wrong
    both = partition_tags(*[dg.MultiPartitionKey({"subject": "1", "parcellation": "dk"})] * 2)
    assert f"{tags.MULTIDIMENSIONAL_PARTITION_PREFIX}subject" in both, wrong


def test_runs_are_over_where_dagster_takes_them_for_over():
    over = set(found_by("dagster._core.storage.dagster_run.FINISHED_STATUSES"))
    assert over == set(FINISHED), "old runs are kept for ever, or jobs of runs at work cancelled"
