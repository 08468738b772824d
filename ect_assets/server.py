"""Dagster's web server and daemon for one study, on this machine only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

from ect_assets import terminal
from ect_assets.instance import prepare_home
from ect_assets.problems import StudyError
from ect_assets.study import Study

HOST = "127.0.0.1"


def serve(study: Study, port: int) -> int:
    """Run the UI until it is interrupted.

    Parameters
    ----------
    study : Study
    port : int

    Returns
    -------
    int
        Exit code of the server; 0 when it was stopped from the keyboard.

    Raises
    ------
    StudyError
        When the port is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StudyError(
                f"Port {port} is taken on this machine. Say another one: ect ui --port {port + 1}"
            ) from error
    environment = os.environ | {
        "DAGSTER_HOME": str(prepare_home(study)),
        "ECT_STUDY": str(study.folder),
    }
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "ect_assets.definitions"]
    command += ["--host", HOST, "--port", str(port), "--log-level", "warning"]
    terminal.say(f"{study.title}: http://{HOST}:{port} (Ctrl-C stops it)")
    server = subprocess.Popen(command, env=environment, cwd=study.folder)
    try:
        return server.wait()
    except KeyboardInterrupt:
        server.send_signal(signal.SIGINT)
        server.wait()
        return 0
