"""Dagster's web server and daemon for one study, on this machine only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from math import inf
from types import FrameType

from ect_assets import terminal
from ect_assets.arrival import waiting_for
from ect_assets.instance import (
    close_abandoned_runs,
    only_one_server,
    open_instance,
    prepare_home,
)
from ect_assets.orchestration import register_subjects
from ect_assets.problems import StudyError
from ect_assets.study import Study

HOST = "127.0.0.1"
DEFINITIONS = ("-m", "ect_assets.definitions")
SECONDS_TO_STOP = 15
LOG = "server.log"
"""What the processes print, in the study's Dagster folder; written anew at each start."""


def serve(study: Study, port: int) -> int:
    """Run the UI, and the daemon that launches what is asked for in it, until interrupted.

    Parameters
    ----------
    study : Study
    port : int
        Port on the loopback address.

    Returns
    -------
    int
        0 when it was stopped from outside; else the exit code of whichever process ended by
        itself.

    Raises
    ------
    StudyError
        When the port is taken.
    """
    _refuse_taken(port)
    with only_one_server(study) as lock:
        with open_instance(study) as instance:
            close_abandoned_runs(instance, launched=True)
            complete = [one for one, what in waiting_for(study, now=inf).items() if not what]
            register_subjects(study, instance, complete)
        return _serve(study, port, lock)


def _serve(study: Study, port: int, lock: int) -> int:
    environment = os.environ | {
        "DAGSTER_HOME": str(prepare_home(study)),
        "ECT_STUDY": str(study.folder),
    }
    web = ["dagster_webserver", "--host", HOST, "--port", str(port), "--log-level", "warning"]
    commands = (web, ["dagster._daemon", "run", "--log-level", "warning"])
    # A session of their own, so that Ctrl-C reaches them once, through us.
    log = prepare_home(study) / LOG
    output = log.open("wb")
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *command, *DEFINITIONS],
            env=environment,
            cwd=study.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # They hold the lock as well: a daemon that outlives us is not joined by a second one.
            pass_fds=[lock],
        )
        for command in commands
    ]
    terminal.say(f"{study.title}: http://{HOST}:{port} (Ctrl-C stops it)")
    # Said for both: a shell that starts us in the background makes us deaf to Ctrl-C otherwise.
    previous = {one: signal.signal(one, _interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = _first_exit_code(processes)
        terminal.say(f"The server ended by itself (code {code}); {log} says why.")
        return code
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(processes)
        output.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StudyError(
                f"Port {port} is taken on this machine. Say another one: ect ui --port {port + 1}"
            ) from error


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _first_exit_code(processes: list[subprocess.Popen]) -> int:
    while True:
        for process in processes:
            if process.poll() is not None:
                return process.returncode
        time.sleep(0.5)


def _stop(processes: list[subprocess.Popen]) -> None:
    """Ask the processes to end; insist after a while."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_STOP
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
