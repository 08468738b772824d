"""What a file really is, told by its first bytes, where it is not what its name says.

A workbook saved as `participants.tsv`, a pointer of DataLad in the place of an image, a page of a
login form that was downloaded for a table: each reader that cannot make sense of a file asks here
first, so that the message names the cause. Nothing here opens an archive or follows a pointer.
"""

from __future__ import annotations

import re
from pathlib import Path

FIRST_BYTES = 512
"""How much of a file is looked at."""

_ANNEX = re.compile(rb"(/annex/objects/|\.git/annex/objects/|^WORM-s\d+|^[A-Z0-9]+E?-s\d+-)")
_LFS = b"version https://git-lfs.github.com/spec/"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument."
_WORKBOOK_PARTS = (b"[Content_Types].xml", b"xl/", b"_rels/.rels", b"docProps/")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|\?xml[^>]*>\s*<(!doctype\s+)?html)", re.I)

AS_TEXT = "Save it as tab-separated text (UTF-8)."


def first_bytes(path: Path) -> bytes:
    """Read the beginning of a file; nothing where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(FIRST_BYTES)
    except OSError:
        return b""


def what_it_is(first: bytes, path: Path) -> str | None:
    """Say what a file is, where that is not what its readers expect.

    Parameters
    ----------
    first : bytes
        The beginning of the file, as `first_bytes` reads it.
    path : Path
        Its name, which tells a workbook from another archive and a ``.gz`` from a table.

    Returns
    -------
    str or None
        What follows the file's name in a message, with the fix: ``is an Excel workbook. Save it
        as tab-separated text (UTF-8).`` None where nothing is known against it.
    """
    return _pointer(first) or _office(first, path) or _other(first, path)


def _pointer(first: bytes) -> str | None:
    """Recognize what DataLad, git-annex and Git LFS leave in the place of a file's content."""
    head = first.lstrip(b"\xef\xbb\xbf \r\n")
    if _ANNEX.search(head.split(b"\n", 1)[0]):
        return (
            "is a pointer of git-annex (DataLad); its content is not here. Fetch it with "
            "`datalad get` (or `git annex get`)."
        )
    if head.startswith(_LFS):
        return "is a pointer of Git LFS; its content is not here. Fetch it with `git lfs pull`."
    return None


def _office(first: bytes, path: Path) -> str | None:
    if first.startswith(_OLD_EXCEL):
        return f"is an Excel workbook (or another old Office document). {AS_TEXT}"
    if not first.startswith(_ZIP):
        return None
    if b"opendocument.spreadsheet" in first or path.suffix.lower() == ".ods":
        return f"is an OpenDocument spreadsheet. {AS_TEXT}"
    if _OPEN_DOCUMENT in first:
        return "is an OpenDocument file, not a table. " + AS_TEXT
    if path.suffix.lower() in (".xlsx", ".xlsm") or any(part in first for part in _WORKBOOK_PARTS):
        return f"is an Excel workbook. {AS_TEXT}"
    return "is a ZIP archive. Unpack it and put the file itself in its place."


def _other(first: bytes, path: Path) -> str | None:
    if first.startswith(b"\x1f\x8b") and path.suffix.lower() not in (".gz", ".mgz", ".tgz"):
        return "is compressed with gzip. Unpack it (`gunzip`)."
    if first.startswith(b"%PDF-"):
        return "is a PDF document. Put the file itself in its place."
    if _HTML.match(first.removeprefix(b"\xef\xbb\xbf")):
        return (
            "is a web page, probably of a failed download or a login. Download the file itself "
            "again."
        )
    if _is_utf16(first) and path.suffix.lower() not in (".gz", ".mgz", ".nii", ".mgh"):
        return "is text in UTF-16, not UTF-8. Save it again with encoding UTF-8."
    return None


def _is_utf16(first: bytes) -> bool:
    """Recognize UTF-16 by its mark; without one, by every other byte being zero."""
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if len(first) < 16:
        return False
    even, odd = first[0::2], first[1::2]
    text, zeros = (even, odd) if odd.count(0) > even.count(0) else (odd, even)
    return zeros.count(0) >= 0.9 * len(zeros) and text.count(0) == 0
