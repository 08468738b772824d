"""Tab-separated tables as clinics write them, and the values in their cells.

What a spreadsheet does to a table (byte order mark, Windows line ends, commas, cut rows) is
either read as meant or refused with the line to mend. Which columns a table must have, and whose
fault a refusal is, belong to the callers. Messages never quote a cell that is not a number: it
may be a name or a date of birth.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd

from ect_assets.intake.privacy_words import shown_columns
from ect_assets.intake.source_files import TABLE_BYTES, refused_file
from ect_assets.problems import EctError

MISSING = frozenset({"", "n/a"})
"""How a missing value is written (BIDS: ``n/a``), in lower case."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")


class TableFileError(EctError):
    """A table cannot be read; the message names the file, the line and the mend."""


def parse_number(text: str) -> float | None:
    """Read a plain decimal number.

    Parameters
    ----------
    text : str
        One cell.

    Returns
    -------
    float or None
        None when it is anything else, such as ``12,5``, ``nan`` or ``1_000``.
    """
    return float(text) if _NUMBER.fullmatch(text) else None


def describe(text: str) -> str:
    """Say what a cell holds in place of a number, without quoting it.

    Parameters
    ----------
    text : str
        One cell.

    Returns
    -------
    str
        For example ``a number with a decimal comma``.
    """
    if text.lower() in MISSING:
        return "nothing"
    if _DECIMAL_COMMA.fullmatch(text):
        return "a number with a decimal comma"
    if _DATE.fullmatch(text):
        return "a date"
    return "text"


def read_tsv(path: Path, shown: str | None = None, within: Path | None = None) -> pd.DataFrame:
    """Read a tab-separated table as text.

    Parameters
    ----------
    path : Path
        The file.
    shown : str, optional
        How messages name it: its path relative to the dataset. Its bare name without this.
    within : Path, optional
        Folder that it must really lie in, once links are followed.

    Returns
    -------
    DataFrame
        One text column per header cell, missing values as NaN; the index ``line`` is the line of
        the file, so that messages can name it. Blank lines are passed over.

    Raises
    ------
    TableFileError
        When the file is missing, outside the folder, too large, not UTF-8, separated by commas,
        has a column without a name or two of one name, or a row with more or fewer cells than the
        header.
    """
    shown = shown or path.name
    refusal = refused_file(path, *([within] if within else []), most_bytes=TABLE_BYTES)
    if refusal is not None:
        raise TableFileError(f"{shown} {refusal}")
    lines = _decoded(path, shown).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = _header(lines[0], shown)
    rows = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = _cells(line)
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise TableFileError(
                f"{shown} line {number} has {len(cells)} cells, expected {len(header)} as in the "
                "header. Write `n/a` in empty cells and save it tab-separated."
            )
        rows[number] = cells
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=header, dtype="str")
    frame.index = pd.Index(rows, dtype="int64", name="line")
    return frame.mask(frame.apply(lambda column: column.str.lower().isin(MISSING)))


def _decoded(path: Path, shown: str) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")
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


def _header(line: str, shown: str) -> list[str]:
    for mark, name in ((",", "commas"), (";", "semicolons")):
        if "\t" not in line and mark in line:
            raise TableFileError(
                f"{shown} is separated by {name}, not tabs. Save it as tab-separated text."
            )
    header = _cells(line)
    if not all(header):
        raise TableFileError(
            f"{shown} has no name for column {header.index('') + 1}. Name it, or delete it."
        )
    repeated = sorted(name for name, times in Counter(header).items() if times > 1)
    if repeated:
        raise TableFileError(
            f"{shown} has two columns of one name: {shown_columns(repeated)}. Rename or delete one."
        )
    return header


def _cells(line: str) -> list[str]:
    return [_bare(cell.strip()) for cell in line.split("\t")]


def _bare(cell: str) -> str:
    """Take off the quotation marks that spreadsheets put around text."""
    if len(cell) >= 2 and cell[0] == cell[-1] == '"':
        return cell[1:-1].strip()
    return cell
