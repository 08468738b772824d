"""How much work something is, whatever the machine and whoever else is at work on it.

Held against what this machine needs, in the same minute, to unpack 64 MB of zeros. What waits for
something belongs in `waiting`.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

UNIT_BYTES = 64 << 20
"""Unpacked in a tenth of a second by a processor of 2023."""
TURNS = 3
PACKED = zlib.compress(bytes(UNIT_BYTES), 1)


def effort_of(work: Callable[[], object]) -> float:
    """Return the time of the processor that something takes, in units of unpacking 64 MB.

    Parameters
    ----------
    work : callable
        Called once.

    Returns
    -------
    float
    """
    unit = min(_taken(lambda: zlib.decompress(PACKED)) for _ in range(TURNS))
    return _taken(work) / unit


def _taken(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
