"""The privacy screen: content that can tell who a patient is, found before it is taken in.

It walks through a patient's files and through participants.tsv and tells what it found, by the
names of fields and never by their values. What identifies blocks the patient; what cannot be
judged is noted. What a file holds belongs in `privacy_files`, which words identify in
`privacy_words`. Faces in the images are not looked at, nor are burnt-in letters: T1-weighted
images are treated as faced.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

import pandas as pd

from ect_assets.intake import privacy_words as words
from ect_assets.intake.findings import Findings, listed
from ect_assets.intake.folder_names import names_beginning, names_ending, names_in
from ect_assets.intake.privacy_files import mgh_traces, nifti_traces, transform_traces
from ect_assets.intake.privacy_sidecars import dictionary_traces, json_traces
from ect_assets.intake.privacy_words import MOST_BYTES, Trace, shown_field, too_large
from ect_assets.intake.source_files import is_within
from ect_assets.intake.tsv import TableFileError, parse_number, read_table
from ect_assets.problems import EVERY, Problem

BLOCKS, POSSIBLE = "identifying_content", "identifying_content_possible"
OLDEST_YEARS = 89
"""Ages above are so rare that they identify (45 CFR 164.514)."""

READERS: dict[str, Callable[[Path], list[Trace]]] = {
    ".nii": nifti_traces,
    ".nii.gz": nifti_traces,
    ".hdr": nifti_traces,
    ".mgz": mgh_traces,
    ".mgh": mgh_traces,
    ".xfm": transform_traces,
    ".lta": transform_traces,
}
TABLES = ("_scans.tsv", "_sessions.tsv")
DICTIONARIES = ("scans", "sessions", "participants", "events", "channels", "electrodes")
PARTICIPANTS = "participants.tsv"

_BIDS_NAME = re.compile(r"sub-[0-9A-Za-z]+(_[a-z]+-[0-9A-Za-z+]+)*(_[0-9A-Za-z]+)?(\.[a-z0-9]+)+")
_SIDECAR = re.compile(r"([a-z]+-[0-9A-Za-z+]+_)*[0-9A-Za-z]+\.json")
_NOT_SIDECARS = ("dataset_description.json", "participants.json", "genetic_info.json")
_MEND = "Take out what is there, or, once a reviewer has looked at it, write"


def screen_subject(
    bids: Path, subject: str, allowed: Collection[str], made_here: Path | None = None
) -> list[Problem]:
    """Look for identifying content in a patient's files.

    Read are sidecars, headers with their extensions, tags of FreeSurfer volumes, transforms,
    ``*_scans.tsv``, ``*_sessions.tsv``, and the names of the files.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subject : str
        Label, without ``sub-``.
    allowed : collection of str
        Fields that a reviewer of the study has looked at (``privacy.allow``), in any case.
    made_here : Path, optional
        A folder that this platform writes itself; nothing in it came from outside.

    Returns
    -------
    list of Problem
        ``identifying_content`` (the patient cannot be taken in) and
        ``identifying_content_possible`` (noted), one of each per session at most; session ``*``
        for files of the whole patient or dataset.
    """
    findings = Findings("raw_scans")
    told: dict[tuple[str, tuple[Trace, ...]], list[str]] = defaultdict(list)
    for file in screened_files(bids, subject, made_here):
        path = file.relative_to(bids)
        traces = {*_opened_traces(file, path), *_traces_of_name(path)}
        kept = tuple(sorted(one for one in traces if not _is_allowed(one.field, allowed)))
        if kept:
            told[_session(path), kept].append(words.without_dates(path.as_posix()))
    for (session, traces_found), files in told.items():
        where = files[0] if len(files) == 1 else f"{len(files)} files ({listed(files, 2)})"
        _tell(findings, where, traces_found, subject, session)
    return findings.problems


def screened_files(bids: Path, subject: str, made_here: Path | None = None) -> list[Path]:
    """List every file that `screen_subject` may look at.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subject : str
        Label, without ``sub-``.
    made_here : Path, optional
        As in `screen_subject`.

    Returns
    -------
    list of Path
        Sorted: the patient's own, those of the patient in derivatives, and the sidecars at the
        top of the dataset. Nothing that lies outside the dataset.
    """
    label, derivatives = f"sub-{subject}", bids / "derivatives"
    derived = [
        derivatives / derivative / name
        for derivative in names_in(derivatives)
        for name in names_beginning(derivatives / derivative, label)
        if name == label or name.startswith(f"{label}_")
    ]
    top = [
        bids / name
        for name in names_ending(bids, ".json")
        if name not in _NOT_SIDECARS and _SIDECAR.fullmatch(name)
    ]
    inside = [file for file in top if is_within(file, bids) and file.is_file()]
    for folder in (bids / f"sub-{subject}", *derived):
        inside += _files_below(folder, Path(os.path.realpath(bids)))
    return sorted(
        file for file in set(inside) if made_here is None or not file.is_relative_to(made_here)
    )


def screen_participants(bids: Path, allowed: Collection[str]) -> list[Problem]:
    """Look for identifying columns and cells in participants.tsv.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    allowed : collection of str
        Columns that a reviewer of the study has looked at (``privacy.allow``).

    Returns
    -------
    list of Problem
        As `screen_subject`, with stage ``participants``: a column concerns the dataset (subject
        ``*``), an age above 89 its patient. Empty where the file is missing or cannot be read,
        which `read_participants` tells.
    """
    file = bids / PARTICIPANTS
    try:
        # Without the lines that do not fit, of which `read_participants` takes nothing either.
        rows = read_table(file, PARTICIPANTS, within=bids).rows
    except TableFileError:
        return []
    findings = Findings("participants")
    traces = [one for one in _traces_of_table(rows) if not _is_allowed(one.field, allowed)]
    _tell(findings, PARTICIPANTS, traces, EVERY, EVERY)
    for column in rows.columns:
        if {"age", "ages"} & set(words.words_of(column)) and not _is_allowed(column, allowed):
            _find_old(rows, column, findings)
    return findings.problems


def _files_below(top: Path, root: Path) -> Iterator[Path]:
    """Walk through a folder, also along links, but never out of the dataset or in circles.

    A folder that cannot be looked into is passed over: nothing in it can be taken in either.
    """
    seen: set[str] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen or not Path(real).is_relative_to(root):
            continue
        seen.add(real)
        try:
            items = list(os.scandir(folder))
        except OSError:
            continue
        for item in items:
            path = folder / item.name
            if item.is_symlink() and not is_within(path, root):
                continue
            try:
                is_folder, is_file = item.is_dir(), item.is_file()
            except OSError:
                continue
            if is_folder:
                waiting.append(path)
            elif is_file:
                yield path


def _opened_traces(file: Path, path: Path) -> list[Trace]:
    try:
        return _traces(file, path)
    except OSError:
        return [Trace("file", False, "cannot be opened")]


def _traces(file: Path, path: Path) -> list[Trace]:
    """Read a file as what its name says it is; what has no reader is not opened."""
    if file.suffix == ".json":
        is_dictionary = file.stem.rsplit("_", 1)[-1] in DICTIONARIES
        return dictionary_traces(file) if is_dictionary else json_traces(file)
    if file.name.endswith(TABLES):
        return _table_traces(file, path)
    ending = ".nii.gz" if file.name.endswith(".nii.gz") else file.suffix
    return READERS[ending](file) if ending in READERS else []


def _table_traces(file: Path, path: Path) -> list[Trace]:
    if file.stat().st_size > MOST_BYTES:
        return [too_large("table")]
    try:
        return _traces_of_table(read_table(file, path.as_posix()).rows)
    except TableFileError:
        return [Trace("table", False, "cannot be read as a table")]


def _traces_of_table(rows: pd.DataFrame) -> list[Trace]:
    traces = (_trace_of_column(column, rows[column].dropna()) for column in rows.columns)
    return [one for one in traces if one is not None]


def _trace_of_column(column: str, cells: pd.Series) -> Trace | None:
    if cells.empty:
        return None
    kind = words.kind_of_column(column)
    if any(words.holds_date(cell) for cell in cells):
        return Trace(shown_field(column), True, "a date that is not shifted to 1925 or before")
    if column.lower() == "acq_time":
        return None
    if kind == "identifying":
        return Trace(shown_field(column), True)
    if any(words.holds_person(cell) for cell in cells):
        return Trace(shown_field(column), True, "a person's name")
    if kind == "allowed":
        return None
    if cells.str.fullmatch(r"\d{7,}").mean() > 0.5:
        return Trace(shown_field(column), False, "numbers as long as those of records")
    is_prose = cells.str.contains(r"[^\W\d_]{2,}[\s,]+[^\W\d_]") & ~cells.duplicated(keep=False)
    return (
        Trace(shown_field(column), False, "texts of their own") if is_prose.mean() > 0.5 else None
    )


def _find_old(rows: pd.DataFrame, column: str, findings: Findings) -> None:
    for line, subject, cell in rows[["participant_id", column]].dropna().itertuples():
        age = parse_number(cell)
        if age is not None and age > OLDEST_YEARS:
            findings.add(
                BLOCKS,
                f"{PARTICIPANTS} line {line} has an age above {OLDEST_YEARS} in {column}, which "
                f"can identify a person. Write {OLDEST_YEARS}+ there, or, once a reviewer has "
                f'looked at it, `privacy.allow = ["{column}"]` in study.toml.',
                subject.removeprefix("sub-"),
            )


def _traces_of_name(path: Path) -> list[Trace]:
    """Judge the names of a file and its folders; derived files have names of their programs."""
    text = path.as_posix()
    if words.holds_date(text):
        return [Trace("file_name", True, "a date in the name of the file or folder")]
    if path.parts[0] == "derivatives" or len(path.parts) == 1:
        return []
    if words.is_like_a_name(path.parts[0].removeprefix("sub-")):
        return [Trace("file_name", False, "a label of the patient that reads like a name")]
    if not _BIDS_NAME.fullmatch(path.name):
        return [Trace("file_name", False, "a name that BIDS does not know")]
    return []


def _session(path: Path) -> str:
    for part in path.parts:
        found = re.search(r"(?:^|_)ses-([0-9A-Za-z]+)(?:$|_)", part)
        if found:
            return found[1]
    return EVERY


def _is_allowed(field: str, allowed: Collection[str]) -> bool:
    return field.lower() in {name.lower() for name in allowed}


def _tell(
    findings: Findings, where: str, traces: Iterable[Trace], subject: str, session: str
) -> None:
    """Add one sentence for the fields that block, and one for those that are noted."""
    for blocks, reason, says in (
        (True, BLOCKS, "can identify a person"),
        (False, POSSIBLE, "might identify a person and that nobody has looked at"),
    ):
        mine = sorted(one for one in set(traces) if one.blocks is blocks)
        if not mine:
            continue
        names = ", ".join(f'"{one.field}"' for one in mine[:5])
        findings.add(
            reason,
            f"{where}: has fields that {says}: {listed([str(one) for one in mine])}. {_MEND} "
            f"`privacy.allow = [{names}]` in study.toml.",
            subject,
            session,
        )
