"""`ect run` with the runs of a wave side by side, on a cluster or on the processors of one machine.

What is due, and in which order, is decided in `runner`, as ever. Here a run has a worker, a process
that hands the steps to Slurm and waits for them, or makes them itself; what they said is read from
the records of runs. Workers are processes because Dagster cannot carry out two runs in one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import dagster as dg

from ect_assets.orchestration.dagster_internals import job_origin, run_command
from ect_assets.orchestration.runs import DEFINITIONS, Ran, how_it_went, new_run
from ect_assets.problems import StudyError
from ect_assets.study import Study

SECONDS_TO_CANCEL = 90


class Workers:
    """Carries out runs, each with a worker of its own; several threads may ask at once.

    Parameters
    ----------
    study : Study
    instance : DagsterInstance
    job : JobDefinition
        Of all assets.
    """

    def __init__(self, study: Study, instance: dg.DagsterInstance, job: dg.JobDefinition):
        self._study = study
        self._instance = instance
        self._job = job
        # Records in SQLite are not for several threads of one process.
        self._records = threading.Lock()
        self._working: dict[str, subprocess.Popen] = {}
        self._is_stopping = False

    def execute(
        self,
        tables: Sequence[str],
        first: str | None,
        last: str | None,
        run_config: Mapping[str, object],
    ) -> Ran:
        """Carry out one run, as `new_run` describes it, and wait for its end.

        Raises
        ------
        StudyError
            When its worker could not do its work at all.
        """
        run, worker = self._start(tables, first, last, run_config)
        worker.wait()
        with self._records:
            del self._working[run.run_id]
            return how_it_went(self._instance, run)

    def _start(
        self,
        tables: Sequence[str],
        first: str | None,
        last: str | None,
        run_config: Mapping[str, object],
    ) -> tuple[dg.DagsterRun, subprocess.Popen]:
        origin = job_origin(*DEFINITIONS, self._job.name)
        with self._records:
            if self._is_stopping:
                raise StudyError("Interrupted.")
            run = new_run(self._instance, self._job, tables, first, last, run_config)
            log = self._study.dagster_home / "slurm" / "runs" / f"{run.run_id}.txt"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                worker = subprocess.Popen(
                    run_command(origin, run.run_id, self._instance),
                    env=os.environ | {"ECT_STUDY": str(self._study.folder)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C reaches it through us, once its run is known to be cancelled.
                    start_new_session=True,
                )
            self._working[run.run_id] = worker
        return run, worker

    def side_by_side(self, runs: Sequence[Callable[[], object]]) -> None:
        """Call several functions that each carry out runs; on Ctrl-C cancel what is at work.

        Raises
        ------
        Exception
            What the first of them raised that did; the others are cancelled.
        """
        if not runs:
            return
        with ThreadPoolExecutor(min(len(runs), _at_once(self._study))) as pool:
            pending = [pool.submit(one) for one in runs]
            try:
                for one in wait(pending, return_when=FIRST_EXCEPTION).done:
                    one.result()
            except BaseException:
                for one in pending:
                    one.cancel()
                self.cancel()
                raise

    def cancel(self) -> None:
        """End the runs that are at work, and their jobs with them."""
        with self._records:
            self._is_stopping = True
            working = dict(self._working)
            for run_id, worker in working.items():
                run = self._instance.get_run_by_id(run_id)
                if run is not None and not run.is_finished:
                    self._instance.report_run_canceling(run)
                worker.send_signal(signal.SIGTERM)
        for worker in working.values():
            try:
                worker.wait(SECONDS_TO_CANCEL)
            except subprocess.TimeoutExpired:
                worker.kill()


def are_wanted(study: Study) -> bool:
    """Say whether `ect run` hands its runs to workers instead of carrying them out itself."""
    return study.cluster.executor == "slurm" or study.cluster.processes > 1


def _at_once(study: Study) -> int:
    cluster = study.cluster
    return cluster.runs_at_once if cluster.executor == "slurm" else cluster.processes
