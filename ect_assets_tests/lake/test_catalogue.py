"""SQL over the lake: every table is there, documented, and can be read but not written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import (
    CATALOGUE,
    OLDEST_STORAGE,
    QueryError,
    connect,
    make_views,
    query,
    refresh_catalogue,
    storage_version,
)
from ect_assets.lake.parquet import content_digest, read_parquet
from ect_assets.lake.store import Lake
from ect_assets.tables import TABLES
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows, scores
from ect_assets_tests.waiting import wait_until

TIMES_MADE, TIMES_READ = 6, 2


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A connection to the catalogue of a lake in which nothing was made yet."""
    lake = Lake(tmp_path_factory.mktemp("empty") / "lake")
    with duckdb.connect(refresh_catalogue(lake), read_only=True) as connection:
        yield connection


def first_column(connection, sql):
    return [row[0] for row in connection.execute(sql).fetchall()]


def rows_read_plainly(file):
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute("SELECT count(*) FROM clinical_scores").fetchone()[0]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_an_empty_lake_is_a_view_with_its_columns_and_types(empty, name):
    described = empty.execute(f"SELECT column_name, column_type FROM (DESCRIBE {name})").fetchall()
    names = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
    assert [(column, names.get(kind, kind)) for column, kind in described] == [
        (one.name, one.sql_type) for one in TABLES[name].columns
    ]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_an_empty_lake_has_no_rows(empty, name):
    assert first_column(empty, f"SELECT count(*) FROM {name}") == [0]


def test_the_catalogue_has_the_tables_and_nothing_else(empty):
    views = first_column(empty, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
    assert sorted(views) == sorted(TABLES)


def test_the_catalogue_holds_no_data(empty):
    assert first_column(empty, "SELECT table_name FROM duckdb_tables()") == []


def test_every_view_says_what_it_holds(empty):
    sql = "SELECT view_name, comment FROM duckdb_views() WHERE NOT internal"
    said = dict(empty.execute(sql).fetchall())
    assert said == {name: table.meaning() for name, table in TABLES.items()}


def test_every_column_says_its_meaning_and_unit(empty):
    sql = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
    said = {(table, column): comment for table, column, comment in empty.execute(sql).fetchall()}
    assert said == {
        (table.table_name, one.name): one.description
        for table in TABLES.values()
        for one in table.columns
    }


def test_a_comment_names_the_unit(empty):
    sql = "SELECT comment FROM duckdb_columns() WHERE column_name = 'gmv_mm3'"
    assert first_column(empty, sql) == ["gray matter volume [mm3]"]


def test_a_written_table_is_answered(filled):
    answer = query(filled, "SELECT subject, score FROM clinical_scores ORDER BY subject")
    assert answer.fetchall() == [("001", 21.0), ("002", 9.0)]


def test_partition_keys_of_digits_stay_text(lake):
    keep(lake, tables.ScanVolumes, subject="007")
    assert query(lake, "SELECT subject FROM scan_volumes").fetchall() == [("007",)]


def test_a_view_has_the_same_columns_with_and_without_files(lake):
    keep(lake, tables.ScanVolumes, subject="007")
    answer = query(lake, "FROM scan_volumes")
    assert answer.columns == tables.ScanVolumes.column_names()


def test_further_columns_of_participants_are_answered(lake):
    frame = rows(tables.Participants).assign(dose=[2.5])
    lake.write(tables.Participants, {}, frame, PROVENANCE)
    assert query(lake, "SELECT dose FROM participants").fetchall() == [(2.5,)]


def test_a_missing_value_is_null(lake):
    keep(lake, tables.ExpressionCoverage, n_samples=None, n_donors=None)
    sql = "SELECT count(*) FROM expression_coverage WHERE n_samples IS NULL"
    assert query(lake, sql).fetchall() == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY clinical_scores TO '{lake}/copy.csv'",
        "CREATE TABLE copy AS FROM clinical_scores",
        "CREATE TEMP TABLE copy AS FROM clinical_scores",
        "CREATE OR REPLACE VIEW clinical_scores AS SELECT 1",
        "INSERT INTO clinical_scores VALUES ('003', 'pre', 'hamd', 1.0, false)",
        "UPDATE clinical_scores SET score = 0",
        "DELETE FROM clinical_scores",
        "DROP VIEW clinical_scores",
        "ATTACH '{lake}/other.duckdb'",
        "EXPORT DATABASE '{lake}/export'",
        "PRAGMA database_size",
        "SET threads = 1",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW clinical_scores",
        "",
        "-- nothing but a remark",
    ],
)
def test_only_one_statement_that_reads_is_answered(filled, sql):
    with pytest.raises(QueryError, match="Only one read-only statement"):
        query(filled, sql.format(lake=filled.folder.as_posix()))


@pytest.mark.parametrize("explain", ["EXPLAIN ANALYZE", "EXPLAIN (ANALYZE)"])
def test_explaining_a_copy_does_not_write(filled, explain):
    target = filled.folder / "copy.csv"
    sql = f"{explain} COPY clinical_scores TO '{target.as_posix()}'"
    with pytest.raises(QueryError):
        query(filled, sql).fetchall()
    assert not target.exists()


@pytest.mark.parametrize(
    "sql",
    [
        "FROM clinical_scores",
        "VALUES (1)",
        "WITH one AS (SELECT 1) FROM one",
        "DESCRIBE clinical_scores",
        "SHOW TABLES",
        "SUMMARIZE clinical_scores",
    ],
)
def test_statements_that_read_are_answered(filled, sql):
    assert query(filled, sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_text('/etc/passwd')",
        "FROM read_text('{lake}/../outside.csv')",
        "FROM read_csv('{outside}')",
        "FROM '{outside}'",
        "FROM glob('/etc/*')",
    ],
)
def test_a_file_outside_the_lake_cannot_be_read(filled, sql):
    outside = filled.folder.parent / "outside.csv"
    outside.write_text("name\nJane\n")
    with pytest.raises(QueryError, match="(?i)permission|disabled"):
        query(filled, sql.format(lake=filled.folder.as_posix(), outside=outside.as_posix()))


def test_a_variable_of_the_program_is_no_table(filled):
    with pytest.raises(QueryError, match="Table with name filled does not exist"):
        query(filled, "FROM filled")


def test_what_a_connection_may_read_cannot_be_widened(filled):
    with connect(filled) as connection, pytest.raises(duckdb.Error, match="(?i)lock|access"):
        connection.execute("SET enable_external_access = true")


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELEC 1", "Parser Error: syntax error at or near"),
        ("FROM gmv_chang", 'Did you mean "gmv_change"'),
        ("SELECT scor FROM clinical_scores", 'Candidate bindings: "score"'),
    ],
)
def test_a_faulty_query_is_told_in_duckdbs_words(filled, sql, words):
    with pytest.raises(QueryError, match=words):
        query(filled, sql)


@pytest.mark.parametrize("folder", ["sp ace", "it's", "a[1]", "a*b", "100%"])
def test_a_lake_may_lie_in_a_folder_of_any_name(tmp_path, folder):
    lake = Lake(tmp_path / folder / "lake")
    lake.write(tables.ClinicalScores, {}, scores(), PROVENANCE)
    keep(lake, tables.ScanVolumes, subject="01")
    assert len(query(lake, "FROM clinical_scores").fetchall()) == 2
    assert len(query(lake, "FROM scan_volumes").fetchall()) > 0


def test_a_damaged_file_is_named_and_the_other_tables_are_answered(filled):
    keep(filled, tables.ScanVolumes, subject="01")
    keep(filled, tables.ScanVolumes, subject="02")
    file = filled.file(tables.ScanVolumes, {"subject": "01"})
    file.write_text("junk")
    for sql in ("FROM scan_volumes", "SELECT 1 FROM scan_volumes WHERE subject = '02'"):
        with pytest.raises(duckdb.Error, match=f"{re.escape(str(file))} is damaged.*`ect run`"):
            query(filled, sql).fetchall()
    assert len(query(filled, "FROM clinical_scores").fetchall()) == 2


def test_the_catalogue_refuses_a_table_with_a_damaged_file(filled):
    file = filled.file(tables.ClinicalScores, {})
    file.write_text("junk")
    with (
        duckdb.connect(refresh_catalogue(filled), read_only=True) as connection,
        pytest.raises(duckdb.Error, match=re.escape(str(file))),
    ):
        connection.execute("SELECT count(*) FROM clinical_scores")


def test_a_damaged_file_counts_as_missing(filled):
    file = filled.file(tables.ClinicalScores, {})
    file.write_text("junk")
    assert filled.footer(tables.ClinicalScores, {}) is None


def test_a_file_from_before_a_column_was_added_is_still_answered(filled):
    file = filled.file(tables.ClinicalScores, {})
    older = read_parquet(file).drop_columns(["simulated"])
    digest = content_digest(older.replace_schema_metadata(None))
    pq.write_table(older.replace_schema_metadata({"content_sha256": digest}), file)
    assert len(query(filled, "FROM clinical_scores").fetchall()) == 2


def test_a_second_answer_may_be_asked_for_while_the_first_is_held(filled):
    first = query(filled, "FROM clinical_scores")
    assert query(filled, "FROM clinical_scores").fetchall() == first.fetchall()


def test_the_catalogue_is_opened_by_duckdb_alone_from_another_folder(filled, tmp_path, monkeypatch):
    file = refresh_catalogue(filled)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert rows_read_plainly(file) == 2


def test_clients_of_duckdb_1_can_open_the_catalogue(lake):
    file = refresh_catalogue(lake)
    assert storage_version(file) == OLDEST_STORAGE
    keep(lake, tables.ScanVolumes, subject="007")
    assert storage_version(refresh_catalogue(lake, tables.ScanVolumes)) == OLDEST_STORAGE


@pytest.mark.slow
@pytest.mark.parametrize("version", ["1.0.0", "1.4.4"])
def test_a_client_of_that_version_reads_every_view(lake, tmp_path, version):
    keep(lake, tables.ScanVolumes, subject="007")
    file = refresh_catalogue(lake)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path]
    if subprocess.run([*install, f"duckdb=={version}"]).returncode:
        pytest.skip(f"duckdb {version} cannot be installed here")
    script = f"""
import duckdb
assert duckdb.__version__ == {version!r}
lake = duckdb.connect({str(file)!r}, read_only=True)
views = lake.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
print(sum(len(lake.sql(f'FROM "{{name}}"').fetchall()) for (name,) in views), len(views))
files = {str(lake.folder / "scan_volumes")!r} + "/**/part.parquet"
print(*duckdb.sql(f"SELECT subject FROM read_parquet('{{files}}')").fetchone())
"""
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert said.stdout.split() == ["1", str(len(TABLES)), "007"], said.stderr


def test_a_folder_of_parquet_files_is_read_by_pandas_and_pyarrow(lake):
    for label in ("001", "007"):
        keep(lake, tables.ScanVolumes, subject=label)
    folder = lake.folder / "scan_volumes"
    assert set(pd.read_parquet(folder, partitioning=None).subject) == {"001", "007"}
    read = pyarrow.dataset.dataset(folder, partitioning=None).to_table()
    assert set(read["subject"].to_pylist()) == {"001", "007"}
    typed = pyarrow.dataset.partitioning(pa.schema([("subject", pa.string())]), flavor="hive")
    one = pd.read_parquet(folder, partitioning=typed, filters=[("subject", "==", "007")])
    assert list(one.subject) == ["007"]


def test_pandas_guesses_numbers_in_names_of_folders_as_docs_how_to_query_says(lake):
    keep(lake, tables.ScanVolumes, subject="001")
    with pytest.raises(pa.ArrowTypeError, match="subject has incompatible types: string vs"):
        pd.read_parquet(lake.folder / "scan_volumes")


def test_a_catalogue_that_only_newer_clients_open_is_made_again(lake):
    file = refresh_catalogue(lake)
    file.unlink()
    with duckdb.connect(file) as connection:
        make_views(connection, lake)
    assert storage_version(file) > OLDEST_STORAGE
    assert storage_version(refresh_catalogue(lake, tables.ScanVolumes)) == OLDEST_STORAGE


def test_a_reader_that_holds_the_catalogue_sees_no_error_when_it_is_made_again(filled):
    with duckdb.connect(refresh_catalogue(filled), read_only=True) as reader:
        refresh_catalogue(filled)
        assert first_column(reader, "SELECT count(*) FROM clinical_scores") == [2]


def test_a_reader_sees_rows_that_were_written_after_it_opened_the_catalogue(filled):
    with duckdb.connect(refresh_catalogue(filled), read_only=True) as reader:
        filled.write(tables.ClinicalScores, {}, scores().iloc[:1], PROVENANCE)
        assert first_column(reader, "SELECT count(*) FROM clinical_scores") == [1]


def test_the_catalogue_may_be_made_again_while_others_query_it(filled):
    file, errors, over = refresh_catalogue(filled), [], threading.Event()
    read, made = [0] * 4, 0

    def read_again_and_again(number):
        while not over.is_set():
            try:
                rows_read_plainly(file)
            except duckdb.Error as error:
                errors.append(str(error))
            read[number] += 1

    readers = [threading.Thread(target=read_again_and_again, args=(one,)) for one in range(4)]
    for reader in readers:
        reader.start()

    def often_enough():
        nonlocal made
        refresh_catalogue(filled)
        made += 1
        return (made >= TIMES_MADE and min(read) >= TIMES_READ) or errors

    try:
        wait_until(often_enough, "readers", lambda: tuple(read), pause=0)
    finally:
        over.set()
    for reader in readers:
        reader.join()
    assert errors == []


def test_making_the_catalogue_leaves_nothing_beside_it(lake):
    refresh_catalogue(lake)
    assert [file.name for file in lake.folder.iterdir()] == [CATALOGUE]


def test_one_view_is_renewed_where_a_table_is_made_and_a_broken_catalogue_is_rebuilt(lake):
    file = refresh_catalogue(lake)
    assert rows_read_plainly(file) == 0
    lake.write(tables.ClinicalScores, {}, scores(), PROVENANCE)
    refresh_catalogue(lake, tables.ClinicalScores)
    assert rows_read_plainly(file) == len(scores())
    with duckdb.connect(file, read_only=True) as connection:
        views = first_column(connection, "SELECT view_name FROM duckdb_views() WHERE NOT internal")
        count = "SELECT count(*) FROM duckdb_columns() WHERE comment IS NULL AND NOT internal"
        assert sorted(views) == sorted(TABLES) and first_column(connection, count) == [0]
    file.write_bytes(b"no catalogue")
    refresh_catalogue(lake, tables.ClinicalScores)
    assert rows_read_plainly(file) == len(scores())
