"""One at work at a time, runs that were killed, and records that cannot be written."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from ect_assets.orchestration import instance as instance_module
from ect_assets.orchestration.instance import (
    BEFORE_OUTPUT,
    FRESHNESS,
    HEADER,
    MONITORING,
    OUTPUT,
    START_TIMEOUT,
    UNFINISHED,
    clear_queue,
    close_abandoned_runs,
    close_runs_of_dead,
    only_one_run,
    only_one_server,
    open_instance,
    prepare_home,
)
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, load_study
from ect_assets.system import is_alive
from ect_assets.whole_files import WRITING
from ect_assets_tests.lake import killing

SETTINGS = """
name = "mine"
title = "A study"
[parcellations.desikan_killiany]
freesurfer = "aparc"
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / STUDY_FILE).write_text(SETTINGS)
    return load_study(tmp_path)


@dg.op
def die():
    os._exit(1)


@dg.job
def dying():
    die()


def run_and_die(folder: Path) -> None:
    study = load_study(folder)
    with only_one_run(study), open_instance(study) as instance:
        dying.execute_in_process(instance=instance)


def killed_run(study) -> str:
    """Leave a run behind whose process died in the middle of it."""
    process = killing.processes.Process(target=run_and_die, args=(study.folder,))
    process.start()
    process.join()
    with open_instance(study) as instance:
        (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.STARTED
    return run.run_id


@pytest.mark.parametrize("alone", [only_one_run, only_one_server])
def test_the_second_is_told_who_is_at_work(study, alone):
    who = f"running on mine.*process {os.getpid()} "
    with alone(study), pytest.raises(StudyError, match=who), alone(study):
        pass


@pytest.mark.parametrize("alone", [only_one_run, only_one_server])
def test_the_next_may_work_when_the_one_before_is_done(study, alone):
    for _ in range(2):
        with alone(study):
            pass


def test_a_run_and_a_server_may_be_at_work_together(study):
    with only_one_run(study), only_one_server(study):
        pass


def test_a_process_that_was_given_the_lock_of_the_server_keeps_it(study):
    with only_one_server(study) as locks:
        daemon = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=locks
        )
    with pytest.raises(StudyError, match="Another `ect ui`"), only_one_server(study):
        pass
    daemon.communicate(b"\n")
    with only_one_server(study):
        pass


@pytest.mark.parametrize("place", ["data_lake/gmv_change", ".cache/pictures/sub-01", ".dagster"])
def test_a_run_begins_by_clearing_away_what_killed_ones_left(study, place):
    folder = study.folder / place
    folder.mkdir(parents=True)
    left = folder / f".abc{WRITING}"
    left.touch()
    with only_one_run(study):
        assert not left.exists()


def test_a_run_whose_process_died_is_marked_as_failed(study):
    died = killed_run(study)
    with open_instance(study) as instance:
        assert close_abandoned_runs(instance) == [died]
        assert instance.get_run_by_id(died).status == dg.DagsterRunStatus.FAILURE
        assert instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) == []


def test_the_runs_of_a_killed_ect_run_are_closed_while_the_ui_is_at_work(study):
    died = killed_run(study)
    with open_instance(study) as instance:
        assert close_runs_of_dead(study, instance) == [died]


def test_the_runs_of_an_ect_run_that_is_at_work_are_left_alone(study):
    killed_run(study)
    with only_one_run(study), open_instance(study) as instance:
        assert close_runs_of_dead(study, instance) == []


def test_what_a_stopped_server_queued_is_cancelled_and_what_a_person_launched_is_not(study):
    queued = dg.DagsterRunStatus.QUEUED
    with open_instance(study) as instance:
        for tags in ({"dagster/sensor_name": "make_what_is_out_of_date"}, {}):
            instance.create_run_for_job(
                nothing_to_do, status=queued, tags=tags, remote_job_origin=FROM_A_SERVER
            )
        (cancelled,) = clear_queue(instance)
        run = instance.get_run_by_id(cancelled)
        assert run.status == dg.DagsterRunStatus.CANCELED
        (left,) = instance.get_runs(dg.RunsFilter(statuses=[queued]))
        assert left.tags.get("dagster/sensor_name") is None


FROM_A_SERVER = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository"), "nothing_to_do"
)


@dg.job
def nothing_to_do() -> None:
    """Stands for a run of tables."""


def look_launched(monkeypatch, process: int) -> None:
    """Let runs look as if they had been launched from the UI by a process."""
    monkeypatch.setattr(instance_module, "is_launched", lambda run: True)
    monkeypatch.setattr(instance_module, "_process_of", lambda *arguments: process)


def test_a_run_from_the_ui_is_left_to_the_server(study, monkeypatch):
    killed_run(study)
    look_launched(monkeypatch, os.getpid())
    with open_instance(study) as instance:
        assert close_abandoned_runs(instance) == []


def test_a_run_from_the_ui_whose_process_lives_is_not_marked(study, monkeypatch):
    killed_run(study)
    look_launched(monkeypatch, os.getpid())
    with open_instance(study) as instance:
        assert close_abandoned_runs(instance, launched=True) == []


def test_the_process_of_a_run_is_known_from_its_record(study):
    died = killed_run(study)
    with open_instance(study) as instance:
        process = instance_module._process_of(instance, instance.get_run_by_id(died))
    assert process is not None and not is_alive(process)


def test_the_folder_of_a_killed_beginning_is_completed(study):
    home = prepare_home(study)
    (home / "dagster.yaml").unlink()
    assert "telemetry" in (prepare_home(study) / "dagster.yaml").read_text()


def test_settings_that_were_edited_stay(study):
    home = prepare_home(study)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    prepare_home(study)
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_settings_of_an_earlier_version_keep_what_steps_print_and_know_of_missed_nights(study):
    file = prepare_home(study) / "dagster.yaml"
    now = file.read_text()
    file.write_text(now.replace(OUTPUT, BEFORE_OUTPUT).replace(FRESHNESS, ""))
    assert "NoOpComputeLogManager" in file.read_text() and "freshness" not in file.read_text()
    prepare_home(study)
    assert yaml.safe_load(file.read_text()) == yaml.safe_load(now)
    file.write_text(now.replace("enabled: true\n", "enabled: false\n"))
    edited = file.read_text()
    prepare_home(study)
    assert file.read_text() == edited


def test_settings_of_an_earlier_version_give_a_run_time_to_start(study):
    file = prepare_home(study) / "dagster.yaml"
    now = file.read_text()
    file.write_text(now.replace(START_TIMEOUT, ""))
    prepare_home(study)
    assert file.read_text() == now


@pytest.mark.parametrize(
    ("ours", "edited"),
    [
        (START_TIMEOUT, "  start_timeout_seconds: 60\n"),
        (f"{MONITORING}{START_TIMEOUT}", "run_monitoring:\n  enabled: false\n"),
    ],
)
def test_a_deadline_of_the_owners_own_stays(study, ours, edited):
    file = prepare_home(study) / "dagster.yaml"
    before = file.read_text().replace(ours, edited)
    for settings in (before, before.replace(HEADER, "").replace(edited, "")):
        file.write_text(settings)
        prepare_home(study)
        assert file.read_text() == settings


def open_records(folder: Path, gate) -> None:
    gate.wait()
    with open_instance(load_study(folder)) as instance:
        instance.get_runs()


def test_records_may_be_made_by_several_processes_at_once(study):
    gate = killing.processes.Barrier(3)
    several = [
        killing.processes.Process(target=open_records, args=(study.folder, gate)) for _ in range(3)
    ]
    for one in several:
        one.start()
    for one in several:
        one.join()
    assert [one.exitcode for one in several] == [0, 0, 0]
    with open_instance(study) as instance:
        assert instance.get_runs() == []


def test_damaged_records_are_named_with_what_to_do(study):
    with open_instance(study) as instance:
        instance.get_runs()
    (study.dagster_home / "history" / "runs.db").write_bytes(b"no database" * 1000)
    damaged = pytest.raises(StudyError, match="move the folder away")
    with damaged, open_instance(study) as instance:
        instance.get_runs()


def test_the_settings_of_an_earlier_version_name_modules_that_are_there(study):
    file = prepare_home(study) / "dagster.yaml"
    earlier = (
        "run_launcher:\n  module: ect_assets.cluster.launcher\n  class: ResumableRunLauncher\n"
    )
    file.write_text(f"# mine\n{earlier}")
    prepare_home(study)
    settings = yaml.safe_load(file.read_text())["run_launcher"]
    assert file.read_text().startswith("# mine\n")
    assert hasattr(importlib.import_module(settings["module"]), settings["class"])
