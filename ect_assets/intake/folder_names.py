"""The names in a folder, remembered for as long as the folder is not written to.

A folder with one entry per patient is asked once per patient; listing it each time would make the
cost of one patient grow with the cohort. Whether what is listed may be opened belongs in
`source_files`.
"""

from __future__ import annotations

import os
import sys
import time
from bisect import bisect_left
from functools import lru_cache
from pathlib import Path

RACY_SECONDS = 2
"""A folder or file that was written less than this ago may change without its times showing it."""


def names_in(folder: Path) -> tuple[str, ...]:
    """List the names in a folder.

    Returns
    -------
    tuple of str
        Sorted; none where there is no such folder, or it cannot be looked into.
    """
    return names_ending(folder, "")


def names_ending(folder: Path, ending: str) -> tuple[str, ...]:
    """List the names in a folder that have the same ending.

    Returns
    -------
    tuple of str
        As `names_in` lists them.
    """
    try:
        status = folder.stat()
        if time.time() - max(status.st_mtime, status.st_ctime) < RACY_SECONDS:
            return _listed(folder, ending)
        return _remembered(folder, (status.st_dev, status.st_ino, status.st_mtime_ns), ending)
    except OSError:
        return ()


def names_beginning(folder: Path, beginning: str) -> tuple[str, ...]:
    """List the names in a folder that have the same beginning, without going through all.

    Returns
    -------
    tuple of str
        Sorted.
    """
    names = names_in(folder)
    first = bisect_left(names, beginning)
    behind = bisect_left(names, f"{beginning}{chr(sys.maxunicode)}")
    return names[first:behind]


@lru_cache(maxsize=4096)
def _remembered(folder: Path, stamp: tuple[int, ...], ending: str) -> tuple[str, ...]:
    return _listed(folder, ending)


def _listed(folder: Path, ending: str) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(one.name for one in entries if one.name.endswith(ending)))
