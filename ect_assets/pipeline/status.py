"""What of a study is up to date, table by table. Nothing is changed by asking."""

from __future__ import annotations

from dataclasses import dataclass, field

from ect_assets.intake.bids import subject_labels
from ect_assets.intake.session_order import contradictions
from ect_assets.pipeline.all_steps import STEPS, steps_of
from ect_assets.pipeline.arrival import waiting_for
from ect_assets.pipeline.plan import Item, Planner, State
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import Problem, StudyError
from ect_assets.study import Study
from ect_assets.tables import Participants

CELLS = {"value_not_a_number", "value_out_of_range", "value_contradictory", "column_unusable"}
"""Reasons of what is wrong with a cell or column alone: a value is missing, nobody is left out."""


@dataclass
class TableStatus:
    """How many partitions of a table are in which state.

    Attributes
    ----------
    whose : str
        Whose partitions failed.
    why : str
        Why a table of the group could not be made, where it could not.
    has_old_rows : bool
        Whether it has rows from before it could not be made.
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
    has_old_rows: bool = False
    unavailable: list[str] = field(default_factory=list)

    @property
    def is_out_of_date(self) -> bool:
        """Whether rows that are there may not be what the data as they are now would give."""
        return bool(self.stale or self.has_old_rows)


def study_status(study: Study, items: list[Item] | None = None) -> list[TableStatus]:
    """Count, for each table, what is up to date, out of date, missing and failed.

    Parameters
    ----------
    items : list of Item, optional
        The whole plan, where it was made already.

    Returns
    -------
    list of TableStatus
        In pipeline order.
    """
    planned = whole_plan(study) if items is None else items
    of: dict[str, list[Item]] = {step.name: [] for step in steps_of(study)}
    for one in planned:
        of[one.step.name].append(one)
    return [_table_status(name, own) for name, own in of.items()]


def whole_plan(study: Study) -> list[Item]:
    """Look at every partition of every table."""
    return Planner(study, lake_of(study)).items(steps_of(study))


def out_of_date_tables(study: Study) -> list[str]:
    """Name the tables with rows that were made from other inputs or settings than there are now.

    Returns
    -------
    list of str
        In pipeline order.
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


def _table_status(name: str, items: list[Item]) -> TableStatus:
    """Count the partitions of a table by their state."""
    of = {state: [one for one in items if one.state is state] for state in State}
    failed = of[State.FAILED]
    return TableStatus(
        name,
        fresh=len(of[State.CURRENT]),
        stale=len(of[State.STALE]),
        missing=len(of[State.MISSING]) + len(of[State.WAITING]),
        failed=len(failed),
        whose=", ".join(" ".join(one.partition.values()) for one in failed),
        has_old_rows=any(_says_why(one) and one.is_made for one in items),
        why=next((one.detail for one in items if _says_why(one)), ""),
        unavailable=[one.detail for one in of[State.UNAVAILABLE]],
    )


def _says_why(item: Item) -> bool:
    """Say whether a table of the group could not be made; of patients there are many."""
    is_group = "subject" not in item.partition
    return is_group and item.has_failed
