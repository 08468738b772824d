"""A source of volumes that runs FreeSurfer itself: images in, volumes out.

Runs what is missing of a patient and then reads it as `freesurfer` does. How recon-all is run
belongs in `recon_all`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ect_assets.intake.scans import read_raw_scans, t1w_images
from ect_assets.intake.volumes.freesurfer import FreeSurferSubjects
from ect_assets.intake.volumes.recon_all import run_recon_all
from ect_assets.intake.volumes.recon_all_plan import ReconAllJob, ReconAllSettings, volumes_folder
from ect_assets.intake.volumes.subject_access import why_closed
from ect_assets.problems import EVERY, InputProblem, Problem
from ect_assets.study import Study


def settings_of(study: Study) -> ReconAllSettings:
    """Give the settings of recon-all that stand under [morphometry].

    Raises
    ------
    StudyError
        When ``recon_all_flags`` has a flag that is decided here.
    """
    said = study.morphometry
    return ReconAllSettings(
        threads=said.recon_all_threads,
        longitudinal=said.longitudinal,
        flags=said.recon_all_flags,
        timeout_hours=said.recon_all_timeout_hours,
    )


class ReconAll(FreeSurferSubjects):
    """FreeSurfer's subject folders, made from the study's images where they are missing.

    Parameters
    ----------
    study : Study
        The settings; ``morphometry.folder`` is FreeSurfer's folder of subjects.
    settings : ReconAllSettings, optional
        How recon-all is run; as the study says if not given.
    """

    name = "recon-all"
    measures_images = True
    fills_folder = True

    def __init__(
        self,
        study: Study,
        settings: ReconAllSettings | None = None,
        log: Callable[[str], None] = print,
    ):
        settings = settings or settings_of(study)
        said = study.morphometry.subject_folder
        super().__init__(study, volumes_folder(said, settings.longitudinal))
        self._settings = settings
        self._log = log

    def scan_volumes(self, subject: str, session: str) -> pd.DataFrame:
        """Make what is missing, then read it."""
        self._make(subject, session, "scan_volumes")
        return super().scan_volumes(subject, session)

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: pd.DataFrame
    ) -> pd.DataFrame:
        """Make what is missing, then read it."""
        self._make(subject, session, "parcel_gmv")
        return super().parcel_gmv(subject, session, parcellation, parcels)

    def files(self, subject: str) -> list[Path]:
        """List the images and FreeSurfer's files of a subject, without the marks of a run."""
        made = [path for path in super().files(subject) if not path.name.startswith("IsRunning")]
        return [*self._images(subject), *made]

    def sessions(self, subject: str) -> list[str]:
        """List the sessions of which there is an image or a folder."""
        with_image = {
            path.parent.parent.name.removeprefix("ses-") for path in self._images(subject)
        }
        return sorted(with_image.union(super().sessions(subject)))

    def _images(self, subject: str) -> list[Path]:
        return t1w_images(self._study.bids_folder, subject)

    def _make(self, subject: str, session: str, stage: str) -> None:
        """Run what is missing of a subject, or raise why a session cannot be had."""
        closed = why_closed(self._study, self._folder_of(subject, session))
        if closed is not None:
            raise InputProblem(Problem(*closed, stage, subject=subject, session=session))
        bids = self._study.bids_folder
        scans, problems = read_raw_scans(bids, subject, self._study.sessions.both)
        images = dict(zip(scans["session"], (bids / path for path in scans["path"]), strict=True))
        needed = self._study.sessions.both if self._settings.longitudinal else (session,)
        there = self.compared_folders(subject, session)
        lacking = [one for one in needed if one not in images]
        told = [
            dataclasses.replace(problem, stage=stage)
            for problem in problems
            if problem.session in lacking and problem.session not in there
        ]
        if told:
            raise InputProblem(told)
        if lacking:
            # Made elsewhere from images that are not here: read as it is.
            return
        job = ReconAllJob(
            subject,
            images,
            self._study.morphometry_folder,
            self._study.morphometry.subject_folder,
            self._settings,
        )
        try:
            run_recon_all(job, self._log, stage)
        except InputProblem as error:
            # What failed in another session is told when that session is read.
            mine = {*needed, EVERY}
            ours = [problem for problem in error.problems if problem.session in mine]
            if ours:
                raise InputProblem(ours) from error
