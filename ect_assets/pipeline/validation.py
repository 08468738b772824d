"""Looks through a BIDS folder for all that would leave a patient out, before anything is made.

What the official validator says of the folder's form belongs in `bids_rules`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ect_assets.intake.bids import invalid_subjects, read_participants, subject_labels
from ect_assets.intake.bids_rules import STAGE as BIDS_RULES
from ect_assets.intake.clinical import read_clinical_scores
from ect_assets.intake.privacy import screen_participants, screen_subject
from ect_assets.intake.scans import read_raw_scans
from ect_assets.intake.session_order import contradictions, ordered
from ect_assets.pipeline.arrival import waiting_for
from ect_assets.problems import Problem, StudyError, listed
from ect_assets.science.cohort import REMARKS
from ect_assets.study import Study, find_study, load_study

SPREADSHEETS = {".xlsx", ".xlsm", ".xls", ".ods"}


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

    @staticmethod
    def leaves_out(problem: Problem) -> bool:
        """Say whether a problem keeps a patient out of an analysis."""
        is_remark = (problem.stage, problem.reason) in REMARKS
        return problem.stage != BIDS_RULES and not is_remark


def sessions_in(bids: Path) -> tuple[str, ...]:
    """List the sessions that at least half of the patients have.

    In the order of time where it is known (`session_order.ordered`), else by number and letter.
    """
    count: dict[str, int] = {}
    subjects = set()
    for folder in sorted(bids.glob("sub-*/ses-*")):
        subjects.add(folder.parent)
        label = folder.name.removeprefix("ses-")
        if re.fullmatch(r"[0-9A-Za-z]+", label):
            count[label] = count.get(label, 0) + 1
    usual = [label for label in count if 2 * count[label] >= len(subjects)]
    return in_time(bids, usual)


def in_time(bids: Path, labels: Iterable[str]) -> tuple[str, ...]:
    """Sort sessions by time where that is known, else by number and letter."""
    listed_ones = sorted(set(labels), key=_natural)
    return ordered(bids, listed_ones) or tuple(listed_ones)


def _natural(label: str) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", label.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def has_images(bids: Path) -> bool:
    """Say whether there is any image in a folder ``anat``, misnamed ones as well."""
    return any(
        re.search(r"\.nii(\.gz)?$", file.name, re.I) and file.is_file()
        for file in bids.glob("sub-*/**/anat/*")
    )


def settings_of(bids: Path, named: str | None) -> Study | None:
    """Find the study that a BIDS folder belongs to, for the settings that it is checked with.

    Parameters
    ----------
    named : str or None
        The argument of ``--study``; without it the current study, if there is one.

    Returns
    -------
    Study or None
        None where the current study, if any, is another one's.

    Raises
    ------
    StudyError
        When the study that was named cannot be read, or has another BIDS folder.
    """
    try:
        study = load_study(find_study(named))
    except StudyError:
        if named is not None:
            raise
        return None
    if study.bids_folder.resolve() == bids.resolve():
        return study
    if named is not None:
        raise StudyError(
            f"{bids} is not the BIDS folder of {study.name}, which is {study.bids_folder}. "
            "Drop --study, or name that folder."
        )
    return None


def find_problems(
    bids: Path,
    sessions: list[str] | None = None,
    allowed: Collection[str] = (),
    settings: Study | None = None,
) -> Checked:
    """Read everything that the platform would read of a BIDS folder.

    Parameters
    ----------
    sessions : list of str, optional
        Sessions that each patient needs an image of; without it all those that the folder has.
        Two sessions are held against the dates that the folder has.
    allowed : collection of str
        Fields that the screen for identifying content lets pass (``privacy.allow``).
    settings : Study, optional
        The study whose folder it is: its columns of participants.tsv, its ratings, and whether it
        needs images.
        Without it images are needed where there is one, or nothing else that volumes could come
        from.

    Raises
    ------
    StudyError
        When the folder is not a BIDS dataset or has no sessions.
    """
    subjects = subject_labels(bids)
    has_folders = any(bids.glob("sub-*/"))
    chosen = tuple(sessions or sessions_in(bids))
    needs_images = has_folders and _needs_images(bids, settings)
    if needs_images and not chosen:
        raise StudyError(
            f"{bids} has no session folders (sub-*/ses-*). Two sessions are needed; "
            "name them with --session pre,post."
        )
    rename = dict(settings.participants) if settings else {}
    problems = dict.fromkeys(invalid_subjects(bids))
    problems |= dict.fromkeys(read_participants(bids, rename, chosen[0] if chosen else None)[1])
    if sessions and len(sessions) == 2:
        problems |= dict.fromkeys(contradictions(bids, subjects, (sessions[0], sessions[1])))
    problems |= dict.fromkeys(screen_participants(bids, allowed))
    if settings is not None:
        both, instruments = settings.sessions.both, settings.instruments
        problems |= dict.fromkeys(read_clinical_scores(bids, subjects, both, instruments)[1])
    for subject in subjects:
        problems |= dict.fromkeys(screen_subject(bids, subject, allowed))
        if needs_images:
            problems |= dict.fromkeys(read_raw_scans(bids, subject, chosen)[1])
    return Checked(len(subjects), chosen, list(problems))


def _needs_images(bids: Path, settings: Study | None) -> bool:
    if settings is not None:
        return settings.scans.images
    return has_images(bids) or not any(bids.glob("derivatives/*/"))


def what_is_missing(study: Study) -> list[str]:
    """Say what data are not there yet, and of whom.

    Returns
    -------
    list of str
        One sentence per kind of data, such as ``The image of ses-post is missing for 2 of 24
        patients: 003, 004.``; none where everybody has everything.
    """
    turned = contradictions(study.bids_folder, _labels(study), study.sessions.both)
    order = [f"The order of the sessions may be wrong: {turned[0].detail}"] if turned else []
    order += _unread_spreadsheets(study.bids_folder)
    awaits_all = {"sessions": True, "settle_minutes": 0, "instruments": tuple(study.instruments)}
    arrival = study.arrival.model_copy(update=awaits_all)
    try:
        awaited = waiting_for(study.model_copy(update={"arrival": arrival}))
    except StudyError as error:
        return [str(error)]
    if not awaited:
        return [f"There are no patients yet in {study.bids_folder}."]
    lacking: dict[str, list[str]] = {}
    for subject, what in awaited.items():
        for one in what:
            lacking.setdefault(one, []).append(subject)
    return order + [
        f"{_named(what)} missing for {len(whom)} of {len(awaited)} patients: {listed(whom, 10)}."
        for what, whom in lacking.items()
    ]


def _unread_spreadsheets(bids: Path) -> list[str]:
    """Count, and do not name, ratings in a form that is not read: a name may be a person's."""
    found = [one for one in bids.glob("phenotype/*") if one.suffix.lower() in SPREADSHEETS]
    if not found:
        return []
    return [
        f"{len(found)} spreadsheet(s) in phenotype/ ({', '.join(sorted(SPREADSHEETS))}) are not "
        "read. Save each as tab-separated text (.tsv) beside it."
    ]


def _labels(study: Study) -> list[str]:
    try:
        return subject_labels(study.bids_folder)
    except StudyError:
        return []


def _named(what: str) -> str:
    verb = "are" if what.startswith("the volumes") else "is"
    return f"{what[:1].upper()}{what[1:]} {verb}"
