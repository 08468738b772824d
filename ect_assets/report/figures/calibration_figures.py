"""The figure of each test's false positive rate: spatial nulls on smooth noise, and symptoms.

Rates are measured in `calibration` and `symptom_calibration`; here they are drawn beside the level
that they should have.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_style import (
    DOWN,
    INK,
    QUIET,
    TWO_COLUMNS_MM,
    UP,
    letter,
    new_figure,
    report_style,
)
from ect_assets.report.figures.panel_style import null_model_name, primary_first
from ect_assets.report.pages.display_names import GENE_LIST
from ect_assets.science.statistics.multiple_comparisons import LEVEL

N_COLUMNS = 3
PANEL_MM = 62.0
SYMPTOMS = "symptoms"
TITLES = {
    "r2_y_component_1": "PLS1 explains the map",
    "gene_p_spatial": "One gene follows the map",
    "gene_set_spatial": "One gene set follows the map",
    GENE_LIST: "Any gene passes the bootstrap",
}
"""Tests in a reader's words, in the order in which they are drawn."""

SYMPTOM_TESTS = {
    "p_perm": "covariance with\nimprovement",
    "p_perm_r2": "fitted R\u00b2",
    "p_cross_validated": "left-out patients",
}
MARKERS = {"moran": ("o", DOWN), "vasa": ("s", UP), "hungarian": ("^", "#009E73")}
MARKERS |= {"burt": ("D", "#CC79A7"), "naive": ("x", QUIET), "bootstrap": ("v", INK)}
OTHER = ("P", "#8a6d00")
OWN_MARK = "*"


@report_style()
def draw_calibration(frames: Frames, setting: Setting) -> Figure:
    """Draw the false positive rate of each test, with its 95 % interval.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        false_positives, own_smoothness; see `CALIBRATION_EXHIBITS`.

    Returns
    -------
    Figure
        One panel per test of genes, and one of all tests of symptoms.
    """
    rates, own = frames["false_positives"], frames["own_smoothness"]
    own = own.dropna(subset=["smoothness_mm"])
    tests = _tests(rates)
    n_rows = -(-len(tests) // N_COLUMNS)
    n_columns = min(len(tests), N_COLUMNS)
    figure = new_figure(
        TWO_COLUMNS_MM, 14 + PANEL_MM * n_rows, setting.simulated, setting.simulated_donors
    )
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for panel, test, name in zip(panels, tests, "abcdefghijkl", strict=False):
        letter(panel, name)
        if test == SYMPTOMS:
            _symptom_panel(panel, rates[rates["family"] == SYMPTOMS])
            continue
        of_test = rates[(rates["family"] != SYMPTOMS) & (rates["statistic"] == test)]
        its_own = own if test == "r2_y_component_1" else own.head(0)
        panel.set_title(TITLES.get(test, test))
        level = setting.gene_list_q if test == GENE_LIST else LEVEL
        _noise_panel(panel, of_test, its_own, setting.null_model, level)
        _mark_smoothness(panel, own)
    for panel in panels[len(tests) :]:
        panel.set_visible(False)
    _key(figure, list(panels[: len(tests)]))
    return figure


def _tests(rates: pd.DataFrame) -> list[str]:
    """List the panels: tests that are known first, then others, at last those of symptoms."""
    of_genes = rates.loc[rates["family"] != SYMPTOMS, "statistic"]
    known = [test for test in TITLES if (of_genes == test).any()]
    others = sorted(set(of_genes) - set(TITLES))
    return [*known, *others, *[SYMPTOMS] * bool((rates["family"] == SYMPTOMS).any())]


def _noise_panel(
    panel: Axes, rates: pd.DataFrame, own: pd.DataFrame, primary: str, level: float
) -> None:
    """Draw the rates of one test against the smoothness of the noise, a line per null model."""
    models = primary_first(rates["null_model"], primary)
    lengths = sorted(rates["smoothness_mm"].unique())
    step = 0.012 * (max(lengths) - min(lengths) or 1.0)
    for place, model in enumerate(models):
        rows = rates[rates["null_model"] == model].sort_values("smoothness_mm")
        # Side by side, so that intervals can be told apart.
        aside = step * (place - (len(models) - 1) / 2)
        _with_intervals(panel, rows["smoothness_mm"] + aside, rows, model, line="-", size=4)
    for row in own.to_dict("records"):
        if row["null_model"] in models and pd.notna(row["rate"]):
            rows = pd.DataFrame([row])
            _with_intervals(panel, rows["smoothness_mm"], rows, row["null_model"], size=7, own=True)
    _level(panel, float(pd.concat([rates["ci_high"], own["ci_high"]]).max()), level)
    panel.set_xlabel("smoothness of the noise (mm)")


def _with_intervals(
    panel: Axes,
    x: pd.Series,
    rows: pd.DataFrame,
    model: str,
    line: str = "",
    size: float = 4,
    own: bool = False,
) -> None:
    marker, colour = MARKERS.get(model, OTHER)
    rate = 100 * rows["rate"]
    panel.errorbar(
        x,
        rate,
        yerr=[rate - 100 * rows["ci_low"], 100 * rows["ci_high"] - rate],
        ls=line,
        marker=OWN_MARK if own else marker,
        ms=size,
        mec="black" if own else colour,
        mew=0.5 if own else 1,
        color=colour,
        capsize=1.5,
        elinewidth=0.7,
        lw=0.9,
        label=None if own else null_model_name(model),
    )


def _level(panel: Axes, highest: float, level: float = LEVEL) -> None:
    panel.axhline(100 * level, color=INK, lw=0.8, ls=(0, (4, 3)))
    panel.set_ylim(0, max(100 * highest, 4 * 100 * LEVEL) * 1.15)
    panel.yaxis.set_major_locator(MaxNLocator(6))
    panel.set_ylabel("false positives (%)")


def _mark_smoothness(panel: Axes, own: pd.DataFrame) -> None:
    """Mark how smooth the study's map is, in words too."""
    if own.empty:
        return
    low, high = panel.get_xlim()
    length = float(own["smoothness_mm"].iloc[0])
    panel.axvline(length, color=QUIET, lw=0.8, ls=":")
    panel.set_xlim(min(low, length - 1), max(high, length + 1))
    # Above the panel's lines, on the side with more room.
    is_left = length > sum(panel.get_xlim()) / 2
    panel.annotate(
        f"this map: {length:.0f} mm",
        (length, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if is_left else 3, -1),
        textcoords="offset points",
        ha="right" if is_left else "left",
        va="top",
        size=6.5,
        color=QUIET,
    )


def _symptom_panel(panel: Axes, rates: pd.DataFrame) -> None:
    order = [*SYMPTOM_TESTS, *sorted(set(rates["statistic"]) - set(SYMPTOM_TESTS))]
    rows = rates.set_index("statistic").reindex([t for t in order if t in set(rates["statistic"])])
    rate = 100 * rows["rate"]
    places = range(len(rows))
    panel.errorbar(
        places,
        rate,
        yerr=[rate - 100 * rows["ci_low"], 100 * rows["ci_high"] - rate],
        ls="",
        marker="o",
        ms=4,
        color=INK,
        capsize=1.5,
        elinewidth=0.7,
    )
    panel.set_xticks(places, [SYMPTOM_TESTS.get(str(test), str(test)) for test in rows.index])
    panel.set_xlim(-0.5, len(rows) - 0.5)
    panel.set_title("Symptoms, patients exchanged")
    _level(panel, float(rows["ci_high"].max()))


def _markers(panel: Axes) -> set[object]:
    return {line.get_marker() for line in panel.get_lines()}


def _key(figure: Figure, panels: list[Axes]) -> None:
    """Name each null model once for all panels."""
    handles: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if any(OWN_MARK in _markers(panel) for panel in panels):
        star = Line2D([], [], ls="", marker=OWN_MARK, ms=7, mfc=QUIET, mec="black", mew=0.5)
        handles["at the smoothness of this map"] = star
    if handles:
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside upper center",
            ncols=min(len(handles), 5),
        )


FALSE_POSITIVES = """SELECT 'genes' AS family, statistic, null_model, smoothness_mm, n_maps,
  false_positive_rate_05 AS rate, ci_low_05 AS ci_low, ci_high_05 AS ci_high
FROM null_calibration
WHERE parcellation = '{parcellation}'
UNION ALL
SELECT 'symptoms', statistic, NULL, NULL, n_maps, false_positive_rate_05, ci_low_05, ci_high_05
FROM symptom_calibration
WHERE parcellation = '{parcellation}'
ORDER BY family, statistic, null_model, smoothness_mm"""

OWN_SMOOTHNESS = """SELECT null_model, map_smoothness_mm AS smoothness_mm,
  false_positive_rate_05 AS rate, false_positive_ci_low_05 AS ci_low,
  false_positive_ci_high_05 AS ci_high
FROM pls_components
WHERE parcellation = '{parcellation}' AND component = 1
ORDER BY null_model"""

CALIBRATION_EXHIBITS = (
    Exhibit(
        name="supplementary_figure_5_calibration",
        title="False positive rate of each test",
        caption=(
            "Share of maps of pure noise on which each test gives p ≤ 0.05, with its 95 % "
            "interval, against the length over which the noise is correlated, on this "
            "parcellation and with this gene expression; a test that keeps its level lies on the "
            "dashed line at 5 %. For genes and gene sets it is the share of them, on average over "
            "maps; for the bootstrap the share of maps on which any gene is listed, whose line "
            "is at the q below which a gene is listed. Dotted: the "
            "smoothness of the study's own map, as estimated; stars: the rate there, between "
            "those measured. Symptoms: the tests of brain against symptoms where improvements "
            "are random. Parcels exchanged, and the bootstrap, take parcels as independent."
        ),
        queries={"false_positives": FALSE_POSITIVES, "own_smoothness": OWN_SMOOTHNESS},
        draw=draw_calibration,
        needs=("false_positives",),
    ),
)
