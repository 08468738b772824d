"""Opening an image file safely: what it is, how much it promises, and its voxels in blocks.

What the header promises is held against the limits and against the size of the file before
anything is unpacked or memory is asked for; what is packed is unpacked no further than promised.
What may be used is decided in `geometry`; whose image it is, the caller knows.
"""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ect_assets.science.file_kinds import what_it_is
from ect_assets.science.imaging.geometry import (
    EXPORT_AGAIN,
    HEADER_BYTES,
    Geometry,
    ImageFault,
    geometry_of,
)

SLACK_BYTES = 1 << 20
"""What may follow the image: programs fill up blocks, but nothing else belongs there."""
PACKING_OVERHEAD = 1.01
"""gzip makes what cannot be packed larger by less than this."""
MOST_PACKED = 1_040
"""gzip packs no better than 1,032 bytes into one."""
MOST_LABEL_VOXELS = 75_000_000
MOST_LABEL_BYTES = 300_000_000
MOST_LABELLED = 25_000_000
"""Of an atlas: MNI152 at 0.5 mm has 70 million voxels, and its brain 15 million."""
MOST_TEXT_BYTES = 200_000_000
"""Of a surface file of labels (GIFTI, annotation), unpacked."""
GET_CONTENT = "Fetch its content (for a DataLad dataset: `datalad get`), or copy the image."

_GZIP = b"\x1f\x8b"
_BLOCK_VOXELS = 1 << 20
_BUFFER_BYTES = 1 << 18
_DICOM_AT = 128


@dataclass
class OpenImage:
    """An image whose header is sound; its voxels can be read once."""

    geometry: Geometry
    _stream: BinaryIO
    _head: bytes

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the voxels as they are stored, the first axis fastest, then check the end.

        Raises
        ------
        ImageFault
            When the file breaks off, goes on, or is damaged.
        """
        geometry = self.geometry
        _passed_over(self._stream, geometry.offset - len(self._head))
        begun = self._head[geometry.offset :]
        missing = geometry.n_voxels
        while missing:
            wanted = min(missing, _BLOCK_VOXELS) * geometry.dtype.itemsize
            block = begun[:wanted] + self._stream.read(max(wanted - len(begun), 0))
            begun = begun[wanted:]
            if len(block) < wanted:
                missing -= len(block) // geometry.dtype.itemsize
                raise ImageFault(
                    "unreadable",
                    f"is truncated: {missing} of {geometry.n_voxels} voxels are not there",
                )
            missing -= wanted // geometry.dtype.itemsize
            yield np.frombuffer(block, dtype=geometry.dtype)
        # To the very end: only there is the checksum of what was packed.
        if len(self._stream.read(SLACK_BYTES + 1)) > SLACK_BYTES:
            raise _longer()


@contextmanager
def open_image(path: Path, heard: Callable[[bytes], None] | None = None) -> Iterator[OpenImage]:
    """Open a NIfTI image and check its header.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file.
    heard : callable, optional
        Is given each block of the file as it is read, for a checksum.

    Raises
    ------
    ImageFault
        Also for what goes wrong while the voxels are read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            plain = io.BufferedReader(_Heard(cast(BinaryIO, file), heard), _BUFFER_BYTES)
            is_packed = path.name.lower().endswith(".gz")
            _check_packing(plain.peek(HEADER_BYTES), path, is_packed)
            stream = cast(BinaryIO, Unpacked(cast(BinaryIO, plain)) if is_packed else plain)
            head = stream.read(HEADER_BYTES)
            geometry = _geometry(head, path)
            _check_size(geometry, size, is_packed)
            yield OpenImage(geometry, stream, head)
    except FileNotFoundError as error:
        raise ImageFault(
            "unreadable", "is a link to a file that is not here", GET_CONTENT
        ) from error
    except EOFError as error:
        raise ImageFault("unreadable", "is truncated") from error
    except (OSError, zlib.error) as error:
        raise ImageFault("unreadable", f"cannot be read ({_cause(error)})") from error


def read_geometry(path: Path) -> Geometry:
    """Check an image by its header and size, without reading its voxels.

    Raises
    ------
    ImageFault
    """
    with open_image(path) as image:
        return image.geometry


def read_labels(path: Path) -> tuple[np.ndarray, Geometry]:
    """Read the volume of an atlas.

    Returns
    -------
    values : (x, y, z) array
        Of the kind that is stored, or float64 where the header scales.
    geometry : Geometry

    Raises
    ------
    ImageFault
    """
    with open_image(path) as image:
        geometry = image.geometry
        n_bytes = geometry.n_voxels * geometry.dtype.itemsize
        if geometry.n_voxels > MOST_LABEL_VOXELS or n_bytes > MOST_LABEL_BYTES:
            raise ImageFault(
                "too_large",
                f"has {geometry.n_voxels / 1e6:,.0f} million voxels ({n_bytes / 1e6:,.0f} MB), "
                f"expected at most {MOST_LABEL_VOXELS / 1e6:.0f} million and "
                f"{MOST_LABEL_BYTES / 1e6:.0f} MB",
                "Resample it to 0.5 mm or coarser (nearest neighbour), as 16-bit or 32-bit "
                "integers.",
            )
        values = np.empty(geometry.n_voxels, dtype=geometry.dtype)
        begin = 0
        for block in image.blocks():
            values[begin : begin + len(block)] = block
            begin += len(block)
    if geometry.is_scaled:
        values = values * geometry.slope + geometry.inter
    n_labelled = np.count_nonzero(values)
    if n_labelled > MOST_LABELLED:
        raise ImageFault(
            "too_large",
            f"has labels in {n_labelled / 1e6:,.0f} million voxels, expected at most "
            f"{MOST_LABELLED / 1e6:.0f} million: more than a brain at 0.5 mm",
            "Give the discrete labels: 0 where there is no parcel.",
        )
    return values.reshape(geometry.shape, order="F"), geometry


def read_unpacked(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> bytes:
    """Read a file, unpacked where its content is gzip, unless it is larger than a limit.

    Raises
    ------
    ImageFault
        ``too_large`` or ``unreadable``.
    """
    again = "Copy it again from where it came from."
    try:
        with path.open("rb") as file:
            is_packed = file.peek(2)[:2] == _GZIP
            stream = Unpacked(cast(BinaryIO, file)) if is_packed else file
            content = stream.read(most_bytes + 1)
    except EOFError as error:
        raise ImageFault("unreadable", "is truncated", again) from error
    except (OSError, zlib.error) as error:
        raise ImageFault("unreadable", f"cannot be read ({_cause(error)})", again) from error
    if len(content) > most_bytes:
        raise ImageFault("too_large", f"has more than {most_bytes / 1e6:,.0f} MB, unpacked", again)
    return content


def _check_packing(first: bytes, path: Path, is_packed: bool) -> None:
    """Refuse a name that says packed of a file that is not, or the other way round."""
    if not first:
        raise ImageFault("unreadable", "is an empty file")
    if path.name.lower().endswith((".mgz", ".mgh")):
        raise ImageFault(
            "unreadable",
            "is a FreeSurfer volume, expected NIfTI",
            "Convert it (`mri_convert FILE FILE.nii.gz`).",
        )
    is_gzip = first.startswith(_GZIP)
    if is_packed and not is_gzip:
        if _is_nifti(first):
            raise ImageFault(
                "unreadable",
                "is not compressed although its name ends in .gz",
                "Rename it to .nii, or compress it (`gzip`).",
            )
        raise _something_else(first, path)
    if is_gzip and not is_packed:
        raise ImageFault(
            "unreadable",
            "is compressed with gzip although its name does not end in .gz",
            "Rename it to .nii.gz.",
        )


def _geometry(head: bytes, path: Path) -> Geometry:
    try:
        return geometry_of(head)
    except ImageFault:
        if _is_nifti(head):
            raise
        raise _something_else(head, path) from None


def _is_nifti(head: bytes) -> bool:
    return head[344:347] in (b"n+1", b"ni1") or head[4:7] in (b"n+2", b"ni2")


def _something_else(first: bytes, path: Path) -> ImageFault:
    """Name what a file is that is no NIfTI image, as far as its first bytes tell."""
    kind = _other_image(first)
    if kind is not None:
        fix = "Convert it to NIfTI (.nii.gz)."
        return ImageFault("unreadable", f"is {kind}, not a NIfTI image", fix)
    # Without the ending of a packed file: what was packed is looked at.
    known = what_it_is(first, path.with_name("image"))
    if known is None:
        return ImageFault("unreadable", "is not a NIfTI image")
    words, _, fix = known.partition(". ")
    return ImageFault("unreadable", words, EXPORT_AGAIN if fix.startswith("Save") else fix)


def _other_image(first: bytes) -> str | None:
    if first.startswith(_GZIP):
        return "compressed twice (.gz.gz)"
    if first[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return "a DICOM file"
    if first.startswith(b"NRRD"):
        return "an NRRD file"
    if first.startswith((b"CDF", b"\x89HDF")):
        return "a MINC or HDF5 file"
    if first.startswith(b"\x00\x00\x00\x01\x00\x00"):
        return "a FreeSurfer volume (.mgz, .mgh)"
    if first[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"):
        return "an Analyze 7.5 header"
    return None


def _check_size(geometry: Geometry, size: int, is_packed: bool) -> None:
    """Hold what the header promises against the size of the file."""
    if size > (geometry.end * PACKING_OVERHEAD if is_packed else geometry.end) + SLACK_BYTES:
        raise _longer()
    if size * (MOST_PACKED if is_packed else 1) < geometry.end:
        raise ImageFault(
            "unreadable",
            f"is truncated: its header announces {geometry.n_voxels:,} voxels, and the file has "
            f"{size:,} bytes",
        )


def _longer() -> ImageFault:
    return ImageFault(
        "unreadable",
        "continues after the last voxel that its header announces",
    )


def _cause(error: OSError | zlib.error) -> str:
    """Say why, without the absolute path that the system's message carries."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "its compressed data are damaged, or it is no gzip file"


def _passed_over(stream: BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0 and (block := stream.read(min(n_bytes, _BUFFER_BYTES))):
        n_bytes -= len(block)


class _Heard(io.RawIOBase):
    """A file that tells what is read from it."""

    def __init__(self, file: BinaryIO, heard: Callable[[bytes], None] | None):
        self._file = file
        self._heard = heard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._file.read(len(buffer))
        buffer[: len(block)] = block
        if self._heard is not None:
            self._heard(block)
        return len(block)


class ForeignBytesError(zlib.error):
    """What stands behind compressed data is neither gzip nor filling."""


class Unpacked:
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
        if block and not _GZIP.startswith(self._waiting[:2]):
            raise ForeignBytesError("something else stands behind its compressed data")
        self._member = zlib.decompressobj(wbits=31) if block else self._member
        return bool(block)
