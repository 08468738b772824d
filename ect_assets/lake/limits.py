"""What a query may use of this machine: memory, processors and time; and how it is stopped.

What it may read is decided in `catalogue`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ect_assets.problems import EctError

if TYPE_CHECKING:
    import duckdb

SHARE_OF_FREE_MEMORY = 0.5
LEAST_MEMORY_BYTES = 64 * 2**20
UNKNOWN_MEMORY_BYTES = 2**30
"""What is taken as free where the system does not say."""
SHARE_OF_AN_ANSWER = 0.25
"""Of a query's memory: the rows of an answer, which is copied when it is written as text."""
TIMEOUT_SECONDS = 600.0
STOPPING_SECONDS = 5.0
"""How long a query that was stopped is waited for; it takes a few hundredths of a second."""
Answer = TypeVar("Answer")


class QueryStopped(EctError):
    """A query was stopped: it took longer than it may."""


def free_memory() -> int:
    """Return the bytes that may still be used on this machine, or in this container."""
    found = [one for one in (_of_the_machine(), _of_the_container()) if one is not None]
    return min(found, default=UNKNOWN_MEMORY_BYTES)


def _of_the_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    said = dict(line.split(":", 1) for line in lines if ":" in line)
    words = said.get("MemAvailable", "").split()
    return int(words[0]) * 1024 if words else None


def _of_the_container() -> int | None:
    """Ask the control groups, version 2, then 1; None where there is no limit."""
    groups = Path("/sys/fs/cgroup")
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit = (groups / most).read_text(encoding="ascii").strip()
            taken = (groups / used).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdigit() and taken.isdigit():
            return max(0, int(limit) - int(taken))
    return None


def query_memory() -> int:
    """Return the bytes that one query may use: half of what is free."""
    return max(LEAST_MEMORY_BYTES, int(free_memory() * SHARE_OF_FREE_MEMORY))


def limit(connection: duckdb.DuckDBPyConnection) -> int:
    """Bound what the queries of a connection may use; return the bytes of memory."""
    memory = query_memory()
    connection.execute(f"SET memory_limit='{memory // 2**20}MiB'")
    connection.execute(f"SET threads={len(os.sched_getaffinity(0))}")
    return memory


@dataclass
class Asking:
    """One query at work, which another thread may stop."""

    _is_stopped: threading.Event = field(default_factory=threading.Event)
    _connections: list[duckdb.DuckDBPyConnection] = field(default_factory=list)

    def through(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Note the connection that the query is asked through now."""
        self._connections.append(connection)
        self.go_on()

    def go_on(self) -> None:
        """Raise where the query has been stopped.

        Raises
        ------
        InterruptedError
        """
        if self._is_stopped.is_set():
            raise InterruptedError

    def stop(self) -> None:
        """Stop the query; whatever is asked through its connections ends."""
        self._is_stopped.set()
        for connection in self._connections:
            connection.interrupt()


def within(seconds: float, ask: Callable[[Asking], Answer]) -> Answer:
    """Ask a query in a thread, so that time and Ctrl-C can end it.

    Parameters
    ----------
    seconds : float
        0 for no limit.
    ask : callable
        ``ask(asking)`` notes each connection with `Asking.through`.

    Raises
    ------
    QueryStopped
        When it has taken longer; what `ask` raises is raised here.
    """
    asking, answers, faults = Asking(), list[Answer](), list[BaseException]()
    # Not by joining it: of a thread whose joining Ctrl-C interrupts, Python 3.11 believes that it
    # has ended.
    is_done = threading.Event()

    def work() -> None:
        try:
            answers.append(ask(asking))
        except BaseException as fault:  # noqa: BLE001 - it is raised again by whoever waits
            faults.append(fault)
        finally:
            is_done.set()

    worker = threading.Thread(target=work, name="query", daemon=True)
    worker.start()
    try:
        is_in_time = is_done.wait(seconds or None)
    except BaseException:
        _stop(asking, is_done)
        raise
    if not is_in_time:
        _stop(asking, is_done)
        raise QueryStopped(
            f"The query took longer than {seconds:g} seconds and was stopped. Select less (WHERE, "
            "LIMIT; a join needs ON or USING), or give it more time: --timeout SECONDS (0: no "
            "limit)."
        )
    worker.join()
    if faults:
        raise faults[0]
    return answers[0]


def _stop(asking: Asking, is_done: threading.Event) -> None:
    """Stop a query; again and again, since it may be between two of DuckDB's calls."""
    end = time.monotonic() + STOPPING_SECONDS
    while not is_done.is_set() and time.monotonic() < end:
        asking.stop()
        is_done.wait(0.02)
