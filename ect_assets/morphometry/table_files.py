"""Tables as aparcstats2table and asegstats2table write them, parsed as text.

One row per scan, its name in the first column. Cells stay text, because a cell that is no number
is one patient's fault and not the table's. Which tables there are belongs in `group_tables`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ect_assets.intake.source_files import STATS_BYTES, refused_file
from ect_assets.problems import StudyError

_HEAD = re.compile(r"(?P<side>lh|rh)\..+\.(?P<measure>volume|area|thickness)")


@dataclass(frozen=True)
class TableFile:
    """One parsed table.

    Parameters
    ----------
    shown : str
        How messages name it.
    columns : tuple of str
        Column names, without the first.
    rows : tuple of (str, tuple of str)
        Name of the scan, and its cells; a row may have too few or too many of them.
    """

    shown: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def read_table(path: Path, shown: str, *roots: Path) -> TableFile:
    """Parse a table, or take it from memory if the file is still the same.

    Parameters
    ----------
    path : Path
        A file separated by tabs, commas, semicolons or spaces (the header shows which).
    shown : str
        How messages name it.
    *roots : Path
        Folders in one of which it has to lie, once links are followed; anywhere without them.

    Returns
    -------
    TableFile

    Raises
    ------
    StudyError
        When it cannot be read, lies outside those folders, is too large, is empty, has a column
        twice, or holds another hemisphere or measure than its name says.
    """
    refusal = refused_file(path, *roots, most_bytes=STATS_BYTES)
    if refusal is not None:
        raise StudyError(f"{shown} {refusal}")
    state = path.stat()
    return _parsed(path, shown, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=128)
def _parsed(path: Path, shown: str, mtime_ns: int, size: int) -> TableFile:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{shown} is not UTF-8 text. Save it with encoding UTF-8.") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        raise StudyError(f"{shown} has no rows, expected one per scan. Write the table again.")
    separator = next((mark for mark in "\t,;" if mark in lines[0]), None)
    first, *columns = _split(lines[0], separator)
    _check_header(path.name, shown, first, columns)
    rows = [_split(line, separator) for line in lines[1:]]
    return TableFile(shown, tuple(columns), tuple((row[0], tuple(row[1:])) for row in rows))


def _split(line: str, separator: str | None) -> list[str]:
    cells = [cell.strip().strip('"') for cell in line.split(separator)]
    # Some versions end each line with a separator.
    return cells[:-1] if separator and len(cells) > 1 and not cells[-1] else cells


def _check_header(name: str, shown: str, first: str, columns: list[str]) -> None:
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise StudyError(
            f"{shown} has a column twice: {', '.join(repeated[:5])}. Write the table again."
        )
    said, named = _HEAD.match(first), _HEAD.match(name)
    if said and named and said.groupdict() != named.groupdict():
        raise StudyError(
            f"{shown} begins with {first!r}, expected the {named['measure']} of {named['side']} "
            "as the file's name says. Rename the file, or write the table again."
        )
