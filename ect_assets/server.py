"""Dagster's web server and daemon for one study, on this machine only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from math import inf
from typing import IO

from ect_assets import terminal
from ect_assets.arrival import complete_patients
from ect_assets.instance import (
    close_abandoned_runs,
    only_one_server,
    open_instance,
    prepare_home,
)
from ect_assets.interruptions import heard_interruptions
from ect_assets.orchestration import register_subjects
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study, load_study

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
    with only_one_server(study) as locks:
        with open_instance(study) as instance:
            if not instance.run_launcher.supports_resume_run:
                close_abandoned_runs(instance, launched=True)
            register_subjects(study, instance, complete_patients(study, now=inf))
        return _serve(study, port, locks)


def _serve(study: Study, port: int, locks: tuple[int, ...]) -> int:
    """Run the processes, anew whenever study.toml changes: they read it when they start."""
    log = prepare_home(study) / LOG
    try:
        with heard_interruptions(), log.open("wb") as output:
            while True:
                terminal.say(f"{study.title}: http://{HOST}:{port} (Ctrl-C stops it)")
                code = _serve_until_changed(study, port, locks, output)
                if code is not None:
                    terminal.say(f"The server ended by itself (code {code}); {log} says why.")
                    return code
                study = load_study(study.folder)
                terminal.say("study.toml has changed: the server starts again with it.")
    except KeyboardInterrupt:
        return 0


def _serve_until_changed(
    study: Study, port: int, locks: tuple[int, ...], output: IO[bytes]
) -> int | None:
    """Run the processes; return the code of the first to end, or None when study.toml changed."""
    settings = study.folder / STUDY_FILE
    begun_with = refused = settings.read_bytes()
    processes = _start(study, port, locks, output)
    try:
        while True:
            ended = [one.returncode for one in processes if one.poll() is not None]
            if ended:
                return ended[0]
            now = settings.read_bytes() if settings.is_file() else begun_with
            if now not in (begun_with, refused):
                if _can_be_read(study):
                    return None
                refused = now
            time.sleep(0.5)
    finally:
        _stop(processes)


def _can_be_read(study: Study) -> bool:
    try:
        load_study(study.folder)
    except StudyError as error:
        terminal.remark(f"{error} Until then nothing is started by itself.")
        return False
    return True


def _start(
    study: Study, port: int, locks: tuple[int, ...], output: IO[bytes]
) -> list[subprocess.Popen]:
    environment = os.environ | {
        "DAGSTER_HOME": str(prepare_home(study)),
        "ECT_STUDY": str(study.folder),
    }
    web = ["dagster_webserver", "--host", HOST, "--port", str(port), "--log-level", "warning"]
    commands = (web, ["dagster._daemon", "run", "--log-level", "warning"])
    return [
        subprocess.Popen(
            [sys.executable, "-m", *command, *DEFINITIONS],
            env=environment,
            cwd=study.folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of their own, so that Ctrl-C reaches them once, through us.
            start_new_session=True,
            # They hold the lock as well: a daemon that outlives us is not joined by a second one.
            pass_fds=locks,
        )
        for command in commands
    ]


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StudyError(
                f"Port {port} is taken on this machine. Say another one: ect ui --port {port + 1}"
            ) from error


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
