"""Where automations act: in one process per study, the one that holds it.

`ect ui` holds the study that it serves. Where it is not at work, the first code server of Dagster's
own commands takes its place. Two daemons that act on one study would make everything twice.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg

from ect_assets.orchestration.instance import only_one_server, who_serves
from ect_assets.orchestration.run_tags import BY, BY_CLOCK
from ect_assets.orchestration.study_home import refuse_other_home
from ect_assets.pipeline.step import Step
from ect_assets.problems import StudyError
from ect_assets.study import Study

SERVER = "ECT_UI_PROCESS"
"""Number of the process of `ect ui`, in the environment of what it starts."""
_held: dict[Path, ExitStack] = {}
"""Studies that this process holds, until it ends."""


def why_not_here(study: Study, instance: dg.DagsterInstance) -> str | None:
    """Say why automations of a study do not act in this process; None where they do.

    Parameters
    ----------
    instance : DagsterInstance
        Whose daemon asks.
    """
    try:
        refuse_other_home(study, Path(instance.root_directory))
        if study.folder not in _held and not _is_started_by_holder(study):
            _hold(study)
    except StudyError as error:
        return f"Automations do not act here. {error}"
    return None


def _is_started_by_holder(study: Study) -> bool:
    server = os.environ.get(SERVER)
    return bool(server) and who_serves(study).startswith(
        f"process {server} on {socket.gethostname()},"
    )


def _hold(study: Study) -> None:
    held = ExitStack()
    held.enter_context(only_one_server(study))
    _held[study.folder] = held


class IsHere(dg.AutomationCondition):
    """Whether automations of the study act in this process."""

    def __init__(self, study: Study):
        self.study = study

    @property
    def description(self) -> str:
        """What the UI shows beside the label."""
        return "This daemon is the one that serves the study."

    def get_label(self) -> str:
        """What the UI calls it."""
        return "study served here"

    @property
    def requires_cursor(self) -> bool:
        """Nothing is remembered."""
        return False

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """Keep all that is in question, or nothing."""
        why_not = why_not_here(self.study, context.asset_graph_view.instance)
        true = context.get_empty_subset() if why_not else context.candidate_subset
        return dg.AutomationResult(context, true)


def conditions_here(
    study: Study, conditions: Callable[[Step], dg.AutomationCondition]
) -> Callable[[Step], dg.AutomationCondition]:
    """Let conditions hold only where automations of the study act."""
    here = IsHere(study)

    def of_step(step: Step) -> dg.AutomationCondition:
        condition = conditions(step)
        return (here & condition).with_label(condition.get_label())

    return of_step


def sensor_here(study: Study, sensor: dg.SensorDefinition) -> dg.SensorDefinition:
    """Let a sensor skip, and say why, where automations of the study do not act."""

    def evaluate(context: dg.SensorEvaluationContext) -> Any:
        why_not = why_not_here(study, context.instance)
        return dg.SkipReason(why_not) if why_not else sensor(context)

    return dg.SensorDefinition(
        name=sensor.name,
        jobs=sensor.jobs if sensor.has_jobs else None,
        evaluation_fn=evaluate,
        minimum_interval_seconds=sensor.minimum_interval_seconds,
        description=sensor.description,
        default_status=sensor.default_status,
    )


def schedule_here(study: Study, schedule: dg.ScheduleDefinition) -> dg.ScheduleDefinition:
    """Let a schedule skip, and say why, where automations of the study do not act."""

    @dg.schedule(
        name=schedule.name,
        job_name=schedule.job_name,
        cron_schedule=schedule.cron_schedule,
        execution_timezone=schedule.execution_timezone,
        description=schedule.description,
        default_status=schedule.default_status,
    )
    def at_its_time(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | dg.RunRequest:
        why_not = why_not_here(study, context.instance)
        tags = {BY: BY_CLOCK.get(schedule.job_name, schedule.name)}
        return dg.SkipReason(why_not) if why_not else dg.RunRequest(tags=tags)

    return at_its_time
