"""The private names of Dagster that only the Slurm executor uses; those of all else are one up.

`StepDelegatingExecutor`, `RetryMode`, `StepHandler`, `StepHandlerContext`, `CheckStepHealthResult`
(`_core.executor.step_delegating`, `_core.execution.retries`)
    Dagster's executor that leaves each step to a scheduler, as `dagster-k8s` and `dagster-celery`
    use it. Instead: what `dagster_k8s.executor` imports then.
`StepDependencyConfig` (`_core.execution`)
    What a step waits for: the outputs of those before it, not their success. Instead: the
    configuration of the executor, as `in_process_executor` takes it.
`ExecutionPlan`, `PlanOrchestrationContext`
    The types of what it is called with. Instead: any type.
`ExecuteStepArgs` (`_grpc.types`), `copy` (`_record`)
    The command of a step, and which attempt at it this is. Instead: what `dagster_k8s` submits.
`EngineEventData` (`_core.events`)
    A line in a run's log with the folder of a step's job. Instead: `context.log`.
`RunLauncher`, `LaunchRunContext`, `ResumeRunContext`, `CheckRunHealthResult`, `WorkerStatus`
(`_core.launcher`), `ConfigurableClass`, `ConfigurableClassData` (`_serdes`), and `_instance`
    What dagster.yaml can name as a run launcher. Instead: what `dagster_k8s.launcher` imports then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster._core.launcher import (
    CheckRunHealthResult,
    LaunchRunContext,
    ResumeRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._grpc.types import ExecuteStepArgs
from dagster._record import copy
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from ect_assets.orchestration.dagster_internals import as_command

__all__ = [
    "CheckRunHealthResult",
    "CheckStepHealthResult",
    "ExecuteStepArgs",
    "ExecutionPlan",
    "LaunchRunContext",
    "PlanOrchestrationContext",
    "ResumeRunContext",
    "RetryMode",
    "StepDelegatingExecutor",
    "StepDependencyConfig",
    "StepHandler",
    "StepHandlerContext",
    "WorkerStatus",
]


class LauncherWithoutSettings(RunLauncher, ConfigurableClass):
    """A run launcher that dagster.yaml names without any `config`."""

    def __init__(self, inst_data: ConfigurableClassData | None = None):
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """Where it is named in dagster.yaml."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """It has no settings."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Make one as dagster.yaml says."""
        return cls(inst_data)

    @property
    def instance(self) -> dg.DagsterInstance:
        """The instance whose runs it launches."""
        return self._instance


def step_command(arguments: ExecuteStepArgs) -> tuple[str, ...]:
    """Return the command of a process that carries out one step of a run.

    Without the records' own settings, which may hold a password; DAGSTER_HOME names them there.
    """
    return tuple(as_command(copy(arguments, instance_ref=None)))


def attempts_before(arguments: ExecuteStepArgs, step_key: str) -> int:
    """Count the attempts at a step that Dagster has made already."""
    if arguments.known_state is None:
        return 0
    return arguments.known_state.get_retry_state().get_attempt_count(step_key)


def write_to_run_log(context: StepHandlerContext, step_key: str, text: str, folder: str) -> None:
    """Write a line about a step into a run's log, with the folder that it is about."""
    data = EngineEventData(metadata={"folder": dg.MetadataValue.path(folder)})
    dg.DagsterEvent.engine_event(context.get_step_context(step_key), text, data)
