"""What is to be run for a patient: settings, the job, and its steps in their order.

Each session by itself; with the longitudinal stream then a base of all sessions, and each session
again from that base. Nothing is run here.

References
----------
Reuter M, Schmansky NJ, Rosas HD, Fischl B (2012). Within-subject template estimation for unbiased
longitudinal image analysis. NeuroImage 61:1402-1418.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ect_assets.intake.volumes.naming import folder_pattern
from ect_assets.problems import EVERY, StudyError

LONG = ".long."
BASE = "sub-{subject}"

OURS = frozenset(
    {"-s", "-subjid", "-subject", "-sd", "-i", "-all", "-base", "-base-init", "-tp", "-long"}
    | {"-openmp", "-threads", "-log", "-status", "-noappend", "-cmd", "-dontrun"}
)
"""Flags of recon-all that say what is run and where it writes."""


@dataclass(frozen=True)
class ReconAllSettings:
    """How recon-all is run.

    Parameters
    ----------
    longitudinal : bool
        Whether the longitudinal stream follows.
    flags : tuple of str
        Further flags, such as ``("-T2pial",)``; those that say what is run and where are ours.
    timeout_hours : float or None
        Longest time of one step.
    takes_over : bool
        Whether a folder that another computer has marked as running is continued here.

    Raises
    ------
    StudyError
        When a flag is one of ours, or a number is not above zero.
    """

    threads: int = 1
    longitudinal: bool = False
    flags: tuple[str, ...] = ()
    timeout_hours: float | None = 72.0
    takes_over: bool = False

    def __post_init__(self) -> None:
        refused = [flag for flag in self.flags if flag in OURS]
        if refused:
            raise StudyError(
                f"The flags of recon-all must not include {', '.join(refused)}: what runs where "
                "is set by ect. Remove them."
            )
        if self.threads < 1 or (self.timeout_hours is not None and self.timeout_hours <= 0):
            raise StudyError("Threads and hours of recon-all must be more than zero.")


@dataclass(frozen=True)
class ReconAllJob:
    """One patient's images and where their reconstructions go.

    Parameters
    ----------
    images : mapping of str to Path
        Session -> T1-weighted image.
    subjects_folder : Path
        FreeSurfer's folder of subjects; nothing is written outside of it.
    subject_folder : str
        How a session's folder is named, with {subject} and {session}; the name of a longitudinal
        folder (``sub-{subject}_ses-{session}.long.sub-{subject}``) names the base too.

    Raises
    ------
    StudyError
        When the name of the folders lacks a field or would leave the folder of subjects, or a
        label is not letters and digits.
    """

    subject: str
    images: Mapping[str, Path]
    subjects_folder: Path
    subject_folder: str = "sub-{subject}_ses-{session}"
    settings: ReconAllSettings = ReconAllSettings()

    def __post_init__(self) -> None:
        cross, _, base = self.subject_folder.partition(LONG)
        folder_pattern(cross)
        if any(sign in self.subject_folder for sign in "/\\") or "{session}" in base:
            raise StudyError(
                f"morphometry.subject_folder is {self.subject_folder!r}; recon-all needs the name "
                "of one folder, without /, and with no {session} after `.long.`. Fix it."
            )
        wrong = [
            label
            for label in (self.subject, *self.images)
            if not re.fullmatch("[0-9A-Za-z]+", label)
        ]
        if wrong:
            raise StudyError(f"{wrong[0]!r} is not a label: expected letters and digits only.")

    def cross(self, session: str) -> str:
        """Name the folder of a session by itself."""
        cross = self.subject_folder.partition(LONG)[0]
        return cross.format(subject=self.subject, session=session)

    @property
    def base(self) -> str:
        """Name the folder of what the sessions share."""
        base = self.subject_folder.partition(LONG)[2] or BASE
        return base.format(subject=self.subject)

    def long(self, session: str) -> str:
        """Name the folder of a session that was made from the base, as recon-all does."""
        return f"{self.cross(session)}{LONG}{self.base}"

    def steps(self) -> list[Step]:
        """List what is run, in order."""
        sessions = sorted(self.images)
        crosses = [
            Step(
                self.cross(session),
                session,
                ("-s", self.cross(session)),
                image=self.images[session],
            )
            for session in sessions
        ]
        if not self.settings.longitudinal:
            return crosses
        names = tuple(self.cross(session) for session in sessions)
        points = tuple(word for name in names for word in ("-tp", name))
        base = Step(self.base, EVERY, ("-base", self.base, *points), needs=names)
        longs = [
            Step(
                self.long(session),
                session,
                ("-long", self.cross(session), self.base),
                needs=(self.cross(session), self.base),
            )
            for session in sessions
        ]
        return [*crosses, base, *longs]


@dataclass(frozen=True)
class Step:
    """One run of recon-all.

    Parameters
    ----------
    name : str
        The subject folder that it makes.
    session : str
        Whose session; ``*`` for the base.
    image : Path or None
        The image that a first run takes in.
    needs : tuple of str
        Subject folders that must be done before.
    """

    name: str
    session: str
    target: tuple[str, ...]
    image: Path | None = None
    needs: tuple[str, ...] = ()


def volumes_folder(subject_folder: str, is_longitudinal: bool) -> str:
    """Say how the folders are named from which volumes are read.

    Parameters
    ----------
    subject_folder : str
        As in `ReconAllJob`.
    is_longitudinal : bool
        Whether the longitudinal stream is run.

    Returns
    -------
    str
        A template with {subject} and {session}.
    """
    cross, _, base = subject_folder.partition(LONG)
    return f"{cross}{LONG}{base or BASE}" if is_longitudinal else cross
