"""What `participants.tsv` says of each subject: the table `participants`.

Columns are recognized without regard to case. A cell that cannot be right (text, infinite,
implausible, a missing code) is missing in the table and reported; nothing else of the subject or
of the others is lost. Which rows are whose belongs in `participant_rows`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ect_assets.intake.findings import Findings, listed
from ect_assets.intake.participant_rows import LABEL, PARTICIPANTS, find_unusable, list_dataset
from ect_assets.intake.tsv import (
    MISSING_NUMBERS,
    column_named,
    describe,
    lacking_columns,
    parse_number,
)
from ect_assets.plausibility import (
    AGE_YEARS,
    EDUCATION_YEARS,
    EPISODE_MONTHS,
    MISSING_CODES,
    ONSET_AGE_YEARS,
    Bounds,
    is_missing_code,
    is_missing_code_among,
    known_instrument,
)
from ect_assets.problems import EVERY, Problem, StudyError

BOUNDS = {
    "age_years": AGE_YEARS,
    "education_years": EDUCATION_YEARS,
    "onset_age_years": ONSET_AGE_YEARS,
    "episode_months": EPISODE_MONTHS,
}
COLUMNS = (
    "age_years",
    "sex",
    "education_years",
    "onset_age_years",
    "episode_months",
    "site",
)
"""What the table `participants` has beside `subject`, in its order."""
CONSTANTS = ("sex", "onset_age_years", "site")
"""What is the same in each session of a person; the rest is read of the baseline."""
OUT_OF_RANGE = "value_out_of_range"
_ALIASES = {"age": "age_years"}
_RESERVED = ("simulated",)
"""Columns that every table has, which a file's own cannot be."""
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}


def read_participants(
    bids: Path, rename: dict[str, str], baseline: str | None = None
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read participants.tsv into the table `participants`.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    rename : dict
        Column of the file -> column of the table, such as ``{"edu": "education_years"}``; ``age``
        needs no entry.
    baseline : str, optional
        Session whose row is read where there is one per session.

    Returns
    -------
    participants : DataFrame
        One row per subject, sorted: subject, age_years (``89+`` is read as 89), sex,
        education_years, onset_age_years, episode_months, site, then the further columns of the
        file: numbers where every value present is a number, else text. A column that the file
        lacks is all missing.
        Without a participants.tsv the subjects are those of the folders.
    problems : list of Problem
        ``subject_duplicated`` and ``line_malformed`` (no row of that subject is used),
        ``value_not_a_number`` and ``value_out_of_range`` (the value is missing then),
        ``sex_contradictory`` and ``value_contradictory`` (between sessions; likewise),
        ``column_unusable`` (of the dataset; a further column is left away).

    Raises
    ------
    StudyError
        When the dataset or the file cannot be read, or `rename` does not fit the file.
    """
    listing = list_dataset(bids)
    findings = Findings("participants")
    rows = listing.rows
    if rows is None:
        valid = sorted(label for label in listing.folders if LABEL.fullmatch(label))
        rows = pd.DataFrame({"participant_id": pd.Series(valid, dtype="str")})
        rename = {}
    labels = rows["participant_id"]
    unusable = find_unusable(listing, findings)
    usable = labels.str.fullmatch(LABEL.pattern) & ~labels.isin(unusable)
    rows = rows.rename(columns=_column_names(list(rows.columns), rename))[usable]
    rows = _without_unusable_columns(rows, findings)
    values = pd.DataFrame({"subject": rows["subject"]})
    if "session_id" in rows:
        values["session_id"] = rows["session_id"]
    for column in (*COLUMNS, *(name for name in rows.columns if name not in values)):
        if column not in values:
            values[column] = _values(rows, column, findings)
    if "session_id" in values:
        values = _one_row_each(values, baseline, findings)
    frame = values.sort_values("subject")[["subject", *_in_order(values)]]
    return frame.reset_index(drop=True), findings.problems


def _in_order(values: pd.DataFrame) -> list[str]:
    further = [name for name in values.columns if name not in ("subject", "session_id", *COLUMNS)]
    return [*COLUMNS, *further]


def _column_names(columns: list[str], rename: dict[str, str]) -> dict[str, str]:
    """Map the file's columns to ours without regard to case, refusing what does not fit."""
    lacking = lacking_columns(rename, columns)
    if lacking is not None:
        raise StudyError(
            f"{PARTICIPANTS} has {lacking}. It is named by [participants] in study.toml: fix that "
            "setting, or the file."
        )
    said = {
        str(column_named(name, columns)): column_named(meant, COLUMNS) or meant
        for name, meant in rename.items()
    }
    ours = {name.casefold(): name for name in COLUMNS}
    names = {name: said.get(name) or ours.get(name.casefold(), name) for name in columns}
    names["participant_id"] = "subject"
    for alias, meant in _ALIASES.items():
        for name in columns:
            if name not in said and name.casefold() == alias and meant not in names.values():
                names |= {name: meant}
    _refuse_repeated(columns, names)
    return names


def _refuse_repeated(columns: list[str], names: dict[str, str]) -> None:
    times = Counter(names[column].casefold() for column in columns)
    needed = {name.casefold() for name in ("subject", "session_id", *COLUMNS)}
    repeated = sorted({names[one] for one in columns if times[names[one].casefold()] > 1})
    meant = [name for name in repeated if name.casefold() in needed]
    of_age = [one for one in columns if names[one].casefold() in _ALIASES]
    if meant or len(of_age) > 1:
        both = ", ".join(of_age) if not meant else ", ".join(meant)
        raise StudyError(
            f"{PARTICIPANTS}: two columns would become {both}; it has: {listed(columns, 30)}. "
            "Fix [participants] in study.toml, or rename a column of the file."
        )


def _without_unusable_columns(rows: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Leave away further columns that SQL, which has no regard for case, could not tell apart."""
    alike: dict[str, list[str]] = {}
    for name in rows.columns:
        alike.setdefault(name.casefold(), []).append(name)
    for folded, names in alike.items():
        if len(names) > 1:
            findings.add(
                "column_unusable",
                f"{PARTICIPANTS} has columns whose names differ in case only: {', '.join(names)}. "
                "None of them is used. Rename all but one.",
                EVERY,
            )
        elif folded in _RESERVED:
            findings.add(
                "column_unusable",
                f"{PARTICIPANTS} has a column {names[0]}, a name that every table here uses "
                "itself. It is not used. Rename it.",
                EVERY,
            )
    kept = [name for name in rows.columns if len(alike[name.casefold()]) == 1]
    return rows[[name for name in kept if name.casefold() not in _RESERVED]]


class _Cell(NamedTuple):
    line: int
    subject: str
    text: str


def _values(rows: pd.DataFrame, column: str, findings: Findings) -> pd.Series:
    """Read a column of the table, or a further one of the file."""
    if column in BOUNDS:
        return _numbers(rows, column, findings)
    if column not in rows:
        return pd.Series(index=rows.index, dtype="str")
    if column not in COLUMNS:
        return _as_it_is(rows, column, findings)
    texts = _without_codes(rows, column, findings)
    if column == "sex":
        texts = texts.map(lambda sex: _SEXES.get(sex.lower(), sex), na_action="ignore")
    return texts.astype("str")


def _cells(rows: pd.DataFrame, column: str) -> Iterator[_Cell]:
    """Give each cell of a column that is filled."""
    filled = rows[["subject", column]].dropna()
    return (_Cell(*cell) for cell in filled.itertuples(name=None))


def _numbers(rows: pd.DataFrame, column: str, findings: Findings) -> pd.Series:
    """Read a column with bounds; what cannot be right is missing, and reported."""
    values = pd.Series(math.nan, index=rows.index, dtype="float64")
    if column not in rows:
        return values
    bounds = BOUNDS[column]
    for cell in _cells(rows, column):
        plain = "89" if (column, cell.text) == ("age_years", "89+") else cell.text
        number = parse_number(plain)
        if number is not None and bounds.allow(number):
            values[cell.line] = number
        elif number is not None:
            findings.add(OUT_OF_RANGE, _refusal(cell, column, number, bounds), cell.subject)
        elif cell.text.lower() not in MISSING_NUMBERS:
            findings.add(
                "value_not_a_number",
                f"{PARTICIPANTS} line {cell.line} has {describe(cell.text)} for {column}, expected "
                "a number or `n/a`. Fix that cell.",
                cell.subject,
            )
    return values


def _refusal(cell: _Cell, column: str, number: float, bounds: Bounds) -> str:
    because = (
        f"{number:g}, a usual code for a missing value, expected {bounds.low:g} to "
        f"{bounds.high:g} {bounds.unit}. Write `n/a` if it is missing"
        if is_missing_code(number, bounds)
        else f"an implausible value: {bounds.refusal(number).rstrip('.')}"
    )
    return (
        f"{PARTICIPANTS} line {cell.line} column {column} has {because}. Fix that cell; it counts "
        "as missing."
    )


def _without_codes(rows: pd.DataFrame, column: str, findings: Findings) -> pd.Series:
    """Read words, among which a number such as -9 stands for a missing one."""
    texts = rows[column].copy()
    for cell in _cells(rows, column):
        number = parse_number(cell.text)
        # A site may have any number, but none below zero.
        if number in MISSING_CODES and (column == "sex" or number < 0 or number > 100):
            _tell_code(cell, column, float(number), findings)
            texts[cell.line] = None
    return texts


def _tell_code(cell: _Cell, column: str, number: float, findings: Findings) -> None:
    findings.add(
        OUT_OF_RANGE,
        f"{PARTICIPANTS} line {cell.line} column {column} has {number:g}, a usual code for a "
        "missing value. It counts as missing. Write `n/a` there.",
        cell.subject,
    )


def _as_it_is(rows: pd.DataFrame, column: str, findings: Findings) -> pd.Series:
    """Read a further column: numbers where every value is one, but for codes, else text."""
    texts = rows[column].mask(rows[column].str.lower().isin(MISSING_NUMBERS))
    numbers = texts.map(parse_number, na_action="ignore").astype("float64")
    if not numbers.notna().equals(texts.notna()):
        return rows[column]
    bounds = known_instrument(column)
    for cell in _cells(rows, column):
        number = numbers[cell.line]
        if is_missing_code_among(number, numbers.dropna(), bounds):
            _tell_code(cell, column, number, findings)
            numbers[cell.line] = math.nan
    return numbers


def _one_row_each(values: pd.DataFrame, baseline: str | None, findings: Findings) -> pd.DataFrame:
    """Make one row per subject of one per session: the baseline's, once constants agree."""
    further = [one for one in values.columns if one not in ("subject", "session_id", *CONSTANTS)]
    rows = []
    for subject, mine in values.groupby("subject", sort=True):
        at_baseline = mine[mine["session_id"] == baseline]
        first = at_baseline if len(at_baseline) else mine
        constant = {one: _agreed(mine, one, str(subject), findings) for one in CONSTANTS}
        varying = {one: _agreed(first, one, str(subject), findings) for one in further}
        rows.append({"subject": subject, **constant, **varying})
    frame = pd.DataFrame(rows, columns=["subject", *CONSTANTS, *further])
    return frame.astype({one: values[one].dtype for one in frame.columns})


def _agreed(mine: pd.DataFrame, column: str, subject: str, findings: Findings) -> object:
    """Return the one value of a column; missing where there are several."""
    there = mine[column].dropna().unique()
    if len(there) > 1:
        lines = ", ".join(map(str, mine.index))
        findings.add(
            "sex_contradictory" if column == "sex" else "value_contradictory",
            f"{PARTICIPANTS} has several values of {column} for this subject in lines {lines} "
            "(one per session), expected the same in each, or a row of the baseline session. It "
            "counts as missing. Fix those cells.",
            subject,
        )
    return there[0] if len(there) == 1 else None
