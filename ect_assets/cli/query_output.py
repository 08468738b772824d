"""Answers to SQL, in the form that was asked for. The query itself is run by `lake.catalogue`."""

from __future__ import annotations

import json
import math
import sys
from datetime import date, time
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.lake.catalogue import QueryError, error_message, query
from ect_assets.lake.limits import SHARE_OF_AN_ANSWER, TIMEOUT_SECONDS, Asking, query_memory, within
from ect_assets.lake.retry import read_unchanged
from ect_assets.lake.store import Lake
from ect_assets.tables import TABLES
from ect_assets.tables.spreadsheets import harmless

WIDEST = 10_000
ASCII_BOXES = str.maketrans(
    {"─": "-", "│": "|", "·": ".", "…": ".", **dict.fromkeys("┌┐└┘├┤┬┴┼", "+")}
)
"""How the lines of a table are drawn where the terminal has no signs for them."""
ROWS_AT_ONCE = 100_000


def write_answer(
    lake: Lake,
    sql: str,
    form: str,
    output: Path | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> None:
    """Answer a query on standard output or into a file.

    Parameters
    ----------
    form : str
        ``table``, ``csv``, ``json`` (one object per line) or ``parquet``. In CSV, which
        spreadsheets open, a text that begins like a formula gets an apostrophe in front.
    timeout_seconds : float
        After which it is stopped; 0 for no limit.

    Raises
    ------
    QueryError
        When the query has a fault, its answer is too large, or Parquet would be printed to a
        terminal.
    QueryStopped
        When it took longer than it may.
    """
    is_ascii = output is None and not (sys.stdout.encoding or "utf-8").lower().startswith("utf")

    def ask(asking: Asking) -> str | pa.Table:
        def read() -> str | pa.Table:
            asking.go_on()
            return _read(query(lake, sql, asking), form, is_ascii)

        return read_unchanged(lake, sql, read)

    try:
        answer = within(timeout_seconds, ask)
    except duckdb.Error as error:
        raise QueryError(error_message(error)) from error
    try:
        _write(answer, output)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise QueryError(f"{output or 'standard output'} cannot be written: {error}.") from error


def _read(answer: duckdb.DuckDBPyRelation, form: str, is_ascii: bool) -> str | pa.Table:
    """Read an answer to its end, in its form; JSON in ASCII alone where that is asked for."""
    if form == "table":
        return _as_table(answer, is_ascii)
    rows = _rows(answer)
    return rows if form == "parquet" else _as_text(rows, form, is_ascii)


def _rows(answer: duckdb.DuckDBPyRelation) -> pa.Table:
    """Read all rows, as long as there is room for them: DuckDB's limit does not count these."""
    most = int(query_memory() * SHARE_OF_AN_ANSWER)
    reader = answer.to_arrow_reader(ROWS_AT_ONCE)
    batches, n_bytes = [], 0
    for batch in reader:
        batches.append(batch)
        n_bytes += batch.nbytes
        if n_bytes > most:
            raise QueryError(
                f"The result is larger than {most / 1e9:.1f} GB, the limit for queries with the "
                "memory of this machine. Select fewer rows or columns, or one part at a time "
                "(ORDER BY with LIMIT and OFFSET)."
            )
    return pa.Table.from_batches(batches, reader.schema)


def _write(answer: str | pa.Table, output: Path | None) -> None:
    if isinstance(answer, pa.Table):
        _write_parquet(answer, output)
    elif output is None:
        sys.stdout.write(_for_the_terminal(answer))
    else:
        output.write_text(answer, encoding="utf-8")


def _for_the_terminal(text: str) -> str:
    """Return a text that standard output can show: boxes of ASCII where it has no others."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(ASCII_BOXES)
        return text.encode(encoding, "replace").decode(encoding)
    return text


def _as_table(answer: duckdb.DuckDBPyRelation, is_ascii: bool) -> str:
    """Return a table that fits the terminal; elsewhere DuckDB's own box, with every digit."""
    from contextlib import redirect_stdout
    from io import StringIO

    if sys.stdout.isatty():
        from rich.console import Console

        from ect_assets.cli.answer_table import drawn, looked_at

        keys = {name for table in TABLES.values() for name in table.key}
        return drawn(looked_at(answer), Console().width, keys, is_ascii)
    boxed = StringIO()
    with redirect_stdout(boxed):
        answer.show(max_width=WIDEST, max_rows=60, null_value="NULL")
    return boxed.getvalue()


def _as_text(answer: pa.Table, form: str, is_ascii: bool) -> str:
    if form == "csv":
        with duckdb.connect() as connection:
            frame = connection.from_arrow(answer).df().map(harmless)
        return frame.to_csv(index=False, header=[harmless(name) for name in frame.columns])
    return "".join(
        json.dumps(_plain(row), default=_said, ensure_ascii=is_ascii) + "\n"
        for batch in answer.to_batches()
        for row in batch.to_pylist()
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Take what JSON has no word for (NaN, infinity) as missing."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _said(value: Any) -> str:
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _write_parquet(table: pa.Table, output: Path | None) -> None:
    if output is not None:
        pq.write_table(table, output)
    elif sys.stdout.isatty():
        raise QueryError("Parquet is not for a terminal: use --output FILE, or redirect it.")
    else:
        pq.write_table(table, sys.stdout.buffer)
