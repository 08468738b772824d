"""The executor of a study whose steps are jobs of Slurm.

Which settings there are is in `settings`; how a job is submitted and followed is in
`step_handler`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from ect_assets.orchestration.slurm.dagster_internals import (
    ExecutionPlan,
    PlanOrchestrationContext,
    RetryMode,
    StepDelegatingExecutor,
    StepDependencyConfig,
)
from ect_assets.orchestration.slurm.gathering import Gathering
from ect_assets.orchestration.slurm.jobs import Jobs
from ect_assets.orchestration.slurm.resources import refuse_unknown, resources_of
from ect_assets.orchestration.slurm.slurm import Slurm, SlurmAway, SlurmRefused
from ect_assets.orchestration.slurm.step_handler import SlurmStepHandler
from ect_assets.pipeline.all_steps import steps_of
from ect_assets.study import Study
from ect_assets.study.cluster import Cluster, Resources

CANCELLED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)
CONFIG = {
    "max_concurrent": dg.Field(
        int,
        is_required=False,
        description="Maximum number of steps of one run submitted to Slurm at once; default: all.",
    ),
    "resources": dg.Field(
        dg.Map(str, dg.Permissive(), key_label_name="table"),
        default_value={},
        description="Resources of tables or asset groups in this run, as in [cluster.resources].",
    ),
}


def slurm_executor(study: Study) -> dg.ExecutorDefinition:
    """Return the executor that submits each step to Slurm, as a study's settings say.

    Raises
    ------
    StudyError
        When `[cluster.resources]` names something that there is not.
    """
    refuse_unknown(study.cluster, [step.name for step in steps_of(study)])

    @dg.executor(
        name="slurm",
        config_schema=CONFIG,
        requirements=dg.multiple_process_executor_requirements(),
    )
    def slurm(context: dg.InitExecutorContext) -> SlurmExecutor:
        """Run each step as a job of Slurm."""
        config: Mapping[str, Any] = context.executor_config
        jobs, gathering = jobs_of(study.folder, study.dagster_home, _Hashed(study.cluster))
        return SlurmExecutor(
            jobs,
            SlurmStepHandler(
                jobs,
                wants(study, config["resources"]),
                gathering if study.cluster.submission == "array" else None,
            ),
            study.cluster.check_seconds,
            config.get("max_concurrent"),
        )

    return slurm


def wants(study: Study, in_this_run: Mapping[str, Mapping]) -> Callable[[str], Resources]:
    """Return what says of a step's key what it asks for.

    Parameters
    ----------
    in_this_run : mapping
        Resources by table or asset group, from the configuration of a run.
    """
    said = {name: Resources(**dict(one)) for name, one in in_this_run.items()}
    settings = study.morphometry
    threads = settings.recon_all_threads if settings.source == "recon-all" else settings.threads

    steps = {step.name: step for step in steps_of(study)}

    def of(step_key: str) -> Resources:
        step = steps.get(step_key)
        asset_group = step.asset_group if step is not None else None
        asked = resources_of(step_key, asset_group, study.cluster, settings.source, threads)
        for name in (asset_group or "", step_key):
            asked = asked.narrowed(said.get(name, Resources()))
        return asked

    return of


class _Hashed:
    """Settings as the key of a cache; they hold a mapping, which cannot be one."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self._text = cluster.model_dump_json()

    def __hash__(self) -> int:
        return hash(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and other._text == self._text


@cache
def jobs_of(folder: Path, home: Path, cluster: _Hashed) -> tuple[Jobs, Gathering]:
    """Return the jobs of a study; all runs of a process share them, and one look at the queue."""
    # A look serves every run whose turn comes within the interval.
    slurm = Slurm(fresh_seconds=min(2.0, cluster.cluster.check_seconds / 2))
    jobs = Jobs(slurm, cluster.cluster, folder, home)
    return jobs, Gathering(jobs.submit)


class SlurmExecutor(StepDelegatingExecutor):
    """Dagster's step-delegating executor, which also ends the jobs of a run that was cancelled.

    Parameters
    ----------
    jobs : Jobs
    step_handler : SlurmStepHandler
    check_seconds : int
    max_concurrent : int, optional
    """

    def __init__(
        self,
        jobs: Jobs,
        step_handler: SlurmStepHandler,
        check_seconds: int,
        max_concurrent: int | None = None,
    ):
        super().__init__(
            step_handler,
            retries=RetryMode.ENABLED,
            check_step_health_interval_seconds=check_seconds,
            max_concurrent=max_concurrent,
            # A job that is started a second time, by whomever, ends at once.
            should_verify_step=True,
            # As on one machine (`assembly`): what follows goes on from what was made.
            step_dependency_config=StepDependencyConfig(require_upstream_step_success=False),
        )
        self._jobs = jobs

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Run the steps; where the run was cancelled meanwhile, leave no job behind.

        A run that could be taken up again does not pass an interruption on to its steps, not
        even where the interruption is the user's, who will not have it taken up again.
        """
        try:
            yield from super().execute(plan_context, execution_plan)
        finally:
            run = plan_context.instance.get_run_by_id(plan_context.run_id)
            if run is not None and run.status in CANCELLED:
                self._cancel(plan_context)

    def _cancel(self, plan_context: PlanOrchestrationContext) -> None:
        try:
            numbers = self._jobs.cancel_runs({plan_context.run_id})
        except (SlurmAway, SlurmRefused) as error:
            plan_context.log.warning(f"Jobs of this run may still be queued: {error}")
            return
        if numbers:
            plan_context.log.info(f"Cancelled with the run: {', '.join(numbers)}.")
