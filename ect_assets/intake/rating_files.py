"""Where the scores of an instrument stand, cell by cell, before they are numbers.

Three layouts are known, as `study.Instrument` says: a column of each subject's
`sub-*_sessions.tsv`; a table of its own (`phenotype/*.tsv`) with one column per session; and such
a table with one row per subject and session (`session_id`). What a cell's number may be belongs in
`clinical`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.source_files import refused_file
from ect_assets.intake.tsv import (
    MISSING_NUMBERS,
    BadLine,
    TableFileError,
    TsvTable,
    column_named,
    lacking_columns,
    read_table,
    shown_columns,
)
from ect_assets.problems import EVERY, StudyError
from ect_assets.study import Instrument

MALFORMED = "line_malformed"


@dataclass(frozen=True)
class Cell:
    """Where a score should stand, and the text found there (None: nothing)."""

    text: str | None
    place: str


Cells = dict[tuple[str, str], Cell]


@dataclass(frozen=True)
class SessionsFile:
    """One `sub-*_sessions.tsv`: its rows by session; None where two rows claim one session."""

    shown: str
    columns: list[str]
    rows: dict[str, pd.Series | None]


def read_sessions_files(
    bids: Path, subjects: Sequence[str], sessions: tuple[str, ...], findings: Findings
) -> dict[str, SessionsFile]:
    """Read each subject's sessions file; who has none that can be used gets a finding.

    Raises
    ------
    StudyError
        When none of them has a column session_id.
    """
    files = {}
    without_id = {}
    for subject in subjects:
        shown = f"sub-{subject}/sub-{subject}_sessions.tsv"
        if not os.path.lexists(bids / shown) and refused_file(bids / shown, bids) is None:
            findings.add(
                "sessions_file_missing",
                f"{shown} is missing, expected one row per session with the ratings. Add it.",
                subject,
            )
            continue
        try:
            table = read_table(bids / shown, shown, within=bids)
        except TableFileError as error:
            findings.add("table_unreadable", str(error), subject)
            continue
        if "session_id" not in table.rows:
            without_id[subject] = table.rows
            continue
        rows = _rows_by_session(table, shown, subject, sessions, findings)
        files[subject] = SessionsFile(shown, list(table.rows.columns), rows)
    _refuse_without_sessions(without_id, bool(files), findings)
    return files


def _refuse_without_sessions(
    tables: dict[str, pd.DataFrame], others_have: bool, findings: Findings
) -> None:
    if tables and not others_have:
        found = sorted({column for table in tables.values() for column in table.columns})
        raise StudyError(
            "No sub-*_sessions.tsv has the column session_id; columns found: "
            f"{shown_columns(found)}. Rename the column that holds the sessions."
        )
    for subject, table in tables.items():
        findings.add(
            "column_missing",
            f"sub-{subject}/sub-{subject}_sessions.tsv has no column session_id; it has: "
            f"{shown_columns(table.columns)}. Rename the column that holds the sessions.",
            subject,
        )


def _rows_by_session(
    table: TsvTable, shown: str, subject: str, sessions: tuple[str, ...], findings: Findings
) -> dict[str, pd.Series | None]:
    mine = _own_rows(table.rows, shown, subject, findings)
    labels = mine["session_id"].str.removeprefix("ses-")
    rows: dict[str, pd.Series | None] = {}
    for label, lines in labels.groupby(labels).groups.items():
        session = str(label)
        rows[session] = mine.loc[lines[0]] if len(lines) == 1 else None
        if len(lines) > 1 and session in sessions:
            findings.add(
                "session_duplicated", _twice(shown, "this session", list(lines)), subject, session
            )
    for line in table.bad:
        rows |= dict.fromkeys(_spoiled(line, subject, sessions, findings))
    return rows


def _own_rows(rows: pd.DataFrame, shown: str, subject: str, findings: Findings) -> pd.DataFrame:
    """Leave away rows that a sessions file says are another subject's."""
    if "participant_id" not in rows:
        return rows
    is_mine = rows["participant_id"].fillna(subject).str.removeprefix("sub-") == subject
    if not is_mine.all():
        lines = ", ".join(map(str, rows.index[~is_mine]))
        findings.add(
            "row_of_another_subject",
            f"{shown} line {lines} has another participant_id than the file's own. Those lines are "
            "not used. Fix participant_id, or put them into that subject's file.",
            subject,
        )
    return rows[is_mine]


def _spoiled(
    line: BadLine, subject: str, sessions: tuple[str, ...], findings: Findings
) -> list[str]:
    """Tell of a line that does not fit; name the session that it may be about, if known."""
    session = line.session(sessions)
    if session is not None and session not in sessions:
        return []
    findings.add(MALFORMED, line.says, subject, session or EVERY)
    return [session] if session else []


def _twice(shown: str, what: str, lines: Sequence[Hashable]) -> str:
    return (
        f"{shown} has {what} in lines {', '.join(map(str, lines))}, expected one. None of them is "
        "used. If one belongs to another session, fix its `session_id`; else merge them."
    )


def cells_of_sessions_files(
    files: dict[str, SessionsFile],
    sessions: tuple[str, ...],
    name: str,
    setting: Instrument,
    findings: Findings,
) -> Cells:
    """Find an instrument's cells in the sessions files.

    Raises
    ------
    StudyError
        When no file has the column.
    """
    wanted = str(setting.column)
    columns = {subject: column_named(wanted, file.columns) for subject, file in files.items()}
    if files and not any(columns.values()):
        found = sorted({found for file in files.values() for found in file.columns})
        raise StudyError(
            f"No sub-*_sessions.tsv has the column {wanted}; columns found: "
            f"{shown_columns(found)}. Fix `column` in [instruments.{name}] of study.toml."
        )
    cells: Cells = {}
    for subject, file in files.items():
        column = columns[subject]
        if column is None:
            findings.add(
                "column_missing",
                f"{file.shown} has no column {wanted} ({setting.title}), which other subjects' "
                f"files have; it has: {shown_columns(file.columns)}. Add or rename the column.",
                subject,
            )
            continue
        for session in sessions:
            if session not in file.rows:
                lacks = f"no row for ses-{session}{_otherwise_written(session, file.rows)}"
                cells[subject, session] = Cell(None, f"{file.shown} ({lacks})")
                continue
            row = file.rows[session]
            if row is not None:
                place = f"{file.shown} line {row.name} column {column}"
                cells[subject, session] = Cell(_text(row[column]), place)
    return cells


def cells_of_own_file(
    bids: Path,
    file: Path,
    subjects: Sequence[str],
    sessions: tuple[str, ...],
    name: str,
    setting: Instrument,
    findings: Findings,
) -> Cells:
    """Find an instrument's cells in a table of its own.

    Raises
    ------
    StudyError
        When the table cannot be read, or lacks a column that study.toml names.
    """
    shown = file.name if file.is_absolute() else file.as_posix()
    # A file that study.toml puts elsewhere is the user's choice; a link is not.
    is_chosen = file.is_absolute() or ".." in file.parts
    within = None if is_chosen else bids
    place = f"[instruments.{name}] of study.toml"
    unsaid = [session for session in sessions if session not in setting.columns]
    if unsaid:
        raise StudyError(
            f"{place} has no column for session {', '.join(unsaid)}; it has: "
            f"{', '.join(setting.columns)}. Add it to `columns`."
        )
    try:
        table = read_table(bids / file, shown, within)
    except TableFileError as error:
        raise StudyError(f"{error} It is the `file` in {place}.") from error
    columns = _columns_of(table.rows, shown, sessions, setting, place)
    spoiled = _spoiled_rows(table.bad, subjects, sessions, findings)
    reader = _OwnTable(table, shown, columns, findings)
    cells: Cells = {}
    for subject in subjects:
        if (subject, EVERY) not in spoiled:
            found = reader.cells(subject, sessions)
            cells |= {key: cell for key, cell in found.items() if key not in spoiled}
    return cells


def _columns_of(
    rows: pd.DataFrame, shown: str, sessions: tuple[str, ...], setting: Instrument, place: str
) -> dict[str, str]:
    """Name the column of each session as the table writes it."""
    said = setting.columns
    wanted = ["participant_id", *(said[session] for session in sessions)]
    lacking = lacking_columns(wanted, rows.columns)
    if lacking is not None:
        raise StudyError(f"{shown} has {lacking}. Fix the file, or {place}.")
    columns = {one: str(column_named(said[one], rows.columns)) for one in sessions}
    if len(set(columns.values())) < len(columns) and "session_id" not in rows:
        raise StudyError(
            f"{shown} has one column for several sessions ({', '.join(set(columns.values()))}) and "
            f"no column session_id to distinguish them. Add session_id to the file, or name a "
            f"column for each session in `columns` of {place}."
        )
    return columns


def _spoiled_rows(
    bad: tuple[BadLine, ...],
    subjects: Collection[str],
    sessions: tuple[str, ...],
    findings: Findings,
) -> set[tuple[str, str]]:
    """Tell of lines that do not fit; name the subjects and sessions that they may be about."""
    spoiled = set()
    for line in bad:
        subject = line.subject(subjects)
        if subject in subjects and subject is not None:
            session = line.session(sessions)
            if session is None or session in sessions:
                findings.add(MALFORMED, line.says, subject, session or EVERY)
                spoiled.add((subject, session or EVERY))
    return spoiled


class _OwnTable:
    """A table of one instrument or more, read subject by subject."""

    def __init__(self, table: TsvTable, shown: str, columns: dict[str, str], findings: Findings):
        self.rows = table.rows
        self.shown = shown
        self.columns = columns
        self.findings = findings
        self.is_long = "session_id" in table.rows
        self.has_own_columns = len(set(columns.values())) == len(columns)
        labels = self.rows["participant_id"].fillna("").str.removeprefix("sub-")
        self.lines_of = labels.groupby(labels).groups
        nobodys = [str(line.number) for line in table.bad]
        self.unread = f"; line {', '.join(nobodys)} does not fit the header" if nobodys else ""

    def cells(self, subject: str, sessions: tuple[str, ...]) -> Cells:
        """Find the cells of a subject."""
        rows = self.rows.loc[list(self.lines_of.get(subject, []))]
        if rows.empty or self.is_long:
            found = {one: self._cell(rows, subject, one) for one in sessions}
            return {(subject, one): cell for one, cell in found.items() if cell is not None}
        if len(rows) > 1:
            self.findings.add(
                "subject_duplicated",
                f"{self.shown} has this subject in lines {', '.join(map(str, rows.index))}, "
                "expected one line. Neither is used. If they are different sessions, add a column "
                "`session_id`; if one is another subject's, fix its `participant_id`; else merge "
                "them.",
                subject,
            )
            return {}
        return {(subject, one): self._at(rows.index[0], one) for one in sessions}

    def _cell(self, rows: pd.DataFrame, subject: str, session: str) -> Cell | None:
        """Find the cell of one session; None where several claim to be it, which is told."""
        if rows.empty:
            return Cell(None, f"{self.shown} (no row for sub-{subject}{self.unread})")
        labels = rows["session_id"].str.removeprefix("ses-")
        of_session = rows[labels == session]
        filled = rows[rows[self.columns[session]].map(_text, na_action="ignore").notna()]
        if self.has_own_columns and len(filled) == 1:
            return self._at(filled.index[0], session)
        if len(of_session) == 1:
            return self._at(of_session.index[0], session)
        if of_session.empty and not (self.has_own_columns and len(filled)):
            hint = f"{_otherwise_written(session, labels.dropna())}{self.unread}"
            return Cell(None, f"{self.shown} (no row for sub-{subject} ses-{session}{hint})")
        lines = list((filled if of_session.empty else of_session).index)
        self.findings.add(
            "session_duplicated", _twice(self.shown, "this session", lines), subject, session
        )
        return None

    def _at(self, line: Hashable, session: str) -> Cell:
        column = self.columns[session]
        return Cell(_text(self.rows.at[line, column]), f"{self.shown} line {line} column {column}")


def _otherwise_written(session: str, labels: Iterable[str]) -> str:
    """Point at a label that differs from a session's in upper and lower case alone."""
    found = sorted({one for one in labels if one.casefold() == session.casefold()})
    return f"; is {', '.join(f'ses-{one}' for one in found)} meant?" if found else ""


def _text(value: object) -> str | None:
    is_there = isinstance(value, str) and value.lower() not in MISSING_NUMBERS
    return value if is_there and isinstance(value, str) else None
