"""Where volumes come from: one interface, and the source that a study's settings name.

A new source is a class with these four methods and an entry in `SOURCES`. How a source reads its
files belongs in its own module.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pandas import DataFrame

from ect_assets.morphometry.freesurfer import FreeSurferSubjects
from ect_assets.morphometry.group_tables import GroupTables
from ect_assets.study import Study


class VolumeSource(Protocol):
    """Gives the volumes of a scan; ``name`` goes into the column ``source``."""

    name: str

    def scan_volumes(self, subject: str, session: str) -> DataFrame:
        """Give the row of `scan_volumes`, or raise `InputProblem`."""
        ...

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: DataFrame
    ) -> DataFrame:
        """Give the rows of `parcel_gmv` in the order of `parcels`, or raise `InputProblem`."""
        ...

    def files(self, subject: str) -> list[Path]:
        """List every existing file that is read for a subject, to see when one changes."""
        ...

    def sessions(self, subject: str) -> list[str]:
        """List the sessions of which there is anything for a subject."""
        ...


SOURCES: dict[str, Callable[[Study], VolumeSource]] = {
    FreeSurferSubjects.name: FreeSurferSubjects,
    GroupTables.name: GroupTables,
}


def volume_source(study: Study) -> VolumeSource:
    """Make the source that ``study.morphometry.source`` names.

    Parameters
    ----------
    study : Study
        The settings.

    Returns
    -------
    VolumeSource

    Raises
    ------
    StudyError
        When ``morphometry.subject_folder`` cannot name a subject and a session.
    """
    return SOURCES[study.morphometry.source](study)
