"""A patient's own files and rows outside the lake: taking them away.

For withdrawal of consent. Which they are is known in `patient_files`; what remains for a person to
do in `remaining_files`; what is in the lake is removed in `withdrawal`.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from ect_assets.intake.patient_files import mentions, own_folders, shared_tables
from ect_assets.study import Study

ROW_KEYS = ("participant_id", "subject", "subject_id", "sub", "participant")
"""Columns by which a table names its patient; of a FreeSurfer group table it is the first one."""
ASIDE = ".withdrawing"
ANNEX = "/annex/objects/"


def source_folders(study: Study, subject: str) -> list[Path]:
    """List the folders that hold nothing but one patient's data, as `own_folders` does."""
    return own_folders(study, subject)


def source_tables(study: Study, subject: str) -> list[Path]:
    """List the tables of many patients that have a row or column of one patient."""
    return [table for table in shared_tables(study) if is_in_table(table, subject)]


def linked_files(study: Study, subject: str) -> list[Path]:
    """List the files elsewhere that a patient's folders, or a table with rows, are links to.

    Returns
    -------
    list of Path
        Real paths, sorted: the content of a DataLad dataset, or of images kept elsewhere.
    """
    folders = own_folders(study, subject)
    real = [Path(os.path.realpath(folder)) for folder in folders if not folder.is_symlink()]
    links = [path for folder in folders for path in _links_in(folder)]
    links += [table for table in source_tables(study, subject) if _is_annexed(table)]
    targets = {Path(os.path.realpath(link)) for link in links}
    return sorted(
        one
        for one in targets
        if os.path.lexists(one) and not any(one.is_relative_to(folder) for folder in real)
    )


def remove_sources(study: Study, subject: str) -> tuple[int, int]:
    """Delete a patient's own folders, and the patient's rows in tables of many.

    What a link leads to is deleted with it where its own name is the patient's; the content of an
    annex and files of other names are not (`linked_files` lists them).

    Returns
    -------
    folders, rows : int
        How many were removed.
    """
    named = mentions(subject)
    for target in linked_files(study, subject):
        if named.search(target.name) and ANNEX not in target.as_posix():
            remove_file(target)
    rows = sum(_remove_rows(table, subject) for table in source_tables(study, subject))
    folders = own_folders(study, subject)
    for folder in folders:
        remove_file(folder)
    return len(folders), rows


def _links_in(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        yield folder
        return
    for root, folders, names in os.walk(folder):
        yield from (path for name in (*folders, *names) if (path := Path(root, name)).is_symlink())


def _is_annexed(table: Path) -> bool:
    return ANNEX in os.path.realpath(table)


def remove_file(path: Path) -> None:
    """Delete a file, a link or a whole folder; nothing where it is gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_rows(table: Path, subject: str) -> int:
    """Write a table again without a patient's rows and columns; links and modes stay."""
    lines = _lines(table)
    theirs, columns = _rows_of(lines, subject), _columns_of(lines, subject)
    kept = [line for number, line in enumerate(lines) if number not in theirs]
    if columns:
        kept = [_without(line, columns, _separator(lines)) for line in kept]
    # The content of an annex is shared and read-only; the table takes the place of its link.
    place = table if _is_annexed(table) else Path(os.path.realpath(table))
    _write_again(place, b"".join(kept))
    return len(theirs) + len(columns)


def _write_again(file: Path, content: bytes) -> None:
    """Replace a file in one step, with the mode and owner that it had.

    `replace_whole` gives every file our own; this one stays its owner's.
    """
    status = file.stat()
    aside = file.with_name(f".{file.name}{ASIDE}")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        if os.geteuid() == 0:
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
        writable = stat.S_IWUSR if file.is_symlink() else 0
        os.fchmod(stream.fileno(), stat.S_IMODE(status.st_mode) | writable)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(aside, file)


def is_in_table(table: Path, subject: str) -> bool:
    """Say whether a table has a row or column of a patient."""
    lines = _lines(table)
    return bool(_rows_of(lines, subject) or _columns_of(lines, subject))


def _lines(table: Path) -> list[bytes]:
    return table.read_bytes().splitlines(keepends=True)


def _separator(lines: list[bytes]) -> str:
    head = lines[0] if lines else b""
    return next((one for one in "\t,;" if one.encode() in head), " ")


def _split(line: bytes, separator: str) -> list[str]:
    text = line.decode("utf-8-sig", errors="replace").strip("\r\n")
    if separator == " ":
        return text.split()
    if separator == "\t":
        cells = text.split("\t")
    else:
        cells = next(csv.reader(io.StringIO(text), delimiter=separator), [])
    return [cell.strip().strip('"').strip() for cell in cells]


def _rows_of(lines: list[bytes], subject: str) -> set[int]:
    """Number the lines of a table that are about a patient; the head is line 0."""
    separator = _separator(lines)
    head = [cell.lower() for cell in _split(lines[0], separator)] if lines else []
    place = next((head.index(key) for key in ROW_KEYS if key in head), None)
    if place is None:
        # A first heading that is empty stands over row numbers.
        place = 1 if head[:1] == [""] else 0
    found = set()
    is_heading = not any(_is_of(cell, subject, bare=False) for cell in head[:1])
    for number, line in enumerate(lines[is_heading:], start=int(is_heading)):
        cells = _split(line, separator)
        is_theirs = len(cells) > place and _is_of(cells[place], subject, bare=True)
        if is_theirs or any(_is_of(cell, subject, bare=False) for cell in cells):
            found.add(number)
    return found


def _columns_of(lines: list[bytes], subject: str) -> set[int]:
    """Number the columns about a patient, of a table that was written the other way round."""
    head = _split(lines[0], _separator(lines)) if lines else []
    return {
        number
        for number, cell in enumerate(head)
        if number > 0 and _is_of(cell, subject, bare=False)
    }


def _without(line: bytes, columns: set[int], separator: str) -> bytes:
    end = line[len(line.rstrip(b"\r\n")) :]
    cells = line.rstrip(b"\r\n").split(separator.encode())
    return separator.encode().join(c for n, c in enumerate(cells) if n not in columns) + end


def _is_of(cell: str, subject: str, bare: bool) -> bool:
    """Say whether a cell names a patient: ``sub-01``, a scan of it, or (bare) ``01``."""
    name = cell.rstrip("/").rsplit("/", 1)[-1]
    if bare and re.match(rf"(?i:sub-)?{re.escape(subject)}(?:_|\.long\.|$)", name):
        return True
    return bool(re.match(rf"(?i:sub)-{re.escape(subject)}(?![0-9A-Za-z])", name))
