"""Second station: scans to volumes of parcels. The sources of volumes belong in `morphometry`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.lake.store import Partition
from ect_assets.morphometry.sources import volume_source
from ect_assets.parcellations.sources import REFERENCE, atlas_files, atlas_of
from ect_assets.problems import InputProblem, Problem
from ect_assets.step import Made, Work, step
from ect_assets.study import Study

EARLIER_STAGE = "session_missing"


def _source_files(study: Study, partition: Partition) -> list[Path]:
    return volume_source(study).files(partition["subject"])


def _each_session(work: Work, read: Callable[[str], pd.DataFrame]) -> Made:
    """Read session by session; a missing session is noted, anything broken stops the patient."""
    frames: list[pd.DataFrame] = []
    problems: list[Problem] = []
    for session in work.study.sessions.both:
        try:
            frames.append(read(session))
        except InputProblem as error:
            problems.extend(error.problems)
    if not frames or any(problem.reason != EARLIER_STAGE for problem in problems):
        raise InputProblem(problems)
    return Made(pd.concat(frames, ignore_index=True), tuple(problems))


@step(
    tables.Parcels,
    "morphometry",
    settings=("parcellations.{parcellation}",),
    files=atlas_files,
    reference=REFERENCE,
)
def parcels(work: Work) -> pd.DataFrame:
    """List the parcels of the parcellation: names, hemisphere, where they lie.

    Of a packaged parcellation, or of the atlas files that study.toml names; what the files do not
    say (centroids on the sphere, coordinates) is derived from them.
    """
    return atlas_of(work.study, work.parcellation).parcels


@step(
    tables.ScanVolumes,
    "morphometry",
    after=("raw_scans",),
    settings=("sessions", "morphometry", "group.adjusts_for_etiv"),
    files=_source_files,
    from_patients=True,
)
def scan_volumes(work: Work) -> Made:
    """Measure each scan as a whole: intracranial volume, brain, gray matter, quality."""
    source = volume_source(work.study)
    return _each_session(work, lambda session: source.scan_volumes(work.subject, session))


@step(
    tables.ParcelGmv,
    "morphometry",
    after=("raw_scans",),
    settings=("sessions", "morphometry", "parcellations.{parcellation}"),
    files=_source_files,
    from_patients=True,
)
def parcel_gmv(work: Work, parcels: pd.DataFrame) -> Made:
    """Measure gray matter volume in each cortical parcel, per session of the patient."""
    source = volume_source(work.study)
    return _each_session(
        work,
        lambda session: source.parcel_gmv(work.subject, session, work.parcellation, parcels),
    )


STEPS = (parcels, scan_volumes, parcel_gmv)
