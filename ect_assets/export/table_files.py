"""One table of the lake as one file: TSV, CSV or Parquet, streamed by DuckDB.

Rows keep the lake's order, so that the same lake gives the same bytes. What the columns mean is
told in `descriptor`; which tables are written is decided in `package`.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from ect_assets.lake.catalogue import quoted, view_statement
from ect_assets.lake.store import Lake
from ect_assets.tables.schema import Table
from ect_assets.tables.spreadsheets import FORMULA_SIGNS, harmless

FORMATS = ("tsv", "csv", "parquet")
MISSING = {"tsv": "n/a", "csv": ""}
"""How a missing value is written; BIDS asks for n/a."""
INSTANT = "%Y-%m-%dT%H:%M:%S.%fZ"
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


def quoted_name(name: str) -> str:
    """Write a column's name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def open_table(connection: duckdb.DuckDBPyConnection, lake: Lake, table: type[Table]) -> int:
    """Make a view of a table over the partitions that the lake lists, and count its rows.

    Parameters
    ----------
    lake : Lake
        Files of patients who are no longer in the study are not among its partitions.

    Returns
    -------
    int
        Rows; 0 also where the table was not made yet.
    """
    files = [lake.file(table, one) for one in lake.partitions(table)]
    connection.execute(view_statement(lake, table, files))
    (row,) = connection.execute(f"SELECT count(*) FROM {quoted_name(table.table_name)}").fetchall()
    return int(row[0])


def column_types(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> dict[str, str]:
    """Return DuckDB's type of each column, ours first in their order, then further ones."""
    rows = connection.execute(f"DESCRIBE {quoted_name(table.table_name)}").fetchall()
    found = {str(row[0]): str(row[1]) for row in rows}
    ours = [name for name in table.column_names() if name in found]
    return {name: found[name] for name in (*ours, *(one for one in found if one not in ours))}


def text_columns(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> list[str]:
    """List the columns of a table that hold texts."""
    types = column_types(connection, table)
    return [name for name, kind in types.items() if kind == "VARCHAR"]


def write_table(
    connection: duckdb.DuckDBPyConnection,
    table: type[Table],
    form: str,
    file: Path,
    notes: dict[str, str],
) -> None:
    """Write a table as one file.

    Parameters
    ----------
    connection : DuckDBPyConnection
        With a view of the table.
    form : str
        ``tsv``, ``csv`` or ``parquet``. In CSV, which spreadsheets open, a text that begins like
        a formula gets an apostrophe in front, as in `ect sql`.
    notes : dict of str to str
        Kept in the footer of Parquet.
    """
    types = column_types(connection, table)
    columns = ", ".join(
        f"{_expression(name, kind, form)} AS {quoted_name(_heading(name, form))}"
        for name, kind in types.items()
    )
    options = _parquet_options(notes) if form == "parquet" else _text_options(form)
    connection.execute(
        f"COPY (SELECT {columns} FROM {quoted_name(table.table_name)}) "
        f"TO {quoted(str(file))} ({options})"
    )


def _text_options(form: str) -> str:
    delimiter = {"tsv": r"E'\t'", "csv": "','"}[form]
    return (
        f"FORMAT csv, DELIMITER {delimiter}, HEADER, QUOTE '\"', ESCAPE '\"', "
        f"NULLSTR {quoted(MISSING[form])}"
    )


def _parquet_options(notes: dict[str, str]) -> str:
    kept = ", ".join(f"{quoted_name(name)}: {quoted(value)}" for name, value in notes.items())
    return f"FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{kept}}}"


def _heading(name: str, form: str) -> str:
    return str(harmless(name)) if form == "csv" else name


def _expression(name: str, kind: str, form: str) -> str:
    column = quoted_name(name)
    if form == "parquet":
        return column
    if kind in ("DOUBLE", "FLOAT"):
        return (
            f"CASE WHEN {column} IS NULL OR isnan({column}) THEN NULL WHEN isfinite({column}) THEN "
            f"CAST({column} AS VARCHAR) WHEN {column} > 0 THEN 'INF' ELSE '-INF' END"
        )
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column} AT TIME ZONE 'UTC', '{INSTANT}')"
    if kind == "VARCHAR" and form == "csv":
        return harmless_sql(column)
    return column


def harmless_sql(text: str) -> str:
    """Say in SQL what `answers.harmless` says in Python; text is an expression."""
    plain = f"replace(replace({text}, E'\\r\\n', E'\\n'), E'\\r', E'\\n')"
    signs = ", ".join(f"chr({ord(sign)})" for sign in FORMULA_SIGNS)
    is_formula = f"left({plain}, 1) IN ({signs}) AND NOT regexp_full_match({plain}, '{_NUMBER}')"
    return f"CASE WHEN {is_formula} THEN '''' || {plain} ELSE {plain} END"
