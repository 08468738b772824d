"""Steps that become ready together, gathered for a while and submitted as one job array.

Of one run, since each run has a process of its own. Whatever goes wrong here leaves a step
unsubmitted, and the monitor of the step submits it alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from ect_assets.orchestration.slurm.attempts import Attempt, Submission
from ect_assets.problems import EctError

SECONDS = 2.0
AT_MOST = 500
"""Tasks of one array; clusters allow a thousand and more (MaxArraySize)."""

Submit = Callable[[Sequence[Submission], Collection[str]], object]


class Gathering:
    """Gathers submissions, and hands over those that ask for the same.

    Parameters
    ----------
    submit : callable
        ``submit(submissions, after)``.
    seconds : float
        How long after the first one is waited for others.
    """

    def __init__(self, submit: Submit, seconds: float = SECONDS):
        self._submit = submit
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: list[Submission] = []
        self._after: set[str] = set()
        self._timer: threading.Timer | None = None

    def add(self, one: Submission, after: Collection[str]) -> None:
        """Take up one, to be submitted with others.

        Parameters
        ----------
        after : collection of str
            Jobs that must have ended before.
        """
        with self._lock:
            self._waiting.append(one)
            self._after.update(after)
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def holds(self, attempt: Attempt) -> bool:
        """Say whether an attempt still waits to be submitted with others."""
        with self._lock:
            return any(one.attempt == attempt for one in self._waiting)

    def drop(self, attempt: Attempt) -> None:
        """Forget an attempt that was given up before it was submitted."""
        with self._lock:
            self._waiting = [one for one in self._waiting if one.attempt != attempt]

    def flush(self) -> None:
        """Submit what has been gathered."""
        # Held to the end: nobody may take an attempt for unsubmitted while it is being submitted.
        with self._lock:
            try:
                for alike in together(self._waiting):
                    self._submit(alike, tuple(self._after))
            except EctError:
                # Those who follow the steps find them unsubmitted, try again, and say why.
                return
            finally:
                self._waiting, self._timer = [], None
                self._after = set()


def together(submissions: Sequence[Submission]) -> list[list[Submission]]:
    """Put those together that ask for the same, in the order in which they came."""
    groups: dict[str, list[Submission]] = {}
    for one in submissions:
        groups.setdefault(one.resources.model_dump_json(), []).append(one)
    return [
        group[start : start + AT_MOST]
        for group in groups.values()
        for start in range(0, len(group), AT_MOST)
    ]
