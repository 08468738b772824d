"""Why a step does not make a partition although it was asked to: what it is made from failed.

Within a run a step follows those before it also where these failed for some partitions. What was
to be made before it, and was not, is read from the run's own records; what failed in earlier runs,
from the lake (`pipeline.blocked`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import dagster as dg

from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.partitions import partition_key
from ect_assets.pipeline.all_steps import step_of, steps_of
from ect_assets.pipeline.blocked import (
    blocked_by,
    failed_of_patient,
    read_of,
    reports_failures,
)
from ect_assets.pipeline.step import Step
from ect_assets.study import Study

PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


class Obstacles:
    """What keeps the partitions of a step from being made, in one run."""

    def __init__(self, step: Step, study: Study, lake: Lake, context: dg.AssetExecutionContext):
        self._step, self._study, self._lake, self._context = step, study, lake, context

    def of(self, partition: Partition) -> list[str]:
        """Name the tables before a partition that failed; nothing where it can be made.

        A step that reports failures is made whatever failed.
        """
        if reports_failures(self._step):
            return []
        found = {*blocked_by(self._step, self._study, self._lake, partition)}
        failed = failed_of_patient(self._step, self._study, self._lake, partition)
        found |= {before.name for before, _ in failed}
        found |= {name for name, key in self._needed(partition) if (name, key) in self._not_made}
        return [one.name for one in steps_of(self._study) if one.name in found]

    def _needed(self, partition: Partition) -> Iterator[tuple[str, str | None]]:
        """Go through what a partition cannot be made without; one patient stops no group."""
        for name in self._step.upstream_of(self._study, partition):
            before = step_of(self._study, name)
            keys = before.table.partitions
            if "subject" in keys and "subject" not in partition:
                continue
            if set(keys) <= set(partition):
                yield name, partition_key(before.table, partition)
            elif "subject" not in keys:
                for one in read_of(before, self._study, partition):
                    yield name, partition_key(before.table, one)

    @cached_property
    def _not_made(self) -> set[tuple[str, str | None]]:
        """Name what this run was to make before this step, and did not."""
        run = self._context.run
        selected = {key.path[-1] for key in run.asset_selection or ()}
        if selected and not selected & set(self._step.upstream):
            return set()
        records = self._context.instance.all_logs(run.run_id, of_type={PLANNED, MADE})
        events = [one.dagster_event for one in records if one.dagster_event is not None]
        of_kind = {
            kind: {
                (one.asset_key.path[-1], one.partition)
                for one in events
                if one.event_type == kind and one.asset_key is not None
            }
            for kind in (PLANNED, MADE)
        }
        return of_kind[PLANNED] - of_kind[MADE]
