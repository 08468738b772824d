"""An attempt at a step: its job's name, what is submitted for it, and how it stands.

Plain values; submitting and following is in `jobs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ect_assets.study.cluster import Resources

NAME = re.compile(r"(?P<step>.+):(?P<attempt>\d+):ect-(?P<run>[0-9a-f-]{36})")


@dataclass(frozen=True, order=True)
class Attempt:
    """One attempt at one step of one run: what a job is for, and never submitted twice.

    Parameters
    ----------
    run_id : str
        Dagster's number of the run.
    step_key : str
        The table, mostly.
    number : int
        1, and one more for each of Dagster's own retries.
    """

    run_id: str
    step_key: str
    number: int = 1

    @property
    def job_name(self) -> str:
        """The job's name, by which it is found again; `parse_job_name` reads it."""
        return f"{self.step_key}:{self.number}:ect-{self.run_id}"

    @property
    def folder(self) -> Path:
        """Where the job keeps its script and log, relative to the folder of all jobs."""
        # Brackets and dots of a mapped step stay out of paths.
        plain = re.sub(r"[^0-9A-Za-z_-]", "-", self.step_key)
        return Path(self.run_id) / f"{plain}-{self.number}"


def parse_job_name(name: str) -> Attempt | None:
    """Read what a job is for from its name.

    Returns
    -------
    Attempt or None
        None when it is no job of ours.
    """
    found = NAME.fullmatch(name)
    if found is None:
        return None
    return Attempt(found["run"], found["step"], int(found["attempt"]))


@dataclass(frozen=True)
class Submission:
    """An attempt at a step, with its command and what it asks for."""

    attempt: Attempt
    command: tuple[str, ...]
    resources: Resources


@dataclass(frozen=True)
class Standing:
    """How an attempt stands.

    Attributes
    ----------
    number : str or None
        The job's; None while nothing was submitted.
    has_ended : bool
    says : str
        For the run's log: what the job waits for, where it is at work, or how it ended.
    """

    number: str | None
    has_ended: bool
    says: str
