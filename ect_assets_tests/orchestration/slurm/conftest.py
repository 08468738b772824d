"""A real Slurm for the tests that are marked slow, and a study whose steps go there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.study import STUDY_FILE
from ect_assets_tests.conftest import FEWER, NO_PAGES, stopped_before_genes
from ect_assets_tests.orchestration.slurm.loopback import LoopbackSlurm, why_no_slurm

ON_SLURM = """
[cluster]
executor = "slurm"
partition = "main"
check_seconds = 2
runs_at_once = 2
environment = ["PYTHONPATH"]

[cluster.resources]
scans = {time = "5:00:00", memory = "1G"}
morphometry = {time = "5:00:00", memory = "1G"}

[schedule]
arrivals = false
nightly = false
weekly = false
"""


@pytest.fixture(scope="session")
def slurm() -> Iterator[LoopbackSlurm]:
    """Debian's Slurm on loopback, installed where it can be."""
    reason = why_no_slurm()
    if reason is not None:
        pytest.skip(reason)
    # A socket's name has at most 107 letters, which pytest's own folders leave little of.
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    loopback = LoopbackSlurm(folder)
    before = dict(os.environ)
    try:
        loopback.start()
        os.environ.update(loopback.environment)
        yield loopback
    finally:
        loopback.stop()
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def eight_patients(tmp_path_factory) -> Path:
    """Eight simulated patients as files; copy them before anything is made."""
    folder = tmp_path_factory.mktemp("eight") / "study"
    make_simulated_study(folder, folder / "data_lake", subjects=8, voxel_mm=5.0, donors=TINY)
    settings = stopped_before_genes(folder) / STUDY_FILE
    settings.write_text(settings.read_text(encoding="utf-8") + FEWER + NO_PAGES, encoding="utf-8")
    return folder


def on_slurm(source: Path, folder: Path, submission: str = "single") -> Path:
    """Copy a study so that its steps go to Slurm."""
    shutil.copytree(source, folder)
    settings = folder / STUDY_FILE
    cluster = ON_SLURM.replace("check_seconds", f'submission = "{submission}"\ncheck_seconds')
    settings.write_text(settings.read_text(encoding="utf-8") + cluster, encoding="utf-8")
    return folder
