"""A lake to write into, and one with a table in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets import tables
from ect_assets.lake.store import Lake
from ect_assets_tests.lake.rows import PROVENANCE, scores


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Return an empty lake."""
    return Lake(tmp_path / "lake")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Return a lake that holds the scores of two patients."""
    lake.write(tables.ClinicalScores, {}, scores(), PROVENANCE)
    return lake
