"""Looks through a BIDS folder for all that would leave a patient out, before anything is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ect_assets.intake.bids import invalid_subjects, read_participants, subject_labels
from ect_assets.intake.scans import read_raw_scans
from ect_assets.problems import Problem, StudyError

EARLY = ("pre", "base", "bl", "before")
"""How labels of a session before treatment begin."""


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what was found.

    Attributes
    ----------
    subjects : int
    sessions : tuple of str
    problems : list of Problem
    """

    subjects: int
    sessions: tuple[str, ...]
    problems: list[Problem]


def sessions_in(bids: Path) -> tuple[str, ...]:
    """List the sessions of a BIDS folder: the most frequent first, then as they follow in time."""
    count: dict[str, int] = {}
    for folder in sorted(bids.glob("sub-*/ses-*")):
        label = folder.name.removeprefix("ses-")
        if re.fullmatch(r"[0-9A-Za-z]+", label):
            count[label] = count.get(label, 0) + 1
    return tuple(
        sorted(count, key=lambda one: (-count[one], not one.lower().startswith(EARLY), one))
    )


def find_problems(bids: Path, sessions: list[str] | None = None) -> Checked:
    """Read everything that the platform would read of a BIDS folder.

    Parameters
    ----------
    bids : Path
    sessions : list of str, optional
        Sessions that each patient needs; without it all those that the folder has.

    Returns
    -------
    Checked

    Raises
    ------
    StudyError
        When the folder is not a BIDS dataset or has no sessions.
    """
    subjects = subject_labels(bids)
    chosen = tuple(sessions or sessions_in(bids))
    if not chosen:
        raise StudyError(
            f"{bids} has no session folders (sub-*/ses-*). Two sessions are compared; "
            "say their names with --session pre,post."
        )
    problems = dict.fromkeys(invalid_subjects(bids))
    problems |= dict.fromkeys(read_participants(bids, {})[1])
    for subject in subjects:
        problems |= dict.fromkeys(read_raw_scans(bids, subject, chosen)[1])
    return Checked(len(subjects), chosen, list(problems))
