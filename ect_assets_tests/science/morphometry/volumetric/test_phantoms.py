"""A change that is known is found, on two real people and three deformations each."""

from __future__ import annotations

import pandas as pd
import pytest

from ect_assets.reference.loaders import reference_file
from ect_assets.science.morphometry.volumetric.settings import VolumetricSettings
from ect_assets_tests.science.morphometry.volumetric.phantoms import judge, make_phantom
from ect_assets_tests.science.morphometry.volumetric.shapes import CHECKS

ATLAS = "hcp_mmp_mni152nlin2009a.nii.gz"
PEOPLE = ("t1w_colin27.nii.gz", "t1w_niivue_sample.nii.gz")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> pd.DataFrame:
    """One row per phantom; takes many minutes."""
    if not all((CHECKS / person).is_file() for person in PEOPLE):
        pytest.skip(f"needs {', '.join(PEOPLE)} in {CHECKS.parent.name}/{CHECKS.name}")
    atlas = reference_file(ATLAS)
    rows = []
    for person in PEOPLE:
        folder = tmp_path_factory.mktemp(person.split(".")[0])
        for seed in (1, 2, 3):
            phantom = make_phantom(CHECKS / person, atlas, folder, seed)
            settings = VolumetricSettings(1.0)
            rows.append(judge(phantom, atlas, folder / str(seed), settings))
    found = pd.DataFrame(rows)
    print(found.to_string())
    return found


pytestmark = pytest.mark.slow


def test_the_change_found_follows_the_true_change(table):
    assert table["r"].min() >= 0.85


def test_the_change_found_has_the_size_of_the_true_change(table):
    assert table["slope"].between(0.9, 1.1).all()


def test_two_scans_of_an_unchanged_brain_hardly_differ(table):
    assert table["retest_sd_percent"].max() <= 0.5


def test_no_large_change_is_found_with_the_wrong_sign(table):
    assert table["wrong_signs"].max() == 0


def test_subtracting_single_measurements_finds_far_less(table):
    assert (table["cross_r"] < table["r"] - 0.2).all()
