"""The build of fsaverage's sphere: four decimals are found again, and nothing else is accepted."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.problems import StudyError
from ect_assets.reference.build.fsaverage_sphere import TARGET, four_decimals, unit
from ect_assets.reference.loaders import reference_file


def test_four_decimals_are_found_again_after_the_radius_was_made_one():
    sphere = np.load(reference_file(TARGET))
    assert (four_decimals(unit(sphere.astype(float)).astype(np.float32)) == sphere).all()


def test_coordinates_of_more_decimals_are_refused():
    with pytest.raises(StudyError, match="not a sphere of four decimals"):
        four_decimals(unit(np.array([[0.123456, 0.2, 0.3]])))
