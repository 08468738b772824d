"""Figures of the contrasts that a study names: their maps on the cortex, and their designs.

The map of the published analysis belongs in `change_figures`.
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import no_more, parts_below_one_another, short
from ect_assets.report.figures.figure_style import (
    QUIET,
    TWO_COLUMNS_MM,
    new_figure,
    report_style,
)
from ect_assets.report.maps.brain_maps import draw_map
from ect_assets.report.pages.display_names import term_name
from ect_assets.science.statistics.multiple_comparisons import LEVEL

MOST_CONTRASTS = 5
MAP_HEIGHT_MM, DESIGN_HEIGHT_MM = 46.0, 78.0
LONGEST_COLUMN, LONGEST_TITLE = 26, 90
DESIGNS_IN_A_ROW = 3

MAPS_SQL = """
SELECT contrast, parcel, unit, n, effect, t, p, q
FROM contrast_maps
WHERE parcellation = '{parcellation}' AND structure = 'cortex'
ORDER BY contrast, parcel
"""
DESIGNS_SQL = """
SELECT contrast, "row", "column", value, is_tested, session
FROM design_matrix
WHERE parcellation = '{parcellation}'
ORDER BY contrast, "row"
"""


def draw_contrasts(frames: Frames, setting: Setting) -> Figure:
    """Draw t of each contrast on the cortex, one below the other.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``maps``: contrast, parcel, unit, n, t, q.
    setting : Setting
        With a surface.
    """
    assert setting.surface is not None, "the exhibit needs a surface"
    maps = dict(list(frames["maps"].groupby("contrast"))[:MOST_CONTRASTS])
    n_more = frames["maps"].contrast.nunique() - len(maps)
    with report_style():
        height_mm = MAP_HEIGHT_MM * len(maps) + 4
        figure = new_figure(TWO_COLUMNS_MM, height_mm, setting.simulated)
        parts = parts_below_one_another(figure, [1] * len(maps))
        for part, (name, rows) in zip(parts, maps.items(), strict=True):
            parcels = rows.set_index("parcel")
            title = short(setting.contrast(str(name)), LONGEST_TITLE)
            draw_map(
                part,
                parcels["t"].astype(float),
                setting.surface,
                "t",
                significant=list(parcels.index[parcels["q"] < LEVEL]),
                title=f"{title}, n = {parcels['n'].max()}",
            )
        if n_more:
            more = no_more(MOST_CONTRASTS, MOST_CONTRASTS + n_more, "contrasts", "contrast_maps")
            figure.text(0.01, 0.004, more, size=6.5, color=QUIET)
    return figure


def draw_designs(frames: Frames, setting: Setting) -> Figure:
    """Draw each design matrix: patients by columns, each column from its least to its largest.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``designs``: contrast, row, column, value, is_tested, session.
    """
    designs = dict(list(frames["designs"].groupby("contrast"))[: 2 * DESIGNS_IN_A_ROW])
    n_rows = -(-len(designs) // DESIGNS_IN_A_ROW)
    with report_style():
        figure = new_figure(TWO_COLUMNS_MM, DESIGN_HEIGHT_MM * n_rows, setting.simulated)
        panels = figure.subplots(n_rows, DESIGNS_IN_A_ROW, squeeze=False).ravel()
        for panel in panels[len(designs) :]:
            panel.set_axis_off()
        for panel, (name, rows) in zip(panels, designs.items(), strict=False):
            _draw_design(panel, setting.contrast(str(name)), rows)
    return figure


def _draw_design(panel: Axes, name: str, rows: pd.DataFrame) -> None:
    names = list(rows["column"].drop_duplicates())
    tested = str(rows.loc[rows["is_tested"].astype(bool), "column"].iloc[0])
    values = rows.pivot(index="row", columns="column", values="value")[names]
    values = values.sort_values([tested, *names], kind="stable")
    numbers = values.to_numpy(float)
    scale = np.abs(numbers).max(axis=0)
    panel.imshow(
        numbers / np.where(scale > 0, scale, 1),
        aspect="auto",
        interpolation="nearest",
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
    )
    labels = [short(term_name(one), LONGEST_COLUMN) for one in names]
    panel.set_xticks(np.arange(len(names)), labels, rotation=40, ha="right")
    for label, column in zip(panel.get_xticklabels(), names, strict=True):
        label.set_fontweight("bold" if column == tested else "normal")
    panel.set_yticks([])
    what = "scans" if rows["session"].notna().any() else "participants"
    panel.set_ylabel(f"{len(values)} {what}")
    panel.set_title(textwrap.fill(name, 36, max_lines=2, placeholder="…"), size=7)


CONTRAST_EXHIBITS = (
    Exhibit(
        name="supplementary_figure_7_contrasts",
        title="The contrasts of the study on the cortex",
        caption=(
            "t of the effect of each contrast that study.toml names, parcel by parcel: red above "
            "0, blue below. Parcels with q < 0.05 "
            "(Benjamini-Hochberg over the cortical parcels of the contrast) have a black outline; "
            "q does not correct for the number of contrasts. Each map has colours of its own."
        ),
        queries={"maps": MAPS_SQL},
        draw=draw_contrasts,
        needs=("maps",),
        needs_surface=True,
    ),
    Exhibit(
        name="supplementary_figure_8_designs",
        title="The models of the contrasts",
        caption=(
            "The design matrix of each contrast: a row per participant (of a mixed model per "
            "scan), in the order of the tested column (bold), and the columns of the model, each "
            "from its least (blue) to its largest value (red). Columns that "
            "look alike can hardly be told apart."
        ),
        queries={"designs": DESIGNS_SQL},
        draw=draw_designs,
        needs=("designs",),
        shows_patients=True,
    ),
)
