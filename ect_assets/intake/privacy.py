"""The privacy screen: content that can tell who a patient is, found before it is taken in.

It goes through a patient's files and through participants.tsv and reports what it found, by the
names of fields and never by their values. What identifies, or cannot be looked through, blocks the
patient; what cannot be judged is noted. What a file holds belongs in `privacy_files`,
`privacy_sidecars` and `privacy_tables`, which words identify in `privacy_words` and
`privacy_texts`. Faces in the images are not looked at, nor are burnt-in letters: T1-weighted
images are treated as faced.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from ect_assets.intake import privacy_texts as texts
from ect_assets.intake import privacy_words as words
from ect_assets.intake.findings import Findings
from ect_assets.intake.folder_names import names_beginning, names_ending, names_in
from ect_assets.intake.privacy_files import mgh_traces, nifti_traces, transform_traces
from ect_assets.intake.privacy_sidecars import dictionary_traces, json_traces
from ect_assets.intake.privacy_tables import free_text_columns, table_traces, traces_of_table
from ect_assets.intake.privacy_texts import OLDEST_YEARS
from ect_assets.intake.privacy_words import Trace, not_checked
from ect_assets.intake.source_files import is_within
from ect_assets.intake.tsv import TableFileError, read_table
from ect_assets.problems import EVERY, NOT_CHECKED, Problem, listed

BLOCKS, POSSIBLE = "identifying_content", "identifying_content_possible"
UNCHECKED = NOT_CHECKED
BLOCKING = (BLOCKS, UNCHECKED)
"""Reasons with which nothing of a patient is taken in."""

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

_SIDECAR = re.compile(r"([a-z]+-[0-9A-Za-z+]+_)*[0-9A-Za-z]+\.json")
_SESSION = re.compile(r"(?:^|_)ses-([0-9A-Za-z]+)(?:$|_)")
_NOT_SIDECARS = ("dataset_description.json", "participants.json", "genetic_info.json")
_FIX = "Remove it, or, once a reviewer has checked it, set"


def screen_subject(
    bids: Path,
    subject: str,
    allowed: Collection[str],
    made_here: Path | None = None,
    folders: Sequence[Path] = (),
) -> list[Problem]:
    """Look for identifying content in a patient's files.

    Read are sidecars, headers with their extensions and what stands behind the image, tags of
    FreeSurfer volumes, transforms, ``*_scans.tsv``, ``*_sessions.tsv``, and the names of the files.

    Parameters
    ----------
    allowed : collection of str
        Fields that a reviewer of the study has looked at (``privacy.allow``), in any case.
    made_here : Path, optional
        A folder that this platform writes itself; nothing in it came from outside.
    folders : sequence of Path
        The patient's folders outside the dataset, such as FreeSurfer's.

    Returns
    -------
    list of Problem
        ``identifying_content`` and ``not_checked`` (the patient cannot be taken in) and
        ``identifying_content_possible`` (noted), one of each per session at most; session ``*``
        for files of the whole patient or dataset.
    """
    findings = Findings("raw_scans")
    found: dict[tuple[str, tuple[Trace, ...]], list[str]] = defaultdict(list)
    for file in screened_files(bids, subject, made_here, folders):
        path = _path_in_messages(file, bids, folders)
        traces = {*_opened_traces(file, path), *_traces_of_name(path, subject)}
        kept = tuple(sorted(one for one in traces if not _is_allowed(one.field, allowed)))
        if kept:
            found[_session(path), kept].append(_shown(path, subject))
    for (session, traces_found), files in found.items():
        where = files[0] if len(files) == 1 else f"{len(files)} files ({listed(files, 2)})"
        _add(findings, where, traces_found, subject, session)
    return findings.problems


def _path_in_messages(file: Path, bids: Path, folders: Sequence[Path]) -> Path:
    """Name a file relative to the dataset, or to where the patient's folder outside of it lies."""
    if file.is_relative_to(bids):
        return file.relative_to(bids)
    return next(
        Path("derivatives", folder.parent.name) / file.relative_to(folder.parent)
        for folder in folders
        if file.is_relative_to(folder)
    )


def screened_files(
    bids: Path, subject: str, made_here: Path | None = None, folders: Sequence[Path] = ()
) -> list[Path]:
    """List every file that `screen_subject` may look at.

    Parameters
    ----------
    made_here, folders
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
    for folder in folders:
        inside += _files_below(folder, Path(os.path.realpath(folder)))
    return sorted(
        file for file in set(inside) if made_here is None or not file.is_relative_to(made_here)
    )


def screen_participants(bids: Path, allowed: Collection[str]) -> list[Problem]:
    """Look for identifying columns and cells in participants.tsv.

    Parameters
    ----------
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
    traces = [
        one for one in traces_of_table(rows, ages=False) if not _is_allowed(one.field, allowed)
    ]
    _add(findings, PARTICIPANTS, traces, EVERY, EVERY)
    for column in rows.columns:
        if words.is_age(column) and not _is_allowed(column, allowed):
            _find_old(rows, column, findings)
    return findings.problems


def withheld_columns(bids: Path, allowed: Collection[str]) -> list[str]:
    """List the columns of participants.tsv that are free text and stay out of the lake.

    Parameters
    ----------
    allowed : collection of str
        ``privacy.allow``.
    """
    try:
        return free_text_columns(
            read_table(bids / PARTICIPANTS, PARTICIPANTS, within=bids).rows, allowed
        )
    except TableFileError:
        return []


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
    """Look through a file; one that cannot be looked through blocks its patient."""
    try:
        return _traces(file, path)
    except OSError:
        return [
            not_checked("file", "cannot be opened", "Give the user who runs `ect` read permission.")
        ]
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        # Whatever the fault is, what nobody looked through is not taken in.
        return [
            not_checked(
                "file",
                f"could not be screened ({type(error).__name__})",
                "Export it again, or move it out of the dataset.",
            )
        ]


def _traces(file: Path, path: Path) -> list[Trace]:
    """Read a file as what its name says it is; what has no reader is not opened."""
    if file.suffix == ".json":
        is_dictionary = file.stem.rsplit("_", 1)[-1] in DICTIONARIES
        return dictionary_traces(file) if is_dictionary else json_traces(file)
    if file.name.endswith(TABLES):
        return table_traces(file, path.as_posix())
    ending = ".nii.gz" if file.name.endswith(".nii.gz") else file.suffix
    return READERS[ending](file) if ending in READERS else []


def _find_old(rows: pd.DataFrame, column: str, findings: Findings) -> None:
    if "participant_id" not in rows or column == "participant_id":
        return
    unit = words.age_unit(column)
    shown = words.shown_field(column)
    for line, subject, cell in rows[["participant_id", column]].dropna().itertuples():
        if texts.is_old(cell, unit):
            findings.add(
                BLOCKS,
                f"{PARTICIPANTS} line {line} has an age above {OLDEST_YEARS} in {shown}, which "
                f"can identify a person. Write {OLDEST_YEARS}+ there, or, once a reviewer has "
                f'looked at it, `privacy.allow = ["{shown}"]` in study.toml.',
                subject.removeprefix("sub-"),
            )


def _traces_of_name(path: Path, subject: str) -> list[Trace]:
    """Judge the names of a file and its folders; derived files have names of their programs."""
    rest = path.as_posix().replace(f"sub-{subject}", "")
    if texts.holds_date(path.as_posix()):
        return [Trace("file_name", True, "a date in the name of the file or folder")]
    if texts.holds_person(rest):
        return [Trace("file_name", True, "a person's name in the name of the file or folder")]
    if path.parts[0] == "derivatives" or len(path.parts) == 1:
        return []
    if texts.is_like_a_name(path.parts[0].removeprefix("sub-")):
        return [Trace("file_name", False, "a patient label that looks like a name")]
    if texts.holds_given_name(rest):
        return [Trace("file_name", True, "a person's name in the name of the file or folder")]
    if not words.BIDS_NAME.fullmatch(path.name):
        return [Trace("file_name", False, "a name unknown to BIDS")]
    return []


def _shown(path: Path, subject: str) -> str:
    """Name a file in a message without what may be somebody's name in it."""
    return "/".join(words.shown_file(part, subject) for part in path.parts)


def _session(path: Path) -> str:
    for part in path.parts:
        found = _SESSION.search(part)
        if found:
            return found[1]
    return EVERY


def _is_allowed(field: str, allowed: Collection[str]) -> bool:
    return field.lower() in {name.lower() for name in allowed}


def _add(
    findings: Findings, where: str, traces: Iterable[Trace], subject: str, session: str
) -> None:
    """Add one sentence for what could not be looked through, for what blocks, for what is noted."""
    found = sorted(set(traces))
    for one in found:
        if one.fix:
            findings.add(
                UNCHECKED,
                f"{where} {one.says}, so it may identify a person. {one.fix}",
                subject,
                session,
            )
    for blocks, reason, says in (
        (True, BLOCKS, "can identify a person"),
        (False, POSSIBLE, "may identify a person and were not reviewed"),
    ):
        mine = [one for one in found if one.blocks is blocks and not one.fix]
        if not mine:
            continue
        names = ", ".join(f'"{one.field}"' for one in mine[:5])
        findings.add(
            reason,
            f"{where}: has fields that {says}: {listed([str(one) for one in mine])}. {_FIX} "
            f"`privacy.allow = [{names}]` in study.toml.",
            subject,
            session,
        )
