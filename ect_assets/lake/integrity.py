"""Whether a file still is what was written: its seal, and which versions were found whole.

The footer of each Parquet file of ours carries the size of the file and the SHA-256 of all its
other bytes. A flipped bit anywhere is found without decoding anything, also in what Parquet's own
page checksums leave out (the footer itself, the statistics that a query skips rows by). Reading
every file for every question would cost too much, so the versions that were found whole are
remembered. What the rows mean, and when a table is stale, does not belong here.
"""

from __future__ import annotations

import hashlib
import re
import time
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any

from ect_assets.lake.location import Place, Stamp, is_remote
from ect_assets.problems import EctError

MARK = b"ect sha256 "
DIGEST_BEGIN = len(MARK) + len("000000000000 ")
UNSEALED = MARK + b"000000000000 " + b"0" * 64
"""What stands in a footer until the file is sealed: the mark, the size of the file, the digest."""
AUDIT_LOG = "audit_log"
REMEMBERED = ".verified"
MOST = 300_000
"""Versions that are remembered; 10 MB."""
TICK_SECONDS = 0.05
"""Longer than a tick of the kernel's clock: within it, two versions can have the same times."""


class DamagedFile(EctError):
    """A file is not what was written; the message names it and how to make it again."""

    def __init__(self, file: PurePath):
        super().__init__(damage(file))
        self.file = file


def damage(file: PurePath) -> str:
    """Name a damaged file and the fix."""
    if AUDIT_LOG in file.parts:
        fix = (
            "It is the audit trail of the data and cannot be recomputed: restore it "
            "from a backup, or move it away and a new one is started"
        )
    else:
        fix = (
            "Run `ect run`, which recomputes it; if its patient or parcellation is no longer "
            "in the study, delete the file"
        )
    # An address that was taken for a path has lost a slash.
    name = re.sub(r"^([a-z0-9]+):/(?!/)", r"\1://", str(file))
    return f"{name} is damaged: its content is not what was written. {fix}."


def seal(file: Path) -> None:
    """Write the seal over the text `UNSEALED`, which the footer has to have."""
    with file.open("r+b") as opened:
        content = bytearray(opened.read())
        begin = content.rindex(MARK)
        size = f"{len(content):012d} ".encode()
        content[begin + len(MARK) : begin + DIGEST_BEGIN] = size
        opened.seek(begin + len(MARK))
        opened.write(size + _digest(content, begin))


def is_intact(content: bytes) -> bool | None:
    """Say whether the bytes of a sealed file are those that were sealed; None without a seal.

    A file of another size than its seal says is another one, written with the footer of the first.
    """
    begin = content.rfind(MARK)
    said = content[begin : begin + len(UNSEALED)] if begin >= 0 else b""
    if said[len(MARK) : DIGEST_BEGIN] != f"{len(content):012d} ".encode():
        return None
    return said[DIGEST_BEGIN:] == _digest(content, begin)


def _digest(content: bytes | bytearray, begin: int) -> bytes:
    whole = memoryview(content)
    digest = hashlib.sha256(whole[: begin + DIGEST_BEGIN])
    digest.update(whole[begin + len(UNSEALED) :])
    return digest.hexdigest().encode()


class Verified:
    """Which versions of which files were read to their end and found whole.

    Kept in one small file, a line each: a digest of the file's name, number, size and times, so
    that a file in its place, restored or copied, is looked at again, and no patient's label is
    written down. It may be deleted at any time.

    Parameters
    ----------
    folder : Path or None
        Where it is kept, on this machine; None keeps it in memory only.
    """

    def __init__(self, folder: Path | None):
        self._file = folder / REMEMBERED if folder is not None else None
        self._known: set[str] | None = None

    def has(self, name: str, identity: Stamp) -> bool:
        """Say whether this version of a file was found whole."""
        return _fingerprint(name, identity) in self._lines()

    def add(self, name: str, identity: Stamp) -> None:
        """Remember that this version of a file was found whole."""
        line = _fingerprint(name, identity)
        self._lines().add(line)
        if self._file is not None:
            # Where it cannot be written, the files are verified each time.
            with suppress(OSError):
                self._file.parent.mkdir(parents=True, exist_ok=True)
                with self._file.open("a", encoding="ascii") as opened:
                    opened.write(f"{line}\n")

    def _lines(self) -> set[str]:
        if self._known is None:
            self._known = set()
            if self._file is not None:
                with suppress(OSError):
                    self._known.update(self._file.read_text("ascii", "replace").splitlines())
            if len(self._known) > MOST:
                self._begin_again()
        return self._known

    def _begin_again(self) -> None:
        """Forget all: most of so many versions are of files that were replaced since."""
        self._known = set()
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()


def _fingerprint(name: str, identity: Stamp) -> str:
    said = f"{name}\0{identity!r}".encode()
    return hashlib.blake2b(said, digest_size=16).hexdigest()


def identity_of(file: Place, stamp: Stamp) -> Stamp:
    """Return what tells a version of a file apart, also from one with its time put back.

    Raises
    ------
    FileNotFoundError
        When the file was taken away meanwhile.
    """
    if is_remote(file):
        return stamp
    there: Any = file.stat()
    return there.st_ino, there.st_mtime_ns, there.st_ctime_ns, there.st_size


def may_be_remembered(file: Place, identity: Stamp) -> bool:
    """Say whether a file has been as it is for so long that a change would show in its times."""
    return is_remote(file) or time.time() - max(identity[1:3]) / 1e9 > TICK_SECONDS
