"""What a lab's asset does wrong is its own: the patient's partition, the table, nothing of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from ect_assets.lake.catalogue import query
from ect_assets.orchestration.extensions.catalogue import Catalogue
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.status import study_status
from ect_assets.problems import EctError
from ect_assets.study import load_study
from ect_assets_tests.orchestration.extensions.labs import forget, with_modules

LAB = """
import dagster as dg
import pandas as pd
from ect_assets.extensions import *

@dg.asset(io_manager_key="lake", partitions_def=partitions_by("subject"))
def one_fails(context, scan_volumes):
    if context.partition_key == "002":
        raise ValueError("secret of " + context.partition_key)
    return scan_volumes.groupby(["subject", "session"])[["etiv_mm3"]].mean()

@dg.asset(io_manager_key="lake")
def group_fails(gmv_change):
    return gmv_change["no_such_column"]

@dg.asset(io_manager_key="lake")
def after_failure(group_fails):
    return group_fails

@dg.asset(io_manager_key="lake")
def strange_labels(participants):
    return participants.assign(subject="sub-" + participants.subject)

@dg.asset(io_manager_key="lake")
def no_frame(gmv_change):
    return 3

@dg.asset(io_manager_key="lake", deps=["gmv_change"])
def undeclared(catalogue: Catalogue):
    return catalogue.query("SELECT count(*) AS n FROM participants")

@dg.asset(io_manager_key="lake")
def in_words(participants):
    return pd.DataFrame({"nearest": "like sub-" + participants.subject})

@dg.asset(io_manager_key="lake", deps=["gmv_change"])
def every_row(context, parcel_gmv, catalogue: Catalogue):
    n = len(catalogue.query("FROM gmv_change"))
    return dg.Output(pd.DataFrame({"n": [len(parcel_gmv), n]}), metadata={"rows": n})
"""


@pytest.fixture(scope="module")
def made(filled_input, tmp_path_factory) -> tuple[Path, Outcome]:
    folder = Path(shutil.copytree(filled_input, tmp_path_factory.mktemp("wrong") / "study"))
    return folder, Runner(with_modules(folder, {"lab": LAB})).run()


def rows(made: tuple[Path, Outcome], sql: str) -> pd.DataFrame:
    return query(load_study(made[0]).open_lake(), sql).df()


def test_one_patient_fails_alone_and_the_words_of_the_error_stay_out(made):
    said = made[1].failed["one_fails (002)"]
    assert "the asset one_fails of lab stopped: ValueError at lab.py line 9" in said
    assert "secret" not in said
    assert rows(made, "SELECT count(DISTINCT subject) AS n FROM one_fails").n.item() == 6


def test_a_named_index_becomes_columns(made):
    assert set(rows(made, "FROM one_fails")) == {"subject", "session", "etiv_mm3", "simulated"}


def test_a_table_of_the_group_says_module_asset_and_error_and_what_reads_it_waits(made):
    failed = made[1].failed
    assert "group_fails of lab stopped: KeyError: 'no_such_column'" in failed["group_fails"]
    assert "group_fails" in failed["after_failure"]
    assert "no_frame of lab returned int; the lake stores a pandas DataFrame" in failed["no_frame"]


def test_labels_that_could_not_be_erased_are_refused(made):
    assert "7 row(s) have a value that is no label of a patient" in made[1].failed["strange_labels"]


def test_a_table_that_is_not_declared_cannot_be_asked_for(made):
    said = made[1].failed["undeclared"]
    assert (
        "undeclared of lab stopped: QueryError: Catalog Error: Table with name participants" in said
    )


def test_the_rows_of_tables_that_are_gathered_come_as_they_are(made):
    asked = "SELECT (SELECT count(*) FROM parcel_gmv) AS a, (SELECT count(*) FROM gmv_change) AS b"
    assert list(rows(made, "FROM every_row").n) == list(rows(made, asked).iloc[0])


def test_our_tables_are_current_and_no_patient_is_left_out(made):
    Runner(load_study(made[0]))
    states = {one.name: one for one in study_status(load_study(made[0]))}
    assert states["gmv_change"].fresh == 2 and states["exclusions"].fresh == 1
    assert rows(made, "FROM exclusions").empty
    assert states["one_fails"].failed + states["one_fails"].stale + states["one_fails"].missing == 1


@pytest.mark.parametrize(
    "sql", ["FROM read_csv('/etc/passwd')", "COPY gmv_change TO 'x.csv'", "CREATE TABLE t (a INT)"]
)
def test_the_catalogue_reads_no_other_file_and_writes_none(made, sql, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EctError):
        Catalogue(study_folder=str(made[0])).query(sql)
    assert not list(tmp_path.iterdir())


def test_a_connection_cannot_widen_what_it_may_read(made):
    with Catalogue(study_folder=str(made[0])).get_connection() as connection:
        assert connection.sql("SELECT count(*) FROM gmv_change").fetchall()[0][0] > 0
        for sql in ("SET enable_external_access=true", "FROM read_text('/etc/hostname')"):
            with pytest.raises(Exception, match="(?i)lock|disabled|permission"):
                connection.sql(sql).fetchall()


def test_what_names_a_patient_in_words_is_named_as_remaining(made, tmp_path):
    study = load_study(shutil.copytree(made[0], tmp_path / "study"))
    kept = study.dagster_home / "storage" / "picture"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"a pickle")
    forget("lab")
    with open_instance(study) as instance:
        removed = withdraw(study, "003", True, instance)
    said = {one.name: one.fix for one in removed.remaining}
    assert "in nearest" in said["data_lake/in_words/part.parquet"]
    assert "not stored in the lake" in said[".dagster/storage/picture"]
    Runner(study).run()
    assert "sub-003" not in set(query(study.open_lake(), "FROM in_words").df().nearest)
