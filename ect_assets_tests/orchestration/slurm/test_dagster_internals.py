"""The private names of Dagster that the Slurm executor uses, and that it can be taken away."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from ect_assets.orchestration.slurm import dagster_internals as internals
from ect_assets.orchestration.slurm.launcher import ResumableRunLauncher
from ect_assets_tests.orchestration.private_names import (
    Attributes,
    Call,
    found_by,
    unchecked,
    unexplained,
    why_broken,
)

MODULE = "orchestration/slurm/dagster_internals"
STEPS = "no step can be handed to Slurm"
LOST = "a run whose worker is gone is neither noticed nor continued"
NAMED = "dagster.yaml cannot name the run launcher, and no Dagster home of a cluster can be opened"
DELEGATING = "dagster._core.executor.step_delegating"
LAUNCHER = "dagster._core.launcher"
CALLS = (
    Call(
        "dagster._core.execution.step_dependency_config.StepDependencyConfig",
        ("require_upstream_step_success",),
        "one bad patient stops what follows for all patients of a run",
    ),
    Call(
        f"{DELEGATING}.StepDelegatingExecutor.__init__",
        (
            "step_handler",
            "retries",
            "check_step_health_interval_seconds",
            "max_concurrent",
            "should_verify_step",
        ),
        STEPS,
    ),
    Call(
        f"{DELEGATING}.StepDelegatingExecutor.execute",
        ("plan_context", "execution_plan"),
        "jobs of a run that was cancelled go on",
    ),
    Call(f"{DELEGATING}.StepHandler.launch_step", ("step_handler_context",), STEPS),
    Call(f"{DELEGATING}.StepHandler.check_step_health", ("step_handler_context",), STEPS),
    Call(f"{DELEGATING}.StepHandler.terminate_step", ("step_handler_context",), STEPS),
    Call(f"{DELEGATING}.CheckStepHealthResult.unhealthy", ("reason",), STEPS),
    Call("dagster._core.events.EngineEventData", ("metadata",), "a run's log shows no job"),
    Call(
        "dagster.DagsterEvent.engine_event",
        ("plan_context", "message", "event_specific_data"),
        "a run's log shows no job",
    ),
    Call(f"{LAUNCHER}.CheckRunHealthResult", ("status", "msg"), LOST),
    Call(f"{LAUNCHER}.RunLauncher.launch_run", ("context",), NAMED),
    Call(f"{LAUNCHER}.RunLauncher.resume_run", ("context",), LOST),
    Call(f"{LAUNCHER}.RunLauncher.terminate", ("run_id",), "a run cannot be cancelled in the UI"),
    Call(f"{LAUNCHER}.RunLauncher.check_run_worker_health", ("run",), LOST),
    Call("dagster._record.copy", ("record",), "a job's script holds the password of PostgreSQL"),
    Call(
        "dagster._serdes.ConfigurableClass.from_config_value", ("inst_data", "config_value"), NAMED
    ),
)
ATTRIBUTES = (
    Attributes(f"{DELEGATING}.StepDelegatingExecutor", ("execute",), STEPS),
    Attributes(f"{DELEGATING}.StepHandler", ("name",), STEPS),
    Attributes(f"{DELEGATING}.CheckStepHealthResult", ("healthy", "is_healthy"), STEPS),
    Attributes(
        f"{DELEGATING}.StepHandlerContext",
        ("execute_step_args", "instance", "get_step_context"),
        STEPS,
    ),
    Attributes(
        "dagster._grpc.types.ExecuteStepArgs",
        ("get_command_args", "run_id", "step_keys_to_execute", "known_state", "instance_ref"),
        f"{STEPS}, and of a second attempt nothing is known",
    ),
    Attributes("dagster._core.execution.retries.RetryMode", ("ENABLED",), STEPS),
    Attributes(
        "dagster._core.execution.context.system.PlanOrchestrationContext",
        ("instance", "run_id", "log"),
        "jobs of a run that was cancelled go on",
    ),
    Attributes("dagster._core.execution.plan.plan.ExecutionPlan", (), "only the type is used"),
    Attributes(
        f"{LAUNCHER}.RunLauncher",
        ("_instance", "supports_resume_run", "supports_check_run_worker_health"),
        LOST,
    ),
    Attributes(f"{LAUNCHER}.LaunchRunContext", ("dagster_run",), NAMED),
    Attributes(f"{LAUNCHER}.ResumeRunContext", ("dagster_run",), LOST),
    Attributes(f"{LAUNCHER}.WorkerStatus", ("RUNNING", "NOT_FOUND"), LOST),
    Attributes(
        "dagster._serdes.ConfigurableClass",
        ("inst_data", "config_type", "from_config_value"),
        NAMED,
    ),
    Attributes("dagster._serdes.ConfigurableClassData", ("rehydrate",), NAMED),
)
WITHOUT = """
import sys
sys.modules["ect_assets.orchestration.slurm"] = None
from ect_assets.cli import server
from ect_assets.orchestration.definitions import build_definitions
from ect_assets.study import load_study
build_definitions(load_study(sys.argv[1])).resolve_all_job_defs()
"""


def test_every_private_name_is_checked_here_and_explained_in_the_module():
    assert unchecked(MODULE, CALLS, ATTRIBUTES) == set(), "say above what breaks when it moves"
    assert unexplained(MODULE) == set(), "say in the docstring what it is for, and what instead"


@pytest.mark.parametrize("call", CALLS, ids=lambda one: one.name.split(".", 2)[-1])
def test_a_private_name_takes_what_it_is_given(call):
    assert not why_broken(call), why_broken(call)


@pytest.mark.parametrize("used", ATTRIBUTES, ids=lambda one: one.owner.split(".")[-1])
def test_what_is_used_of_a_private_name_is_there(used):
    owner = found_by(used.owner)
    missing = [name for name in used.names if not hasattr(owner, name)]
    assert not missing, f"{used.owner} has no {missing}: {used.breaks}"


def test_the_launcher_knows_the_instance_that_it_was_named_in(tmp_path):
    named = {"module": ResumableRunLauncher.__module__, "class": ResumableRunLauncher.__name__}
    settings = {"telemetry": {"enabled": False}, "run_launcher": named}
    with dg.DagsterInstance.local_temp(str(tmp_path), settings) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, internals.LauncherWithoutSettings), NAMED
        assert launcher.instance is instance, LOST


def test_everything_else_works_without_the_folder_of_the_slurm_executor(study_folder):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(study_folder)], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
