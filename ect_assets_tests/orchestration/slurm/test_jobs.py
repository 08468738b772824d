"""Jobs are submitted once, found again, followed and cancelled; Slurm is played by a few lines."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from ect_assets.orchestration.slurm.attempts import Attempt, Submission
from ect_assets.orchestration.slurm.gathering import Gathering, together
from ect_assets.orchestration.slurm.jobs import ENDED, NUMBER, Jobs
from ect_assets.orchestration.slurm.slurm import Slurm, SlurmAway
from ect_assets.orchestration.slurm.states import Job
from ect_assets.study.cluster import Cluster, Resources

RUN = "0d4f7b9c-9d55-4a1a-8c3c-2f5f0e7f1a11"
OTHER = "1d4f7b9c-9d55-4a1a-8c3c-2f5f0e7f1a11"
NOTE = {"exit_code": None, "signal": "SIGKILL", "stopped_by": "SIGTERM", "host": "n", "ended": "e"}


class PlayedSlurm(Slurm):
    """A queue in memory; nothing runs."""

    def __init__(self):
        super().__init__()
        self.jobs: dict[str, Job] = {}
        self.submitted: list[Sequence[str]] = []
        self.cancelled: list[str] = []
        self.is_lost_after_submitting = False

    def submit(self, options: Sequence[str], script: Path) -> str:
        said = dict(one[2:].partition("=")[::2] for one in options)
        number = str(100 + len(self.submitted))
        self.submitted.append(options)
        tasks = (
            [f"_{one}" for one in range(int(said["array"][2:]) + 1)] if "array" in said else [""]
        )
        for task in tasks:
            self.jobs[number + task] = Job(number + task, "PENDING", "Priority", said["job-name"])
        if self.is_lost_after_submitting:
            raise SlurmAway("sbatch: Socket timed out on send/recv operation")
        return number

    def queue(self) -> list[Job]:
        return list(self.jobs.values())

    def ended(self, number: str) -> Job | None:
        return self.jobs.get(number)

    def cancel(self, numbers: Sequence[str]) -> None:
        self.cancelled += numbers

    def ends(self, number: str, state: str) -> None:
        self.jobs[number] = dataclasses.replace(self.jobs[number], state=state)


@pytest.fixture
def slurm() -> PlayedSlurm:
    return PlayedSlurm()


@pytest.fixture
def jobs(slurm, tmp_path) -> Jobs:
    return Jobs(slurm, Cluster(executor="slurm"), tmp_path, tmp_path / ".dagster")


def submission(step: str = "parcel_gmv", run: str = RUN, **asked) -> Submission:
    return Submission(Attempt(run, step), ("true",), Resources(**asked))


def taken_over(jobs: Jobs) -> Jobs:
    """The jobs as another process knows them, which was not there before."""
    return Jobs(jobs.slurm, jobs.cluster, jobs.study_folder, jobs.home)


def test_an_attempt_is_submitted_once_however_often_it_is_asked_for(jobs, slurm):
    first = jobs.submit([submission()])
    assert taken_over(jobs).submit([submission()]) == first
    assert len(slurm.submitted) == 1


def test_a_job_whose_number_was_never_noted_is_found_by_its_name(jobs, slurm):
    slurm.is_lost_after_submitting = True
    with pytest.raises(SlurmAway):
        jobs.submit([submission()])
    slurm.is_lost_after_submitting = False
    assert taken_over(jobs).submit([submission()]) == ["100"]
    assert len(slurm.submitted) == 1


def test_a_task_of_an_array_whose_number_was_never_noted_is_found(jobs, slurm):
    slurm.is_lost_after_submitting = True
    with pytest.raises(SlurmAway):
        jobs.submit([submission("a"), submission("b")])
    assert taken_over(jobs).find(Attempt(RUN, "b")) == "100_1"


def test_an_attempt_that_ended_long_ago_is_not_submitted_again(jobs, slurm):
    jobs.submit([submission()])
    slurm.jobs.clear()
    place = jobs.place(Attempt(RUN, "parcel_gmv"))
    (place / NUMBER).unlink()
    (place / ENDED).write_text(json.dumps(NOTE))
    taken_over(jobs).submit([submission()])
    assert len(slurm.submitted) == 1


def test_a_retry_is_another_job(jobs, slurm):
    jobs.submit([submission()])
    jobs.submit([dataclasses.replace(submission(), attempt=Attempt(RUN, "parcel_gmv", 2))])
    assert len(slurm.submitted) == 2


def test_several_steps_become_tasks_of_one_array(jobs, slurm):
    assert jobs.submit([submission("a"), submission("b")]) == ["100_0", "100_1"]
    assert len(slurm.submitted) == 1


def test_of_several_steps_only_those_are_submitted_that_were_not(jobs, slurm):
    jobs.submit([submission("a")])
    assert jobs.submit([submission("a"), submission("b")]) == ["100", "101"]


def test_scripts_hold_the_interpreter_and_the_study_of_the_submitter(jobs):
    jobs.submit([submission()])
    text = (jobs.place(Attempt(RUN, "parcel_gmv")) / "job.sh").read_text()
    assert sys.executable in text
    assert f"export ECT_STUDY={jobs.study_folder}" in text


def test_a_job_that_waits_has_not_ended(jobs):
    jobs.submit([submission()])
    standing = jobs.standing(Attempt(RUN, "parcel_gmv"))
    assert (standing.number, standing.has_ended) == ("100", False)


def test_a_job_over_its_time_tells_what_it_had_asked_for(jobs, slurm):
    jobs.submit([submission(time="2:00:00")])
    slurm.ends("100", "TIMEOUT")
    standing = jobs.standing(Attempt(RUN, "parcel_gmv"))
    assert standing.has_ended
    assert "2:00:00" in standing.says


def test_a_job_that_slurm_has_forgotten_is_told_by_its_nodes_note(jobs, slurm):
    jobs.submit([submission()])
    slurm.jobs.clear()
    attempt = Attempt(RUN, "parcel_gmv")
    (jobs.place(attempt) / ENDED).write_text(json.dumps(NOTE))
    assert "SIGTERM from outside" in jobs.standing(attempt).says


def test_a_job_of_which_nobody_knows_anything_has_ended(jobs, slurm):
    jobs.submit([submission()])
    slurm.jobs.clear()
    standing = jobs.standing(Attempt(RUN, "parcel_gmv"))
    assert standing.has_ended
    assert "is unknown to Slurm" in standing.says


def test_what_was_never_submitted_has_no_number(jobs):
    assert jobs.standing(Attempt(RUN, "parcel_gmv")).number is None


def test_cancelling_a_run_leaves_the_jobs_of_others(jobs, slurm):
    jobs.submit([submission("a")])
    jobs.submit([submission("b", OTHER)])
    jobs.submit([submission("c"), submission("d", OTHER)])
    assert sorted(jobs.cancel_runs({RUN})) == ["100", "102_0"]
    assert sorted(slurm.cancelled) == ["100", "102_0"]


def test_jobs_that_are_not_ours_are_none_of_our_business(jobs, slurm):
    slurm.jobs["7"] = Job("7", "RUNNING", name="bash")
    assert jobs.unfinished() == {}


def test_steps_that_ask_for_the_same_go_together(jobs):
    alike = [submission("a", cpus=1), submission("b", cpus=2), submission("c", cpus=1)]
    names = [[one.attempt.step_key for one in group] for group in together(alike)]
    assert names == [["a", "c"], ["b"]]


def test_what_is_gathered_is_submitted_as_one_array(jobs, slurm):
    gathering = Gathering(jobs.submit, seconds=60)
    gathering.add(submission("a"), ())
    gathering.add(submission("b"), ("9",))
    assert gathering.holds(Attempt(RUN, "a"))
    gathering.flush()
    assert not gathering.holds(Attempt(RUN, "a"))
    assert "--array=0-1" in slurm.submitted[0]
    assert "--dependency=afterany:9" in slurm.submitted[0]


def test_a_step_that_was_given_up_while_it_was_gathered_is_not_submitted(jobs, slurm):
    gathering = Gathering(jobs.submit, seconds=60)
    gathering.add(submission("a"), ())
    gathering.drop(Attempt(RUN, "a"))
    gathering.flush()
    assert slurm.submitted == []
