"""Tables as aparcstats2table and asegstats2table write them, parsed as text.

One row per scan, its name in the column that has FreeSurfer's own heading (`lh.aparc.volume`,
`Measure:volume`): never simply in the first, which a spreadsheet, pandas or R may have put in
front. Cells stay text, because a cell that is no number is one patient's fault and not the
table's. Which tables there are belongs in `group_tables`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ect_assets.intake.source_files import STATS_BYTES, refused_file
from ect_assets.problems import StudyError
from ect_assets.science.file_kinds import first_bytes, what_it_is

_CORTEX = re.compile(r"(?P<side>lh|rh)\..+\.(?P<measure>[a-z]+)", re.IGNORECASE)
_SEGMENTS = re.compile(r"(?:measure[:.])?(?P<measure>volume|vol|mean)", re.IGNORECASE)
"""Until FreeSurfer 4 the heading was ``volume``; R makes ``Measure.volume`` of today's."""
_OF_FILE = re.compile(r"(?P<side>lh|rh)\..+\.(?P<measure>volume|area|thickness)\b")
_ROW_NUMBERS = re.compile(r"|unnamed: ?\d+(\.\d+)?|x(\.\d+)?|index|level_\d+|row\.?names", re.I)
"""Headings that pandas, R and spreadsheets give to a column of row numbers."""
_MEASURED = re.compile(
    r"(lh|rh)_.+_(volume|area|thickness)|(left|right)[-.].+|(brainseg|totalgray|.*intracranial)vol",
    re.IGNORECASE,
)
"""Headings of measures; in the column of the scans' names they show that a table is transposed."""
_WITH_PREFIX = re.compile(r"sub-[0-9A-Za-z]+.*")
_WRITE_AGAIN = (
    "Write the table again with {program}, or save it without row numbers (pandas: `index=False`; "
    "R: `row.names = FALSE`)."
)


@dataclass(frozen=True)
class TableFile:
    """One parsed table.

    Parameters
    ----------
    columns : tuple of str
        Column names, without that of the scans' names and without row numbers.
    rows : tuple of (str, tuple of str)
        Name of the scan, and its cells; a row may have too few or too many of them.
    """

    shown: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def read_table(path: Path, shown: str, *roots: Path) -> TableFile:
    """Parse a table, or take it from memory if the file is still the same.

    A table that was written with ``--transpose`` is turned round, and row numbers beside the
    column with FreeSurfer's heading are passed over.

    Parameters
    ----------
    path : Path
        A file separated by tabs, commas, semicolons or spaces (the header shows which).
    *roots : Path
        Folders in one of which it has to lie, once links are followed; anywhere without them.

    Raises
    ------
    StudyError
        When it cannot be read, lies outside those folders, is too large, is empty, has no or two
        columns with FreeSurfer's heading, has row numbers under it, has a column twice, or holds
        another hemisphere or measure than its name says.
    """
    refusal = refused_file(path, *roots, most_bytes=STATS_BYTES)
    if refusal is not None:
        raise StudyError(f"{shown} {refusal}")
    state = path.stat()
    return _parsed(path, shown, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=128)
def _parsed(path: Path, shown: str, mtime_ns: int, size: int) -> TableFile:
    lines = [line for line in _text(path, shown).splitlines() if line.strip()]
    if len(lines) < 2:
        raise StudyError(f"{shown} has no rows, expected one per scan. Write the table again.")
    separator = next((mark for mark in "\t,;" if mark in lines[0]), None)
    header, *rows = (_split(line, separator) for line in lines)
    place = _place_of_names(header, path.name, shown)
    if any(len(row) > place and _MEASURED.fullmatch(row[place]) for row in rows):
        header, rows, place = _turned(header, rows, place, shown)
    _refuse_unnamed_numbers(header, rows, shown)
    kept = [
        number
        for number, heading in enumerate(header)
        if number != place and not _ROW_NUMBERS.fullmatch(heading)
    ]
    columns = tuple(header[number] for number in kept)
    _refuse_repeated(columns, shown)
    names = [row[place] if len(row) > place else "" for row in rows]
    _refuse_numbers_for_names(names, header, rows, place, shown)
    left_out = set(range(len(header))) - set(kept)
    cells = [
        tuple(cell for number, cell in enumerate(row) if number not in left_out) for row in rows
    ]
    return TableFile(shown, columns, tuple(zip(names, cells, strict=True)))


def _text(path: Path, shown: str) -> str:
    kind = what_it_is(first_bytes(path), path)
    if kind is not None:
        raise StudyError(f"{shown} {kind}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise StudyError(f"{shown} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise StudyError(f"{shown} is not UTF-8 text. Save it with encoding UTF-8.") from error


def _split(line: str, separator: str | None) -> list[str]:
    cells = [cell.strip().strip('"').strip() for cell in line.split(separator)]
    # Some versions end each line with a separator.
    return cells[:-1] if separator and len(cells) > 1 and not cells[-1] else cells


def _heading(text: str) -> re.Match[str] | None:
    return _SEGMENTS.fullmatch(text) or _CORTEX.fullmatch(text)


def _place_of_names(header: list[str], name: str, shown: str) -> int:
    """Find the column of the scans' names: the one with FreeSurfer's heading."""
    of_file = _OF_FILE.match(name)
    expected, program = (
        (f"{of_file['side']}.<annotation>.{of_file['measure']}", "aparcstats2table")
        if of_file
        else ("Measure:volume", "asegstats2table")
    )
    places = [place for place, text in enumerate(header) if _heading(text)]
    again = _WRITE_AGAIN.format(program=program)
    if not places:
        raise StudyError(
            f"{shown} has no column with FreeSurfer's heading {expected}, under which the names "
            f"of the scans are expected; its first heading is {_worded(header[0])}. {again} If "
            f"the heading was renamed, rename it back to {expected}."
        )
    if len(places) > 1:
        raise StudyError(
            f"{shown} has {len(places)} columns with a heading such as {expected}, expected one "
            f"with the names of the scans. {again}"
        )
    found = _heading(header[places[0]])
    assert found is not None
    said = {kind: text.lower() for kind, text in found.groupdict().items()}
    said["measure"] = "volume" if said["measure"] == "vol" else said["measure"]
    wanted = of_file.groupdict() if of_file else {"measure": "volume"}
    if said != wanted:
        meant = f"the {wanted['measure']}" + (f" of {wanted['side']}" if of_file else "")
        raise StudyError(
            f"{shown} begins with {header[places[0]]!r}, expected {meant} "
            "as the file's name says. Rename the file, or write the table again."
        )
    return places[0]


def _worded(heading: str) -> str:
    """Word a heading; one that is unknown is not quoted, for it may be a patient's name."""
    if not heading:
        return "empty"
    return repr(heading) if _ROW_NUMBERS.fullmatch(heading) else "another"


def _turned(
    header: list[str], rows: list[list[str]], place: int, shown: str
) -> tuple[list[str], list[list[str]], int]:
    """Turn a table of ``--transpose`` round: scans in rows, their names in the first column."""
    wrong = next((row for row in rows if len(row) != len(header)), None)
    if wrong is not None:
        raise StudyError(
            f"{shown} has the parcels in rows (--transpose), and a row of {len(wrong)} cells, "
            f"expected {len(header)}. Write the table again, best without --transpose."
        )
    scans = [
        number
        for number, heading in enumerate(header)
        if number != place and not _ROW_NUMBERS.fullmatch(heading)
    ]
    turned = [[header[number], *(row[number] for row in rows)] for number in scans]
    return [header[place], *(row[place] for row in rows)], turned, 0


def _refuse_unnamed_numbers(header: list[str], rows: list[list[str]], shown: str) -> None:
    """Refuse what R writes by default: row numbers, and no heading above them."""
    if all(len(row) == len(header) + 1 for row in rows):
        raise StudyError(
            f"{shown} has one cell more in every row than in the header, so headings and cells do "
            "not belong together; R's write.table puts row names there. "
            + _WRITE_AGAIN.format(program="FreeSurfer's program")
        )


def _refuse_repeated(columns: Sequence[str], shown: str) -> None:
    folded = [column.casefold() for column in columns]
    repeated = sorted({column for column in columns if folded.count(column.casefold()) > 1})
    if repeated:
        raise StudyError(
            f"{shown} has a column twice: {', '.join(repeated[:5])}. Write the table again."
        )


def _refuse_numbers_for_names(
    names: list[str], header: list[str], rows: list[list[str]], place: int, shown: str
) -> None:
    """Refuse row numbers under FreeSurfer's heading: they would be taken for patients' labels."""
    if not all(name.isdigit() for name in names):
        return
    others = [number for number in range(len(header)) if number != place]
    elsewhere = any(
        all(len(row) > number and _WITH_PREFIX.fullmatch(row[number]) for row in rows)
        for number in others
    )
    counted = [int(name) for name in names] == list(range(len(names)))
    if elsewhere or counted:
        raise StudyError(
            f"{shown} has row numbers under {header[place]!r}, expected the names of the scans. "
            + _WRITE_AGAIN.format(program="FreeSurfer's program")
        )
