"""What the daemon does by itself: when each table is made, who is taken up, what runs by the clock.

Whether something is due is decided in `plan`, as for `ect run`, and passed to Dagster by the
conditions here. What a step computes, and how a failure is reported, belong elsewhere.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import dagster as dg
from dagster import AutomationCondition

from ect_assets.intake.bids import subject_labels
from ect_assets.lake.audit import read_audit_log, record_events
from ect_assets.lake.store import Partition
from ect_assets.orchestration.dagster_beta import tested_beta
from ect_assets.orchestration.dagster_internals import SharingSensor
from ect_assets.orchestration.execution import IF_DUE
from ect_assets.orchestration.instance import UNFINISHED
from ect_assets.orchestration.partitions import SUBJECT, SUBJECTS, partition_of
from ect_assets.orchestration.run_tags import ARRIVAL, BY
from ect_assets.orchestration.shared_runs import kind_of_run, shared_runs
from ect_assets.pipeline.all_steps import STEPS, step_of, steps_of
from ect_assets.pipeline.arrival import SETTLING, waiting_for
from ect_assets.pipeline.file_memory import FileMemory
from ect_assets.pipeline.plan import Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, Study

SECONDS_BETWEEN_LOOKS = 5
LOOKS_TO_ARRIVE = 4
"""After so many looks of the other sensor a patient whose files have settled is taken up."""
OF_PATIENTS = [step for step in STEPS if SUBJECT in step.table.partitions]
"""Steps that the tables of the group wait for; never for a lab's own."""
CONDITIONS = "make_what_is_out_of_date"
"""The sensor that asks the conditions."""
SOON, SETTLED = "patient: as soon as possible", "group: once per settled cohort"


class Looks:
    """Looks at the study once per evaluation of the conditions, however many of them ask."""

    def __init__(self, study: Study):
        self.study = study
        self._settings = _text_of(study)
        self._lake = lake_of(study)
        self._memory = FileMemory(study)
        self._of: Any = None
        self._planner: Planner | None = None
        self._is_complete: bool | None = None
        self._settled: dict[str, float] = {}

    def is_outdated(self) -> bool:
        """Say whether study.toml is another one than these definitions were made of.

        Runs would work with the new settings, whose results would look outdated here, for ever.
        Nothing is started until the definitions are loaded again; `server` does that at once.
        """
        return _text_of(self.study) != self._settings

    async def planner(self, context: dg.AutomationContext) -> Planner:
        """Return the plan of the study as it is at this evaluation."""
        view = context.asset_graph_view
        if self._planner is None or self._of is not view:
            given_up = {
                step.name: await _failed(view, step)
                for step in steps_of(self.study)
                if view.asset_graph.has(dg.AssetKey(step.name))
            }
            # Patients come and go; what is known of the files is kept from one look to the next.
            lake = replace(self._lake, subjects=lake_of(self.study).subjects)
            self._planner = Planner(
                self.study,
                lake,
                view.instance.get_dynamic_partitions(SUBJECT),
                lambda step, one: (
                    _names(one) in given_up[step.name] and not lake.failure(step.table, one)
                ),
                memory=self._memory,
            )
            self._of, self._is_complete = view, None
        return self._planner

    def group_is_complete(self) -> bool:
        """Say whether no patient is about to be taken up, and none is still to be made.

        The tables of the group are made then, in one run. Somebody who could have been taken up
        for some time is not waited for: the sensor that takes patients up is off.
        """
        if self._is_complete is None:
            assert self._planner is not None
            self._is_complete = not (
                self._somebody_arrives(self._planner)
                or self._somebody_is_made()
                or any(
                    self._planner.is_pending(step, one)
                    for step in OF_PATIENTS
                    for one in self._planner.partitions(step)
                )
            )
        return self._is_complete

    @cached_property
    def about_cohort(self) -> set[str]:
        """Tables of the group that are made from patients' tables, whatever lies between."""
        of_patients: set[str] = set()
        found: set[str] = set()
        for step in steps_of(self.study):
            if SUBJECT in step.table.partitions:
                of_patients.add(step.name)
            elif (of_patients | found).intersection(step.upstream):
                found.add(step.name)
        return found

    def _somebody_is_made(self) -> bool:
        """Say whether a run of patients' tables is at work: rows are in the lake before it ends."""
        at_work = self._of.instance.get_runs(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED, *UNFINISHED])
        )
        of_patients = {dg.AssetKey(step.name) for step in OF_PATIENTS}
        return any(of_patients & set(run.asset_selection or ()) for run in at_work)

    def _somebody_arrives(self, planner: Planner) -> bool:
        there = subject_labels(self.study.bids_folder)
        new = [one for one in there if one not in planner.subjects]
        awaited = waiting_for(self.study, new) if new else {}
        here = [one for one, what in awaited.items() if all(SETTLING in each for each in what)]
        now = time.monotonic()
        self._settled = {one: self._settled.get(one, now) for one in here if not awaited[one]}
        latest = now - LOOKS_TO_ARRIVE * self.study.arrival.look_every_seconds
        return any(self._settled.get(one, now) > latest for one in here)


def _text_of(study: Study) -> bytes:
    file = study.folder / STUDY_FILE
    return file.read_bytes() if file.is_file() else b""


async def _failed(view: Any, step: Step) -> set[frozenset]:
    """Name the partitions of a table whose last run failed."""
    key = dg.AssetKey(step.name)
    subset = await view.compute_execution_failed_subset(
        key=key, from_subset=view.get_full_subset(key=key)
    )
    return {
        _names(partition_of(step.table, one.partition_key))
        for one in subset.expensively_compute_asset_partitions()
    }


def _names(partition: Partition) -> frozenset:
    return frozenset(partition.items())


class OfPartitions(AutomationCondition):
    """A condition that is true of some partitions of a table, by a function of each of them."""

    label = ""
    says = ""

    def __init__(self, looks: Looks):
        self.looks = looks

    @property
    def description(self) -> str:
        """What the UI shows beside the label."""
        return self.says

    def get_label(self) -> str:
        """What the UI calls it."""
        return self.label

    @property
    def requires_cursor(self) -> bool:
        """Nothing is remembered: the lake remembers."""
        return False

    async def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:  # type: ignore[override]
        """Ask of each partition that is still in question."""
        if self.looks.is_outdated():
            return dg.AutomationResult(context, context.get_empty_subset())
        step = step_of(self.looks.study, context.key.path[-1])
        planner = await self.looks.planner(context)
        asked = context.candidate_subset.expensively_compute_asset_partitions()
        requested = _requested(context, step, self.looks.study)
        true = {
            one
            for one in asked
            if self.holds(planner, step, partition_of(step.table, one.partition_key), requested)
        }
        view = context.asset_graph_view
        return dg.AutomationResult(
            context, view.get_asset_subset_from_asset_partitions(context.key, true)
        )

    @abstractmethod
    def holds(
        self, planner: Planner, step: Step, partition: Partition, requested: dict[str, set]
    ) -> bool:
        """Say whether it is true of one partition.

        Parameters
        ----------
        requested : dict of str to set
            Tables that the same run will make before it, and of which partitions.
        """


class OutOfDate(OfPartitions):
    """Missing, made from other inputs than there are now, or following from what is."""

    label = "out of date"
    says = "It is missing, or its inputs have changed, and they are usable."

    def holds(
        self, planner: Planner, step: Step, partition: Partition, requested: dict[str, set]
    ) -> bool:
        """As the class says."""
        follows = bool(_coming(step, partition, requested))
        if follows and not (_is_costly(step) and planner.is_made(step, partition)):
            return True
        return planner.is_out_of_date(step, partition) and planner.has_settled_files(
            step, partition
        )


def _is_costly(step: Step) -> bool:
    """Say whether to wait and see if what a table is made from comes out other than it was.

    The group's tables follow one another in one run, which is cheaper than to start many; a
    patient's may take hours, and what takes long has a day of its own.
    """
    return step.is_weekly or "subject" in step.table.partitions


class InputsSettled(OfPartitions):
    """Nothing that it is made from is still to be made, and all that it reads is there."""

    label = "inputs settled"
    says = "All upstream tables exist and none is pending; failed partitions are not waited for."

    def holds(
        self, planner: Planner, step: Step, partition: Partition, requested: dict[str, set]
    ) -> bool:
        """As the class says."""
        coming = _coming(step, partition, requested)
        if step.name in self.looks.about_cohort and not self.looks.group_is_complete():
            return False
        waits = any(
            before.name not in coming and planner.is_pending(before, one)
            for before, one in planner.upstream(step, partition)
        )
        if waits or set(planner.lacks(step, partition)) - coming:
            return False
        if planner.awaits_registration(step):
            return False
        return bool(coming) or not planner.is_blocked(step, partition)


def _coming(step: Step, partition: Partition, requested: dict[str, set]) -> set[str]:
    """Name the tables of which the same run makes before what a partition is made from."""
    mine = set(partition.items())
    return {
        name
        for name in step.upstream
        for one in requested.get(name, ())
        if not mine or not one or mine == one
    }


def _requested(context: dg.AutomationContext, step: Step, study: Study) -> dict[str, set]:
    """Name what this evaluation has asked for already and can be made in the same run."""
    kind = kind_of_run(step, study)
    found: dict[str, set] = {}
    for name in step.upstream:
        key = dg.AssetKey(name)
        if not context.asset_graph.has(key) or kind_of_run(step_of(study, name), study) != kind:
            continue
        subset = context.request_subsets_by_key.get(key)
        if subset is not None:
            table = step_of(study, name).table
            found[name] = {
                _names(partition_of(table, one.partition_key))
                for one in subset.expensively_compute_asset_partitions()
            }
    return found


def conditions(study: Study) -> Callable[[Step], AutomationCondition]:
    """Return, for each step of a study, when the daemon makes its table by itself.

    A patient's tables are made as soon as the files are there and settled; a table of the group
    once everything that it is made from has been made or has failed. What failed is tried again
    when its inputs change.

    Returns
    -------
    callable
        Step to AutomationCondition.
    """
    looks = Looks(study)
    is_free = ~AutomationCondition.in_progress() & ~AutomationCondition.any_deps_in_progress()
    wanted = OutOfDate(looks) & InputsSettled(looks) & is_free.with_label("not being made")

    def of_step(step: Step) -> AutomationCondition:
        is_of_patient = "subject" in step.table.partitions
        return wanted.with_label(SOON if is_of_patient else SETTLED)

    return of_step


def condition_sensor(study: Study) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that asks the conditions, and starts what they want."""

    def shared(
        requests: Iterable[dg.RunRequest], instance: dg.DagsterInstance
    ) -> Iterator[dg.RunRequest]:
        return shared_runs(requests, study, instance.get_dynamic_partitions(SUBJECT))

    # Our conditions are code, which only the code location can evaluate: a beta of Dagster's.
    with tested_beta():
        return SharingSensor(
            shared,
            name=CONDITIONS,
            run_tags={IF_DUE: "true", BY: ARRIVAL},
            target=dg.AssetSelection.all(),
            description="Materializes what is missing or out of date, once inputs have settled.",
            minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
            default_status=_status(study.schedule.arrivals),
            emit_backfills=False,
            use_user_code_server=True,
        )


def arrival_sensor(study: Study) -> dg.SensorDefinition:
    """Return the sensor that takes up patients whose data are complete and settled."""

    @dg.sensor(
        name="take_up_arrivals",
        description="Ingests each patient whose data are complete by the rule in study.toml.",
        minimum_interval_seconds=study.arrival.look_every_seconds,
        default_status=_status(study.schedule.arrivals),
    )
    def take_up_arrivals(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        registered = set(context.instance.get_dynamic_partitions(SUBJECT))
        try:
            there = subject_labels(study.bids_folder)
            new = waiting_for(study, [one for one in there if one not in registered])
        except StudyError as error:
            return dg.SensorResult(skip_reason=dg.SkipReason(str(error)))
        complete = [subject for subject, what in new.items() if not what]
        _record_arrivals(study, new)
        gone = sorted(registered - set(there))
        says = [
            f"sub-{subject} waits for {', '.join(what)}" for subject, what in new.items() if what
        ]
        says += [f"sub-{subject} is no longer in the BIDS folder" for subject in gone]
        return dg.SensorResult(
            skip_reason=None
            if complete
            else dg.SkipReason("; ".join(says) or "No patient is waiting."),
            dynamic_partitions_requests=[SUBJECTS.build_add_request(complete)] if complete else [],
        )

    return take_up_arrivals


def _record_arrivals(study: Study, new: Mapping[str, tuple[str, ...]]) -> None:
    """Add to the audit log who arrived, and who waits for something else than before."""
    if not new:
        return
    lake = lake_of(study)
    log = read_audit_log(lake)
    last = dict(zip(log.subject, zip(log.event, log.detail, strict=True), strict=True))
    rows = []
    for subject, what in new.items():
        missing = [one for one in what if SETTLING not in one]
        event = ("waiting", f"for {', '.join(missing)}") if missing else ("arrived", "complete")
        if last.get(subject) != event and (missing or not what):
            rows.append((event[0], subject, event[1]))
    record_events(lake, rows, study.simulated)


def _status(is_on: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED
