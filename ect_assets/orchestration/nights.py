"""Whether the nightly check was made: an asset with a freshness policy, and what is told if not.

The check itself is in `jobs`, its hour in study.toml. It records at its end that it was made.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from ect_assets.study import Study

NIGHTLY = "nightly_check"
"""The job, and the asset that says when it last came to its end."""
GROUP = "operation"
HOURS = 6
"""A night counts as missed where the check has not come to its end by then."""


def nightly_asset(study: Study) -> dg.AssetSpec:
    """Return the asset that the nightly check records, overdue in the UI after a missed night."""
    policy = None
    if study.schedule.nightly:
        hour, minute = hour_and_minute(study.schedule.nightly_at)
        policy = dg.FreshnessPolicy.cron(
            deadline_cron=f"{minute} {(hour + HOURS) % 24} * * *",
            lower_bound_delta=timedelta(hours=HOURS),
            timezone=study.schedule.time_zone,
        )
    return dg.AssetSpec(
        NIGHTLY,
        group_name=GROUP,
        description=f"When the nightly check last came to its end; {HOURS} hours after its start "
        "the night counts as missed.",
        freshness_policy=policy,
    )


def nightly_record(made: int, failed: int, damaged: int) -> dg.AssetMaterialization:
    """Return the event that says that the nightly check came to its end."""
    counts = {"made": made, "failed": failed, "damaged_files": damaged}
    return dg.AssetMaterialization(NIGHTLY, metadata=counts)


def last_night(study: Study, now: datetime) -> datetime:
    """Return when the last night began by whose end the check was due.

    Parameters
    ----------
    now : datetime
        With a time zone.
    """
    hour, minute = hour_and_minute(study.schedule.nightly_at)
    here = now.astimezone(ZoneInfo(study.schedule.time_zone))
    begin = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    while begin + timedelta(hours=HOURS) > here:
        begin -= timedelta(days=1)
    return begin


def missed_night(study: Study, instance: dg.DagsterInstance, begin: datetime) -> str | None:
    """Say that the check of a night was not made; None where it was, or is not wanted."""
    if not study.schedule.nightly:
        return None
    last = instance.get_latest_materialization_event(dg.AssetKey(NIGHTLY))
    if last is not None and last.timestamp >= begin.timestamp():
        return None
    return (
        f"the nightly check of {begin:%Y-%m-%d} did not come to its end within {HOURS} hours of "
        f"{begin:%H:%M}; see the schedule {NIGHTLY}_schedule in the UI, or launch {NIGHTLY}."
    )


def hour_and_minute(clock: str) -> tuple[int, int]:
    """Read a time of day as study.toml has it, such as ``02:00``."""
    hour, minute = clock.split(":")
    return int(hour), int(minute)
