"""The rows of `participants.tsv`, whose they are, and which of them cannot be used.

One row per subject, or per subject and session where there is a column `session_id`. What the
other columns mean belongs in `participants`, who is in the dataset in `bids`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.source_files import refused_folder
from ect_assets.intake.tsv import BadLine, TableFileError, read_table, shown_columns
from ect_assets.problems import StudyError

PARTICIPANTS = "participants.tsv"
LABEL = re.compile(r"[0-9A-Za-z]+")
NO_LABEL = "n/a"
MALFORMED = "line_malformed"


@dataclass(frozen=True)
class Listing:
    """Who is in a dataset.

    Attributes
    ----------
    folders : list of str
        Labels of the folders ``sub-*``, as they are.
    rows : DataFrame or None
        Of participants.tsv; participant_id without ``sub-``, session_id (where there is one)
        without ``ses-``, empty where missing. None without the file.
    """

    folders: list[str]
    rows: pd.DataFrame | None
    bad: tuple[BadLine, ...] = ()

    @property
    def malformed(self) -> dict[BadLine, str | None]:
        """The lines that do not fit the header, with the subject where that is sure."""
        return {line: line.subject(self.folders) for line in self.bad}

    @property
    def labels(self) -> set[str]:
        """Labels of the rows, also of those that cannot be used."""
        known = set() if self.rows is None else set(self.rows["participant_id"])
        return known | {label for label in self.malformed.values() if label is not None}


def list_dataset(bids: Path) -> Listing:
    """List the folders of a dataset and the rows of its participants.tsv.

    Raises
    ------
    StudyError
        When the folder is missing or is not a BIDS dataset, or participants.tsv cannot be read.
    """
    if not bids.is_dir():
        raise StudyError(
            f"{bids.name} is not a BIDS dataset: there is no such folder. "
            "Create it, or fix `bids` in study.toml."
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
            f"{PARTICIPANTS} nor a folder sub-*. Fix `bids` in study.toml, or put the data there."
        )
    if not has_rows:
        return Listing(folders, None)
    try:
        table = read_table(file, PARTICIPANTS, within=bids)
    except TableFileError as error:
        raise StudyError(str(error)) from error
    rows = table.rows
    if "participant_id" not in rows:
        raise StudyError(
            f"{PARTICIPANTS} has no column participant_id; it has: "
            f"{shown_columns(rows.columns)}. Rename the column that holds the subjects."
        )
    rows["participant_id"] = rows["participant_id"].fillna("").str.removeprefix("sub-")
    if "session_id" in rows:
        rows["session_id"] = rows["session_id"].fillna("").str.removeprefix("ses-")
    return Listing(folders, rows, table.bad)


def find_unusable(listing: Listing, findings: Findings) -> set[str]:
    """Tell of lines that do not fit the header, and of subjects with more rows than one.

    Returns
    -------
    set of str
        Subjects of whom no row is used.
    """
    unusable = set()
    for line, label in listing.malformed.items():
        findings.add(MALFORMED, line.says, label or NO_LABEL)
        unusable.add(label or NO_LABEL)
    if listing.rows is not None:
        unusable |= _find_repeated(listing.rows, findings)
    return unusable


def _find_repeated(rows: pd.DataFrame, findings: Findings) -> set[str]:
    is_long = "session_id" in rows
    valid = rows[rows["participant_id"].str.fullmatch(LABEL.pattern)]
    key = ["participant_id", "session_id"] if is_long else ["participant_id"]
    repeated = valid[valid.duplicated(key, keep=False)]
    for label, lines in repeated.groupby("participant_id").groups.items():
        where = ", ".join(map(str, lines))
        if is_long:
            says = (
                f"{PARTICIPANTS} has one session of this subject twice (lines {where}), expected "
                "one line per subject and session. None is used. Fix `session_id` or "
                "`participant_id` there, or merge the lines."
            )
        else:
            says = (
                f"{PARTICIPANTS} has this subject in lines {where}, expected one line. Neither is "
                "used. If they are different sessions, add a column `session_id`; if one is "
                "another subject's, fix its `participant_id`; else merge them."
            )
        findings.add("subject_duplicated", says, str(label))
    return set(repeated["participant_id"])
