"""The names in a folder, remembered for as long as the folder is not written to.

A folder with one entry per patient is asked once per patient; listing it each time would make the
cost of one patient grow with the cohort. Whether what is listed may be opened belongs in
`source_files`.
"""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

RACY_SECONDS = 2
"""A folder or file that was written less than this ago may change without its times showing it."""


def names_in(folder: Path) -> tuple[str, ...]:
    """List the names in a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    tuple of str
        Sorted; none where there is no such folder, or it cannot be looked into.
    """
    try:
        status = folder.stat()
        if time.time() - max(status.st_mtime, status.st_ctime) < RACY_SECONDS:
            return _listed(folder)
        return _remembered(folder, (status.st_dev, status.st_ino, status.st_mtime_ns))
    except OSError:
        return ()


@lru_cache(maxsize=4096)
def _remembered(folder: Path, stamp: tuple[int, ...]) -> tuple[str, ...]:
    return _listed(folder)


def _listed(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(item.name for item in folder.iterdir()))
