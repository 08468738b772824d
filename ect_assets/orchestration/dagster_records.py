"""The rows of Dagster's records, whatever table they are in: taking out those that name a patient.

Dagster's own methods leave some behind (check executions, ticks, compressed cursors). For
withdrawal of consent; what is to be kept is known in `history`. This reads tables that
Dagster does not promise; `test_withdrawal` looks through every row of every table.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from ect_assets.problems import StudyError

if TYPE_CHECKING:
    import sqlalchemy as sa

TABLES_WITHOUT_PATIENTS = ("alembic_version", "instance_info", "secondary_indexes", "asset_keys")
"""Tables of Dagster's records that are not searched."""
INSTIGATORS, INSTIGATOR_BODY = "instigators", "instigator_body"
"""The table of sensors and schedules, and its column with their state as JSON, never deleted."""
CURSOR_VALUE = "value"
"""Column of the table `kvs` with cursors that are not of sensors."""
CURSOR, LAST_RUN_KEY = "cursor", "last_run_key"
"""In the state of a sensor: how far it has looked."""
SECONDS_TO_WAIT = 60


def connections(
    instance: dg.DagsterInstance,
) -> Iterator[Callable[[], AbstractContextManager[sa.Connection]]]:
    """List what opens each of the instance's records: runs, events, schedules."""
    if hasattr(instance.run_storage, "connect"):
        yield instance.run_storage.connect
    if hasattr(instance.event_log_storage, "index_connection"):
        yield instance.event_log_storage.index_connection
    if hasattr(instance.schedule_storage, "connect"):
        yield instance.schedule_storage.connect  # type: ignore[union-attr]


def events_file(home: Path, run_id: str) -> Path:
    """Return the SQLite file of a run's events; those of no run are in one of their own."""
    return home / "history" / "runs" / f"{run_id}.db"


def delete_rows(instance: dg.DagsterInstance, mentions: re.Pattern[str], but: str | None) -> int:
    """Delete every row that names a patient; a cursor that does is begun again.

    Parameters
    ----------
    mentions : re.Pattern
        Finds the patient's label.
    but : str, optional
        A run whose rows stay: the one that is at work.

    Returns
    -------
    int
        How many rows were deleted or begun again.
    """
    import sqlalchemy as sa

    deleted = 0
    for connect in connections(instance):
        with connect() as connection:
            tables = sa.MetaData()
            tables.reflect(connection)
            for table in tables.sorted_tables:
                if table.name not in TABLES_WITHOUT_PATIENTS:
                    deleted += _clear(connection, table, mentions, but)
    return deleted


def _clear(
    connection: sa.Connection, table: sa.Table, mentions: re.Pattern[str], but: str | None
) -> int:
    import sqlalchemy as sa

    keys = list(table.primary_key.columns) or list(table.columns)
    found = []
    for row in connection.execute(sa.select(table)).mappings():
        texts = {name: value for name, value in row.items() if isinstance(value, str)}
        if but is not None and row.get("run_id") == but:
            continue
        if any(mentions.search(text) for text in texts.values()) or _hidden(texts, mentions):
            found.append(dict(row))
    for one in found:
        is_this = sa.and_(*(column == one[column.name] for column in keys))
        if table.name == INSTIGATORS:
            body = _without_cursor(one[INSTIGATOR_BODY])
            connection.execute(table.update().where(is_this).values({INSTIGATOR_BODY: body}))
        else:
            connection.execute(table.delete().where(is_this))
    return len(found)


def _hidden(texts: dict[str, str], mentions: re.Pattern[str]) -> bool:
    """Say whether a compressed cursor names the patient."""
    body = texts.get(INSTIGATOR_BODY) or texts.get(CURSOR_VALUE) or ""
    return any(mentions.search(_unpacked(one)) for one in _cursors(body))


def _cursors(body: str) -> list[str]:
    """List the cursors of a row's body."""
    try:
        content = json.loads(body)
    except ValueError:
        return [body]
    found: list[str] = []
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found += [v for k, v in one.items() if k == CURSOR and isinstance(v, str)]
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _unpacked(cursor: str) -> str:
    try:
        return zlib.decompress(base64.b64decode(cursor[1:])).decode("utf-8", errors="replace")
    except (ValueError, binascii.Error, zlib.error):
        return cursor


def _without_cursor(body: str) -> str:
    """Begin a sensor's cursor again: what it had looked at, it looks at once more."""

    def cleared(one: Any) -> Any:
        if isinstance(one, dict):
            return {
                key: None if key in (CURSOR, LAST_RUN_KEY) else cleared(value)
                for key, value in one.items()
            }
        return [cleared(part) for part in one] if isinstance(one, list) else one

    return json.dumps(cleared(json.loads(body)))


def vacuum(home: Path) -> None:
    """Write SQLite's files again without what was deleted from them, with their logs emptied.

    Parameters
    ----------
    home : Path
        The study's Dagster folder.

    Raises
    ------
    StudyError
        When another process keeps a file busy.
    """
    for file in sorted(home.rglob("*.db")):
        try:
            with closing(sqlite3.connect(file, timeout=SECONDS_TO_WAIT)) as records:
                records.execute("PRAGMA secure_delete = ON")
                records.execute("VACUUM")
                records.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            raise StudyError(
                f"Dagster's records ({file.name}) are locked, so the deleted rows could "
                "not be overwritten. Stop `ect ui`, then run `ect withdraw` again."
            ) from error


def clear_runless(home: Path) -> None:
    """Empty the file of events of no run, such as observations; those in force are indexed, too."""
    file = events_file(home, "")
    if file.is_file():
        with closing(sqlite3.connect(file, timeout=SECONDS_TO_WAIT)) as records, records:
            records.execute("DELETE FROM event_logs")


def remove_shards(home: Path, run_ids: list[str]) -> None:
    """Delete the files of events of runs that were deleted; Dagster leaves them there, empty."""
    for run_id in run_ids:
        for file in home.rglob(f"{run_id}.db*"):
            file.unlink(missing_ok=True)
