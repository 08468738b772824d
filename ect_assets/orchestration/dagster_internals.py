"""The only place that uses what Dagster does not promise: private modules, attributes and tables.

Other modules import from here and use Dagster's public names. The Slurm executor has a module of
its own by the same name, so that it can be taken away; there is no third. `test_dagster_internals`
checks each use and says what breaks when it moves. What is used, for what, and what to use instead:

`ModuleCodePointer`, `ReconstructableRepository`, `ReconstructableJob` (`_core`)
    Name a job so that a run's worker, another process, can load it. Instead:
    `dg.build_reconstructable_job`, once it takes a code location as the daemon does.
`RegisteredCodeLocationOrigin`, `RemoteRepositoryOrigin`, `RemoteJobOrigin` (`_core.remote_origin`)
    Show the runs of `ect run` on the UI's timeline. Instead: leave it away, they are in the list.
`ExecuteRunArgs`, `ResumeRunArgs` (`_grpc.types`)
    Dagster's own command line for a worker. Instead: whatever `DefaultRunLauncher` starts then.
`SerializableErrorInfo` (`_utils.error`)
    The type of a failed step's error. Instead: any object with `message` and `cause`.
`_metadata_accumulator` of a step's context
    Metadata of a partition. Instead: `AssetExecutionContext.add_asset_metadata`, which is slow.
`resolve_run_requests`, `with_attributes` of a sensor
    Put what the conditions ask for into few runs. Instead: runs of one partition each, or
    `emit_backfills`, which the daemon carries out one after the other.
`get_backfills`, `get_asset_backfill_data` and the subsets of a backfill
    Which partitions a backfill left because of one that failed (`unfinished_backfills`). Instead:
    launch `whole_study` by hand after such a backfill.
`compute_fn` of an op, with `decorated_fn`, `has_context_arg`, `has_config_arg`, `get_resource_args`
    The function of a lab's own asset and what it takes, to call it for one partition at a time.
    Instead: a decorator of ours in place of `dg.asset`.
`_get_output_asset_events` (`_core.execution.plan.execute_step`)
    Is wrapped, so that each partition of an output has a data version of its own, and one that was
    not made has no materialization. Instead: an `Output` that takes `DataVersionsByPartition`, as
    observations do.
`execute_run` (`_core.execution.api`), `InMemoryJob` (`_core.definitions.job_base`)
    Carry out a run of the same job, with the same executor, as the UI launches. Instead:
    `dg.execute_job` with a reconstructable job, which loads the code location once more.
`get_python_identifier` of a check
    The output of a check about which nothing is said, lest what follows is held back.
`wipe_input_asset_version_info`, `maybe_fetch_and_get_input_asset_version_info` of a step's context
    Let a materialization refer to what was observed at its begin. Instead: a run before, for that.
`data_version` (`_core.definitions`), and of the records of events
`get_latest_tags_by_partition`, `get_latest_data_version_record`
    The tags of versions, to write them and to read the latest. Instead: the asset records, one
    partition after the other, and materializations of which Dagster says nothing but that they are.
`WorkspaceProcessContext`, `WorkspaceFileTarget` (`_core.workspace`), `dagster_webserver.app`
    The web application, to put a guard before it. Instead: the process `dagster-webserver` on a
    socket of its own, with the guard as a proxy.
`LocalComputeLogManager`, `CapturedLogContext` (`_core.storage`)
    Shows what steps print beside their run; `step_output` writes the files without two processes a
    step. Instead: Dagster's own `local_compute_log_manager` in dagster.yaml, as it is.
`InstanceRef` (`_core.instance.ref`)
    Hands the parts of the study's instance to a command that was started without DAGSTER_HOME
    (`study_home`). Instead: refuse such a command.
`_daemon.cli`, `DEFAULT_DAEMON_INTERVAL_SECONDS`, `RELOAD_WORKSPACE_INTERVAL` (`_daemon.controller`)
    The daemon in a process whose temporary folder is ours, that looks at backfills every other
    second, and imports all again once an hour, not a minute. Instead: the command `dagster-daemon`.
`create_engine` of the SQLite storages (`sqlite_event_log`, `sqlite_run_storage`)
    Keeps the engine of each file: made for each query, SQLAlchemy compiles each statement again.
`_mp_ctx` of `DagsterApiServer` (`_grpc.server`)
    A code server forks its runs (`code_server`). Instead: nothing; each imports all by itself.
`connect`, `index_connection` of the storages, and the names of tables, columns and files
    Withdrawal of consent deletes rows that no method of Dagster's does (`dagster_records`).
    Instead: nothing; compare the tables that Dagster has then with what is there.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions import data_version
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.plan import execute_step
from dagster._core.instance.ref import InstanceRef as InstanceRef
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.compute_log_manager import CapturedLogContext as CapturedLogContext
from dagster._core.storage.local_compute_log_manager import (
    LocalComputeLogManager as LocalComputeLogManager,
)
from dagster._utils.error import SerializableErrorInfo as SerializableErrorInfo

from ect_assets.orchestration.dagster_beta import tested_beta
from ect_assets.orchestration.engines import keep_migrations, keeping

if TYPE_CHECKING:
    from dagster._core.origin import JobPythonOrigin
    from dagster._grpc.types import ExecuteRunArgs, ExecuteStepArgs, ResumeRunArgs

REPOSITORY = "__repository__"
"""What Dagster calls the one repository of a code location."""
SECONDS_BETWEEN_BACKFILL_LOOKS, SECONDS_BETWEEN_IMPORTS = 2, 3600
BACKFILLS_LOOKED_AT, FAILED_IN_PART = 20, "COMPLETED_FAILED"


def job_origin(module: str, attribute: str, job_name: str) -> JobPythonOrigin:
    """Return by what another process finds a job.

    Parameters
    ----------
    module, attribute : str
        Where the definitions are.
    """
    repository = ReconstructableRepository(ModuleCodePointer(module, attribute, None))
    return ReconstructableJob(repository, job_name).get_python_origin()


def origin_in_ui(location: str, job_name: str) -> RemoteJobOrigin:
    """Return by what the UI's timeline finds a job: it leaves out runs without.

    Parameters
    ----------
    location : str
        The name of the code location in the workspace of `ect ui`.
    """
    place = RegisteredCodeLocationOrigin(location)
    return RemoteRepositoryOrigin(place, REPOSITORY).get_job_origin(job_name)


def is_launched(run: dg.DagsterRun) -> bool:
    """Say whether the daemon has launched a run, and not a process of ours carried it out."""
    if run.remote_job_origin is None:
        return False
    place = run.remote_job_origin.repository_origin.code_location_origin
    return not isinstance(place, RegisteredCodeLocationOrigin)


def run_command(origin: JobPythonOrigin, run_id: str, instance: dg.DagsterInstance) -> list[str]:
    """Return the command of a process that carries out a run."""
    from dagster._grpc.types import ExecuteRunArgs

    return as_command(ExecuteRunArgs(origin, run_id, instance.get_ref()))


def resume_command(origin: JobPythonOrigin, run_id: str, instance: dg.DagsterInstance) -> list[str]:
    """Return the command of a process that continues a run whose worker is gone."""
    from dagster._grpc.types import ResumeRunArgs

    return as_command(ResumeRunArgs(origin, run_id, instance.get_ref()))


def as_command(arguments: ExecuteRunArgs | ResumeRunArgs | ExecuteStepArgs) -> list[str]:
    """Return a command of Dagster's as this interpreter runs it, wherever PATH leads on a node."""
    words = list(arguments.get_command_args())
    return [sys.executable, "-m", "dagster", *words[words.index("api") :]]


def instance_parts(instance: InstanceRef) -> dict[str, Any]:
    """Return what an instance is made of, as Dagster asks for it of an `instance_class`."""
    storages = {
        "storage": instance.storage_data,
        "run_storage": instance.run_storage_data,
        "event_log_storage": instance.event_storage_data,
        "schedule_storage": instance.schedule_storage_data,
        "defs_state_storage": instance.defs_state_storage_data,
        "local_artifact_storage": instance.local_artifact_storage_data,
    }
    return storages | {
        "compute_logs": instance.compute_logs_data,
        "scheduler": instance.scheduler_data,
        "run_coordinator": instance.run_coordinator_data,
        "run_launcher": instance.run_launcher_data,
        "secrets": instance.secrets_loader_data,
    }


def add_partition_metadata(
    context: dg.AssetExecutionContext, partition_key: str | None, metadata: dict[str, Any]
) -> None:
    """Add to what the UI shows of one partition.

    As `AssetExecutionContext.add_asset_metadata` does, which lists all partitions of the study to
    see whether this is one of them: for each of ten thousand patients, ten thousand.
    """
    step = context.get_step_execution_context()
    step._metadata_accumulator = step._metadata_accumulator.with_additional_asset_metadata(
        asset_key=context.asset_key, metadata=metadata, partition_key=partition_key
    )


class SharingSensor(dg.AutomationConditionSensorDefinition):
    """Asks the conditions of all tables, and puts what they ask for into shared runs.

    Parameters
    ----------
    shared : callable
        ``shared(requests, instance)``: takes a request for each partition, and gives one a run.
    """

    def __init__(
        self,
        shared: Callable[[Iterable[dg.RunRequest], dg.DagsterInstance], Iterable[dg.RunRequest]],
        **settings: Any,
    ):
        super().__init__(**settings)
        self._shared, self._settings = shared, settings

    def resolve_run_requests(
        self,
        run_requests: Sequence[dg.RunRequest],
        context: dg.SensorEvaluationContext,
        *rest: Any,
    ) -> Sequence[dg.RunRequest]:
        """Let those share a run that can."""
        shared = list(self._shared(run_requests, context.instance))
        return super().resolve_run_requests(shared, context, *rest)

    def with_attributes(self, *, jobs: Any = None, metadata: Any = None) -> SharingSensor:
        """Return the same with other metadata, as Dagster asks for."""
        said = {} if metadata is None else {"metadata": metadata}
        return SharingSensor(self._shared, **self._settings | said)


def left_by_backfills(
    instance: dg.DagsterInstance, definitions: dg.RepositoryDefinition
) -> Iterator[tuple[str, float, list[tuple[str, str | None]]]]:
    """Go through the backfills that ended with failures: id, end, and what was not even tried."""
    for one in instance.get_backfills(limit=BACKFILLS_LOOKED_AT):
        if one.status.value == FAILED_IN_PART and one.is_asset_backfill:
            data = one.get_asset_backfill_data(definitions.asset_graph)
            left = data.failed_and_downstream_subset - data.requested_subset
            named = [(key.path[-1], each) for key, each in left.iterate_asset_partitions()]
            yield one.backfill_id, one.backfill_end_timestamp or 0.0, named


@dataclass(frozen=True)
class AssetFunction:
    """The function that a `dg.asset` decorates, and what Dagster hands it beside the inputs."""

    function: Callable[..., Any]
    takes_context: bool
    takes_config: bool
    resources: tuple[str, ...]


def function_of(definition: dg.AssetsDefinition) -> AssetFunction:
    """Return the function of an asset that was made by `dg.asset`."""
    decorated: Any = definition.op.compute_fn
    return AssetFunction(
        decorated.decorated_fn,
        decorated.has_context_arg(),
        decorated.has_config_arg(),
        tuple(one.name for one in decorated.get_resource_args()),
    )


class VersionsOfPartitions(dg.DataVersion):
    """The data versions of the partitions of an output that were made; as one, where needed."""

    of_partition: Mapping[str | None, str]


def output(value: object, versions: Mapping[str | None, str]) -> dg.Output:
    """Return an output whose partitions have a data version each.

    Parameters
    ----------
    versions : mapping
        Dagster's name of each partition that was made to its version; None where there are no
        partitions. Of the others no materialization is recorded.
    """
    all_of_them = hashlib.sha256("".join(versions.values()).encode()).hexdigest()
    version = VersionsOfPartitions(all_of_them)
    version.of_partition = versions
    with tested_beta():
        return dg.Output(value, data_version=version)


def _with_versions(events_of: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """Record of an output the partitions that were made, each with its own data version."""

    @functools.wraps(events_of)
    def with_versions(key: dg.AssetKey, partitions: Any, output: Any, *rest: Any) -> Iterator[Any]:
        given = getattr(output, "data_version", None)
        for event in events_of(key, partitions, output, *rest):
            if isinstance(given, VersionsOfPartitions):
                if event.partition not in given.of_partition:
                    continue
                event.tags[data_version.DATA_VERSION_TAG] = given.of_partition[event.partition]
            yield event

    return with_versions


execute_step._get_output_asset_events = _with_versions(execute_step._get_output_asset_events)


def without_verdict(context: dg.AssetExecutionContext, check: str) -> Iterator[dg.Output]:
    """Say nothing about a blocking check, so that steps of the same run which follow go on."""
    for key in context.selected_asset_check_keys:
        if key.name == check:
            spec = dg.AssetCheckSpec(check, asset=key.asset_key)
            yield dg.Output(None, output_name=spec.get_python_identifier())


def execute(job: dg.JobDefinition, run: dg.DagsterRun, instance: dg.DagsterInstance) -> None:
    """Carry out a run in this process, with the job's own executor; the records say how it went."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run

    execute_run(InMemoryJob(job), run, instance)


def refer_to_latest(context: dg.AssetExecutionContext, sources: Iterable[str]) -> None:
    """Let what a step makes refer to the latest observations of some sources as what it read."""
    step = context.get_step_execution_context()
    for key in map(dg.AssetKey, sources):
        step.wipe_input_asset_version_info(key)
        step.maybe_fetch_and_get_input_asset_version_info(key)


def latest_versions(
    instance: dg.DagsterInstance, asset: str, is_source: bool, partitions: Iterable[str] | None
) -> dict[str | None, str]:
    """Return the data versions that were recorded last; partitions without one are left out.

    Parameters
    ----------
    is_source : bool
        Whether it is observed, not made.
    partitions : iterable of str or None
        None for an asset without partitions, whose version is under None.
    """
    key, kind = dg.AssetKey(asset), dg.DagsterEventType
    if partitions is not None:
        of_event = kind.ASSET_OBSERVATION if is_source else kind.ASSET_MATERIALIZATION
        tags = instance.event_log_storage.get_latest_tags_by_partition(
            key, of_event, [data_version.DATA_VERSION_TAG], asset_partitions=list(partitions)
        )
        return {name: one[data_version.DATA_VERSION_TAG] for name, one in tags.items()}
    record = instance.get_latest_data_version_record(key, is_source=is_source)
    version = record and data_version.extract_data_version_from_entry(record.event_log_entry)
    return {None: version.value} if version else {}


def observation(source: str, partition: str | None, version: str) -> dg.AssetObservation:
    """Return the event that says what version a source has."""
    tags = {data_version.DATA_VERSION_TAG: version}
    return dg.AssetObservation(dg.AssetKey(source), partition=partition, tags=tags)


def materialization(
    instance: dg.DagsterInstance,
    asset: str,
    partition: str | None,
    version: str,
    program: str,
    upstream: Iterable[str],
) -> dg.AssetMaterialization:
    """Return the event that says that an asset was made of its inputs as they are recorded now.

    Parameters
    ----------
    version, program : str
        Of the rows, and of the code.
    upstream : iterable of str
        Assets that it depends on.
    """
    tags = {data_version.DATA_VERSION_TAG: version, data_version.CODE_VERSION_TAG: program}
    for key in map(dg.AssetKey, upstream):
        record = instance.get_latest_data_version_record(key)
        read = record and data_version.extract_data_version_from_entry(record.event_log_entry)
        tags[data_version.get_input_data_version_tag(key)] = (
            read or data_version.DEFAULT_DATA_VERSION
        ).value
        place = str(record.storage_id) if record else data_version.NULL_EVENT_POINTER
        tags[data_version.get_input_event_pointer_tag(key)] = place
    if isinstance(partition, dg.MultiPartitionKey):
        of_keys = partition.keys_by_dimension.items()
        tags |= {f"dagster/partition/{name}": value for name, value in of_keys}
    return dg.AssetMaterialization(dg.AssetKey(asset), partition=partition, tags=tags)


@contextmanager
def web_application(
    instance: dg.DagsterInstance,
    workspace: str,
    poll_milliseconds: int,
    lifespan: Callable[[Any], AbstractContextManager | Any],
) -> Iterator[Any]:
    """Open the ASGI application of Dagster's UI.

    Parameters
    ----------
    workspace : str
        File that names the code location. A schedule's state is kept under the name that it gives,
        so the daemon gets the same file.
    lifespan : callable
        As Starlette takes it.
    """
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster_webserver import __version__
    from dagster_webserver.app import create_app_from_workspace_process_context

    target = WorkspaceFileTarget([workspace])
    with WorkspaceProcessContext(
        instance, version=__version__, workspace_load_target=target
    ) as context:
        yield create_app_from_workspace_process_context(
            context, live_data_poll_rate=poll_milliseconds, lifespan=lifespan
        )


def keep_engines() -> None:
    """Let Dagster's SQLite storages use one engine for each file, instead of one for each query.

    A connection is opened for each query as before: no file stays open.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from dagster._core.storage.runs.sqlite import sqlite_run_storage

    keep_migrations()
    storages: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)
    for module in storages:
        if not hasattr(module.create_engine, "engines"):
            module.create_engine = keeping(module.create_engine)


def fork_runs(modules: Sequence[str]) -> None:
    """Let a code server fork its runs from a process with these modules, where it can.

    Before Python 3.11.1 any user of the machine could talk to that process (CVE-2022-42919).
    """
    from dagster._grpc.server import DagsterApiServer

    if sys.version_info < (3, 11, 1) or "forkserver" not in multiprocessing.get_all_start_methods():
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(modules))
    DagsterApiServer._mp_ctx = property(lambda _: context, lambda _, given: None)  # type: ignore[assignment]


def run_daemons(workspace: str) -> None:
    """Run Dagster's daemons in this process until it is asked to end."""
    keep_engines()
    from dagster._daemon import controller
    from dagster._daemon.cli import cli

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = SECONDS_BETWEEN_BACKFILL_LOOKS
    controller.RELOAD_WORKSPACE_INTERVAL = SECONDS_BETWEEN_IMPORTS
    cli(["run", "--log-level", "warning", "--workspace", workspace], obj={})
