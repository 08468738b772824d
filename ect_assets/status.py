"""What of a study is up to date, table by table. Nothing is changed by asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ect_assets.arrival import waiting_for
from ect_assets.freshness import has_failed_before, is_fresh, lake_of
from ect_assets.intake.bids import subject_labels
from ect_assets.intake.session_order import contradictions
from ect_assets.lake.store import Lake, Partition
from ect_assets.problems import Problem, StudyError
from ect_assets.standing import blocked_by
from ect_assets.state import expected_partitions
from ect_assets.step import Step
from ect_assets.study import Study
from ect_assets.tables import TABLES, Participants
from ect_assets.walk import STEPS

CELLS = {"value_not_a_number", "value_out_of_range", "value_contradictory", "column_unusable"}
"""Reasons of what is wrong with a cell or column alone: a value is missing, nobody is left out."""


@dataclass
class TableStatus:
    """How many partitions of a table are in which state.

    Attributes
    ----------
    name : str
    fresh, stale, missing, failed : int
    whose : str
        Whose partitions failed.
    why : str
        Why a table of the group could not be made, where it could not.
    unavailable : list of str
        Why the study cannot have some of them.
    """

    name: str
    fresh: int = 0
    stale: int = 0
    missing: int = 0
    failed: int = 0
    whose: str = ""
    why: str = ""
    unavailable: list[str] = field(default_factory=list)

    @property
    def is_out_of_date(self) -> bool:
        """Whether rows that are there may not be what the data as they are now would give."""
        return bool(self.stale or self.why)


def study_status(study: Study) -> list[TableStatus]:
    """Count, for each table, what is up to date, out of date, missing and failed.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of TableStatus
        In the order of the walk.
    """
    lake = lake_of(study).snapshot()
    to_make: dict[str, list[Partition]] = {}
    return [_table_status(step, study, lake, to_make) for step in STEPS]


def out_of_date_tables(study: Study) -> list[str]:
    """Name the tables with rows that were made from other inputs or settings than there are now.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of str
        In the order of the walk.
    """
    return [one.name for one in study_status(study) if one.is_out_of_date]


def waiting_patients(study: Study) -> dict[str, tuple[str, ...]]:
    """Say for whom the daemon waits, and for what; nobody whom it has taken up."""
    lake = lake_of(study).snapshot()
    taken_up = {
        partition["subject"]
        for step in STEPS
        if step.table.partitions == ("subject",)
        for partition in lake.partitions(step.table)
    }
    awaited = waiting_for(study).items()
    return {one: what for one, what in awaited if what and one not in taken_up}


def to_be_fixed(study: Study) -> list[Problem]:
    """List what was found in participants.tsv that leaves nobody out, and dates against the order.

    Parameters
    ----------
    study : Study

    Returns
    -------
    list of Problem
        Cells and columns as the table `participants` was last made; dates as they are now.
    """
    failure = lake_of(study).failure(Participants, {})
    recorded = () if failure is None else failure.problems
    cells = [one for one in recorded if one.reason in CELLS]
    try:
        subjects = subject_labels(study.bids_folder)
    except StudyError:
        return cells
    return [*cells, *contradictions(study.bids_folder, subjects, study.sessions.both)]


def _table_status(
    step: Step, study: Study, lake: Lake, to_make: dict[str, list[Partition]]
) -> TableStatus:
    """Look at a table's partitions; note in ``to_make`` what `ect run` would make of it."""
    status = TableStatus(step.name)
    mine = to_make[step.name] = []
    before = {name: _seen_from(step, name, to_make[name]) for name in step.upstream}
    failed = []
    for partition in expected_partitions(step, study, sorted(lake.subjects or ())):
        why = step.why_unavailable(study, partition)
        if why is not None:
            status.unavailable.append(why)
            continue
        status.why = status.why or _why_failed(step, lake, partition)
        follows = any(before[name](partition) for name in step.upstream_of(study, partition))
        follows = follows or bool(blocked_by(step, study, lake, partition))
        if not follows and has_failed_before(step, study, lake, partition):
            failed.append(" ".join(partition.values()))
        elif not follows and is_fresh(step, study, lake, partition):
            status.fresh += 1
        else:
            mine.append(partition)
            is_there = lake.footer(step.table, partition) is not None
            status.stale += is_there
            status.missing += not is_there
    status.failed, status.whose = len(failed), ", ".join(failed)
    return status


def _why_failed(step: Step, lake: Lake, partition: Partition) -> str:
    """Say why a partition of a table of the group could not be made; a patient's are many."""
    failure = None if "subject" in partition else lake.failure(step.table, partition)
    if failure is None or not failure.failed:
        return ""
    return " ".join(dict.fromkeys(str(one) for one in failure.problems))


def _seen_from(step: Step, name: str, to_make: list[Partition]) -> Callable[[Partition], bool]:
    """Tell of a partition whether it reads any of these partitions of the table of this name."""
    shared = [key for key in step.table.partitions if key in TABLES[name].partitions]
    concerned = {tuple(one[key] for key in shared) for one in to_make}
    return lambda partition: tuple(partition[key] for key in shared) in concerned
