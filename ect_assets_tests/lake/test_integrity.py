"""Damaged files: no flipped bit gives other rows, and whoever asks is told which file it is."""

from __future__ import annotations

import json
import os
import random
import re
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from ect_assets import tables
from ect_assets.cli.query_output import write_answer
from ect_assets.lake import parquet
from ect_assets.lake.audit import read_audit_log, record_events
from ect_assets.lake.catalogue import QueryError, query, refresh_catalogue, view_statement
from ect_assets.lake.integrity import REMEMBERED, DamagedFile, Verified
from ect_assets.lake.location import place_of
from ect_assets.lake.parquet import content_digest, read_parquet
from ect_assets.lake.store import Lake
from ect_assets.tables.schema import Table
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows
from ect_assets_tests.waiting import wait_until

CHANGE = tables.GmvChange
DESIKAN = {"parcellation": "desikan_killiany"}
FLIPS = 300
QUERIES = (
    "FROM gmv_change ORDER BY parcel",
    "SELECT parcel FROM gmv_change WHERE percent_change > 30 ORDER BY parcel",
    "SELECT count(*), sum(t), min(parcel), max(n) FROM gmv_change WHERE hemisphere = 'L'",
)


@pytest.fixture
def changed(lake):
    """Return a lake with a table of eighty rows."""
    n = 80
    frame = rows(
        CHANGE,
        n,
        parcellation="desikan_killiany",
        parcel=[f"parcel_{i:02d}" for i in range(n)],
        t=[i / 7 for i in range(n)],
        percent_change=[float(i) for i in range(n)],
    )
    lake.write(CHANGE, DESIKAN, frame, PROVENANCE)
    return lake


def answers(lake: Lake, table: type[Table] = CHANGE, queries=QUERIES) -> list[list[tuple]]:
    """Ask queries of a table's view alone, in a lake of which nothing is known yet."""
    with duckdb.connect() as connection:
        connection.execute(view_statement(Lake(lake.folder), table))
        return [connection.sql(sql).fetchall() for sql in queries]


def flip(content: bytes, place: int) -> bytes:
    """Return the bytes with one bit changed."""
    flipped = bytearray(content)
    flipped[place // 8] ^= 1 << place % 8
    return bytes(flipped)


def flips(content: bytes) -> list[int]:
    """Choose bits: of the whole file, and as many of its last bytes, where the footer is."""
    chance = random.Random(7)
    bits = len(content) * 8
    anywhere = [chance.randrange(bits) for _ in range(FLIPS // 2)]
    return anywhere + [chance.randrange(bits - 8 * 2000, bits) for _ in range(FLIPS // 2)]


def edit(lake: Lake) -> None:
    """Give a file other values under its old footer, as a tool of the reader's own would."""
    file = lake.file(CHANGE, DESIKAN)
    table = pq.read_table(file, partitioning=None)
    place = table.schema.get_field_index("percent_change")
    wrong = pa.array([99.0] * table.num_rows)
    edited = table.set_column(place, table.schema.field("percent_change"), wrong)
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), file)


def test_no_flipped_bit_gives_other_rows_to_sql(changed):
    file = changed.file(CHANGE, DESIKAN)
    content, right = file.read_bytes(), answers(changed)
    found = 0
    for place in flips(content):
        file.write_bytes(flip(content, place))
        try:
            assert answers(changed) == right, place
        except duckdb.Error as error:
            assert str(file) in str(error) and "is damaged" in str(error), place
            found += 1
    # Also in the zeros before the rows, which nobody reads.
    assert found == FLIPS


def test_no_flipped_bit_gives_other_rows_to_a_step(changed):
    file = changed.file(CHANGE, DESIKAN)
    content, right = file.read_bytes(), changed.read(CHANGE)
    for place in flips(content):
        file.write_bytes(flip(content, place))
        for columns in (None, ("parcel", "percent_change")):
            with pytest.raises(DamagedFile, match=re.escape(str(file))):
                read_parquet(file, columns)
        assert Lake(changed.folder).footer(CHANGE, DESIKAN) is None
    file.write_bytes(content)
    pd.testing.assert_frame_equal(Lake(changed.folder).read(CHANGE), right)


def test_values_that_were_edited_under_an_old_footer_are_found(changed):
    edit(changed)
    assert Lake(changed.folder).footer(CHANGE, DESIKAN) is None
    with pytest.raises(DamagedFile):
        Lake(changed.folder).read(CHANGE)
    with pytest.raises(duckdb.Error, match="is damaged"):
        query(Lake(changed.folder), "FROM gmv_change").fetchall()


def test_times_that_were_edited_under_an_old_footer_are_found(lake):
    keep(lake, tables.RawScans, subject="01")
    file = lake.file(tables.RawScans, {"subject": "01"})
    table = pq.read_table(file, partitioning=None)
    place = table.schema.get_field_index("ingested_at")
    later = pc.add(table["ingested_at"], pa.scalar(10**9, pa.duration("us")))
    edited = table.set_column(
        place, table.schema.field(place), later.cast(table.schema[place].type)
    )
    pq.write_table(edited.replace_schema_metadata(table.schema.metadata), file)
    assert Lake(lake.folder).footer(tables.RawScans, {"subject": "01"}) is None


@pytest.mark.parametrize("name", tables.TABLES)
def test_a_damaged_file_is_refused_whatever_is_asked_of_its_table(lake, name):
    table = tables.TABLES[name]
    keep(lake, table)
    (partition,) = lake.partitions(table)
    lake.file(table, partition).write_bytes(b"PAR1 and nothing else")
    column = table.columns[0].name
    for sql in (
        f"FROM {name}",
        f"SELECT count(*) FROM {name}",
        f"SELECT 1 FROM {name} WHERE {column} = 'x'",
        f"SELECT 1 WHERE NOT EXISTS (FROM {name})",
        f"FROM (SELECT 1) LEFT JOIN {name} ON true",
        f"FROM {name} WHERE {column} IS NULL",
        f"SELECT sum(1) FROM query_table('{name}')",
    ):
        with pytest.raises(duckdb.Error, match="part.parquet is damaged"):
            answers(lake, table, [sql])


def older(lake: Lake) -> None:
    """Write a file again as it was before there were seals and checksums of pages."""
    file = lake.file(CHANGE, DESIKAN)
    pq.write_table(read_parquet(file), file)


def test_a_file_from_before_there_were_seals_is_read(changed):
    right = changed.read(CHANGE)
    older(changed)
    fresh = Lake(changed.folder)
    pd.testing.assert_frame_equal(fresh.read(CHANGE), right)
    assert fresh.footer(CHANGE, DESIKAN) is not None
    assert answers(changed)[0] == list(right.itertuples(index=False, name=None))
    parts = list(fresh.parts(CHANGE, [DESIKAN], columns=("parcel", "t")))
    assert parts[0].column_names == ["parcel", "t"]


def test_a_file_from_before_there_were_seals_is_known_by_its_rows(changed):
    older(changed)
    edit(changed)
    assert Lake(changed.folder).footer(CHANGE, DESIKAN) is None


def test_what_was_damaged_is_written_again_with_the_same_content(changed):
    frame = changed.read(CHANGE)
    edit(changed)
    fresh = Lake(changed.folder)
    assert fresh.write(CHANGE, DESIKAN, frame, PROVENANCE)
    pd.testing.assert_frame_equal(fresh.read(CHANGE), frame)


def test_the_pages_of_a_file_have_checksums(changed):
    file = changed.file(CHANGE, DESIKAN)
    content = bytearray(file.read_bytes())
    column = pq.read_metadata(file).row_group(0).column(1)
    begin = column.dictionary_page_offset or column.data_page_offset
    content[begin + column.total_compressed_size - 1] ^= 1
    with pytest.raises((pa.ArrowException, OSError), match="(?i)crc|corrupt"):
        pq.ParquetFile(pa.BufferReader(bytes(content)), page_checksum_verification=True).read()


def count_readings(monkeypatch) -> list:
    read = []
    original = parquet.is_whole_file

    def counted(file):
        read.append(file)
        return original(file)

    monkeypatch.setattr("ect_assets.lake.store.is_whole_file", counted)
    return read


def wait_a_tick(lake: Lake) -> None:
    """Let the file be so old that a change would show in its times."""
    wait_until_old(lake.file(CHANGE, DESIKAN))


def wait_until_old(file: Path) -> None:
    wait_until(lambda: time.time() - file.stat().st_ctime > 0.1, "an older file", pause=0.01)


def test_a_file_is_verified_once_for_all_processes(changed, monkeypatch):
    wait_a_tick(changed)
    read = count_readings(monkeypatch)
    for _ in range(3):
        answers(changed)
        assert Lake(changed.folder).footer(CHANGE, DESIKAN) is not None
    assert len(read) == 1


def test_what_is_remembered_names_nobody(lake):
    keep(lake, tables.ScanVolumes, subject="zebra")
    file = lake.file(tables.ScanVolumes, {"subject": "zebra"})
    wait_until_old(file)
    query(lake, "FROM scan_volumes").fetchall()
    text = (lake.folder / REMEMBERED).read_text()
    assert re.fullmatch(r"[0-9a-f]{32}\n", text)


def test_a_file_with_its_time_put_back_is_verified_again(changed):
    wait_a_tick(changed)
    answers(changed)
    file = changed.file(CHANGE, DESIKAN)
    before = file.stat()
    file.write_bytes(flip(file.read_bytes(), 8 * (before.st_size // 2)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(duckdb.Error, match="is damaged"):
        answers(changed)


def test_what_was_found_whole_says_nothing_of_a_copy(changed, tmp_path):
    wait_a_tick(changed)
    answers(changed)
    file = changed.file(CHANGE, DESIKAN)
    other = tmp_path / "other.parquet"
    other.write_bytes(flip(file.read_bytes(), 8 * (file.stat().st_size // 2)))
    os.utime(other, ns=(0, file.stat().st_mtime_ns))
    other.replace(file)
    with pytest.raises(duckdb.Error, match="is damaged"):
        answers(changed)


def test_a_damaged_memory_is_not_trusted(changed):
    wait_a_tick(changed)
    answers(changed)
    (changed.folder / REMEMBERED).write_bytes(b"\xff\0junk\n" * 50)
    edit(changed)
    with pytest.raises(duckdb.Error, match="is damaged"):
        answers(changed)


def test_a_lake_that_cannot_be_written_is_verified_each_time(changed, monkeypatch):
    wait_a_tick(changed)
    changed.folder.joinpath(REMEMBERED).mkdir()
    read = count_readings(monkeypatch)
    answers(changed)
    answers(changed)
    assert len(read) == 2


def test_too_many_versions_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr("ect_assets.lake.integrity.MOST", 3)
    for number in range(5):
        Verified(tmp_path).add(f"file {number}", (number,))
    assert len((tmp_path / REMEMBERED).read_text().splitlines()) <= 4


def test_a_damaged_audit_log_is_not_said_to_be_made_again(lake):
    record_events(lake, [("arrived", "01", "two scans")], simulated=True)
    file = lake.file(tables.AuditLog, {})
    file.write_bytes(flip(file.read_bytes(), 80))
    with pytest.raises(DamagedFile, match="restore it from a backup"):
        read_audit_log(Lake(lake.folder))


def test_a_list_of_problems_that_cannot_be_read_lets_the_step_be_tried_again(lake):
    from ect_assets.lake.store import Failure
    from ect_assets.problems import Problem

    failure = Failure((Problem("why", "what to do", "scan_volumes", subject="01"),), "digest", True)
    lake.record_problems(tables.ScanVolumes, {"subject": "01"}, failure)
    (file,) = lake.folder.rglob("problems.json")
    text = file.read_text()
    for damaged in (text[:-20], text.replace("what to do", "what to du"), "[]", "\xff"):
        file.write_text(damaged, encoding="latin-1")
        found = lake.failure(tables.ScanVolumes, {"subject": "01"})
        assert found is not None and found.failed and found.inputs_sha256 != "digest"
    old = {key: value for key, value in json.loads(text).items() if key != "sha256"}
    file.write_text(json.dumps(old))
    assert lake.failure(tables.ScanVolumes, {"subject": "01"}) == failure


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_damaged_object_of_a_store_is_refused(tmp_path, form):
    pytest.importorskip("upath")
    folder = place_of(f"memory://integrity/{form}", tmp_path)
    lake = Lake(folder, beside=tmp_path)
    for subject in ("01", "02"):
        keep(lake, tables.ScanVolumes, subject=subject)
    assert len(query(lake, "FROM scan_volumes").fetchall()) == 2
    file = lake.file(tables.ScanVolumes, {"subject": "01"})
    file.write_bytes(flip(file.read_bytes(), 4 * len(file.read_bytes())))
    with pytest.raises(QueryError, match=r"^memory://integrity.*subject=01/part.parquet is damag"):
        write_answer(lake, "SELECT count(*), max(subject) FROM scan_volumes", form)
    with pytest.raises(DamagedFile):
        lake.read(tables.ScanVolumes)
    assert Lake(folder, beside=tmp_path).footer(tables.ScanVolumes, {"subject": "01"}) is None


def test_the_catalogue_is_made_over_damaged_files(changed):
    keep(changed, tables.ClinicalScores)
    edit(changed)
    with duckdb.connect(refresh_catalogue(Lake(changed.folder)), read_only=True) as connection:
        assert connection.sql("FROM clinical_scores").fetchall()
        assert connection.sql("DESCRIBE gmv_change").fetchall()
        with pytest.raises(duckdb.Error, match="is damaged"):
            connection.sql("FROM gmv_change").fetchall()


def test_the_digest_of_rows_leaves_the_seal_out(changed):
    table = read_parquet(changed.file(CHANGE, DESIKAN))
    assert b"seal" not in table.schema.metadata
    said = table.schema.metadata[b"content_sha256"].decode()
    assert content_digest(table.replace_schema_metadata(None)) == said
