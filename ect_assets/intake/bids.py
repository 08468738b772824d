"""Who is in a BIDS dataset.

Subjects come from the folders and from the rows of `participants.tsv`; where the two disagree
each subject concerned gets a finding and the others go on. What the file says of each belongs in
`participants`, ratings in `clinical`, images in `scans`. The screen for identifying data is not
here.
"""

from __future__ import annotations

import re
from pathlib import Path

from ect_assets.intake.findings import Findings
from ect_assets.intake.participant_rows import (
    LABEL,
    NO_LABEL,
    PARTICIPANTS,
    Listing,
    find_unusable,
    list_dataset,
)
from ect_assets.intake.participants import read_participants
from ect_assets.intake.privacy_texts import likeness_to_name
from ect_assets.intake.tsv import read_tsv
from ect_assets.problems import Problem

__all__ = ["LABEL", "invalid_subjects", "read_participants", "read_tsv", "subject_labels"]

_NO_LETTERS = re.compile(r"[^0-9A-Za-z]")
_LONGEST_LABEL = 32
_LABEL_RULE = "expected `sub-` and then letters and digits only, without spaces or other characters"


def subject_labels(bids: Path) -> list[str]:
    """List the subjects of a dataset.

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
    listing = list_dataset(bids)
    labels = {*listing.folders, *listing.labels}
    return sorted(label for label in labels if LABEL.fullmatch(label))


def invalid_subjects(bids: Path) -> list[Problem]:
    """Tell which subjects have a bad label, a row that cannot be used, no row or no folder.

    Returns
    -------
    list of Problem
        Reasons ``subject_invalid``, ``subject_duplicated``, ``line_malformed``,
        ``participant_row_missing`` and ``subject_folder_missing``. Where there are no subject
        folders at all none is missed.

    Raises
    ------
    StudyError
        As `subject_labels`.
    """
    listing = list_dataset(bids)
    findings = Findings("participants")
    for label in listing.folders:
        if not LABEL.fullmatch(label):
            findings.add(
                "subject_invalid",
                f"the folder `sub-{_safe(label)}` is not a valid BIDS name: {_LABEL_RULE} "
                "(such characters are shown as _ here). Rename the folder and the files in it.",
                _safe(label),
            )
    if listing.rows is None:
        return findings.problems
    for line, label in listing.rows["participant_id"].items():
        if not LABEL.fullmatch(label):
            findings.add(
                "subject_invalid",
                f"{PARTICIPANTS} line {line} has a participant_id that is not valid: "
                f"{_LABEL_RULE}. Fix that cell.",
                # It may be somebody's name, and the line says where it stands.
                NO_LABEL,
            )
    find_unusable(listing, findings)
    _find_unmatched(listing, findings)
    return findings.problems


def _safe(label: str) -> str:
    """Show a label that is none, so that it can be looked for and does nothing where it stands.

    One that reads like somebody's name is not shown.
    """
    if likeness_to_name(label) != "none":
        return NO_LABEL
    return _NO_LETTERS.sub("_", label)[:_LONGEST_LABEL] or NO_LABEL


def _find_unmatched(listing: Listing, findings: Findings) -> None:
    folders, rows = set(listing.folders), listing.labels
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
            "Add the folder, or remove the subject from the table.",
            label,
        )
