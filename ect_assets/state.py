"""What state each partition of each table is in, seen in one look at the lake and the files.

For the daemon, which has to know at once what is out of date, what is still to be made before
something else, and what has been tried and cannot be made. The digests that tell are those of
`freshness`, so that the daemon and `ect run` agree. Dagster is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from ect_assets.file_memory import FileMemory
from ect_assets.freshness import SeenFiles, inputs_digest, newest_change
from ect_assets.lake.store import Lake, Partition
from ect_assets.standing import blocked_by
from ect_assets.step import Step
from ect_assets.study import Study
from ect_assets.walk import STEP_OF

Key = tuple[str, tuple[tuple[str, str], ...]]
GivenUp = Callable[[Step, Partition], bool]


@dataclass(frozen=True)
class Condition:
    """What one partition is like.

    Attributes
    ----------
    is_made : bool
        There is a sound file.
    is_current : bool
        It is made from what its inputs are now.
    was_tried : bool
        These very inputs were tried and could not be used.
    """

    is_made: bool
    is_current: bool
    was_tried: bool


class StudyState:
    """One look at a study; each partition is looked at once.

    Parameters
    ----------
    study : Study
    lake : Lake
    registered : sequence of str, optional
        Patients who have been taken up; all those of the lake without it.
    has_given_up : callable, optional
        ``has_given_up(step, partition)``: whether making it was broken off for good, for a reason
        that the lake does not know (a process that was killed).
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
        has_given_up: GivenUp | None = None,
        now: float | None = None,
        memory: FileMemory | None = None,
    ):
        self.study, self.lake = study, lake.snapshot()
        self._memory = memory
        known = sorted(lake.subjects or ())
        self.subjects = [one for one in known if registered is None or one in registered]
        self._has_given_up = has_given_up or (lambda step, partition: False)
        self._now = time.time() if now is None else now
        self._conditions: dict[Key, Condition] = {}
        self._pending: dict[Key, bool] = {}

    def partitions(self, step: Step, matching: Partition | None = None) -> Iterator[Partition]:
        """Go through the partitions that the study can have of a table, some keys given."""
        for partition in expected_partitions(step, self.study, self.subjects, matching):
            if step.why_unavailable(self.study, partition) is None:
                yield partition

    def is_out_of_date(self, step: Step, partition: Partition) -> bool:
        """Say whether a partition is to be made: missing or outdated, and worth a try.

        What is recomputed once a week counts only while it is missing.
        """
        if self._is_departed(partition) or step.why_unavailable(self.study, partition) is not None:
            return False
        found = self._condition(step, partition)
        if found.is_current or found.was_tried or (step.is_weekly and found.is_made):
            return False
        return not self._has_given_up(step, partition)

    def is_settled(self, step: Step, partition: Partition) -> bool:
        """Say whether the files of a partition have stayed as they are for long enough."""
        # Not part of the condition: of the hundreds that are current nobody asks.
        if step.files is None:
            return True
        settle = self.study.arrival.settle_minutes * 60
        return self._now - newest_change(step.files(self.study, partition)) >= settle

    def is_made(self, step: Step, partition: Partition) -> bool:
        """Say whether a partition is there, current or not."""
        return self._condition(step, partition).is_made

    def is_pending(self, step: Step, partition: Partition) -> bool:
        """Say whether a partition, or anything that it is made from, is still to be made."""
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

    def upstream(self, step: Step, partition: Partition) -> Iterator[tuple[Step, Partition]]:
        """Go through the partitions that one partition is made from."""
        for name in step.upstream_of(self.study, partition):
            for one in self._read_from(name, partition):
                yield STEP_OF[name], one

    def _read_from(self, name: str, partition: Partition) -> Iterator[Partition]:
        before = STEP_OF[name]
        shared = {key: partition[key] for key in before.table.partitions if key in partition}
        return self.partitions(before, shared)

    def lacks(self, step: Step, partition: Partition) -> list[str]:
        """Name the tables that a partition reads and of which there is nothing at all."""
        return [
            name
            for name in step.inputs
            if not any(self.is_made(STEP_OF[name], one) for one in self._read_from(name, partition))
        ]

    def is_blocked(self, step: Step, partition: Partition) -> bool:
        """Say whether a table of the group that a partition is made from has failed."""
        return bool(blocked_by(step, self.study, self.lake, partition))

    def _is_departed(self, partition: Partition) -> bool:
        return "subject" in partition and partition["subject"] not in self.subjects

    def _condition(self, step: Step, partition: Partition) -> Condition:
        key = _key(step, partition)
        if key not in self._conditions:
            self._conditions[key] = self._look(step, partition)
        return self._conditions[key]

    def _look(self, step: Step, partition: Partition) -> Condition:
        footer = self.lake.footer(step.table, partition)
        failure = self.lake.failure(step.table, partition)
        digest = None
        if footer is not None or failure is not None:
            tried = failure.inputs_sha256 if failure is not None else ""
            seen = self._seen(step, partition, (footer or {}).get("inputs_sha256", "") + tried)
            digest = inputs_digest(step, self.study, self.lake, partition, seen)
        was_tried = failure is not None and failure.failed and failure.inputs_sha256 == digest
        has_failed_since = failure is not None and failure.failed
        is_current = (
            footer is not None and footer["inputs_sha256"] == digest and not has_failed_since
        )
        return Condition(footer is not None, is_current, was_tried)

    def _seen(self, step: Step, partition: Partition, made_from: str) -> SeenFiles | None:
        if self._memory is None or step.files is None:
            return None
        return self._memory.look(step, partition, made_from)


def expected_partitions(
    step: Step, study: Study, subjects: Sequence[str], matching: Partition | None = None
) -> Iterator[Partition]:
    """Go through the partitions that a table should have in a study.

    Parameters
    ----------
    step : Step
    study : Study
    subjects : sequence of str
    matching : mapping, optional
        Keys that are given.
    """
    given = {key: [value] for key, value in (matching or {}).items()}
    values = {"subject": subjects, "parcellation": sorted(study.parcellations), **given}
    keys = step.table.partitions
    for combination in product(*(values[key] for key in keys)):
        yield dict(zip(keys, combination, strict=True))


def _key(step: Step, partition: Partition) -> Key:
    return step.name, tuple(sorted(partition.items()))
