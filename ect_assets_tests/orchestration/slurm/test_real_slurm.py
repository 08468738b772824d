"""A real Slurm: what becomes of jobs that are killed, cancelled, pre-empted or too long.

Takes two minutes, most of them the shortest time limit that Slurm has.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ect_assets.orchestration.slurm.attempts import Attempt, Standing, Submission
from ect_assets.orchestration.slurm.jobs import Jobs
from ect_assets.orchestration.slurm.slurm import Slurm, SlurmAway, SlurmRefused
from ect_assets.study.cluster import Cluster, Resources

pytestmark = pytest.mark.slow

RUN = "0d4f7b9c-9d55-4a1a-8c3c-2f5f0e7f1a11"
ALL_PROCESSORS = 8
LONG = ("sleep", "86400")
ENVIRONMENT = Cluster(executor="slurm", environment=("PYTHONPATH",))


def submit(jobs: Jobs, name: str, command: tuple[str, ...], **asked) -> str:
    asked = {"cpus": 1, "time": "40:00", "partition": "main", **asked}
    (number,) = jobs.submit([Submission(Attempt(RUN, name), command, Resources(**asked))])
    return number


def standing(jobs: Jobs, name: str) -> Standing:
    return jobs.standing(Attempt(RUN, name))


def is_at_work(jobs: Jobs, name: str) -> bool:
    return "at work" in standing(jobs, name).says


@pytest.fixture(scope="module")
def jobs(slurm, tmp_path_factory) -> Iterator[Jobs]:
    folder = tmp_path_factory.mktemp("jobs of a study")
    jobs = Jobs(Slurm(fresh_seconds=0), ENVIRONMENT, folder, folder / ".dagster")
    yield jobs
    jobs.cancel_runs({RUN})


@pytest.fixture(scope="module")
def ends(jobs, slurm) -> dict[str, str]:
    """What is said of jobs that ended each in another way."""
    submit(jobs, "too_long", LONG, time="1")
    submit(jobs, "wrong", ("bash", "-c", "exit 3"))
    submit(jobs, "good", ("true",))
    submit(jobs, "cancelled", LONG)
    submit(jobs, "killed", ("bash", "-c", 'echo $$ >"pid"; sleep 86400'))
    slurm.until(lambda: is_at_work(jobs, "cancelled"), "a job at work")
    slurm.call("scancel", standing(jobs, "cancelled").number or "")
    pid = jobs.study_folder / "pid"
    slurm.until(lambda: pid.exists() and pid.read_text().endswith("\n"), "the other one")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    names = ("too_long", "wrong", "good", "cancelled", "killed")
    slurm.until(lambda: all(standing(jobs, name).has_ended for name in names), "five ends")
    submit(jobs, "displaced", LONG, cpus=ALL_PROCESSORS)
    slurm.until(lambda: is_at_work(jobs, "displaced"), "a job at work")
    submit(jobs, "urgent", ("true",), cpus=ALL_PROCESSORS, partition="urgent")
    slurm.until(lambda: standing(jobs, "displaced").has_ended, "the urgent one")
    return {name: standing(jobs, name).says for name in (*names, "displaced")}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("too_long", "reached its time limit (1)"),
        ("wrong", "failed with exit code 3"),
        ("good", "ended with exit code 0"),
        ("cancelled", "was cancelled by scancel"),
        ("killed", "was killed by signal 9"),
        ("displaced", "was preempted by a job of higher priority"),
    ],
)
def test_each_end_is_told_as_what_it_was(ends, name, word):
    assert word in ends[name]


def test_an_array_has_a_log_for_each_step(jobs, slurm):
    alike = [
        Submission(Attempt(RUN, name), ("echo", f"I am {name}"), Resources(cpus=1, time="5"))
        for name in ("first", "second")
    ]
    jobs.submit(alike)
    slurm.until(
        lambda: all(standing(jobs, one.attempt.step_key).has_ended for one in alike), "two ends"
    )
    logs = [(jobs.place(one.attempt) / "log.txt").read_text() for one in alike]
    assert logs == ["I am first\n", "I am second\n"]


def test_a_partition_that_there_is_not_is_refused_in_slurms_own_words(jobs):
    with pytest.raises(SlurmRefused, match="(?i)invalid partition"):
        submit(jobs, "nowhere", ("true",), partition="nowhere")


def test_cancelling_what_has_ended_is_no_error(jobs, ends):
    assert jobs.cancel([Attempt(RUN, "good")]) != []


def test_a_controller_that_is_away_is_told_as_that_and_the_job_goes_on(jobs, slurm, tmp_path):
    waits = f"until [ -e {tmp_path}/go ]; do sleep 0.2; done; touch {tmp_path}/done"
    submit(jobs, "goes_on", ("bash", "-c", waits))
    slurm.until(lambda: is_at_work(jobs, "goes_on"), "a job at work")
    slurm.stop_controller()
    try:
        (tmp_path / "go").touch()
        slurm.until((tmp_path / "done").exists, "the end of its work")
        with pytest.raises(SlurmAway):
            standing(jobs, "goes_on")
        with pytest.raises(SlurmAway):
            submit(jobs, "later", ("true",))
    finally:
        slurm.start_controller()
    slurm.until(lambda: _answers(jobs) and standing(jobs, "goes_on").has_ended, "its end")
    submit(jobs, "later", ("true",))
    slurm.until(lambda: standing(jobs, "later").has_ended, "the end of another")


def _answers(jobs: Jobs) -> bool:
    try:
        jobs.slurm.queue()
    except SlurmAway:
        return False
    return True


def test_a_foreign_job_is_not_taken_for_one_of_ours(jobs, slurm, tmp_path):
    script = Path(tmp_path / "foreign.sh")
    script.write_text("#!/bin/sh\nsleep 86400\n")
    number = slurm.call("sbatch", "--parsable", "--output=/dev/null", str(script)).strip()
    try:
        assert number.isdigit()
        assert number not in jobs.unfinished()
    finally:
        slurm.call("scancel", number)
