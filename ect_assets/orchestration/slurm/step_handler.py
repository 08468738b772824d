"""Dagster's steps as Slurm's jobs: launched, followed, ended with their run.

What Dagster's own step-delegating executor asks of a scheduler. It decides which steps are ready
and reads from the records of runs how they went; this only answers how their jobs stand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg

from ect_assets.orchestration.instance import FINISHED
from ect_assets.orchestration.slurm.attempts import Attempt, Submission
from ect_assets.orchestration.slurm.dagster_internals import (
    CheckStepHealthResult,
    ExecuteStepArgs,
    StepHandler,
    StepHandlerContext,
    attempts_before,
    step_command,
    write_to_run_log,
)
from ect_assets.orchestration.slurm.gathering import Gathering
from ect_assets.orchestration.slurm.jobs import Jobs
from ect_assets.orchestration.slurm.slurm import SlurmAway, SlurmRefused
from ect_assets.study.cluster import Resources

CLOSING = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
    dg.DagsterEventType.STEP_SKIPPED,
}


class SlurmStepHandler(StepHandler):
    """Submits each step of a run to Slurm.

    Parameters
    ----------
    jobs : Jobs
    resources : callable
        What a step asks for, by its key.
    gathering : Gathering, optional
        Where steps are submitted as job arrays.
    """

    def __init__(
        self,
        jobs: Jobs,
        resources: Callable[[str], Resources],
        gathering: Gathering | None = None,
    ):
        super().__init__()
        self._jobs = jobs
        self._resources = resources
        self._gathering = gathering
        self._logged: dict[Attempt, str] = {}
        self._refused: dict[Attempt, str] = {}

    @property
    def name(self) -> str:
        """What the UI calls it."""
        return "Slurm"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Submit a step's job, unless it was submitted before.

        Where Slurm is away the step stays unsubmitted, and the next look at it tries again.
        """
        attempt = attempt_of(step_handler_context.execute_step_args)
        try:
            orphans = self._end_orphans(step_handler_context.instance, attempt.run_id)
            one = self._submission(step_handler_context, attempt)
            if self._gathering is not None:
                self._gathering.add(one, orphans)
            else:
                (number,) = self._jobs.submit([one], orphans)
                self._tell(step_handler_context, attempt, f"Submitted as job {number}.")
        except SlurmAway as error:
            self._tell(step_handler_context, attempt, _will_try_again(error))
        except SlurmRefused as error:
            self._refused[attempt] = str(error)
        yield from ()

    def _submission(self, context: StepHandlerContext, attempt: Attempt) -> Submission:
        command = step_command(context.execute_step_args)
        return Submission(attempt, command, self._resources(attempt.step_key))

    def _end_orphans(self, instance: dg.DagsterInstance, mine: str) -> list[str]:
        """Cancel jobs of runs that are over: their monitor has died, and they still write."""
        jobs = self._jobs.unfinished()
        others = sorted({one.run_id for one in jobs.values()} - {mine})
        if not others:
            return []
        over = instance.get_runs(dg.RunsFilter(run_ids=others, statuses=FINISHED))
        return self._jobs.cancel_runs({run.run_id for run in over}) if over else []

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Say how a step's job stands; only one that has ended without a word is unhealthy."""
        attempt = attempt_of(step_handler_context.execute_step_args)
        if self._gathering is not None and self._gathering.holds(attempt):
            return CheckStepHealthResult.healthy()
        if attempt not in self._refused:
            try:
                standing = self._jobs.standing(attempt)
                if standing.number is None:
                    self._submit_by_itself(step_handler_context, attempt)
                elif not standing.has_ended:
                    self._tell(step_handler_context, attempt, standing.says)
                elif not has_reported(step_handler_context.instance, attempt):
                    return CheckStepHealthResult.unhealthy(standing.says)
            except SlurmAway as error:
                self._tell(step_handler_context, attempt, _will_try_again(error))
            except SlurmRefused as error:
                self._refused[attempt] = str(error)
        if attempt in self._refused:
            return CheckStepHealthResult.unhealthy(
                f"Slurm refused it. {self._refused[attempt]} "
                "See [cluster] in study.toml, then `ect run`."
            )
        return CheckStepHealthResult.healthy()

    def _submit_by_itself(self, context: StepHandlerContext, attempt: Attempt) -> None:
        orphans = self._end_orphans(context.instance, attempt.run_id)
        (number,) = self._jobs.submit([self._submission(context, attempt)], orphans)
        self._tell(context, attempt, f"Submitted as job {number}.")

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Cancel a step's job."""
        attempt = attempt_of(step_handler_context.execute_step_args)
        if self._gathering is not None:
            self._gathering.drop(attempt)
        try:
            numbers = self._jobs.cancel([attempt])
            says = f"Cancelled job {numbers[0]}." if numbers else "Nothing was submitted yet."
        except (SlurmAway, SlurmRefused) as error:
            says = (
                f"Its job could not be cancelled: {error} The next run of this study will; "
                f"to do it now: scancel --name='{attempt.job_name}'"
            )
        self._tell(step_handler_context, attempt, says)
        yield from ()

    def _tell(self, context: StepHandlerContext, attempt: Attempt, says: str) -> None:
        """Write into the run's log what has changed since it was last told."""
        if self._logged.get(attempt) == says:
            return
        self._logged[attempt] = says
        write_to_run_log(context, attempt.step_key, says, str(self._jobs.place(attempt)))


def attempt_of(arguments: ExecuteStepArgs) -> Attempt:
    """Return which attempt at which step Dagster speaks of."""
    (step_key,) = arguments.step_keys_to_execute or ()
    return Attempt(arguments.run_id, step_key, attempts_before(arguments, step_key) + 1)


def has_reported(instance: dg.DagsterInstance, attempt: Attempt) -> bool:
    """Say whether the records of runs tell how an attempt went."""
    records = instance.all_logs(attempt.run_id, of_type=CLOSING)
    return sum(record.step_key == attempt.step_key for record in records) >= attempt.number


def _will_try_again(error: SlurmAway) -> str:
    return f"Slurm does not answer; it will be asked again, nothing is lost. {error}"
