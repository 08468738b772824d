"""Files are whole or not there: full disks, read-only folders, writers that are killed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import multiprocessing
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import duckdb
import pytest

from ect_assets import tables, whole_files
from ect_assets.lake import catalogue
from ect_assets.lake.catalogue import CATALOGUE, refresh_catalogue
from ect_assets.lake.integrity import REMEMBERED
from ect_assets.lake.store import Failure, Lake
from ect_assets.problems import Problem
from ect_assets.whole_files import (
    OLD_SECONDS,
    WRITING,
    WriteError,
    clear_leftovers,
    folder_beside,
    replace_whole,
)
from ect_assets_tests.lake.rows import PROVENANCE, keep, rows, scores

SCORES = tables.ClinicalScores
FAILURE = Failure((Problem("session_missing", "has no scan.", "raw_scans", "002"),), "abc", True)
NOBODY = 65534
FEW_BYTES = 96 * 1024


@pytest.fixture
def ours():
    """A folder of an ordinary user's, whom the system keeps from writing where it says so."""
    folder = Path(tempfile.mkdtemp(prefix="lake-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FEW_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can make a small disk")
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let a small disk be made")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def files_below(folder: Path) -> list[str]:
    """List all files but the one that remembers which others were found whole."""
    there = sorted(file.name for file in folder.rglob("*") if file.is_file())
    return [name for name in there if name != REMEMBERED]


def forbid_writing(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o500)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def refuse(number: int):
    def function(*arguments, **named):
        raise OSError(number, os.strerror(number))

    return function


@pytest.mark.parametrize("what", ["table", "problems", "catalogue"])
def test_a_read_only_lake_is_named_with_what_to_do(ours, what):
    lake = Lake(ours / "lake")
    lake.write(SCORES, {}, scores(), PROVENANCE)
    lake.record_problems(tables.RawScans, {"subject": "001"}, None)
    forbid_writing(lake.folder)
    write = {
        "table": lambda: keep(lake, tables.ScanVolumes, subject="01"),
        "problems": lambda: lake.record_problems(tables.RawScans, {"subject": "001"}, FAILURE),
        "catalogue": lambda: refresh_catalogue(lake),
    }[what]
    with pytest.raises(WriteError) as told:
        write()
    assert str(lake.folder) in str(told.value)
    assert "Make the folder writable" in str(told.value)


def test_a_read_only_table_keeps_what_it_had_and_is_repaired_once_it_can_be_written(ours):
    lake = Lake(ours / "lake")
    lake.write(SCORES, {}, scores(), PROVENANCE)
    forbid_writing(lake.folder / "clinical_scores")
    with pytest.raises(WriteError, match="clinical_scores cannot be written to"):
        lake.write(SCORES, {}, scores(score=[1.0, 2.0]), PROVENANCE)
    assert lake.read(SCORES).score.tolist() == [21.0, 9.0]
    (lake.folder / "clinical_scores").chmod(0o700)
    lake.write(SCORES, {}, scores(score=[1.0, 2.0]), PROVENANCE)
    assert lake.read(SCORES).score.tolist() == [1.0, 2.0]


def test_a_full_disk_keeps_what_was_there_and_leaves_nothing_beside_it(full_disk):
    lake = Lake(full_disk)
    lake.write(SCORES, {}, scores(), PROVENANCE)
    fill(full_disk)
    with pytest.raises(WriteError, match="clinical_scores is full.*Free some space"):
        lake.write(SCORES, {}, scores(score=[1.0, 2.0]), PROVENANCE)
    assert lake.read(SCORES).score.tolist() == [21.0, 9.0]
    assert files_below(full_disk) == ["filler", "part.parquet"]


def test_room_on_the_disk_lets_the_same_table_be_written(full_disk):
    lake = Lake(full_disk)
    fill(full_disk)
    with pytest.raises(WriteError):
        lake.write(SCORES, {}, scores(), PROVENANCE)
    (full_disk / "filler").unlink()
    lake.write(SCORES, {}, scores(), PROVENANCE)
    assert lake.is_whole(SCORES, {})


def test_a_full_disk_keeps_the_catalogue_that_was_there(full_disk):
    lake = Lake(full_disk)
    before = b"an older catalogue"
    (full_disk / CATALOGUE).write_bytes(before)
    fill(full_disk)
    with pytest.raises(WriteError, match=f"{CATALOGUE} could not be"):
        refresh_catalogue(lake)
    assert (full_disk / CATALOGUE).read_bytes() == before
    assert files_below(full_disk) == [CATALOGUE, "filler"]


def test_a_catalogue_that_cannot_be_finished_does_not_take_the_place_of_the_old(
    filled, monkeypatch
):
    before = refresh_catalogue(filled).read_bytes()

    def fail(*arguments):
        raise duckdb.IOException("No space left on device")

    monkeypatch.setattr(catalogue, "make_views", fail)
    with pytest.raises(WriteError, match="No space left on device"):
        refresh_catalogue(filled)
    assert (filled.folder / CATALOGUE).read_bytes() == before
    assert files_below(filled.folder) == [CATALOGUE, "part.parquet"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "Make the folder writable"),
        (errno.EACCES, "Make the folder writable"),
        (errno.EIO, "could not be written"),
    ],
)
@pytest.mark.parametrize("place", ["mkstemp", "_flush"])
def test_what_the_system_refuses_is_told_with_the_folder(filled, monkeypatch, place, number, words):
    owner = whole_files.tempfile if place == "mkstemp" else whole_files
    monkeypatch.setattr(owner, place, refuse(number))
    with pytest.raises(WriteError, match=words) as told:
        filled.write(SCORES, {}, scores(score=[1.0, 2.0]), PROVENANCE)
    assert str(filled.file(SCORES, {}).parent) in str(told.value)
    assert files_below(filled.folder) == ["part.parquet"]


def write_and_die(folder: Path) -> None:
    replace_whole(
        folder / "clinical_scores" / "part.parquet", lambda aside: os.kill(os.getpid(), 9)
    )


def killed_while_writing(folder: Path) -> Path:
    """Leave what a writer leaves who is killed in the middle of it."""
    process = multiprocessing.get_context("spawn").Process(target=write_and_die, args=(folder,))
    process.start()
    process.join()
    (left,) = folder.rglob(f".*{WRITING}")
    return left


def test_what_a_killed_writer_left_is_cleared_away(filled):
    left = killed_while_writing(filled.folder)
    assert clear_leftovers(filled.folder) == [left]
    assert files_below(filled.folder) == ["part.parquet"]


def test_what_a_killed_writer_left_is_in_no_table(filled):
    killed_while_writing(filled.folder)
    assert filled.read(SCORES).score.tolist() == [21.0, 9.0]


def test_a_folder_that_a_killed_writer_left_is_cleared_away(filled):
    left = filled.folder / f".{CATALOGUE}.abc{WRITING}"
    left.mkdir()
    (left / CATALOGUE).write_bytes(b"half")
    assert clear_leftovers(filled.folder) == [left]


def test_what_a_living_writer_is_writing_stays(tmp_path):
    def write(aside):
        aside.write_text("first half")
        assert clear_leftovers(tmp_path) == []
        aside.write_text("all of it")

    replace_whole(tmp_path / "file", write)
    assert (tmp_path / "file").read_text() == "all of it"


def test_the_folder_of_a_living_writer_stays(tmp_path):
    with folder_beside(tmp_path / "file") as aside:
        assert clear_leftovers(tmp_path) == []
        assert aside.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_whose_file_was_taken_for_a_leftover_begins_again(tmp_path, monkeypatch):
    make, made = whole_files._new_file, []

    def make_and_lose(folder):
        made.append(make(folder))
        if len(made) == 1:
            clear_leftovers(tmp_path)
        return made[-1]

    monkeypatch.setattr(whole_files, "_new_file", make_and_lose)
    replace_whole(tmp_path / "file", lambda aside: aside.write_text("all of it"))
    assert len(made) == 2
    assert files_below(tmp_path) == ["file"]


@pytest.mark.parametrize(("age_seconds", "goes"), [(OLD_SECONDS + 60, True), (60, False)])
def test_where_there_are_no_locks_only_what_is_old_is_cleared_away(
    tmp_path, monkeypatch, age_seconds, goes
):
    left = tmp_path / f".abc{WRITING}"
    left.touch()
    when = left.stat().st_mtime - age_seconds
    os.utime(left, (when, when))
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    assert clear_leftovers(tmp_path) == ([left] if goes else [])


def test_files_of_others_are_not_cleared_away(tmp_path):
    names = [".hidden", "notes.writing", ".audit.lock"]
    for name in names:
        (tmp_path / name).touch()
    assert clear_leftovers(tmp_path) == []


def test_problems_that_another_run_clears_meanwhile_are_passed_over(lake, monkeypatch):
    lake.record_problems(tables.RawScans, {"subject": "001"}, FAILURE)
    monkeypatch.setattr(Path, "read_bytes", refuse(errno.ENOENT))
    assert list(lake.failures()) == []
    assert lake.failure(tables.RawScans, {"subject": "001"}) is None


def test_a_view_is_over_all_files_though_one_was_replaced_while_it_was_made(lake, monkeypatch):
    keep(lake, tables.ScanVolumes, subject="01")
    make, calls = catalogue._make_view, []

    def fail_once(connection, lake, table, statement):
        if table is tables.ScanVolumes:
            calls.append(statement)
        if len(calls) == 1:
            calls.append("")
            raise duckdb.IOException("Could not read enough bytes from file")
        make(connection, lake, table, statement)

    monkeypatch.setattr(catalogue, "_make_view", fail_once)
    file = refresh_catalogue(lake)
    lake.write(
        tables.ScanVolumes, {"subject": "02"}, rows(tables.ScanVolumes, subject="02"), PROVENANCE
    )
    with duckdb.connect(file, read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM scan_volumes").fetchall() == [(2,)]
