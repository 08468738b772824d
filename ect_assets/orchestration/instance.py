"""The study's own Dagster instance: where runs are recorded, and who may be at work.

One folder inside the study, and with PostgreSQL a schema on the server (`run_storage`); nothing is
shared between studies.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import dagster as dg

from ect_assets.orchestration.dagster_internals import is_launched, keep_engines
from ect_assets.orchestration.run_storage import (
    failures,
    only_one_host,
    prepared_database,
    refuse_other_version,
    why_unusable,
    with_storage,
)
from ect_assets.problems import StudyError
from ect_assets.study import Study
from ect_assets.system import is_alive
from ect_assets.whole_files import clear_leftovers, explain_write_errors, replace_whole

BEFORE_OUTPUT = """\
# What steps print is not kept: they report through events. Keeping it starts two processes a step.
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""
OUTPUT = """\
# What steps print, in the folder `output`; not of patients' tables.
compute_logs:
  module: ect_assets.orchestration.step_output
  class: StepOutput
"""
FRESHNESS = """\
# Whether a night was missed: the asset nightly_check.
freshness:
  enabled: true
"""
MONITORING = "run_monitoring:\n  enabled: true\n"
START_TIMEOUT = "  start_timeout_seconds: 900\n"
"""Dagster's own 180 s are not enough for the process of a run on a machine at work."""
HEADER = "# Written by ect when missing; edit it freely.\n"
SETTINGS = f"""\
{HEADER}telemetry:
  enabled: false
nux:
  enabled: false
{OUTPUT}run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    max_concurrent_runs: {{runs}}
    dequeue_interval_seconds: 1
# A run whose process was killed is noticed, and tried again; one that failed is not.
{MONITORING}{START_TIMEOUT}  poll_interval_seconds: 15
  max_resume_run_attempts: {{resumes}}
  free_slots_after_run_end_seconds: 60
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
# Evaluations every few seconds would fill the disk within a year.
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 2
      failure: 30
      success: 90
{FRESHNESS}"""
ON_CLUSTER = """\
# Where steps go to a cluster, a run outlives the daemon, and is taken up again where it was.
run_launcher:
  module: ect_assets.orchestration.slurm.launcher
  class: ResumableRunLauncher
"""
MOVED = {
    "module: ect_assets.cluster.launcher": "module: ect_assets.orchestration.slurm.launcher",
    BEFORE_OUTPUT: OUTPUT,
}
"""Lines that earlier versions wrote, and what stands for them now."""
BY_ITSELF = {"dagster/sensor_name", "dagster/schedule_name"}
"""Tags of runs that nobody launched by hand."""
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


def prepare_home(study: Study) -> Path:
    """Make the study's Dagster folder, with telemetry and the welcome dialog switched off.

    Returns
    -------
    Path
        The absolute folder that `DAGSTER_HOME` has to name.

    Raises
    ------
    WriteError
        When the study's folder is full or read-only.
    StudyError
        When its dagster.yaml names another storage than study.toml.
    """
    home = study.dagster_home
    settings = home / "dagster.yaml"
    is_there = settings.exists()
    before = settings.read_text(encoding="utf-8") if is_there else _first_settings(study)
    now = with_storage(_with_present_lines(before), study)
    if not is_there or now != before:
        _write_text(settings, now)
    welcome = home / ".nux" / "nux.yaml"
    if not welcome.exists():
        _write_text(welcome, "seen: 1\n")
    return home


def _with_present_lines(settings: str) -> str:
    """Bring what an earlier version wrote into dagster.yaml up to date; what was edited stays."""
    for earlier, present in MOVED.items():
        settings = settings.replace(earlier, present)
    if not settings.startswith(HEADER):
        return settings
    if "\nfreshness:" not in settings:
        settings = f"{settings.rstrip()}\n{FRESHNESS}"
    if "start_timeout_seconds:" not in settings:
        settings = settings.replace(MONITORING, MONITORING + START_TIMEOUT)
    return settings


def _first_settings(study: Study) -> str:
    if study.cluster.executor == "local":
        return SETTINGS.format(runs=max(1, os.cpu_count() or 1), resumes=0)
    return SETTINGS.format(runs=study.cluster.runs_at_once, resumes=3) + ON_CLUSTER


def _write_text(file: Path, text: str) -> None:
    replace_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))


@contextmanager
def only_one_run(study: Study) -> Iterator[None]:
    """Keep a second `ect run` of the same study from starting while one is at work.

    What earlier runs left half written when they were killed is cleared away first.

    Raises
    ------
    StudyError
        When another process holds the study; the lock goes with the process, however it ends.
    WriteError
        When the study's folder is full or read-only.
    """
    with _only_one(study, "run"):
        for folder in (study.open_lake().own_folder, study.dagster_home, study.cache_folder):
            clear_leftovers(folder)
        yield


@contextmanager
def only_one_server(study: Study, address: str = "") -> Iterator[tuple[int, ...]]:
    """Keep a second `ect ui` of the same study from starting while one is at work.

    Parameters
    ----------
    address : str
        Where the UI will be, for the error of a second one; without a token.

    Yields
    ------
    tuple of int
        The descriptors of the lock. Processes that get them (``pass_fds``) hold the lock too, so
        that a daemon whose `ect ui` was killed is not joined by a second one.

    Raises
    ------
    StudyError
        When another process holds the study.
    WriteError
        When the study's folder is full or read-only.
    """
    with _only_one(study, "ui", address) as locks:
        yield locks


@contextmanager
def _only_one(study: Study, command: str, address: str = "") -> Iterator[tuple[int, ...]]:
    file = prepare_home(study) / f"{command}.lock"
    with explain_write_errors(file):
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.pread(lock, 1000, 0).decode(errors="replace").strip()
            raise StudyError(
                f"Another `ect {command}` is running on {study.name}{f' ({who})' if who else ''}. "
                f"{_what_to_do(who)}"
            ) from error
        with explain_write_errors(file):
            os.ftruncate(lock, 0)
            os.pwrite(lock, _who_we_are(address).encode(), 0)
        # A file's lock need not reach another host, whatever shares the folder.
        with only_one_host(study, command) as elsewhere:
            yield lock, *elsewhere
    finally:
        os.close(lock)


def who_serves(study: Study) -> str:
    """Return what the process that served a study last says of itself; empty if none did."""
    file = study.dagster_home / "ui.lock"
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""


def _who_we_are(address: str) -> str:
    since = datetime.now().astimezone().isoformat(" ", "minutes")
    we = f"process {os.getpid()} on {socket.gethostname()}, since {since}"
    return f"{we}, at {address}" if address else we


def _what_to_do(who: str) -> str:
    """Advise from what a lock says of its holder."""
    if _was_killed(who):
        return "That process was killed and its subprocesses are ending: retry in a moment."
    return "Wait for it, or stop it."


def _was_killed(who: str) -> bool:
    """Say whether what a lock says of its holder is about a process of this machine that ended."""
    said = re.match(r"process (\d+) on (.*), since", who)
    return bool(said and said[2] == socket.gethostname() and not is_alive(int(said[1])))


@contextmanager
def open_instance(study: Study) -> Iterator[dg.DagsterInstance]:
    """Open the study's Dagster instance.

    Raises
    ------
    StudyError
        When its records cannot be read or written, or another version of Dagster made them.
    """
    home = prepare_home(study)
    keep_engines()
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with _opened_alone(study) as instance:
            refuse_other_version(study, instance)
            yield instance
    except failures(study) as error:
        raise StudyError(why_unusable(study, error)) from error
    finally:
        if before is None:
            del os.environ["DAGSTER_HOME"]
        else:
            os.environ["DAGSTER_HOME"] = before


def _opened_alone(study: Study) -> dg.DagsterInstance:
    """Open the records; of two processes that make them at once, Dagster spoils them for both."""
    file = study.dagster_home / "open.lock"
    with explain_write_errors(file):
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with prepared_database(study):
            return dg.DagsterInstance.get()
    finally:
        os.close(lock)


def close_abandoned_runs(instance: dg.DagsterInstance, launched: bool = False) -> list[str]:
    """Mark the runs as failed whose process was killed; they would be shown as going on for ever.

    Parameters
    ----------
    launched : bool
        False: the runs of `ect run`, which nobody but the holder of `only_one_run` can be at work
        on. True: those that were launched from the UI and whose process is gone; only the holder
        of `only_one_server` knows that nobody will take them up again.

    Returns
    -------
    list of str
        The runs that were marked.
    """
    unfinished = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    abandoned = [
        run
        for run in unfinished
        if is_launched(run) == launched and not (launched and _is_at_work(instance, run))
    ]
    for run in abandoned:
        instance.report_run_failed(
            run, "The process of this run was killed. Steps that had finished are kept."
        )
    return [run.run_id for run in abandoned]


def close_runs_of_dead(study: Study, instance: dg.DagsterInstance) -> list[str]:
    """Mark the runs of an `ect run` that was killed on this machine; else their tables wait."""
    lock = study.dagster_home / "run.lock"
    who = lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else ""
    return close_abandoned_runs(instance) if _was_killed(who) else []


def clear_queue(instance: dg.DagsterInstance) -> list[str]:
    """Cancel what sensors and schedules of an earlier server had queued.

    What is still due will be asked for again; what somebody launched by hand stays queued.

    Returns
    -------
    list of str
        The runs that were cancelled.
    """
    queued = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))
    by_itself = [run for run in queued if BY_ITSELF.intersection(run.tags)]
    for run in by_itself:
        instance.report_run_canceled(run, "The server that queued this run has been stopped.")
    return [run.run_id for run in by_itself]


def _is_at_work(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    process = _process_of(instance, run)
    return process is not None and is_alive(process)


def _process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> int | None:
    """Return the process that said last that it is at work on a run."""
    records = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    events = [record.dagster_event for record in records if record.dagster_event is not None]
    said = [event.engine_event_data.metadata.get("pid") for event in events]
    numbers = [int(str(one.value)) for one in said if one is not None]
    return numbers[-1] if numbers else None
