"""Tab-separated tables as clinics write them, and the values in their cells.

What a spreadsheet does to a table (byte order mark, Windows line ends, commas, cut rows) is
either read as meant or refused with the line to fix; which cell has which heading is found by
`table_layout`. Which columns a table must have, and whose fault a refusal is, belong to the
callers. Messages never quote a cell that is not a number: it may be a name or a date of birth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.source_files import TABLE_BYTES, refused_file
from ect_assets.intake.table_layout import BadLine, TableFileError, arranged, shown_columns
from ect_assets.science.file_kinds import FIRST_BYTES, what_it_is

__all__ = [
    "BadLine",
    "TableFileError",
    "TsvTable",
    "column_named",
    "describe",
    "lacking_columns",
    "parse_number",
    "read_cells",
    "read_table",
    "read_tsv",
    "shown_columns",
]

MISSING = frozenset({"", "n/a"})
"""How a missing value is written (BIDS: ``n/a``), in lower case."""
MISSING_WORDS = MISSING | {"na", "nan", "#n/a", "<na>", "null"}
"""How R, pandas, spreadsheets and databases write it; in any column, in lower case."""
MISSING_NUMBERS = MISSING_WORDS | {"-", "--", "\N{EN DASH}", ".", "none"}
"""And what stands for a number that is missing; in a column of words these may mean something."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_SPREADSHEET_ERRORS = {"#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NAME?", "#NULL!"}
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


@dataclass(frozen=True)
class TsvTable:
    """A table as text, and the lines of it that do not fit its header.

    Attributes
    ----------
    rows : DataFrame
        One text column per heading, missing values as NaN; the index ``line`` is the line of the
        file, so that messages can name it.
    """

    rows: pd.DataFrame
    bad: tuple[BadLine, ...] = ()


def parse_number(text: str) -> float | None:
    """Read a plain decimal number.

    Returns
    -------
    float or None
        None when it is anything else, such as ``12,5``, ``nan``, ``1e999`` or ``1_000``.
    """
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if math.isfinite(number) else None


def describe(text: str) -> str:
    """Say what a cell holds in place of a number, without quoting it.

    Returns
    -------
    str
        For example ``a number with a decimal comma``.
    """
    if text.lower() in MISSING:
        return "nothing"
    if text.lower().lstrip("+-") in ("inf", "infinity", "1.#inf") or _NUMBER.fullmatch(text):
        return "an infinite number"
    if text.upper() in _SPREADSHEET_ERRORS:
        return "a spreadsheet formula error"
    if _DECIMAL_COMMA.fullmatch(text):
        return "a number with a decimal comma"
    if _DATE.fullmatch(text):
        return "a date"
    return "text"


def column_named(name: str, columns: Iterable[str]) -> str | None:
    """Find a column by its name, without regard to case where it is not there exactly.

    Returns
    -------
    str or None
        As the table writes it; None where there is none, or more than one and none exactly.
    """
    there = list(columns)
    if name in there:
        return name
    alike = [one for one in there if one.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def lacking_columns(names: Iterable[str], columns: Iterable[str]) -> str | None:
    """Say which of several columns a table does not have, or has in several spellings.

    Parameters
    ----------
    names, columns : iterable of str
        What is wanted, and what there is.

    Returns
    -------
    str or None
        What follows ``has``, without a full stop: ``no column age; it has: Alter``. None where
        `column_named` finds each.
    """
    there = list(columns)
    lacking = [name for name in dict.fromkeys(names) if column_named(name, there) is None]
    for name in lacking:
        alike = [one for one in there if one.casefold() == name.casefold()]
        if alike:
            return f"columns whose names differ in case only: {shown_columns(alike)}"
    if not lacking:
        return None
    return f"no column {', '.join(lacking)}; it has: {shown_columns(there)}"


def read_tsv(path: Path, shown: str | None = None, within: Path | None = None) -> pd.DataFrame:
    """Read a tab-separated table of which every line must fit, as `read_table` reads it.

    Returns
    -------
    DataFrame
        `TsvTable.rows`.

    Raises
    ------
    TableFileError
        As `read_table`, and when a line has more or fewer cells than the header.
    """
    table = read_table(path, shown, within)
    if table.bad:
        raise TableFileError(table.bad[0].says)
    return table.rows


def read_table(path: Path, shown: str | None = None, within: Path | None = None) -> TsvTable:
    """Read a tab-separated table as text, setting aside the lines that do not fit.

    Parameters
    ----------
    shown : str, optional
        How messages name it: its path relative to the dataset. Its bare name without this.
    within : Path, optional
        Folder that it must really lie in, once links are followed.

    Returns
    -------
    TsvTable
        Blank lines are passed over, as are row numbers that pandas or R put in front.

    Raises
    ------
    TableFileError
        When the file is missing, outside the folder, too large, not UTF-8, not a table at all,
        separated by commas, or its header cannot be right.
    """
    header, rows, bad = read_cells(path, shown, within)
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=header, dtype="str")
    frame.index = pd.Index(rows, dtype="int64", name="line")
    is_missing = frame.apply(lambda column: column.str.lower().isin(MISSING_WORDS))
    return TsvTable(frame.mask(is_missing), bad)


def read_cells(
    path: Path, shown: str | None = None, within: Path | None = None
) -> tuple[list[str], dict[int, list[str]], tuple[BadLine, ...]]:
    """Read a table as `read_table` does, without a frame: thirty times as fast for a small one.

    Returns
    -------
    header : list of str
    rows : dict of int to list of str
        Cells as they are written, by line.
    bad : tuple of BadLine
    """
    shown = shown or path.name
    refusal = refused_file(path, *([within] if within else []), most_bytes=TABLE_BYTES)
    if refusal is not None:
        raise TableFileError(f"{shown} {refusal}")
    lines = _decoded(path, shown).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    _refuse_other_separators(lines[0], shown)
    cells = {number: _cells(line) for number, line in enumerate(lines[1:], start=2)}
    filled = {number: row for number, row in cells.items() if any(row)}
    return arranged(_cells(lines[0]), filled, shown)


def _decoded(path: Path, shown: str) -> str:
    try:
        content = path.read_bytes()
        kind = what_it_is(content[:FIRST_BYTES], path)
        if kind is not None:
            raise TableFileError(f"{shown} {kind}")
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        if path.is_symlink():
            raise TableFileError(
                f"{shown} is a link to a file that is not here. Fetch its content (for a DataLad "
                "dataset: `datalad get`), or copy the file."
            ) from error
        raise TableFileError(f"{shown} is missing. Add it, tab-separated.") from error
    except OSError as error:
        raise TableFileError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise TableFileError(
            f"{shown} line {line} is not UTF-8 text. Save the file again with encoding UTF-8."
        ) from error
    if not text.strip():
        raise TableFileError(f"{shown} is empty, expected a header line. Export it again.")
    return text


def _refuse_other_separators(line: str, shown: str) -> None:
    for mark, name in ((",", "commas"), (";", "semicolons")):
        if "\t" not in line and mark in line:
            raise TableFileError(
                f"{shown} is separated by {name}, not tabs. Save it as tab-separated text."
            )


def _cells(line: str) -> list[str]:
    return [_bare(cell.strip()) for cell in line.split("\t")]


def _bare(cell: str) -> str:
    """Take off the quotation marks that spreadsheets put around text."""
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].strip()
    return cell
