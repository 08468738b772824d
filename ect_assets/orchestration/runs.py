"""One run of some tables, of some partitions: as Dagster records it, and how it went.

Started by `ect run`, the UI or the daemon, it is a run of the job of all assets with the
same tags. What has to be run is decided in `runner` and `automation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg

from ect_assets.orchestration.dagster_internals import (
    SerializableErrorInfo,
    execute,
    job_origin,
    origin_in_ui,
)
from ect_assets.orchestration.run_tags import tags_of

DEFINITIONS = ("ect_assets.orchestration.definitions", "defs")
"""What a worker and a node load; the study is the one that ECT_STUDY names there."""
LOCATION = "ect_assets.definitions"
"""The code location of `ect ui`, as its workspace.yaml names it."""
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
GONE = "The process that monitored this run has died."
Made = tuple[str, str | None]
"""A table, and Dagster's name of the partition."""
KINDS = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ENGINE_EVENT,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes
    ----------
    made : set of (str, str or None)
        Tables, with Dagster's names of their partitions.
    said : dict of str to SerializableErrorInfo
        By the step that failed, for some of its partitions or for all.
    broke_off : str
        Why its steps say nothing: it could not begin, or who followed it is gone; else empty.
    """

    made: set[Made] = field(default_factory=set)
    said: dict[str, SerializableErrorInfo | None] = field(default_factory=dict)
    broke_off: str = ""


def new_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    tables: Sequence[str],
    first: str | None,
    last: str | None,
    run_config: Mapping[str, object],
) -> dg.DagsterRun:
    """Record a run that is to be carried out.

    Parameters
    ----------
    first, last : str or None
        Partitions, as Dagster names them; the same where there is one, None where there is none.
    """
    return instance.create_run_for_job(
        job,
        run_config=run_config,
        tags=partition_tags(first, last) | tags_of(tables),
        asset_selection={dg.AssetKey(name) for name in tables},
        job_code_origin=job_origin(*DEFINITIONS, job.name),
        remote_job_origin=origin_in_ui(LOCATION, job.name),
    )


def carry_out(instance: dg.DagsterInstance, job: dg.JobDefinition, run: dg.DagsterRun) -> Ran:
    """Carry out a run in this process."""
    execute(job, run, instance)
    return how_it_went(instance, run)


def how_it_went(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Ran:
    """Read from the records how a run went; one whose process is gone is marked as failed."""
    ended = instance.get_run_by_id(run.run_id)
    if ended is None or not ended.is_finished:
        instance.report_run_failed(run, GONE)
        return Ran(broke_off=GONE)
    records = instance.all_logs(run.run_id, of_type=KINDS)
    events = [one.dagster_event for one in records if one.dagster_event is not None]
    made = {
        (one.asset_key.path[-1], one.partition)
        for one in events
        if one.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and one.asset_key is not None
    }
    said = {
        one.step_key: one.step_failure_data.error
        for one in events
        if one.is_step_failure and one.step_key is not None
    }
    has_begun = ended.is_success or any(one.step_key is not None for one in events)
    return Ran(made, said, "" if has_begun else why_not_begun(events))


def why_not_begun(events: Sequence[dg.DagsterEvent]) -> str:
    """Say what stopped a run before its first step, as far as its records tell."""
    errors = [
        f"{event.message} {event.engine_event_data.error.message.strip()}"
        for event in events
        if event.is_engine_event and event.engine_event_data.error is not None
    ]
    ends = [
        event.message
        for event in events
        if event.event_type in (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED)
        and event.message
    ]
    return (errors or ends or [GONE])[-1]


def partition_tags(first: str | None, last: str | None) -> dict[str, str]:
    """Return the tags by which Dagster knows the partitions of a run."""
    if first is None or last is None:
        return {}
    if first != last:
        return dict(zip(RANGE_TAGS, (first, last), strict=True))
    if isinstance(first, dg.MultiPartitionKey):
        several = {
            f"dagster/partition/{name}": value for name, value in first.keys_by_dimension.items()
        }
        return {"dagster/partition": str(first), **several}
    return {"dagster/partition": first}
