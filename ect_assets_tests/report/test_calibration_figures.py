"""The figure of calibration shows the rates that were measured, and those of this map."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ect_assets.report.figures.calibration_figures import CALIBRATION_EXHIBITS, draw_calibration
from ect_assets.report.figures.figure_style import figure_bytes, new_figure
from ect_assets_tests.report.figure_reading import (
    ODD_NAME,
    SETTING,
    is_not_empty,
    panel_with,
    panels,
    set_as_mathematics,
    texts,
    written,
)

(EXHIBIT,) = CALIBRATION_EXHIBITS


def rates(family, statistic, null_model, lengths, values):
    """Return rows of false positive rates, with intervals of 2 % to both sides."""
    return pd.DataFrame(
        {
            "family": family,
            "statistic": statistic,
            "null_model": null_model,
            "smoothness_mm": lengths,
            "n_maps": 100,
            "rate": values,
            "ci_low": np.array(values) - 0.02,
            "ci_high": np.array(values) + 0.02,
        }
    )


@pytest.fixture
def frames():
    """Two null models of two tests, symptoms, and a map of 30 mm."""
    lengths = [15.0, 25.0, 40.0]
    parts = [
        rates("genes", "r2_y_component_1", "moran", lengths, [0.05, 0.06, 0.07]),
        rates("genes", "r2_y_component_1", "vasa", lengths, [0.1, 0.2, 0.3]),
        rates("genes", ODD_NAME, "moran", lengths, [0.05, 0.05, 0.05]),
        rates("symptoms", "p_perm", None, [np.nan], [0.04]),
        rates("symptoms", "p_cross_validated", None, [np.nan], [0.055]),
    ]
    own = rates("genes", "r2_y_component_1", ["moran", "vasa"], [30.0, 30.0], [0.064, 0.233])
    return {"false_positives": pd.concat(parts, ignore_index=True), "own_smoothness": own}


def rate_lines(panel):
    """Return what is drawn of each null model in a panel: by its colour, lengths and rates."""
    return [
        (line.get_xdata(orig=False), line.get_ydata(orig=False))
        for line in panel.lines
        if line.get_marker() in ("o", "s") and len(line.get_xdata(orig=False)) == 3
    ]


def test_the_figure_has_something_in_it(frames, tmp_path):
    assert is_not_empty(draw_calibration(frames, SETTING), tmp_path)


def test_the_same_tables_give_the_same_bytes(frames):
    first, second = (figure_bytes(draw_calibration(frames, SETTING), "svg") for _ in range(2))
    assert first == second


def test_each_null_model_is_drawn_with_its_rates_in_percent(frames):
    panel = panel_with(draw_calibration(frames, SETTING), "PLS1 explains the map")
    drawn = [rate for _, rate in rate_lines(panel)]
    np.testing.assert_allclose(drawn, [[5, 6, 7], [10, 20, 30]])


def test_null_models_stand_beside_one_another_at_each_smoothness(frames):
    panel = panel_with(draw_calibration(frames, SETTING), "PLS1 explains the map")
    moran, vasa = (lengths for lengths, _ in rate_lines(panel))
    assert (moran < vasa).all() and np.abs(moran - [15, 25, 40]).max() < 0.5


def test_intervals_are_those_of_the_table(frames):
    panel = panel_with(draw_calibration(frames, SETTING), "PLS1 explains the map")
    ends = panel.collections[0].get_segments()[0][:, 1]
    np.testing.assert_allclose(ends, [3, 7])


def test_the_level_is_drawn_in_every_panel(frames):
    figure = draw_calibration(frames, SETTING)
    for panel in panels(figure):
        assert any(list(line.get_ydata(orig=False)) == [5, 5] for line in panel.lines)


def test_lists_of_genes_have_the_level_at_which_they_are_made(frames):
    lists = rates("genes", "gene_list_bootstrap", "bootstrap", [15.0], [0.4])
    rows = pd.concat([frames["false_positives"], lists], ignore_index=True)
    setting = replace(SETTING, gene_list_q=0.01)
    figure = draw_calibration(frames | {"false_positives": rows}, setting)
    panel = panel_with(figure, "Any gene passes the bootstrap")
    assert any(list(line.get_ydata(orig=False)) == [1, 1] for line in panel.lines)
    assert not any(list(line.get_ydata(orig=False)) == [5, 5] for line in panel.lines)


def test_the_smoothness_of_the_map_is_marked_with_its_own_rates(frames):
    panel = panel_with(draw_calibration(frames, SETTING), "PLS1 explains the map")
    stars = [line for line in panel.lines if line.get_marker() == "*"]
    np.testing.assert_allclose([line.get_ydata(orig=False)[0] for line in stars], [6.4, 23.3])
    assert any(list(line.get_xdata(orig=False)) == [30, 30] for line in panel.lines)
    assert "this map: 30 mm" in [one.get_text() for one in panel.texts]


def test_a_map_of_unknown_smoothness_is_not_marked(frames):
    own = frames["own_smoothness"].assign(smoothness_mm=np.nan, rate=np.nan)
    assert "this map" not in written(draw_calibration(frames | {"own_smoothness": own}, SETTING))


def test_tests_of_symptoms_have_a_panel_of_their_own(frames):
    panel = panel_with(draw_calibration(frames, SETTING), "Symptoms")
    points = next(line for line in panel.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_ydata(orig=False), [4, 5.5])


def test_a_study_without_genes_has_symptoms_alone(frames):
    rows = frames["false_positives"]
    few = {
        "false_positives": rows[rows["family"] == "symptoms"],
        "own_smoothness": frames["own_smoothness"].head(0),
    }
    assert len(panels(draw_calibration(few, SETTING))) == 1


def test_without_any_rate_it_is_left_out_with_a_reason(frames):
    empty = frames | {"false_positives": frames["false_positives"].head(0)}
    assert EXHIBIT.why_absent(empty, SETTING) is not None


def test_a_test_of_an_odd_name_is_drawn_under_it(frames):
    figure = draw_calibration(frames, SETTING)
    assert ODD_NAME in texts(figure) and set_as_mathematics(figure) == []


@pytest.mark.parametrize(
    ("patients", "donors", "words"),
    [
        (True, False, "simulated patients"),
        (False, True, "simulated donors"),
        (True, True, "simulated patients and donors"),
        (False, False, None),
    ],
)
def test_the_foot_says_who_is_simulated(patients, donors, words):
    figure = new_figure(80, 40, patients, donors)
    assert (figure.get_supxlabel() or None) == words
