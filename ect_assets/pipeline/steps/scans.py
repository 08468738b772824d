"""Scans: the clinic's data as tables. How they are read belongs in `intake`."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets import tables
from ect_assets.intake import patient_files
from ect_assets.intake.bids import invalid_subjects, read_participants, subject_labels
from ect_assets.intake.clinical import read_clinical_scores
from ect_assets.intake.findings import Findings
from ect_assets.intake.participants import COLUMNS as BASIC_COLUMNS
from ect_assets.intake.privacy import (
    BLOCKING,
    POSSIBLE,
    UNCHECKED,
    screen_participants,
    screen_subject,
    withheld_columns,
)
from ect_assets.intake.scans import read_raw_scans
from ect_assets.intake.session_order import contradictions, days_of_sessions
from ect_assets.intake.treatment import COLUMNS as COLUMNS_OF_TREATMENT
from ect_assets.intake.treatment import in_participants, of_sessions
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Event, Made, Source, Work, step
from ect_assets.problems import EVERY, InputProblem, Problem, StudyError
from ect_assets.study import Study

SCREENED = (
    "privacy",
    "scans",
    "morphometry.folder",
    "morphometry.source",
    "morphometry.subject_folder",
)
"""Settings that say which files of a patient the privacy screen looks at, and what it lets pass."""
MISSING = "session_missing"
HARMLESS = (MISSING, "sidecar_unreadable", "sidecar_implausible", POSSIBLE)
"""Findings with which the images that are there are still registered."""


def _no_images(study: Study, partition: Partition) -> str | None:
    return None if study.scans.images else "the study has no images (scans.images = false)"


def _found_by_screen(work: Work, subject: str) -> Sequence[Problem]:
    """Give the screen's findings of a patient: of `raw_scans` in these files, or read again."""
    found = work.current_problems("raw_scans", {"subject": subject})
    return _screen(work.study, subject) if found is None else found


def _told_by_screen(work: Work, stage: str, reasons: Collection[str]) -> list[Problem]:
    """List, for a table of all patients, what the screen found of them."""
    bids = work.study.bids_folder
    found = [
        *screen_participants(bids, work.study.privacy.allow),
        *(one for subject in subject_labels(bids) for one in _found_by_screen(work, subject)),
    ]
    return [dataclasses.replace(one, stage=stage) for one in found if one.reason in reasons]


def _screen(study: Study, subject: str) -> list[Problem]:
    """Screen a patient; a screen that cannot be made blocks the patient."""
    try:
        return screen_subject(
            study.bids_folder,
            subject,
            study.privacy.allow,
            patient_files.made_here(study),
            patient_files.folders_outside(study, subject),
        )
    except (StudyError, MemoryError):
        raise
    except Exception as error:
        sentence = (
            f"the files of this patient could not be screened ({type(error).__name__}). "
            "Run `ect validate`; if it reports nothing, please report a bug."
        )
        return [Problem(UNCHECKED, sentence, "raw_scans", subject)]


def _images(study: Study, partition: Partition) -> list[Path]:
    return patient_files.image_files(study, partition["subject"])


def _screened_at_the_images(study: Study, partition: Partition) -> tuple[str, ...]:
    """Name what a table of all patients need not wait for: where there are no images to screen."""
    return () if study.scans.images else (tables.RawScans.table_name,)


def _participants_files(study: Study, partition: Partition) -> list[Path]:
    return patient_files.participants_files(study)


def _clinical_files(study: Study, partition: Partition) -> list[Path]:
    return patient_files.rating_files(study)


IMAGES = Source(
    "bids_files",
    "Images of a patient in the BIDS dataset, their sidecars, and what the privacy screen reads.",
    _images,
    ("subject",),
)
PARTICIPANTS_FILES = Source(
    "participants_files",
    "participants.tsv of the BIDS dataset, and the files that date the sessions.",
    _participants_files,
)
RATING_FILES = Source(
    "rating_files",
    "Tables with the clinical ratings, and what their patients are checked against.",
    _clinical_files,
)


@step(
    tables.RawScans,
    "scans",
    version="2",
    settings=("sessions", "bids", *SCREENED),
    sources=(IMAGES,),
    from_patients=True,
    unavailable=_no_images,
)
def raw_scans(work: Work) -> Made:
    """Register the patient's T1w images: geometry, acquisition and checksum.

    An unreadable image, or identifying content, fails this patient;
    a session without an image is noted, and the others are registered.
    """
    bids, sessions = work.study.bids_folder, work.study.sessions
    frame, found = read_raw_scans(bids, work.subject, sessions.every)
    unusable = [
        one for one in found if one.session not in sessions.further or one.reason != MISSING
    ]
    screened = _screen(work.study, work.subject)
    problems = [*screened, *unusable]
    of_compared = [one for one in unusable if one.session not in sessions.further]
    broken = [one for one in (*screened, *of_compared) if one.reason not in HARMLESS]
    if broken or frame.empty:
        raise InputProblem(problems)
    return Made(
        frame.assign(ingested_at=_first_seen(work, frame)),
        tuple(problems),
        {
            "sessions": len(frame),
            "megavoxels": float((frame.n_x * frame.n_y * frame.n_z).sum() / 1e6),
        },
        events=_changed(work, frame),
    )


def _before(work: Work) -> pd.DataFrame | None:
    there = work.lake.partitions(tables.RawScans, work.partition)
    return work.lake.read(tables.RawScans, work.partition) if there else None


def _changed(work: Work, frame: pd.DataFrame) -> tuple[Event, ...]:
    """List for the audit log the images that are new, other or gone since the last time."""
    before = _before(work)
    if before is None:
        return ()
    old, new = (dict(zip(one.session, one.sha256, strict=True)) for one in (before, frame))
    says = {True: "another image", False: "its first image"}
    return tuple(
        Event("changed", work.subject, f"ses-{session} has {says[session in old]}")
        for session in new
        if new[session] != old.get(session)
    ) + tuple(
        Event("changed", work.subject, f"ses-{session} has no image any more")
        for session in old
        if session not in new
    )


def _first_seen(work: Work, frame: pd.DataFrame) -> list[datetime]:
    """When each image's content first came into the lake: now, unless it is known already."""
    before = _before(work)
    known = {} if before is None else dict(zip(before.sha256, before.ingested_at, strict=True))
    now = datetime.now(UTC).replace(microsecond=0)
    return [known.get(checksum, now) for checksum in frame.sha256]


@step(
    tables.Participants,
    "scans",
    settings=("participants", "treatment", "sessions", "bids", *SCREENED),
    after=("raw_scans",),
    skips=_screened_at_the_images,
    reads_problems=True,
    leaves_out_rows=True,
    sources=(PARTICIPANTS_FILES,),
    from_patients=True,
    version="2",
)
def participants(work: Work) -> Made:
    """List the patients as participants.tsv describes them.

    An identifying column fails the table; an identifying cell or file excludes its
    patient, and so do dates with the follow-up before the baseline. An impossible value
    is set to missing and reported. A column of free text is left out unless
    ``privacy.allow`` names it.
    """
    bids = work.study.bids_folder
    screened = screen_participants(bids, work.study.privacy.allow)
    of_columns = [one for one in screened if one.reason in BLOCKING and one.subject == EVERY]
    if of_columns:
        raise InputProblem(of_columns)
    # With images what only might identify is noted where they are registered.
    told = BLOCKING if work.study.scans.images else (*BLOCKING, POSSIBLE)
    screened += _told_by_screen(work, "participants", told)
    both = work.study.sessions.both
    wanted = work.study.treatment.columns()
    here = in_participants(bids, wanted)
    renamed = {**work.study.participants, **here}
    frame, problems = read_participants(bids, renamed, both[0])
    frame = _without_free_text(work.study, frame)
    frame, untreated = _with_treatment(work.study, frame, set(wanted) - set(here.values()))
    problems += untreated
    frame = _without_blocked(frame, screened)
    turned = contradictions(bids, subject_labels(bids), both)
    found = dict.fromkeys([*invalid_subjects(bids), *problems, *screened, *turned])
    return Made(
        frame,
        tuple(found),
        {"patients": len(frame), "mean_age_years": float(frame.age_years.mean())},
    )


@step(
    tables.ClinicalScores,
    "scans",
    settings=("sessions", "instruments", "bids", *SCREENED),
    after=("raw_scans",),
    skips=_screened_at_the_images,
    reads_problems=True,
    leaves_out_rows=True,
    sources=(RATING_FILES,),
    from_patients=True,
    version="2",
)
def clinical_scores(work: Work) -> Made:
    """Collect ratings and questionnaires, one score per patient, session and instrument.

    A patient blocked by the privacy screen has none.
    A score without one in the other session is kept; the patient is then excluded from the
    analyses of that instrument (see `exclusions`).
    """
    study = work.study
    frame, problems = read_clinical_scores(
        study.bids_folder,
        subject_labels(study.bids_folder),
        study.sessions.both,
        study.instruments,
    )
    days = {one: days_of_sessions(study.bids_folder, one) for one in frame.subject.unique()}
    scored = zip(frame.subject, frame.session, strict=True)
    acquired = [days[subject].get(session) for subject, session in scored]
    frame["acquired_day"] = pd.Series(acquired, frame.index, dtype="float64")
    everything = _told_by_screen(work, "clinical_scores", BLOCKING)
    # A column that identifies concerns participants.tsv, and stops that table.
    blocking = [problem for problem in everything if problem.subject != EVERY]
    frame = _without_blocked(frame, blocking)
    return Made(
        frame,
        tuple(dict.fromkeys([*problems, *blocking])),
        {"scores": len(frame), "instruments": ", ".join(study.instruments)},
    )


def _with_treatment(
    study: Study, frame: pd.DataFrame, elsewhere: Collection[str]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Add what the sessions files say of the treatment, and the days between the scans."""
    bids, both = study.bids_folder, study.sessions.both
    subjects = list(frame.subject)
    findings = Findings("participants")
    wanted = {ours: one for ours, one in study.treatment.columns().items() if ours in elsewhere}
    found = of_sessions(bids, subjects, both, wanted, study.privacy.allow, findings)
    for name in wanted:
        frame[name] = found[name].to_numpy()
    days = {subject: days_of_sessions(bids, subject) for subject in subjects}
    interval = [days[one].get(both[1], np.nan) - days[one].get(both[0], np.nan) for one in subjects]
    place = list(frame.columns).index(COLUMNS_OF_TREATMENT[-1]) + 1
    frame.insert(place, "scan_interval_days", pd.Series(interval, frame.index, dtype="float64"))
    return frame, findings.problems


def _without_free_text(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Take columns of free text out; of those that every study has, the values."""
    ours = {theirs.casefold(): name for theirs, name in study.participants.items()}
    withheld = withheld_columns(study.bids_folder, study.privacy.allow)
    names = {ours.get(one.casefold(), one).casefold() for one in withheld}
    found = [str(one) for one in frame if str(one).casefold() in names]
    known = [one for one in found if one in BASIC_COLUMNS]
    frame = frame.drop(columns=[one for one in found if one not in known])
    for name in known:
        frame[name] = pd.Series(index=frame.index, dtype=frame[name].dtype)
    return frame


def _without_blocked(frame: pd.DataFrame, problems: Sequence[Problem]) -> pd.DataFrame:
    blocked = {one.subject for one in problems if one.reason in BLOCKING}
    return frame[~frame.subject.isin(blocked)].reset_index(drop=True)


STEPS = (raw_scans, participants, clinical_scores)
