"""What has to be made, and making it: the pipeline of a study, run by run.

Each piece of work is a Dagster run, recorded in the study's instance. What is out of date is
decided in `pipeline.staleness`; this module only chooses and orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import dagster as dg

from ect_assets.intake.bids import subject_labels
from ect_assets.lake.store import Partition
from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.extensions import load_extensions
from ect_assets.orchestration.history import OF_GROUP, report_lake
from ect_assets.orchestration.instance import close_abandoned_runs, only_one_run, open_instance
from ect_assets.orchestration.partitions import (
    SUBJECT,
    parcellations_of,
    partition_key,
    patients_per_run,
    register_subjects,
)
from ect_assets.orchestration.runs import Ran, carry_out, new_run
from ect_assets.orchestration.withdrawal import finish_withdrawals
from ect_assets.orchestration.workers import Workers, are_wanted
from ect_assets.pipeline.all_steps import steps_for, steps_of
from ect_assets.pipeline.blocked import failed_of_patient
from ect_assets.pipeline.plan import Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import Study
from ect_assets.system import heard_interruptions

RUNS_PER_WAVE = 50
"""Of a cohort so large that more patients share a run: each run asks Dagster for all patients."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass
class Outcome:
    """What a run of the pipeline did.

    Attributes
    ----------
    made : list of str
        Tables with their partition, in the order in which they were made.
    failed : dict of str to str
        Tables with their partition, and what the step said.
    unavailable : dict of str to str
        Tables with their partition that the study cannot have, and why.
    group_failed : bool
        Whether a table of the whole study failed, not only a patient's.
    departed : list of str
        Patients who are no longer in the BIDS folder.
    """

    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    group_failed: bool = False
    departed: list[str] = field(default_factory=list)

    def note_failure(self, step: Step, partition: Partition, why: str) -> None:
        """Note that a partition could not be made."""
        self.failed[_named(step, partition)] = why
        self.group_failed |= "subject" not in partition


@dataclass(frozen=True)
class Batch:
    """One Dagster run: some steps of one partition, or of one patient over all parcellations."""

    title: str
    steps: tuple[Step, ...]
    partitions: tuple[Partition, ...]


Progress = Callable[[str, int, int], None]
Job = dg.JobDefinition
Instance = dg.DagsterInstance


class Runner:
    """Makes what a study lacks.

    Parameters
    ----------
    progress : callable, optional
        ``progress(what, done, total)`` is told before each run.
    """

    def __init__(self, study: Study, progress: Progress | None = None):
        load_extensions(study)
        self.study = study
        self.lake = lake_of(study)
        self._planner = Planner(study, self.lake)
        self._is_narrowed = False
        self._workers: Workers | None = None
        self._raise_if_interrupted: Callable[[], None] = lambda: None
        self.progress = progress or (lambda what, done, total: None)

    def run(
        self,
        subjects: Sequence[str] | None = None,
        parcellations: Sequence[str] | None = None,
        again: bool = False,
        tables: Sequence[str] | None = None,
        arrived: Sequence[str] | None = None,
    ) -> Outcome:
        """Materialize what is missing or out of date.

        Parameters
        ----------
        subjects, parcellations : sequence of str, optional
            Only these; all without it. Group tables are always over all patients.
        again : bool
            Also what is up to date, and patients whose unchanged files failed before.
        tables : sequence of str, optional
            Only these and what they are made from.
        arrived : sequence of str, optional
            Take up only these patients, beside those who were taken up before; without it
            everybody in the BIDS folder.

        Raises
        ------
        StudyError
            When a subject, parcellation or table is unknown.
        """
        steps = steps_for(self.study, tables)
        self._is_narrowed = parcellations is not None
        labels = subject_labels(self.study.bids_folder)
        subjects = _known(subjects, labels, "subject")
        parcellations = _known(parcellations, sorted(self.study.parcellations), "parcellation")
        return self._run_steps(
            steps, subjects, parcellations, again, labels if arrived is None else arrived
        )

    def recompute(
        self, tables: Sequence[str], subjects: Sequence[str] = (), atlases: Sequence[str] = ()
    ) -> Outcome:
        """Make some tables again and nothing else, current or not; without `atlases` of all."""
        steps = [step for step in steps_of(self.study) if step.name in tables]
        of = atlases or sorted(self.study.parcellations)
        return self._run_steps(steps, subjects, of, True, ())

    def _run_steps(
        self,
        steps: Sequence[Step],
        subjects: Sequence[str],
        parcellations: Sequence[str],
        again: bool,
        arrived: Sequence[str],
    ) -> Outcome:
        from ect_assets.lake.catalogue import refresh_catalogue

        outcome = Outcome()
        with (
            only_one_run(self.study),
            open_instance(self.study) as instance,
            heard_interruptions() as self._raise_if_interrupted,
        ):
            close_abandoned_runs(instance)
            finish_withdrawals(self.study, instance)
            outcome.departed = register_subjects(self.study, instance, arrived)
            registered = set(instance.get_dynamic_partitions(SUBJECT))
            subjects = [one for one in subjects if one in registered]
            job = pipeline_definitions(self.study).resolve_implicit_global_asset_job_def()
            if are_wanted(self.study):
                self._workers = Workers(self.study, instance, job)
            report_lake(instance, self.study, self.lake, OF_GROUP)
            for wave in self._waves(steps, subjects, parcellations):
                self._run_wave(wave, job, instance, outcome, again)
        self.lake.compact()
        refresh_catalogue(self.lake)
        return outcome

    def _waves(
        self, steps: Sequence[Step], subjects: Sequence[str], parcellations: Sequence[str]
    ) -> Iterator[list[Batch]]:
        """Order the work: steps with the same partitions together, once all that they read is."""
        by_atlas: list[Partition] = [{"parcellation": one} for one in parcellations]
        for wave in waves_of(steps, self.study):
            keys = wave[0].table.partitions
            if keys == ():
                yield [Batch(wave[0].asset_group, wave, ({},))]
            elif keys == ("parcellation",):
                title = f"{wave[0].asset_group}{' and on' if len(wave) > 1 else ''}"
                yield [Batch(f"{title}, {one['parcellation']}", wave, (one,)) for one in by_atlas]
            elif keys == ("subject",):
                yield [Batch(f"sub-{one}", wave, ({"subject": one},)) for one in subjects]
            else:
                yield [
                    Batch(
                        f"sub-{one}, parcels",
                        wave,
                        tuple({"subject": one, **atlas} for atlas in by_atlas),
                    )
                    for one in subjects
                ]

    def _run_wave(
        self, wave: list[Batch], job: Job, instance: Instance, outcome: Outcome, again: bool
    ) -> None:
        if outcome.made and wave and "subject" not in wave[0].steps[0].table.partitions:
            # The group reads everybody's files, and does so from few.
            self.lake.compact()
        self._planner = Planner(self.study, self.lake)
        needed = [batch for one in wave if (batch := self._needed(one, outcome, again)) is not None]
        done = 0
        runs = list(self._joined(needed, instance.get_dynamic_partitions(SUBJECT)))
        if self._workers is not None:
            self.progress(", ".join(map(_title, runs)), 0, len(needed))
            self._workers.side_by_side(
                [partial(self._execute, one, job, instance, outcome) for one in runs]
            )
            return
        for together in runs:
            self.progress(_title(together), done, len(needed))
            done += len(together)
            self._execute(together, job, instance, outcome)

    def _joined(self, batches: list[Batch], registered: Sequence[str]) -> Iterator[list[Batch]]:
        """Put neighbouring patients who need the same steps into one run.

        A run costs half a second whatever it does. Dagster names the partitions of a run by the
        first and the last, so only patients who stand side by side can share one.
        """
        together: list[Batch] = []
        places = {subject: place for place, subject in enumerate(registered)}
        at_most = max(patients_per_run(self.study), len(registered) // RUNS_PER_WAVE)
        for batch in batches:
            if together and not (
                len(together) < at_most and _can_follow(together[-1], batch, places)
            ):
                yield together
                together = []
            together.append(batch)
        if together:
            yield together

    def _needed(self, batch: Batch, outcome: Outcome, again: bool) -> Batch | None:
        """Narrow a batch to what is missing or out of date, with all that follows from it."""
        stale: list[Step] = []
        partitions: list[Partition] = []
        for partition in batch.partitions:
            for step in batch.steps:
                why = step.why_unavailable(self.study, partition)
                if why is not None:
                    outcome.unavailable[_named(step, partition)] = why
                    continue
                waits_for = self._lacking(step, partition, stale)
                if waits_for and self._is_narrowed and not partition:
                    # It gathers over all parcellations, and those that it needs were not asked for.
                    continue
                if waits_for:
                    outcome.note_failure(step, partition, f"waits for {', '.join(waits_for)}")
                    continue
                blocked = self._blocked_by(step, partition, stale)
                if blocked:
                    outcome.note_failure(step, partition, f"waits for {blocked}, which failed")
                    continue
                follows = any(one.name in step.upstream for one in stale)
                is_due = again or follows or self._planner.needs_run(step, partition)
                if is_due or self._failed_now(step, partition, outcome):
                    stale.append(step)
                    partitions.append(partition)
        if not stale:
            return None
        steps = tuple(step for step in batch.steps if step in stale)
        return Batch(
            batch.title, steps, tuple(one for one in batch.partitions if one in partitions)
        )

    def _failed_now(self, step: Step, partition: Partition, outcome: Outcome) -> bool:
        """Say whether this run has failed for the same patient before: the others' run names it."""
        failed = self._planner.waits_for_patient(step, partition)
        return any(_named(one, whose) in outcome.failed for one, whose in failed)

    def _lacking(self, step: Step, partition: Partition, stale: list[Step]) -> list[str]:
        """Name the tables that a step reads, that do not exist and will not be made with it."""
        coming = {one.name for one in stale}
        return [name for name in self._planner.lacks(step, partition) if name not in coming]

    def _blocked_by(self, step: Step, partition: Partition, stale: list[Step]) -> str:
        """Name the tables of the group that failed before a step and are not tried again with it.

        What is as it would be made is left alone: nothing new would be made from old rows.
        """
        coming = {one.name for one in stale}
        found = self._planner.blocked_by(step, partition)
        return ", ".join(name for name in found if name not in coming)

    def _execute(
        self, together: list[Batch], job: Job, instance: Instance, outcome: Outcome
    ) -> None:
        """Run some batches as one, and note what was made of each partition."""
        partitions = [one for batch in together for one in batch.partitions]
        batch = Batch(_title(together), together[0].steps, tuple(partitions))
        names = [step.name for step in batch.steps]
        keys = [partition_key(batch.steps[0].table, one) for one in partitions]
        if self._workers is not None:
            ran = self._workers.execute(names, keys[0], keys[-1], QUIET)
        else:
            run = new_run(instance, job, names, keys[0], keys[-1], QUIET)
            ran = carry_out(instance, job, run)
            self._raise_if_interrupted()
        for step in batch.steps:
            for key, partition in zip(keys, partitions, strict=True):
                name = _named(step, partition)
                if (step.name, key) in ran.made:
                    outcome.failed.pop(name, None)
                    outcome.made.append(name)
                else:
                    why = ran.broke_off or self._why(step, partition, key, batch, ran)
                    outcome.note_failure(step, partition, why)

    def _why(
        self, step: Step, partition: Partition, key: str | None, batch: Batch, ran: Ran
    ) -> str:
        """Say why a partition was not made; Dagster's records are not told what is in a file."""
        earlier = failed_of_patient(step, self.study, self.lake, partition)
        waits_for = _failed_before(step, key, batch, ran) or [one.name for one, _ in earlier]
        if waits_for:
            return f"waits for {', '.join(waits_for)}, which failed"
        failure = self.lake.failure(step.table, partition)
        if step.name in ran.said and failure is not None and failure.failed:
            return "\n".join(map(str, failure.problems))
        return _sentence(ran.said.get(step.name)) or "was not made"


def waves_of(steps: Sequence[Step], study: Study) -> list[tuple[Step, ...]]:
    """Put the steps into as few groups as can each be one run.

    Parameters
    ----------
    steps : sequence of Step
        In pipeline order: each after all that it reads.

    Returns
    -------
    list of tuple of Step
        Each group comes after everything that it reads; Dagster runs only steps with the very
        same partitions together. A lab's own come last, so that ours never wait for them.
    """

    def kind(step: Step) -> tuple:
        keys, is_of_lab = step.table.partitions, bool(step.module)
        atlases = tuple(parcellations_of(step, study)) if "parcellation" in keys else ()
        return is_of_lab, keys, atlases

    waves: list[tuple[Step, ...]] = []
    waiting = list(steps)
    while waiting:
        behind = {step.name for step in waiting}
        wave: list[Step] = []
        for step in waiting:
            is_ready = not behind & set(step.upstream)
            if is_ready and (not wave or kind(step) == kind(wave[0])):
                wave.append(step)
                behind.remove(step.name)
        waves.append(tuple(wave))
        waiting = [step for step in waiting if step not in wave]
    return waves


def _title(together: list[Batch]) -> str:
    if len(together) == 1:
        return together[0].title
    return f"{together[0].title} and {len(together) - 1} more"


def _can_follow(before: Batch, after: Batch, places: Mapping[str, int]) -> bool:
    """Say whether two patients stand side by side and need the same."""
    if "subject" not in after.partitions[0] or before.steps != after.steps:
        return False
    first, second = (one.partitions[0]["subject"] for one in (before, after))
    atlases = [[one.get("parcellation") for one in batch.partitions] for batch in (before, after)]
    return places[second] == places[first] + 1 and atlases[0] == atlases[1]


def _failed_before(step: Step, key: str | None, batch: Batch, ran: Ran) -> list[str]:
    """Name the steps of the same run for which a partition waited in vain."""
    above, found = set(step.upstream), []
    for one in reversed(batch.steps):
        if one.name in above and (one.name, key) not in ran.made:
            above |= set(one.upstream)
            found.append(one)
    not_made = {one.name for one in found}
    return [one.name for one in reversed(found) if not not_made & set(one.upstream)]


def _sentence(error: Any) -> str:
    """Return what a reader needs of a step's error: our own sentences, without the stack."""
    if error is None:
        return ""
    message = error.message if error.cause is None else error.cause.message
    return message.split(": ", 1)[-1].strip()


def _named(step: Step, partition: Partition) -> str:
    which = ", ".join(partition.values())
    return f"{step.name} ({which})" if which else step.name


def _known(wanted: Sequence[str] | None, known: Sequence[str], what: str) -> Sequence[str]:
    unknown = [one for one in wanted or () if one not in known]
    if unknown:
        there = ", ".join(known)
        raise StudyError(f"This study has no {what} {', '.join(unknown)}; it has {there}.")
    return wanted or known
