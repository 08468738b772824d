"""Downloading again where the network or the server failed for a moment, not where it refused."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from socket import EAI_NONAME, gaierror
from typing import Any, TypeVar

PAUSES_SECONDS = (5.0, 20.0)
"""Before the second attempt and the third, which is the last."""
ABOUT_THIS_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
LATER = {408, 425, 429}
"""Answers of a server below 500 after which another attempt may succeed."""
Answer = TypeVar("Answer")


def downloaded(fetch: Callable[[], Answer], log: Callable[[str], object]) -> Answer:
    """Return what is fetched, with up to two more attempts after a failure that may pass.

    Parameters
    ----------
    fetch : callable
    log : callable
        Takes a line about each failed attempt.

    Raises
    ------
    OSError
        The failure of the last attempt, or the first that cannot pass.
    """
    for pause in PAUSES_SECONDS:
        try:
            return fetch()
        except OSError as error:
            if not may_pass(error):
                raise
            log(f"The download failed ({type(error).__name__}); retry in {pause:g} s.")
            time.sleep(pause)
    return fetch()


def may_pass(error: OSError) -> bool:
    """Say whether another attempt at a download may succeed."""
    reason: Any = getattr(error, "reason", None)
    if isinstance(reason, OSError):
        return may_pass(reason)
    response = getattr(error, "response", None)
    code = getattr(error, "code", None) or getattr(response, "status_code", None)
    if isinstance(code, int):
        return code >= 500 or code in LATER
    if isinstance(error, gaierror):
        return error.errno != EAI_NONAME
    return error.errno not in ABOUT_THIS_MACHINE
