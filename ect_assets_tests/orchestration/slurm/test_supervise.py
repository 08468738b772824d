"""The process on the node, run here: what it notes, and that a stopped step says nothing itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ect_assets_tests.waiting import has_ended, stop, wait_until

SPEAKS = """
import os, pathlib, signal, sys
def said(number, frame):
    pathlib.Path(sys.argv[1]).write_text("interrupted")
signal.signal(signal.SIGTERM, said)
pathlib.Path(sys.argv[2]).write_text(f"{os.getpid()}\\n")
while True:
    signal.pause()
"""


@pytest.fixture
def stopped(tmp_path) -> tuple[int, Path, int]:
    """A step that would tell of its interruption, ended as Slurm ends a job."""
    command = [sys.executable, "-c", SPEAKS, str(tmp_path / "said"), str(tmp_path / "begun")]
    supervise = [
        sys.executable,
        "-m",
        "ect_assets.orchestration.slurm.supervise",
        str(tmp_path / "ended"),
    ]
    job = subprocess.Popen([*supervise, "--", *command])
    begun = tmp_path / "begun"
    wait_until(
        lambda: begun.exists() and begun.read_text().endswith("\n"),
        "the step",
        job,
        unless=has_ended(job),
    )
    step = int(begun.read_text())
    # Slurm's signal reaches every process of a job, in no order.
    os.kill(step, signal.SIGTERM)
    return stop(job), tmp_path, step


def test_a_step_that_is_stopped_does_not_get_to_tell_of_it(stopped):
    _, folder, _ = stopped
    assert not (folder / "said").exists()


def test_a_stopped_step_leaves_no_process_behind(stopped):
    with pytest.raises(ProcessLookupError):
        os.kill(stopped[2], 0)


def test_the_exit_code_and_the_note_tell_the_signal_from_outside(stopped):
    code, folder, _ = stopped
    note = json.loads((folder / "ended").read_text())
    assert code == 128 + signal.SIGTERM
    assert (note["stopped_by"], note["signal"]) == ("SIGTERM", "SIGKILL")


def test_a_step_that_was_killed_by_somebody_is_noted_as_killed_not_as_stopped(tmp_path):
    supervise = [
        sys.executable,
        "-m",
        "ect_assets.orchestration.slurm.supervise",
        str(tmp_path / "ended"),
    ]
    done = subprocess.run([*supervise, "--", "bash", "-c", "kill -9 $$"], check=False)
    note = json.loads((tmp_path / "ended").read_text())
    assert done.returncode == 137
    assert (note["stopped_by"], note["signal"]) == (None, "SIGKILL")
