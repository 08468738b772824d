"""Volumes measured from the T1w images themselves, as a source like any other.

Finds a patient's images, has them measured (both sessions together: that is what makes a small
change visible), and gives the rows. How images are measured belongs in `volumetric`.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from ect_assets.intake.atlases import atlas_of
from ect_assets.intake.findings import Findings
from ect_assets.intake.scans import named_images, t1w_images
from ect_assets.intake.volumes.segments import (
    ASEG,
    WITH_SEGMENTS,
    has_segments,
    is_segmentation,
    rows_of,
)
from ect_assets.intake.volumes.volumes import PARCEL_KINDS, SCAN_KINDS, Scan, take_up_implausible
from ect_assets.problems import EVERY, InputProblem, Problem, StudyError, listed
from ect_assets.science.morphometry.plausible_volumes import scan_faults
from ect_assets.science.morphometry.volumetric.itk import ants_version
from ect_assets.science.morphometry.volumetric.pictures import change_picture, outline_picture
from ect_assets.science.morphometry.volumetric.settings import (
    STAGE_VERSIONS,
    ImageError,
    VolumetricSettings,
)
from ect_assets.science.morphometry.volumetric.subject import (
    SubjectImages,
    measure_subject,
    parcel_volumes,
    scan_measures,
)
from ect_assets.science.parcellations.abagen_files import content_hash
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.study import Study
from ect_assets.whole_files import replace_whole

_LOOK = (
    "The brain's outline or the registration with the template probably failed: look at the "
    "picture of the outlines and at the voxel size of the image, and export the images again."
)
SEED_LIMIT = 2**31 - 1
"""The registration takes only seeds below it."""


class VolumetricImages:
    """The study's T1w images, measured with pip-installed libraries alone.

    Parameters
    ----------
    study : Study
        The settings; ``morphometry.resolution_mm`` and ``morphometry.threads`` are used.
    log : callable, optional
        Is told of each stage, with its seconds.
    """

    name = "volumetric"
    measures_images = True
    fills_folder = False
    holds_many = False
    versions: Mapping[str, int] = STAGE_VERSIONS

    def __init__(self, study: Study, log: Callable[[str], None] = lambda line: None):
        self._study = study
        self._log = log
        self._measured: dict[str, SubjectImages] = {}

    def scan_volumes(self, subject: str, session: str) -> pd.DataFrame:
        """Measure the whole scan."""
        images = self._images(subject, session, "scan_volumes")
        measures = _whole_scan(images, session)
        named = {
            "eTIV": measures["etiv_mm3"],
            "BrainSegVol": measures["brain_mm3"],
            "TotalGrayVol": measures["gray_matter_mm3"],
        }
        self._refuse_implausible_scan(named, subject, session)
        version = f"ants {ants_version()}, {self._study.morphometry.resolution_mm:g} mm"
        told = " ".join(finding.sentence for finding in images.findings)
        row = {
            "subject": subject,
            "session": session,
            "etiv_mm3": measures["etiv_mm3"],
            "brain_mm3": measures["brain_mm3"],
            "gray_matter_mm3": measures["gray_matter_mm3"],
            "source": self.name,
            "source_version": version,
            "qc_euler_holes": None,
            "qc_cnr": measures["cnr"],
            "qc_pass": not told,
            "qc_reason": told or None,
        }
        return pd.DataFrame([row], columns=list(SCAN_KINDS)).astype(SCAN_KINDS)

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: pd.DataFrame
    ) -> pd.DataFrame:
        """Measure the parcels; area and thickness, which only a surface has, are missing.

        Of the structures outside the cortex only those of the subcortex, where all have some.
        """
        if is_segmentation(self._study, parcellation) and parcellation != ASEG:
            raise StudyError(
                f"{parcellation} is read from FreeSurfer's folders, and the volumes of this study "
                f"are measured without FreeSurfer. Take [parcellations.{parcellation}] out of "
                "study.toml."
            )
        images = self._images(subject, session, "parcel_gmv")
        measured = parcel_volumes(images, self._atlas(parcellation))
        mine = measured[measured.session == session].set_index("parcel_index").gmv_mm3
        cortex = parcels[parcels.structure == "cortex"].reset_index(drop=True)
        volumes = mine.reindex(cortex.parcel_index).to_numpy()
        outside = parcels[parcels.structure == "subcortex"]
        beyond = pd.Series(mine.reindex(outside.parcel_index).to_numpy(), index=outside.parcel)
        has_beyond = has_segments(self._study, parcellation) and bool((beyond > 0).all())
        empty = cortex.parcel[~(volumes > 0)]
        if parcellation == ASEG and not has_beyond:
            empty = outside.parcel[~(beyond > 0).to_numpy()]
        if len(empty):
            findings = Findings("parcel_gmv")
            findings.add(
                "volume_zero",
                f"The images have no gray matter in {listed(list(empty))}. The registration with "
                "the template probably failed: look at the picture of the outlines, and export "
                "the images again.",
                subject,
                session,
                parcellation,
            )
            findings.raise_any()
        frame = cortex[["parcel", "hemisphere", "structure"]].assign(
            subject=subject,
            session=session,
            parcellation=parcellation,
            gmv_mm3=volumes,
            area_mm2=float("nan"),
            thickness_mm=float("nan"),
            source=self.name,
        )
        frame = frame[list(PARCEL_KINDS)].astype(PARCEL_KINDS)
        findings = Findings("parcel_gmv")
        scan = Scan(subject, session, self.name, _LOOK)
        etiv = _whole_scan(images, session)["etiv_mm3"]
        take_up_implausible(frame, parcellation, scan, findings, etiv, True, "The images")
        findings.raise_any()
        if not has_beyond:
            return frame
        return pd.concat([frame, rows_of(outside, beyond, parcellation, scan)], ignore_index=True)

    def _refuse_implausible_scan(
        self, measures: dict[str, float], subject: str, session: str
    ) -> None:
        findings = Findings("scan_volumes")
        for reason, sentence in scan_faults(measures, self._study.group.adjusts_for_etiv):
            findings.add(reason, f"The images: {sentence} {_LOOK}", subject, session)
        findings.raise_any()

    def files(self, subject: str) -> list[Path]:
        """List the images of a subject's compared sessions, those that exist."""
        return [
            file for session in self.sessions(subject) for file in self._scans(subject, session)
        ]

    def sessions(self, subject: str) -> list[str]:
        """List the compared sessions of which a subject has an image."""
        return [one for one in self._study.sessions.both if self._scans(subject, one)]

    def pictures(self, subject: str, parcellation: str) -> dict[str, bytes]:
        """Draw tissue and parcels over the scan and, of two sessions, the change of the parcels."""
        sessions = self.sessions(subject)
        images = self._images(subject, sessions[0], "parcel_gmv")
        atlas = self._atlas(parcellation)
        mark = " (simulated)" if self._study.simulated else ""
        title = f"sub-{subject}, {parcellation}{mark}"
        drawn = {"outlines": outline_picture(images, atlas, title)}
        if len(sessions) == 2:
            drawn["change"] = change_picture(images, atlas, title)
        return drawn

    def _images(self, subject: str, session: str, stage: str) -> SubjectImages:
        scans = {one: self._only_scan(subject, one, stage) for one in self.sessions(subject)}
        if session not in scans:
            raise InputProblem(
                Problem(
                    "session_missing",
                    f"sub-{subject}/ses-{session}/anat has no T1-weighted image (*_T1w.nii.gz). "
                    "Add the image, or name the sessions in study.toml.",
                    stage,
                    subject,
                    session,
                )
            )
        if subject not in self._measured:
            folder = self._study.cache_folder / "volumetric" / f"sub-{subject}"
            self._measured[subject] = self._measure(scans, folder, subject, stage)
        return self._measured[subject]

    def _measure(
        self, scans: dict[str, Path], folder: Path, subject: str, stage: str
    ) -> SubjectImages:
        chosen = self._study.morphometry
        settings = VolumetricSettings(
            chosen.resolution_mm, chosen.threads, 1 + self._study.seed % (SEED_LIMIT - 1)
        )
        try:
            return measure_subject(
                scans,
                folder,
                settings,
                lambda what, seconds: self._log(f"sub-{subject}: {what}, {seconds:.0f} s"),
            )
        except ImageError as error:
            images = named_images(one.name for one in scans.values())
            sentence = f"{error.sentence} Images: {images}."
            raise InputProblem(Problem(error.reason, sentence, stage, subject, EVERY)) from error

    def _only_scan(self, subject: str, session: str, stage: str) -> Path:
        scans = self._scans(subject, session)
        if len(scans) > 1:
            raise InputProblem(
                Problem(
                    "scan_ambiguous",
                    f"sub-{subject}/ses-{session} holds {len(scans)} T1-weighted images, expected "
                    f"one: {named_images(one.name for one in scans)}. Keep the better one and move "
                    "the others to sourcedata/.",
                    stage,
                    subject,
                    session,
                )
            )
        return scans[0]

    def _scans(self, subject: str, session: str) -> list[Path]:
        folder = f"ses-{session}"
        return [
            file
            for file in t1w_images(self._study.bids_folder, subject)
            if file.parent.parent.name == folder
        ]

    def _atlas(self, parcellation: str) -> Path:
        """Return the parcellation's label volume as a file of the cache.

        The aseg is measured among the parcels of the cortex, which otherwise would be counted to
        the structures beside them.
        """
        if is_segmentation(self._study, parcellation):
            parcellation = WITH_SEGMENTS[0]
            atlas = packaged_atlas(parcellation)
        else:
            atlas = atlas_of(self._study, parcellation)
        name = f"{parcellation}-{content_hash(atlas)[:16]}.nii.gz"
        file = self._study.cache_folder / "atlases" / name
        if not file.is_file():
            content = gzip.compress(atlas.volume().to_bytes(), mtime=0)
            replace_whole(file, lambda aside: aside.write_bytes(content))
        return file


def _whole_scan(images: SubjectImages, session: str) -> dict[str, float]:
    """Give the measures of one whole scan by name."""
    rows = scan_measures(images).to_dict("records")
    mine = next(row for row in rows if row["session"] == session)
    return {str(name): value for name, value in mine.items() if name != "session"}
