"""The walk on a real Slurm: by `ect run`, and by the daemon, which is killed on the way.

Takes five minutes: each step is a job, which loads the study anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import PartitionBackfill

from ect_assets.orchestration.assembly import pipeline_definitions
from ect_assets.orchestration.instance import open_instance, prepare_home
from ect_assets.orchestration.partitions import register_subjects
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.slurm.attempts import parse_job_name
from ect_assets.orchestration.slurm.launcher import WORKER
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES
from ect_assets_tests.orchestration.slurm.conftest import on_slurm
from ect_assets_tests.orchestration.slurm.loopback import LoopbackSlurm
from ect_assets_tests.records_at_work import signs_of, without_deadlines
from ect_assets_tests.waiting import has_ended, stop, wait_for_end, wait_until

pytestmark = pytest.mark.slow

MADE = ("raw_scans", "scan_volumes")
PATIENTS = [f"{number:03d}" for number in range(1, 9)]
PATIENT_ECT = (
    "from ect_assets.orchestration import workers; from ect_assets.cli import main; "
    "workers.SECONDS_TO_CANCEL = 86_400; main()"
)
"""The command, which gives the workers of its runs a day to cancel their jobs."""
HELD = """
import pathlib, sys, time
words = sys.orig_argv
if "execute_step" in words and "ect_assets.orchestration.slurm.supervise" not in words:
    while pathlib.Path(__file__).with_name("hold").exists():
        time.sleep(0.1)
"""
"""For the interpreter of each step: it begins when it may."""


def until(
    study: Study,
    slurm: LoopbackSlurm,
    holds: Callable[[], object],
    what: str,
    unless: Callable[[], object] | None = None,
) -> None:
    """Wait for what is made on Slurm, for as long as something is done there or is recorded."""
    signs = (*signs_of(study), *slurm.signs(), lambda: queue(slurm))
    wait_until(holds, what, *signs, unless=unless, pause=0.5)


def contents(study: Study, names) -> dict[str, str]:
    """Return the digest of every file of some tables."""
    lake = lake_of(study)
    found = {}
    for name in names:
        for partition in lake.partitions(TABLES[name]):
            footer = lake.footer(TABLES[name], partition)
            assert footer is not None
            found[f"{name} {partition}"] = footer["content_sha256"]
    return found


def queue(slurm: LoopbackSlurm) -> list[list[str]]:
    """List number, state and name of all jobs that Slurm remembers."""
    said = slurm.call("squeue", "--noheader", "--array", "--states=all", "--format=%i|%T|%j")
    return [line.split("|", 2) for line in said.splitlines()]


def runs_of(study: Study) -> list[dg.DagsterRun]:
    with open_instance(study) as instance:
        return list(instance.get_runs())


@pytest.mark.parametrize("submission", ["single", "array"])
def test_ect_run_makes_the_same_tables_on_slurm_as_without(
    slurm, eight_patients, tmp_path, submission
):
    here = load_study(on_slurm(eight_patients, tmp_path / "here"))
    here = here.model_copy(update={"cluster": type(here.cluster)()})
    there = load_study(on_slurm(eight_patients, tmp_path / "there", submission))
    tables = ["scan_quality"]
    Runner(here).run(tables=tables)
    outcome = Runner(there).run(tables=tables)
    assert outcome.failed == {}
    names = {name.partition(" ")[0] for name in outcome.made}
    assert contents(there, names) == contents(here, names)


@pytest.fixture(scope="module")
def study(slurm, eight_patients, tmp_path_factory) -> Study:
    return load_study(on_slurm(eight_patients, tmp_path_factory.mktemp("daemon") / "study"))


@pytest.fixture(scope="module")
def hold(tmp_path_factory) -> Path:
    """A file for as long as which the steps of the daemon's runs do not begin."""
    folder = tmp_path_factory.mktemp("hold")
    (folder / "sitecustomize.py").write_text(HELD)
    (folder / "hold").touch()
    return folder / "hold"


def start_daemon(study: Study, hold: Path) -> subprocess.Popen:
    """Start the daemon as `ect ui` does."""
    home = prepare_home(study)
    paths = [str(hold.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = (
        os.environ
        | without_deadlines(study)
        | {
            "DAGSTER_HOME": str(home),
            "ECT_STUDY": str(study.folder),
            "PYTHONPATH": os.pathsep.join(paths),
        }
    )
    with (home / "daemon.txt").open("ab") as log:
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "dagster._daemon",
                "run",
                "-m",
                "ect_assets.orchestration.definitions",
            ],
            env=environment,
            cwd=study.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def ask_for_everybody(study: Study) -> None:
    """Ask the daemon for a run for each patient; two are at work at a time."""
    home = prepare_home(study)
    settings = (home / "dagster.yaml").read_text(encoding="utf-8")
    sooner = settings.replace("poll_interval_seconds: 15", "poll_interval_seconds: 2")
    assert sooner != settings
    (home / "dagster.yaml").write_text(sooner, encoding="utf-8")
    with open_instance(study) as instance:
        register_subjects(study, instance)
        instance.add_backfill(
            PartitionBackfill.from_asset_partitions(
                backfill_id="everybody",
                asset_graph=pipeline_definitions(study).resolve_asset_graph(),
                partition_names=PATIENTS,
                asset_selection=[dg.AssetKey(name) for name in MADE],
                backfill_timestamp=time.time(),
                tags={},
                dynamic_partitions_store=instance,
                all_partitions=False,
                title=None,
                description=None,
                run_config=None,
            )
        )


def at_work(slurm: LoopbackSlurm) -> dict[str, str]:
    """Return the numbers of jobs that are at work, by their run."""
    found = {}
    for number, state, name in queue(slurm):
        attempt = parse_job_name(name)
        if state == "RUNNING" and attempt is not None:
            found[attempt.run_id] = number
    return found


def step_process(slurm: LoopbackSlurm, job: str) -> int | None:
    """Return the process that computes the step of a job."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
            environment = (file.parent / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        is_step = (
            b"execute_step" in words and b"ect_assets.orchestration.slurm.supervise" not in words
        )
        if is_step and f"SLURM_JOB_ID={job}".encode() in environment.split(b"\0"):
            return int(file.parent.name)
    return None


@pytest.fixture(scope="module")
def troubled(slurm, study, hold) -> Iterator[dict[str, str]]:
    """Eight runs of which one has its step killed, one its job cancelled, one its worker killed.

    The daemon is killed and started again meanwhile. No step gets to its end before all that has
    happened. Gives the numbers of these three runs.
    """
    ask_for_everybody(study)
    daemon = start_daemon(study, hold)

    def until_so(holds: Callable[[], object], what: str) -> None:
        log = study.dagster_home / "daemon.txt"
        until(study, slurm, holds, what, unless=has_ended(daemon, log=log))

    try:
        until_so(lambda: len(at_work(slurm)) == 2, "two at work")
        jobs = at_work(slurm)
        killed, cancelled = jobs
        until_so(lambda: step_process(slurm, jobs[killed]), "the process of a step")
        os.kill(step_process(slurm, jobs[killed]) or 0, signal.SIGKILL)
        slurm.call("scancel", jobs[cancelled])
        until_so(lambda: len(set(at_work(slurm)) - {killed, cancelled}) == 2, "two others")
        os.killpg(daemon.pid, signal.SIGKILL)
        daemon.wait()
        lost = min(set(at_work(slurm)) - {killed, cancelled})
        with open_instance(study) as instance:
            run = instance.get_run_by_id(lost)
        assert run is not None
        os.kill(int(run.tags[WORKER].split(":")[1]), signal.SIGKILL)
        daemon = start_daemon(study, hold)
        until_so(lambda: resumes(study, lost) == 1, "another worker")
        hold.unlink()
        until_so(
            lambda: len(runs_of(study)) == 8 and all(run.is_finished for run in runs_of(study)),
            "the end of all runs",
        )
        yield {"killed": killed, "cancelled": cancelled, "lost": lost}
    finally:
        hold.unlink(missing_ok=True)
        # Its workers as well.
        os.killpg(daemon.pid, signal.SIGTERM)
        stop(daemon)


def resumes(study: Study, run_id: str) -> int:
    with open_instance(study) as instance:
        return instance.count_resume_run_attempts(run_id)


def patient(study: Study, run_id: str) -> str:
    return next(run for run in runs_of(study) if run.run_id == run_id).tags["dagster/partition"]


def failures(study: Study, run_id: str) -> str:
    with open_instance(study) as instance:
        records = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    return "\n".join(
        record.dagster_event.step_failure_data.error.message
        for record in records
        if record.dagster_event is not None
    )


def test_every_patient_has_both_tables_or_a_run_that_says_why_not(troubled, study):
    lacking = {patient(study, troubled[name]) for name in ("killed", "cancelled")}
    for name in MADE:
        there = {partition["subject"] for partition in lake_of(study).partitions(TABLES[name])}
        assert set(PATIENTS) - there <= lacking
    failed = {run.run_id for run in runs_of(study) if run.status == dg.DagsterRunStatus.FAILURE}
    assert failed == {troubled["killed"], troubled["cancelled"]}


def test_a_killed_step_is_reported_as_killed(troubled, study):
    assert "killed by signal 9" in failures(study, troubled["killed"])


def test_a_cancelled_job_is_reported_as_cancelled(troubled, study):
    assert "was cancelled by scancel" in failures(study, troubled["cancelled"])


def test_no_step_was_submitted_twice_though_a_worker_and_the_daemon_were_lost(
    troubled, slurm, study
):
    mine = {run.run_id for run in runs_of(study)}
    names = [
        name for _, _, name in queue(slurm) if (job := parse_job_name(name)) and job.run_id in mine
    ]
    assert max(Counter(names).values()) == 1


def test_nothing_was_made_twice(troubled, study):
    with open_instance(study) as instance:
        made = Counter(
            (name, record.partition_key)
            for name in MADE
            for record in instance.fetch_materializations(dg.AssetKey(name), limit=100).records
        )
    assert set(made.values()) == {1}


def test_the_run_whose_worker_was_lost_was_taken_up_again_and_succeeded(troubled, study):
    with open_instance(study) as instance:
        run = instance.get_run_by_id(troubled["lost"])
    assert run is not None
    assert (run.status, resumes(study, run.run_id)) == (dg.DagsterRunStatus.SUCCESS, 1)


def test_a_run_that_is_terminated_takes_its_job_with_it(slurm, eight_patients, tmp_path):
    study = load_study(on_slurm(eight_patients, tmp_path / "study"))
    # A shell in the background lets its children ignore Ctrl-C; this one is to hear it.
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT_ECT, "run", "--study", str(study.folder)],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until(study, slurm, lambda: at_work(slurm), "a job at work", unless=has_ended(process))
    process.send_signal(signal.SIGINT)
    wait_for_end(process, *signs_of(study))
    until(study, slurm, lambda: not at_work(slurm), "the end of its jobs")
    statuses = {run.status for run in runs_of(study)}
    assert statuses == {dg.DagsterRunStatus.CANCELED}
