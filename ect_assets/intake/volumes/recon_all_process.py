"""One long command: its lines handed on as they come, its end waited for, its children ended.

Knows nothing of FreeSurfer but that its log names the machine. What is run belongs in `recon_all`.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAST_LINES = 20
GRACE_SECONDS = 10.0

_PATH = re.compile(r"(?<![\w.])~?(?:/[^\s/'\":,;()]+)*/([^\s/'\":,;()]*)")
_SHORTEST_WORD = 3


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Parameters
    ----------
    exit_code : int
        Negative where a signal ended it.
    timed_out : bool
        Whether it was ended by us for taking too long.
    last_lines : tuple of str
        The end of its log, without paths, user and host of the machine.
    """

    exit_code: int
    timed_out: bool
    last_lines: tuple[str, ...]


def run_command(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    timeout_s: float | None,
    report: Callable[[str], None],
) -> Outcome:
    """Run a command to its end, or end it and all it started when we are interrupted.

    Parameters
    ----------
    arguments : sequence of str
        The program and its arguments; no shell is involved.
    report : callable
        Takes each line of the log as it comes.
    """
    process = subprocess.Popen(
        list(arguments),
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # A session of its own, so that what it started can be ended with it.
        start_new_session=True,
    )
    too_long = threading.Event()

    def give_up() -> None:
        too_long.set()
        _end(process)

    watch = threading.Timer(timeout_s or 0, give_up)
    watch.daemon = True
    last: deque[str] = deque(maxlen=LAST_LINES)
    has_ended = False
    try:
        if timeout_s is not None:
            watch.start()
        for line in process.stdout or ():
            last.append(line.rstrip("\n"))
            report(line.rstrip("\n"))
        process.wait()
        has_ended = True
    finally:
        watch.cancel()
        if too_long.is_set():
            # Its children may outlive it: they are killed before the folder is anybody else's.
            watch.join()
        elif not has_ended:
            _end(process)
    lines = tuple(without_machine(line) for line in last)
    return Outcome(process.returncode, too_long.is_set(), lines)


def without_machine(line: str) -> str:
    """Take from a line of a log what tells of the machine: folders, user, host.

    Returns
    -------
    str
        Paths are cut to their last name.
    """
    shown = _PATH.sub(r"\1", line)
    for word, stands_for in ((socket.gethostname(), "HOST"), (_user(), "USER")):
        for name in dict.fromkeys((word, word.split(".")[0])):
            if len(name) >= _SHORTEST_WORD:
                shown = re.sub(rf"\b{re.escape(name)}\b", stands_for, shown)
    return shown


def _user() -> str:
    try:
        return getpass.getuser()
    # A container may run under a number that no user has.
    except (KeyError, OSError):
        return ""


def _end(process: subprocess.Popen[str]) -> None:
    """End the process and everything in its session."""
    _signal_all(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _signal_all(process, signal.SIGKILL)
    process.wait()


def _signal_all(process: subprocess.Popen[str], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
