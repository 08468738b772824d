"""A map of parcels as CIFTI (`.pscalar.nii`): one number per parcel, and which places it covers.

Parcels of cortex are vertices of a surface, the others voxels of MNI152. Which surface that is
belongs in `map_spaces`.
"""

from __future__ import annotations

import numpy as np
from nibabel.cifti2 import Cifti2Image, ParcelsAxis, ScalarAxis
from numpy.typing import NDArray

from ect_assets.export.map_spaces import FloatArray, LabelledSurface
from ect_assets.science.parcellations.atlas import Atlas

STRUCTURES = {"L": "CIFTI_STRUCTURE_CORTEX_LEFT", "R": "CIFTI_STRUCTURE_CORTEX_RIGHT"}
INTENT = "NIFTI_INTENT_CONNECTIVITY_PARCELLATED_SCALAR"


def parcellated_scalar(
    values: FloatArray,
    atlas: Atlas,
    surface: LabelledSurface | None,
    name: str,
    description: str,
) -> bytes:
    """Write one value per parcel as a CIFTI-2 parcellated scalar file.

    CIFTI names a hemisphere and counts its vertices, and does not say which mesh they are of: a
    viewer takes any surface with that many vertices. A map on fsaverage5 (10,242) is therefore
    shown on fsaverage5's surfaces, one on fs_LR (32,492) on those of the Human Connectome Project.

    Parameters
    ----------
    values : (n_parcels,) array
        In the order of the atlas's parcels; not a number where there is none.
    surface : LabelledSurface or None
        Where the parcels of cortex lie.

    Returns
    -------
    bytes
        Parcels without a vertex or voxel are not in it.

    References
    ----------
    CIFTI-2 Main Specification (2014), Human Connectome Project.
    """
    axis, kept = _parcels(atlas, surface)
    scalars = ScalarAxis([name], meta=[{"Description": description}])
    image = Cifti2Image(values[kept][None, :].astype(np.float32), header=(scalars, axis))
    image.update_headers()
    image.nifti_header.set_intent(INTENT)
    return bytes(image.to_bytes())


def _parcels(
    atlas: Atlas, surface: LabelledSurface | None
) -> tuple[ParcelsAxis, NDArray[np.bool_]]:
    """Describe the parcels that cover something, and say which of the atlas's these are."""
    table, volume = atlas.parcels, atlas.label_volume
    labels = {} if surface is None else surface.labels
    covers = [
        {
            STRUCTURES[side]: vertices
            for side, of_vertex in labels.items()
            if len(vertices := np.flatnonzero(of_vertex == index))
        }
        for index in table["parcel_index"]
    ]
    voxels = [
        np.argwhere(volume.labels == index)
        if structure != "cortex"
        else np.empty((0, 3), dtype=np.int64)
        for index, structure in zip(table["parcel_index"], table["structure"], strict=True)
    ]
    kept = np.array([bool(one) or len(two) > 0 for one, two in zip(covers, voxels, strict=True)])
    in_volume = any(len(one) for one in voxels)
    axis = ParcelsAxis(
        table["parcel"].to_numpy(dtype=object)[kept],
        _ragged([one for one, is_kept in zip(voxels, kept, strict=True) if is_kept]),
        _ragged([one for one, is_kept in zip(covers, kept, strict=True) if is_kept]),
        affine=volume.affine if in_volume else None,
        volume_shape=volume.labels.shape if in_volume else None,
        nvertices={STRUCTURES[side]: len(of_vertex) for side, of_vertex in labels.items()},
    )
    return axis, kept


def _ragged(parts: list) -> NDArray[np.object_]:
    array = np.empty(len(parts), dtype=object)
    array[:] = parts
    return array
