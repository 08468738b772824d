"""The only place that uses what Dagster does not promise: private modules, attributes and tables.

Other modules import from here and use Dagster's public names. The Slurm executor has a module of
its own by the same name, so that it can be taken away; there is no third. `test_dagster_internals`
checks each use and says what breaks when it moves. What is used, for what, and what to use instead:

`ModuleCodePointer`, `ReconstructableRepository`, `ReconstructableJob` (`_core`)
    Name a job so that a run's worker, another process, can load it. Instead:
    `dg.build_reconstructable_job`, once it takes a code location as the daemon does.
`ExecuteRunArgs`, `ResumeRunArgs` (`_grpc.types`)
    Dagster's own command line for a worker. Instead: whatever `DefaultRunLauncher` starts then.
`SerializableErrorInfo` (`_utils.error`)
    The type of a failed step's error. Instead: any object with `message` and `cause`.
`_metadata_accumulator` of a step's context
    Metadata of a partition. Instead: `AssetExecutionContext.add_asset_metadata`, which is slow.
`WorkspaceProcessContext`, `WorkspaceFileTarget` (`_core.workspace`), `dagster_webserver.app`
    The web application, to put a guard before it. Instead: the process `dagster-webserver` on a
    socket of its own, with the guard as a proxy.
`_daemon.cli`
    The daemon in a process whose temporary folder is ours. Instead: the command `dagster-daemon`.
`connect`, `index_connection` of the storages, and the names of tables, columns and files below
    Withdrawal of consent deletes rows that no method of Dagster's does. Instead: nothing; compare
    the tables that Dagster has then with what is here.

Modules that Dagster itself does not load at once are imported where they are needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._utils.error import SerializableErrorInfo as SerializableErrorInfo

if TYPE_CHECKING:
    import sqlalchemy as sa
    from dagster._core.origin import JobPythonOrigin
    from dagster._grpc.types import ExecuteRunArgs, ExecuteStepArgs, ResumeRunArgs

TABLES_WITHOUT_PATIENTS = ("alembic_version", "instance_info", "secondary_indexes", "asset_keys")
"""Tables of Dagster's records that are not searched."""
INSTIGATORS, INSTIGATOR_BODY = "instigators", "instigator_body"
"""The table of sensors and schedules, and its column with their state as JSON, never deleted."""
CURSOR_VALUE = "value"
"""Column of the table `kvs` with cursors that are not of sensors."""
CURSOR, LAST_RUN_KEY = "cursor", "last_run_key"
"""In the state of a sensor: how far it has looked."""


def job_origin(module: str, attribute: str, job_name: str) -> JobPythonOrigin:
    """Return by what another process finds a job.

    Parameters
    ----------
    module, attribute : str
        Where the definitions are.
    """
    repository = ReconstructableRepository(ModuleCodePointer(module, attribute, None))
    return ReconstructableJob(repository, job_name).get_python_origin()


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


def run_daemons(workspace: str) -> None:
    """Run Dagster's daemons in this process until it is asked to end."""
    from dagster._daemon.cli import cli

    cli(["run", "--log-level", "warning", "--workspace", workspace], obj={})


def connections(
    instance: dg.DagsterInstance,
) -> Iterator[Callable[[], AbstractContextManager[sa.Connection]]]:
    """List what opens each of the instance's records: runs, events, schedules."""
    if hasattr(instance.run_storage, "connect"):
        yield instance.run_storage.connect
    if hasattr(instance.event_log_storage, "index_connection"):
        yield instance.event_log_storage.index_connection
    if hasattr(instance.schedule_storage, "connect"):
        yield instance.schedule_storage.connect  # type: ignore[union-attr]


def events_file(home: Path, run_id: str) -> Path:
    """Return the SQLite file of a run's events."""
    return home / "history" / "runs" / f"{run_id}.db"
