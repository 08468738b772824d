"""What is due in a study, and why: the one plan that every command and the daemon read.

A plan is seen from the study, the lake and who is registered, in one look; making what is due
belongs to `runner` (at once) and `automation` (by itself). Dagster is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product

from ect_assets.lake.store import Failure, Lake, Partition
from ect_assets.pipeline.all_steps import step_of, steps_of
from ect_assets.pipeline.blocked import blocked_by, failed_of_patient
from ect_assets.pipeline.file_memory import FileMemory
from ect_assets.pipeline.input_changes import Change, changes
from ect_assets.pipeline.staleness import (
    SeenFiles,
    digest_of,
    inputs_of,
    seconds_to_settle,
    unregistered,
)
from ect_assets.pipeline.step import Step
from ect_assets.problems import STOPPED
from ect_assets.study import Study

Key = tuple[str, tuple[tuple[str, str], ...]]
WasEnded = Callable[[Step, Partition], bool]

WEEKLY = "the weekly recomputation, or `ect run`"
ASKED = "`ect run`, or the nightly check"


class State(StrEnum):
    """What a partition is like."""

    CURRENT = "current"
    STALE = "stale"
    MISSING = "missing"
    FAILED = "failed"
    WAITING = "waiting"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Item:
    """One partition of one table in a plan.

    Attributes
    ----------
    state : State
        ``failed``: these very inputs were tried and cannot be used. ``waiting``: a table that it
        reads has no rows and none are due, or one of the same patient failed. ``unavailable``:
        the study cannot have it.
    is_due : bool
        Whether it will be made: it is stale or missing, or follows from what is.
    is_retry : bool
        Whether it was tried with these inputs, and stopped for a reason that is not the data.
    changes : tuple of Change
        What of its inputs changed since it was made.
    follows : tuple of str
        Tables upstream that are due; where they come out the same, it stays as it is.
    waits_for : tuple of str
        Tables upstream that it cannot be made without: they have no rows, or could not be made.
    is_made : bool
        Whether there are rows, current or not.
    has_failed : bool
        Whether it was tried since it was last made, and failed.
    detail : str
        Why it failed, or why the study cannot have it.
    left_for : str or None
        What makes it, where the daemon does not by itself.
    seconds : float or None
        How long it took when it was last made.
    """

    step: Step
    partition: Partition
    state: State
    is_due: bool = False
    is_retry: bool = False
    changes: tuple[Change, ...] = ()
    follows: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    is_made: bool = False
    has_failed: bool = False
    detail: str = ""
    left_for: str | None = None
    seconds: float | None = None

    @property
    def name(self) -> str:
        """The table with its partition."""
        which = ", ".join(self.partition.values())
        return f"{self.step.name} ({which})" if which else self.step.name

    @property
    def why(self) -> str:
        """Say in one line why it is in this state."""
        if self.state in (State.FAILED, State.UNAVAILABLE):
            return self.detail
        if self.waits_for:
            return f"needs {', '.join(self.waits_for)}"
        if self.is_retry:
            return "it stopped, and will be retried"
        if self.changes:
            return "; ".join(str(one) for one in self.changes)
        if self.follows:
            return f"after {', '.join(self.follows)}"
        if self.state is State.MISSING:
            return "never made"
        return "retried since with other inputs, which failed" if self.is_due else ""


@dataclass(frozen=True)
class _Seen:
    """A partition as it is itself, whatever becomes of what it is made from."""

    state: State
    is_made: bool
    is_retry: bool
    failure: Failure | None
    changes: tuple[Change, ...]
    seconds: float | None


class Planner:
    """One look at a study; each partition is looked at once, when it is asked for.

    Parameters
    ----------
    registered : sequence of str, optional
        Patients who have been registered; all those of the lake without it.
    was_ended : callable, optional
        ``was_ended(step, partition)``: whether its last run was ended for a reason that the lake
        does not know (a process that was killed).
    now : float, optional
        Seconds since the epoch.
    memory : FileMemory, optional
        What was seen of the files in looks before; without it they are looked at now.
    """

    def __init__(
        self,
        study: Study,
        lake: Lake,
        registered: Sequence[str] | None = None,
        was_ended: WasEnded | None = None,
        now: float | None = None,
        memory: FileMemory | None = None,
    ):
        self.study, self.lake = study, lake.snapshot()
        known = sorted(lake.subjects or ())
        self.subjects = [one for one in known if registered is None or one in registered]
        self._memory = memory
        self._was_ended = was_ended or (lambda step, partition: False)
        self._now = time.time() if now is None else now
        self._seen: dict[Key, _Seen] = {}
        self._items: dict[Key, Item] = {}
        self._pending: dict[Key, bool] = {}

    def items(self, steps: Iterable[Step] | None = None) -> list[Item]:
        """List every partition that some tables, or all, should have, in the order of the steps."""
        return [
            self.item(step, partition)
            for step in (steps_of(self.study) if steps is None else steps)
            for partition in expected_partitions(step, self.study, self.subjects)
        ]

    def item(self, step: Step, partition: Partition) -> Item:
        """Return one partition of the plan."""
        key = _key(step, partition)
        if key not in self._items:
            self._items[key] = self._planned(step, partition)
        return self._items[key]

    def _planned(self, step: Step, partition: Partition) -> Item:
        why = step.why_unavailable(self.study, partition)
        if why is not None:
            return Item(step, partition, State.UNAVAILABLE, detail=why)
        seen = self._look(step, partition)
        before = [self.item(*one) for one in self.upstream(step, partition)]
        due = {one.step.name for one in before if one.is_due}
        waits_for = tuple(name for name in self.lacks(step, partition) if name not in due)
        state = seen.state
        blocked = tuple(one for one in self.blocked_by(step, partition) if one not in due)
        if (due or blocked) and state in (State.CURRENT, State.FAILED):
            state = State.STALE if seen.is_made else State.MISSING
        has_failed = seen.failure is not None and seen.failure.failed
        item = Item(
            step,
            partition,
            state,
            is_made=seen.is_made,
            has_failed=has_failed,
            detail=_said(seen.failure),
        )
        if waits_for:
            return replace(item, state=State.WAITING, waits_for=waits_for)
        if blocked:
            return replace(item, waits_for=blocked)
        failed = tuple(
            one.name for one, _ in self.waits_for_patient(step, partition) if one.name not in due
        )
        if failed:
            state = State.STALE if seen.is_made else State.WAITING
            return replace(item, state=state, waits_for=failed)
        return replace(
            item,
            is_due=state in (State.STALE, State.MISSING),
            is_retry=seen.is_retry,
            changes=seen.changes,
            follows=tuple(name for name in step.upstream if name in due),
            left_for=self._left_for(step, partition, seen),
            seconds=seen.seconds,
        )

    def _left_for(self, step: Step, partition: Partition, seen: _Seen) -> str | None:
        if step.is_weekly and seen.is_made:
            return WEEKLY
        return ASKED if seen.is_retry or self._was_ended(step, partition) else None

    def own_state(self, step: Step, partition: Partition) -> State:
        """Return the state of a partition by itself, whatever is due of its inputs."""
        return self._look(step, partition).state

    def needs_run(self, step: Step, partition: Partition) -> bool:
        """Say whether a partition by itself is stale or missing, and worth a run."""
        is_due = self.own_state(step, partition) in (State.STALE, State.MISSING)
        return is_due and not self.waits_for_patient(step, partition)

    def is_made(self, step: Step, partition: Partition) -> bool:
        """Say whether a partition is there, current or not."""
        return self._look(step, partition).is_made

    def is_out_of_date(self, step: Step, partition: Partition) -> bool:
        """Say whether the daemon is to make a partition by itself."""
        is_departed = "subject" in partition and partition["subject"] not in self.subjects
        if is_departed or step.why_unavailable(self.study, partition) is not None:
            return False
        left_for = self._left_for(step, partition, self._look(step, partition))
        return self.needs_run(step, partition) and left_for is None

    def has_settled_files(self, step: Step, partition: Partition) -> bool:
        """Say whether the files of a partition have stayed as they are for long enough."""
        # Not kept with the rest: of the hundreds that are current nobody asks.
        if not step.sources:
            return True
        files = step.files(self.study, partition)
        return not seconds_to_settle(self.study, files, self._now)

    def is_pending(self, step: Step, partition: Partition) -> bool:
        """Say whether the daemon will make a partition, or anything that it is made from."""
        key = _key(step, partition)
        if key not in self._pending:
            self._pending[key] = self._will_be_made(step, partition)
        return self._pending[key]

    def _will_be_made(self, step: Step, partition: Partition) -> bool:
        waits_for_others = not (step.is_weekly and self.is_made(step, partition))
        if waits_for_others and any(
            self.is_pending(*one) for one in self.upstream(step, partition)
        ):
            return True
        if not self.is_out_of_date(step, partition):
            return False
        return not self.lacks(step, partition) and not self.is_blocked(step, partition)

    def partitions(self, step: Step, matching: Partition | None = None) -> Iterator[Partition]:
        """Go through the partitions that the study can have of a table, some keys given."""
        for partition in expected_partitions(step, self.study, self.subjects, matching):
            if step.why_unavailable(self.study, partition) is None:
                yield partition

    def upstream(self, step: Step, partition: Partition) -> Iterator[tuple[Step, Partition]]:
        """Go through the partitions that one partition is made from."""
        for name in step.upstream_of(self.study, partition):
            for one in self._read_from(name, partition):
                yield step_of(self.study, name), one

    def _read_from(self, name: str, partition: Partition) -> Iterator[Partition]:
        before = step_of(self.study, name)
        shared = {key: partition[key] for key in before.table.partitions if key in partition}
        return self.partitions(before, shared)

    def lacks(self, step: Step, partition: Partition) -> list[str]:
        """Name the tables that a partition reads and of which there is nothing at all."""
        return [
            name
            for name in step.needed
            if not any(
                self.is_made(step_of(self.study, name), one)
                for one in self._read_from(name, partition)
            )
        ]

    def blocked_by(self, step: Step, partition: Partition) -> list[str]:
        """Name the tables of the group that a partition is made from and that failed."""
        return blocked_by(step, self.study, self.lake, partition)

    def waits_for_patient(self, step: Step, partition: Partition) -> list[tuple[Step, Partition]]:
        """List what failed of the same patient, and keeps a stale or missing partition waiting."""
        if self.own_state(step, partition) not in (State.STALE, State.MISSING):
            return []
        return list(failed_of_patient(step, self.study, self.lake, partition))

    def is_blocked(self, step: Step, partition: Partition) -> bool:
        """Say whether a table of the group that a partition is made from has failed."""
        return bool(self.blocked_by(step, partition))

    def awaits_registration(self, step: Step) -> bool:
        """Say whether a table of the group reads patients who are not registered yet."""
        return bool(unregistered(step, self.lake, self.subjects))

    def _look(self, step: Step, partition: Partition) -> _Seen:
        key = _key(step, partition)
        if key not in self._seen:
            self._seen[key] = self._looked(step, partition)
        return self._seen[key]

    def _looked(self, step: Step, partition: Partition) -> _Seen:
        footer = self.lake.footer(step.table, partition)
        failure = self.lake.failure(step.table, partition)
        if footer is None and failure is None:
            return _Seen(State.MISSING, False, False, None, (), None)
        made_from = (footer or {}).get("inputs_sha256")
        tried_with = failure.inputs_sha256 if failure is not None and failure.failed else None
        files = self._files(step, partition, f"{made_from}{tried_with}")
        inputs = inputs_of(step, self.study, self.lake, partition, files)
        digest = digest_of(inputs)
        is_retry = tried_with == digest and not is_of_data(failure)
        if tried_with == digest and not is_retry:
            state = State.FAILED
        elif made_from == digest and tried_with is None:
            state = State.CURRENT
        else:
            state = State.MISSING if footer is None else State.STALE
        is_changed = state is State.STALE and made_from != digest
        changed = changes((footer or {}).get("inputs"), inputs) if is_changed else ()
        took = (footer or {}).get("seconds")
        return _Seen(
            state, footer is not None, is_retry, failure, changed, float(took) if took else None
        )

    def _files(self, step: Step, partition: Partition, made_from: str) -> SeenFiles | None:
        if self._memory is None or not step.sources:
            return None
        return self._memory.look(step, partition, made_from)


def is_of_data(failure: Failure | None) -> bool:
    """Say whether a failure is of the data, which are not tried again until they change.

    A step that stopped for another reason may succeed when it is tried again.
    """
    if failure is None or not failure.failed:
        return False
    return all(problem.reason != STOPPED for problem in failure.problems)


def expected_partitions(
    step: Step, study: Study, subjects: Sequence[str], matching: Partition | None = None
) -> Iterator[Partition]:
    """Go through the partitions that a table should have in a study.

    Parameters
    ----------
    matching : mapping, optional
        Keys that are given.
    """
    given = {key: [value] for key, value in (matching or {}).items()}
    values = {"subject": subjects, "parcellation": sorted(study.parcellations), **given}
    keys = step.table.partitions
    for combination in product(*(values[key] for key in keys)):
        yield dict(zip(keys, combination, strict=True))


def _said(failure: Failure | None) -> str:
    problems = failure.problems if failure is not None and failure.failed else ()
    return " ".join(dict.fromkeys(str(problem) for problem in problems))


def _key(step: Step, partition: Partition) -> Key:
    return step.name, tuple(sorted(partition.items()))
