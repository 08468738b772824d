"""The tables that a step reads for one of its partitions, as frames.

Whether they are there, and current, is in `plan`; which rows of them count, is up to the step.
"""

from __future__ import annotations

import pandas as pd

from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.all_steps import GATHERINGS, step_of
from ect_assets.pipeline.staleness import upstream_partitions
from ect_assets.pipeline.step import Step
from ect_assets.study import Study


class Inputs:
    """Reads what a step needs for its partitions, one after the other.

    What several partitions in a row read alike (the parcels of a parcellation, for all patients)
    is read once.
    """

    def __init__(self, step: Step, study: Study, lake: Lake):
        self._step, self._study, self._lake = step, study, lake
        self._last: dict[str, tuple[Partition, pd.DataFrame]] = {}

    def of(self, partition: Partition) -> dict[str, pd.DataFrame]:
        """Return each table that one partition reads.

        Raises
        ------
        LakeError
            When a table has no rows for it.
        """
        return {name: self._read(name, partition) for name in self._step.inputs}

    def _read(self, name: str, partition: Partition) -> pd.DataFrame:
        table = table_named(self._lake.folder, name)
        shared = {key: partition[key] for key in table.partitions if key in partition}
        before, frame = self._last.pop(name, (None, None))
        if frame is None or before != shared:
            del frame
            frame = self._frame(name, shared)
        self._last[name] = shared, frame
        # What a step changes in its copy stays there.
        return frame.copy(deep=False)

    def _frame(self, name: str, shared: Partition) -> pd.DataFrame:
        table = table_named(self._lake.folder, name)
        which = " ".join(f"{key}={value}" for key, value in shared.items())
        there = [
            one for one in upstream_partitions(name, self._lake, shared) if self._counts(name, one)
        ]
        # A lab's own asset takes the rows as they are.
        gathering = None if self._step.module else GATHERINGS.get(name)
        if gathering is None or "subject" in shared or not there:
            return self._lake.read_partitions(table, there, which)
        return gathering.arrange(self._lake.parts(table, there, gathering.columns))

    def _counts(self, name: str, partition: Partition) -> bool:
        """Say whether a partition is of a parcellation that the study has, and can have it of."""
        parcellation = partition.get("parcellation")
        if parcellation is None:
            return True
        is_there = parcellation in self._study.parcellations
        return (
            is_there and step_of(self._study, name).why_unavailable(self._study, partition) is None
        )
