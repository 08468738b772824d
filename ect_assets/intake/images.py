"""One NIfTI image, read once: its checksum, its header, and whether there is a picture in it.

The pass is a stream in small blocks, so that memory stays small whatever the image's size. Which
image belongs to whom is known in `scans`.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

_BLOCK_VOXELS = 1 << 20
_BUFFER_BYTES = 1 << 18
_HEADER_BYTES = 540
MOST_VOXELS_AN_AXIS = 1024
MOST_VOXELS = 1 << 28
"""A whole head at 0.35 mm; what is larger is no image of one head, or a header that lies."""
MOST_BYTES_BEFORE = 1 << 24
"""Header and extensions in front of the image."""
SLACK_BYTES = 1 << 20
"""What may follow the image: programs fill up blocks, but nothing else belongs there."""
PACKING_OVERHEAD = 1.01
"""gzip makes what cannot be packed larger by less than this."""
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

    The header says how much there is to read: it is held against the limits and the size of the
    file before anything else is read, and what is packed is unpacked no further than that.

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
        When it is cut short, no NIfTI image, too large, not three-dimensional, longer than its
        header says, or without a picture.
    """
    digest = hashlib.sha256()
    try:
        with scan.open("rb", buffering=0) as file:
            hashed = io.BufferedReader(_Hashed(cast(BinaryIO, file), digest), _BUFFER_BYTES)
            is_packed = scan.name.endswith(".gz")
            stream = _Unpacked(cast(BinaryIO, hashed)) if is_packed else hashed
            n_bytes = os.fstat(file.fileno()).st_size
            described = _read_image(cast(BinaryIO, stream), shown, n_bytes, is_packed)
            if len(stream.read(SLACK_BYTES + 1)) > SLACK_BYTES:
                raise UnusableScanError("scan_unreadable", _told_longer(shown))
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


def _told_longer(shown: str) -> str:
    return (
        f"{shown} goes on after the last voxel that its header promises, expected nothing there. "
        f"{_EXPORT_AGAIN}"
    )


def _cause(error: OSError | zlib.error) -> str:
    """Say why, without the absolute path that the system's message carries."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "its compressed data are damaged, or it is no gzip file"


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


class _Unpacked:
    """The content of a gzip file, unpacked only as far as it is asked for.

    Unlike the standard library's it passes over a long filling of zeros in blocks.
    """

    def __init__(self, packed: BinaryIO):
        self._packed = packed
        self._member = zlib.decompressobj(wbits=31)
        self._waiting = b""

    def read(self, n_bytes: int) -> bytes:
        """Return so many bytes, or fewer at the end."""
        parts = []
        while n_bytes > 0 and (part := self._next(n_bytes)):
            parts.append(part)
            n_bytes -= len(part)
        return b"".join(parts)

    def _next(self, at_most: int) -> bytes:
        while self._goes_on():
            block = self._waiting or self._packed.read(_BUFFER_BYTES)
            part = self._member.decompress(block, at_most)
            self._waiting = self._member.unconsumed_tail
            if part:
                return part
            if not block:
                raise EOFError
        return b""

    def _goes_on(self) -> bool:
        """Begin with the next member where one has ended; False at the end of the file."""
        if not self._member.eof:
            return True
        block = self._member.unused_data or self._packed.read(_BUFFER_BYTES)
        while block and not block.strip(b"\0"):
            block = self._packed.read(_BUFFER_BYTES)
        self._waiting = block.lstrip(b"\0")
        self._member = zlib.decompressobj(wbits=31) if block else self._member
        return bool(block)


def _read_image(stream: BinaryIO, name: str, n_bytes: int, is_packed: bool) -> dict[str, Any]:
    head = stream.read(_HEADER_BYTES)
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
    offset = _checked_offset(header, shape, name)
    end = offset + math.prod(shape) * dtype.itemsize
    if n_bytes > (end * PACKING_OVERHEAD if is_packed else end) + SLACK_BYTES:
        raise UnusableScanError("scan_unreadable", _told_longer(name))
    voxels = _voxels(stream, head, offset, dtype, math.prod(shape), name)
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


def _checked_offset(header: Any, shape: tuple[int, ...], name: str) -> int:
    """Return where the image begins, or refuse what is too large to be an image of a head."""
    if max(shape) > MOST_VOXELS_AN_AXIS or math.prod(shape) > MOST_VOXELS:
        raise UnusableScanError(
            "scan_too_large",
            f"{name} has {' x '.join(map(str, shape))} voxels, expected at most "
            f"{MOST_VOXELS_AN_AXIS} along an axis and {MOST_VOXELS / 1e6:.0f} million in all. "
            f"{_EXPORT_AGAIN}",
        )
    offset = float(header["vox_offset"])
    if not 0 <= offset <= MOST_BYTES_BEFORE:
        raise UnusableScanError(
            "scan_unreadable",
            f"{name} has a header that puts the image {offset:,.0f} bytes into the file, expected "
            f"at most {MOST_BYTES_BEFORE:,}. {_EXPORT_AGAIN}",
        )
    return int(offset)


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
