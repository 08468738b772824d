"""`ect ui`: Dagster's web application and daemon for one study, on this machine only.

Starting, watching and ending the two processes belongs here; what they are is in `serving`.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

from ect_assets import orchestration
from ect_assets.cli import terminal
from ect_assets.cli.serving.guard import TOKEN
from ect_assets.cli.serving.lifeline import send_settings
from ect_assets.orchestration.automation_process import SERVER
from ect_assets.orchestration.instance import (
    clear_queue,
    close_abandoned_runs,
    close_runs_of_dead,
    only_one_server,
    open_instance,
    prepare_home,
)
from ect_assets.orchestration.partitions import register_subjects
from ect_assets.orchestration.server_log import LOG, open_log, rotate
from ect_assets.pipeline.arrival import complete_patients
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.system import heard_interruptions

HOST = "127.0.0.1"
WORKSPACE = str(Path(orchestration.__file__).with_name("workspace.yaml"))
SECONDS_TO_STOP = 15
SECONDS_BETWEEN_LOOKS = 0.5


@dataclass
class Processes:
    """The web process and the daemon, each the leader of a group, and what they were started with.

    Attributes
    ----------
    port : int
    token : str or None
        The same through all restarts, so that an open page goes on.
    locks : tuple of int
        Descriptors that hold the study.
    log : Path
    running : list of Popen
    groups : set of int
        All that were ever started: a run may go on while the others start again.
    """

    port: int
    token: str | None
    locks: tuple[int, ...]
    log: Path
    running: list[subprocess.Popen] = field(default_factory=list)
    groups: set[int] = field(default_factory=set)

    def start(self, study: Study) -> None:
        """Start both with the study's present settings."""
        web = {
            "workspace": WORKSPACE,
            "host": HOST,
            "port": self.port,
            "hosts": list(study.ui.hosts),
            "token": self.token,
        }
        with open_log(self.log) as output:
            self._start(study, "web", web, output)
            self._start(study, "daemon", {"workspace": WORKSPACE}, output)

    def _start(
        self, study: Study, name: str, settings: Mapping[str, Any], output: BinaryIO
    ) -> None:
        home = str(prepare_home(study))
        process = subprocess.Popen(
            [sys.executable, "-m", f"ect_assets.cli.serving.{name}"],
            env=os.environ
            | {"DAGSTER_HOME": home, "ECT_STUDY": str(study.folder), SERVER: str(os.getpid())},
            cwd=study.folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A session of their own, so that Ctrl-C reaches them once, through us.
            start_new_session=True,
            # They hold the lock as well: nobody else starts before the last of them has ended.
            pass_fds=self.locks,
        )
        self.running.append(process)
        self.groups.add(process.pid)
        assert process.stdin is not None
        # Where it has ended already, its exit code says so.
        with suppress(BrokenPipeError):
            send_settings(process.stdin, settings)

    def ended_with(self) -> int | None:
        """Return the exit code of one that has ended by itself."""
        return next((one.returncode for one in self.running if one.poll() is not None), None)

    def stop(self) -> None:
        """Ask both to end, and insist after a while; a run that is at work goes on."""
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process in self.running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()
            assert process.stdin is not None
            process.stdin.close()
        self.running.clear()

    def forget_ended(self) -> None:
        """Forget the groups that have no process left: their numbers may become another's."""
        self.groups = {one for one in self.groups if _signal_group(one, 0)}

    def end_all(self) -> None:
        """End what any of them has left: code servers, and runs, which are tried again later."""
        for group in self.groups:
            _signal_group(group, signal.SIGKILL)


def _signal_group(leader: int, number: int) -> bool:
    """Send a signal to a group of processes; say whether there was any."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return False
    return True


def serve(study: Study, port: int, has_token: bool = True) -> int:
    """Run the UI, and the daemon that launches what is asked for in it, until interrupted.

    Parameters
    ----------
    port : int
        Port on the loopback address.
    has_token : bool
        Let in only who opens the address that is printed. False where a proxy asks for a login.

    Returns
    -------
    int
        0 when it was stopped from outside; else the exit code of whichever process ended by
        itself.

    Raises
    ------
    StudyError
        When the study is served already, or the port is taken.
    """
    with only_one_server(study, address(port)) as locks:
        _refuse_taken(port)
        with open_instance(study) as instance:
            if not instance.run_launcher.supports_resume_run:
                close_abandoned_runs(instance, launched=True)
            clear_queue(instance)
            close_runs_of_dead(study, instance)
            register_subjects(study, instance, complete_patients(study, now=inf))
        token = secrets.token_urlsafe(32) if has_token else None
        return _serve(study, Processes(port, token, locks, prepare_home(study) / LOG))


def address(port: int, token: str | None = None) -> str:
    """Return where the UI is opened."""
    return f"http://{HOST}:{port}" + (f"/?{TOKEN}={token}" if token else "")


def _serve(study: Study, processes: Processes) -> int:
    """Run the processes; start them again whenever study.toml changes, which they read once."""
    try:
        with heard_interruptions():
            while True:
                code = _serve_until_changed(study, processes)
                if code is not None:
                    terminal.say(f"The server exited (code {code}); see {processes.log}.")
                    return code
                study = load_study(study.folder)
                terminal.say("study.toml has changed: the server restarts with it.")
    except KeyboardInterrupt:
        return 0
    finally:
        processes.end_all()


def _serve_until_changed(study: Study, processes: Processes) -> int | None:
    """Run the processes; return the code of the first to end, or None when study.toml changed."""
    settings = study.folder / STUDY_FILE
    begun_with = refused = settings.read_bytes()
    is_announced = False
    try:
        processes.start(study)
        while True:
            ended = processes.ended_with()
            if ended is not None:
                return ended
            now = settings.read_bytes() if settings.is_file() else begun_with
            if now not in (begun_with, refused):
                if _can_be_read(study):
                    return None
                refused = now
            if not is_announced and _is_answering(processes.port):
                where = address(processes.port, processes.token)
                terminal.say(f"{study.title}: {where} (Ctrl-C stops it)")
                is_announced = True
            processes.forget_ended()
            rotate(processes.log)
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        processes.stop()


def _can_be_read(study: Study) -> bool:
    try:
        load_study(study.folder)
    except StudyError as error:
        terminal.remark(f"{error} Until then the server keeps the previous settings.")
        return False
    return True


def _is_answering(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StudyError(
                f"Port {port} is in use on this machine. Try another one: ect ui --port {port + 1}"
            ) from error
