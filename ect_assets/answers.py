"""Answers to SQL, in the form that was asked for. The query itself is run by `lake.catalogue`."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from ect_assets.lake.catalogue import QueryError, query
from ect_assets.lake.store import Lake

WIDEST = 10_000


def write_answer(lake: Lake, sql: str, form: str, output: Path | None = None) -> None:
    """Answer a query on standard output or into a file.

    Parameters
    ----------
    lake : Lake
    sql : str
    form : str
        ``table``, ``csv``, ``json`` (one object per line) or ``parquet``.
    output : Path, optional

    Raises
    ------
    QueryError
        When the query has a fault, or Parquet would be printed to a terminal.
    """
    answer = query(lake, sql)
    if form == "parquet":
        _write_parquet(answer, output)
        return
    text = _as_table(answer) if form == "table" else _as_text(answer.df(), form)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def _as_table(answer: duckdb.DuckDBPyRelation) -> str:
    """Return DuckDB's own box, as wide as the terminal, its first and last rows."""
    from contextlib import redirect_stdout
    from io import StringIO

    from rich.console import Console

    width = Console().width if sys.stdout.isatty() else WIDEST
    drawn = StringIO()
    with redirect_stdout(drawn):
        answer.show(max_width=width, max_rows=60, null_value="NULL")
    return drawn.getvalue()


def _as_text(frame: pd.DataFrame, form: str) -> str:
    if form == "csv":
        return frame.to_csv(index=False)
    return frame.to_json(orient="records", lines=True, date_format="iso", double_precision=15)


def _write_parquet(answer: duckdb.DuckDBPyRelation, output: Path | None) -> None:
    table = answer.to_arrow_table()
    if output is not None:
        pq.write_table(table, output)
    elif sys.stdout.isatty():
        raise QueryError("Parquet is not for a terminal: say --output FILE, or redirect it.")
    else:
        pq.write_table(table, sys.stdout.buffer)
