"""In which process automations act: one per study."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from ect_assets.orchestration import automation_process
from ect_assets.orchestration.automation_process import (
    SERVER,
    schedule_here,
    sensor_here,
    why_not_here,
)
from ect_assets.orchestration.instance import only_one_server, open_instance
from ect_assets.study import STUDY_FILE, load_study

SETTINGS = (
    'name = "mine"\ntitle = "A study"\n[parcellations.desikan_killiany]\nfreesurfer = "aparc"\n'
)


@dg.sensor(name="looks", minimum_interval_seconds=7, default_status=dg.DefaultSensorStatus.RUNNING)
def looks(context):
    return dg.SkipReason("looked")


@dg.job
def nothing():
    pass


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / STUDY_FILE).write_text(SETTINGS)
    held: dict = {}
    monkeypatch.setattr(automation_process, "_held", held)
    yield load_study(tmp_path)
    for one in held.values():
        one.close()


def said_by(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> str:
    data = sensor(dg.build_sensor_context(instance=instance))
    return data.skip_message


def test_where_nobody_serves_the_study_the_first_process_holds_it_and_acts(study):
    with open_instance(study) as instance:
        assert why_not_here(study, instance) is None
        assert why_not_here(study, instance) is None
        with (
            pytest.raises(Exception, match=f"process {os.getpid()} "),
            only_one_server(study),
        ):
            pass


def test_beside_another_server_sensors_and_schedules_skip_and_say_who_serves(study):
    sensor = sensor_here(study, looks)
    daily = dg.ScheduleDefinition(name="daily", job=nothing, cron_schedule="0 2 * * *")
    with only_one_server(study, "http://127.0.0.1:3000"), open_instance(study) as instance:
        who = f"running on mine (process {os.getpid()} on "
        assert who in said_by(sensor, instance)
        context = dg.build_schedule_context(instance=instance)
        assert who in schedule_here(study, daily)(context).skip_message
        assert "at http://127.0.0.1:3000" in str(why_not_here(study, instance))
    with open_instance(study) as instance:
        assert said_by(sensor, instance) == "looked"
        assert isinstance(schedule_here(study, daily)(context), dg.RunRequest)


def test_what_the_server_started_acts_and_what_an_ended_one_started_does_not(study, monkeypatch):
    with only_one_server(study), open_instance(study) as instance:
        monkeypatch.setenv(SERVER, str(os.getpid()))
        assert why_not_here(study, instance) is None
        monkeypatch.setenv(SERVER, str(os.getpid() + 1))
        assert "is running on mine" in str(why_not_here(study, instance))


def test_with_records_of_elsewhere_nothing_acts(study, tmp_path):
    other = Path(tmp_path / "other")
    other.mkdir()
    with dg.DagsterInstance.local_temp(str(other)) as instance:
        assert f"set DAGSTER_HOME={study.dagster_home}" in str(why_not_here(study, instance))


def test_a_sensor_keeps_its_name_interval_and_state(study):
    kept = sensor_here(study, looks)
    assert (kept.name, kept.minimum_interval_seconds) == ("looks", 7)
    assert kept.default_status == dg.DefaultSensorStatus.RUNNING
