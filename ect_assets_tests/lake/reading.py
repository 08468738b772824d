"""Readers that ask a lake for its tables again and again, and hold every answer to its footer.

They go on until it is over and they were answered: how often they ask meanwhile is the machine's.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ect_assets.lake.catalogue import CATALOGUE, query
from ect_assets.lake.retry import read_unchanged
from ect_assets.lake.store import Lake, content_digest
from ect_assets.tables import TABLES
from ect_assets.tables.schema import Table

PAUSE_SECONDS = 0.05
Name = tuple[tuple[str, str], ...]


class Footers:
    """What the footers of a table's partitions say at one moment."""

    def __init__(self, lake: Lake, table: type[Table]):
        self.stamps = lake.stamps([table])
        self.schemas: dict[Name, pa.Schema] = {}
        self.rows: dict[Name, int] = {}
        for one in lake.partitions(table):
            with pq.ParquetFile(lake.file(table, one)) as file:
                self.schemas[tuple(one.items())] = file.schema_arrow
                self.rows[tuple(one.items())] = file.metadata.num_rows

    def digest(self, name: Name) -> str | None:
        """Return the digest that the content of a partition has to have."""
        schema = self.schemas.get(name)
        return schema.metadata[b"content_sha256"].decode() if schema else None


def faults(answer: pa.Table, table: type[Table], before: Footers, after: Footers) -> list[str]:
    """Say which partitions of an answer are none that ever were whole.

    A view is made over no file until its table has one; it is wholly empty then.
    """
    if answer.num_rows == 0:
        return []
    found = []
    for name, schema in after.schemas.items():
        rows = _rows_of(answer, dict(name))
        if rows.num_rows == 0 and before.digest(name) is None:
            continue
        legal = {before.digest(name), after.digest(name)}
        content = rows.select(schema.names).cast(schema.remove_metadata())
        if content_digest(content) not in legal:
            found.append(f"{table.table_name} {dict(name)}: {rows.num_rows} rows")
    if set(before.schemas) - set(after.schemas):
        found.append(f"{table.table_name}: a partition was lost")
    return found


def _rows_of(answer: pa.Table, partition: dict[str, str]) -> pa.Table:
    wanted = pa.array([True] * answer.num_rows)
    for key, value in partition.items():
        wanted = pc.and_(wanted, pc.equal(answer[key], value).combine_chunks())
    # Also where all are wanted: filtering makes the memory regular, which the digest is over.
    return answer.filter(wanted)


def ask_through_query(folder: Path, over: Any, told: Any) -> None:
    """Ask as `ect sql` does; what changed meanwhile is asked for again."""
    lake, seen = Lake(folder), Counter[str]()
    while not _may_end(over, seen):
        for name, table in TABLES.items():
            tries = 0

            def whole(name: str = name, table: type[Table] = table) -> list[str]:
                nonlocal tries
                tries += 1
                footers = Footers(lake, table)
                return faults(query(lake, f"FROM {name}").to_arrow_table(), table, footers, footers)

            try:
                _note(seen, read_unchanged(lake, f"FROM {name}", whole))
            except Exception as error:  # whatever it is, the test tells it
                _note(seen, [f"{name}: {type(error).__name__}: {error}"])
            seen["retries"] += tries - 1
            if _may_end(over, seen):
                break
            time.sleep(PAUSE_SECONDS)
    told.put(("query", dict(seen)))


def ask_from_outside(folder: Path, over: Any, told: Any) -> None:
    """Ask with DuckDB alone, as a notebook does that knows nothing of this package."""
    lake, seen, file = Lake(folder), Counter[str](), folder / CATALOGUE
    while not _may_end(over, seen):
        if not file.exists():
            time.sleep(PAUSE_SECONDS)
            continue
        with duckdb.connect(file, read_only=True) as connection:
            for name, table in TABLES.items():
                _ask_once(connection, lake, name, table, seen)
                if _may_end(over, seen):
                    break
                time.sleep(PAUSE_SECONDS)
    told.put(("outside", dict(seen)))


def _ask_once(connection, lake: Lake, name: str, table: type[Table], seen: Counter[str]) -> None:
    before = Footers(lake, table)
    try:
        answer = connection.sql(f"FROM {name}").to_arrow_table()
        first = connection.execute(f'SELECT "{table.columns[0].name}" FROM {name}').fetchall()
    except (duckdb.Error, RuntimeError) as error:
        changed = Footers(lake, table).stamps != before.stamps
        _note(seen, [] if changed else [f"{name}: {type(error).__name__}: {error}"])
        seen["retries"] += changed
        return
    after = Footers(lake, table)
    found = faults(answer, table, before, after)
    if first and before.stamps == after.stamps and len(first) != sum(after.rows.values()):
        found.append(f"{name}: {len(first)} of {sum(after.rows.values())} rows")
    _note(seen, found)


def _may_end(over: Any, seen: Counter[str]) -> bool:
    return over.is_set() and any(n for name, n in seen.items() if name != "retries")


def _note(seen: Counter[str], found: list[str]) -> None:
    seen["answers"] += not found
    for one in found:
        seen[f"fault: {one}"] += 1


READERS = (ask_through_query, ask_from_outside)
