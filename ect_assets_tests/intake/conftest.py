"""A small BIDS dataset to write into, and images to put there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

SCAN_SHAPE = (6, 5, 4)


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """Return an empty BIDS dataset."""
    folder = tmp_path / "bids"
    folder.mkdir()
    (folder / "dataset_description.json").write_text("{}")
    return folder


@pytest.fixture
def write(bids: Path) -> Callable[[str, str], Path]:
    """Return a function that writes text to a path of the dataset."""

    def write_text(path: str, text: str) -> Path:
        file = bids / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write_text


@pytest.fixture
def add_scan(bids: Path) -> Callable[..., Path]:
    """Return a function that saves an array as the T1-weighted image of a session."""

    def save(session: str, data: np.ndarray | None = None, name: str | None = None) -> Path:
        folder = bids / "sub-01" / f"ses-{session}" / "anat"
        folder.mkdir(parents=True, exist_ok=True)
        if data is None:
            data = np.arange(np.prod(SCAN_SHAPE), dtype=np.int16).reshape(SCAN_SHAPE)
        file = folder / (name or f"sub-01_ses-{session}_T1w.nii.gz")
        nibabel.save(nibabel.Nifti1Image(data, np.diag([-1.0, 1.5, 2.0, 1.0])), file)
        return file

    return save
