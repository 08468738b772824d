"""How steps are launched and followed for Dagster; Slurm and the run are played."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.state import KnownExecutionState

from ect_assets.orchestration.dagster_internals import job_origin
from ect_assets.orchestration.slurm import step_handler
from ect_assets.orchestration.slurm.attempts import Attempt
from ect_assets.orchestration.slurm.dagster_internals import ExecuteStepArgs
from ect_assets.orchestration.slurm.jobs import Jobs
from ect_assets.orchestration.slurm.slurm import SlurmAway, SlurmRefused
from ect_assets.orchestration.slurm.step_handler import SlurmStepHandler, attempt_of
from ect_assets.study.cluster import Cluster, Resources
from ect_assets_tests.orchestration.slurm.test_jobs import PlayedSlurm

ORIGIN = job_origin("ect_assets.orchestration.definitions", "defs", "job")


class Followed:
    """A run with one step, its handler, and what was told in its log."""

    def __init__(self, instance: dg.DagsterInstance, folder):
        self.slurm = PlayedSlurm()
        self.jobs = Jobs(self.slurm, Cluster(executor="slurm"), folder, folder / ".dagster")
        self.handler = SlurmStepHandler(self.jobs, lambda step: Resources(time="1:00:00"))
        self.instance = instance
        self.run = instance.add_run(dg.DagsterRun("job"))
        self.told: list[str] = []
        self.attempt = Attempt(self.run.run_id, "parcel_gmv")

    @property
    def context(self) -> Any:
        arguments = ExecuteStepArgs(
            ORIGIN,
            self.run.run_id,
            ["parcel_gmv"],
            instance_ref=self.instance.get_ref(),
            known_state=KnownExecutionState(),
        )
        return SimpleNamespace(
            execute_step_args=arguments, instance=self.instance, get_step_context=lambda key: key
        )

    def note(self, context, step_key: str, text: str, folder: str) -> None:
        self.told.append(text)

    def launch(self) -> None:
        list(self.handler.launch_step(self.context))

    def look(self):
        return self.handler.check_step_health(self.context)


@pytest.fixture
def followed(tmp_path, monkeypatch) -> Iterator[Followed]:
    (tmp_path / "home").mkdir()
    overrides = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(tmp_path / "home"), overrides) as instance:
        one = Followed(instance, tmp_path)
        monkeypatch.setattr(step_handler, "write_to_run_log", one.note)
        yield one


def says_how_it_went(followed: Followed) -> None:
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.STEP_SUCCESS.value,
        job_name="job",
        step_key="parcel_gmv",
        event_specific_data=StepSuccessData(duration_ms=1.0),
    )
    followed.instance.report_dagster_event(event, followed.run.run_id)


def test_a_step_is_submitted_and_said_to_be(followed):
    followed.launch()
    assert followed.told == ["Submitted as job 100."]


def test_a_job_that_waits_is_healthy_and_told_once(followed):
    followed.launch()
    assert followed.look().is_healthy
    assert followed.look().is_healthy
    assert followed.told[1:] == ["Job 100 is pending (Priority)."]


def test_a_job_that_ended_without_its_step_having_reported_is_told_as_what_it_was(followed):
    followed.launch()
    followed.slurm.ends("100", "OUT_OF_MEMORY")
    health = followed.look()
    assert not health.is_healthy
    assert "needed more memory" in health.unhealthy_reason


def test_a_job_that_ended_once_its_step_had_reported_is_healthy(followed):
    followed.launch()
    says_how_it_went(followed)
    followed.slurm.ends("100", "COMPLETED")
    assert followed.look().is_healthy


def test_slurm_being_away_is_no_failure_and_the_step_is_submitted_later(followed, monkeypatch):
    with monkeypatch.context() as away:
        away.setattr(followed.slurm, "queue", _raise(SlurmAway("squeue: Socket timed out")))
        followed.launch()
        assert followed.look().is_healthy
    assert "asked again" in followed.told[0]
    assert followed.look().is_healthy
    assert followed.told[-1] == "Submitted as job 100."


def test_what_slurm_refuses_fails_the_step_in_slurms_own_words(followed, monkeypatch):
    refusal = SlurmRefused("sbatch: error: invalid account or account/partition combination")
    monkeypatch.setattr(followed.slurm, "submit", _raise(refusal))
    followed.launch()
    assert "invalid account" in followed.look().unhealthy_reason


def _raise(error: Exception):
    def fails(*arguments):
        raise error

    return fails


def test_a_step_that_is_given_up_takes_its_job_with_it(followed):
    followed.launch()
    list(followed.handler.terminate_step(followed.context))
    assert followed.slurm.cancelled == ["100"]


def test_a_job_of_a_run_that_is_over_is_ended_before_anything_is_submitted(followed):
    over = followed.instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.FAILURE))
    orphan = Attempt(over.run_id, "parcel_gmv")
    followed.slurm.submit([f"--job-name={orphan.job_name}"], followed.jobs.folder)
    followed.launch()
    assert followed.slurm.cancelled == ["100"]
    assert "--dependency=afterany:100" in followed.slurm.submitted[-1]


def test_jobs_of_runs_that_go_on_and_of_other_studies_are_left(followed):
    going_on = followed.instance.add_run(dg.DagsterRun("job", status=dg.DagsterRunStatus.STARTED))
    for run_id in (going_on.run_id, "1d4f7b9c-9d55-4a1a-8c3c-2f5f0e7f1a11"):
        name = Attempt(run_id, "parcel_gmv").job_name
        followed.slurm.submit([f"--job-name={name}"], followed.jobs.folder)
    followed.launch()
    assert followed.slurm.cancelled == []


def test_the_script_does_not_hold_the_settings_of_the_records(followed):
    one = followed.handler._submission(followed.context, followed.attempt)
    packed = one.command[-1]
    whole = followed.context.execute_step_args.get_command_args()[-1]
    assert packed != whole
    assert json.dumps(str(followed.instance.root_directory)) not in _unpacked(packed)


def _unpacked(text: str) -> str:
    return zlib.decompress(base64.b64decode(text)).decode()


def test_the_first_attempt_at_a_step_is_number_one(followed):
    assert attempt_of(followed.context.execute_step_args) == followed.attempt
