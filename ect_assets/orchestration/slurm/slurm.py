"""Calls of Slurm's own programs: submit, look, cancel.

The only module that starts them. Slurm being away for a while (its controller restarts, the
network stalls) is told apart from Slurm refusing. What its answers mean is in `states`.
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ect_assets.orchestration.slurm.states import Job, parse_sacct, parse_scontrol, parse_squeue
from ect_assets.problems import EctError

SECONDS_TO_ANSWER = 60
AWAY = re.compile(
    r"unable to contact slurm controller|socket timed out|connection (refused|reset|timed out)|"
    r"unable to (connect|establish)|zero bytes were transmitted|controller in standby|"
    r"no route to host|message (receive|send) failure|communication (connection )?failure|"
    r"resource temporarily unavailable|slurm_persist_conn|too many (open files|requests)|"
    r"munge (encode|decode) failed|protocol authentication error|"
    r"backup controller|try again|invalid job credential",
    re.IGNORECASE,
)
GONE = re.compile(r"invalid job id|already completing or completed", re.IGNORECASE)
MISLEADING = (
    "SBATCH_ARRAY",
    "SBATCH_TEST",
    "SBATCH_WAIT",
    "SACCT_",
    "SCANCEL_",
    "SQUEUE_",
    "SLURM_ARRAY",
    "SLURM_CPUS_",
    "SLURM_JOB",
    "SLURM_MEM_",
    "SLURM_NTASKS",
    "SLURM_STEP",
    "SLURM_TASKS",
)
BETWEEN = "|"
QUEUE_COLUMNS = BETWEEN.join(("%i", "%T", "%r", "%N", "%j"))
ACCOUNT_COLUMNS = "JobID,State,ExitCode,NodeList,JobName"


class SlurmAway(EctError):
    """Slurm does not answer just now; the same call may work in a minute."""


class SlurmRefused(EctError):
    """Slurm answered no; the message is its own, and asking again will not help."""


class Slurm:
    """The cluster, as its programs show it to this user.

    Parameters
    ----------
    fresh_seconds : float
        How old the last look at the queue may be; looks are shared by all threads.
    """

    def __init__(self, fresh_seconds: float = 2.0):
        self.fresh_seconds = fresh_seconds
        self._lock = threading.Lock()
        self._queue: list[Job] = []
        self._looked_at = float("-inf")

    def submit(self, options: Sequence[str], script: Path) -> str:
        """Submit a batch script.

        Parameters
        ----------
        options : sequence of str
            Of sbatch; see `script.sbatch_options`.

        Returns
        -------
        str
            The job's number.

        Raises
        ------
        SlurmAway
            The job may have been submitted nonetheless: look for its name before trying again.
        SlurmRefused
        """
        try:
            said = _call(["sbatch", *options, str(script)])
        finally:
            self._look_again()
        number = said.strip().splitlines()[-1].partition(";")[0] if said.strip() else ""
        if not number.isdigit():
            raise SlurmRefused(f"sbatch printed {said!r} where the job's number was expected.")
        return number

    def queue(self) -> list[Job]:
        """List this user's jobs: those that wait, run, or ended a short while ago.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        with self._lock:
            if time.monotonic() - self._looked_at > self.fresh_seconds:
                said = _call(
                    [
                        "squeue",
                        "--noheader",
                        "--array",
                        "--states=all",
                        f"--user={getpass.getuser()}",
                        f"--format={QUEUE_COLUMNS}",
                    ]
                )
                self._queue = parse_squeue(said)
                self._looked_at = time.monotonic()
            return list(self._queue)

    def ended(self, number: str) -> Job | None:
        """Say how a job ended, as exactly as it is known.

        Accounting knows most and longest, but few small clusters keep it; without it Slurm
        forgets a job some minutes after its end (MinJobAge).

        Returns
        -------
        Job or None
            None when Slurm no longer knows.

        Raises
        ------
        SlurmAway
        """
        return self._accounted(number) or self._remembered(number)

    def _accounted(self, number: str) -> Job | None:
        try:
            said = _call(
                [
                    "sacct",
                    "--noheader",
                    "--parsable2",
                    "--allocations",
                    "--duplicates",
                    f"--jobs={number}",
                    f"--format={ACCOUNT_COLUMNS}",
                ]
            )
        except (SlurmAway, SlurmRefused):
            # There is no accounting, or it is away, which is nothing that jobs wait for.
            return None
        jobs = [job for job in parse_sacct(said) if job.has_ended]
        return jobs[-1] if jobs else None

    def _remembered(self, number: str) -> Job | None:
        try:
            return parse_scontrol(_call(["scontrol", "--oneliner", "show", "job", number]))
        except SlurmRefused as error:
            if GONE.search(str(error)):
                return None
            raise

    def cancel(self, numbers: Sequence[str]) -> None:
        """Cancel jobs; those that have ended already stay as they are.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        if not numbers:
            return
        try:
            _call(["scancel", *numbers])
        except SlurmRefused as error:
            if not GONE.search(str(error)):
                raise
        finally:
            self._look_again()

    def _look_again(self) -> None:
        with self._lock:
            self._looked_at = float("-inf")


def _call(command: Sequence[str]) -> str:
    """Run one of Slurm's programs and return what it printed."""
    program = command[0]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_TO_ANSWER,
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise SlurmAway(f"{program} did not answer within {SECONDS_TO_ANSWER} s.") from error
    except FileNotFoundError as error:
        raise SlurmRefused(
            f"There is no program {program} here. Runs on a cluster start where jobs can be "
            'submitted, such as a login node; elsewhere set executor = "local" in study.toml.'
        ) from error
    if done.returncode == 0:
        return done.stdout
    said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
    raise (SlurmAway if AWAY.search(said) else SlurmRefused)(f"{program}: {said}")


def _environment() -> dict[str, str]:
    """Take out what would change what the programs do, such as the settings of a job around us."""
    return {name: value for name, value in os.environ.items() if not name.startswith(MISLEADING)}
