"""Which patients' data are complete, and what the others wait for.

The rule is the study's (``[arrival]`` in study.toml); it is read off the files alone. Whether what
is there can be used is found out by the steps, and taking patients up is done in `automation`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from ect_assets.intake.bids import subject_labels
from ect_assets.intake.clinical import read_clinical_scores
from ect_assets.intake.scans import SUFFIXES, is_almost_t1w
from ect_assets.intake.source_files import refused_folder
from ect_assets.intake.volumes.sources import VolumeSource, volume_source
from ect_assets.pipeline.staleness import seconds_to_settle
from ect_assets.study import Study

SETTLING = "its files to settle"


def waiting_for(
    study: Study, subjects: Sequence[str] | None = None, now: float | None = None
) -> dict[str, tuple[str, ...]]:
    """Say for each patient what is still awaited before the daemon takes the data up.

    Parameters
    ----------
    subjects : sequence of str, optional
        Only these; all those of the BIDS folder without it.
    now : float, optional
        Seconds since the epoch; the clock's without it.

    Returns
    -------
    dict of str to tuple of str
        Patient to what is awaited, in a reader's words; nothing where all is there and settled.

    Raises
    ------
    StudyError
        When the BIDS folder cannot be read.
    """
    labels = subject_labels(study.bids_folder) if subjects is None else list(subjects)
    source = volume_source(study, lambda line: None)
    unscored = _unscored(study, labels)
    clock = time.time() if now is None else now
    return {
        subject: (
            *_missing_sessions(study, source, subject),
            *unscored.get(subject, ()),
            *_unsettled(study, source, subject, clock),
        )
        for subject in labels
    }


def complete_patients(study: Study, now: float | None = None) -> list[str]:
    """List the patients who wait for nothing, as `waiting_for` says."""
    return [subject for subject, awaited in waiting_for(study, now=now).items() if not awaited]


def _missing_sessions(study: Study, source: VolumeSource, subject: str) -> list[str]:
    if not study.arrival.sessions:
        return []
    awaited = []
    for session in study.sessions.both:
        if study.scans.images and not _has_image(study, subject, session):
            awaited.append(f"the image of ses-{session}")
        if not (source.measures_images or session in source.sessions(subject)):
            awaited.append(f"the volumes of ses-{session} ({source.name})")
    return awaited


def _has_image(study: Study, subject: str, session: str) -> bool:
    """Say whether there is an image, usable or not: what is wrong with it `raw_scans` tells."""
    bids = study.bids_folder
    folder = bids / f"sub-{subject}" / f"ses-{session}" / "anat"
    way = (folder.parent.parent, folder.parent, folder)
    if any(refused_folder(place, bids) is not None for place in way):
        return True
    names = [file.name for file in folder.glob("*")]
    return any(name.endswith(SUFFIXES) or is_almost_t1w(name) for name in names)


def _unscored(study: Study, subjects: Sequence[str]) -> dict[str, list[str]]:
    """List, by patient, the scores that the study waits for and that are not there."""
    needed = {name: study.instruments[name] for name in study.arrival.instruments}
    if not needed:
        return {}
    scores, _ = read_clinical_scores(study.bids_folder, subjects, study.sessions.both, needed)
    there = set(scores[["subject", "session", "instrument"]].itertuples(index=False, name=None))
    return {
        subject: [
            f"{name} of ses-{session}"
            for name in needed
            for session in study.sessions.both
            if (subject, session, name) not in there
        ]
        for subject in subjects
    }


def _unsettled(study: Study, source: VolumeSource, subject: str, now: float) -> list[str]:
    """Say how long the files have to stay as they are, where one was written just now."""
    left = seconds_to_settle(study, patient_files(study, source, subject), now)
    return [f"{SETTLING} ({left:.0f} s)"] if left else []


def patient_files(study: Study, source: VolumeSource, subject: str) -> Iterable[Path]:
    """List every file of a patient: in the BIDS folder, and where the volumes come from."""
    own = (study.bids_folder / f"sub-{subject}").rglob("*")
    return {*(file for file in own if file.is_file()), *source.files(subject)}
