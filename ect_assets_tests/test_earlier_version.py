"""A study, with lake and Dagster home, that commit 1e20afc made is taken up where it was.

The archive was made there: five simulated patients, one parcellation, no genes, no pages
(`make_simulated_study(folder, folder / "data_lake", subjects=5, voxel_mm=5.0)`, then `ect run`).
"""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import pandas as pd
import pytest

from ect_assets.lake.catalogue import query
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.study import load_study
from ect_assets_tests.orchestration.test_sources import due, shown

ARCHIVE = Path(__file__).parent / "data" / "study_of_1e20afc.tar.xz"
OF_THE_MAKING = ["ingested_at"]


@pytest.fixture(scope="module")
def taken_up(tmp_path_factory):
    """The study of then, its tables of then, and what today's `ect run` made of it."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    before = Path(shutil.copytree(folder / "study" / "data_lake", folder / "before"))
    study = load_study(folder / "study")
    with open_instance(study) as instance:
        n_runs = len(instance.get_runs())
        patients = instance.get_dynamic_partitions("subject")
    return study, before, n_runs, patients, Runner(study).run()


def test_the_home_of_then_has_its_runs_and_patients(taken_up):
    study, _, n_runs, patients, _ = taken_up
    assert n_runs > 0 and len(patients) == 5
    with open_instance(study) as instance:
        assert set(patients) <= set(instance.get_dynamic_partitions("subject"))


def test_every_table_has_the_rows_of_then(taken_up):
    study, before, _, _, outcome = taken_up
    assert not outcome.failed
    lake = study.open_lake()
    compared = set()
    for file in before.glob("*/**/part.parquet"):
        table = STEP_OF[file.relative_to(before).parts[0]].table
        was = pd.read_parquet(file)
        keys = dict(part.split("=") for part in file.relative_to(before).parts[1:-1])
        now = lake.read(table, keys)
        if "structure" in now and "structure" not in was:
            now = now[now["structure"] == "cortex"].reset_index(drop=True)
        now = now[was.columns]
        if table.table_name in ("scan_quality", "parcel_quality"):
            now = now[now["check_name"].isin(was["check_name"])].reset_index(drop=True)
        kept = [name for name in was if name not in OF_THE_MAKING]
        pd.testing.assert_frame_equal(was[kept], now[kept], check_dtype=False)
        compared.add(table.table_name)
    assert {"raw_scans", "parcel_gmv", "gmv_change", "symptom_pls"} <= compared


def test_the_next_run_has_nothing_to_do_and_sql_answers(taken_up):
    study, *_ = taken_up
    assert Runner(study).run().made == []
    assert query(study.open_lake(), "SELECT DISTINCT n FROM gmv_change").fetchall() == [(5,)]


def test_the_ui_shows_nothing_as_unsynced_after_the_first_run(taken_up):
    study, *_ = taken_up
    with open_instance(study) as instance:
        assert shown(study, instance) == due(study) == set()
