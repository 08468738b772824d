"""Morphometry: scans to volumes of parcels, and their quality.

Sources of volumes and checks of quality belong in `morphometry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.intake.atlases import REFERENCE, atlas_files, atlas_of
from ect_assets.intake.volumes.sources import (
    ShowsImages,
    VolumeSource,
    source_class,
    volume_source,
)
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Made, Source, Verdict, Work, step
from ect_assets.problems import EVERY, InputProblem, Problem, StudyError
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.science.morphometry import atlas_transfer, plausible_volumes, quality
from ect_assets.science.morphometry.scan_contrast import image_contrast
from ect_assets.science.morphometry.scans_by_parcels import CORTEX, primary_volumes
from ect_assets.science.morphometry.site_effects import in_words, site_effects
from ect_assets.study import Study

EARLIER_STAGE = "session_missing"
PARCELLATION = ("parcellations.{parcellation}.freesurfer", "parcellations.{parcellation}.atlas")
"""What volumes follow of a parcellation's settings: not where its gene expression comes from."""
CHECKS = {"quality": "Every scan and patient is consistent with the cohort."}


def _source_files(study: Study, partition: Partition) -> list[Path]:
    return volume_source(study).files(partition["subject"])


VOLUME_FILES = Source(
    "volume_files",
    "Files of a patient where the volumes come from, as [morphometry] of study.toml says.",
    _source_files,
    ("subject",),
)
ATLAS_FILES = Source(
    "atlas_files",
    "Files of an atlas of the study's own, and what study.toml says of the parcellation's parcels.",
    atlas_files,
    ("parcellation",),
    PARCELLATION,
)
NOT_DRAWN = "not drawn in runs of many patients; materialize this partition alone to see them"


def _runs_freesurfer(study: Study) -> bool:
    return source_class(study).fills_folder


def _measured_by(study: Study) -> Mapping[str, int]:
    return source_class(study).versions


def _each_session(work: Work, source: VolumeSource, read: Callable[[str], pd.DataFrame]) -> Made:
    """Read session by session; a missing session is noted, anything broken stops the patient.

    Of the further sessions those are read that the patient has; a broken one stops nothing.
    """
    frames: list[pd.DataFrame] = []
    problems: list[Problem] = []
    for session in work.study.sessions.both:
        try:
            frames.append(read(session))
        except InputProblem as error:
            problems.extend(error.problems)
    if not frames or any(problem.reason != EARLIER_STAGE for problem in problems):
        raise InputProblem(problems)
    there = source.sessions(work.subject) if work.study.sessions.further else ()
    for session in work.study.sessions.further:
        if session in there:
            try:
                frames.append(read(session))
            except InputProblem as error:
                problems.extend(error.problems)
    return Made(pd.concat(frames, ignore_index=True), tuple(problems))


@step(
    tables.Parcels,
    "morphometry",
    settings=PARCELLATION,
    sources=(ATLAS_FILES,),
    reference=REFERENCE,
)
def parcels(work: Work) -> pd.DataFrame:
    """List the parcels of the parcellation: names, hemisphere, where they lie.

    Of a packaged parcellation, or of the atlas files that study.toml names; what is missing there
    (centroids on the sphere, coordinates) is derived.
    """
    return atlas_of(work.study, work.parcellation).parcels


@step(
    tables.ScanVolumes,
    "morphometry",
    after=("raw_scans",),
    settings=("sessions", "morphometry", "group.adjusts_for_etiv", "scans"),
    version="2",
    sources=(VOLUME_FILES,),
    makes_files=_runs_freesurfer,
    measured_by=_measured_by,
    from_patients=True,
)
def scan_volumes(work: Work) -> Made:
    """Measure each scan as a whole: intracranial volume, brain, gray matter, quality.

    Where the source gives no contrast, it is estimated from the image.
    """
    source = volume_source(work.study, work.log)
    made = _each_session(work, source, lambda session: source.scan_volumes(work.subject, session))
    return replace(made, frame=_with_contrast(work, made.frame))


def _with_contrast(work: Work, scans: pd.DataFrame) -> pd.DataFrame:
    """Fill in the contrast of the images that are registered and whose source does not give it."""
    if not (work.study.scans.images and work.lake.partitions(tables.RawScans, work.partition)):
        return scans
    images = work.lake.read(tables.RawScans, work.partition).set_index("session").path
    estimated = {
        session: image_contrast(work.study.bids_folder / images[session])
        for session in scans.session[scans.qc_cnr.isna()]
        if session in images.index
    }
    return scans.assign(qc_cnr=scans.qc_cnr.fillna(scans.session.map(estimated).astype(float)))


@step(
    tables.ParcelGmv,
    "morphometry",
    after=("raw_scans",),
    settings=("sessions", "morphometry", *PARCELLATION),
    version="2",
    sources=(VOLUME_FILES, ATLAS_FILES),
    makes_files=_runs_freesurfer,
    measured_by=_measured_by,
    reference=(*REFERENCE, *atlas_transfer.REFERENCE, *plausible_volumes.REFERENCE),
    from_patients=True,
)
def parcel_gmv(work: Work, parcels: pd.DataFrame) -> Made:
    """Measure gray matter volume in each parcel, per session of the patient.

    Also of the structures outside the cortex that the parcellation has, where the source has them.
    Parcels that lie outside what FreeSurfer calls cortex have no row where it measures nothing.
    """
    source = volume_source(work.study, work.log)
    made = _each_session(
        work,
        source,
        lambda session: source.parcel_gmv(work.subject, session, work.parcellation, parcels),
    )
    if made.frame.empty:
        raise StudyError(
            f'No parcel of {work.parcellation} is measured by source = "{source.name}": outside '
            "the cortex it measures the packaged structures alone. Take "
            f"[parcellations.{work.parcellation}] out of study.toml, or use parcels of the cortex."
        )
    if not work.draws:
        return replace(made, figures={**made.figures, "pictures": NOT_DRAWN})
    pictures = _change_map(work, made.frame)
    if isinstance(source, ShowsImages):
        pictures = {**source.pictures(work.subject, work.parcellation), **pictures}
    return replace(made, pictures=pictures)


def _change_map(work: Work, frame: pd.DataFrame) -> dict[str, bytes]:
    """Draw the patient's change on the cortex, where there are both sessions and a surface."""
    # What draws is slow to import, and not needed to know the steps.
    from ect_assets.report.maps.brain_maps import patient_change_png

    surface = surface_of(work.study, work.parcellation)
    if surface is None:
        return {}
    title = f"sub-{work.subject}, {work.parcellation}"
    both = work.study.sessions.both
    png = patient_change_png(frame, both, surface, title, work.study.simulated)
    return {} if png is None else {"change on the cortex": png}


@step(
    tables.ScanQuality,
    "morphometry",
    after=("raw_scans", "participants"),
    settings=("sessions", "quality", "scans"),
    checks=CHECKS,
    leaves_out_rows=True,
)
def scan_quality(work: Work, scan_volumes: pd.DataFrame) -> Made:
    """Quality of each scan within the cohort: surfaces, contrast, intracranial volume, identity.

    One row per scan, or patient, and check. A check that fails calls for review; one that
    excludes leaves the patient out, unless reviewed.tsv in the study's folder overrules it.
    """
    sessions, limits = work.study.sessions.both, work.study.quality
    compared = scan_volumes[scan_volumes.session.isin(sessions)]
    frames = [quality.scan_quality(compared, sessions, limits, _sites(work))]
    if work.study.scans.images and work.lake.partitions(tables.RawScans):
        frames.append(quality.duplicate_scans(work.lake.read(tables.RawScans)))
    return _judged(pd.concat(frames, ignore_index=True))


@step(
    tables.ParcelQuality,
    "morphometry",
    after=("participants",),
    settings=("sessions", "quality"),
    checks=CHECKS | {"sites": "No parcel's change depends on the site."},
    leaves_out_rows=True,
    version="2",
)
def parcel_quality(work: Work, parcels: pd.DataFrame, parcel_gmv: pd.DataFrame) -> Made:
    """Quality of each patient's parcels within the cohort: outliers, swapped sides or sessions.

    Of the cortex, where the parcellation has any. One row per scan, or patient, and check, as in
    scan_quality. Whether the change depends on the site is a check of its own.
    """
    sessions = work.study.sessions.both
    is_compared = parcel_gmv.index.get_level_values("session").isin(sessions)
    volumes = primary_volumes(parcel_gmv[is_compared], parcels)
    made = _judged(quality.parcel_quality(volumes, sessions, _limits(work, parcels)))
    sites = Verdict(*in_words(site_effects(volumes, sessions, _sites(work))))
    return replace(made, verdicts={**made.verdicts, "sites": sites})


def _limits(work: Work, parcels: pd.DataFrame) -> quality.QualityLimits:
    """Let a share of outliers among a few structures be shown, and leave nobody out."""
    limits = work.study.quality
    has_cortex = CORTEX in set(parcels.structure)
    return limits if has_cortex else limits.model_copy(update={"parcel_share_excludes": 1.0})


def _sites(work: Work) -> dict[str, str]:
    """Name the site of each patient, where participants.tsv could be read and says it."""
    if not work.lake.partitions(tables.Participants):
        return {}
    known = work.lake.read(tables.Participants)[["subject", "site"]].dropna()
    return dict(zip(known.subject, known.site, strict=True))


def _judged(checked: pd.DataFrame) -> Made:
    """Add what a reader needs to know first: who does not pass."""
    failing = checked[~checked.passes]
    who = [
        f"{'the cohort' if subject == EVERY else f'sub-{subject}'}"
        f"{'' if session == EVERY else f' ses-{session}'} ({check})"
        for subject, session, check in failing[["subject", "session", "check_name"]].to_numpy(
            dtype=str
        )
    ]
    left_out = checked.loc[checked.excludes, "subject"].nunique()
    says = f"{len(failing)} of {len(checked)} fail: {', '.join(who)}." if who else "All pass."
    return Made(
        checked,
        figures={"not_passed": len(failing), "patients_excluded": int(left_out)},
        verdicts={"quality": Verdict(not who, says)},
    )


STEPS = (parcels, scan_volumes, parcel_gmv, scan_quality, parcel_quality)
