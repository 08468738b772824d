"""Where Dagster keeps the records of runs: SQLite files in the study, or a PostgreSQL server.

SQLite is the default and needs none of what is here. PostgreSQL is for more than one host. Where
the server is, and how to log in, comes from the environment alone (``PGHOST``, ``PGUSER``,
``PGPASSWORD``, ``PGPASSFILE``, ``PGSERVICE`` and the others that libpq reads), so that no file and
no message holds a password. Each study has a schema of its own in the database that
``PGDATABASE`` names. What is done with the records belongs in `instance` and `history`.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import yaml

from ect_assets.problems import StudyError
from ect_assets.study import Study

if TYPE_CHECKING:
    import dagster as dg

INSTALL = "pip install -e '.[postgres]' in the folder of ECT Assets"
BEGIN = "# What [storage] of study.toml says; written by ect. Address and login: PG* variables.\n"
END = "# End of what [storage] says.\n"
BLOCK = re.compile(rf"^{re.escape(BEGIN)}.*?^{re.escape(END)}", re.M | re.S)
IDENTITY = "postgres_schema.id"
"""In the study's Dagster folder: by this a study knows the schema as its own."""
LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps; it cuts off the rest."""
CONNECT_SECONDS = "10"
DEAD_HOST = {"tcp_keepalives_idle": 60, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 6}
"""After two minutes the server lets go of what a host held that is no longer there, in seconds."""


def uses_postgres(study: Study) -> bool:
    """Say whether a study's records are on a PostgreSQL server."""
    return study.storage.dagster == "postgres"


def schema_of(study: Study) -> str:
    """Return the schema of a study's records: what study.toml says, else ``ect_`` and its name."""
    return study.storage.postgres_schema or f"ect_{study.name}"[:LONGEST_NAME]


def with_storage(settings: str, study: Study) -> str:
    """Let the text of a dagster.yaml name the storage that study.toml asks for.

    Parameters
    ----------
    settings : str
        A dagster.yaml, perhaps edited by its owner; all but our own lines stays.

    Returns
    -------
    str
        The same text where it is right already.

    Raises
    ------
    StudyError
        When the owner's own lines name a storage and study.toml asks for PostgreSQL.
    """
    others = BLOCK.sub("", settings)
    if not uses_postgres(study):
        return others
    if "storage" in (yaml.safe_load(others) or {}):
        raise StudyError(
            f"{study.dagster_home / 'dagster.yaml'} has its own `storage`, and study.toml "
            'has `dagster = "postgres"` in [storage]. Remove one of the two.'
        )
    # Without host and name libpq takes them from the environment, the password among them.
    search_path = quote(f"-csearch_path={schema_of(study)}")
    return (
        f"{others}{BEGIN}storage:\n  postgres:\n"
        f"    postgres_url: postgresql+psycopg2:///?options={search_path}\n{END}"
    )


@contextmanager
def prepared_database(study: Study) -> Iterator[None]:
    """Make the study's schema on the server, and keep other hosts waiting; nothing with SQLite.

    Of two processes that make Dagster's tables at once, one fails.

    Raises
    ------
    StudyError
        When the packages are missing, the server is away or refuses, or the schema belongs to
        another study.
    """
    if not uses_postgres(study):
        yield
        return
    refuse_missing_packages()
    os.environ.setdefault("PGCONNECT_TIMEOUT", CONNECT_SECONDS)
    with _connected(study, "records") as connection, connection.cursor() as cursor:
        _wait_for(cursor, _key(study, "schema"))
        _claim_schema(study, cursor)
        yield


def refuse_missing_packages() -> None:
    """Stop where the packages for PostgreSQL are not installed.

    Raises
    ------
    StudyError
    """
    missing = [one for one in ("dagster_postgres", "psycopg2") if find_spec(one) is None]
    if missing:
        raise StudyError(
            "study.toml keeps Dagster's records on PostgreSQL, and "
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: "
            f'{INSTALL}. Or set `dagster = "sqlite"` in [storage].'
        )


def _claim_schema(study: Study, cursor: Any) -> None:
    """Make the schema, or see that it is this study's; its comment says whose it is."""
    schema, file = schema_of(study), study.dagster_home / IDENTITY
    cursor.execute("SELECT obj_description(to_regnamespace(%s), 'pg_namespace')", (schema,))
    ((said,),) = cursor.fetchall()
    cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", (schema,))
    ((is_there,),) = cursor.fetchall()
    ours = _identity(file)
    owner = f"ECT Assets, study {study.name}, {ours}"
    if not is_there:
        # The name has only lower-case letters, digits and _: study.py sees to it.
        cursor.execute(f'CREATE SCHEMA "{schema}"')
        cursor.execute(f'COMMENT ON SCHEMA "{schema}" IS %s', (owner,))
    elif ours not in (said or ""):
        raise StudyError(
            f"Schema {schema} of database {_database(cursor)} exists and belongs to another "
            f"study ({said or 'it has no owner comment'}). Choose another one in study.toml: "
            '`postgres_schema = "..."` in [storage]. If it is this study\'s after all, because '
            f"its folder .dagster was lost, write the last word of that comment into {file}."
        )


def _identity(file: Path) -> str:
    """Return what tells this study from one of the same name; made once."""
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(f"{uuid.uuid4()}\n")
    except FileExistsError:
        pass
    return file.read_text(encoding="utf-8").strip()


def _database(cursor: Any) -> str:
    cursor.execute("SELECT current_database()")
    return cursor.fetchone()[0]


@contextmanager
def only_one_host(study: Study, command: str) -> Iterator[tuple[int, ...]]:
    """Keep a command from being at work on a study on two hosts; nothing with SQLite.

    Parameters
    ----------
    command : str
        ``run`` or ``ui``.

    Yields
    ------
    tuple of int
        Descriptor of the connection that holds the lock. The server gives it back when the last
        process that has the descriptor ends, however that ends. A lock is lost without a word when
        the server is restarted.

    Raises
    ------
    StudyError
        When a process on some host holds it, or the server is unavailable.
    """
    if not uses_postgres(study):
        yield ()
        return
    refuse_missing_packages()
    key = _key(study, command)
    with _connected(study, command) as connection:
        with connection.cursor() as cursor:
            _outlive_quiet_hours(cursor, connection.server_version)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (key,))
            if not cursor.fetchone()[0]:
                who = _holder(cursor, key)
                raise StudyError(
                    f"Another `ect {command}` is running on {study.name}"
                    f"{f' ({who})' if who else ''}. Wait for it, or stop it."
                )
        yield (connection.fileno(),)


def _key(study: Study, purpose: str) -> int:
    """Return the number of a lock in the database: of one study and purpose."""
    digest = hashlib.sha256(f"ect-assets/{schema_of(study)}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _wait_for(cursor: Any, key: int) -> None:
    """Hold a lock until the connection ends."""
    cursor.execute("SELECT pg_advisory_lock(%s)", (key,))


def _outlive_quiet_hours(cursor: Any, version: int) -> None:
    """Keep a connection that only holds a lock, yet not that of a host that is gone."""
    if version >= 140_000:
        cursor.execute("SET idle_session_timeout = 0")
    for name, value in DEAD_HOST.items():
        cursor.execute(f"SET {name} = {value}")


def _holder(cursor: Any, key: int) -> str:
    """Return what the holder of a lock calls itself; empty where it is another role's."""
    cursor.execute(
        "SELECT application_name, to_char(backend_start, 'YYYY-MM-DD HH24:MI TZH:TZM') "
        "FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
        "AND (classid::bigint << 32) | objid::bigint = %s",
        (key,),
    )
    found = cursor.fetchone()
    return f"{found[0]}, since {found[1]}" if found and found[0] else ""


@contextmanager
def _connected(study: Study, purpose: str) -> Iterator[Any]:
    """Connect as Dagster will; what is changed is changed at once."""
    import psycopg2

    name = f"ect {purpose}, process {os.getpid()} on {socket.gethostname()}"
    try:
        connection = psycopg2.connect(
            application_name=name[:LONGEST_NAME],
            connect_timeout=os.environ.get("PGCONNECT_TIMEOUT", CONNECT_SECONDS),
            options=f"-csearch_path={schema_of(study)}",
        )
    except psycopg2.OperationalError as error:
        raise StudyError(
            f"PostgreSQL cannot be reached for the records of {study.name}: {_one_line(error)}. "
            "Start the server, or fix PGHOST, PGPORT, PGDATABASE, PGUSER and PGPASSWORD (or "
            "PGPASSFILE) in the environment. The tables of the lake are intact."
        ) from error
    try:
        connection.autocommit = True
        yield connection
    except psycopg2.Error as error:
        raise StudyError(
            f"PostgreSQL denies access to records of {study.name}: {_one_line(error)}. The role "
            "must own the schema, or have CREATE on the database, to create it."
        ) from error
    finally:
        connection.close()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")


def refuse_other_version(study: Study, instance: dg.DagsterInstance) -> None:
    """Stop where the tables on the server were made by another version of Dagster.

    Raises
    ------
    StudyError
        With the command that brings older ones up to date. Nothing with SQLite, which Dagster
        brings up to date by itself.
    """
    from alembic.util.exc import CommandError

    if not uses_postgres(study):
        return
    try:
        there, expected = instance.run_storage.alembic_version() or (None, None)
    except CommandError:
        there, expected = "unknown", None
    if there == expected:
        return
    raise StudyError(
        f"The records of {study.name} in schema {schema_of(study)} have revision {there}, and "
        f"this version of Dagster needs {expected or 'an older one'}. Stop `ect ui` on every host, "
        "back up the schema, and migrate it: "
        f"DAGSTER_HOME={study.dagster_home} dagster instance migrate. "
        "If it is newer, install the version that created it."
    )


def failures(study: Study) -> tuple[type[Exception], ...]:
    """List what is raised when the records cannot be read or written."""
    from alembic.util.exc import CommandError
    from sqlalchemy.exc import DatabaseError

    ours: tuple[type[Exception], ...] = (DatabaseError, CommandError)
    # Asked for only where it has been imported already: without PostgreSQL it never is.
    utils = sys.modules.get("dagster_postgres.utils")
    return (*ours, utils.DagsterPostgresException) if uses_postgres(study) and utils else ours


def why_unusable(study: Study, error: Exception) -> str:
    """Tell what is wrong with the records, and the fix.

    Parameters
    ----------
    error : Exception
        One of `failures`.
    """
    from sqlalchemy.exc import DatabaseError

    cause = error.__cause__ if isinstance(error.__cause__, DatabaseError) else error
    why = cause.orig if isinstance(cause, DatabaseError) else cause
    if uses_postgres(study):
        return (
            f"The records of {study.name} on PostgreSQL, schema {schema_of(study)}, cannot be "
            f"used ({_one_line(why or cause)}). The tables are intact. Check that the server is "
            "running and that the role may use that schema; then run the command again."
        )
    return (
        f"{study.dagster_home}: the run records cannot be used ({why}). The tables are intact. "
        "Free some space there and check that the folder is writable; if the records are "
        "corrupt, move the folder away: `ect run` recreates it, and only the history is lost."
    )
