"""A run as Dagster records it, and what is said of one that ended before its first step."""

from __future__ import annotations

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import MAX_RETRIES_TAG

from ect_assets.orchestration.dagster_internals import is_launched
from ect_assets.orchestration.runs import GONE, new_run, why_not_begun
from ect_assets_tests.orchestration.private_names import PACKAGE

SERVER = GrpcServerCodeLocationOrigin("localhost", socket="here")
FROM_A_SERVER = RemoteJobOrigin(RemoteRepositoryOrigin(SERVER, "__repository__"), "walk")


@dg.op
def nothing() -> None:
    """Stands for the steps of a run."""


@dg.job
def walk() -> None:
    nothing()


@dg.asset
def genes() -> None:
    """Stands for a table."""


OF_ASSETS = dg.Definitions(assets=[genes]).resolve_implicit_global_asset_job_def()


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


def test_the_runs_of_ect_run_stand_where_the_ui_looks_for_them_on_its_timeline(instance):
    run = new_run(instance, OF_ASSETS, ["genes"], None, None, {})
    workspace = yaml.safe_load((PACKAGE / "orchestration/workspace.yaml").read_text())
    (location,) = workspace["load_from"]
    place = run.remote_job_origin.repository_origin.get_selector()
    assert place.location_name == location["python_module"]["location_name"]
    assert place.repository_name == dg.Definitions().get_repository_def().name


def test_the_daemon_takes_a_run_of_ect_run_neither_for_launched_nor_for_its_own_to_retry(instance):
    run = new_run(instance, OF_ASSETS, ["genes"], None, None, {})
    assert not is_launched(run)
    assert run.tags[MAX_RETRIES_TAG] == "0"
    assert is_launched(instance.create_run_for_job(walk, remote_job_origin=FROM_A_SERVER))
