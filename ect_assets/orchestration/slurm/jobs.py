"""Jobs for attempts at steps: submitted once each, found again, followed, cancelled.

What was submitted is written down beside its script and log, below the study's Dagster folder, so
that a process that takes over knows all that the one before it knew. Nothing here knows Dagster;
the calls of Slurm's programs are in `slurm`.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from ect_assets.orchestration.slurm.attempts import Attempt, Standing, Submission, parse_job_name
from ect_assets.orchestration.slurm.script import array_script, batch_script, sbatch_options
from ect_assets.orchestration.slurm.slurm import Slurm
from ect_assets.orchestration.slurm.states import parse_ended
from ect_assets.orchestration.slurm.words import how_it_went_unseen, why_it_ended, why_it_waits
from ect_assets.study.cluster import Cluster, Resources
from ect_assets.whole_files import replace_whole

SCRIPT, LOG, NUMBER, ENDED, ASKED, TASK = (
    "job.sh",
    "log.txt",
    "job_number",
    "ended.json",
    "asked.json",
    "task.json",
)
ARRAYS = "arrays"
UNKNOWN = "of unknown number"
"""Stands for the number of a job that was at work, as its node noted, and was forgotten since."""


class Jobs:
    """The jobs of one study.

    Parameters
    ----------
    slurm : Slurm
    cluster : Cluster
    study_folder, home : Path
        Of the study, and of its records of runs.
    """

    def __init__(self, slurm: Slurm, cluster: Cluster, study_folder: Path, home: Path):
        self.slurm = slurm
        self.cluster = cluster
        self.study_folder = study_folder
        self.home = home
        self.folder = home / "slurm"

    def submit(self, submissions: Sequence[Submission], after: Collection[str] = ()) -> list[str]:
        """Submit what was not submitted before: one as a job, several as the tasks of an array.

        Parameters
        ----------
        submissions : sequence of Submission
            Several only where they ask for the same.
        after : collection of str
            Jobs that must have ended before.

        Returns
        -------
        list of str
            The number of each one's job, whether it is of now or of before.

        Raises
        ------
        SlurmAway, SlurmRefused
        WriteError
            When the study's folder is full or read-only.
        """
        known = {one.attempt: self.find(one.attempt) for one in submissions}
        missing = [one for one in submissions if known[one.attempt] is None]
        for one in missing:
            self._write_script(one)
        if len(missing) == 1:
            known[missing[0].attempt] = self._submit_one(missing[0], after)
        elif missing:
            known |= self._submit_array(missing, after)
        return [number for number in known.values() if number is not None]

    def _write_script(self, one: Submission) -> None:
        place = self.place(one.attempt)
        variables = {"DAGSTER_HOME": str(self.home), "ECT_STUDY": str(self.study_folder)}
        text = batch_script(
            one.command, place / ENDED, sys.executable, self.cluster.setup, variables
        )
        _write(place / SCRIPT, text)
        _write(place / ASKED, one.resources.model_dump_json(exclude_none=True))

    def _submit_one(self, one: Submission, after: Collection[str]) -> str:
        place = self.place(one.attempt)
        options = self._options(one.attempt.job_name, one.resources, place / LOG, after)
        number = self.slurm.submit(options, place / SCRIPT)
        _write(place / NUMBER, number)
        return number

    def _submit_array(
        self, several: Sequence[Submission], after: Collection[str]
    ) -> dict[Attempt, str]:
        name = Attempt(str(uuid.uuid4()), "array").job_name
        places = [self.place(one.attempt) for one in several]
        for task, place in enumerate(places):
            # Before it is submitted: this is how a task is found again whose number was not noted.
            _write(place / TASK, json.dumps({"array": name, "task": task}))
        script = self.folder / ARRAYS / f"{name.rpartition('-')[2]}.sh"
        scripts, logs = [one / SCRIPT for one in places], [one / LOG for one in places]
        _write(script, array_script(scripts, logs))
        # Each task sends what it prints to a log of its own.
        options = self._options(name, several[0].resources, Path(os.devnull), after, len(several))
        number = self.slurm.submit(options, script)
        numbers = {one.attempt: f"{number}_{task}" for task, one in enumerate(several)}
        for attempt, of_task in numbers.items():
            _write(self.place(attempt) / NUMBER, of_task)
        return numbers

    def _options(
        self,
        name: str,
        resources: Resources,
        log: Path,
        after: Collection[str],
        tasks: int | None = None,
    ) -> list[str]:
        return sbatch_options(
            name,
            resources,
            log,
            self.study_folder,
            self.cluster.environment,
            sorted(after),
            tasks,
        )

    def place(self, attempt: Attempt) -> Path:
        """Return the folder of an attempt's script, log and notes."""
        return self.folder / attempt.folder

    def find(self, attempt: Attempt) -> str | None:
        """Return the number of an attempt's job, by any submitter.

        Returns
        -------
        str or None
            None when it was never submitted.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        place = self.place(attempt)
        noted = _read(place / NUMBER)
        if noted:
            return noted
        if not (place / SCRIPT).is_file():
            return None
        # A process may have been killed between submitting and noting the number.
        names = {attempt.job_name: ""}
        task = parse_ended(_read(place / TASK) or "{}")
        if task:
            names[str(task["array"])] = f"_{task['task']}"
        for job in self.slurm.queue():
            if job.name in names and job.number.endswith(names[job.name]):
                _write(place / NUMBER, job.number)
                return job.number
        return UNKNOWN if (place / ENDED).is_file() else None

    def standing(self, attempt: Attempt) -> Standing:
        """Say how an attempt's job stands.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        number = self.find(attempt)
        if number is None:
            return Standing(None, False, "Nothing was submitted yet.")
        queued = {job.number: job for job in self.slurm.queue()}.get(number)
        if queued is not None and not queued.has_ended:
            return Standing(number, False, why_it_waits(queued))
        job = self.slurm.ended(number) if number != UNKNOWN else None
        if job is not None and not job.has_ended:
            return Standing(number, False, why_it_waits(job))
        job = job or queued
        place = self.place(attempt)
        if job is None:
            note = parse_ended(_read(place / ENDED) or "{}")
            return Standing(number, True, how_it_went_unseen(number, note, str(place / LOG)))
        asked: Mapping[str, object] = parse_ended(_read(place / ASKED) or "{}")
        return Standing(number, True, why_it_ended(job, asked, str(place / LOG)))

    def unfinished(self) -> dict[str, Attempt]:
        """List the jobs of this user that ect submitted and that have not ended.

        Returns
        -------
        dict of str to Attempt
            Of any study; the tasks of arrays stand under what they are for where that is ours.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        live = [job for job in self.slurm.queue() if not job.has_ended]
        found = {job.number: named for job in live if (named := parse_job_name(job.name))}
        if not any(one.step_key == "array" for one in found.values()):
            return found
        return found | self._tasks({job.number for job in live})

    def _tasks(self, live: Collection[str]) -> dict[str, Attempt]:
        """Find out what the tasks of arrays are for, by the notes beside their scripts."""
        found = {}
        for file in self.folder.glob(f"*/*/{NUMBER}"):
            number = _read(file) or ""
            if "_" in number and number in live:
                step, _, attempt = file.parent.name.rpartition("-")
                found[number] = Attempt(file.parent.parent.name, step, int(attempt))
        return found

    def cancel(self, attempts: Iterable[Attempt]) -> list[str]:
        """Cancel the jobs of attempts.

        Returns
        -------
        list of str
            Their numbers.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        found = [self.find(one) for one in attempts]
        numbers = [one for one in found if one is not None and one != UNKNOWN]
        self.slurm.cancel(numbers)
        return numbers

    def cancel_runs(self, run_ids: Collection[str]) -> list[str]:
        """Cancel whatever has not ended of some runs.

        Returns
        -------
        list of str
            The numbers of their jobs.

        Raises
        ------
        SlurmAway, SlurmRefused
        """
        numbers = [job for job, one in self.unfinished().items() if one.run_id in run_ids]
        self.slurm.cancel(numbers)
        return numbers


def _write(file: Path, text: str) -> None:
    replace_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
