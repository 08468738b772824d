"""Run workers that outlive the daemon, and that another one can take over from.

Named in dagster.yaml where steps go to a cluster. A run's worker only waits for jobs, on the host
where the daemon runs; it is a process of its own, so that a restart of the daemon does not reach
it. Where the worker itself is lost (the host restarts), Dagster's run monitoring starts another
one, which finds the jobs that are at work and follows them on.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ect_assets.orchestration.dagster_internals import resume_command, run_command
from ect_assets.orchestration.slurm.dagster_internals import (
    CheckRunHealthResult,
    LauncherWithoutSettings,
    LaunchRunContext,
    ResumeRunContext,
    WorkerStatus,
)
from ect_assets.orchestration.slurm.jobs import Jobs
from ect_assets.orchestration.slurm.slurm import Slurm, SlurmAway, SlurmRefused
from ect_assets.study.cluster import Cluster

WORKER = "ect/worker"
"""Tag of a run: host, process number, and when that process started."""
LOGS = "runs"


class ResumableRunLauncher(LauncherWithoutSettings):
    """Starts a process for each run, and another one where that was lost."""

    def __init__(self, inst_data: Any = None):
        super().__init__(inst_data)
        self._started: dict[int, subprocess.Popen] = {}

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run's worker."""
        run = context.dagster_run
        self._start(run.run_id, run_command(_origin_of(run), run.run_id, self.instance))

    def resume_run(self, context: ResumeRunContext) -> None:
        """Start a worker that takes a run up where the one before it left it."""
        run = context.dagster_run
        self._start(run.run_id, resume_command(_origin_of(run), run.run_id, self.instance))

    def _start(self, run_id: str, command: Sequence[str]) -> None:
        folder = Path(self.instance.root_directory) / "slurm" / LOGS
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{run_id}.txt").open("ab") as log:
            worker = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Away from the terminal and from the daemon's end.
                start_new_session=True,
            )
        self._started[worker.pid] = worker
        tag = f"{socket.gethostname()}:{worker.pid}:{started_at(worker.pid)}"
        self.instance.add_run_tags(run_id, {WORKER: tag})

    def terminate(self, run_id: str) -> bool:
        """Ask a run's worker to end, which cancels its jobs; do it here where there is none."""
        run = self.instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self.instance.report_run_canceling(run)
        process = self._process_of(run)
        if process is not None:
            os.kill(process, signal.SIGTERM)
            return True
        home = Path(self.instance.root_directory)
        try:
            Jobs(Slurm(), Cluster(), home.parent, home).cancel_runs({run_id})
        except (SlurmAway, SlurmRefused) as error:
            self.instance.report_engine_event(f"Jobs may still be queued: {error}", run)
        self.instance.report_run_canceled(run)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask how a worker is."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether a run's worker is alive."""
        if self._process_of(run) is not None:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        host = run.tags.get(WORKER, "").partition(":")[0]
        if host and host != socket.gethostname():
            return CheckRunHealthResult(
                WorkerStatus.RUNNING, f"It runs on {host}; only the daemon there can check it."
            )
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, "The process that monitored this run has died."
        )

    @property
    def supports_resume_run(self) -> bool:
        """Whether another worker can take over a run."""
        return True

    def _process_of(self, run: dg.DagsterRun) -> int | None:
        """Return a run's worker where it is alive, and on this host."""
        host, _, process = run.tags.get(WORKER, "").partition(":")
        number, _, since = process.partition(":")
        if host != socket.gethostname() or not number.isdigit():
            return None
        started = self._started.get(int(number))
        if started is not None and started.poll() is not None:
            return None
        # The number may be another process's by now.
        return int(number) if since and started_at(int(number)) == since else None


def _origin_of(run: dg.DagsterRun) -> Any:
    if run.job_code_origin is None:
        raise dg.DagsterInvariantViolationError(f"Run {run.run_id} has no code to load.")
    return run.job_code_origin


def started_at(process: int) -> str:
    """Return when a process started, in the kernel's own count; empty when there is none."""
    if not sys.platform.startswith("linux"):
        raise NotImplementedError("Slurm and its run workers are for Linux.")
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = text.rpartition(")")[2].split()
    # Field 3 is the state, field 22 the start (proc(5)); a zombie has ended.
    return "" if fields[0] in "ZX" else fields[19]
