"""A patient who withdraws leaves no trace, and the group goes on."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets.freshness import lake_of
from ect_assets.instance import open_instance
from ect_assets.lake.audit import read_audit_log
from ect_assets.lake.store import Lake
from ect_assets.orchestration import SUBJECT
from ect_assets.problems import StudyError
from ect_assets.runner import Runner
from ect_assets.study import Study, load_study
from ect_assets.tables import GmvChange
from ect_assets.withdrawal import Removed, withdraw
from ect_assets_tests.conftest import without_genes

LEAVING = "Xq7Zk2vW9"
"""A label that occurs nowhere else, so that any trace of it is one of the patient."""


@pytest.fixture(scope="module")
def filled_input(simulated_input, tmp_path_factory) -> Path:
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("leaving") / "study")
    bids = folder / "bids"
    for path in sorted(bids.rglob("*003*"), key=lambda one: -len(one.parts)):
        path.rename(path.with_name(path.name.replace("003", LEAVING)))
    for table in bids.rglob("*.tsv"):
        table.write_text(table.read_text(encoding="utf-8").replace("sub-003", f"sub-{LEAVING}"))
    study = load_study(folder)
    # Something is wrong with the patient, so that findings are kept as well.
    (study.morphometry_folder / f"sub-{LEAVING}_ses-post/stats/lh.HCPMMP1.stats").write_text("no")
    Runner(study).run()
    return folder


@pytest.fixture
def study(filled_input, tmp_path) -> Study:
    return load_study(shutil.copytree(filled_input, tmp_path / "study"))


def leave(study: Study, delete_source: bool = True) -> Removed:
    with open_instance(study) as instance:
        return withdraw(study, LEAVING, delete_source, instance)


def traces(study: Study) -> list[str]:
    """Find the label in names of files, tables, and texts of the study."""
    found = [str(path) for path in study.folder.rglob("*") if LEAVING in path.name]
    for path in study.folder.rglob("*"):
        if path.suffix in {".tsv", ".json", ".toml", ".log"} and LEAVING in path.read_text():
            found.append(str(path))
    for path in study.lake_folder.rglob("*.parquet"):
        rows = pq.ParquetFile(path).read().to_pandas()
        if rows.astype(str).apply(lambda column: column.str.contains(LEAVING)).to_numpy().any():
            found.append(str(path))
    return found


def test_the_patient_is_everywhere_before(study):
    assert len(traces(study)) > 10


def test_nothing_of_the_patient_is_left(study):
    removed = leave(study)
    assert traces(study) == []
    assert min(removed.folders, removed.source_rows, removed.files, removed.rows) > 0


def test_dagster_remembers_nothing_of_the_patient(study):
    leave(study)
    with open_instance(study) as instance:
        assert LEAVING not in instance.get_dynamic_partitions(SUBJECT)
        mentions = [
            run.run_id
            for run in instance.get_runs()
            if LEAVING in str(run)
            or any(LEAVING in str(one) for one in instance.all_logs(run.run_id))
        ]
        assert mentions == []
        known = instance.get_materialized_partitions(dg.AssetKey("raw_scans"))
    assert known == {f"{number:03}" for number in range(1, 8) if number != 3}


def test_no_row_of_dagsters_files_names_the_patient(study):
    leave(study)
    found = [
        f"{file.name}: {name}"
        for file in study.dagster_home.rglob("*.db")
        for name, row in rows_of(file)
        if LEAVING in str(row)
    ]
    assert found == []


def rows_of(file: Path) -> Iterator[tuple[str, tuple]]:
    """Go through all rows of all tables of an SQLite file."""
    with closing(sqlite3.connect(file)) as records:
        tables = records.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in tables:
            yield from ((name, row) for row in records.execute(f'SELECT * FROM "{name}"'))


def test_the_audit_log_says_that_somebody_left_and_not_who(study):
    leave(study)
    log = read_audit_log(lake_of(study))
    last = log[log.event == "withdrawn"]
    assert len(last) == 1
    assert last.subject.isna().all()
    assert re.search(r"\d+ files and \d+ rows", last.detail.iloc[0])


def test_the_group_is_made_again_without_the_patient(study):
    before = lake_of(study).read(GmvChange, {"parcellation": "desikan_killiany"})
    leave(study)
    Runner(study).run()
    after = lake_of(study).read(GmvChange, {"parcellation": "desikan_killiany"})
    assert set(before.n) == {7}
    assert set(after.n) == {6}
    assert traces(study) == []


def test_the_others_stay_as_they_were(study):
    def others() -> dict[str, pd.DataFrame]:
        lake = Lake(study.lake_folder)
        return {
            str(path): pq.ParquetFile(path).read().to_pandas()
            for path in lake.folder.glob("parcel_gmv/**/*.parquet")
            if LEAVING not in str(path)
        }

    before = others()
    leave(study)
    after = others()
    assert before.keys() == after.keys()
    assert all(before[name].equals(after[name]) for name in before)


def test_source_files_that_are_still_there_are_named_and_nothing_is_removed(study):
    before = traces(study)
    with pytest.raises(StudyError, match=rf"bids/sub-{LEAVING}.*participants.tsv.*--delete-source"):
        leave(study, delete_source=False)
    assert traces(study) == before


def test_a_patient_whose_files_are_gone_already_needs_no_further_word(study):
    from ect_assets.source_removal import remove_sources

    remove_sources(study, LEAVING)
    leave(study, delete_source=False)
    assert traces(study) == []


def test_an_unknown_patient_is_refused(study):
    with open_instance(study) as instance, pytest.raises(StudyError, match="no patient sub-nobody"):
        withdraw(study, "nobody", True, instance)
