"""A map of the brain as files: the value of each parcel, in the formats that others' tools open.

GIFTI for surface viewers (Workbench, FreeView, neuromaps) and NIfTI in MNI152; CIFTI is laid out
in `cifti_files`, plain text in `text_files`. Nothing is smoothed or filled: each vertex or voxel
has the value of its parcel, and is not a number where there is none. Which maps a study exports
belongs in `group_maps`.
"""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiMetaData
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray

from ect_assets.export.cifti_files import parcellated_scalar
from ect_assets.export.map_spaces import (
    FloatArray,
    LabelledSurface,
    aligned,
    cifti_surface,
    fsaverage_surface,
    painted,
)
from ect_assets.export.text_files import text_files
from ect_assets.science.parcellations.atlas import Atlas

ANATOMY = {"L": "CortexLeft", "R": "CortexRight"}
DESCRIPTION_BYTES = 79
"""What fits into the NIfTI header."""


def brain_map_files(
    values: pd.Series, atlas: Atlas, name: str, description: str
) -> dict[str, bytes]:
    """Write a map of parcels in every format that its atlas allows.

    Parameters
    ----------
    values : Series of float
        Indexed by parcel; parcels that it lacks have no value.
    name : str
        Of the map; file names begin with it.
    description : str
        What the values are, for a reader of the file.

    Returns
    -------
    dict of str to bytes
        File name -> content, the same bytes each time. ``.func.gii`` per hemisphere on fsaverage
        (``den-164k``, or ``den-10k``, which is fsaverage5); ``.pscalar.nii`` on the surface that
        its name says; ``.nii.gz`` in MNI152, derived from the surface where the atlas has no
        volume; ``_annot.txt`` per hemisphere, one value per line in the order of FreeSurfer's
        color table; ``_cortex.txt``, left then right without the rows that are no parcels, as the
        ENIGMA Toolbox takes them; ``.tsv`` with the names of the parcels, which is the only one
        where the atlas has neither volume nor surfaces.

    Raises
    ------
    StudyError
        When a parcel is not one of the atlas.
    ValueError
        When a parcel occurs twice.

    References
    ----------
    Lariviere S et al. (2021). The ENIGMA Toolbox: multiscale neural contextualization of
    multisite neuroimaging datasets. Nat Methods 18:698-700.
    """
    ordered = aligned(values, atlas)
    files = text_files(ordered, atlas, name)
    if not atlas.has_places:
        return files
    surface = fsaverage_surface(atlas)
    if surface is not None:
        files |= _gifti_files(ordered, atlas, surface, name, description)
    beneath = cifti_surface(atlas)
    place = f"_space-{beneath.space}_den-{beneath.density}" if beneath else ""
    files[f"{name}{place}.pscalar.nii"] = parcellated_scalar(
        ordered, atlas, beneath, name, description
    )
    files[f"{name}_space-MNI152.nii.gz"] = _nifti(ordered, atlas, description)
    return files


def _gifti_files(
    values: FloatArray, atlas: Atlas, surface: LabelledSurface, name: str, description: str
) -> dict[str, bytes]:
    place = f"space-{surface.space}_den-{surface.density}"
    return {
        f"{name}_hemi-{side}_{place}.func.gii": _gifti(
            painted(values, atlas, labels), side, name, description
        )
        for side, labels in surface.labels.items()
    }


def _gifti(values: NDArray[np.float32], side: str, name: str, description: str) -> bytes:
    data = GiftiDataArray(
        values,
        intent="NIFTI_INTENT_NONE",
        datatype="NIFTI_TYPE_FLOAT32",
        meta=GiftiMetaData({"Name": name, "Description": description}),
    )
    meta = GiftiMetaData({"AnatomicalStructurePrimary": ANATOMY[side], "Name": name})
    return bytes(GiftiImage(meta=meta, darrays=[data]).to_bytes())


def _nifti(values: FloatArray, atlas: Atlas, description: str) -> bytes:
    volume = atlas.label_volume
    image = Nifti1Image(painted(values, atlas, volume.labels), volume.affine)
    image.set_sform(volume.affine, code="mni")
    image.set_qform(volume.affine, code="mni")
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = description.encode("ascii", "replace")[:DESCRIPTION_BYTES]
    # Without the time of writing, so that the same map gives the same bytes.
    return gzip.compress(image.to_bytes(), compresslevel=6, mtime=0)
