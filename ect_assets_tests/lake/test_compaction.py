"""Compacted rows: the same answers as from the files, whatever has changed since."""

from __future__ import annotations

import shutil

import dagster as dg
import duckdb
import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.lake import compaction
from ect_assets.lake.catalogue import CATALOGUE, query, refresh_catalogue, view_statement
from ect_assets.lake.compaction import compacted
from ect_assets.lake.store import Lake
from ect_assets.orchestration.assets import LakeIOManager
from ect_assets.orchestration.execution import Result
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows

VOLUMES = tables.ParcelGmv
ATLASES = ("desikan_killiany", "hcp_mmp")
PATIENTS = tuple(f"{number:03d}" for number in range(9))


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch):
    """Let a table count as large, and a group of rows as full, with few files."""
    monkeypatch.setattr(compaction, "LOOSE_AT_MOST", 3)
    monkeypatch.setattr(compaction, "FILES_PER_GROUP", 4)


def put(lake: Lake, subject: str, atlas: str, volume: float) -> None:
    parcels = ["a", "b"]
    keep(lake, VOLUMES, 2, subject=subject, parcellation=atlas, parcel=parcels, gmv_mm3=volume)


@pytest.fixture
def compact_lake(lake) -> Lake:
    """A lake of eighteen files whose rows are kept together."""
    for place, subject in enumerate(PATIENTS):
        for atlas in ATLASES:
            put(lake, subject, atlas, 100.0 + place)
    lake.compact()
    return lake


def answer(lake: Lake) -> pd.DataFrame:
    sql = "FROM parcel_gmv ORDER BY subject, parcellation, parcel"
    return query(lake, sql).df()


def from_files(lake: Lake) -> pd.DataFrame:
    """The answer without what is compacted."""
    aside = lake.folder.with_name("without")
    shutil.copytree(lake.folder, aside, ignore=shutil.ignore_patterns("_compacted"))
    try:
        return answer(Lake(aside))
    finally:
        shutil.rmtree(aside)


def compacted_partitions(lake: Lake) -> int:
    there = compacted(lake.folder, VOLUMES)
    assert there is not None
    return len(there.parts)


def test_every_partition_of_a_large_table_is_in_one_file(compact_lake):
    assert compacted_partitions(compact_lake) == 18


def test_a_table_of_few_files_is_left_alone(lake):
    put(lake, "001", "hcp_mmp", 1.0)
    lake.compact()
    assert compacted(lake.folder, VOLUMES) is None


def test_sql_gives_the_same_rows_as_from_the_files(compact_lake):
    pd.testing.assert_frame_equal(answer(compact_lake), from_files(compact_lake))


def test_reading_gives_the_same_rows_as_from_the_files(compact_lake):
    before = compact_lake.read(VOLUMES)
    compaction.forget(compact_lake.folder)
    pd.testing.assert_frame_equal(compact_lake.read(VOLUMES), before)


def test_a_view_reads_the_compacted_rows_and_none_of_eighteen_files(compact_lake):
    assert "part.parquet" not in view_statement(compact_lake, VOLUMES)


def change(lake: Lake) -> None:
    put(lake, "003", "hcp_mmp", 7.0)


def remove(lake: Lake) -> None:
    shutil.rmtree(lake.folder / "parcel_gmv" / "subject=004")


def add(lake: Lake) -> None:
    put(lake, "100", "hcp_mmp", 8.0)


def damage(lake: Lake) -> None:
    there = compacted(lake.folder, VOLUMES)
    assert there is not None
    there.file.unlink()


@pytest.mark.parametrize("happens", [change, remove, add, damage])
def test_what_happens_after_compaction_is_seen_by_sql(compact_lake, happens):
    happens(compact_lake)
    pd.testing.assert_frame_equal(answer(compact_lake), from_files(compact_lake))


@pytest.mark.parametrize("happens", [change, remove, add, damage])
def test_what_happens_after_compaction_is_seen_by_reading(compact_lake, happens):
    happens(compact_lake)
    there = compact_lake.read(VOLUMES)
    compaction.forget(compact_lake.folder)
    pd.testing.assert_frame_equal(compact_lake.read(VOLUMES), there)


def test_few_changes_do_not_compact_anew(compact_lake):
    before = compacted(compact_lake.folder, VOLUMES)
    change(compact_lake)
    compact_lake.compact()
    assert before is not None
    assert compacted(compact_lake.folder, VOLUMES).file == before.file


def test_many_changes_compact_anew_with_the_rows_of_now(compact_lake):
    for subject in PATIENTS[:4]:
        put(compact_lake, subject, "hcp_mmp", 9.0)
    remove(compact_lake)
    compact_lake.compact()
    there = compacted(compact_lake.folder, VOLUMES)
    assert there is not None
    loose, outdated = there.parted(list(compact_lake._entries(VOLUMES, {})))
    assert (len(there.parts), loose, outdated) == (16, [], [])


def test_a_damaged_partition_is_not_compacted(lake):
    for subject in PATIENTS:
        put(lake, subject, "hcp_mmp", 1.0)
    file = lake.file(VOLUMES, {"subject": "002", "parcellation": "hcp_mmp"})
    file.write_bytes(file.read_bytes()[:-40])
    lake.compact()
    assert compacted_partitions(lake) == 8


def test_compacted_rows_of_other_columns_do_not_count(compact_lake, monkeypatch):
    monkeypatch.setattr(VOLUMES, "version", classmethod(lambda cls: "other"))
    assert compacted(compact_lake.folder, VOLUMES) is None


def test_a_damaged_list_of_partitions_does_not_count(compact_lake):
    manifest = compact_lake.folder / "_compacted" / "parcel_gmv" / "manifest.parquet"
    manifest.write_bytes(b"PAR1 cut short")
    pd.testing.assert_frame_equal(answer(compact_lake), from_files(compact_lake))


def test_a_changed_byte_is_known(compact_lake):
    there = compacted(compact_lake.folder, VOLUMES)
    assert there is not None
    assert there.is_whole()
    content = bytearray(there.file.read_bytes())
    content[40] ^= 1
    there.file.write_bytes(bytes(content))
    assert not there.is_whole()


def test_footers_are_known_without_opening_the_files(compact_lake, monkeypatch):
    one = {"subject": "003", "parcellation": "hcp_mmp"}
    said = compact_lake.footer(VOLUMES, one)
    monkeypatch.setattr("ect_assets.lake.store.sound_footer", lambda *_: None)
    assert Lake(compact_lake.folder).snapshot().footer(VOLUMES, one) == said


def test_a_snapshot_does_not_see_what_is_written_afterwards(compact_lake):
    moment = compact_lake.snapshot()
    assert len(moment.partitions(VOLUMES)) == 18
    add(compact_lake)
    assert len(moment.partitions(VOLUMES)) == 18
    assert len(compact_lake.partitions(VOLUMES)) == 19


@pytest.mark.parametrize(
    "matching", [{}, {"subject": "003"}, {"parcellation": "hcp_mmp"}, {"subject": "none"}]
)
def test_a_snapshot_lists_what_the_lake_lists(compact_lake, matching):
    assert compact_lake.snapshot().partitions(VOLUMES, matching) == compact_lake.partitions(
        VOLUMES, matching
    )


def test_the_catalogue_answers_outside_readers_from_compacted_rows(compact_lake):
    with duckdb.connect(refresh_catalogue(compact_lake), read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM parcel_gmv").fetchall() == [(36,)]


def test_a_table_is_known_to_be_compacted(compact_lake):
    assert compact_lake.is_compacted(VOLUMES)
    assert not compact_lake.is_compacted(tables.RawScans)


def test_what_dagster_writes_afterwards_is_seen_by_outside_readers(compact_lake):
    refresh_catalogue(compact_lake)
    partition = {"subject": "100", "parcellation": "hcp_mmp"}
    content = VOLUMES.to_arrow(rows(VOLUMES, **partition))
    result = Result(partition, content, PROVENANCE)
    LakeIOManager(compact_lake).handle_output(
        dg.build_output_context(asset_key=["parcel_gmv"]), [result]
    )
    with duckdb.connect(compact_lake.folder / CATALOGUE, read_only=True) as connection:
        assert connection.sql("SELECT count(*) FROM parcel_gmv").fetchall() == [(37,)]
