"""Old runs go; those stay from which something comes that the UI shows as present."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ect_assets.orchestration import run_retention
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.run_retention import delete_old_runs
from ect_assets.study import STUDY_FILE, Study, load_study

SETTINGS = """
name = "mine"
title = "A study"
[parcellations.desikan_killiany]
[storage]
keep_runs_days = {days}
"""
PATIENTS = dg.StaticPartitionsDefinition(["001", "002"])
LATER = datetime.now(UTC) + timedelta(days=31)


@dg.asset(partitions_def=PATIENTS)
def volumes() -> None:
    """Stand for a table of patients."""


@dg.asset
def change() -> None:
    """Stand for a table of the group."""


@dg.asset_check(asset=change)
def complete() -> dg.AssetCheckResult:
    """Stand for a check."""
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def study(tmp_path) -> Study:
    (tmp_path / STUDY_FILE).write_text(SETTINGS.format(days=30))
    return load_study(tmp_path)


@pytest.fixture
def instance(study) -> Iterator[dg.DagsterInstance]:
    with open_instance(study) as instance:
        yield instance


def make(instance: dg.DagsterInstance, partition: str | None = None) -> str:
    assets = [volumes] if partition else [change, complete]
    return dg.materialize(assets, instance=instance, partition_key=partition).run_id


def left(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


def test_a_run_whose_partition_was_made_again_goes_with_its_events_and_its_file(study, instance):
    first, other, again = (make(instance, one) for one in ("001", "002", "001"))
    assert delete_old_runs(study, instance, LATER) == 1
    assert left(instance) == {other, again}
    assert not list(study.dagster_home.rglob(f"{first}*"))
    assert instance.get_materialized_partitions(dg.AssetKey("volumes")) == {"001", "002"}


def test_the_last_result_of_a_check_keeps_its_run(study, instance):
    checked = make(instance)
    dg.materialize([change], instance=instance)
    assert delete_old_runs(study, instance, LATER) == 0
    make(instance)
    assert delete_old_runs(study, instance, LATER) == 2
    assert checked not in left(instance)
    storage = instance.event_log_storage
    key = dg.AssetCheckKey(dg.AssetKey("change"), "complete")
    assert len(storage.get_asset_check_execution_history(key, limit=10)) >= 1


def test_a_run_that_is_not_old_enough_or_not_finished_stays(study, instance):
    make(instance, "001")
    make(instance, "001")
    assert delete_old_runs(study, instance, LATER - timedelta(days=2)) == 0
    unfinished = instance.create_run_for_job(
        dg.define_asset_job("none").resolve(
            asset_graph=dg.Definitions(assets=[change]).resolve_asset_graph()
        )
    )
    delete_old_runs(study, instance, LATER)
    assert unfinished.run_id in left(instance)


def test_a_failed_run_of_which_nothing_is_left_goes(study, instance):
    @dg.asset
    def fails() -> None:
        raise ValueError

    dg.materialize([fails], instance=instance, raise_on_error=False)
    assert delete_old_runs(study, instance, LATER) == 1
    assert left(instance) == set()


def test_with_zero_days_all_are_kept(tmp_path):
    (tmp_path / STUDY_FILE).write_text(SETTINGS.format(days=0))
    study = load_study(tmp_path)
    with open_instance(study) as instance:
        make(instance, "001")
        make(instance, "001")
        assert delete_old_runs(study, instance, LATER + timedelta(days=9999)) == 0


def test_one_night_looks_at_so_many_and_the_next_goes_on_from_there(study, instance, monkeypatch):
    monkeypatch.setattr(run_retention, "MOST_LOOKED_AT", 2)
    kept = [make(instance, one) for one in ("001", "002")]
    for _ in range(3):
        make(instance)
    counts = [delete_old_runs(study, instance, LATER) for _ in range(6)]
    assert sum(counts) == 2 and max(counts) <= 2
    assert set(kept) < left(instance) and len(left(instance)) == 3
