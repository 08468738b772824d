"""The treatment of each patient: placement, number of sessions, charge, seizures, medication.

Which columns hold it is said by [treatment] of study.toml: of participants.tsv, which
`participants` reads, or of the sessions files, which are read here. When the scans were taken
belongs in `session_order`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.participant_rows import PARTICIPANTS, list_dataset
from ect_assets.intake.privacy_texts import likeness_to_name
from ect_assets.intake.rating_files import SessionsFile, read_sessions_files
from ect_assets.intake.tsv import (
    MISSING_NUMBERS,
    column_named,
    describe,
    parse_number,
    shown_columns,
)
from ect_assets.problems import StudyError
from ect_assets.science.plausibility import ECT_CHARGE_MC, ECT_DAYS, ECT_SEIZURE_S, ECT_SESSIONS

BOUNDS = {
    "n_ect": ECT_SESSIONS,
    "ect_charge_mc": ECT_CHARGE_MC,
    "ect_seizure_s": ECT_SEIZURE_S,
    "days_since_ect": ECT_DAYS,
}
TEXTS = ("ect_placement", "ect_medication")
COLUMNS = ("ect_placement", "n_ect", "ect_charge_mc", "ect_seizure_s", "days_since_ect", TEXTS[1])
"""What the table `participants` has of the treatment, in its order."""
_PLACEMENTS = {
    **dict.fromkeys(("rul", "right unilateral", "d elia", "ru"), "right_unilateral"),
    **dict.fromkeys(("lul", "left unilateral", "lu"), "left_unilateral"),
    **dict.fromkeys(("bt", "bl", "bitemporal", "bilateral", "bifrontotemporal"), "bitemporal"),
    **dict.fromkeys(("bf", "bifrontal"), "bifrontal"),
    **dict.fromkeys(("lart", "left anterior right temporal"), "left_anterior_right_temporal"),
    "mixed": "mixed",
}
"""How placements are written, in lower case with blanks for signs -> how we do."""


def placement(text: str) -> str:
    """Name a placement in one way, whatever abbreviation a clinic uses; others stay as they are."""
    return _PLACEMENTS.get(re.sub(r"[^a-z0-9]+", " ", text.lower()).strip(), text)


def in_participants(bids: Path, wanted: Mapping[str, str]) -> dict[str, str]:
    """Find the columns of the treatment that participants.tsv has.

    Parameters
    ----------
    wanted : mapping of str to str
        Our name -> the column that study.toml names.

    Returns
    -------
    dict of str to str
        Column of participants.tsv -> our name.
    """
    rows = list_dataset(bids).rows if wanted else None
    there = [] if rows is None else list(rows.columns)
    found = {ours: column_named(theirs, there) for ours, theirs in wanted.items()}
    return {str(column): ours for ours, column in found.items() if column is not None}


def of_sessions(
    bids: Path,
    subjects: Sequence[str],
    sessions: tuple[str, str],
    wanted: Mapping[str, str],
    allowed: Collection[str],
    findings: Findings,
) -> pd.DataFrame:
    """Read the columns of the treatment that stand in the sessions files.

    The row of the follow-up counts, and that of the baseline where its cell is empty.

    Parameters
    ----------
    wanted : mapping of str to str
        Our name -> column; those that participants.tsv does not have.
    allowed : collection of str
        ``privacy.allow``: columns whose texts are taken as they are.
    findings : Findings
        Takes up ``value_not_a_number``, ``value_out_of_range`` and ``text_withheld``: the value is
        missing then.

    Returns
    -------
    DataFrame
        Indexed by subject, one column per name.

    Raises
    ------
    StudyError
        When a column is in no file.
    """
    # What is wrong with the files is told where the ratings are read.
    quietly = Findings("participants")
    files = read_sessions_files(bids, list(subjects), sessions, quietly) if wanted else {}
    columns = {}
    for ours, theirs in wanted.items():
        cells = {one: _cell(file, theirs, sessions) for one, file in files.items()}
        if not any(column_named(theirs, file.columns) for file in files.values()):
            known = sorted({name for file in files.values() for name in file.columns})
            raise StudyError(
                f"[treatment] of study.toml names the column {theirs}, which neither "
                f"{PARTICIPANTS} nor a sub-*_sessions.tsv has; columns of the latter: "
                f"{shown_columns(known)}. Fix that setting, or the files."
            )
        there = {one: cell for one, cell in cells.items() if cell is not None}
        if ours in TEXTS:
            is_allowed = theirs.casefold() in {name.casefold() for name in allowed}
            values: Mapping[str, object] = _texts(ours, there, is_allowed, findings)
        else:
            values = _numbers(ours, there, findings)
        columns[ours] = pd.Series(values, index=pd.Index(subjects))
    return pd.DataFrame(columns, index=pd.Index(subjects, name="subject"))


Cell = tuple[str, str]
"""The text of a cell, and where it stands."""


def _cell(file: SessionsFile, column: str, sessions: tuple[str, str]) -> Cell | None:
    name = column_named(column, file.columns)
    for session in reversed(sessions):
        row = file.rows.get(session)
        if row is None or name is None:
            continue
        text = row[name]
        if isinstance(text, str) and text.lower() not in MISSING_NUMBERS:
            return text, f"{file.shown} line {row.name} column {name}"
    return None


def _numbers(ours: str, cells: Mapping[str, Cell], findings: Findings) -> dict[str, float]:
    values = {}
    bounds = BOUNDS[ours]
    for subject, (text, place) in cells.items():
        number = parse_number(text)
        if number is None:
            reason, why = "value_not_a_number", f"has {describe(text)}, expected a number or `n/a`"
        elif not bounds.allow(number):
            reason = "value_out_of_range"
            why = f"has a number outside {bounds.low:g} to {bounds.high:g} {bounds.unit}"
        else:
            values[subject] = number
            continue
        findings.add(reason, f"{place} {why}. It counts as missing. Fix that cell.", subject)
    return values


def _texts(
    ours: str, cells: Mapping[str, Cell], is_allowed: bool, findings: Findings
) -> dict[str, str]:
    """Take known placements, and single words that several patients share and that are no names.

    The screen for identifying content says of all other texts that they are not taken in.
    """
    is_placement = ours == "ect_placement"
    words = {one: placement(text) if is_placement else text for one, (text, _) in cells.items()}
    times = Counter(word.casefold() for word in words.values())
    known = set(_PLACEMENTS.values()) if is_placement else set()
    values = {}
    for subject, word in words.items():
        is_plain = not re.search(r"\s", word) and likeness_to_name(word) == "none"
        if is_allowed or word in known or (is_plain and times[word.casefold()] > 1):
            values[subject] = word
            continue
        findings.add(
            "text_withheld",
            f"{cells[subject][1]} has a text that might identify: more than a word, or one that no "
            "other patient has. It counts as missing. Write a category, or set `privacy.allow` for "
            "that column once a reviewer has checked it.",
            subject,
        )
    return values
