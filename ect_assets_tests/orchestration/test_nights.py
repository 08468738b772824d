"""A night in which the check was not made is seen and told."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from ect_assets.orchestration import notifications
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.nights import (
    last_night,
    missed_night,
    nightly_asset,
    nightly_record,
)
from ect_assets.orchestration.notifications import LOG, notification_sensor
from ect_assets.study import STUDY_FILE, load_study

SETTINGS = """
name = "mine"
title = "A study"
[parcellations.desikan_killiany]
freesurfer = "aparc"
[schedule]
time_zone = "Europe/Berlin"
nightly_at = "22:30"
"""
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def study(tmp_path):
    (tmp_path / STUDY_FILE).write_text(SETTINGS)
    return load_study(tmp_path)


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        (datetime(2026, 3, 10, 4, 29, tzinfo=BERLIN), datetime(2026, 3, 8, 22, 30, tzinfo=BERLIN)),
        (datetime(2026, 3, 10, 4, 30, tzinfo=BERLIN), datetime(2026, 3, 9, 22, 30, tzinfo=BERLIN)),
        (datetime(2026, 3, 10, 23, 0, tzinfo=BERLIN), datetime(2026, 3, 9, 22, 30, tzinfo=BERLIN)),
    ],
)
def test_a_night_is_over_six_hours_after_its_begin_in_the_studys_time_zone(study, now, begin):
    assert last_night(study, now) == begin


def test_the_policy_in_the_ui_has_the_same_deadline(study):
    policy = nightly_asset(study).freshness_policy
    assert (policy.deadline_cron, policy.timezone) == ("30 4 * * *", "Europe/Berlin")


def test_a_study_without_nightly_checks_misses_none(study):
    text = SETTINGS + "nightly = false\n"
    (study.folder / STUDY_FILE).write_text(text)
    without = load_study(study.folder)
    assert nightly_asset(without).freshness_policy is None
    with open_instance(without) as instance:
        assert missed_night(without, instance, last_night(without, datetime.now(BERLIN))) is None


def test_a_night_with_a_check_that_ended_later_is_not_missed(study):
    with open_instance(study) as instance:
        night = last_night(study, datetime.now(BERLIN))
        assert f"of {night:%Y-%m-%d}" in str(missed_night(study, instance, night))
        instance.report_runless_asset_event(nightly_record(0, 0, 0))
        assert missed_night(study, instance, night) is None


def test_a_missed_night_is_told_once_and_the_one_before_the_first_look_is_not(study, monkeypatch):
    night = last_night(study, datetime.now(BERLIN))
    sensor = notification_sensor(study)

    def look(instance, cursor: str | None, of: datetime) -> str | None:
        monkeypatch.setattr(notifications, "last_night", lambda *asked: of)
        return sensor(dg.build_sensor_context(instance=instance, cursor=cursor)).cursor

    log = study.folder / LOG
    with open_instance(study) as instance:
        cursor = look(instance, None, night.replace(year=2020))
        assert not log.exists()
        for _ in range(2):
            cursor = look(instance, cursor, night)
    assert log.read_text().count("the nightly check of") == 1
