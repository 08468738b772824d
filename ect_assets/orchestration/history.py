"""What Dagster remembers of a study's patients: taking one out, and telling it what the lake has.

For withdrawal of consent. The lake itself is not touched here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.dagster_internals import latest_versions, materialization
from ect_assets.orchestration.dagster_records import (
    clear_runless,
    delete_rows,
    remove_shards,
    vacuum,
)
from ect_assets.orchestration.instance import UNFINISHED
from ect_assets.orchestration.partitions import SUBJECT, partition_key
from ect_assets.orchestration.sources import Sources
from ect_assets.pipeline.all_steps import STEPS, steps_of
from ect_assets.pipeline.sources import program_version
from ect_assets.pipeline.staleness import is_fresh
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import Study

WITHDRAWAL = "withdraw_patient"
OUT_OF_DATE = "out of date"
"""Stands for the version of the program, so that Dagster takes a table for unsynced."""
OF_GROUP = tuple(step for step in STEPS if "subject" not in step.table.partitions)


def refuse_while_at_work(instance: dg.DagsterInstance, but: str | None = None) -> None:
    """Raise where a run is queued or at work: it could bring back what is being removed.

    Parameters
    ----------
    but : str, optional
        A run that may be: the one that asks.

    Raises
    ------
    StudyError
    """
    runs = instance.get_runs(
        filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED, *UNFINISHED])
    )
    others = [run.run_id for run in runs if run.run_id != but]
    if others:
        raise StudyError(
            f"{len(others)} run(s) are queued or in progress. Wait until they end, or cancel "
            "them in the UI, then withdraw."
        )


def forget_subject(
    instance: dg.DagsterInstance, home: Path, subject: str, but: str | None = None
) -> int:
    """Delete a patient's partition, every run that mentions the patient, and all other rows.

    Parameters
    ----------
    home : Path
        The study's Dagster folder, whose SQLite files are written again without the deleted rows.
    but : str, optional
        A run that stays: the one that is at work.

    Returns
    -------
    int
        How many runs were deleted. A run of many patients goes as a whole; `report_lake` tells
        Dagster again of the tables that are there.
    """
    mentions = _mentions(subject)
    runs = [
        run.run_id
        for run in instance.get_runs()
        if run.run_id != but and _is_about(instance, run, mentions)
    ]
    for run_id in runs:
        instance.delete_run(run_id)
    if subject in instance.get_dynamic_partitions(SUBJECT):
        instance.delete_dynamic_partition(SUBJECT, subject)
    storage = instance.schedule_storage
    if storage is not None:
        # Evaluations list the partitions that they were about.
        storage.purge_asset_evaluations(before=time.time())
    for key in instance.all_asset_keys():
        # What was made last is kept a second time, beside the runs.
        if mentions.search(str(instance.get_latest_materialization_event(key))):
            instance.wipe_assets([key])
        instance.wipe_asset_cached_status([key])
    delete_rows(instance, mentions, but)
    remove_shards(home, runs)
    clear_runless(home)
    vacuum(home)
    return len(runs)


def _mentions(subject: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z]){re.escape(subject)}(?![0-9A-Za-z])")


def _is_about(instance: dg.DagsterInstance, run: dg.DagsterRun, mentions: re.Pattern) -> bool:
    """Say whether anything of a run names a patient; rather once too often than once too little."""
    if mentions.search(" ".join(run.tags.values())) or mentions.search(str(run.run_config)):
        return True
    return any(mentions.search(str(event)) for event in instance.all_logs(run.run_id))


def delete_finished_withdrawals(instance: dg.DagsterInstance) -> int:
    """Delete the runs of past withdrawals, whose settings name the patient; the audit log stays."""
    runs = instance.get_runs(
        filters=dg.RunsFilter(job_name=WITHDRAWAL, statuses=[dg.DagsterRunStatus.SUCCESS])
    )
    home = Path(instance.root_directory)
    for run in runs:
        instance.delete_run(run.run_id)
    if runs:
        remove_shards(home, [run.run_id for run in runs])
        vacuum(home)
    return len(runs)


def report_lake(
    instance: dg.DagsterInstance,
    study: Study,
    lake: Lake,
    steps: Sequence[Step] | None = None,
) -> int:
    """Tell Dagster of the tables that are in the lake and of which it knows nothing.

    Of tables of the group also where it knows them with other rows: an earlier release recorded no
    digest of the rows. What is up to date is recorded as made from what there is now.

    Returns
    -------
    int
        How many partitions were told of.
    """
    told = 0
    sources = Sources(study, lake)
    for step in steps_of(study) if steps is None else steps:
        for partition in _untold(instance, lake, step):
            made = _as_made(instance, study, lake, step, partition, sources)
            instance.report_runless_asset_event(made)
            told += 1
    return told


def _untold(instance: dg.DagsterInstance, lake: Lake, step: Step) -> list[Partition]:
    """List the partitions of a table that are not, or not as they are, in Dagster's records."""
    key, there = dg.AssetKey(step.name), lake.partitions(step.table)
    if "subject" in step.table.partitions:
        known = instance.get_materialized_partitions(key)
        return [one for one in there if partition_key(step.table, one) not in known]
    names = (
        [str(partition_key(step.table, one)) for one in there] if step.table.partitions else None
    )
    versions = latest_versions(instance, step.name, False, names)
    return [
        one
        for one in there
        if versions.get(partition_key(step.table, one)) != _rows(lake, step, one)
    ]


def _rows(lake: Lake, step: Step, partition: Partition) -> str | None:
    return (lake.footer(step.table, partition) or {}).get("content_sha256")


def _as_made(
    instance: dg.DagsterInstance,
    study: Study,
    lake: Lake,
    step: Step,
    partition: Partition,
    sources: Sources,
) -> dg.AssetMaterialization:
    """Return the event of a partition; one that is out of date was made by no program of now."""
    name, version = partition_key(step.table, partition), _rows(lake, step, partition)
    if version is None:
        return dg.AssetMaterialization(dg.AssetKey(step.name), partition=name)
    if not is_fresh(step, study, lake, partition):
        return materialization(instance, step.name, name, version, OUT_OF_DATE, ())
    sources.report_read(step, [partition], instance)
    upstream = [*step.upstream, *sources.of_step(step)]
    program = program_version(step, study)
    return materialization(instance, step.name, name, version, program, upstream)
