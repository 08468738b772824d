"""What a backfill left because a patient failed: the group is made from the others all the same.

Dagster takes everything downstream of a failed partition for failed, the tables of the group
included. What of it is due is decided in `plan` and made by the job `whole_study`, as `ect run`
does. Where the conditions of `automation` are asked, they do the same, and nothing is done here.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import dagster as dg

from ect_assets.orchestration.automation import CONDITIONS
from ect_assets.orchestration.dagster_internals import left_by_backfills
from ect_assets.orchestration.jobs import make_everything, whole_study
from ect_assets.orchestration.partitions import SUBJECT, partition_of
from ect_assets.orchestration.run_tags import BY, COMPLETES, UI, WHAT, what_of
from ect_assets.pipeline.all_steps import steps_of
from ect_assets.pipeline.plan import Item, Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import Study

SECONDS_BETWEEN_LOOKS = 5


class LeftByBackfill(NamedTuple):
    """What a backfill that ended did not try, since something upstream had failed.

    Attributes
    ----------
    ended : float
        Seconds since the epoch.
    partitions : list of (str, str or None)
        Tables, with Dagster's names of their partitions.
    """

    backfill: str
    ended: float
    partitions: list[tuple[str, str | None]]


def completing_sensor(study: Study) -> dg.SensorDefinition:
    """Return the sensor that launches what backfills left and can be made."""

    @dg.sensor(
        name="complete_backfills",
        job=whole_study,
        description="Where a partition of a backfill failed, makes what Dagster left out with it "
        "and can be made: the group from the other patients, as `ect run` does.",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def complete_backfills(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        since = float(context.cursor) if context.cursor else time.time()
        assert context.repository_def is not None
        found = left_since(since, context.instance, context.repository_def)
        cursor = str(max([since, *(one.ended for one in found)]))
        if found and conditions_are_asked(study, context.instance):
            why = dg.SkipReason(f"The sensor {CONDITIONS} makes what was left.")
            return dg.SensorResult(skip_reason=why, cursor=cursor)
        requests = [one for left in found if (one := completion(study, context.instance, left))]
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        why = dg.SkipReason("No backfill left anything that can be made.")
        return dg.SensorResult(skip_reason=why, cursor=cursor)

    return complete_backfills


def left_since(
    since: float, instance: dg.DagsterInstance, definitions: dg.RepositoryDefinition
) -> list[LeftByBackfill]:
    """List what was left by the backfills that have ended since a time."""
    found = [LeftByBackfill(*one) for one in left_by_backfills(instance, definitions)]
    return sorted((one for one in found if one.ended > since), key=lambda one: one.ended)


def conditions_are_asked(study: Study, instance: dg.DagsterInstance) -> bool:
    """Say whether the daemon makes by itself what is due."""
    states = {
        one.status.value
        for one in instance.all_instigator_state()
        if one.instigator_name == CONDITIONS
    }
    return "RUNNING" in states or ("STOPPED" not in states and study.schedule.arrivals)


def completion(
    study: Study, instance: dg.DagsterInstance, left: LeftByBackfill
) -> dg.RunRequest | None:
    """Return the run that makes what a backfill left; None where nothing of it can be made."""
    due = _due(study, instance, left)
    if not due:
        return None
    tables = list(dict.fromkeys(item.step.name for item in due))
    atlases = {item.partition.get("parcellation") for item in due}
    only: dict[str, Any] = {"tables": tables}
    if None not in atlases:
        only["parcellations"] = sorted(atlases)  # type: ignore[type-var]
    return dg.RunRequest(
        run_key=left.backfill,
        job_name=whole_study.name,
        run_config={"ops": {make_everything.name: {"config": only}}},
        tags={BY: UI, COMPLETES: left.backfill, WHAT: what_of(tables)},
    )


def _due(study: Study, instance: dg.DagsterInstance, left: LeftByBackfill) -> list[Item]:
    planner = Planner(study, lake_of(study), instance.get_dynamic_partitions(SUBJECT))
    wanted: dict[str, list[str | None]] = {}
    for table, key in left.partitions:
        wanted.setdefault(table, []).append(key)
    items = (
        planner.item(step, partition_of(step.table, key))
        for step in steps_of(study)
        for key in wanted.get(step.name, ())
    )
    return [item for item in items if item.is_due]
