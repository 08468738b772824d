"""Waiting in tests: for as long as something moves, however slow the machine is.

A wait names what it waits for, the signs by which it is seen to come nearer, and what makes it
hopeless. It fails at once when it is hopeless, and when no sign has changed for `QUIET_SECONDS`;
how long it takes in all does not matter. A loop that computes for ever is left to whoever runs
the tests. What Dagster's records show of progress is in `records_at_work`; whether something takes
too much work is in `effort`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

QUIET_SECONDS = 300.0
"""For how long nothing may move. Also the limit of one answer where a library asks for a limit."""
LONGEST_LOOK_SECONDS = 5.0
"""What one look counts at most: a test that was itself not let run has not seen a quiet time."""
PAUSE_SECONDS = 0.1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
Process = subprocess.Popen | BaseProcess
Sign = Path | Process | Callable[[], object]
"""A file or all files of a folder, the work of a process and its children, or any value."""
Answer = TypeVar("Answer")


class Stalled(AssertionError):
    """Nothing moves any more."""


class Hopeless(AssertionError):
    """What was waited for cannot come any more."""


def wait_until(
    holds: Callable[[], Answer],
    what: str,
    *signs: Sign,
    unless: Callable[[], object] | None = None,
    pause: float = PAUSE_SECONDS,
) -> Answer:
    """Wait until something holds.

    Parameters
    ----------
    holds : callable
        Asked again and again; its first true answer is returned.
    what : str
        What is waited for, for the message.
    *signs
        What changes while it is still coming. The process of a server, which works for ever, is
        none; that of a command is.
    unless : callable, optional
        Says why it cannot come any more; nothing while it can.
    pause : float
        Seconds between two looks.

    Returns
    -------
    object

    Raises
    ------
    Hopeless
        When `unless` says why.
    Stalled
        When no sign has changed for `QUIET_SECONDS`.
    """
    quiet, looked, before = 0.0, time.monotonic(), object()
    while True:
        # Asked first: what ended because it was done is no failure.
        why_not = unless() if unless is not None else None
        answer = holds()
        if answer:
            return answer
        if why_not:
            raise Hopeless(f"waited in vain for {what}: {why_not}")
        seen, now = [_state(sign) for sign in signs], time.monotonic()
        quiet = quiet + min(now - looked, LONGEST_LOOK_SECONDS) if seen == before else 0.0
        before, looked = seen, now
        if quiet > QUIET_SECONDS:
            raise Stalled(f"nothing has moved for {QUIET_SECONDS:.0f} s: {what}. Seen: {seen}")
        time.sleep(pause)


def has_ended(*processes: Process, log: Path | None = None) -> Callable[[], str]:
    """Return the reason to give up that one of some processes has ended, with its log.

    Parameters
    ----------
    *processes
    log : Path, optional
        The file into which they print.

    Returns
    -------
    callable
        For `wait_until`.
    """

    def why() -> str:
        codes = [code for one in processes if (code := _exit_code(one)) is not None]
        text = log.read_text(errors="replace")[-4000:] if codes and log is not None else ""
        return f"a process ended with {codes[0]}. {text}" if codes else ""

    return why


def wait_for_end(process: Process, *signs: Sign, what: str = "the end of a process") -> int:
    """Wait until a command has ended, for as long as it works.

    Parameters
    ----------
    process
    *signs
        What shows that it works, beside the time of the processor that it takes.
    what : str

    Returns
    -------
    int
        Its exit code.
    """
    wait_until(lambda: _exit_code(process) is not None, what, process, *signs, pause=0.02)
    code = _exit_code(process)
    assert code is not None
    return code


def stop(process: subprocess.Popen, number: int = signal.SIGTERM) -> int:
    """Ask a server to end, and wait until it has; one that does not is killed, and told.

    Parameters
    ----------
    process : subprocess.Popen
    number : int
        The signal.

    Returns
    -------
    int
        Its exit code.
    """
    process.send_signal(number)
    try:
        # Not its work: a server that did not hear works on.
        wait_until(
            lambda: process.poll() is not None,
            f"the end of process {process.pid}",
            lambda: family(process.pid),
        )
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    return process.returncode


def run(command: list[Any], **named: Any) -> subprocess.CompletedProcess[str]:
    """Run a command as `subprocess.run` does, and keep what it prints.

    Parameters
    ----------
    command : list
    **named
        As for `subprocess.Popen`.

    Returns
    -------
    subprocess.CompletedProcess
    """
    with tempfile.TemporaryDirectory() as kept:
        said = [Path(kept, name) for name in ("stdout", "stderr")]
        with said[0].open("wb") as out, said[1].open("wb") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, **named)
        try:
            code = wait_for_end(process, *said, what=f"the end of {' '.join(map(str, command))}")
        finally:
            process.kill()
            process.wait()
        texts = [one.read_text(encoding="utf-8", errors="replace") for one in said]
    return subprocess.CompletedProcess(command, code, *texts)


def is_answering(port: int) -> bool:
    """Say whether something listens at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), QUIET_SECONDS).close()
    except OSError:
        return False
    return True


def family(process: int) -> list[int]:
    """List a process and all that it and its children started and that is still there."""
    children: dict[int, list[int]] = {}
    for one, (parent, _) in _processes():
        children.setdefault(parent, []).append(one)
    found, new = [], [process]
    while new:
        found += new
        new = [child for one in new for child in children.get(one, ())]
    return sorted(found)


def cpu_seconds(process: int) -> float:
    """Return the time of the processor that a process and all that it started have taken."""
    members, ticks = set(family(process)), 0
    for one, (_, taken) in _processes():
        ticks += taken if one in members else 0
    return ticks / TICKS_PER_SECOND


def _processes() -> Iterator[tuple[int, tuple[int, int]]]:
    """List all processes with their parents and their ticks, those of ended children as well."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = file.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        yield int(file.parent.name), (int(words[1]), sum(map(int, words[11:15])))


def _exit_code(process: Process) -> int | None:
    return process.poll() if isinstance(process, subprocess.Popen) else process.exitcode


def _state(sign: Sign) -> object:
    if isinstance(sign, Path):
        return _files(sign)
    if isinstance(sign, Process):
        return cpu_seconds(sign.pid or 0)
    return sign()


def _files(place: Path) -> tuple[int, int, int]:
    """Return how many files there are, how large they are, and when the last was written."""
    files = (
        [place] if place.is_file() else [Path(at, n) for at, _, ns in os.walk(place) for n in ns]
    )
    n, size, newest = 0, 0, 0
    for file in files:
        try:
            status = file.stat()
        except OSError:
            continue
        n, size, newest = n + 1, size + status.st_size, max(newest, status.st_mtime_ns)
    return n, size, newest
