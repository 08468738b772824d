"""Addresses that cannot be used, stores that refuse or are away, and places of either kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets.lake import location as places
from ect_assets.lake import object_store
from ect_assets.lake.location import place_of
from ect_assets.lake.object_store import StoreError
from ect_assets.lake.store import Lake, LakeError
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, load_study
from ect_assets.tables import ClinicalScores, ParcelGmv
from ect_assets_tests.lake.object_store.conftest import BUCKET, SECRET
from ect_assets_tests.lake.rows import PROVENANCE, keep, scores


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("sftp://host/lake", "not a store"),
        ("s3://", "s3://BUCKET/FOLDER"),
        (f"s3://key:{SECRET}@host/lake", "without a login"),
        ("s3://bucket/lake?endpoint=x", "without a login"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_can(tmp_path, address, word):
    with pytest.raises(StudyError, match=word) as told:
        place_of(address, tmp_path)
    assert SECRET not in str(told.value)


def test_a_missing_package_is_named_with_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(object_store, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"pip install -e '.\[s3\]'"):
        place_of("s3://bucket/lake", tmp_path)


def test_a_folder_stays_a_folder_of_the_study(tmp_path):
    assert place_of("data_lake", tmp_path) == tmp_path / "data_lake"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(object_store, "PAUSES_SECONDS", (0.01, 0.01, 0.01))


@pytest.fixture
def fresh(server, monkeypatch, impatient):
    """Let the next file system of S3 read the environment anew."""
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    yield monkeypatch
    s3fs.S3FileSystem.clear_instance_cache()


def listed(tmp_path: Path, bucket: str = BUCKET) -> list:
    return Lake(place_of(f"s3://{bucket}/none", tmp_path), beside=tmp_path).partitions(ParcelGmv)


def test_a_wrong_secret_is_told_as_a_refusal_and_not_repeated(fresh, tmp_path):
    fresh.setenv("AWS_SECRET_ACCESS_KEY", f"{SECRET}x")
    with pytest.raises(StoreError, match="refuses") as told:
        listed(tmp_path)
    assert SECRET not in str(told.value)


def test_a_missing_login_names_the_variables(fresh, tmp_path):
    fresh.delenv("AWS_ACCESS_KEY_ID")
    fresh.delenv("AWS_SECRET_ACCESS_KEY")
    fresh.setenv("HOME", str(tmp_path))
    with pytest.raises(StoreError, match="AWS_ACCESS_KEY_ID"):
        listed(tmp_path)


def test_a_wrong_endpoint_is_told_as_a_store_that_is_away(fresh, tmp_path):
    fresh.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match="does not answer"):
        listed(tmp_path)


def test_a_bucket_that_is_not_there_is_named(fresh, tmp_path):
    with pytest.raises(StoreError, match="s3://nowhere does not exist"):
        listed(tmp_path, "nowhere")


def test_a_bucket_that_is_not_there_is_not_written_into(fresh, tmp_path):
    lake = Lake(place_of("s3://nowhere/lake", tmp_path), beside=tmp_path)
    with pytest.raises(StoreError, match="Create the bucket first"):
        lake.write(ClinicalScores, {}, scores(), PROVENANCE)


def test_a_store_that_does_not_answer_is_asked_again(impatient):
    answers = iter([OSError("reset"), TimeoutError("late"), "content"])

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert object_store.patiently(object_store.open_place("memory://lake"), ask) == "content"


def test_a_fault_of_ours_is_not_taken_for_the_stores(impatient):
    def ask() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        object_store.patiently(object_store.open_place("memory://lake"), ask)


@pytest.fixture(params=["folder", "memory"])
def lake(request, tmp_path) -> Lake:
    """A lake in a folder, and one in another store of fsspec than S3."""
    address = f"memory://{tmp_path.name}/lake"
    place = tmp_path / "lake" if request.param == "folder" else place_of(address, tmp_path)
    return Lake(place, beside=tmp_path)


def test_what_is_written_is_read_back(lake):
    lake.write(ClinicalScores, {}, scores(), PROVENANCE)
    assert lake.read(ClinicalScores).score.tolist() == [21.0, 9.0]


def test_partitions_are_listed_in_the_same_order(lake):
    for subject in ("a-b", "a", "a0"):
        keep(lake, ParcelGmv, subject=subject, parcellation="hcp_mmp")
    assert [one["subject"] for one in lake.partitions(ParcelGmv)] == ["a", "a-b", "a0"]
    assert len(lake.partitions(ParcelGmv, {"subject": "a"})) == 1
    assert len(lake.partitions(ParcelGmv, {"parcellation": "hcp_mmp"})) == 3


def test_a_folder_is_taken_away_with_what_is_in_it(lake):
    keep(lake, ParcelGmv, subject="a", parcellation="hcp_mmp")
    places.remove_folder(lake.folder / "parcel_gmv")
    assert lake.partitions(ParcelGmv) == []


def test_what_is_not_there_is_taken_away_without_error(lake):
    places.remove_folder(lake.folder / "nothing")
    places.remove(lake.folder / "nothing.txt")
    assert places.stamp_of(lake.folder / "nothing.txt") is None


def test_a_lake_in_a_store_needs_a_folder_on_this_machine_for_its_locks(tmp_path):
    lake = Lake(place_of("memory://lake", tmp_path))
    with pytest.raises(LakeError, match="needs a folder"):
        _ = lake.own_folder


def test_a_study_with_its_lake_in_a_folder_imports_nothing_of_a_store(tmp_path):
    import subprocess
    import sys

    text = 'name = "mine"\ntitle = "Mine"\n[parcellations.hcp_mmp]\n'
    (tmp_path / STUDY_FILE).write_text(text, encoding="utf-8")
    assert load_study(tmp_path).lake_folder == tmp_path / "data_lake"
    script = (
        "import sys, ect_assets.orchestration.definitions; "
        "from ect_assets.study import load_study; "
        f"load_study({str(tmp_path)!r}).lake_folder; "
        "only = ('s3fs', 'upath', 'ect_assets.lake.object_store'); "
        "print([one for one in only if one in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("other", [70_000, 90_000, 300_000, 100])
def test_the_end_of_an_object_is_that_of_one_version(server, monkeypatch, other):
    place = place_of(f"s3://{BUCKET}/replaced", Path())
    object_store.put(place, b"a" * 80_000)
    asked = object_store.stamp_of

    def replaced_after(one):
        there = asked(one)
        monkeypatch.setattr(object_store, "stamp_of", asked)
        object_store.put(one, b"b" * other)
        return there

    monkeypatch.setattr(object_store, "stamp_of", replaced_after)
    assert object_store.read_tail(place) == b"b" * min(other, object_store.TAIL_BYTES)
