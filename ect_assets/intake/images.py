"""One NIfTI image, read once: its checksum, its header, and whether there is a picture in it.

The pass is a stream in small blocks, so that memory stays small whatever the image's size. Which
image belongs to whom is known in `scans`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

_BLOCK_VOXELS = 1 << 20
_BUFFER_BYTES = 1 << 18
_EXPORT_AGAIN = "Export or copy the image again."


class UnusableScanError(Exception):
    """One image cannot be used.

    Parameters
    ----------
    reason, sentence : str
        As ``reason`` and ``detail`` of a `Problem`.
    """

    def __init__(self, reason: str, sentence: str):
        self.reason = reason
        self.sentence = sentence
        super().__init__(sentence)


def read_image(scan: Path, shown: str) -> dict[str, Any]:
    """Read an image's checksum, shape, voxel sizes and orientation in one pass.

    Parameters
    ----------
    scan : Path
        A ``.nii`` or ``.nii.gz`` file.
    shown : str
        How messages name it: its path relative to the dataset.

    Returns
    -------
    dict
        sha256 (of the file as it is), n_x, n_y, n_z, voxel_x_mm, voxel_y_mm, voxel_z_mm,
        orientation (such as ``RAS``; None where the header does not say).

    Raises
    ------
    UnusableScanError
        When it is cut short, no NIfTI image, not three-dimensional, or without a picture.
    """
    digest = hashlib.sha256()
    try:
        with scan.open("rb", buffering=0) as file:
            hashed = io.BufferedReader(_Hashed(cast(BinaryIO, file), digest), _BUFFER_BYTES)
            is_packed = scan.name.endswith(".gz")
            stream = gzip.GzipFile(fileobj=hashed) if is_packed else hashed
            described = _read_image(cast(BinaryIO, stream), shown)
            for rest in (stream, hashed):
                while rest.read(_BLOCK_VOXELS):
                    pass
    except FileNotFoundError as error:
        raise UnusableScanError(
            "scan_unreadable",
            f"{shown} is a link to a file that is not here. Fetch its content (for a "
            "DataLad dataset: `datalad get`), or copy the image.",
        ) from error
    except EOFError as error:
        raise UnusableScanError(
            "scan_unreadable", f"{shown} breaks off before its end. {_EXPORT_AGAIN}"
        ) from error
    except (OSError, zlib.error) as error:
        raise UnusableScanError(
            "scan_unreadable",
            f"{shown} cannot be read ({_cause(error)}). {_EXPORT_AGAIN}",
        ) from error
    return {"sha256": digest.hexdigest(), **described}


def _cause(error: OSError | zlib.error) -> str:
    """Say why, without the absolute path that the system's message carries."""
    if isinstance(error, gzip.BadGzipFile):
        return "not a valid gzip file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "its compressed data are damaged"


class _Hashed(io.RawIOBase):
    """A file that feeds what is read from it to a checksum."""

    def __init__(self, file: BinaryIO, digest: Any):
        self._file = file
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        self._digest.update(block)
        return len(block)


def _read_image(stream: BinaryIO, name: str) -> dict[str, Any]:
    head = stream.read(540)
    header = _parse_header(head, name)
    shape = header.get_data_shape()
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 2:
        raise UnusableScanError(
            "scan_not_3d",
            f"{name} has {' x '.join(map(str, shape))} voxels, expected three dimensions. "
            "Export the T1-weighted image itself, not a series, a slice or a map.",
        )
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise UnusableScanError(
            "scan_unreadable",
            f"{name} holds {dtype} values, expected one intensity per voxel. {_EXPORT_AGAIN}",
        )
    voxels = _voxels(stream, head, int(header["vox_offset"]), dtype, math.prod(shape), name)
    low, high = _value_range(voxels)
    if not low < high:
        raise UnusableScanError(
            "scan_empty",
            f"{name} has no picture: all voxels are equal or not a number. {_EXPORT_AGAIN}",
        )
    sizes = [float(size) for size in header.get_zooms()[:3]]
    return {
        **dict(zip(("n_x", "n_y", "n_z"), shape, strict=True)),
        **dict(zip(("voxel_x_mm", "voxel_y_mm", "voxel_z_mm"), sizes, strict=True)),
        "orientation": _orientation(header),
    }


def _parse_header(head: bytes, name: str) -> Any:
    kinds = {b"n+1": (nibabel.Nifti1Header, 348), b"n+2": (nibabel.Nifti2Header, 540)}
    kind, size = kinds.get(head[344:347]) or kinds.get(head[4:7]) or (None, 0)
    if kind is None or len(head) < size:
        raise UnusableScanError("scan_unreadable", f"{name} is not a NIfTI image. {_EXPORT_AGAIN}")
    try:
        header = kind(head[:size])
        header.get_data_dtype()
        header.get_best_affine()
    except (HeaderDataError, ValueError) as error:
        raise UnusableScanError(
            "scan_unreadable", f"{name} has a damaged NIfTI header ({error}). {_EXPORT_AGAIN}"
        ) from error
    return header


def _orientation(header: Any) -> str | None:
    axes = nibabel.aff2axcodes(header.get_best_affine())
    return None if None in axes else "".join(axes)


def _voxels(
    stream: BinaryIO, head: bytes, offset: int, dtype: np.dtype, n_voxels: int, name: str
) -> Iterator[np.ndarray]:
    """Yield the voxels in blocks, going on where the header was read."""
    stream.read(max(offset - len(head), 0))
    begun = head[offset:] if offset < len(head) else b""
    missing = n_voxels
    while missing:
        wanted = min(missing, _BLOCK_VOXELS) * dtype.itemsize
        block = begun + stream.read(wanted - len(begun))
        begun = b""
        if len(block) < wanted:
            raise UnusableScanError(
                "scan_unreadable",
                f"{name} breaks off: {missing} of {n_voxels} voxels are not there. {_EXPORT_AGAIN}",
            )
        missing -= wanted // dtype.itemsize
        yield np.frombuffer(block, dtype=dtype)


def _value_range(voxels: Iterator[np.ndarray]) -> tuple[float, float]:
    low, high = math.inf, -math.inf
    for block in voxels:
        low = float(np.fmin(low, np.fmin.reduce(block)))
        high = float(np.fmax(high, np.fmax.reduce(block)))
    return low, high
