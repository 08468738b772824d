"""`ect ui` at work on a small study, and other applications behind uvicorn, for a browser."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ect_assets.instance import open_instance
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.conftest import without_genes

BY_HAND_ALONE = "\n[schedule]\narrivals = false\nnightly = false\nweekly = false\n"
ECT = [sys.executable, "-c", "from ect_assets.cli import main; main()"]


@dataclass
class Ui:
    """`ect ui`, as its user sees it.

    Attributes
    ----------
    study : Study
    server : Popen
    address : str
        As it was printed.
    """

    study: Study
    server: subprocess.Popen
    address: str

    @property
    def origin(self) -> str:
        """The address without the token."""
        return self.address.partition("/?")[0]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.origin.rpartition(":")[2])

    @property
    def token(self) -> str:
        """What lets in."""
        return self.address.partition("token=")[2]

    def runs(self) -> list[str]:
        """Return the status of each run, the youngest first."""
        with open_instance(self.study) as instance:
            return [run.status.value for run in instance.get_runs()]


def quiet_study(source: Path, folder: Path, settings: str = "") -> Study:
    """Copy a study that makes nothing by itself."""
    file = without_genes(source, folder) / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + BY_HAND_ALONE + settings, encoding="utf-8")
    return load_study(folder)


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_answering(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def start_ui(study: Study, port: int, *options: str) -> Ui:
    """Start `ect ui`, and wait until it answers."""
    server = subprocess.Popen(
        [*ECT, "ui", "--study", str(study.folder), "--port", str(port), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    address = next(one for one in server.stdout.readline().split() if one.startswith("http"))
    while not is_answering(port):
        assert server.poll() is None, "it ended by itself"
        time.sleep(0.2)
    return Ui(study, server, address)


@contextmanager
def running_ui(study: Study, port: int, *options: str) -> Iterator[Ui]:
    """Start `ect ui`, and end it as Ctrl-C does."""
    ui = start_ui(study, port, *options)
    try:
        yield ui
    finally:
        ui.server.send_signal(signal.SIGINT)
        assert ui.server.wait() == 0


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an ASGI application as `ect ui` does; yields the port."""
    import uvicorn

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()
