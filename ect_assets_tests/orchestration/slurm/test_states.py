"""What Slurm prints, read and put into words; no Slurm is needed."""

from __future__ import annotations

import pytest

from ect_assets.orchestration.slurm.states import (
    Job,
    parse_ended,
    parse_sacct,
    parse_scontrol,
    parse_squeue,
)
from ect_assets.orchestration.slurm.words import why_it_ended, why_it_waits

ASKED = {"time": "8:00:00", "memory": "8G"}
REMEMBERED = (
    "JobId=7 ArrayJobId=5 ArrayTaskId=2 JobName=parcel_gmv:1:ect-x UserId=anna(1000) "
    "JobState=TIMEOUT Reason=TimeLimit Dependency=(null) ExitCode=0:15 BatchHost=node3 "
    "Command=/study/job.sh WorkDir=/study\n"
)


def says(state: str, **known) -> str:
    return why_it_ended(Job("12", state, **known), ASKED, "/study/log.txt")


def test_a_line_of_squeue_is_read_even_where_the_jobs_name_has_bars():
    (job,) = parse_squeue("12_3|PENDING|Resources||a|b:1:ect-x\n\n")
    assert job == Job("12_3", "PENDING", "Resources", "a|b:1:ect-x")


def test_a_line_that_squeue_does_not_print_is_refused():
    with pytest.raises(ValueError, match="number"):
        parse_squeue("12 main bash anna R 0:01 1 node")


def test_accounting_tells_who_cancelled_a_job():
    (job,) = parse_sacct("12|CANCELLED by 1000|0:15|node3|parcel_gmv\n")
    assert (job.state, job.cancelled_by, job.signal) == ("CANCELLED", "1000", 15)


def test_a_task_of_an_array_keeps_its_number_in_what_the_controller_remembers():
    job = parse_scontrol(REMEMBERED)
    assert job is not None
    assert (job.number, job.state, job.signal, job.node) == ("5_2", "TIMEOUT", 15, "node3")


def test_no_job_is_read_from_nothing():
    assert parse_scontrol("") is None


def test_a_damaged_note_of_a_node_counts_as_none():
    assert parse_ended('{"exit_code": ') == {}


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("TIMEOUT", "8:00:00"),
        ("OUT_OF_MEMORY", "8G"),
        ("PREEMPTED", "higher priority"),
        ("NODE_FAIL", "node3"),
        ("BOOT_FAIL", "did not start"),
        ("DEADLINE", "deadline"),
        ("LAUNCH_FAILED", "could not be started"),
        ("REVOKED", "another cluster"),
        ("COMPLETED", "reported nothing"),
    ],
)
def test_each_end_is_told_as_what_it_is(state, word):
    assert word in says(state, node="node3")


def test_every_end_tells_where_the_log_is():
    assert "/study/log.txt" in says("FAILED", exit_code=3)


def test_a_cancelled_job_tells_by_whom_where_that_is_known():
    assert "by user 1000" in says("CANCELLED", cancelled_by="1000")
    assert "only known where accounting is enabled" in says("CANCELLED")


def test_an_exit_code_over_128_is_told_as_the_signal_it_stands_for():
    assert "killed by signal 9" in says("FAILED", exit_code=137)


def test_a_plain_exit_code_is_told_as_it_is():
    assert "exit code 3" in says("FAILED", exit_code=3)


@pytest.mark.parametrize("reason", ["PartitionTimeLimit", "(BadConstraints)", "JobHeldUser"])
def test_a_job_that_never_starts_by_itself_is_told_apart_from_one_that_waits(reason):
    assert "will not start" in why_it_waits(Job("12", "PENDING", reason))
    assert "is pending" in why_it_waits(Job("12", "PENDING", "Priority"))


def test_a_job_at_work_tells_where():
    assert "node3" in why_it_waits(Job("12", "RUNNING", node="node3"))
