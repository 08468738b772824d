"""Words that figures share."""

from __future__ import annotations

from ect_assets.report.figures.figure_parts import short_label
from ect_assets_tests.report.figure_reading import SETTING


def test_a_parcel_s_long_name_is_shortened_before_its_side():
    assert short_label("cuneus, left") == "cuneus, left"
    assert short_label("banks of the superior temporal sulcus, right", 20) == "banks of the…, right"
    assert short_label("L_V1") == "L_V1"


def test_a_parcel_without_a_label_keeps_its_name():
    assert SETTING.in_full("lh_cuneus") == "lh_cuneus"
