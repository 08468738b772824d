"""Runs without Dagster make, leave out and refuse what runs of the product do."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.pipeline.status import study_status
from ect_assets.problems import Problem
from ect_assets.study import Study, load_study
from ect_assets.tables import TABLES, AuditLog
from ect_assets_tests.light_runs import without_dagster
from ect_assets_tests.test_bad_input import broken_image, cut_in_half, one_session

OF_THE_CLOCK = ("raw_scans",)
"""Its rows say when they were read."""


def spoil(folder: Path) -> Study:
    """Break three patients in ways of their own, and change a setting of the group."""
    cut_in_half(folder, "003")
    one_session(folder, "004")
    broken_image(folder, "005")
    file = folder / "study.toml"
    text = file.read_text(encoding="utf-8").replace('column = "hamd17"', 'column = "hamd"')
    file.write_text(text + "\n[quality]\noutlier_z = 4.0\n", encoding="utf-8")
    return load_study(folder)


def contents(study: Study) -> dict[str, tuple[str, ...]]:
    """Return of each partition the digests of its rows and of what it was made from."""
    lake, found = study.open_lake(), {}
    for name, table in TABLES.items():
        for partition in lake.partitions(table) if table is not AuditLog else ():
            footer = lake.footer(table, partition) or {}
            told = ("inputs_sha256",) if name in OF_THE_CLOCK else ("content_sha256",)
            found[f"{name} {partition}"] = tuple(footer[one] for one in told)
    return found


@pytest.fixture(scope="module")
def both(narrow_input, tmp_path_factory) -> tuple[list[Study], list[Outcome]]:
    folder = tmp_path_factory.mktemp("both")
    here, there = (spoil(shutil.copytree(narrow_input, folder / one)) for one in ("a", "b"))
    made = Runner(here).run()
    with without_dagster():
        return [here, there], [made, Runner(there).run()]


def test_the_outcome_is_the_same(both):
    ours, theirs = both[1]
    assert ours.made == theirs.made and ours.made
    assert ours.unavailable == theirs.unavailable
    assert (ours.group_failed, ours.departed) == (theirs.group_failed, theirs.departed)
    assert ours.failed == theirs.failed and len(ours.failed) > 3


def test_every_table_has_the_same_rows(both):
    ours, theirs = both[0]
    assert contents(ours) == contents(theirs)


def failures(study: Study) -> dict[str, tuple[Problem, ...]]:
    found = study.open_lake().failures()
    return {file.relative_to(study.folder).as_posix(): one.problems for file, one in found}


def test_the_same_failures_are_kept(both):
    ours, theirs = map(failures, both[0])
    assert ours == theirs and ours


def test_the_status_is_the_same(both):
    ours, theirs = map(study_status, both[0])
    assert ours == theirs
