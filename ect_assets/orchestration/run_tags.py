"""Tags that say of a run who asked for it and what it makes, to filter the runs in the UI by.

Runs that somebody launches in the UI, or with Dagster's own commands, have none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ect_assets.pipeline.all_steps import STEP_OF, STEPS

BY, WHAT = "ect/by", "ect/what"
COMPLETES = "ect/completes"
"""The backfill whose rest a run makes."""
NOT_RETRIED = {"dagster/max_retries": "0"}
"""By the daemon: what our own process carries out is made again by the next `ect run`."""
LAUNCHED_BY = "user"
"""What the UI shows as who launched a run."""
COMMAND, ARRIVAL, UI = "ect run", "arrival", "UI"
BY_CLOCK = {"nightly_check": "nightly", "weekly_recomputation": "weekly"}
"""Who asks, by the job that a schedule starts."""
_asking = [COMMAND]


@contextmanager
def asked_by(who: str) -> Iterator[None]:
    """Let the runs that this process makes meanwhile say who asked for them."""
    _asking.append(who)
    try:
        yield
    finally:
        _asking.pop()


def tags_of(tables: Sequence[str]) -> dict[str, str]:
    """Return the tags of a run that this process makes.

    Parameters
    ----------
    tables : sequence of str
        What it makes.
    """
    return {
        BY: _asking[-1],
        WHAT: what_of(tables),
        LAUNCHED_BY: _asking[-1],
        **NOT_RETRIED,
    }


def what_of(tables: Sequence[str]) -> str:
    """Name a table, or the asset groups of several; tables of a lab's own are named one by one."""
    if len(tables) == 1:
        return tables[0]
    groups = dict.fromkeys(step.asset_group for step in STEPS if step.name in tables)
    return ", ".join([*groups, *(one for one in tables if one not in STEP_OF)])
