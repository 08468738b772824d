"""Jobs beside the steps: whole study, what failed, nightly check, weekly recomputation, withdrawal.

Each is started by the clock or from the UI; `ect run` and `ect withdraw` do the same by hand. What
is due at once is in `automation`.
"""

# Dagster reads the annotations of ops as they run: no `from __future__ import annotations` here.

import dagster as dg
from pydantic import Field

from ect_assets.lake.documents import has_all_documents
from ect_assets.lake.location import remove
from ect_assets.lake.registered import known_tables, table_named
from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.nights import hour_and_minute, nightly_record
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.orchestration.run_retention import delete_old_runs
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.shown_metadata import SEE_EXCLUSIONS
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.arrival import complete_patients
from ect_assets.pipeline.plan import Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import Study
from ect_assets.tables.schema import Table

HEAVY = ("null_maps", "null_distributions")
"""Recomputed weekly beside the calibrations, to see that the same inputs give the same tables."""


def damaged_files(lake: Lake) -> list[str]:
    """Read every file of the lake, and name those whose rows are not those that were written.

    Returns
    -------
    list of str
        Paths relative to the lake.
    """
    return [
        lake.file(table, partition).relative_to(lake.folder).as_posix()
        for table in known_tables(lake.folder).values()
        for partition in lake.partitions(table)
        if not _is_whole(lake, table, partition)
    ]


def _is_whole(lake: Lake, table: type[Table], partition: Partition) -> bool:
    if not lake.is_whole(table, partition):
        return False
    return not table.has_documents or has_all_documents(lake, table, partition)


class WhatToMake(dg.Config):
    """What to make; all that is missing or out of date without it."""

    patients: list[str] = Field(
        default=[], description="Labels, with or without sub-; all patients without it"
    )
    tables: list[str] = Field(
        default=[], description="Tables to make, and what they are made from; all without it"
    )
    parcellations: list[str] = Field(
        default=[], description="Parcellations; all without it. Patients' and group's tables alike"
    )
    again: bool = Field(default=False, description="Also what is up to date")


@dg.op(required_resource_keys={"study"})
def make_everything(context: dg.OpExecutionContext, config: WhatToMake) -> None:
    """Materialize what is missing or out of date, in runs of their own, as `ect run` does.

    A patient who fails stops nobody else. Settings of the science are in study.toml, not here.
    """
    patients = [one.removeprefix("sub-") for one in config.patients]
    outcome = Runner(context.resources.study).run(
        patients or None,
        config.parcellations or None,
        again=config.again,
        tables=config.tables or None,
    )
    _report(context, outcome)


@dg.op(required_resource_keys={"study"})
def check_everything(context: dg.OpExecutionContext) -> None:
    """Verify every file of the lake, then materialize what is missing, corrupt or out of date.

    Run records past their retention time are deleted.
    """
    study: Study = context.resources.study
    deleted = delete_old_runs(study, context.instance)
    if deleted:
        context.log.info(f"{deleted} runs older than {study.storage.keep_runs_days} days deleted.")
    lake = lake_of(study)
    damaged = damaged_files(lake)
    lake.clear_damaged_compaction()
    for name in damaged:
        context.log.warning(f"{name} is corrupt; it will be recomputed.")
        remove(lake.folder / name)
    registered = set(context.instance.get_dynamic_partitions(SUBJECT))
    outcome = Runner(study).run(arrived=sorted(registered.union(complete_patients(study))))
    context.log_event(nightly_record(len(outcome.made), len(outcome.failed), len(damaged)))
    _report(context, outcome, len(damaged))


@dg.op(required_resource_keys={"study"})
def recompute_heavy(context: dg.OpExecutionContext) -> None:
    """Recompute the calibrations and the null models, whether or not anything changed."""
    names = [step.name for step in STEPS if step.is_weekly or step.name in HEAVY]
    _report(context, Runner(context.resources.study).recompute(names))


@dg.op(required_resource_keys={"study"})
def make_failed(context: dg.OpExecutionContext) -> None:
    """Materialize again what failed, and nothing else, also where its inputs are as they were.

    What follows from it is due then: the daemon makes it, or the job `whole_study`.
    """
    study: Study = context.resources.study
    outcome = Outcome()
    for step, partitions in failed_partitions(study).items():
        made = Runner(study).recompute(
            [step],
            sorted({one["subject"] for one in partitions if "subject" in one}),
            sorted({one["parcellation"] for one in partitions if "parcellation" in one}),
        )
        outcome.made += made.made
        outcome.failed |= made.failed
        outcome.group_failed |= made.group_failed
    _report(context, outcome)


def failed_partitions(study: Study) -> dict[str, list[Partition]]:
    """List what was tried since it was last made, and failed, by table in pipeline order."""
    failed: dict[str, list[Partition]] = {}
    for item in Planner(study, lake_of(study)).items():
        if item.has_failed:
            failed.setdefault(item.step.name, []).append(item.partition)
    return failed


def _report(context: dg.OpExecutionContext, outcome: Outcome, damaged: int = 0) -> None:
    """Say what was done, and fail the run where a table of the group could not be made."""
    study: Study = context.resources.study
    for name, why in outcome.failed.items():
        # What is wrong with a patient is not for Dagster's records.
        table = table_named(study.lake_folder, name.split(" ")[0])
        is_kept = not table.is_about_patients()
        context.log.error(f"{name}: {why}" if is_kept else f"{name} failed. {SEE_EXCLUSIONS}")
    context.add_output_metadata(
        {"made": len(outcome.made), "failed": len(outcome.failed), "damaged_files": damaged}
    )
    if outcome.group_failed:
        raise dg.Failure("A table of the group could not be computed; see the log.")


class WithdrawalConfig(dg.Config):
    """The patient to remove, entered twice: it cannot be undone."""

    subject: str = Field(description="The patient's label, with or without sub-")
    confirm_label: str = Field(
        description="The same label again, typed and not copied: nothing is removed if the "
        "two differ in any character"
    )
    delete_source: bool = Field(
        default=False, description="Also delete the images, volumes and ratings themselves"
    )


@dg.op(required_resource_keys={"study"})
def remove_patient(context: dg.OpExecutionContext, config: WithdrawalConfig) -> None:
    """Remove all data of a patient who withdrew consent, and recompute the group."""
    if config.confirm_label != config.subject:
        # Neither is quoted: one of them may be another patient's.
        raise dg.Failure(
            "Nothing was removed: confirm_label differs from subject. Launch the job again "
            "with the patient's label in both.",
            allow_retries=False,
        )
    study: Study = context.resources.study
    removed = withdraw(
        study, config.subject, config.delete_source, context.instance, context.run_id
    )
    context.log.info(removed.says)
    _report(context, Runner(study).run(arrived=()))


@dg.job(executor_def=dg.in_process_executor, description=make_everything.description)
def whole_study() -> None:
    """Make everything."""
    make_everything()


@dg.job(executor_def=dg.in_process_executor, description=check_everything.description)
def nightly_check() -> None:
    """Check everything."""
    check_everything()


@dg.job(executor_def=dg.in_process_executor, description=recompute_heavy.description)
def weekly_recomputation() -> None:
    """Recompute the slow tables."""
    recompute_heavy()


@dg.job(executor_def=dg.in_process_executor, description=make_failed.description)
def failed_only() -> None:
    """Make again what failed."""
    make_failed()


@dg.job(executor_def=dg.in_process_executor, description=remove_patient.description)
def withdraw_patient() -> None:
    """Remove a patient."""
    remove_patient()


JOBS = [whole_study, failed_only, nightly_check, weekly_recomputation, withdraw_patient]
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


def schedules(study: Study) -> list[dg.ScheduleDefinition]:
    """Return what runs by the clock, in the study's time zone."""
    by_clock = study.schedule
    night, week = (_minute_and_hour(one) for one in (by_clock.nightly_at, by_clock.weekly_at))
    day = DAYS.index(by_clock.weekly_on)
    return [
        _schedule(study, nightly_check, f"{night} * * *", by_clock.nightly),
        _schedule(study, weekly_recomputation, f"{week} * * {day}", by_clock.weekly),
    ]


def _minute_and_hour(clock: str) -> str:
    hour, minute = hour_and_minute(clock)
    return f"{minute} {hour}"


def _schedule(study: Study, job: dg.JobDefinition, cron: str, is_on: bool) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=study.schedule.time_zone,
        description=job.description,
        default_status=status.RUNNING if is_on else status.STOPPED,
    )
