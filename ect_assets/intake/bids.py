"""Who is in a BIDS dataset, and what `participants.tsv` says of each.

Subjects come from the folders and from the rows of `participants.tsv`; where the two disagree
each subject concerned gets a finding and the others go on. Ratings belong in `clinical`, images
in `scans`. The screen for identifying data is not here.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.privacy_texts import likeness_to_name
from ect_assets.intake.privacy_words import shown_columns
from ect_assets.intake.source_files import refused_folder
from ect_assets.intake.tsv import TableFileError, describe, parse_number, read_tsv
from ect_assets.problems import Problem, StudyError

__all__ = ["invalid_subjects", "read_participants", "read_tsv", "subject_labels"]

PARTICIPANTS = "participants.tsv"
LABEL = re.compile(r"[0-9A-Za-z]+")
NUMBERS = ("age_years", "education_years", "onset_age_years", "episode_months")
COLUMNS = (
    "age_years",
    "sex",
    "education_years",
    "onset_age_years",
    "episode_months",
    "site",
)
"""What the table `participants` has beside `subject`, in its order."""

_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_NO_LABEL = "n/a"
_NO_LETTERS = re.compile(r"[^0-9A-Za-z]")
_LONGEST_LABEL = 32
_LABEL_RULE = "expected `sub-` and then letters and digits only, without spaces or signs"


def subject_labels(bids: Path) -> list[str]:
    """List the subjects of a dataset.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.

    Returns
    -------
    list of str
        Sorted labels, without ``sub-``, from folders and from participants.tsv. Labels that BIDS
        does not allow are left out; `invalid_subjects` tells of them.

    Raises
    ------
    StudyError
        When the folder is missing or is not a BIDS dataset, or participants.tsv cannot be read.
    """
    folders, rows = _listed(bids)
    labels = set(folders) | (set() if rows is None else set(rows["participant_id"]))
    return sorted(label for label in labels if LABEL.fullmatch(label))


def invalid_subjects(bids: Path) -> list[Problem]:
    """Tell which subjects have a bad label, two rows, no row or no folder.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.

    Returns
    -------
    list of Problem
        Reasons ``subject_invalid``, ``subject_duplicated``, ``participant_row_missing`` and
        ``subject_folder_missing``. Where there are no subject folders at all none is missed.

    Raises
    ------
    StudyError
        As `subject_labels`.
    """
    folders, rows = _listed(bids)
    findings = Findings("participants")
    for label in folders:
        if not LABEL.fullmatch(label):
            findings.add(
                "subject_invalid",
                f"the folder `sub-{_safe(label)}` is not named as BIDS wants it: {_LABEL_RULE} "
                "(such signs are shown as _ here). Rename the folder and the files in it.",
                _safe(label),
            )
    if rows is None:
        return findings.problems
    for line, label in rows["participant_id"].items():
        if not LABEL.fullmatch(label):
            findings.add(
                "subject_invalid",
                f"{PARTICIPANTS} line {line} has a participant_id that is not valid: "
                f"{_LABEL_RULE}. Mend that cell.",
                # It may be somebody's name, and the line says where it stands.
                _NO_LABEL,
            )
    _find_duplicates(rows, findings)
    _find_unmatched(set(folders), set(rows["participant_id"]), findings)
    return findings.problems


def read_participants(bids: Path, rename: dict[str, str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Read participants.tsv into the table `participants`.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    rename : dict
        Column of the file -> column of the table, such as ``{"edu": "education_years"}``; ``age``
        is understood without being told.

    Returns
    -------
    participants : DataFrame
        One row per subject, sorted: subject, age_years (``89+`` is read as 89), sex,
        education_years, onset_age_years, episode_months, site, then the further columns of the
        file: numbers where every value present is a number, else text. A column that the file
        lacks is all missing.
        Without a participants.tsv the subjects are those of the folders.
    problems : list of Problem
        ``subject_duplicated`` (no row of that subject is used) and ``value_not_a_number`` (the
        value is missing then).

    Raises
    ------
    StudyError
        When the dataset or the file cannot be read, or `rename` does not fit the file.
    """
    folders, rows = _listed(bids)
    findings = Findings("participants")
    if rows is None:
        valid = sorted(label for label in folders if LABEL.fullmatch(label))
        rows = pd.DataFrame({"participant_id": pd.Series(valid, dtype="str")})
        rename = {}
    labels = rows["participant_id"]
    usable = labels.str.fullmatch(LABEL.pattern) & ~labels.isin(_find_duplicates(rows, findings))
    rows = rows.rename(columns=_column_names(list(rows.columns), rename))
    rows = rows[usable].sort_values("subject")

    frame = pd.DataFrame({"subject": rows["subject"]})
    for column in COLUMNS:
        if column not in rows:
            frame[column] = pd.Series(index=rows.index, dtype=_kind(column))
        elif column in NUMBERS:
            frame[column] = _numbers(rows, column, findings)
        else:
            frame[column] = rows[column]
    frame["sex"] = frame["sex"].map(lambda sex: _SEXES.get(sex.lower(), sex), na_action="ignore")
    frame["sex"] = frame["sex"].astype("str")
    for column in [name for name in rows.columns if name not in frame]:
        frame[column] = _as_it_is(rows[column])
    return frame.reset_index(drop=True), findings.problems


def _safe(label: str) -> str:
    """Show a label that is none, so that it can be looked for and does nothing where it stands.

    One that reads like somebody's name is not shown.
    """
    if likeness_to_name(label) != "none":
        return _NO_LABEL
    return _NO_LETTERS.sub("_", label)[:_LONGEST_LABEL] or _NO_LABEL


def _listed(bids: Path) -> tuple[list[str], pd.DataFrame | None]:
    """List the folders' labels and the rows, with participant_id without ``sub-``."""
    if not bids.is_dir():
        raise StudyError(
            f"{bids.name} is not a BIDS dataset: there is no such folder. "
            "Create it, or mend `bids` in study.toml."
        )
    refusal = refused_folder(bids, bids)
    if refusal is not None:
        raise StudyError(f"{bids.name} {refusal}")
    folders = sorted(item.name.removeprefix("sub-") for item in bids.glob("sub-*") if item.is_dir())
    file = bids / PARTICIPANTS
    has_rows = os.path.lexists(file)
    if not (folders or has_rows or (bids / "dataset_description.json").exists()):
        raise StudyError(
            f"{bids.name} is not a BIDS dataset: it has neither dataset_description.json nor "
            f"{PARTICIPANTS} nor a folder sub-*. Mend `bids` in study.toml, or put the data there."
        )
    if not has_rows:
        return folders, None
    try:
        rows = read_tsv(file, PARTICIPANTS, within=bids)
    except TableFileError as error:
        raise StudyError(str(error)) from error
    if "participant_id" not in rows:
        raise StudyError(
            f"{PARTICIPANTS} has no column participant_id; it has: "
            f"{shown_columns(rows.columns)}. Rename the column that holds the subjects."
        )
    labels = rows["participant_id"].fillna("").str.removeprefix("sub-")
    return folders, rows.assign(participant_id=labels)


def _find_duplicates(rows: pd.DataFrame, findings: Findings) -> set[str]:
    labels = rows["participant_id"]
    valid = labels[labels.str.fullmatch(LABEL.pattern)]
    repeated = valid[valid.duplicated(keep=False)]
    for label, lines in repeated.groupby(repeated).groups.items():
        findings.add(
            "subject_duplicated",
            f"{PARTICIPANTS} has this subject in lines {', '.join(map(str, lines))}, expected one "
            "line. Neither is used. Delete the wrong one.",
            str(label),
        )
    return set(repeated)


def _find_unmatched(folders: set[str], rows: set[str], findings: Findings) -> None:
    for label in filter(LABEL.fullmatch, folders - rows):
        findings.add(
            "participant_row_missing",
            f"{PARTICIPANTS} has no row for the folder sub-{label}. Add the row.",
            label,
        )
    if not folders:
        return
    for label in filter(LABEL.fullmatch, rows - folders):
        findings.add(
            "subject_folder_missing",
            f"{PARTICIPANTS} has this subject, but there is no folder sub-{label}. "
            "Add the folder, or delete the row.",
            label,
        )


def _column_names(columns: list[str], rename: dict[str, str]) -> dict[str, str]:
    """Map the file's columns to ours, refusing what does not fit."""
    found = f"it has: {shown_columns(columns)}"
    unknown = [name for name in rename if name not in columns]
    if unknown:
        raise StudyError(
            f"{PARTICIPANTS} has no column {', '.join(unknown)}, which [participants] in "
            f"study.toml names; {found}. Mend the setting."
        )
    names = rename | {"participant_id": "subject"}
    ours = [names.get(column, column) for column in columns]
    if "age" in ours and "age_years" not in ours:
        names["age"] = "age_years"
        ours = [names.get(column, column) for column in columns]
    repeated = sorted(name for name, times in Counter(ours).items() if times > 1)
    if repeated:
        raise StudyError(
            f"{PARTICIPANTS}: two columns would become {', '.join(repeated)}; {found}. "
            "Mend [participants] in study.toml, or rename a column of the file."
        )
    return names


def _kind(column: str) -> str:
    return "float64" if column in NUMBERS else "str"


def _numbers(rows: pd.DataFrame, column: str, findings: Findings) -> pd.Series:
    values = []
    for line, subject, text in rows[["subject", column]].itertuples():
        if pd.isna(text):
            values.append(float("nan"))
            continue
        plain = text.removesuffix("+") if (column, text) == ("age_years", "89+") else text
        number = parse_number(plain)
        values.append(float("nan") if number is None else number)
        if number is None:
            findings.add(
                "value_not_a_number",
                f"{PARTICIPANTS} line {line} has {describe(text)} for {column}, expected a number "
                "or `n/a`. Mend that cell.",
                subject,
            )
    return pd.Series(values, index=rows.index, dtype="float64")


def _as_it_is(column: pd.Series) -> pd.Series:
    numbers = column.map(parse_number, na_action="ignore").astype("float64")
    return numbers if numbers.notna().equals(column.notna()) else column
