"""An answer to SQL as a table that fits a window: keys first, numbers rounded, rows counted.

Only for the eye: what goes to a file or a pipe has every digit and column, see `query_output`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FIRST, LAST = 40, 10
"""Rows that are shown of a long answer, of its beginning and its end."""
DIGITS = 4
WIDEST_CELL = 40
AT_ONCE = 10_000
ALL_DIGITS = "--format csv has every digit and column"


@dataclass(frozen=True)
class Shown:
    """What is seen of an answer.

    Attributes
    ----------
    rows : list of list of str
        The first, and the last where there are many.
    n_rows : int
        All that there are.
    are_numbers : list of bool
        Column by column.
    """

    columns: list[str]
    rows: list[list[str]]
    n_rows: int
    are_numbers: list[bool]


def looked_at(answer: duckdb.DuckDBPyRelation) -> Shown:
    """Read an answer to its end, and keep what is shown of it."""
    first: list[Sequence[Any]] = []
    last: list[Sequence[Any]] = []
    n_rows = 0
    for batch in answer.to_arrow_reader(AT_ONCE):
        n_rows += batch.num_rows
        first += _rows(batch.slice(0, FIRST + LAST - len(first)))
        last = [*last, *_rows(batch.slice(max(batch.num_rows - LAST, 0)))][-LAST:]
    kept = first if n_rows <= FIRST + LAST else [*first[:FIRST], *last]
    numbers = [str(kind) in NUMBERS or str(kind).startswith("DECIMAL") for kind in answer.types]
    return Shown(list(answer.columns), [list(map(cell, row)) for row in kept], n_rows, numbers)


def _rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    return list(zip(*(one.to_pylist() for one in batch.columns), strict=True))


NUMBERS = {"DOUBLE", "FLOAT", "BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "UINTEGER", "SMALLINT"}


def cell(value: Any) -> str:
    """Write a value for the eye: four significant digits, one line, at most forty signs."""
    if value is None:
        return "NULL"
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.0f}" if abs(value) >= 10 ** (DIGITS - 1) else f"{value:.{DIGITS}g}"
    text = " ".join(str(value).split())
    return text if len(text) <= WIDEST_CELL else f"{text[: WIDEST_CELL - 1]}…"


def fitting(shown: Shown, width: int, keys: Collection[str]) -> list[int]:
    """Choose the columns that a window has room for: keys first, then from the left.

    Parameters
    ----------
    width : int
        Of the window, in characters.
    keys : collection of str
        Columns that tell rows apart.

    Returns
    -------
    list of int
        Places of the columns, in the order in which they are shown.
    """
    order = sorted(range(len(shown.columns)), key=lambda one: shown.columns[one] not in keys)
    widths = [
        max(map(cell_len, [name, *(row[place] for row in shown.rows)]))
        for place, name in enumerate(shown.columns)
    ]
    chosen: list[int] = []
    left = width - 1
    for place in order:
        left -= widths[place] + 3
        if left < 0 and chosen:
            break
        chosen.append(place)
    return chosen


def drawn(shown: Shown, width: int, keys: Collection[str], is_ascii: bool = False) -> str:
    """Draw an answer, with the number of its rows and what is not shown below it."""
    chosen = fitting(shown, width, keys)
    table = Table(box=box.ASCII if is_ascii else box.SQUARE)
    for place in chosen:
        is_number = shown.are_numbers[place]
        name = escape(shown.columns[place])
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    is_cut = shown.n_rows > len(shown.rows)
    for number, row in enumerate(shown.rows):
        if is_cut and number == FIRST:
            table.add_row(*("..." for _ in chosen))
        table.add_row(*(escape(row[place]) for place in chosen))
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as captured:
        console.print(table)
        console.print(_below(shown, chosen), soft_wrap=True, markup=False)
    return captured.get()


def _below(shown: Shown, chosen: Sequence[int]) -> str:
    said = f"{shown.n_rows:,} {'row' if shown.n_rows == 1 else 'rows'}"
    if shown.n_rows > len(shown.rows):
        said += f", the first {FIRST} and last {LAST} shown"
    hidden = [name for place, name in enumerate(shown.columns) if place not in chosen]
    if hidden:
        said += f"; not shown: {', '.join(hidden)}"
    return f"{said}. Rounded; {ALL_DIGITS}."
