"""Where a lab's modules are found, and what installed packages bring."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from ect_assets.intake.volumes import sources
from ect_assets.intake.volumes.sources import source_class
from ect_assets.orchestration.extensions import load_extensions, modules
from ect_assets.pipeline.all_steps import STEPS, steps_of
from ect_assets.problems import StudyError
from ect_assets.science.nulls.models import MODELS
from ect_assets.study import Study
from ect_assets_tests.conftest import without_genes
from ect_assets_tests.orchestration.extensions.labs import with_modules

TABLE = """import dagster as dg
@dg.asset(io_manager_key="lake")
def {name}(gmv_change): return gmv_change
"""
SOURCE = """from ect_assets.extensions import volume_source
@volume_source
class Ours:
    name = "ours"
    measures_images = fills_folder = holds_many = False
    versions = {}
    def __init__(self, study): ...
    def scan_volumes(self, subject, session): ...
    def parcel_gmv(self, subject, session, parcellation, parcels): ...
    def files(self, subject): return []
    def sessions(self, subject): return []
"""


@pytest.fixture
def folder(simulated_input, tmp_path) -> Path:
    return without_genes(simulated_input, tmp_path / "study")


def names(study: Study) -> list[str]:
    load_extensions(study)
    return [step.name for step in steps_of(study)][len(STEPS) :]


def test_a_module_beside_the_study_takes_the_place_of_no_installed_one(folder):
    study = with_modules(folder, {"lab": TABLE.format(name="mine")})
    (folder / "json.py").write_text("raise RuntimeError")
    assert names(study) == ["mine"]
    assert sys.path[-1] == str(folder) and "site-packages" not in (json.__file__ or "")


def test_two_studies_have_modules_of_one_name(folder, tmp_path):
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    first = with_modules(folder, {"lab": TABLE.format(name="mine")})
    assert names(first) == ["mine"]
    second = with_modules(other, {})
    (other / "lab.py").write_text(TABLE.format(name="theirs"))
    second = second.model_copy(update={"extensions": first.extensions})
    assert names(second) == ["theirs"]
    assert names(first) == ["mine"] and str(other) not in sys.path


def test_an_installed_package_brings_its_own_by_entry_points(folder, tmp_path, monkeypatch):
    package = tmp_path / "site"
    package.mkdir()
    (package / "installed_lab.py").write_text(
        TABLE.format(name="mine") + "def model(values, distances, n, seed): ...\n"
    )
    monkeypatch.syspath_prepend(str(package))
    brings = {
        "ect_assets.steps": "installed_lab",
        "ect_assets.null_models": "installed_lab:model",
        "ect_assets.volume_sources": "installed_lab:missing",
    }
    points = {group: [EntryPoint("lab", value, group)] for group, value in brings.items()}
    monkeypatch.setattr(modules, "entry_points", lambda group: points[group])
    try:
        (fault,) = load_extensions(with_modules(folder, {})).faults
        assert "entry point lab of ect_assets.volume_sources" in fault and "missing" in fault
        assert names(with_modules(folder, {})) == ["mine"]
        assert "lab" in MODELS
    finally:
        MODELS.pop("lab", None)


def test_a_source_of_volumes_is_taken_by_the_name_that_the_lab_gave_it(folder, monkeypatch):
    monkeypatch.setattr(sources, "SOURCES", dict(sources.SOURCES))
    file = folder / "study.toml"
    text = file.read_text().replace('source = "freesurfer"', 'source = "ours"', 1)
    file.write_text(text)
    with pytest.raises(StudyError, match="morphometry.source: there is no ours; known are"):
        with_modules(folder, {}).model_copy()
    study = with_modules(folder, {"lab": SOURCE})
    with pytest.raises(StudyError, match="there is no source of volumes ours"):
        source_class(study)
    assert load_extensions(study).faults == []
    assert source_class(study).__name__ == "Ours"
