"""Reading while others write: only answers from files that held still count."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ect_assets import tables
from ect_assets.lake import retry, store
from ect_assets.lake.catalogue import QueryError, query
from ect_assets.lake.retry import ChangingError, read_unchanged
from ect_assets.lake.store import content_digest
from ect_assets_tests.lake.rows import PROVENANCE, rows, scores
from ect_assets_tests.waiting import has_ended, wait_until

SCORES = tables.ClinicalScores
SQL = "FROM clinical_scores"
VERSIONS = 50
PARTS = ("a", "b", "c")
ANSWERS = 500


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(retry, "PAUSES_SECONDS", (0.0,) * 6)


def rewrite(lake, score):
    lake.write(SCORES, {}, scores(score=[float(score), 9.0]), PROVENANCE)


def test_an_answer_is_asked_for_once_where_nothing_changes(filled):
    asked = []
    assert read_unchanged(filled, SQL, lambda: asked.append(1) or len(asked)) == 1


def test_an_answer_is_asked_for_again_where_its_table_changed_meanwhile(filled):
    asked = []

    def ask():
        asked.append(1)
        if len(asked) == 1:
            rewrite(filled, 1)
        return query(filled, SQL).fetchall()[0][3]

    assert read_unchanged(filled, SQL, ask) == 1.0
    assert len(asked) == 2


def test_an_error_is_passed_over_where_the_table_changed_meanwhile(filled):
    asked = []

    def ask():
        asked.append(1)
        if len(asked) == 1:
            rewrite(filled, 1)
            raise duckdb.IOException("Could not read enough bytes from file")
        return "whole"

    assert read_unchanged(filled, SQL, ask) == "whole"


def test_an_error_is_told_where_nothing_changed(filled):
    with pytest.raises(QueryError, match="Parser Error"):
        read_unchanged(filled, "SELEC 1", lambda: query(filled, "SELEC 1"))


def test_another_table_may_change_meanwhile(filled):
    asked = []

    def ask():
        asked.append(1)
        frame = rows(tables.ScanVolumes, subject="01")
        filled.write(tables.ScanVolumes, {"subject": "01"}, frame, PROVENANCE)
        return "whole"

    assert read_unchanged(filled, SQL, ask) == "whole"
    assert len(asked) == 1


def test_a_new_partition_is_a_change(filled):
    asked = []

    def ask():
        asked.append(1)
        if len(asked) == 1:
            frame = rows(tables.ScanVolumes, subject="01")
            filled.write(tables.ScanVolumes, {"subject": "01"}, frame, PROVENANCE)
        return len(asked)

    assert read_unchanged(filled, "SELECT * FROM Scan_Volumes", ask) == 2


def test_tables_that_never_hold_still_are_told(filled):
    scores_of = iter(range(100))
    with pytest.raises(ChangingError, match="`ect run` has finished"):
        read_unchanged(filled, SQL, lambda: rewrite(filled, next(scores_of)))


def write_many(folder, over):
    """Write versions of which each row says how many rows there are, as fast as can be."""
    for number in itertools.cycle(range(VERSIONS)):
        if over.is_set():
            return
        n = 1000 + 37 * number
        content = pa.table({"n": np.full(n, n), "again": np.full(n, float(n))})
        footer = {"content_sha256": content_digest(content)}
        for part in PARTS:
            aside = folder / f"{part}.aside"
            store.write_parquet(content.replace_schema_metadata(footer), aside)
            aside.replace(folder / f"{part}.parquet")


@pytest.mark.slow
def test_an_outside_reader_never_sees_rows_of_one_version_counted_as_another(tmp_path):
    processes = multiprocessing.get_context("spawn")
    over = processes.Event()
    writer = processes.Process(target=write_many, args=(tmp_path, over))
    writer.start()
    last = tmp_path / f"{PARTS[-1]}.parquet"
    wait_until(last.exists, "the first version", writer, unless=has_ended(writer))
    view = f"read_parquet('{tmp_path}/*.parquet', union_by_name=true, filename=true)"
    sql = f"SELECT count(*), count(n), min(n), max(n) FROM {view} GROUP BY filename"
    answers: list[tuple] = []

    def is_enough(connection):
        with contextlib.suppress(duckdb.Error, RuntimeError):
            answers.extend(connection.execute(sql).fetchall())
        return len(answers) >= ANSWERS

    with duckdb.connect() as connection:
        wait_until(
            lambda: is_enough(connection),
            "answers",
            lambda: len(answers),
            unless=has_ended(writer),
            pause=0,
        )
    over.set()
    writer.join()
    assert [row for row in answers if len(set(row)) > 1] == []
