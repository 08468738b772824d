"""Headers of one small image, right but for what a test changes."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel
import numpy as np

SHAPE = (40, 44, 36)
SIZES = (1.0, 1.5, 2.0)


def picture(shape: tuple[int, ...] = SHAPE, seed: int = 1) -> np.ndarray:
    """Draw a bright ball with noise in dark air."""
    random = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, size) for size in shape], indexing="ij")
    ball = np.sum(np.square(axes), axis=0) < 0.6
    noise = np.abs(random.normal(0, 8, shape))
    return (np.where(ball, 400, 0) + noise).astype(np.int16)


def affine_of(sizes: tuple[float, ...] = SIZES, turn: np.ndarray | None = None) -> np.ndarray:
    """Give an affine in the order LAS, turned where that is asked for."""
    axes = np.diag([-1.0, 1.0, 1.0]) if turn is None else turn @ np.diag([-1.0, 1.0, 1.0])
    affine = np.eye(4)
    affine[:3, :3] = axes * sizes
    affine[:3, 3] = (20, -30, -25)
    return affine


def turned(degrees: float) -> np.ndarray:
    """Give a rotation about the axis from left to right, as a head nods."""
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])


def image(sform: np.ndarray | None, qform: np.ndarray | None, **fields: object) -> bytes:
    """Give a NIfTI file with both affines, unset where they are None, and fields set afterwards.

    The voxel sizes are those of the qform, or else of the sform.
    """
    made = nibabel.Nifti1Image(picture(), None)
    sizes = SIZES if sform is None else nibabel.affines.voxel_sizes(sform)
    made.header.set_zooms(tuple(sizes))
    made.set_qform(qform, code=1 if qform is not None else 0, update_affine=False)
    made.set_sform(sform, code=2 if sform is not None else 0, update_affine=False)
    content = made.to_bytes()
    header = nibabel.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return header.binaryblock + content[348:]


def with_pixdim(content: bytes, *sizes: float) -> bytes:
    """Write other voxel sizes into a header, and leave its affines."""
    header = nibabel.Nifti1Header(content[:348], check=False)
    header["pixdim"][1:4] = sizes
    return header.binaryblock + content[348:]


def save(folder: Path, content: bytes, name: str = "image.nii.gz") -> Path:
    """Write a file, packed where its name says so."""
    file = folder / name
    file.write_bytes(gzip.compress(content, 1) if name.endswith(".gz") else content)
    return file
