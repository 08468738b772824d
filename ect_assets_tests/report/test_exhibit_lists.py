"""Every figure that shows single patients is marked as one."""

from __future__ import annotations

import pytest

from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.report.figures.exhibit_lists import OF_A_PARCELLATION, OF_THE_STUDY
from ect_assets.report.figures.exhibits import Exhibit, Setting
from ect_assets_tests.report.small_lake import ATLAS

OF_A_PATIENT = {"subject", "row"}
"""Columns by which rows of patients are known; `row` is that of a design matrix."""


@pytest.fixture(scope="module")
def connection(tmp_path_factory):
    """A lake without tables."""
    with connect(Lake(tmp_path_factory.mktemp("lake"))) as connected:
        yield connected


@pytest.mark.parametrize("exhibit", [*OF_A_PARCELLATION, *OF_THE_STUDY], ids=lambda one: one.name)
def test_a_figure_with_a_row_per_patient_is_marked(connection, exhibit: Exhibit):
    setting = Setting(ATLAS, ("pre", "post"), "moran", simulated=True)
    columns = {name for frame in exhibit.frames(connection, setting).values() for name in frame}
    assert exhibit.shows_patients == bool(OF_A_PATIENT & columns)
