"""What `participants.tsv` says of each subject: the table `participants`.

Columns are recognized without regard to case. A cell that cannot be right (text, infinite,
implausible, a missing code) is missing in the table and reported; nothing else of the subject or
of the others is lost. Which rows are whose belongs in `participant_rows`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake import treatment
from ect_assets.intake.findings import Findings
from ect_assets.intake.participant_rows import LABEL, PARTICIPANTS, find_unusable, list_dataset
from ect_assets.intake.plausible_scores import known_instrument
from ect_assets.intake.tsv import (
    MISSING_NUMBERS,
    column_named,
    describe,
    lacking_columns,
    parse_number,
    shown_columns,
)
from ect_assets.problems import EVERY, Problem, StudyError
from ect_assets.science.plausibility import (
    AGE_YEARS,
    EDUCATION_YEARS,
    EPISODE_MONTHS,
    MISSING_CODES,
    ONSET_AGE_YEARS,
    Bounds,
    is_missing_code,
    is_missing_code_among,
)

BOUNDS = {
    "age_years": AGE_YEARS,
    "education_years": EDUCATION_YEARS,
    "onset_age_years": ONSET_AGE_YEARS,
    "episode_months": EPISODE_MONTHS,
    **treatment.BOUNDS,
}
COLUMNS = (
    "age_years",
    "sex",
    "education_years",
    "onset_age_years",
    "episode_months",
    "site",
    *treatment.COLUMNS,
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
    rename : dict
        Column of the file -> column of the table, such as ``{"edu": "education_years"}``; ``age``
        needs no entry.
    baseline : str, optional
        Session whose row is read where there is one per session.

    Returns
    -------
    participants : DataFrame
        One row per subject, sorted: subject, age_years (``89+`` is read as 89), sex,
        education_years, onset_age_years, episode_months, site, the columns of the treatment, then
        the further columns of the file: numbers where every value present is a number, else text.
        A column that the file lacks is all missing.
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
    names = _column_names(list(rows.columns), rename)
    rows = _without_unusable_columns(rows.rename(columns=names)[usable], findings)
    reader = _Rows(rows, {ours: heading for heading, ours in names.items()}, findings)
    values = pd.DataFrame({"subject": rows["subject"]})
    if "session_id" in rows:
        values["session_id"] = rows["session_id"]
    for column in (*COLUMNS, *(name for name in rows.columns if name not in values)):
        if column not in values:
            values[column] = reader.values(column)
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
        if meant not in names.values():
            alike = [one for one in columns if one.casefold() == alias and one not in said]
            names |= dict.fromkeys(alike, meant)
    _refuse_repeated(columns, names)
    return names


def _refuse_repeated(columns: list[str], names: dict[str, str]) -> None:
    times = Counter(names[column].casefold() for column in columns)
    needed = ("subject", "session_id", *COLUMNS)
    repeated = [name for name in needed if times[name] > 1]
    if repeated:
        raise StudyError(
            f"{PARTICIPANTS}: two columns would become {', '.join(repeated)}; it has: "
            f"{shown_columns(columns)}. Fix [participants] in study.toml, or rename a column of "
            "the file."
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
                f"{PARTICIPANTS} has columns whose names differ in case only: "
                f"{shown_columns(names)}. None of them is used. Rename all but one.",
                EVERY,
            )
        elif folded in _RESERVED:
            findings.add(
                "column_unusable",
                f"{PARTICIPANTS} has a column {names[0]}, a name reserved in every table. "
                "It is not used. Rename it.",
                EVERY,
            )
    kept = [name for name in rows.columns if len(alike[name.casefold()]) == 1]
    return rows[[name for name in kept if name.casefold() not in _RESERVED]]


@dataclass(frozen=True)
class _Cell:
    """A cell that is filled, and how messages name it."""

    line: int
    subject: str
    text: str
    place: str


@dataclass(frozen=True)
class _Rows:
    """Rows under our names of the columns, with the file's own names, and what is found."""

    frame: pd.DataFrame
    headings: dict[str, str]
    findings: Findings

    def cells(self, column: str) -> Iterator[_Cell]:
        """Give each cell of a column that is filled."""
        heading = self.headings.get(column, column)
        for line, subject, text in self.frame[["subject", column]].dropna().itertuples(name=None):
            place = f"{PARTICIPANTS} line {line} column {heading}"
            yield _Cell(line, subject, text, place)

    def values(self, column: str) -> pd.Series:
        """Read a column of the table, or a further one of the file."""
        if column in BOUNDS:
            return self._bounded(column)
        if column not in self.frame:
            return pd.Series(index=self.frame.index, dtype="str")
        if column not in COLUMNS:
            return self._as_it_is(column)
        texts = self._words(column)
        if column == "sex":
            texts = texts.map(lambda sex: _SEXES.get(sex.lower(), sex), na_action="ignore")
        if column == "ect_placement":
            texts = texts.map(treatment.placement, na_action="ignore")
        return texts.astype("str")

    def _bounded(self, column: str) -> pd.Series:
        """Read a column of numbers; what cannot be right is missing, and reported."""
        values = pd.Series(math.nan, index=self.frame.index, dtype="float64")
        for cell in self.cells(column) if column in self.frame else ():
            is_oldest = (column, cell.text) == ("age_years", "89+")
            number = parse_number("89" if is_oldest else cell.text)
            if number is not None and BOUNDS[column].allow(number):
                values[cell.line] = number
            elif number is not None:
                self._refuse(cell, number, BOUNDS[column])
            elif cell.text.lower() not in MISSING_NUMBERS:
                self.findings.add(
                    "value_not_a_number",
                    f"{cell.place} has {describe(cell.text)}, expected a number or `n/a`. It "
                    "counts as missing. Fix that cell.",
                    cell.subject,
                )
        return values

    def _words(self, column: str) -> pd.Series:
        """Read a column of words, among which a number such as -9 stands for a missing one."""
        texts = self.frame[column].copy()
        for cell in self.cells(column):
            number = parse_number(cell.text)
            # A site may have any number, but none below zero.
            if number in MISSING_CODES and (column == "sex" or number < 0 or number > 100):
                self._refuse(cell, number)
                texts[cell.line] = None
        return texts

    def _as_it_is(self, column: str) -> pd.Series:
        """Read a further column: numbers where every value is one, but for codes, else text."""
        written = self.frame[column]
        texts = written.mask(written.str.lower().isin(MISSING_NUMBERS))
        numbers = texts.map(parse_number, na_action="ignore").astype("float64")
        if not numbers.notna().equals(texts.notna()):
            return written
        bounds = known_instrument(column)
        valid = numbers.copy()
        for cell in self.cells(column):
            number = numbers[cell.line]
            if is_missing_code_among(number, numbers.dropna(), bounds):
                self._refuse(cell, number, bounds)
                valid[cell.line] = math.nan
        return valid

    def _refuse(self, cell: _Cell, number: float, bounds: Bounds | None = None) -> None:
        within = f"{bounds.low:g} to {bounds.high:g} {bounds.unit}" if bounds else ""
        if bounds is None or is_missing_code(number, bounds):
            expected = f", expected {within}" if bounds else ""
            says = f"has {number:g}, a usual code for a missing value{expected}"
        else:
            # Not quoted: it may be a year of birth.
            cause = bounds.probable_cause(number)
            says = f"has a number outside {within}" + (f", probably {cause}" if cause else "")
        self.findings.add(
            OUT_OF_RANGE,
            f"{cell.place} {says}. It counts as missing. Write the true value there, or `n/a`.",
            cell.subject,
        )


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
