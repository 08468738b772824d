"""Studies that several tests read; none of them may change a file of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets.demo import make_ds000174_study, make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.demo.drawing import SimulatedStudy, simulate_study
from ect_assets_tests.demo.reading import read_measures


@pytest.fixture(scope="session")
def drawn() -> SimulatedStudy:
    """The demo as it is drawn by default."""
    return simulate_study(24, 20250101)


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated patients with coarse images, on disk."""
    folder = tmp_path_factory.mktemp("small") / "studies" / "demo"
    make_simulated_study(
        folder, folder.parents[1] / "lake" / "demo", subjects=3, voxel_mm=5, donors=TINY
    )
    return folder


@pytest.fixture(scope="session")
def real_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables of ds000174, on disk."""
    folder = tmp_path_factory.mktemp("real") / "studies" / "ds000174"
    make_ds000174_study(folder, folder.parents[1] / "lake" / "ds000174")
    return folder


@pytest.fixture(scope="session")
def small_measures(small_study: Path) -> list[dict[str, float]]:
    """Whole-brain measures of every scan of the small study."""
    files = sorted(small_study.glob("bids/derivatives/freesurfer/*/stats/aseg.stats"))
    return [read_measures(file) for file in files]
