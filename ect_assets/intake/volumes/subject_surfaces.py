"""One FreeSurfer subject's surfaces measured by parcel, where it has no statistics of an atlas.

Decides which files are read, so that all sessions of a person are measured in the same way, and
reads one hemisphere. The formats belong in `surface_files`, the formulas in `surface_measures`,
atlases on fsaverage in `atlas_transfer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.intake.volumes.naming import SIDES
from ect_assets.intake.volumes.surface_files import (
    SurfaceFileError,
    read_annotation,
    read_label,
    read_surface,
    read_vertex_values,
)
from ect_assets.problems import StudyError
from ect_assets.science.morphometry.atlas_transfer import N_VERTICES, carry_labels, fsaverage_sphere
from ect_assets.science.morphometry.surface_measures import (
    parcel_measures,
    vertex_areas,
    vertex_gray_volumes,
)


@dataclass(frozen=True)
class SurfaceFiles:
    """Which files of a subject folder are measured, the same in each session.

    Parameters
    ----------
    annotation : str or None
        Name of an annotation of the subject's own; None where the atlas comes from fsaverage.
    has_volume, has_area : bool
        Whether FreeSurfer's own ``?h.volume`` and ``?h.area`` are summed; else they are computed
        from the white and the pial surface.
    """

    annotation: str | None
    has_volume: bool
    has_area: bool

    def paths(self, folder: Path, side: str) -> dict[str, Path]:
        """Name the files of one hemisphere.

        Parameters
        ----------
        side : str
            ``lh`` or ``rh``.

        Returns
        -------
        dict of str to Path
            By kind: thickness, volume, area, white, pial, cortex, annotation, sphere; those that
            are read.
        """
        surf, label = folder / "surf", folder / "label"
        paths = {"thickness": surf / f"{side}.thickness"}
        if self.has_volume:
            paths["volume"] = surf / f"{side}.volume"
        else:
            paths["pial"] = surf / f"{side}.pial"
            paths["cortex"] = label / f"{side}.cortex.label"
        if self.has_area:
            paths["area"] = surf / f"{side}.area"
        if not (self.has_volume and self.has_area):
            paths["white"] = surf / f"{side}.white"
        if self.annotation is None:
            paths["sphere"] = surf / f"{side}.sphere.reg"
        else:
            paths["annotation"] = label / f"{side}.{self.annotation}.annot"
        return paths


def choose_files(
    folders: Sequence[Path], annotations: Sequence[str], is_on_fsaverage: bool
) -> SurfaceFiles | None:
    """Choose what can be read in every session of a person.

    Parameters
    ----------
    folders : sequence of Path
        Subject folders of one person's sessions.
    annotations : sequence of str
        Names under which the subject may have the atlas as an annotation of its own.
    is_on_fsaverage : bool
        Whether the atlas can be carried over from fsaverage.

    Returns
    -------
    SurfaceFiles or None
        The subject's own annotation comes before fsaverage's, FreeSurfer's own measures before
        ours; None where some session lacks what is needed.
    """
    candidates = [
        SurfaceFiles(annotation, has_volume, has_area)
        for annotation in (*annotations, *([None] if is_on_fsaverage else []))
        for has_volume in (True, False)
        for has_area in (True, False)
    ]
    return next((files for files in candidates if _all_there(files, folders)), None)


def lacking_surfaces(folder: Path, side: str) -> str:
    """Say what a hemisphere lacks for an atlas of fsaverage to be measured on it.

    Parameters
    ----------
    side : str
        ``lh`` or ``rh``.

    Returns
    -------
    str
        A sentence with a space before it, for a message.
    """
    paths = SurfaceFiles(None, has_volume=False, has_area=False).paths(folder, side).values()
    lacking = [path.name for path in paths if not path.is_file()]
    told = f"lacks {', '.join(lacking)}" if lacking else "is complete, another session's is not"
    return f" Or give the surfaces of every session: this {side} {told}."


def _all_there(files: SurfaceFiles, folders: Sequence[Path]) -> bool:
    return bool(folders) and all(
        path.is_file()
        for folder in folders
        for side in SIDES
        for path in files.paths(folder, side).values()
    )


def measure_hemisphere(
    folder: Path,
    side: str,
    files: SurfaceFiles,
    fsaverage: np.ndarray | None = None,
    names: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Measure the parcels of one hemisphere.

    Parameters
    ----------
    side : str
        ``lh`` or ``rh``.
    fsaverage : (163842,) array of int, optional
        Label of each fsaverage vertex; needed where the subject has no annotation of its own.
    names : mapping of int to str, optional
        Parcel names by label of fsaverage; a label without a name stands under its number.

    Returns
    -------
    DataFrame
        Index: structure names; columns gmv_mm3, area_mm2, thickness_mm.

    Raises
    ------
    SurfaceFileError
        When a file is missing or damaged, or belongs to another reconstruction: its number of
        vertices differs from that of ``?h.thickness``.
    StudyError
        When the atlas has another number of vertices than fsaverage.
    """
    hemisphere = _SubjectHemisphere(files.paths(folder, side))
    if files.annotation is None:
        labels = hemisphere.labels_of(fsaverage)
        told = dict(names or {})
    else:
        labels, structures = hemisphere.own_labels()
        told = dict(enumerate(structures, start=1))
    measures = parcel_measures(
        labels, hemisphere.gray_volumes(), hemisphere.areas(), hemisphere.thickness
    )
    index = [told.get(label, f"label {label}") for label in measures.index]
    return measures.set_axis(pd.Index(index, dtype="str"))


class _SubjectHemisphere:
    """The files of one hemisphere, each held against the vertices of ``?h.thickness``."""

    def __init__(self, paths: dict[str, Path]):
        self._paths = paths
        self.thickness = read_vertex_values(paths["thickness"])

    def gray_volumes(self) -> np.ndarray:
        """Give each vertex's volume in mm3: FreeSurfer's own, or computed."""
        if "volume" in self._paths:
            return self._values("volume")
        white, triangles = self._white
        pial, _ = read_surface(self._paths["pial"])
        self._check("pial", len(pial))
        return vertex_gray_volumes(white, pial, triangles, self._is_cortex())

    def areas(self) -> np.ndarray:
        """Give each vertex's area of the white surface in mm2: FreeSurfer's own, or computed."""
        return self._values("area") if "area" in self._paths else vertex_areas(*self._white)

    def own_labels(self) -> tuple[np.ndarray, list[str]]:
        """Give each vertex's label in the subject's own annotation, and the structures' names."""
        labels, structures = read_annotation(self._paths["annotation"])
        self._check("annotation", len(labels))
        return labels, structures

    def labels_of(self, fsaverage: np.ndarray | None) -> np.ndarray:
        """Give each vertex's label in an atlas on fsaverage."""
        if fsaverage is None or len(fsaverage) != N_VERTICES:
            raise StudyError(
                f"The atlas has {0 if fsaverage is None else len(fsaverage):,} vertices in a "
                f"hemisphere, expected the {N_VERTICES:,} of fsaverage. Give it on fsaverage."
            )
        path = self._paths["sphere"]
        sphere, _ = read_surface(path)
        self._check("sphere", len(sphere))
        radii = np.linalg.norm(sphere, axis=1)
        if radii.min() < radii.max() / 2:
            raise SurfaceFileError(f"{path.name} is not a sphere around the origin")
        return carry_labels(fsaverage, fsaverage_sphere(), sphere)

    @cached_property
    def _white(self) -> tuple[np.ndarray, np.ndarray]:
        white, triangles = read_surface(self._paths["white"])
        self._check("white", len(white))
        return white, triangles

    def _values(self, kind: str) -> np.ndarray:
        values = read_vertex_values(self._paths[kind])
        self._check(kind, len(values))
        return values

    def _is_cortex(self) -> np.ndarray:
        vertices = read_label(self._paths["cortex"])
        self._check("cortex", max(len(self.thickness), vertices.max(initial=-1) + 1))
        is_cortex = np.zeros(len(self.thickness), dtype=bool)
        is_cortex[vertices] = True
        return is_cortex

    def _check(self, kind: str, n_vertices: int) -> None:
        if n_vertices != len(self.thickness):
            raise SurfaceFileError(
                f"{self._paths[kind].name} has {n_vertices:,} vertices where "
                f"{self._paths['thickness'].name} has {len(self.thickness):,}, so it is of "
                "another person or another reconstruction"
            )
