"""Ratings and questionnaires: one score per subject, session and instrument.

Where the cells stand belongs in `rating_files`; here they become numbers, or a finding. What the
scores mean and how they changed belongs in `statistics`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.plausible_scores import known_instrument
from ect_assets.intake.rating_files import (
    Cell,
    Cells,
    cells_of_own_file,
    cells_of_sessions_files,
    read_sessions_files,
)
from ect_assets.intake.tsv import describe, parse_number
from ect_assets.problems import Problem
from ect_assets.science.plausibility import MISSING_CODES, is_missing_code_among
from ect_assets.study import Instrument

COLUMNS = ("subject", "session", "instrument", "score")
SCORE_MISSING = "score_missing"


def read_clinical_scores(
    bids: Path,
    subjects: Sequence[str],
    sessions: tuple[str, ...],
    instruments: Mapping[str, Instrument],
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the scores of all instruments.

    Parameters
    ----------
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
        ``score_out_of_range`` (also of a missing code such as 999), ``line_malformed``,
        ``session_duplicated``, ``subject_duplicated``, ``row_of_another_subject``,
        ``column_missing``, ``sessions_file_missing``, ``table_unreadable``.

    Raises
    ------
    StudyError
        When an instrument's table or column is nowhere to be found.
    """
    findings = Findings("clinical_scores")
    ordered = sorted(subjects)
    in_sessions_files = [name for name, setting in instruments.items() if setting.file is None]
    files = read_sessions_files(bids, ordered, sessions, findings) if in_sessions_files else {}
    cells = {
        name: cells_of_sessions_files(files, sessions, name, setting, findings)
        if setting.file is None
        else cells_of_own_file(bids, setting.file, ordered, sessions, name, setting, findings)
        for name, setting in instruments.items()
    }
    limits = {name: _Limits.of(name, one, cells[name]) for name, one in instruments.items()}
    rows = []
    for subject in ordered:
        for name in instruments:
            for session in sessions:
                cell = cells[name].get((subject, session))
                score = cell and _score(cell, limits[name], subject, session, findings)
                if score is not None:
                    rows.append((subject, session, name, score))
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    kinds = dict.fromkeys(COLUMNS[:3], "str") | {"score": "float64"}
    return frame.astype(kinds), findings.problems


@dataclass(frozen=True)
class _Limits:
    """What the scores of an instrument may be: as study.toml says, else as is known of it."""

    name: str
    title: str
    low: float
    high: float
    source: str
    numbers: tuple[float, ...]

    @classmethod
    def of(cls, name: str, setting: Instrument, cells: Cells) -> _Limits:
        columns = (setting.column or "", *setting.columns.values())
        known = known_instrument(name, setting.title, *columns)
        said = (setting.minimum, setting.maximum)
        usual = (-math.inf, math.inf) if known is None else (known.low, known.high)
        low, high = (other if one is None else one for one, other in zip(said, usual, strict=True))
        is_usual = known is not None and None in said
        source = f" ({known.what}: {known.source})" if known is not None and is_usual else ""
        numbers = (parse_number(cell.text) for cell in cells.values() if cell.text is not None)
        there = tuple(number for number in numbers if number is not None)
        return cls(name, setting.title, low, high, source, there)

    def refusal(self, score: float) -> str | None:
        """Say what is wrong with a score; None where nothing is."""
        is_code = score in MISSING_CODES
        # A longer number may be a date.
        shown = f"{score:g}" if is_code or abs(score) < 1_000 else "a number of four digits or more"
        code = ", a usual code for a missing value" if is_code else ""
        if not self.low <= score <= self.high:
            as_missing = "Write `n/a` there if it is missing, or fix" if is_code else "Fix"
            return (
                f"has {shown}{code} for {self.title}, expected {self.low:g} to {self.high:g}"
                f"{self.source}. {as_missing} that cell, or set `minimum` and `maximum` in "
                f"[instruments.{self.name}] of study.toml."
            )
        is_limited = math.isfinite(self.low if score < 0 else self.high)
        if is_code and not is_limited and is_missing_code_among(score, self.numbers):
            return (
                f"has {score:g}{code}, for {self.title}. Write `n/a` there; if it is a score, set "
                f"`minimum` and `maximum` in [instruments.{self.name}] of study.toml."
            )
        return None


def _score(
    cell: Cell, limits: _Limits, subject: str, session: str, findings: Findings
) -> float | None:
    """Take the number of a cell, or tell why it cannot be used."""
    if cell.text is None:
        findings.add(
            SCORE_MISSING,
            f"{limits.title} is missing in {cell.place}, so this patient cannot be in the "
            f"analysis of {limits.name}. Fill it in if it was rated.",
            subject,
            session,
        )
        return None
    score = parse_number(cell.text)
    if score is None:
        findings.add(
            "value_not_a_number",
            f"{cell.place} has {describe(cell.text)} for {limits.title}, expected a number or "
            "`n/a`. Fix that cell.",
            subject,
            session,
        )
        return None
    refusal = limits.refusal(score)
    if refusal is not None:
        findings.add("score_out_of_range", f"{cell.place} {refusal}", subject, session)
        return None
    return score
