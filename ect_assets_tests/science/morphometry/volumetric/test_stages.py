"""A stage is made once, and again only when something changed."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.science.morphometry.volumetric.stages import Stages


@pytest.fixture
def made() -> list[str]:
    """Names of the stages that were run."""
    return []


@pytest.fixture
def stages(tmp_path, made) -> Stages:
    """Stages of a subject."""
    return Stages(tmp_path / "work", lambda name, seconds: made.append(name))


def arrays() -> dict[str, np.ndarray]:
    return {"values": np.arange(5.0)}


def test_a_stage_is_run_once_for_the_same_inputs(stages, made):
    stages.run("scan", {"sha256": "a"}, arrays)
    stages.run("scan", {"sha256": "a"}, arrays)
    assert made == ["scan"]


def test_a_stage_is_run_again_when_an_input_changes(stages, made):
    stages.run("scan", {"sha256": "a"}, arrays)
    stages.run("scan", {"sha256": "b"}, arrays)
    assert made == ["scan", "scan"]


def test_what_a_stage_made_is_read_back(stages):
    kept = stages.run("scan", {"sha256": "a"}, arrays)
    np.testing.assert_array_equal(kept.load()["values"], np.arange(5.0))


def test_a_file_that_was_cut_off_is_made_again(stages, made):
    kept = stages.run("scan", {"sha256": "a"}, arrays)
    kept.file.write_bytes(kept.file.read_bytes()[:100])
    stages.run("scan", {"sha256": "a"}, arrays)
    assert made == ["scan", "scan"]


def test_a_stage_that_fails_leaves_nothing_behind(stages):
    def failing() -> dict[str, np.ndarray]:
        raise ValueError

    with pytest.raises(ValueError):
        stages.run("scan", {}, failing)
    assert list(stages.folder.iterdir()) == []


def test_the_same_arrays_give_the_same_bytes(stages):
    first = stages.run("one", {}, arrays).file.read_bytes()
    stages.run("one", {}, arrays).file.unlink()
    assert stages.run("one", {}, arrays).file.read_bytes() == first
