"""Which files an atlas consists of, and how messages name them.

Nothing is read here: volumes belong in `volume_files`, surfaces in `surface_files`, the table of
parcels in `info_table`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ect_assets.problems import StudyError

KINDS = ("volume", "left", "right", "info")


@dataclass(frozen=True)
class AtlasFiles:
    """The files of one atlas, as `study.toml` names them; paths are absolute.

    Parameters
    ----------
    name : str
        The parcellation, for example ``schaefer_100``.
    volume : Path or None
        Label volume in MNI152 (NIfTI).
    left, right : Path or None
        Labels of each hemisphere's vertices, on fsaverage, fsaverage6 or fsaverage5: FreeSurfer's
        ``.annot`` or GIFTI (``.gii``, ``.gii.gz``).
    info : Path or None
        Table of the parcels (`info_table`); needed with a volume.
    """

    name: str
    volume: Path | None = None
    left: Path | None = None
    right: Path | None = None
    info: Path | None = None

    def path(self, kind: str) -> Path:
        """Give the file of a kind (``volume``, ``left``, ``right``, ``info``) that is set."""
        path: Path | None = getattr(self, kind)
        if path is None:
            raise ValueError(f"no {kind} is set")
        return path

    def shown(self, kind: str) -> str:
        """Name a file by its setting, for messages: ``parcellations.NAME.KIND (FILE)``."""
        return f"parcellations.{self.name}.{kind} ({self.path(kind).name})"

    def check(self) -> None:
        """Stop unless the files make an atlas and are there.

        Raises
        ------
        StudyError
            Naming each setting that must be fixed.
        """
        if self.volume is None and self.left is None and self.right is None:
            raise StudyError(
                f"[parcellations.{self.name}] of study.toml names no labels: expected a `volume` "
                "in MNI152, or `left` and `right` surface files. Add them."
            )
        if self.volume is not None and self.info is None:
            raise StudyError(
                f"{self.shown('volume')} has numbers only, and no table names the parcels they "
                "are. Set `info` to a table with the columns id, name, hemisphere, structure."
            )
        if self.left is not None and self.left == self.right:
            raise StudyError(
                f"parcellations.{self.name}: left and right are one file, {self.left.name}. "
                "Name the file of each hemisphere."
            )
        faults = [
            f"{self.shown(kind)} is not there: expected a file at {self.path(kind)}. "
            "Put it there, or fix the path in study.toml."
            for kind in KINDS
            if getattr(self, kind) is not None and not self.path(kind).is_file()
        ]
        if faults:
            raise StudyError("\n".join(faults))
