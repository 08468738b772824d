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
from dataclasses import dataclass, field

import dagster as dg

from ect_assets.orchestration.dagster_internals import (
    SerializableErrorInfo,
    job_origin,
    run_command,
)
from ect_assets.orchestration.run_tags import tags_of
from ect_assets.problems import StudyError
from ect_assets.study import Study

DEFINITIONS = ("ect_assets.orchestration.definitions", "defs")
"""What a worker and a node load; the study is the one that ECT_STUDY names there."""
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
SECONDS_TO_CANCEL = 90
GONE = "The process that monitored this run has died."


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes
    ----------
    success : bool
    made : set of str
        Tables.
    said : dict of str to SerializableErrorInfo
        By the step that failed.
    broke_off : str
        Why its steps say nothing: it could not begin, or who followed it is gone; else empty.
    """

    success: bool
    made: set[str] = field(default_factory=set)
    said: dict[str, SerializableErrorInfo | None] = field(default_factory=dict)
    broke_off: str = ""


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
        """Carry out one run, and wait for its end.

        Parameters
        ----------
        first, last : str or None
            Partitions, as Dagster names them; the same where there is one, None where there is
            none.

        Raises
        ------
        StudyError
            When its worker could not do its work at all.
        """
        run, worker = self._start(tables, first, last, run_config)
        worker.wait()
        with self._records:
            del self._working[run.run_id]
            return self._read(run)

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
            run = self._instance.create_run_for_job(
                self._job,
                run_config=run_config,
                tags=partition_tags(first, last) | tags_of(tables),
                asset_selection={dg.AssetKey(name) for name in tables},
                job_code_origin=origin,
            )
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

    def _read(self, run: dg.DagsterRun) -> Ran:
        """Read from the records how a run went."""
        ended = self._instance.get_run_by_id(run.run_id)
        if ended is None or not ended.is_finished:
            self._instance.report_run_failed(run, GONE)
            return Ran(False, broke_off=GONE)
        kind = dg.DagsterEventType
        wanted = {
            kind.ASSET_MATERIALIZATION,
            kind.STEP_START,
            kind.STEP_FAILURE,
            kind.ENGINE_EVENT,
            kind.RUN_FAILURE,
            kind.RUN_CANCELED,
        }
        events = [
            record.dagster_event
            for record in self._instance.all_logs(run.run_id, of_type=wanted)
            if record.dagster_event is not None
        ]
        made = {
            one.asset_key.path[-1]
            for one in events
            if one.event_type == kind.ASSET_MATERIALIZATION and one.asset_key is not None
        }
        said = {
            one.step_key: one.step_failure_data.error
            for one in events
            if one.is_step_failure and one.step_key is not None
        }
        success = ended.status == dg.DagsterRunStatus.SUCCESS
        has_begun = success or any(one.step_key is not None for one in events)
        return Ran(success, made, said, "" if has_begun else _why_not_begun(events))

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


def _why_not_begun(events: Sequence[dg.DagsterEvent]) -> str:
    """Say what stopped a run before its first step, as far as its records tell."""
    errors = [
        f"{event.message} {event.engine_event_data.error.message.strip()}"
        for event in events
        if event.is_engine_event and event.engine_event_data.error is not None
    ]
    ends = [
        event.message
        for event in events
        if event.event_type in (dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELED)
        and event.message
    ]
    return (errors or ends or [GONE])[-1]


def are_wanted(study: Study) -> bool:
    """Say whether `ect run` hands its runs to workers instead of carrying them out itself."""
    return study.cluster.executor == "slurm" or study.cluster.processes > 1


def _at_once(study: Study) -> int:
    cluster = study.cluster
    return cluster.runs_at_once if cluster.executor == "slurm" else cluster.processes


def partition_tags(first: str | None, last: str | None) -> dict[str, str]:
    """Return the tags by which Dagster knows the partitions of a run."""
    if first is None or last is None:
        return {}
    if first != last:
        return dict(zip(RANGE_TAGS, (first, last), strict=True))
    if isinstance(first, dg.MultiPartitionKey):
        several = {
            f"dagster/partition/{name}": value for name, value in first.keys_by_dimension.items()
        }
        return {"dagster/partition": str(first), **several}
    return {"dagster/partition": first}
