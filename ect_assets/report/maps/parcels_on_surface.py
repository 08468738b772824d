"""Which parcel each vertex of fsaverage5 belongs to, for maps of the cortex.

Labels come from a study's atlas and are kept in memory, since every patient's map asks for the
same ones. Reading and deriving labels belongs in `parcellations`, drawing in `brain_maps`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.intake.atlases import atlas_files, atlas_of
from ect_assets.study import Study

if TYPE_CHECKING:
    from ect_assets.science.parcellations.atlas import Atlas

NO_PARCEL = -1


@dataclass(frozen=True, eq=False)
class SurfaceParcels:
    """The parcels of an atlas, and the vertices of fsaverage5 that they cover.

    Attributes
    ----------
    names : Index of str
        All parcels of the atlas, those without any vertex too.
    left, right : (10242,) arrays of int
        Position in ``names`` of each vertex's parcel; -1 where there is none.
    """

    names: pd.Index
    left: NDArray[np.int64]
    right: NDArray[np.int64]

    def of(self, side: str) -> NDArray[np.int64]:
        """Give the positions of one hemisphere's vertices; side is ``L`` or ``R``."""
        return {"L": self.left, "R": self.right}[side]

    def sides_of(self, parcels: Iterable[str]) -> list[str]:
        """List the hemispheres, ``L`` and ``R``, on which any of some parcels is seen."""
        places = np.flatnonzero(self.names.isin(list(parcels)))
        return [side for side in ("L", "R") if np.isin(places, self.of(side)).any()]

    @property
    def absent(self) -> list[str]:
        """Name the parcels that cover no vertex: of subcortex, or too small."""
        seen = np.union1d(self.left, self.right)
        return list(self.names.delete(seen[seen != NO_PARCEL]))


def surface_parcels(atlas: Atlas) -> SurfaceParcels | None:
    """Place the parcels of an atlas on fsaverage5.

    Returns
    -------
    SurfaceParcels or None
        None where no parcel of the atlas is of cortex.
    """
    if atlas.surfaces is None:
        return None
    index = pd.Index(atlas.parcels["parcel_index"])
    left, right = (index.get_indexer(labels).astype(np.int64) for labels in atlas.surfaces)
    return SurfaceParcels(pd.Index(atlas.parcels["parcel"]), left, right)


_READ: dict[Hashable, SurfaceParcels | None] = {}


def surface_of(study: Study, parcellation: str) -> SurfaceParcels | None:
    """Place the parcels of one of a study's parcellations on fsaverage5.

    Read once per process, and again when a file of the atlas changes.

    Parameters
    ----------
    parcellation : str
        Packaged, or with files of its own; a volume is sampled at the vertices.

    Returns
    -------
    SurfaceParcels or None
        None where no parcel of the atlas is of cortex.

    Raises
    ------
    StudyError
        When the files of the atlas cannot be used.
    """
    files = [
        (file, file.stat().st_mtime_ns, file.stat().st_size)
        for file in atlas_files(study, {"parcellation": parcellation})
    ]
    key = (parcellation, study.folder, study.parcellations[parcellation].atlas, *files)
    if key not in _READ:
        _READ[key] = surface_parcels(atlas_of(study, parcellation))
    return _READ[key]
