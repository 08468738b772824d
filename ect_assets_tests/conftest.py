"""Small studies that several tests walk through."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, event

from ect_assets.demo import make_simulated_study
from ect_assets.demo.donors import TINY
from ect_assets.demo.reference_maps import FOLDER as REFERENCE_MAPS
from ect_assets.orchestration import execution
from ect_assets.orchestration.execution import PICTURED_AT_MOST
from ect_assets.orchestration.runner import Runner
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets_tests.light_runs import without_dagster

FEWER = """
[association]
permutations = 199
bootstraps = 100
gene_list_q = 0.05

[nulls]
models = ["vasa", "hungarian", "moran", "burt"]
n = 99

[calibration]
lengths_mm = [15, 40]
maps = 20
nulls = 19
symptom_maps = 20
component_maps = 20

[enrichment]
permutations = 200
ontology_permutations = 200
max_size = 14
"""
NO_PAGES = """
[report]
pages = false
"""
AT_ONCE = """
[arrival]
settle_minutes = 0
"""


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts the tests in the background makes them, and what they start, deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# However slow the machine is: nothing is found wrong for the time that it took.
hypothesis_settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("any machine")


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: object, _record: object) -> None:
    """Let SQLite not flush each of Dagster's events: no test's records outlive a power failure."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


LONGEST_FIRST = (
    "test_browser",
    "test_walk",
    "test_walk_real",
    "test_withdrawal",
    "test_transcriptome_walk",
    "test_walk_in_store",
    "test_gates",
    "test_automation",
    "test_bad_input",
    "test_study_report",
    "test_kills",
    "test_terminal",
    "test_my_lab",
    "test_abagen_run",
    "test_abagen_bridge",
    "test_plan",
    "test_run_storage",
    "test_volume_sources",
    "test_large_cohorts",
    "test_earlier_version",
    "test_jobs",
    "test_light_runs",
    "test_deploy",
)
"""Files of minutes: begun first, so that no worker is left with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first; each file keeps its own order."""
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


def shortened(folder: Path, pages: bool = False) -> Study:
    """Let a study resample less and, unless asked for, write no pages: a walk takes seconds."""
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8") + FEWER + ("" if pages else NO_PAGES)
    file.write_text(text, encoding="utf-8")
    return load_study(folder)


def without_contrasts(folder: Path) -> Path:
    """Take the contrasts out of a study's settings: four patients are too few for covariates."""
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    begin, end = text.index("# What the contrasts below"), text.index("# Parcellations:")
    file.write_text(text[:begin] + text[end:], encoding="utf-8")
    return folder


def without_hcp_mmp(folder: Path) -> Path:
    """Take one of the two parcellations out of a study's settings."""
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    begin = text.index("[parcellations.hcp_mmp]")
    file.write_text(text[:begin] + text[text.index("\n\n", begin) :], encoding="utf-8")
    shutil.rmtree(folder / REFERENCE_MAPS / "hcp_mmp", ignore_errors=True)
    return folder


def made_once(tmp_path_factory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a study's folder that the first worker that needs it makes; the others wait for it."""
    everybodys = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        everybodys = everybodys.parent
    folder, aside = everybodys / name / "study", everybodys / f"{name}.half" / "study"
    with (everybodys / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            shutil.rmtree(aside.parent, ignore_errors=True)
            make(aside)
            aside.parent.rename(folder.parent)
    return folder


@pytest.fixture(scope="session", autouse=True)
def without_pictures() -> Iterator[None]:
    """Let runs draw no patients' maps; `with_pictures` is for the tests that ask for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "PICTURED_AT_MOST", 0)
        yield


@pytest.fixture(scope="module")
def light_runs() -> Iterator[None]:
    """Let all runs of a module be without Dagster, but for those of the studies that all share."""
    with without_dagster():
        yield


@contextmanager
def with_pictures() -> Iterator[None]:
    """Let runs draw as they do for a user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "PICTURED_AT_MOST", PICTURED_AT_MOST)
        yield


@pytest.fixture(scope="session")
def simulated_input(tmp_path_factory) -> Path:
    """Seven simulated patients as files; copy them before changing anything."""

    def make(folder: Path) -> None:
        make_simulated_study(folder, folder / "data_lake", subjects=7, voxel_mm=5.0, donors=TINY)
        shortened(folder)

    return made_once(tmp_path_factory, "simulated", make)


def without_genes(source: Path, folder: Path) -> Path:
    """Copy a study so that it stops before the genes."""
    return stopped_before_genes(Path(shutil.copytree(source, folder)))


def stopped_before_genes(folder: Path) -> Path:
    """Take gene expression out of a study's settings."""
    settings = folder / STUDY_FILE
    text = settings.read_text(encoding="utf-8")
    for expression in ("packaged", "donors"):
        text = text.replace(f'expression = "{expression}"', 'expression = "none"')
    settings.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def filled_input(simulated_input, tmp_path_factory) -> Path:
    """Seven patients, all tables before the genes made; copy it before changing anything."""

    def make(folder: Path) -> None:
        settings = without_genes(simulated_input, folder) / STUDY_FILE
        settings.write_text(settings.read_text(encoding="utf-8") + AT_ONCE, encoding="utf-8")
        Runner(load_study(folder)).run()

    return made_once(tmp_path_factory, "filled", make)


@pytest.fixture(scope="session")
def narrow_input(simulated_input, tmp_path_factory) -> Path:
    """The same patients with one parcellation, for tests that do not ask about two."""

    def make(folder: Path) -> None:
        settings = without_hcp_mmp(without_genes(simulated_input, folder)) / STUDY_FILE
        settings.write_text(settings.read_text(encoding="utf-8") + AT_ONCE, encoding="utf-8")
        Runner(load_study(folder)).run()

    return made_once(tmp_path_factory, "narrow", make)


@pytest.fixture
def narrow_folder(narrow_input, tmp_path) -> Path:
    """A study of seven patients and one parcellation, made before the genes, to be broken."""
    return Path(shutil.copytree(narrow_input, tmp_path / "study"))


@pytest.fixture
def filled_folder(filled_input, tmp_path) -> Path:
    """A study of seven simulated patients, walked through before the genes, to be broken."""
    return Path(shutil.copytree(filled_input, tmp_path / "study"))


@pytest.fixture
def study_folder(simulated_input, tmp_path) -> Path:
    """A study of seven simulated patients that a test may break; it stops before the genes."""
    return without_genes(simulated_input, tmp_path / "study")
