"""Processes and signals of this machine: is a process alive, and was this one interrupted?

What a process is at work on belongs to the caller, and what an interruption ends to the caller.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def is_alive(process: int) -> bool:
    """Say whether there is a process of a number, whosever it is."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def heard_interruptions() -> Iterator[Callable[[], None]]:
    """Take SIGINT and SIGTERM as `KeyboardInterrupt`, whatever handles them meanwhile.

    While Dagster executes a run in this process it takes both signals for itself: the run fails,
    and the caller does not learn why, or not at all when the signal came between two steps.

    Yields
    ------
    callable
        Raises `KeyboardInterrupt` where a signal came since this began, also one that somebody
        else's handler took. Outside the main thread, where no signal comes, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    # Said for both: a shell that starts us in the background makes us deaf to Ctrl-C otherwise.
    previous = {one: signal.signal(one, _interrupt) for one in SIGNALS}
    heard, told = socket.socketpair()
    with heard, told:
        heard.setblocking(False)
        told.setblocking(False)
        # The interpreter writes the number of every signal there, whatever handles it.
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)

        def raise_if_heard() -> None:
            try:
                numbers = heard.recv(4096)
            except BlockingIOError:
                return
            if set(numbers) & set(SIGNALS):
                raise KeyboardInterrupt

        try:
            yield raise_if_heard
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in previous.items():
                signal.signal(number, handler or signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
