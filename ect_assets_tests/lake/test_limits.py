"""A query ends: by its time, by its memory, by Ctrl-C, whatever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import duckdb
import pytest

from ect_assets.cli import query_output as answers
from ect_assets.cli.query_output import write_answer
from ect_assets.lake import limits
from ect_assets.lake.catalogue import QueryError, connect
from ect_assets.lake.limits import QueryStopped, free_memory, query_memory, within
from ect_assets_tests.waiting import cpu_seconds, has_ended, wait_until

ENDLESS = """
SELECT count(*) FROM range(1000000000) a, range(1000000000) b
WHERE a.range = 2 * b.range + 1 OR a.range % 7 = b.range % 11
"""
ASK = """
import sys
from pathlib import Path
from ect_assets.cli.query_output import write_answer
from ect_assets.lake.store import Lake
print("ready", flush=True)
write_answer(Lake(Path(sys.argv[1])), sys.argv[2], "csv", None, 0)
"""


def test_a_query_may_use_half_of_what_is_free_at_most():
    assert 0 < query_memory() <= max(limits.LEAST_MEMORY_BYTES, free_memory())


def test_a_connection_is_bounded_and_cannot_unbind_itself(filled):
    with connect(filled) as connection:
        said = "SELECT current_setting('memory_limit'), current_setting('threads')"
        ((memory, threads),) = connection.sql(said).fetchall()
        assert memory and threads == len(os.sched_getaffinity(0))
        assert connection.sql("SELECT current_setting('temp_directory')").fetchall() == [("",)]
        for setting in ("memory_limit='100GB'", "threads=64"):
            with pytest.raises(duckdb.Error, match="(?i)lock"):
                connection.execute(f"SET {setting}")


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_a_query_that_takes_too_long_is_stopped_and_says_how_to_go_on(filled, tmp_path, form):
    with pytest.raises(QueryStopped, match=r"longer than 0.2 seconds.*--timeout SECONDS"):
        write_answer(filled, ENDLESS, form, tmp_path / "answer", timeout_seconds=0.2)
    assert not (tmp_path / "answer").exists()


def test_nothing_of_a_stopped_query_goes_on(filled, tmp_path):
    with pytest.raises(QueryStopped):
        write_answer(filled, ENDLESS, "csv", tmp_path / "answer", timeout_seconds=0.2)
    assert [one for one in threading.enumerate() if one.name == "query"] == []


def test_what_is_asked_again_after_it_was_stopped_ends_as_well():
    def again_and_again(asking):
        while True:
            asking.go_on()

    with pytest.raises(QueryStopped):
        within(0.1, again_and_again)


def test_a_query_that_needs_too_much_memory_says_so(filled, monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "free_memory", lambda: 128 * 2**20)
    sql = "SELECT list(range::VARCHAR || 'a long text that is not short') FROM range(100000000)"
    with pytest.raises(QueryError, match="more memory than its limit"):
        write_answer(filled, sql, "csv", tmp_path / "answer")


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_an_answer_that_is_too_large_is_refused(filled, monkeypatch, tmp_path, form):
    monkeypatch.setattr(answers, "query_memory", lambda: 4 * 2**20)
    with pytest.raises(QueryError, match="The result is larger.*LIMIT"):
        write_answer(filled, "FROM range(1000000000)", form, tmp_path / "answer")


def test_ctrl_c_ends_a_cross_join(filled):
    process = subprocess.Popen(
        [sys.executable, "-c", ASK, str(filled.folder), ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    ready = cpu_seconds(process.pid)
    wait_until(
        lambda: cpu_seconds(process.pid) > ready + 1.0,
        "the work of the query",
        process,
        unless=has_ended(process),
    )
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == -signal.SIGINT
    assert said.rstrip().endswith("KeyboardInterrupt")
