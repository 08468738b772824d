"""A patient's own files and rows outside the lake: finding them, and taking them away.

For withdrawal of consent. What is in the lake is removed in `withdrawal`; how tables are read
belongs in `intake`.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

from ect_assets.lake.whole_files import replace_whole
from ect_assets.study import Study

ROW_KEYS = ("participant_id", "subject")
"""Columns by which a table names its patient; of a FreeSurfer group table it is the first one."""


def source_folders(study: Study, subject: str) -> list[Path]:
    """List the folders that hold nothing but one patient's data.

    Parameters
    ----------
    study : Study
    subject : str
        Label, without ``sub-``.

    Returns
    -------
    list of Path
        In the BIDS dataset, its derivatives and source data, where the volumes come from, and in
        the cache; sorted, none inside another.
    """
    bids, label = study.bids_folder, f"sub-{subject}"
    found = {bids / label, bids / "sourcedata" / label}
    found |= {folder / label for folder in bids.glob("derivatives/*")}
    roots = (study.morphometry_folder, *bids.glob("derivatives/*"), *study.cache_folder.glob("*"))
    found |= {
        folder
        for root in roots
        if root.is_dir()
        for folder in root.iterdir()
        if folder.name == label or folder.name.startswith(f"{label}_")
    }
    there = sorted(folder for folder in found if folder.exists() or folder.is_symlink())
    return [one for one in there if not set(one.parents) & set(there)]


def source_tables(study: Study, subject: str) -> list[Path]:
    """List the tables of many patients that have a row of one patient."""
    bids = study.bids_folder
    tables = [bids / "participants.tsv", *bids.glob("phenotype/*.tsv")]
    if study.morphometry.source == "freesurfer_tables":
        tables += sorted(study.morphometry_folder.glob("*.tsv"))
    tables += [study.folder / "reviewed.tsv"]
    return [table for table in tables if table.is_file() and _rows_of(table, subject)]


def remove_sources(study: Study, subject: str) -> tuple[int, int]:
    """Delete a patient's own folders, and the patient's rows in tables of many.

    Parameters
    ----------
    study : Study
    subject : str

    Returns
    -------
    folders, rows : int
        How many were removed.
    """
    folders, rows = source_folders(study, subject), 0
    for table in source_tables(study, subject):
        theirs = _rows_of(table, subject)
        lines = _lines(table)
        kept = [line for number, line in enumerate(lines) if number not in theirs]
        replace_whole(table, lambda aside, kept=kept: aside.write_bytes(b"".join(kept)))  # type: ignore[misc]
        rows += len(theirs)
    for folder in folders:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
        else:
            folder.unlink()
    return len(folders), rows


def _lines(table: Path) -> list[bytes]:
    return table.read_bytes().splitlines(keepends=True)


def _rows_of(table: Path, subject: str) -> set[int]:
    """Number the lines of a table that are about a patient; the head is line 0."""
    return {number for number, label in _labels(table) if _is_of(label, subject)}


def _labels(table: Path) -> Iterator[tuple[int, str]]:
    lines = [line.decode("utf-8-sig", errors="replace") for line in _lines(table)]
    rows = csv.reader(io.StringIO("".join(lines)), delimiter="\t", quoting=csv.QUOTE_NONE)
    head = next(rows, [])
    place = next((head.index(key) for key in ROW_KEYS if key in head), 0)
    for number, row in enumerate(rows, start=1):
        if len(row) > place:
            yield number, row[place].strip()


def _is_of(label: str, subject: str) -> bool:
    """Say whether a cell names a patient: ``01``, ``sub-01``, or a scan as ``sub-01_ses-pre``."""
    bare = label.removeprefix("sub-")
    return bare == subject or bare.startswith(f"{subject}_ses-")
