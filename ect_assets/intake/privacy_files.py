"""What images and transforms hold that can tell who somebody is, field by field.

Each reader looks at one kind of file and names the fields it found; no value leaves this module.
Reads are bounded. A damaged image has no traces here: that it cannot be used is told in `scans`.
Sidecars belong in `privacy_sidecars`, which words identify in `privacy_words`; which files a
patient has, and what follows, in `privacy`.
"""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import nibabel
import numpy as np

from ect_assets.intake import privacy_words as words
from ect_assets.intake.privacy_sidecars import traces_of_json
from ect_assets.intake.privacy_words import MOST_BYTES, Trace, too_large

MOST_IMAGE_BYTES = 1 << 29
"""An .mgz file with a larger image is not unpacked to reach the tags behind it."""
_BLOCK_BYTES = 1 << 20
_DICOM_EXTENSION, _AFNI_EXTENSION = 2, 4
_MGH_HEADER_BYTES, _MGH_SCAN_BYTES = 284, 20
_MGH_VOXEL_BYTES = {0: 1, 1: 4, 3: 4, 4: 2}


def nifti_traces(file: Path) -> list[Trace]:
    """Look through the header of a NIfTI image and its extensions.

    Parameters
    ----------
    file : Path
        ``.nii``, ``.nii.gz`` or ``.hdr``.

    Returns
    -------
    list of Trace
        Fields descrip, aux_file, db_name, intent_name, extension.
    """
    try:
        with _opened(file) as stream:
            return sorted(set(_traces_of_nifti(stream)))
    except (OSError, EOFError, zlib.error, struct.error):
        return []


def _traces_of_nifti(stream: BinaryIO) -> Iterator[Trace]:
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
    rest = head[n_bytes:] + stream.read(max(min(wanted, MOST_BYTES) - (len(head) - n_bytes), 0))
    yield from _traces_of_extensions(rest[: max(wanted, 0)], header.endianness)


def _traces_of_extensions(content: bytes, endianness: str) -> Iterator[Trace]:
    if not content[:1].strip(b"\0"):
        return
    place = 4
    while place + 8 <= len(content):
        size, code = struct.unpack_from(f"{endianness}ii", content, place)
        if size < 8:
            return
        body = content[place + 8 : place + size].decode("utf-8", errors="replace").strip("\0 \n")
        place += size
        if code == _DICOM_EXTENSION:
            yield Trace("extension", True, "a DICOM header")
            continue
        try:
            yield from traces_of_json(json.loads(body))
        except (ValueError, RecursionError):
            found = _traces_of_text("extension", body)
            # AFNI notes in every file who ran which program when: the analyst, not the patient.
            softened = code == _AFNI_EXTENSION
            yield from (Trace(one.field, one.blocks and not softened, one.says) for one in found)


def _traces_of_text(field: str, text: str, is_short: bool = False) -> list[Trace]:
    """Judge a free text; an intent's name is a short one, of which an unknown word is no news."""
    if not text or words.is_software(text):
        return []
    if words.holds_person(text):
        return [Trace(field, True, "a person's name")]
    if words.holds_date(text):
        return [Trace(field, True, "a date")]
    if words.holds_path(text):
        return [Trace(field, False, "the path of a file")]
    if is_short and not words.holds_long_number(text):
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
    try:
        with _opened(file) as stream:
            head = stream.read(_MGH_HEADER_BYTES)
            _, *shape, kind = struct.unpack_from(">6i", head)
            n_bytes = int(np.prod(shape, dtype=np.int64)) * _MGH_VOXEL_BYTES.get(kind, 0)
            if not 0 < n_bytes <= MOST_IMAGE_BYTES:
                return [too_large("tags")]
            _pass_over(stream, n_bytes + _MGH_SCAN_BYTES)
            text = stream.read(MOST_BYTES).decode("latin-1")
    except (OSError, EOFError, zlib.error, struct.error):
        return []
    return _traces_of_notes("tags", text)


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
    if words.holds_person(text):
        return [Trace(field, True, "a person's name")]
    if words.holds_date(text) or words.holds_path(text):
        return [Trace(field, False, "the path of a file or a date")]
    return []


def _pass_over(stream: BinaryIO, n_bytes: int) -> None:
    while n_bytes > 0:
        block = stream.read(min(n_bytes, _BLOCK_BYTES))
        if not block:
            return
        n_bytes -= len(block)


def _opened(file: Path) -> BinaryIO:
    if file.suffix in (".gz", ".mgz"):
        return cast(BinaryIO, gzip.open(file, "rb"))
    return cast(BinaryIO, io.BufferedReader(io.FileIO(file)))
