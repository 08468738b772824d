"""What can be wrong with the input, and how it is reported.

A `Problem` is one finding about one patient, session or file: it becomes a row of the table
`exclusions`. An `InputProblem` carries one or more of them where a step cannot go on for this
patient; a `StudyError` stops the whole study (no such folder, a setting that cannot be right).
Nothing here decides who is left out: that is the asset `exclusions`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from difflib import get_close_matches

EVERY = "*"
"""Stands in a key where the whole subject, all sessions or all parcellations are meant."""

STOPPED = "step_stopped"
"""Reason of a finding that is not about the data: a step broke off, and may go on another time."""

NOT_CHECKED = "not_checked"
"""Reason of patients left out because a check did not run; of all with subject ``*``."""


@dataclass(frozen=True, order=True)
class Problem:
    """One finding: who, where, what was found, what to do about it.

    Parameters
    ----------
    reason : str
        Short token, lower case with underscores, for example ``session_missing``.
    detail : str
        A sentence that names the file, what was found, what was expected, and the fix.
    stage : str
        The table whose step found it, for example ``parcel_gmv``.
    subject, session, parcellation : str
        Whom it concerns; ``*`` where all are meant.
    """

    reason: str
    detail: str
    stage: str
    subject: str = EVERY
    session: str = EVERY
    parcellation: str = EVERY

    def __str__(self) -> str:
        who = " ".join(
            part
            for part in (
                f"sub-{self.subject}" if self.subject != EVERY else "",
                f"ses-{self.session}" if self.session != EVERY else "",
            )
            if part
        )
        return f"{who}: {self.detail}" if who else self.detail

    def as_row(self) -> dict[str, str]:
        """Return the finding as a plain mapping, one entry per field."""
        return asdict(self)


class EctError(Exception):
    """Base of every error that this platform raises on purpose, with a message for its reader."""


class StudyError(EctError):
    """The study as a whole cannot continue; the message names the fix."""


class InputProblem(EctError):
    """A step cannot go on for a patient.

    Parameters
    ----------
    problems : Problem or iterable of Problem
        What was found; the message is their sentences, one per line.
    """

    def __init__(self, problems: Problem | Iterable[Problem]):
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def listed(names: list[str], limit: int = 5) -> str:
    """Name the first few of several things and count the rest.

    Returns
    -------
    str
        For example ``insula, cuneus and 3 more``.
    """
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def did_you_mean(names: Iterable[str], known: Iterable[str]) -> str:
    """Ask whether names that nobody knows were meant for others; empty where none is alike.

    Returns
    -------
    str
        Begins with a blank.
    """
    there = list(known)
    alike = [one for name in names for one in get_close_matches(name, there, n=1)]
    return f" Did you mean {', '.join(dict.fromkeys(alike))}?" if alike else ""
