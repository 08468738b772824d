"""Where volumes come from: one interface, and the source that a study's settings name.

A new source is a class as `VolumeSource` says and an entry in `SOURCES`. How a source reads its
files belongs in its own module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from pandas import DataFrame

from ect_assets.intake.volumes.freesurfer import FreeSurferSubjects
from ect_assets.intake.volumes.group_tables import GroupTables
from ect_assets.intake.volumes.recon_all_source import ReconAll
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study


class VolumeSource(Protocol):
    """Gives the volumes of a scan.

    Attributes
    ----------
    name : str
        As ``morphometry.source`` says it; goes into the column ``source``.
    measures_images : bool
        Whether it needs nothing but the images, and so takes minutes to hours a patient.
    fills_folder : bool
        Whether it makes, or completes, what stands in ``morphometry.folder``.
    holds_many : bool
        Whether each of its files holds many patients.
    versions : mapping of str to int
        Of the stages of a measurement, whose results are made again when one of them is raised.
    """

    name: str
    measures_images: bool
    fills_folder: bool
    holds_many: bool
    versions: Mapping[str, int]

    def __init__(self, study: Study, *, log: Callable[[str], None] = print): ...

    def scan_volumes(self, subject: str, session: str) -> DataFrame:
        """Give the row of the table `scan_volumes`.

        Raises
        ------
        InputProblem
            With everything that is wrong with this session's images or files.
        StudyError
            When something that all patients need is missing or unusable: a folder, a table, a
            program.
        """
        ...

    def parcel_gmv(
        self, subject: str, session: str, parcellation: str, parcels: DataFrame
    ) -> DataFrame:
        """Give the rows of the table `parcel_gmv`, one per cortical parcel.

        Parameters
        ----------
        parcels : DataFrame
            Rows of the table `parcels` for this parcellation, whose order is kept.

        Raises
        ------
        InputProblem
            With everything that is wrong with this session's images or files.
        StudyError
            When something that all patients need is missing or unusable, or the parcellation has
            no setting.
        """
        ...

    def files(self, subject: str) -> list[Path]:
        """List every file that is read for a subject, exists and may be opened, each once."""
        ...

    def sessions(self, subject: str) -> list[str]:
        """List the sessions of which there is anything for a subject, sorted."""
        ...


@runtime_checkable
class ShowsImages(Protocol):
    """A source that can draw what it measured."""

    def pictures(self, subject: str, parcellation: str) -> dict[str, bytes]:
        """Give PNGs by title."""
        ...


Log = Callable[[str], None]
PARTS = (
    *("name", "measures_images", "fills_folder", "holds_many", "versions"),
    *("scan_volumes", "parcel_gmv", "files", "sessions"),
)
"""What a source has, as `VolumeSource` says."""


def _volumetric() -> type[VolumeSource]:
    # Its libraries take seconds to import, which other sources never need.
    from ect_assets.intake.volumes.volumetric_source import VolumetricImages

    return VolumetricImages


SOURCES: dict[str, Callable[[], type[VolumeSource]]] = {
    FreeSurferSubjects.name: lambda: FreeSurferSubjects,
    GroupTables.name: lambda: GroupTables,
    ReconAll.name: lambda: ReconAll,
    "volumetric": _volumetric,
}


def source_class(study: Study) -> type[VolumeSource]:
    """Name the source of a study by its class, whose facts need no other setting."""
    name = study.morphometry.source
    if name not in SOURCES:
        raise StudyError(
            f"{STUDY_FILE}: morphometry.source: there is no source of volumes {name}; there are "
            f"{', '.join(SOURCES)}. A source of a lab's own comes from a module under "
            "[extensions], which has to be importable."
        )
    return SOURCES[name]()


def further_source(kind: type[VolumeSource]) -> type[VolumeSource]:
    """Register a source of volumes of a lab's own; ``morphometry.source`` can name it then.

    Parameters
    ----------
    kind : type of VolumeSource
        Its `name` is how study.toml names it.

    Raises
    ------
    ValueError
        When the name is taken or something of `VolumeSource` is missing.
    """
    lacking = [one for one in PARTS if not hasattr(kind, one)]
    if lacking:
        raise ValueError(f"The source of volumes {kind.__qualname__} lacks {', '.join(lacking)}.")
    there = SOURCES.get(kind.name, lambda: kind)()
    if (there.__module__, there.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ValueError(
            f"The source of volumes {kind.name!r} of {kind.__module__} has the name of "
            f"{there.__module__}.{there.__qualname__}; rename it."
        )
    SOURCES[kind.name] = lambda: kind
    return kind


def volume_source(study: Study, log: Log = print) -> VolumeSource:
    """Make the source that ``study.morphometry.source`` names.

    Parameters
    ----------
    log : callable
        Takes each line of what a source that runs a program has to say.

    Raises
    ------
    StudyError
        When ``morphometry.subject_folder`` cannot name a subject and a session, or another setting
        of the source cannot be right.
    """
    kind = source_class(study)
    return kind(study, log=log) if kind.measures_images else kind(study)
