"""What `ect plan` shows: each table that is due, why, and about how long it will take.

What is due is decided in `plan`; printing belongs in `terminal`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean

from ect_assets.pipeline.plan import Item, State

MOST_REASONS = 3


@dataclass(frozen=True)
class PlanRow:
    """What is due of one table, for one reason.

    Attributes
    ----------
    table : str
    which : str
        The partitions, or how many there are.
    why : str
    seconds : float or None
        About how long it takes together; None where it was never made.
    """

    table: str
    which: str
    why: str
    seconds: float | None


def plan_rows(items: Sequence[Item], stuck: bool = False) -> list[PlanRow]:
    """Gather what is due, one row for each table and reason.

    Parameters
    ----------
    items : sequence of Item
        A whole plan.
    stuck : bool
        List what has failed and what waits instead of what is due.

    Returns
    -------
    list of PlanRow
        In the order of the plan.
    """
    known = _usual_seconds(items)
    groups: dict[tuple[str, str], list[Item]] = {}
    for one in items:
        if _is_shown(one, stuck):
            groups.setdefault((one.step.name, _reason(one)), []).append(one)
    return [
        PlanRow(table, _which(of), why, _sum(known.get(table), len(of)))
        for (table, why), of in groups.items()
    ]


def by_reason(items: Sequence[Item], stuck: bool = False) -> dict[str, list[str]]:
    """Gather the tables that are due, or that fail and wait, by the reason.

    What only follows from tables that are due stands under one reason.
    """
    found: dict[str, list[str]] = {}
    for one in items:
        if not _is_shown(one, stuck):
            continue
        is_after = not stuck and bool(one.follows) and not one.changes and not one.is_retry
        why = "after tables upstream that are due" if is_after else _reason(one)
        tables = found.setdefault(why, [])
        tables += [one.step.name] * (one.step.name not in tables)
    return found


def start_now(items: Sequence[Item]) -> str:
    """Say what of a plan can be started now, and what comes after it; empty where nothing can."""
    due = [one for one in items if one.is_due]
    if not due:
        return ""
    first = [one for one in due if not one.follows]
    tables = list(dict.fromkeys(one.step.name for one in first))
    rows = plan_rows(items)
    seconds, is_known = total_seconds(rows)
    rest = "" if is_known else ", plus tables that never ran here"
    more = f" and {len(tables) - 3} more tables" if len(tables) > 3 else ""
    return (
        f"`ect run` can start now: {len(first):,} of {len(due):,} partitions "
        f"({', '.join(tables[:3])}{more}); all of it takes about {duration(seconds)}{rest}."
    )


def total_seconds(rows: Iterable[PlanRow]) -> tuple[float, bool]:
    """Add up what is known of the time, and say whether that is all.

    Returns
    -------
    (float, bool)
        Seconds; whether every table was made before, so that its time is known.
    """
    listed = list(rows)
    known = [one.seconds for one in listed if one.seconds is not None]
    return sum(known), len(known) == len(listed)


def duration(seconds: float) -> str:
    """Write a time as people say it: `40 s`, `3 min`, `1 h 20 min`."""
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _is_shown(item: Item, stuck: bool) -> bool:
    """Say whether a partition belongs among what is due, or among what fails and waits."""
    return item.state is State.FAILED or bool(item.waits_for) if stuck else item.is_due


def _usual_seconds(items: Iterable[Item]) -> dict[str, float]:
    """Mean time of one partition of each table, of those whose time is known."""
    times: dict[str, list[float]] = {}
    for one in items:
        if one.seconds is not None:
            times.setdefault(one.step.name, []).append(one.seconds)
    return {table: mean(of) for table, of in times.items()}


def _sum(each: float | None, n: int) -> float | None:
    return None if each is None else each * n


def _reason(item: Item) -> str:
    if len(item.changes) > MOST_REASONS and not item.is_retry:
        shown = "; ".join(str(one) for one in item.changes[:MOST_REASONS])
        return f"{shown}; and {len(item.changes) - MOST_REASONS} more"
    return item.why


def _which(items: Sequence[Item]) -> str:
    if len(items) == 1 or len(items[0].partition) == 0:
        return ", ".join(items[0].partition.values())
    names = [" ".join(one.partition.values()) for one in items]
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} more"
