"""The log of `ect ui`: what its processes print, in a file that never grows beyond a bound.

Dagster prints the events of runs there as well, which name patients.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import BinaryIO

LOG = "server.log"
"""In the study's Dagster folder."""
MOST_BYTES = 5_000_000
KEPT = 3
"""Older parts beside the log: server.log.1 is the youngest."""


def open_log(file: Path) -> BinaryIO:
    """Open a log to add to, readable by its owner alone.

    Returns
    -------
    binary file
        In append mode: processes that have it go on at its new end when it was cut.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def rotate(file: Path, most_bytes: int = MOST_BYTES, kept: int = KEPT) -> bool:
    """Move what a log holds into a file beside it once there is more than `most_bytes`.

    It is copied and cut, not renamed: the processes that write hold it open. A line that is
    printed between the two is lost.

    Returns
    -------
    bool
        Whether it was moved.
    """
    if not file.exists() or file.stat().st_size <= most_bytes:
        return False
    for number in range(kept, 1, -1):
        younger = _older(file, number - 1)
        if younger.exists():
            younger.replace(_older(file, number))
    shutil.copy(file, _older(file, 1))
    os.truncate(file, 0)
    return True


def clear_log(file: Path) -> None:
    """Empty a log and delete its older parts: a patient who withdraws may be named in them."""
    if file.exists():
        os.truncate(file, 0)
    for older in file.parent.glob(f"{file.name}.*"):
        older.unlink(missing_ok=True)


def _older(file: Path, number: int) -> Path:
    return file.with_name(f"{file.name}.{number}")
