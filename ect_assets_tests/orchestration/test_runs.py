"""What is said of a run that ended before its first step: Dagster's own words."""

from __future__ import annotations

import dagster as dg
import pytest

from ect_assets.orchestration.runs import GONE, why_not_begun


@dg.op
def nothing() -> None:
    """Stands for the steps of a run."""


@dg.job
def walk() -> None:
    nothing()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def events_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[dg.DagsterEvent]:
    logs = instance.all_logs(run.run_id)
    return [one.dagster_event for one in logs if one.dagster_event is not None]


def test_a_run_that_failed_is_told_with_its_message(instance):
    run = instance.create_run_for_job(walk)
    instance.report_run_failed(run, "The node has no memory left.")
    assert "no memory left" in why_not_begun(events_of(instance, run))


def test_a_run_that_was_cancelled_says_so(instance):
    run = instance.create_run_for_job(walk)
    instance.report_run_canceled(run, "Somebody cancelled it.")
    assert "cancelled" in why_not_begun(events_of(instance, run))


def test_a_run_of_which_nothing_is_written_lost_who_followed_it(instance):
    assert why_not_begun(events_of(instance, instance.create_run_for_job(walk))) == GONE
