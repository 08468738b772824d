"""What of a study is up to date, table by table. Nothing is changed by asking."""

from __future__ import annotations

from dataclasses import dataclass, field

from ect_assets.arrival import waiting_for
from ect_assets.freshness import lake_of
from ect_assets.plan import Item, Planner, State
from ect_assets.study import Study
from ect_assets.walk import STEPS


@dataclass
class TableStatus:
    """How many partitions of a table are in which state.

    Attributes
    ----------
    name : str
    fresh, stale, missing, failed : int
    whose : str
        Whose partitions failed.
    unavailable : list of str
        Why the study cannot have some of them.
    """

    name: str
    fresh: int = 0
    stale: int = 0
    missing: int = 0
    failed: int = 0
    whose: str = ""
    unavailable: list[str] = field(default_factory=list)


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
    planner = Planner(study, lake_of(study))
    return [_table_status(step.name, planner.items([step])) for step in STEPS]


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
        unavailable=[one.detail for one in of[State.UNAVAILABLE]],
    )
