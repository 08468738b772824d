"""Names of parcels: their hemisphere, and what is no parcel."""

from __future__ import annotations

import pytest

from ect_assets.science.parcellations.names import is_parcel, side_of, without_side


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("7Networks_LH_Vis_1", "L"),
        ("L_V1_ROI", "L"),
        ("ctx-rh-insula", "R"),
        ("Right-Thalamus", "R"),
        ("A8m_L", None),
        ("lateralorbitofrontal", None),
        ("rostralmiddlefrontal", None),
        ("10r", None),
    ],
)
def test_the_hemisphere_is_read_off_a_name_that_says_it(name, side):
    assert side_of(name) == side


def test_the_hemisphere_is_taken_off_the_beginning_alone():
    assert [without_side(name) for name in ("lh_insula", "7Networks_LH_Vis_1")] == [
        "insula",
        "7Networks_LH_Vis_1",
    ]


@pytest.mark.parametrize(
    "name",
    ["unknown", "L_???", "rh_Unknown", "Background+FreeSurfer_Defined_Medial_Wall", "Medial_wall"],
)
def test_the_medial_wall_is_no_parcel(name):
    assert not is_parcel(name)
