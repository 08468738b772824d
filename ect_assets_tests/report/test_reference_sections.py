"""The section of reference maps: what it says, and when there is none."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from ect_assets import tables
from ect_assets.lake.catalogue import connect
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.writing import write_section
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report.small_lake import ATLAS, small_study

SETTING = Setting(ATLAS, ("pre", "post"), "moran", True)


@pytest.fixture
def study(tmp_path):
    """A study whose change was compared with two maps, one of them without a licence."""
    made = small_study(tmp_path, reference_maps={"folder": "maps"})
    keep(
        made.open_lake(),
        tables.ReferenceCorrelations,
        2,
        parcellation=ATLAS,
        contrast="gmv_change",
        reference=["D1", "GABA"],
        n_parcels=34,
        r=[0.61, -0.2],
        p_spatial=[0.004, 0.4],
        p_max=[0.008, 0.6],
        licence=["CC BY 4.0", None],
        n_nulls=1000,
        null_model="moran",
    )
    return made


def section_of(connection, study):
    return str(write_section("reference_maps", Facts(connection, SETTING), study).blocks[0].html)


def test_the_table_names_each_map_with_its_p_and_licence(study):
    with connect(study.open_lake()) as connection:
        html = section_of(connection, study)
    assert Markup(html).striptags().startswith("1 of 2 correlations with 2 reference maps have")
    rows = html.partition("<tbody>")[2].split("</tr>")[:-1]
    cells = [re.split("</t[dh]>", row)[:-1] for row in rows]
    assert [[Markup(cell).striptags() for cell in row] for row in cells] == [
        ["gmv_change", "D1", "34", "+0.61", "0.004", "0.008", "0.500", "CC BY 4.0"],
        ["gmv_change", "GABA", "34", "−0.20", "0.400", "0.600", "0.500", "not stated"],
    ]


def test_a_study_without_a_folder_has_no_section(study):
    bare = small_study(study.folder)
    with connect(study.open_lake()) as connection:
        assert write_section("reference_maps", Facts(connection, SETTING), bare) is None


def test_where_nothing_could_be_compared_the_section_says_so(tmp_path):
    empty = small_study(tmp_path, reference_maps={"folder": "maps"})
    with connect(empty.open_lake()) as connection:
        assert "No reference map could be compared" in section_of(connection, empty)
