"""Bounds of instruments are found by what these are called, and only where it is certain."""

from __future__ import annotations

import pytest

from ect_assets.intake.plausible_scores import known_instrument
from ect_assets.science.plausibility import is_missing_code_among


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("hamd17", 0, 52),
        ("HAM-D 17", 0, 52),
        ("HDRS-21", 0, 66),
        ("hdrs24", 0, 76),
        ("Hamilton Depression Rating Scale, 17 items", 0, 52),
        ("Hamilton Rating Scale for Depression (HRSD-17)", 0, 52),
        ("madrs_total", 0, 60),
        ("Montgomery-\u00c5sberg Depression Rating Scale (MADRS)", 0, 60),
        ("BDI-II", 0, 63),
        ("bdi", 0, 63),
        ("QIDS-SR16", 0, 27),
        ("IDS-SR30", 0, 84),
        ("PHQ-9", 0, 27),
        ("YMRS", 0, 60),
        ("PANSS total", 30, 210),
        ("GAF", 0, 100),
        ("CGI-S", 1, 7),
        ("Mini-Mental State Examination", 0, 30),
        ("MoCA", 0, 30),
        ("HAM-A", 0, 56),
    ],
)
def test_an_instrument_is_known_by_its_names(name, low, high):
    found = known_instrument(name)
    assert found is not None and (found.low, found.high) == (low, high) and found.source


@pytest.mark.parametrize(
    "name", ["hamd17_change", "PANSS positive", "hamd28", "kids", "score", "EQ-5D", "hamd percent"]
)
def test_what_is_not_a_total_of_a_known_version_is_not_known(name):
    assert known_instrument(name) is None


def test_the_name_that_says_the_version_decides():
    found = known_instrument("hamd", "HAMD", "hamd17")
    assert found is not None and found.high == 52


@pytest.mark.parametrize(
    ("value", "others", "is_code"),
    [
        (-9, [0, 5], True),
        (-9, [-3, 5], False),
        (99, [52], True),
        (99, [98], False),
        (5, [1], False),
    ],
)
def test_a_code_is_judged_by_the_other_numbers(value, others, is_code):
    assert is_missing_code_among(value, [*others, value]) is is_code
