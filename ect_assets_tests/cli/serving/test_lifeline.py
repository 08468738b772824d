"""What `ect ui` starts ends with it, however it ends; and its settings stand in no argument."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ect_assets.cli.serving.lifeline import send_settings
from ect_assets.system import is_alive
from ect_assets_tests.cli.serving.running import free_port, is_answering, quiet_study, start_ui
from ect_assets_tests.waiting import wait_until

CHILD = """
import signal, subprocess, sys
from ect_assets.cli.serving.lifeline import settings_from_parent
settings = settings_from_parent()
under = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); input()"])
rest = sys.stdin.read()
print(settings["word"], under.pid, repr(rest), flush=True)
signal.pause()
"""


def child() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def has_ended(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def members(groups: list[str]) -> str:
    """List the processes of some groups."""
    command = ["pgrep", "--pgroup", ",".join(groups)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_a_process_and_what_it_started_end_when_the_pipe_is_closed():
    process = child()
    send_settings(process.stdin, {"word": "kept"})
    word, under, rest = process.stdout.readline().decode().split()
    # Nobody but the lifeline reads what the pipe still brings.
    assert (word, rest) == ("kept", "''") and is_alive(int(under))
    process.stdin.close()
    assert process.wait() == -signal.SIGKILL
    wait_until(lambda: has_ended(int(under)), "the end of what it started")


def test_a_process_without_a_parent_that_speaks_says_so():
    process = child()
    said = process.communicate(b"")[1].decode()
    assert process.returncode == 1 and "started by `ect ui`" in said


def test_a_process_whose_settings_are_cut_off_ends():
    process = child()
    process.communicate(b'{"word": "ke')
    assert process.returncode == 1


@pytest.mark.slow
def test_a_killed_ui_leaves_no_process_and_the_next_one_starts(simulated_input, tmp_path):
    study = quiet_study(simulated_input, tmp_path / "study")
    port = free_port()
    for end in (signal.SIGKILL, signal.SIGHUP, signal.SIGTERM):
        ui = start_ui(study, port)
        answer = subprocess.run(
            ["pgrep", "--parent", str(ui.server.pid)], capture_output=True, text=True
        )
        groups = answer.stdout.split()
        assert len(groups) == 2
        os.kill(ui.server.pid, end)
        ui.server.wait()
        wait_until(
            lambda groups=groups: not members(groups), "their end", lambda g=groups: members(g)
        )
        assert not is_answering(port)
