"""What a failed table of the group means for what is made from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets import tables
from ect_assets.lake.store import Failure
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.blocked import blocked_by
from ect_assets.pipeline.caveats import caveats
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import Problem
from ect_assets.study import Study, load_study

SETTINGS = """
name = "small"
title = "A small study"
lake = "lake"

[parcellations.desikan_killiany]
expression = "packaged"

[parcellations.hcp_mmp]
expression = "none"
"""
HERE = {"parcellation": "desikan_killiany"}
ELSEWHERE = {"parcellation": "hcp_mmp"}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "bids/sub-001").mkdir(parents=True)
    (tmp_path / "bids/dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.10"}')
    (tmp_path / "study.toml").write_text(SETTINGS, encoding="utf-8")
    return load_study(tmp_path)


def fail(study: Study, table: type[tables.Table], partition: dict[str, str]) -> None:
    problem = Problem("step_stopped", "It failed.", table.table_name)
    lake_of(study).record_problems(table, partition, Failure((problem,), "digest", True))


def blocking(study: Study, name: str, partition: dict[str, str]) -> list[str]:
    return blocked_by(STEP_OF[name], study, lake_of(study), partition)


def test_nothing_is_blocked_where_nothing_failed(study):
    assert blocking(study, "findings", HERE) == []


def test_what_is_made_from_a_failed_table_is_blocked_however_far_on(study):
    fail(study, tables.GmvChange, HERE)
    for name in ("pls_components", "go_enrichment", "findings"):
        assert blocking(study, name, HERE) == ["gmv_change"], name


def test_another_parcellation_is_not_concerned(study):
    fail(study, tables.GmvChange, ELSEWHERE)
    assert blocking(study, "findings", HERE) == []


def test_a_table_of_all_parcellations_waits_for_each(study):
    fail(study, tables.ParcelQuality, ELSEWHERE)
    assert blocking(study, "gmv_change", HERE) == []
    fail(study, tables.Participants, {})
    assert blocking(study, "parcel_quality", HERE) == ["participants"]


def test_what_tells_of_failures_is_made_all_the_same(study):
    for table in (tables.Participants, tables.ScanQuality, tables.ClinicalScores):
        fail(study, table, {})
    fail(study, tables.GmvChange, HERE)
    assert blocking(study, "exclusions", {}) == []
    assert blocking(study, "study_report", HERE) == []
    # Who reads exclusions is stopped by their rows, not here.
    assert blocking(study, "gmv_change", HERE) == []


def test_where_who_is_left_out_is_not_known_nobody_is_analysed(study):
    fail(study, tables.Exclusions, {})
    assert blocking(study, "gmv_change", HERE) == ["exclusions"]
    assert blocking(study, "pls_genes", HERE) == ["exclusions"]


def test_one_patients_failure_blocks_nobody(study):
    fail(study, tables.ScanVolumes, {"subject": "001"})
    fail(study, tables.ParcelGmv, {"subject": "001", **HERE})
    assert blocking(study, "gmv_change", HERE) == []


def test_a_folder_of_patients_that_is_not_there_stops_no_answer(study):
    assert caveats(study) == []
    (study.bids_folder / "dataset_description.json").unlink()
    (study.bids_folder / "sub-001").rmdir()
    study.bids_folder.rmdir()
    (said,) = caveats(study)
    assert "unknown" in said and "no such folder" in said
