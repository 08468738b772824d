"""An atlas as abagen reads it, and the fingerprint by which results know their atlas.

How abagen is run does not belong here.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.atlas import Atlas
from ect_assets.whole_files import replace_whole

ABAGEN_STRUCTURES = {"subcortex": "subcortex/brainstem", "brainstem": "subcortex/brainstem"}
"""Our structures -> abagen's, where they differ."""


def save_for_abagen(
    atlas: Atlas, hemisphere: str, structures: Iterable[str], folder: Path
) -> tuple[Path, Path]:
    """Write the parcels that a study compares as the two files that abagen reads.

    The same atlas and choice give the same bytes.

    Parameters
    ----------
    hemisphere : str
        ``L`` or ``R``; ``both`` takes midline parcels as well.
    structures : iterable of str
        For example ``("cortex",)``.
    folder : Path
        Where to write; made if it is missing.

    Returns
    -------
    volume, info : Path
        ``atlas.nii.gz``, and ``atlas_info.csv`` with id, label, hemisphere, structure.

    Raises
    ------
    StudyError
        When the choice leaves no parcel, or one of them has no voxel.

    References
    ----------
    Markello RD et al. (2021). Standardizing workflows in imaging transcriptomics with the abagen
    toolbox. eLife 10:e72129.
    """
    wanted = _chosen(atlas, hemisphere, list(structures))
    volume = atlas.label_volume.restricted(wanted["parcel_index"])
    has_voxels = wanted["parcel_index"].isin(np.unique(volume.labels))
    if not has_voxels.all():
        raise StudyError(
            f"The volume of {atlas.name} has no voxel of "
            f"{', '.join(wanted.loc[~has_voxels, 'parcel'])}: they are too small to be derived "
            f"from the surface. Set parcellations.{atlas.name}.volume, or merge them."
        )
    info = pd.DataFrame(
        {
            "id": wanted["parcel_index"],
            "label": wanted["parcel"],
            "hemisphere": wanted["hemisphere"],
            "structure": wanted["structure"].replace(ABAGEN_STRUCTURES),
        }
    )
    volume_file, info_file = folder / "atlas.nii.gz", folder / "atlas_info.csv"
    replace_whole(
        volume_file, lambda aside: aside.write_bytes(_compressed(volume.image().to_bytes()))
    )
    table = info.to_csv(index=False, lineterminator="\n")
    replace_whole(info_file, lambda aside: aside.write_text(table, encoding="utf-8"))
    return volume_file, info_file


def content_hash(atlas: Atlas) -> str:
    """Give the fingerprint of an atlas: it moves with any label, the affine, an id or a name.

    Returns
    -------
    str
        SHA-256 of label volume, affine, ids and names, hexadecimal.
    """
    volume = atlas.label_volume
    named = [
        f"{index}\t{parcel}\n"
        for index, parcel in zip(
            atlas.parcels["parcel_index"], atlas.parcels["parcel"], strict=True
        )
    ]
    digest = hashlib.sha256(repr(volume.labels.shape).encode("ascii"))
    digest.update(np.ascontiguousarray(volume.labels, dtype="<i4").tobytes())
    digest.update(np.ascontiguousarray(volume.affine, dtype="<f8").tobytes())
    digest.update("".join(named).encode("utf-8"))
    return digest.hexdigest()


def _chosen(atlas: Atlas, hemisphere: str, structures: list[str]) -> pd.DataFrame:
    parcels = atlas.parcels
    is_here = parcels["hemisphere"].isin(["L", "R", "B"] if hemisphere == "both" else [hemisphere])
    wanted = parcels[is_here & parcels["structure"].isin(structures)]
    if wanted.empty:
        kinds = parcels[["hemisphere", "structure"]].drop_duplicates()
        has = ", ".join(f"{row.structure} {row.hemisphere}" for row in kinds.itertuples())
        raise StudyError(
            f"The parcellation {atlas.name} has no parcel of {', '.join(structures)} in hemisphere "
            f"{hemisphere}; it has: {has}. Fix association.hemisphere or association.structures."
        )
    return wanted


def _compressed(content: bytes) -> bytes:
    # Neither time nor file name in the header, so that the bytes depend on the content alone.
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()
