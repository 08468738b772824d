"""Ratings and questionnaires: one score per subject, session and instrument.

Two places are known, as `study.Instrument` says: a column of each subject's
`sub-*_sessions.tsv`, or a table of its own (`phenotype/*.tsv`) with one column per session. What
the scores mean and how they changed belongs in `statistics`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.privacy_words import shown_columns
from ect_assets.intake.source_files import refused_file
from ect_assets.intake.tsv import TableFileError, describe, parse_number, read_tsv
from ect_assets.problems import Problem, StudyError
from ect_assets.study import Instrument

COLUMNS = ("subject", "session", "instrument", "score")


@dataclass(frozen=True)
class _Cell:
    """Where a score should stand, and the text found there (None: nothing)."""

    text: str | None
    place: str


_Cells = dict[tuple[str, str], _Cell]


@dataclass(frozen=True)
class _SessionsFile:
    """One `sub-*_sessions.tsv`: its rows by session; None where two rows claim one session."""

    shown: str
    columns: list[str]
    rows: dict[str, pd.Series | None]


def read_clinical_scores(
    bids: Path,
    subjects: Sequence[str],
    sessions: tuple[str, ...],
    instruments: Mapping[str, Instrument],
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the scores of all instruments.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subjects : sequence of str
        Labels, without ``sub-``.
    sessions : tuple of str
        The sessions that are compared, in their order.
    instruments : mapping of str to Instrument
        Name -> where its scores are.

    Returns
    -------
    clinical_scores : DataFrame
        subject, session, instrument, score; sorted by subject, then in the order of the
        instruments and of the sessions. Only scores that are present and valid.
    problems : list of Problem
        One per subject, session and reason: ``score_missing``, ``value_not_a_number``,
        ``score_out_of_range``, ``session_duplicated``, ``subject_duplicated``,
        ``column_missing``, ``sessions_file_missing``, ``table_unreadable``.

    Raises
    ------
    StudyError
        When an instrument's table or column is nowhere to be found.
    """
    findings = Findings("clinical_scores")
    ordered = sorted(subjects)
    in_sessions_files = [name for name, setting in instruments.items() if setting.file is None]
    files = _sessions_files(bids, ordered, findings) if in_sessions_files else {}
    cells = {
        name: _cells_of_sessions_files(files, sessions, name, setting, findings)
        if setting.file is None
        else _cells_of_own_file(bids, setting.file, ordered, sessions, name, setting, findings)
        for name, setting in instruments.items()
    }
    rows = []
    for subject in ordered:
        for name, setting in instruments.items():
            for session in sessions:
                cell = cells[name].get((subject, session))
                score = cell and _score(cell, name, setting, subject, session, findings)
                if score is not None:
                    rows.append((subject, session, name, score))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = dict.fromkeys(COLUMNS[:3], "str") | {"score": "float64"}
    return frame.astype(kinds), findings.problems


def _score(
    cell: _Cell, name: str, setting: Instrument, subject: str, session: str, findings: Findings
) -> float | None:
    """Take the number of a cell, or tell why it cannot be used."""
    if cell.text is None:
        findings.add(
            "score_missing",
            f"{setting.title} is missing in {cell.place}, so this patient cannot be in the "
            f"analysis of {name}. Fill it in if it was rated.",
            subject,
            session,
        )
        return None
    score = parse_number(cell.text)
    if score is None:
        findings.add(
            "value_not_a_number",
            f"{cell.place} has {describe(cell.text)} for {setting.title}, expected a number or "
            "`n/a`. Mend that cell.",
            subject,
            session,
        )
        return None
    low = float("-inf") if setting.minimum is None else setting.minimum
    high = float("inf") if setting.maximum is None else setting.maximum
    if not low <= score <= high:
        findings.add(
            "score_out_of_range",
            f"{cell.place} has {score:g} for {setting.title}, expected {low:g} to {high:g}. Mend "
            f"that cell, or the limits in [instruments.{name}] of study.toml.",
            subject,
            session,
        )
        return None
    return score


def _sessions_files(
    bids: Path, subjects: list[str], findings: Findings
) -> dict[str, _SessionsFile]:
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
            table = read_tsv(bids / shown, shown, within=bids)
        except TableFileError as error:
            findings.add("table_unreadable", str(error), subject)
            continue
        if "session_id" not in table:
            without_id[subject] = table
            continue
        files[subject] = _SessionsFile(
            shown, list(table.columns), _rows_by_session(table, shown, subject, findings)
        )
    if without_id and not files:
        found = sorted({column for table in without_id.values() for column in table.columns})
        raise StudyError(
            "No sub-*_sessions.tsv has the column session_id; columns found: "
            f"{shown_columns(found)}. Rename the column that holds the sessions."
        )
    for subject, table in without_id.items():
        findings.add(
            "column_missing",
            f"sub-{subject}/sub-{subject}_sessions.tsv has no column session_id; it has: "
            f"{shown_columns(table.columns)}. Rename the column that holds the sessions.",
            subject,
        )
    return files


def _rows_by_session(
    table: pd.DataFrame, shown: str, subject: str, findings: Findings
) -> dict[str, pd.Series | None]:
    labels = table["session_id"].str.removeprefix("ses-")
    rows: dict[str, pd.Series | None] = {}
    for label, lines in labels.groupby(labels).groups.items():
        session = str(label)
        rows[session] = table.loc[lines[0]] if len(lines) == 1 else None
        if len(lines) > 1:
            findings.add(
                "session_duplicated",
                f"{shown} has this session in lines {', '.join(map(str, lines))}, expected one. "
                "Neither is used. Delete the wrong one.",
                subject,
                session,
            )
    return rows


def _cells_of_sessions_files(
    files: dict[str, _SessionsFile],
    sessions: tuple[str, ...],
    name: str,
    setting: Instrument,
    findings: Findings,
) -> _Cells:
    column = str(setting.column)
    lacking = [subject for subject, file in files.items() if column not in file.columns]
    if files and len(lacking) == len(files):
        found = sorted({found for file in files.values() for found in file.columns})
        raise StudyError(
            f"No sub-*_sessions.tsv has the column {column}; columns found: "
            f"{shown_columns(found)}. "
            f"Mend `column` in [instruments.{name}] of study.toml."
        )
    cells: _Cells = {}
    for subject, file in files.items():
        if subject in lacking:
            findings.add(
                "column_missing",
                f"{file.shown} has no column {column} ({setting.title}), which other subjects' "
                f"files have; it has: {shown_columns(file.columns)}. Add or rename the column.",
                subject,
            )
            continue
        for session in sessions:
            if session not in file.rows:
                cells[subject, session] = _Cell(None, f"{file.shown} (no row for ses-{session})")
                continue
            row = file.rows[session]
            if row is not None:
                cells[subject, session] = _Cell(
                    _text(row[column]), f"{file.shown} line {row.name} column {column}"
                )
    return cells


def _cells_of_own_file(
    bids: Path,
    file: Path,
    subjects: list[str],
    sessions: tuple[str, ...],
    name: str,
    setting: Instrument,
    findings: Findings,
) -> _Cells:
    shown = file.name if file.is_absolute() else file.as_posix()
    # A file that study.toml puts elsewhere is the user's choice; a link is not.
    is_chosen = file.is_absolute() or ".." in file.parts
    within = None if is_chosen else bids
    table = _own_table(bids / file, shown, within, sessions, name, setting)
    labels = table["participant_id"].fillna("").str.removeprefix("sub-")
    lines_of = labels.groupby(labels).groups
    cells: _Cells = {}
    for subject in subjects:
        lines = list(lines_of.get(subject, []))
        if len(lines) > 1:
            findings.add(
                "subject_duplicated",
                f"{shown} has this subject in lines {', '.join(map(str, lines))}, expected one "
                "line. Neither is used. Delete the wrong one.",
                subject,
            )
            continue
        for session in sessions:
            if not lines:
                cells[subject, session] = _Cell(None, f"{shown} (no row for sub-{subject})")
                continue
            column = setting.columns[session]
            cells[subject, session] = _Cell(
                _text(table.at[lines[0], column]), f"{shown} line {lines[0]} column {column}"
            )
    return cells


def _own_table(
    path: Path,
    shown: str,
    within: Path | None,
    sessions: tuple[str, ...],
    name: str,
    setting: Instrument,
) -> pd.DataFrame:
    place = f"[instruments.{name}] of study.toml"
    unsaid = [session for session in sessions if session not in setting.columns]
    if unsaid:
        raise StudyError(
            f"{place} says no column for session {', '.join(unsaid)}; it has: "
            f"{', '.join(setting.columns)}. Add it to `columns`."
        )
    try:
        table = read_tsv(path, shown, within)
    except TableFileError as error:
        raise StudyError(f"{error} It is the `file` in {place}.") from error
    wanted = ["participant_id", *(setting.columns[session] for session in sessions)]
    lacking = [column for column in wanted if column not in table]
    if lacking:
        raise StudyError(
            f"{shown} has no column {', '.join(lacking)}; it has: "
            f"{shown_columns(table.columns)}. Mend the file, or `columns` in {place}."
        )
    return table


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
