"""The settings of one study: `study.toml`, read once, typed and checked.

Everything that differs between two studies stands here: folders, sessions, instruments,
parcellations, null models, seeds. The code assumes none of it. What a table looks like belongs
in `tables`; where the lake keeps its files belongs in `lake`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, field_validator, model_validator

from ect_assets.lake.location import Place, place_of
from ect_assets.study.base import Name, Settings
from ect_assets.study.cluster import Cluster
from ect_assets.study.of_analyses import (
    Association,
    Calibration,
    Enrichment,
    GeneSetSource,
    Nulls,
    ReferenceMaps,
    Transcriptome,
)
from ect_assets.study.of_contrasts import Contrast, Group
from ect_assets.study.of_extensions import Extensions
from ect_assets.study.of_operation import Arrival, Notifications, Report, Schedule, Storage, Ui
from ect_assets.study.of_patients import (
    Instrument,
    Morphometry,
    Parcellation,
    Privacy,
    QualityLimits,
    Scans,
    Sessions,
    Treatment,
)

if TYPE_CHECKING:
    from ect_assets.lake.store import Lake

OF_RESULTS = (
    "seed",
    "simulated",
    "sessions",
    "morphometry",
    "quality",
    "treatment",
    "instruments",
    "parcellations",
    "transcriptome",
    "group",
    "contrasts",
    "association",
    "nulls",
    "calibration",
    "reference_maps",
    "gene_sets",
    "enrichment",
)
"""Settings that results rest on: a report shows them, and is rewritten when one changes."""


class Study(Settings):
    """One study: its `study.toml`, with folders made absolute."""

    name: Name
    title: str
    simulated: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 20250101
    folder: Path
    bids: Path = Path("bids")
    lake: str = "data_lake"
    participants: dict[str, str] = {}
    sessions: Sessions = Sessions()
    scans: Scans = Scans()
    privacy: Privacy = Privacy()
    morphometry: Morphometry = Morphometry()
    quality: QualityLimits = QualityLimits()
    treatment: Treatment = Treatment()
    instruments: dict[Name, Instrument] = {}
    parcellations: dict[Name, Parcellation]
    transcriptome: Transcriptome = Transcriptome()
    group: Group = Group()
    contrasts: dict[Name, Contrast] = {}
    association: Association = Association()
    nulls: Nulls = Nulls()
    calibration: Calibration = Calibration()
    reference_maps: ReferenceMaps = ReferenceMaps()
    gene_sets: dict[Name, GeneSetSource] = {}
    enrichment: Enrichment = Enrichment()
    arrival: Arrival = Arrival()
    schedule: Schedule = Schedule()
    ui: Ui = Ui()
    notifications: Notifications = Notifications()
    report: Report = Report()
    storage: Storage = Storage()
    cluster: Cluster = Cluster()
    extensions: Extensions = Extensions()

    @model_validator(mode="after")
    def _known_instruments(self) -> Study:
        unknown = sorted(set(self.arrival.instruments) - set(self.instruments))
        if unknown:
            raise ValueError(f"[arrival] instruments: {', '.join(unknown)} is not an instrument")
        return self

    @model_validator(mode="after")
    def _later_sessions(self) -> Study:
        later = self.sessions.every[1:]
        for name, contrast in self.contrasts.items():
            if contrast.session is not None and contrast.session not in later:
                raise ValueError(
                    f"[contrasts.{name}] session: {contrast.session} is none of "
                    f"{', '.join(later)}; name it under `further` of [sessions]"
                )
        return self

    @field_validator("parcellations")
    @classmethod
    def _some_parcellation(cls, value: dict) -> dict:
        if not value:
            raise ValueError("name at least one parcellation")
        return value

    @model_validator(mode="after")
    def _no_spins_of_subcortex(self) -> Study:
        beyond = sorted({*self.association.structures} - {"cortex"})
        others = sorted({*self.nulls.models} - {"moran"})
        if beyond and others:
            raise ValueError(
                f"[association] structures has {', '.join(beyond)}, of which {', '.join(others)} "
                "makes no null maps (no place on the sphere, or too few parcels): set models = "
                '["moran"] and primary = "moran" in [nulls]'
            )
        return self

    @field_validator("parcellations")
    @classmethod
    def _no_genes_of_segments(cls, value: dict[str, Parcellation]) -> dict[str, Parcellation]:
        from ect_assets.reference.loaders import SEGMENTATIONS

        for name in SEGMENTATIONS:
            one = value.get(name)
            if one is not None and one.atlas is None and one.expression != "none":
                raise ValueError(
                    f'{name} has no gene expression: set expression = "none"; the subcortex joins '
                    "the genes as part of desikan_killiany, see structures in [association]"
                )
        return value

    @field_validator("parcellations")
    @classmethod
    def _named_for_freesurfer(cls, value: dict[str, Parcellation]) -> dict[str, Parcellation]:
        return {
            name: one.model_copy(update={"freesurfer": one.freesurfer or name})
            for name, one in value.items()
        }

    @cached_property
    def plain(self) -> dict[str, Any]:
        """All settings as plain values, the same in any process."""
        return self.model_dump(mode="json")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Study:
        """Copy the study, with some settings changed."""
        copied = super().model_copy(update=update, deep=deep)
        # pydantic would take it over from before the change.
        copied.__dict__.pop("plain", None)
        return copied

    @property
    def bids_folder(self) -> Path:
        """The BIDS dataset."""
        return self.folder / self.bids

    @property
    def morphometry_folder(self) -> Path:
        """Where the source of the volumes lies."""
        return self.folder / self.morphometry.folder

    @property
    def lake_folder(self) -> Place:
        """Where the tables are kept: a folder, or a place in an object store."""
        return place_of(self.lake, self.folder)

    def open_lake(self, subjects: frozenset[str] | None = None) -> Lake:
        """Return the study's lake, of some patients or of all whom it has files of."""
        from ect_assets.lake.store import Lake

        return Lake(self.lake_folder, subjects, self.cache_folder)

    @property
    def cache_folder(self) -> Path:
        """Where results of long computations are kept; it may be deleted at any time."""
        return self.folder / ".cache"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps this study's runs; inside the study, so that studies never mix."""
        return self.folder / ".dagster"
