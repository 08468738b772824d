"""A PostgreSQL server of the tests' own: on loopback, in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from ect_assets.study import STUDY_FILE
from ect_assets_tests.waiting import QUIET_SECONDS, family, has_ended, stop, wait_until

ROLE = "ect"
DATABASE = "records"
PASSWORD = "kX9wordThatMustShowNowhere"
UNPRIVILEGED = ("postgres", "nobody")
"""Users under one of which the server runs where the tests run as root, which it refuses."""
STORAGE = '\n[storage]\ndagster = "postgres"\n'


def program(name: str) -> str | None:
    """Find a program of the server, on the path or where Debian puts it."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next((str(one) for one in versions), None)


def why_not() -> str | None:
    """Say why there can be no server here; None where there can be one."""
    missing = [name for name in ("initdb", "postgres") if program(name) is None]
    packages = [name for name in ("dagster_postgres", "psycopg2") if find_spec(name) is None]
    lacking = [*missing, *packages]
    return f"{', '.join(lacking)} not installed (Debian: postgresql)" if lacking else None


@contextmanager
def running_server() -> Iterator[dict[str, str]]:
    """Start a server; yield the environment that reaches it, with a role that may do anything."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    # Not pytest's own folder: only root may look into that.
    folder = Path(tempfile.mkdtemp(prefix="ect_postgres_"))
    as_user = _owner(folder)
    data, word = folder / "data", folder / "word"
    word.write_text(PASSWORD)
    word.chmod(0o644)
    subprocess.run(
        [
            str(program("initdb")),
            *("--pgdata", str(data), "--username", ROLE, "--pwfile", str(word)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd=folder,
        **as_user,
    )
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "32MB",
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(program("postgres")), "-D", str(data), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            **as_user,
        )
    address = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGUSER": ROLE,
        "PGPASSWORD": PASSWORD,
        "PGDATABASE": DATABASE,
        "PGCONNECT_TIMEOUT": f"{QUIET_SECONDS:.0f}",
    }
    try:
        _make_database(address, server, folder / "log")
        yield address
    finally:
        if server.poll() is None:
            stop(server, signal.SIGINT)
        shutil.rmtree(folder)


def _owner(folder: Path) -> dict:
    """Give the folder to a user that the server accepts, and say how to become that user."""
    if os.geteuid() != 0:
        return {}
    known = {one.pw_name: one for one in pwd.getpwall()}
    user = next((known[name] for name in UNPRIVILEGED if name in known), None)
    if user is None:
        pytest.skip("a server does not run as root, and there is no other user")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def free_port() -> int:
    """Return a port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _make_database(address: dict[str, str], server: subprocess.Popen, log: Path) -> None:
    def is_made() -> bool:
        try:
            ask(address, f"CREATE DATABASE {DATABASE}", database="postgres")
        except OSError:
            return False
        return True

    its_processes = partial(family, server.pid)
    wait_until(is_made, "PostgreSQL", its_processes, log, unless=has_ended(server, log=log))


def ask(address: dict[str, str], sql: str, *values: object, database: str | None = None) -> list:
    """Send one statement to the server; return its rows, none where it has none."""
    import psycopg2

    try:
        connection = psycopg2.connect(
            host=address["PGHOST"],
            port=address["PGPORT"],
            user=address["PGUSER"],
            password=address["PGPASSWORD"],
            dbname=database or address["PGDATABASE"],
            connect_timeout=address["PGCONNECT_TIMEOUT"],
        )
    except psycopg2.OperationalError as error:
        raise OSError(str(error)) from error
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows


def on_postgres(folder: Path) -> Path:
    """Let a study keep its records on the server that the environment names."""
    file = folder / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + STORAGE, encoding="utf-8")
    return folder
