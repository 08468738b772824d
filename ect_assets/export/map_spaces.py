"""On which vertices and voxels a parcellation's maps are written, and the value of each of them.

fsaverage at full density where labels of that density are packaged, else fsaverage5; for CIFTI
fs_LR where there are labels of it. The files themselves are made in `brain_files` and
`cifti_files`; where an atlas comes from belongs in `parcellations`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.science.parcellations.atlas import Atlas
from ect_assets.science.parcellations.template import N_VERTICES, IntArray

FloatArray = NDArray[np.float64]
HEMISPHERES = ("L", "R")
FINER = "hcp_mmp"
"""The packaged parcellation that has labels of fsaverage at 164k and of fs_LR at 32k."""


@dataclass(frozen=True, eq=False)
class LabelledSurface:
    """The parcels of a surface's vertices.

    Attributes
    ----------
    space : str
        ``fsaverage`` or ``fsLR``.
    density : str
        ``10k`` (fsaverage5), ``164k`` or ``32k``.
    labels : mapping of str to (n_vertices,) array of int
        parcel_index of each vertex, 0 for none, by hemisphere (``L``, ``R``); a hemisphere
        without any parcel is left out.
    """

    space: str
    density: str
    labels: Mapping[str, IntArray]


def fsaverage_surface(atlas: Atlas) -> LabelledSurface | None:
    """Give the parcels of fsaverage's vertices, as dense as they are known.

    Returns
    -------
    LabelledSurface or None
        None where no parcel of the atlas is of cortex.
    """
    if atlas.surfaces is None:
        return None
    if _has_finer_labels(atlas):
        return LabelledSurface("fsaverage", "164k", _packaged("fsaverage"))
    return LabelledSurface("fsaverage", "10k", _occupied(*atlas.surfaces))


def cifti_surface(atlas: Atlas) -> LabelledSurface | None:
    """Give the parcels of the vertices that a CIFTI file is written for.

    Returns
    -------
    LabelledSurface or None
        fs_LR at 32k, Workbench's usual surface, for the packaged HCP-MMP; else fsaverage5. The
        full fsaverage is not used: fs_LR at 164k has as many vertices in another order, and
        nothing in the file would tell them apart.
    """
    if atlas.surfaces is None:
        return None
    if _has_finer_labels(atlas):
        return LabelledSurface("fsLR", "32k", _packaged("fslr32k"))
    return LabelledSurface("fsaverage", "10k", _occupied(*atlas.surfaces))


def aligned(values: pd.Series, atlas: Atlas) -> FloatArray:
    """Put values in the order of an atlas's parcels.

    Parameters
    ----------
    values : Series of float
        Indexed by parcel; parcels may be missing.

    Returns
    -------
    (n_parcels,) array
        Not a number where there is no value.

    Raises
    ------
    StudyError
        When a parcel is not one of the atlas.
    ValueError
        When a parcel occurs twice.
    """
    parcels = pd.Index(atlas.parcels["parcel"])
    unknown = sorted(set(values.index) - set(parcels))
    if unknown:
        raise StudyError(
            f"The atlas {atlas.name} has no parcels {', '.join(map(str, unknown[:5]))}, and a map "
            "has values for them. If the atlas was changed, `ect run` recomputes the tables."
        )
    if values.index.has_duplicates:
        twice = sorted(set(values.index[values.index.duplicated()]))
        raise ValueError(f"two values for one parcel: {', '.join(twice[:5])}")
    return values.reindex(parcels).to_numpy(dtype=np.float64, na_value=np.nan)


def painted(values: FloatArray, atlas: Atlas, labels: IntArray) -> NDArray[np.float32]:
    """Give each labelled place the value of its parcel.

    Parameters
    ----------
    values : (n_parcels,) array
        In the order of the atlas's parcels.
    labels : array of int
        parcel_index of each vertex or voxel; 0 for none.

    Returns
    -------
    array of 32-bit float
        In the shape of the labels; not a number where there is no parcel, or it has no value.
    """
    result = np.full(labels.shape, np.nan, dtype=np.float32)
    in_parcel = labels != 0
    found, inverse = np.unique(labels[in_parcel], return_inverse=True)
    place = pd.Index(atlas.parcels["parcel_index"]).get_indexer(pd.Index(found))
    result[in_parcel] = np.append(values, np.nan)[place][inverse]
    return result


def is_packaged(atlas: Atlas) -> bool:
    """Say whether an atlas has the parcels of the packaged one of its name."""
    if atlas.name not in loaders.PARCELLATIONS:
        return False
    ours, columns = loaders.parcels(atlas.name), ["parcel", "parcel_index", "hemisphere"]
    return ours[columns].equals(atlas.parcels[columns].reset_index(drop=True))


def _has_finer_labels(atlas: Atlas) -> bool:
    """Say whether the finer labels are this atlas's, not those of another with its name."""
    if atlas.surfaces is None or atlas.name != FINER or not is_packaged(atlas):
        return False
    finer = _packaged("fsaverage")
    return all(
        np.array_equal(finer[side][:N_VERTICES], labels)
        for side, labels in zip(HEMISPHERES, atlas.surfaces, strict=True)
    )


def _packaged(surface: str) -> dict[str, IntArray]:
    with np.load(loaders.reference_file("hcp_mmp_labels.npz")) as labels:
        return {side: labels[f"{surface}_{side}"].astype(np.int64) for side in HEMISPHERES}


def _occupied(left: IntArray, right: IntArray) -> dict[str, IntArray]:
    return {
        side: labels
        for side, labels in zip(HEMISPHERES, (left, right), strict=True)
        if labels.any()
    }
