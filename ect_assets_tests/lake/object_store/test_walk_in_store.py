"""A study's whole walk with its lake in an object store: the same tables as in a folder."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.lake import object_store
from ect_assets.lake.audit import read_audit_log
from ect_assets.lake.catalogue import QueryError, query
from ect_assets.lake.documents import report_pages
from ect_assets.lake.location import read_bytes
from ect_assets.lake.parquet import read_parquet
from ect_assets.lake.store import Lake
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import TABLES, AuditLog, ParcelGmv
from ect_assets_tests.lake.object_store.conftest import BUCKET, SECRET, Server, in_store
from ect_assets_tests.light_runs import without_dagster

ADDRESS = f"s3://{BUCKET}/walk"
NARROW = ("gmv_change", "clinical_change")
"""Tables of a walk of seconds; the whole walk is marked slow."""


@dataclass(frozen=True)
class Walked:
    """The same study walked through in a folder and in a store."""

    here: Study
    there: Study
    made: Outcome


@pytest.fixture(scope="module")
def walked(server, four_patients, tmp_path_factory) -> Walked:
    """Both walks, neither of which a test may change."""
    folder = tmp_path_factory.mktemp("walks")
    here = load_study(shutil.copytree(four_patients, folder / "here"))
    there = load_study(in_store(four_patients, folder / "there", ADDRESS))
    with without_dagster():
        Runner(here).run(tables=NARROW)
    # The secret of the store is looked for in Dagster's records of this one.
    return Walked(here, there, Runner(there).run(tables=NARROW))


def contents(study: Study) -> dict[str, tuple]:
    """Say of every table's files what must be the same: bytes of all rows, schema, footer.

    But for the run that made it, which the footer names, and times of the clock: of a table that
    has some, the digest of all other values counts, which is in the footer. The audit log is left
    out: its names of events are of chance.
    """
    lake = lake_of(study)
    found = {}
    for table in TABLES.values():
        for partition in lake.partitions(table) if table is not AuditLog else ():
            content = read_bytes(lake.file(table, partition))
            rows = content[: -8 - int.from_bytes(content[-8:-4], "little")]
            footer = {**(lake.footer(table, partition) or {}), "run_id": "", "seconds": ""}
            schema = pq.read_schema(pa.BufferReader(content)).remove_metadata()
            has_clock = any(pa.types.is_timestamp(one.type) for one in schema)
            bytes_of_rows = "" if has_clock else hashlib.sha256(rows).hexdigest()
            name = "/".join([table.table_name, *map(str, partition.values())])
            found[name] = (bytes_of_rows, str(schema), footer)
    return found


def objects(prefix: str = "walk") -> list[str]:
    store = fsspec.filesystem("s3", use_listings_cache=False)
    return [name.removeprefix(f"{BUCKET}/") for name in store.find(f"{BUCKET}/{prefix}")]


def test_every_partition_is_made(walked):
    assert (walked.made.failed, len(walked.made.made)) == ({}, len(contents(walked.here)))


def test_every_file_has_the_bytes_that_it_has_in_a_folder(walked):
    assert contents(walked.there) == contents(walked.here)


def gone_for_a_while(server: Server, monkeypatch: pytest.MonkeyPatch, table: str) -> list[float]:
    """Let the server be killed when the first file of a table is there, and be asked in vain twice.

    Returns the pauses that were made until it was asked again; it is back after the second.
    """
    write, pauses = Lake.write_content, []

    def write_and_lose(self, written, *what, **more):
        answer = write(self, written, *what, **more)
        if written.table_name == table and not killed:
            killed.append(table)
            server.stop()
        return answer

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            server.start()

    killed: list[str] = []
    monkeypatch.setattr(Lake, "write_content", write_and_lose)
    monkeypatch.setattr(object_store, "time", SimpleNamespace(sleep=pause))
    return pauses


@pytest.mark.slow
def test_the_whole_walk_with_genes_and_pages_is_the_same_though_the_server_is_restarted(
    server, tmp_path, monkeypatch
):
    """Of the demo's own study, with all of its resamples; the server is killed in the middle."""
    source = tmp_path / "source"
    make_simulated_study(source, source / "data_lake")
    here = load_study(shutil.copytree(source, tmp_path / "here"))
    there = load_study(in_store(source, tmp_path / "there", f"s3://{BUCKET}/whole"))
    assert Runner(here).run().failed == {}
    pauses = gone_for_a_while(server, monkeypatch, "parcel_gmv")
    assert Runner(there).run().failed == {}
    assert len(pauses) >= 2
    assert contents(there) == contents(here)
    pages = [page.name for page in report_pages(lake_of(there))]
    assert pages == [page.name for page in report_pages(lake_of(here))]


def test_a_second_walk_has_nothing_to_do(walked):
    with without_dagster():
        assert Runner(walked.there).run(tables=NARROW).made == []


def test_nothing_but_tables_is_in_the_bucket(walked):
    known = {"part.parquet", "problems.json"}
    assert {name.rpartition("/")[2] for name in objects()} <= known


def test_sql_answers_as_over_a_folder(walked):
    sql = "SELECT parcellation, parcel, t FROM gmv_change ORDER BY ALL"
    there = query(walked.there.open_lake(), sql).fetchall()
    assert there == query(walked.here.open_lake(), sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        f"COPY (SELECT 1) TO '{ADDRESS}/x.parquet'",
        "FROM read_parquet('s3://other/x.parquet')",
        "FROM read_csv('/etc/passwd')",
    ],
)
def test_sql_neither_writes_nor_reads_anything_else(walked, sql):
    with pytest.raises(QueryError):
        query(walked.there.open_lake(), sql).fetchall()


def test_a_table_that_another_process_writes_is_listed(walked, tmp_path):
    lake = Lake(walked.there.lake_folder.with_name("listed"), beside=tmp_path)
    assert lake.partitions(ParcelGmv) == []
    fsspec.filesystem("s3").pipe(
        f"{BUCKET}/listed/parcel_gmv/subject=9/parcellation=hcp_mmp/part.parquet", b"x"
    )
    assert lake.partitions(ParcelGmv) == [{"subject": "9", "parcellation": "hcp_mmp"}]


def test_the_secret_is_in_no_file_of_the_study(walked):
    files = [one for one in walked.there.folder.rglob("*") if one.is_file()]
    assert [one for one in files if SECRET.encode() in one.read_bytes()] == []


@pytest.fixture
def small(server, four_patients, tmp_path) -> Iterator[Study]:
    """A study with a place of its own in the bucket, of which nothing is made yet."""
    place = f"s3://{BUCKET}/{tmp_path.name}"
    with without_dagster():
        yield load_study(in_store(four_patients, tmp_path / "study", place))


FEW = ("raw_scans", "scan_volumes", "clinical_scores", "participants")


def test_a_patient_who_withdraws_is_nowhere_in_the_bucket(small):
    Runner(small).run(tables=FEW)
    with open_instance(small) as instance:
        withdraw(small, "002", True, instance)
    lake = small.open_lake()
    rows = [
        read_parquet(lake.file(table, one)).to_pandas()
        for table in TABLES.values()
        for one in lake.partitions(table)
    ]
    assert rows
    assert not any("002" in set(frame.get("subject", ())) for frame in rows)
    assert not any("subject=002" in name for name in objects(small.folder.parent.name))


def test_a_store_that_comes_back_in_the_middle_is_waited_for(server, small, monkeypatch):
    pauses = gone_for_a_while(server, monkeypatch, "raw_scans")
    assert Runner(small).run(tables=FEW).failed == {}
    assert len(pauses) >= 2
    assert len(small.open_lake().read(TABLES["raw_scans"])) == 8


def ect(study: Study, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from ect_assets.cli import main; main()", *words]
    return subprocess.run(
        [*command, "--study", str(study.folder)], capture_output=True, text=True, check=False
    )


def test_a_store_that_is_away_is_one_sentence_and_the_next_run_goes_on(server, small):
    Runner(small).run(tables=("raw_scans",))
    before = objects(small.folder.parent.name)
    server.stop()
    try:
        said = ect(small, "run", "--table", "scan_volumes")
    finally:
        server.start()
    assert said.returncode == 1
    assert f"s3://{BUCKET} does not answer" in " ".join(said.stderr.split())
    assert "Traceback" not in said.stderr
    assert objects(small.folder.parent.name) == before
    assert Runner(small).run(tables=("scan_volumes",)).failed == {}


WRITER = """
import sys
from pathlib import Path
from ect_assets.lake.audit import record_events
from ect_assets.lake.store import Lake
from ect_assets.lake.location import place_of
from ect_assets.tables import ParcelGmv
from ect_assets_tests.lake.rows import PROVENANCE, rows

who, address, beside = sys.argv[1:]
lake = Lake(place_of(address, Path()), beside=Path(beside))
for turn in range(8):
    for subject in ("1", "2"):
        partition = {"subject": subject, "parcellation": "hcp_mmp"}
        frame = rows(ParcelGmv, **partition, gmv_mm3=float(1 + turn), parcel=who)
        lake.write(ParcelGmv, partition, frame, PROVENANCE)
    record_events(lake, [("excluded", None, f"{who} {turn}")], True)
"""


def test_two_writers_at_once_leave_whole_files_and_all_events(server, tmp_path):
    address = f"s3://{BUCKET}/two"
    command = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*command, who, address, str(tmp_path)]) for who in ("left", "right")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    study = load_study_at(tmp_path, address)
    lake = study.open_lake()
    whole = [lake.is_whole(ParcelGmv, one) for one in lake.partitions(ParcelGmv)]
    assert whole == [True, True]
    events = Lake(study.lake_folder, beside=tmp_path)
    assert len(read_audit_log(events)) == 16


def load_study_at(folder: Path, address: str) -> Study:
    text = f'name = "two"\ntitle = "Two"\nlake = "{address}"\n[parcellations.hcp_mmp]\n'
    (folder / STUDY_FILE).write_text(text, encoding="utf-8")
    return load_study(folder)
