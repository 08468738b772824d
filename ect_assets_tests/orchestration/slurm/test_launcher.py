"""Whether a run's worker is alive, and which process is none of its any more."""

from __future__ import annotations

import os
import socket
import subprocess

import dagster as dg
import pytest

from ect_assets.orchestration.slurm.dagster_internals import WorkerStatus
from ect_assets.orchestration.slurm.launcher import WORKER, ResumableRunLauncher, started_at


def status(tag: str | None) -> WorkerStatus:
    tags = {} if tag is None else {WORKER: tag}
    run = dg.DagsterRun(job_name="job", tags=tags)
    return ResumableRunLauncher().check_run_worker_health(run).status


def tag_of(process: int, host: str = socket.gethostname()) -> str:
    return f"{host}:{process}:{started_at(process)}"


def test_a_worker_that_is_alive_is_at_work():
    assert status(tag_of(os.getpid())) == WorkerStatus.RUNNING


def test_a_worker_that_has_ended_is_gone():
    ended = subprocess.Popen(["sleep", "86400"])
    tag = tag_of(ended.pid)
    ended.kill()
    ended.wait()
    assert status(tag) == WorkerStatus.NOT_FOUND


def test_a_worker_that_nobody_has_waited_for_is_gone():
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert started_at(ended.pid) == ""
    ended.wait()


def test_another_process_that_got_the_workers_number_is_not_the_worker():
    assert status(f"{socket.gethostname()}:{os.getpid()}:1") == WorkerStatus.NOT_FOUND


def test_a_worker_of_another_host_is_left_to_the_daemon_there():
    assert status(tag_of(os.getpid(), "elsewhere")) == WorkerStatus.RUNNING


def test_a_run_that_never_had_a_worker_has_none():
    assert status(None) == WorkerStatus.NOT_FOUND


@pytest.mark.parametrize("tag", ["x", "x:y", f"{socket.gethostname()}:?:1"])
def test_a_damaged_tag_names_no_process(tag):
    assert ResumableRunLauncher()._process_of(dg.DagsterRun("job", tags={WORKER: tag})) is None
