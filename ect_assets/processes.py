"""Other processes of this machine. What they are at work on belongs to whoever asks."""

from __future__ import annotations

import os


def is_alive(process: int) -> bool:
    """Say whether there is a process of a number, whosever it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
