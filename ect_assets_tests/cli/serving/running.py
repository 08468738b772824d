"""`ect ui` at work on a small study, and other applications behind uvicorn, for a browser."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, Request, build_opener

from ect_assets.orchestration.instance import open_instance
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.conftest import without_genes
from ect_assets_tests.records_at_work import without_deadlines
from ect_assets_tests.waiting import cpu_seconds, family, has_ended, stop, wait_until

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


def work_of_the_pages(server: int) -> float:
    """Return the work of the process that serves pages; the daemon beside it works for ever."""
    return sum(cpu_seconds(one) for one in family(server) if b"serving.web" in _words_of(one))


def _words_of(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def start_ui(study: Study, port: int, *options: str) -> Ui:
    """Start `ect ui`, and wait until it answers."""
    server = subprocess.Popen(
        [*ECT, "ui", "--study", str(study.folder), "--port", str(port), *options],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | without_deadlines(study),
    )
    assert server.stdout is not None
    address = next(one for one in server.stdout.readline().split() if one.startswith("http"))
    wait_until(
        lambda: is_answering(port),
        "the UI",
        lambda: family(server.pid),
        lambda: work_of_the_pages(server.pid),
        unless=has_ended(server, log=study.dagster_home / "server.log"),
    )
    return Ui(study, server, address)


@contextmanager
def running_ui(study: Study, port: int, *options: str) -> Iterator[Ui]:
    """Start `ect ui`, and end it as Ctrl-C does."""
    ui = start_ui(study, port, *options)
    try:
        yield ui
    finally:
        assert stop(ui.server, signal.SIGINT) == 0


def ask_graphql(ui: Ui, query: str, **variables: Any) -> dict[str, Any]:
    """Ask the GraphQL interface of the UI as its pages do, after opening the address."""
    cookies = HTTPCookieProcessor()
    opener = build_opener(cookies)
    opener.open(ui.address.replace("/?", "/server_info?")).close()
    asked = json.dumps({"query": query, "variables": variables}).encode()
    said = {"Content-Type": "application/json", "Origin": ui.origin}
    with opener.open(Request(f"{ui.origin}/graphql", asked, said)) as answer:
        found = json.load(answer)
    assert "errors" not in found, found
    return found["data"]


def materialize_all(ui: Ui) -> str:
    """Launch what the button *Materialize all* on the page of the lineage does; return its id."""
    nodes = ask_graphql(ui, "{assetNodes{assetKey{path} isMaterializable}}")["assetNodes"]
    keys = [{"path": one["assetKey"]["path"]} for one in nodes if one["isMaterializable"]]
    launched = ask_graphql(
        ui,
        "mutation($params: LaunchBackfillParams!){launchPartitionBackfill(backfillParams: $params)"
        "{__typename ... on LaunchBackfillSuccess{backfillId} ... on PythonError{message stack}}}",
        params={"assetSelection": keys, "allPartitions": True},
    )["launchPartitionBackfill"]
    return launched["backfillId"]


@contextmanager
def served(app: Any) -> Iterator[int]:
    """Serve an ASGI application as `ect ui` does; yields the port."""
    import uvicorn

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    wait_until(lambda: server.started, "uvicorn", unless=lambda: not thread.is_alive())
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()
    listening.close()
