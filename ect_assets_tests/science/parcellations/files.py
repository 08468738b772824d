"""Writing the coarse atlas of the tests as files, right or wrong."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable

N_PARCELS = 6
NAMES = [f"area{number}" for number in range(1, N_PARCELS + 1)]


def write_annot(file: Path, labels: np.ndarray, side: str, names: list[str] | None = None) -> None:
    """Write labels 1-6 (left) or 7-12 (right) as an annotation numbered 1-6 in each hemisphere."""
    first = N_PARCELS if side == "R" else 0
    numbers = np.where(labels > 0, labels - first, 0)
    names = ["unknown", *(names or NAMES)]
    colors = [[20 * number, 5, 9, 0, 0] for number in range(1, len(names) + 1)]
    nib.freesurfer.write_annot(file, numbers, np.array(colors), names, fill_ctab=True)


def write_gifti(file: Path, labels: np.ndarray, names: dict[int, str] | None = None) -> None:
    """Write labels as GIFTI, nameless unless names are given."""
    table = GiftiLabelTable()
    for key, name in (names or {}).items():
        label = GiftiLabel(key)
        label.label = name
        table.labels.append(label)
    array = GiftiDataArray(labels.astype(np.int32), intent="NIFTI_INTENT_LABEL")
    nib.save(GiftiImage(darrays=[array], labeltable=table), file)


def write_volume(file: Path, labels: np.ndarray, affine: np.ndarray) -> None:
    """Write a volume with an affine that is said to be MNI152's."""
    kind = np.float32 if labels.dtype.kind == "f" else np.int16
    image = nib.Nifti1Image(labels.astype(kind), affine)
    image.set_sform(affine, code="mni")
    nib.save(image, file)


def info_rows() -> pd.DataFrame:
    """Rows of a table as abagen likes it."""
    return pd.DataFrame(
        {
            "id": range(1, 2 * N_PARCELS + 1),
            "label": NAMES * 2,
            "hemisphere": ["L"] * N_PARCELS + ["R"] * N_PARCELS,
            "structure": "cortex",
        }
    )


def write_info(file: Path, rows: pd.DataFrame | None = None) -> None:
    """Write the table, or another one in its place."""
    (info_rows() if rows is None else rows).to_csv(file, index=False)
