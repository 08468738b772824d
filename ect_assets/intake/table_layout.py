"""Which cell of a line belongs to which heading, in tables as pandas, R and spreadsheets save them.

A row number in front, a tab at the end of every line and columns without a name or content are
taken away where there is no doubt; a line that does not fit the header is set aside with its
number; a table whose meaning would have to be guessed is refused. What cells hold belongs in `tsv`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ect_assets.intake.privacy_words import shown_columns
from ect_assets.problems import EctError

KEYS = ("participant_id", "session_id")
"""Headings that say whose row it is; recognized without regard to case."""
_UNNAMED = re.compile(r"(unnamed: ?\d+(_level_\d+|\.\d+)*|\.\.\.\d+)?", re.I)
_ROW_NUMBERS = {"x", "index", "row", "rowname", "rownames", "row.names", "row_number", "#"}
_INTEGER = re.compile(r"\d{1,9}")
_ENTITY = re.compile(r"(sub|ses)-[0-9A-Za-z]+")

Lines = Mapping[int, list[str]]


class TableFileError(EctError):
    """A table cannot be read; the message names the file, the line and the fix."""


@dataclass(frozen=True)
class BadLine:
    """A line with more or fewer cells than the header, so that its cells have no sure column.

    Attributes
    ----------
    number : int
        Its line in the file.
    says : str
        What is wrong with it and how to fix it, with the file's name.
    subject_cell, session_cell : str
        What stands in the places of `KEYS`; nothing where the line is too short. It may be
        anything, and is never quoted.
    """

    number: int
    says: str
    subject_cell: str = ""
    session_cell: str = ""

    def subject(self, known: Collection[str]) -> str | None:
        """Name the subject that the line is about, where that is sure."""
        return _entity(self.subject_cell, "sub-", known)

    def session(self, known: Collection[str]) -> str | None:
        """Name the session that the line is about, where that is sure."""
        return _entity(self.session_cell, "ses-", known)


def _entity(cell: str, prefix: str, known: Collection[str]) -> str | None:
    label = cell.removeprefix(prefix)
    is_written = cell != label and _ENTITY.fullmatch(cell)
    # Without the prefix it may be anything, even a number of another column.
    return label if is_written or label in known else None


def arranged(
    header: list[str], lines: Lines, shown: str
) -> tuple[list[str], dict[int, list[str]], tuple[BadLine, ...]]:
    """Give every cell its heading.

    Parameters
    ----------
    header : list of str
        Cells of the first line.
    lines : mapping of int to list of str
        The other lines that are not blank, by their number.

    Returns
    -------
    names : list of str
        Headings that are used; those of `KEYS` in lower case.
    rows : dict of int to list of str
        As many cells as there are names, by line.
    bad : tuple of BadLine
        Lines that do not fit.

    Raises
    ------
    TableFileError
        When a column with content has no name, two have the same, no line fits the header, or
        rows and columns are exchanged.
    """
    names = [name.lower() if name.lower() in KEYS else name for name in header]
    while len(names) > 1 and not names[-1] and not _has_content(lines, len(names) - 1):
        names.pop()
    rows = _as_long_as_header(names, _without_empty_ends(names, lines, len(header)), shown)
    bad = tuple(
        _bad_line(number, cells, names, shown)
        for number, cells in rows.items()
        if len(cells) != len(names)
    )
    if len(bad) == len(rows) and len(bad) > 1:
        raise TableFileError(f"{bad[0].says} All other lines are like it.")
    fitting = {number: cells for number, cells in rows.items() if len(cells) == len(names)}
    kept = [place for place, name in enumerate(names) if _is_kept(place, name, names, fitting)]
    named = [names[place] for place in kept]
    _refuse_headings(names, named, shown)
    return named, {line: [cells[place] for place in kept] for line, cells in fitting.items()}, bad


def _has_content(lines: Lines, place: int) -> bool:
    return any(any(cells[place:]) for cells in lines.values())


def _without_empty_ends(names: list[str], lines: Lines, written: int) -> dict[int, list[str]]:
    """Cut the empty cells below empty headings at the end."""
    surplus = written > len(names)
    return {
        number: cells[: len(names)] if surplus and not any(cells[len(names) :]) else cells
        for number, cells in lines.items()
    }


def _as_long_as_header(
    names: list[str], rows: dict[int, list[str]], shown: str
) -> dict[int, list[str]]:
    """Take away what every line has too much: a row number in front, or a tab at the end."""
    if len(rows) < 2 or any(len(cells) != len(names) + 1 for cells in rows.values()):
        return rows
    ends_empty = not any(cells[-1] for cells in rows.values())
    has_numbers = _are_row_numbers([cells[0] for cells in rows.values()])
    if has_numbers and not ends_empty:
        return {number: cells[1:] for number, cells in rows.items()}
    if ends_empty and not has_numbers:
        return {number: cells[:-1] for number, cells in rows.items()}
    raise TableFileError(
        f"{shown}: every line has one cell more than the header, so it is unclear which "
        "column is which. Save it without row names (in R: `row.names = FALSE`) or with a heading "
        "for every column."
    )


def _are_row_numbers(cells: list[str]) -> bool:
    return all(map(_INTEGER.fullmatch, cells)) and len(set(cells)) == len(cells)


def _is_kept(place: int, name: str, names: list[str], rows: Lines) -> bool:
    """Say whether a column is one of the table's own, and not one that saving it added."""
    cells = [cells[place] for cells in rows.values()]
    if _UNNAMED.fullmatch(name):
        is_in_front = all(map(_UNNAMED.fullmatch, names[:place])) and set(KEYS) & set(names)
        return any(cells) and not (is_in_front and _are_row_numbers(cells))
    if place == 0 and name.lower() in _ROW_NUMBERS and any(key in names for key in KEYS):
        first = int(cells[0]) if cells and _INTEGER.fullmatch(cells[0]) else -1
        in_order = [str(first + step) for step in range(len(cells))]
        return first not in (0, 1) or cells != in_order
    return True


def _refuse_headings(names: list[str], named: list[str], shown: str) -> None:
    for name in filter(_UNNAMED.fullmatch, named):
        place = names.index(name) + 1
        raise TableFileError(
            f"{shown} has no name for column {place}. Name it (`participant_id`, if it holds the "
            "subjects), or remove it."
        )
    repeated = sorted(name for name, times in Counter(named).items() if times > 1)
    if repeated:
        raise TableFileError(
            f"{shown} has two columns of one name: {shown_columns(repeated)}. Rename or remove one."
        )
    if len(named) > 1 and all(map(_ENTITY.fullmatch, named[1:])):
        what = "subjects" if named[1].startswith("sub-") else "sessions"
        raise TableFileError(
            f"{shown} has {what} as columns: rows and columns are swapped. Transpose it, so that "
            "each row is one of them."
        )


def _bad_line(number: int, cells: list[str], names: list[str], shown: str) -> BadLine:
    says = (
        f"{shown} line {number} has {len(cells)} cells, expected {len(names)} as in the header, so "
        "nothing in it is used. Write `n/a` in empty cells, remove extra tabs, and save it "
        "tab-separated."
    )
    places = [names.index(key) if key in names else len(cells) for key in KEYS]
    subject, session = (cells[place] if place < len(cells) else "" for place in places)
    return BadLine(number, says, subject, session)
