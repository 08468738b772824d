"""Tables as files: whole, left alone when nothing changed, and telling where they come from."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ect_assets import tables, whole_files
from ect_assets.lake import store
from ect_assets.lake.store import Failure, LakeError
from ect_assets.problems import Problem
from ect_assets.tables.schema import SchemaError
from ect_assets.whole_files import WriteError
from ect_assets_tests.lake.rows import MORNING, PROVENANCE, keep, rows, scores

SCORES = tables.ClinicalScores
COVERAGE = tables.ExpressionCoverage
FAILURE = Failure(
    (Problem("session_missing", "has no second scan.", "raw_scans", "002", "post"),), "abc", False
)


def rewrite(lake, frame=None, **provenance):
    return lake.write(SCORES, {}, scores() if frame is None else frame, said(**provenance))


def said(**provenance):
    return replace(PROVENANCE, **provenance)


def all_files(lake):
    return sorted(file.name for file in lake.folder.rglob("*") if file.is_file())


def stop_writing(*arguments, **named):
    raise OSError(errno.ENOSPC, "no space left on device")


def write_half(content, file):
    file.write_bytes(b"PAR1 half a table")
    stop_writing()


def test_what_is_written_is_read_back_the_same(filled):
    pd.testing.assert_frame_equal(filled.read(SCORES), scores(), check_dtype=False)


def test_labels_of_digits_stay_text(filled):
    assert filled.read(SCORES).subject.tolist() == ["001", "002"]


def test_a_partition_of_digits_stays_text(lake):
    keep(lake, tables.ScanVolumes, subject="007")
    assert lake.read(tables.ScanVolumes, {"subject": "007"}).subject.tolist() == ["007"]


def test_columns_come_back_in_the_order_of_the_table(lake):
    lake.write(SCORES, {}, scores()[SCORES.column_names()[::-1]], PROVENANCE)
    assert list(lake.read(SCORES).columns) == SCORES.column_names()


def test_the_same_content_of_another_run_is_not_written_again(filled):
    assert rewrite(filled, run_id="second-run") is False


def test_a_file_that_says_the_same_keeps_its_time_of_change(filled):
    file = filled.file(SCORES, {})
    os.utime(file, ns=(1, 1))
    rewrite(filled, run_id="second-run")
    assert file.stat().st_mtime_ns == 1


@pytest.mark.parametrize(
    "provenance",
    [{"seed": 8}, {"simulated": False}, {"code_version": "0/2"}, {"inputs_sha256": "others"}],
)
def test_another_provenance_is_written_though_the_content_is_the_same(filled, provenance):
    assert rewrite(filled, **provenance) is True


def test_another_score_is_written(filled):
    assert rewrite(filled, scores(score=[21.0, 10.0])) is True


def test_an_order_of_rows_is_content(filled):
    assert rewrite(filled, scores().iloc[::-1]) is True


def test_the_digest_of_the_content_ignores_the_clock(lake):
    digests = []
    for at in (MORNING, MORNING + timedelta(hours=3)):
        keep(lake, tables.RawScans, subject="01", ingested_at=at)
        digests.append(lake.footer(tables.RawScans, {"subject": "01"})["content_sha256"])
    assert digests[0] == digests[1]


def test_the_digest_of_the_content_ignores_how_a_missing_number_was_held(lake):
    partition = {"parcellation": "a"}
    held = [pd.array([3, None], dtype="Int64"), [3.0, float("nan")]]
    frames = [rows(COVERAGE, 2, parcel=["p", "q"], n_samples=one) for one in held]
    lake.write(COVERAGE, partition, frames[0], PROVENANCE)
    assert lake.write(COVERAGE, partition, frames[1], PROVENANCE) is False


def test_the_footer_says_where_the_content_comes_from(lake):
    keep(lake, tables.ScanVolumes, subject="007")
    footer = lake.footer(tables.ScanVolumes, {"subject": "007"})
    assert {name: footer[name] for name in footer if name != "content_sha256"} == {
        "table": "scan_volumes",
        "schema_version": tables.ScanVolumes.version(),
        "code_version": "0/1",
        "run_id": "first-run",
        "partition": '{"subject": "007"}',
        "seed": "7",
        "simulated": "true",
        "inputs_sha256": "inputs",
    }


def test_the_footer_holds_a_digest_of_the_content(filled):
    assert len(bytes.fromhex(filled.footer(SCORES, {})["content_sha256"])) == 32


def test_the_footer_can_be_read_by_any_parquet_reader(filled):
    assert pq.read_schema(filled.file(SCORES, {})).metadata[b"simulated"] == b"true"


def test_a_footer_is_read_again_after_the_file_changed(filled):
    filled.footer(SCORES, {})
    rewrite(filled, seed=8)
    assert filled.footer(SCORES, {})["seed"] == "8"


def test_a_file_of_the_same_size_written_at_the_same_moment_is_told_apart(filled):
    file = filled.file(SCORES, {})
    other = file.with_name("other.parquet")
    table = pq.read_table(file, partitioning=None)
    footer = {key: value for key, value in table.schema.metadata.items() if key != b"seal"}
    for name, run in ((file, b"first-run"), (other, b"other-run")):
        pq.write_table(table.replace_schema_metadata({**footer, b"run_id": run}), name)
        os.utime(name, ns=(1, 1))
    assert file.stat().st_size == other.stat().st_size
    assert filled.footer(SCORES, {})["run_id"] == "first-run"
    other.replace(file)
    assert filled.footer(SCORES, {})["run_id"] == "other-run"


def test_a_whole_file_is_known_to_be_whole(filled):
    assert filled.is_whole(SCORES, {})


@pytest.mark.parametrize("keep_share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_short_is_known_not_to_be_whole(filled, keep_share):
    file = filled.file(SCORES, {})
    content = file.read_bytes()
    file.write_bytes(content[: int(keep_share * len(content))])
    assert not filled.is_whole(SCORES, {})


def test_rows_that_are_not_those_of_the_footer_are_known(filled):
    file = filled.file(SCORES, {})
    table = pq.read_table(file, partitioning=None)
    pq.write_table(table.slice(1), file)
    assert filled.footer(SCORES, {}) is None
    assert not filled.is_whole(SCORES, {})


def test_other_rows_begin_at_another_place_in_the_file(filled):
    def begin():
        chunk = pq.read_metadata(filled.file(SCORES, {})).row_group(0).column(0)
        return chunk.dictionary_page_offset or chunk.data_page_offset

    before = begin()
    rewrite(filled, scores(score=[21.0, 10.0]))
    assert begin() != before


def test_there_is_no_footer_where_there_is_no_file(lake):
    assert lake.footer(SCORES, {}) is None


def test_a_frame_that_breaks_the_schema_is_refused(filled):
    with pytest.raises(SchemaError, match="score: expected a value in every row"):
        rewrite(filled, scores(score=[1.0, None]))


def test_a_frame_that_breaks_the_schema_leaves_the_old_file_as_it_was(filled):
    before = filled.file(SCORES, {}).read_bytes()
    with pytest.raises(SchemaError):
        rewrite(filled, scores(score=[1.0, None]))
    assert filled.file(SCORES, {}).read_bytes() == before


@pytest.mark.parametrize(
    ("module", "function", "fails"),
    [(store, "write_parquet", write_half), (whole_files.os, "replace", stop_writing)],
)
def test_a_crash_while_writing_leaves_the_old_file(filled, monkeypatch, module, function, fails):
    before = filled.file(SCORES, {}).read_bytes()
    monkeypatch.setattr(module, function, fails)
    with pytest.raises(WriteError, match="is full"):
        rewrite(filled, scores(score=[1.0, 2.0]))
    assert filled.file(SCORES, {}).read_bytes() == before


@pytest.mark.parametrize(
    ("module", "function", "fails"),
    [(store, "write_parquet", write_half), (whole_files.os, "replace", stop_writing)],
)
def test_a_crash_while_writing_leaves_no_other_file(lake, monkeypatch, module, function, fails):
    monkeypatch.setattr(module, function, fails)
    with pytest.raises(WriteError, match="is full"):
        rewrite(lake)
    assert all_files(lake) == []


def test_writing_leaves_nothing_beside_the_file(filled):
    assert all_files(filled) == ["part.parquet"]


@pytest.mark.parametrize("value", ["../x", "..", "a/b", "", "a b", "*", "a=b", "a\nb"])
def test_a_value_that_could_leave_the_folder_cannot_name_a_partition(lake, value):
    with pytest.raises(LakeError, match="cannot name a partition"):
        lake.file(COVERAGE, {"parcellation": value})


def test_a_partition_without_its_key_is_refused(lake):
    with pytest.raises(LakeError, match="parcellation"):
        lake.file(COVERAGE, {"subject": "01"})


def test_an_impossible_partition_writes_nothing(lake):
    with pytest.raises(LakeError):
        lake.write(COVERAGE, {"parcellation": "../x"}, rows(COVERAGE), PROVENANCE)
    assert not lake.folder.exists()


def test_a_table_without_a_file_says_how_to_make_it(lake):
    with pytest.raises(LakeError, match="gmv_change has no data yet.*`ect run`"):
        lake.read(tables.GmvChange)


def test_a_missing_partition_is_named(filled):
    with pytest.raises(LakeError, match="for parcellation=hcp_mmp"):
        filled.read(tables.GmvChange, {"parcellation": "hcp_mmp"})


@pytest.fixture
def volumes(lake):
    for subject in ("02", "01"):
        for parcellation in ("hcp_mmp", "desikan_killiany"):
            keep(lake, tables.ParcelGmv, subject=subject, parcellation=parcellation)
    return lake


def test_all_partitions_are_listed_in_order(volumes):
    assert [tuple(one.values()) for one in volumes.partitions(tables.ParcelGmv)] == [
        ("01", "desikan_killiany"),
        ("01", "hcp_mmp"),
        ("02", "desikan_killiany"),
        ("02", "hcp_mmp"),
    ]


def test_partitions_are_those_that_agree_with_what_was_said(volumes):
    assert volumes.partitions(tables.ParcelGmv, {"parcellation": "hcp_mmp"}) == [
        {"subject": "01", "parcellation": "hcp_mmp"},
        {"subject": "02", "parcellation": "hcp_mmp"},
    ]


def test_a_key_that_the_table_lacks_does_not_restrict_it(volumes):
    assert len(volumes.partitions(tables.ParcelGmv, {"instrument": "hamd"})) == 4


def test_reading_keeps_to_the_partitions_that_were_said(volumes):
    assert volumes.read(tables.ParcelGmv, {"subject": "02"}).subject.unique().tolist() == ["02"]


def test_a_table_of_one_file_is_one_partition_without_keys(filled):
    assert filled.partitions(SCORES) == [{}]


def test_a_table_without_files_has_no_partitions(lake):
    assert lake.partitions(SCORES) == []


def test_pandas_alone_reads_a_partition(volumes):
    file = volumes.file(tables.ParcelGmv, {"subject": "01", "parcellation": "hcp_mmp"})
    assert list(pd.read_parquet(file).columns) == tables.ParcelGmv.column_names()


def test_the_file_on_disk_has_the_types_of_the_table(filled):
    schema = pq.ParquetFile(filled.file(SCORES, {})).schema_arrow
    assert schema.remove_metadata().equals(SCORES.arrow_schema().remove_metadata())


def test_numbers_of_32_bits_stay_so_in_the_file(lake):
    keep(lake, tables.Expression, parcellation="a", expression=0.1)
    file = lake.file(tables.Expression, {"parcellation": "a"})
    assert pq.read_schema(file).field("expression").type == pa.float32()


def test_problems_are_kept_as_they_were(lake):
    lake.record_problems(tables.RawScans, {"subject": "002"}, FAILURE)
    assert lake.failure(tables.RawScans, {"subject": "002"}) == FAILURE


def test_problems_are_cleared_when_there_are_none_any_more(lake):
    lake.record_problems(tables.RawScans, {"subject": "002"}, FAILURE)
    lake.record_problems(tables.RawScans, {"subject": "002"}, None)
    assert lake.failure(tables.RawScans, {"subject": "002"}) is None


def test_clearing_where_there_was_nothing_is_no_error(lake):
    lake.record_problems(tables.RawScans, {"subject": "002"}, None)
    assert list(lake.failures()) == []


def test_problems_of_every_table_are_gone_through(lake):
    lake.record_problems(tables.RawScans, {"subject": "002"}, FAILURE)
    lake.record_problems(SCORES, {}, FAILURE)
    assert [failure for _, failure in lake.failures()] == [FAILURE, FAILURE]


def test_problems_are_no_partition_of_their_table(lake):
    lake.record_problems(tables.RawScans, {"subject": "002"}, FAILURE)
    assert lake.partitions(tables.RawScans) == []


def test_problems_of_an_impossible_partition_are_refused(lake):
    with pytest.raises(LakeError, match="cannot name a partition"):
        lake.record_problems(tables.RawScans, {"subject": "../x"}, FAILURE)


def test_a_file_that_was_written_anew_since_it_was_read_is_known(filled):
    filled.read(tables.ClinicalScores)
    assert not filled.has_changed_since_read(tables.ClinicalScores, {})
    rewrite(filled, scores(score=[3.0, 4.0]))
    assert filled.has_changed_since_read(tables.ClinicalScores, {})
    filled.read(tables.ClinicalScores)
    assert not filled.has_changed_since_read(tables.ClinicalScores, {})
