"""The state of a job as a message, and what to do about it.

Plain functions of what `states` has read.
"""

from __future__ import annotations

from collections.abc import Mapping

from ect_assets.orchestration.slurm.states import Job

WAITING = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "SPECIAL_EXIT"})
HELD = frozenset({"REQUEUE_HOLD", "RESV_DEL_HOLD"})
NEVER_STARTS = (
    "BadConstraints",
    "DependencyNeverSatisfied",
    "InvalidAccount",
    "InvalidQOS",
    "JobHeldAdmin",
    "JobHeldUser",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "AssocMaxWallDurationPerJobLimit",
    "QOSMaxWallDurationPerJobLimit",
    "AssocMaxCpuPerJobLimit",
    "QOSMaxCpuPerJobLimit",
    "AssocMaxMemPerJob",
    "QOSMaxMemoryPerJob",
    "launch failed requeued held",
)
"""Reasons for which a job waits until somebody acts."""


def why_it_waits(job: Job) -> str:
    """Say what a job that has not ended is doing."""
    if job.state in HELD or any(job.reason.strip("()") == one for one in NEVER_STARTS):
        return (
            f"Job {job.number} is held ({job.reason or job.state}) and will not start. "
            f"See `scontrol show job {job.number}`; request less in [cluster] of study.toml, "
            "or have it released. Terminate the run to cancel it."
        )
    if job.state in WAITING:
        return f"Job {job.number} is pending ({job.reason or 'not yet considered'})."
    if job.state == "SUSPENDED":
        return f"Job {job.number} is suspended by Slurm; it continues when Slurm resumes it."
    return f"Job {job.number} is running{_at(job)} ({job.state})."


def why_it_ended(job: Job, asked: Mapping[str, object], log: str) -> str:
    """Say how a job ended without its step having been finished, and what to do.

    Parameters
    ----------
    asked : mapping
        What it asked for: ``time``, ``memory``.
    log : str
        Path of what it printed.

    Returns
    -------
    str
        Sentences for the run's log.
    """
    setting = "`[cluster.resources]` in study.toml"
    what = {
        "TIMEOUT": f"reached its time limit ({asked.get('time')}) and was ended by Slurm. "
        f"Give it more `time` under {setting}, then `ect run`.",
        "DEADLINE": "could not end before its deadline. Run it again without one.",
        "OUT_OF_MEMORY": f"needed more memory than requested ({asked.get('memory')}). "
        f"Give it more `memory` under {setting}, then `ect run`.",
        "PREEMPTED": "was preempted by a job of higher priority. Nothing is wrong with it: "
        f"`ect run`, or name a `partition` or `qos` under {setting} that is not preempted.",
        "NODE_FAIL": f"was lost with its node{_named(job)}. Nothing is wrong with it: `ect run`.",
        "BOOT_FAIL": f"was lost because its node{_named(job)} did not start: `ect run`.",
        "LAUNCH_FAILED": "could not be started on its node; ask the cluster's administrators.",
        "CANCELLED": f"was cancelled{_by(job)}, not by this run. `ect run` resumes.",
        "REVOKED": "was taken over by another cluster of the federation.",
    }
    sentence = what.get(job.state) or _ended_by_itself(job)
    return f"Job {job.number} {sentence} Its output: {log}"


def how_it_went_unseen(number: str, note: Mapping[str, object], log: str) -> str:
    """Say how a job ended of which Slurm remembers nothing.

    Parameters
    ----------
    note : mapping
        What `supervise` noted on the node; empty where it noted nothing.
    log : str
        Path of what it printed.
    """
    if not note:
        return (
            f"Job {number} is unknown to Slurm, and its node recorded no end. "
            f"`ect run` resumes. Its output: {log}"
        )
    how = f"exit code {note.get('exit_code')}"
    if note.get("signal"):
        how = f"signal {note['signal']}"
    if note.get("stopped_by"):
        how = f"{note['stopped_by']} from outside"
    return (
        f"Job {number} ended at {note.get('ended')} on {note.get('host')} with {how}; Slurm no "
        f"longer knows why. `ect run` resumes. Its output: {log}"
    )


def _named(job: Job) -> str:
    return f" {job.node}" if job.node else ""


def _at(job: Job) -> str:
    return f" on {job.node}" if job.node else ""


def _by(job: Job) -> str:
    if job.cancelled_by is not None:
        return f" by user {job.cancelled_by}"
    return " by scancel (the user is only known where accounting is enabled)"


def _ended_by_itself(job: Job) -> str:
    if job.state == "COMPLETED":
        return (
            "ended with exit code 0, but its step reported nothing: the node could not write to "
            "the run records, or the step had been started before. Check that DAGSTER_HOME and "
            "its database are reachable from the nodes, then `ect run`."
        )
    signal = job.signal or _signal_of(job.exit_code)
    if signal:
        return (
            f"was killed by signal {signal}{_at(job)}. Signal 9 without a message from Slurm is "
            "usually the node running out of memory, or a `kill`."
        )
    code = "an unknown exit code" if job.exit_code is None else f"exit code {job.exit_code}"
    return f"failed with {code}{_at(job)} ({job.state}{_because(job)})."


def _signal_of(exit_code: int | None) -> int | None:
    """Read the signal from an exit code as a shell, and `supervise`, gives it."""
    return exit_code - 128 if exit_code is not None and 128 < exit_code <= 192 else None


def _because(job: Job) -> str:
    return f", {job.reason}" if job.reason else ""
