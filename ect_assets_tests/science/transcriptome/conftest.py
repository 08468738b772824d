"""Small donors and the left half of HCP-MMP as abagen reads it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ect_assets.demo.donors import TINY, write_donors
from ect_assets.science.parcellations.abagen_files import save_for_abagen
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.science.transcriptome.donor_tables import donor_tables
from ect_assets.science.transcriptome.donors import choose_donors


@pytest.fixture(scope="session")
def small_donors(tmp_path_factory) -> Path:
    """Six simulated donors with 120 genes; `own_donors` may be changed instead."""
    folder = tmp_path_factory.mktemp("donors") / "ahba"
    write_donors(folder, TINY, seed=7)
    return folder


@pytest.fixture
def own_donors(small_donors, tmp_path) -> Path:
    """A copy of the small donors."""
    return Path(shutil.copytree(small_donors, tmp_path / "ahba"))


@pytest.fixture(scope="session")
def left_atlas(tmp_path_factory) -> tuple[Path, Path]:
    """Volume and info table of the 180 left parcels."""
    folder = tmp_path_factory.mktemp("atlas")
    return save_for_abagen(packaged_atlas("hcp_mmp"), "L", ["cortex"], folder)


@pytest.fixture(scope="session")
def small_tables(small_donors, tmp_path_factory):
    """Fast copies of the small donors."""
    cache = tmp_path_factory.mktemp("cache")
    return [donor_tables(donor, cache) for donor in choose_donors(small_donors, None)]
