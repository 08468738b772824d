"""What images and transforms hold that can tell who somebody is, field by field.

Each reader looks at one kind of file and names the fields it found; no value leaves this module.
Reads are bounded. A damaged image has no traces beyond its damage: that it cannot be used is told
in `scans`. Sidecars belong in `privacy_sidecars`, what texts hold in `privacy_texts`; which files a
patient has, and what follows, in `privacy`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from ect_assets.intake import privacy_texts as texts
from ect_assets.intake.privacy_sidecars import UnreadableJsonError, parsed, traces_of_json
from ect_assets.intake.privacy_words import MOST_BYTES, Trace, too_large
from ect_assets.science.imaging.files import (
    PACKING_OVERHEAD,
    SLACK_BYTES,
    ForeignBytesError,
    Unpacked,
)

if TYPE_CHECKING:
    import nibabel

MOST_IMAGE_BYTES = 1 << 29
"""A larger volume of FreeSurfer is not unpacked to reach the tags behind it."""
MOST_OF_OTHERS_BYTES = 1 << 27
"""A larger image that is no T1w, which nobody reads here, is not unpacked to its end."""
_BLOCK_BYTES = 1 << 20
_DICOM_EXTENSION, _AFNI_EXTENSION = 2, 4
_MGH_HEADER_BYTES, _MGH_SCAN_BYTES = 284, 20
_MGH_VOXEL_BYTES = {0: 1, 1: 4, 3: 4, 4: 2}
_GZIP_MARK = b"\x1f\x8b"
_GZIP_NAME, _GZIP_COMMENT, _GZIP_EXTRA = 8, 16, 4
_DAMAGE = (OSError, EOFError, zlib.error, struct.error, ValueError, OverflowError)


def nifti_traces(file: Path) -> list[Trace]:
    """Look through the header of a NIfTI image, its extensions, and what stands behind the image.

    Parameters
    ----------
    file : Path
        ``.nii``, ``.nii.gz`` or ``.hdr``.

    Returns
    -------
    list of Trace
        Fields descrip, aux_file, db_name, intent_name, extension, trailing_bytes, gzip_header.
    """
    found: set[Trace] = set()
    try:
        found.update(_traces_of_gzip(file))
        with _opened(file) as stream:
            for one in _traces_of_nifti(stream, file):
                found.add(one)
    except ForeignBytesError:
        found.add(Trace("trailing_bytes", True, "bytes after the compressed image"))
    except _DAMAGE:
        pass
    return sorted(found)


def _traces_of_gzip(file: Path) -> Iterator[Trace]:
    """Judge the name and comment that a gzip file carries of what it was made from."""
    if file.suffix not in (".gz", ".mgz"):
        return
    with file.open("rb") as stream:
        head = stream.read(4096)
    if len(head) < 10 or not head.startswith(_GZIP_MARK):
        return
    flags, rest = head[3], head[10:]
    if flags & _GZIP_EXTRA and len(rest) >= 2:
        rest = rest[2 + int.from_bytes(rest[:2], "little") :]
    for flag in (_GZIP_NAME, _GZIP_COMMENT):
        if flags & flag:
            raw, _, rest = rest.partition(b"\0")
            text = raw.decode("latin-1")
            if texts.holds_date(text) or texts.likeness_to_name(text) == "name":
                yield Trace("gzip_header", True, "a name or a date")


def _traces_of_nifti(stream: Unpacked | BinaryIO, file: Path) -> Iterator[Trace]:
    import nibabel

    has_image = file.suffix != ".hdr"
    head = stream.read(540)
    sizes = {int.from_bytes(head[:4], "little"), int.from_bytes(head[:4], "big")}
    kind, n_bytes = (nibabel.Nifti2Header, 540) if 540 in sizes else (nibabel.Nifti1Header, 348)
    if len(head) < n_bytes or not sizes & {348, 540}:
        return
    header = kind(head[:n_bytes], check=False)
    names = header.structarr.dtype.names or ()
    for field in ("descrip", "aux_file", "db_name", "intent_name"):
        text = header[field].item().decode("latin-1").strip("\0 ") if field in names else ""
        yield from _traces_of_text(field, text, is_short=field == "intent_name")
    offset = float(header["vox_offset"])
    wanted = int(offset) - n_bytes if np.isfinite(offset) else 0
    if wanted > MOST_BYTES:
        yield too_large("extension")
        return
    wanted = max(wanted, 0) if has_image else MOST_BYTES
    rest = head[n_bytes:] + stream.read(max(wanted - (len(head) - n_bytes), 0))
    yield from _traces_of_extensions(rest[:wanted], header.endianness)
    n_bytes = _image_bytes(header)
    is_read = file.name.split(".")[0].endswith("_T1w")
    if n_bytes and _is_overlong(file, wanted + n_bytes):
        # The reader refuses such a file as well: it is not looked through to its end.
        yield Trace("trailing_bytes", True, "bytes after the image")
    elif has_image and 0 < n_bytes <= (MOST_IMAGE_BYTES if is_read else MOST_OF_OTHERS_BYTES):
        yield from _traces_behind_image(stream, rest[wanted:], n_bytes)
    elif has_image and is_read and n_bytes:
        yield Trace("trailing_bytes", False, "not screened, the image is too large")


def _image_bytes(header: nibabel.Nifti1Header) -> int:
    """Return how many bytes an image has by its header; 0 where that makes no sense."""
    n_dims = int(header["dim"][0])
    n_bytes = int(header["bitpix"]) // 8
    for n in header["dim"][1 : 1 + n_dims] if 1 <= n_dims <= 7 else [0]:
        n_bytes *= max(int(n), 0)
    return n_bytes


def _traces_behind_image(
    stream: Unpacked | BinaryIO, begun: bytes, n_bytes: int
) -> Iterator[Trace]:
    """Look whether anything but a few zeros stands behind the last voxel."""
    _pass_over(stream, n_bytes - len(begun))
    behind = begun[n_bytes:] + stream.read(SLACK_BYTES + 1)
    if len(behind) > SLACK_BYTES or behind.strip(b"\0"):
        yield Trace("trailing_bytes", True, "bytes after the image")


def _traces_of_extensions(content: bytes, endianness: str) -> Iterator[Trace]:
    if not content[:1].strip(b"\0"):
        yield from _traces_of_hidden(content)
        return
    place = 4
    while place + 8 <= len(content):
        size, code = struct.unpack_from(f"{endianness}ii", content, place)
        if size < 8:
            yield from _traces_of_hidden(content[place:])
            return
        body = content[place + 8 : place + size].strip(b"\0 \n")
        place += size
        if code == _DICOM_EXTENSION:
            yield Trace("extension", True, "a DICOM header")
            continue
        yield from _traces_of_extension(body, is_afni=code == _AFNI_EXTENSION)
    yield from _traces_of_hidden(content[place:])


def _traces_of_extension(body: bytes, is_afni: bool) -> Iterator[Trace]:
    try:
        content = parsed(body)
    except UnreadableJsonError:
        content = None
    if isinstance(content, (dict, list)):
        yield from traces_of_json(content)
        return
    text = body.decode("utf-8", errors="replace").replace("\0", "")
    for one in _traces_of_text("extension", text):
        # AFNI notes in every file who ran which program when: the analyst, not the patient.
        is_softened = is_afni and not texts.holds_person(text)
        yield Trace(one.field, one.blocks and not is_softened, one.says)


def _traces_of_hidden(content: bytes) -> Iterator[Trace]:
    """Tell of bytes between header and image that belong to no extension."""
    if content.strip(b"\0"):
        yield Trace("extension", True, "bytes before the image that are not an extension")


def _traces_of_text(field: str, text: str, is_short: bool = False) -> list[Trace]:
    """Judge a free text; an intent's name is a short one, of which a lone word is no news."""
    if not text:
        return []
    if texts.holds_person(text):
        return [Trace(field, True, "a person's name")]
    if texts.is_software(text):
        return []
    if texts.holds_date(text):
        return [Trace(field, True, "a date")]
    if texts.holds_path(text):
        return [Trace(field, False, "the path of a file")]
    likeness = texts.likeness_to_name(text)
    if likeness == "name":
        return [Trace(field, True, "what looks like a name or an address")]
    if is_short and likeness == "none" and not texts.holds_long_number(text):
        return []
    return [Trace(field, False, "a text")]


def mgh_traces(file: Path) -> list[Trace]:
    """Look through the tags behind the image of a FreeSurfer volume.

    The image is unpacked block by block and thrown away, since a gzip file has no other way to
    its end.

    Parameters
    ----------
    file : Path
        ``.mgz`` or ``.mgh``.

    Returns
    -------
    list of Trace
        Field ``tags``.
    """
    found = list(_traces_of_gzip(file))
    try:
        with _opened(file) as stream:
            head = stream.read(_MGH_HEADER_BYTES)
            _, *shape, kind = struct.unpack_from(">6i", head)
            n_bytes = int(np.prod(shape, dtype=np.int64)) * _MGH_VOXEL_BYTES.get(kind, 0)
            if not 0 < n_bytes <= MOST_IMAGE_BYTES:
                return [*found, Trace("tags", False, "not screened, the image is too large")]
            if _is_overlong(file, n_bytes + _MGH_SCAN_BYTES):
                return [*found, Trace("tags", True, "more bytes after the image than tags have")]
            _pass_over(stream, n_bytes + _MGH_SCAN_BYTES)
            text = stream.read(MOST_BYTES).decode("latin-1")
    except _DAMAGE:
        return found
    return found + _traces_of_notes("tags", text)


def transform_traces(file: Path) -> list[Trace]:
    """Look through a linear transform as text.

    Parameters
    ----------
    file : Path
        ``.xfm`` or ``.lta``.

    Returns
    -------
    list of Trace
        Fields ``comments`` and ``filename``.
    """
    with file.open("rb") as stream:
        lines = stream.read(MOST_BYTES).decode("latin-1").splitlines()
    comments = [line for line in lines if line.lstrip().startswith(("%", "#"))]
    names = [line for line in lines if line.lstrip().startswith("filename")]
    return _traces_of_notes("comments", "\n".join(comments)) + _traces_of_notes(
        "filename", "\n".join(names)
    )


def _traces_of_notes(field: str, text: str) -> list[Trace]:
    """Judge what FreeSurfer notes of its own work: paths and days are usual, names are not."""
    if texts.holds_person(text):
        return [Trace(field, True, "a person's name")]
    if texts.holds_date(text) or texts.holds_path(text):
        return [Trace(field, False, "the path of a file or a date")]
    return []


def _pass_over(stream: Unpacked | BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0:
        block = stream.read(min(n_bytes, _BLOCK_BYTES))
        if not block:
            return
        n_bytes -= len(block)


def _is_overlong(file: Path, n_bytes: int) -> bool:
    """Say whether a file has more bytes than so many, packed or not, could take."""
    return file.stat().st_size > n_bytes * PACKING_OVERHEAD + SLACK_BYTES


@contextmanager
def _opened(file: Path) -> Iterator[Unpacked | BinaryIO]:
    with file.open("rb") as stream:
        yield Unpacked(stream) if file.suffix in (".gz", ".mgz") else stream
