"""Figures of how gray matter changed: maps of the cortex, patient by patient, all parcels, quality.

All parcels at once are drawn in `parcel_figures`, the quality of the scans in `quality_figures`,
the change of symptoms in `symptom_figures`; the words of the page around them belong in `page`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import (
    equation,
    mean_marker,
    no_more,
    paired_lines,
    parts_below_one_another,
    short_label,
    side_by_side,
    sign_colour,
    signed,
)
from ect_assets.report.figures.figure_style import (
    INK,
    ONE_COLUMN_MM,
    QUIET,
    TWO_COLUMNS_MM,
    new_figure,
    report_style,
)
from ect_assets.report.figures.parcel_figures import SUPPLEMENTARY_FIGURE_2
from ect_assets.report.figures.quality_figures import SUPPLEMENTARY_FIGURE_3
from ect_assets.report.maps.brain_maps import draw_map
from ect_assets.report.maps.map_colours import colours_of
from ect_assets.report.questions import EXCLUDED, PRIMARY
from ect_assets.science.statistics.multiple_comparisons import LEVEL

MOST_PANELS, FEWEST_PANELS = 12, 6
N_COLUMNS = 3
PANEL_HEIGHT_MM = 47.0
MAP_HEIGHT_MM, VERDICT_HEIGHT_MM = 50.0, 74.0

PARCELS_SQL = """
SELECT parcel, hemisphere, n, mean_pre_mm3, mean_post_mm3, percent_change, t, df, p, q
FROM gmv_change
WHERE parcellation = '{parcellation}' AND structure = 'cortex'
ORDER BY parcel
"""

SUREST = f"""QUALIFY q < {LEVEL}
  OR (min(q) OVER () >= {LEVEL} AND row_number() OVER (ORDER BY p, parcel) <= {FEWEST_PANELS})
ORDER BY p, parcel"""
"""The parcels that change, surest first; where none does, those with the smallest p."""

CHANGED_SQL = f"""
SELECT parcel, n, percent_change, t, p, q,
  100 * ci_low_mm3 / nullif(mean_pre_mm3, 0) AS ci_low_percent,
  100 * ci_high_mm3 / nullif(mean_pre_mm3, 0) AS ci_high_percent
FROM gmv_change
WHERE parcellation = '{{parcellation}}' AND {PRIMARY}
{SUREST}
"""

PATIENTS_SQL = f"""
WITH changed AS (
  SELECT parcel, p FROM gmv_change
  WHERE parcellation = '{{parcellation}}' AND {PRIMARY}
  {SUREST} LIMIT {MOST_PANELS}
)
SELECT parcel, subject, before.gmv_mm3 AS before_mm3, after.gmv_mm3 AS after_mm3
FROM parcel_gmv AS before
  JOIN parcel_gmv AS after USING (parcellation, subject, parcel)
  JOIN changed USING (parcel)
WHERE parcellation = '{{parcellation}}'
  AND before.session = '{{baseline}}' AND after.session = '{{follow_up}}'
  AND subject NOT IN ({EXCLUDED})
ORDER BY changed.p, parcel, subject
"""


def draw_gray_matter_volume(frames: Frames, setting: Setting) -> Figure:
    """Draw the mean volumes at both sessions and t of the change on the cortex.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``parcels``: parcel, n, mean_pre_mm3, mean_post_mm3, t, q.
    setting : Setting
        With a surface.
    """
    parcels = frames["parcels"].set_index("parcel")
    levels = parcels[["mean_pre_mm3", "mean_post_mm3"]].astype(float)
    limits = colours_of(levels.to_numpy().ravel(), "level").get_clim()
    n = int(parcels["n"].max()) if len(parcels) else 0
    changed = list(parcels.index[parcels["q"] < LEVEL])
    assert setting.surface is not None, "the exhibit needs a surface"
    with report_style():
        figure = new_figure(TWO_COLUMNS_MM, 3 * MAP_HEIGHT_MM, setting.simulated)
        parts = parts_below_one_another(figure, [1, 1, 1])
        for part, column, session, name in zip(
            parts, levels, setting.sessions, ("before", "after"), strict=False
        ):
            title = f"Mean gray matter volume {name} ({session}), n = {n}"
            unit = "gray matter volume (mm\u00b3)"
            draw_map(
                part, levels[column], setting.surface, unit, "level", limits=limits, title=title
            )
        draw_map(
            parts[2],
            parcels["t"].astype(float),
            setting.surface,
            "t of the mean change",
            significant=changed,
            title=f"Change from {setting.sessions[0]} to {setting.sessions[1]}",
        )
        for part, name in zip(parts, "abc", strict=True):
            part.text(0.004, 0.988, name, va="top", size=9, weight="bold")
    return figure


def draw_verdict(frames: Frames, setting: Setting) -> Figure:
    """Draw t of the change alone, for the first screen of the page.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``parcels``: parcel, t, q.
    setting : Setting
        With a surface.
    """
    parcels = frames["parcels"].set_index("parcel")
    assert setting.surface is not None, "the exhibit needs a surface"
    with report_style():
        figure = new_figure(ONE_COLUMN_MM, VERDICT_HEIGHT_MM, setting.simulated)
        (part,) = parts_below_one_another(figure, [1])
        changed = list(parcels.index[parcels["q"] < LEVEL])
        draw_map(
            part, parcels["t"].astype(float), setting.surface, "t of the change", "change", changed
        )
    return figure


def draw_patients(frames: Frames, setting: Setting) -> Figure:
    """Draw the parcels that change most surely, patient by patient.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``parcels``: parcel, percent_change, ci_low_percent, ci_high_percent, q, surest first;
        ``patients``: parcel, subject, before_mm3, after_mm3.
    """
    parcels = frames["parcels"]
    shown = parcels.head(MOST_PANELS)
    n_rows = max(-(-len(shown) // N_COLUMNS), 1)
    by_parcel = dict(iter(frames["patients"].groupby("parcel")))
    with report_style():
        height_mm = n_rows * PANEL_HEIGHT_MM + 8
        figure = new_figure(TWO_COLUMNS_MM, height_mm, setting.simulated)
        figure.suptitle(_heading(parcels), size=7, x=0.008, ha="left")
        figure.set_layout_engine("constrained", w_pad=0.045, wspace=0.01, hspace=0.04)
        grid = figure.add_gridspec(n_rows, N_COLUMNS)
        for place, row in enumerate(shown.to_dict("records")):
            patients = by_parcel.get(row["parcel"], frames["patients"].head(0))
            _draw_patients_of(figure, grid[divmod(place, N_COLUMNS)], row, patients, setting)
    return figure


def _heading(parcels: pd.DataFrame) -> str:
    if parcels.empty:
        return "No parcel was tested"
    if not (parcels["q"] < LEVEL).any():
        return f"No parcel has q < 0.05; these are the {len(parcels)} with the smallest p"
    found = f"{len(parcels)} parcel{'s' * (len(parcels) > 1)} with q < 0.05"
    more = no_more(MOST_PANELS, len(parcels), "with q < 0.05", "gmv_change")
    return f"{found}; the {MOST_PANELS} surest are shown ({more})" if more else found


def _draw_patients_of(
    figure: Figure,
    place: SubplotSpec,
    row: Mapping[Hashable, Any],
    patients: pd.DataFrame,
    setting: Setting,
) -> None:
    """Draw one parcel: volumes as pairs, and each patient's change in percent beside them."""
    grid = place.subgridspec(1, 2, width_ratios=(3, 2))
    pairs, changes = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    before, after = (patients[name].to_numpy(float) for name in ("before_mm3", "after_mm3"))
    paired_lines(pairs, patients["subject"], before, after, setting.sessions)
    pairs.tick_params(axis="x", labelsize=6)
    pairs.set_ylabel("volume (mm\u00b3)")
    with np.errstate(divide="ignore", invalid="ignore"):
        percent = np.where(before > 0, 100 * (after / before - 1), np.nan)
    colours = [sign_colour(change) for change in percent]
    changes.axhline(0, color=QUIET, lw=0.5)
    changes.scatter(side_by_side(percent), percent, s=5, c=colours, alpha=0.7, lw=0)
    mean, low, high, q = (
        float(row[name]) for name in ("percent_change", "ci_low_percent", "ci_high_percent", "q")
    )
    mean_marker(changes, 0.6, mean, mean - low, high - mean)
    changes.set_xlim(-0.75, 0.9)
    changes.set_xticks([])
    changes.spines["bottom"].set_visible(False)
    changes.set_ylabel("change (%)", labelpad=1)
    pairs.set_title(short_label(setting.in_full(str(row["parcel"]))), pad=11, size=7.5)
    interval = f"{signed(mean)} % [{signed(low)}, {signed(high)}], {equation('q', q)}"
    pairs.annotate(
        interval, (0, 1), (0, 3), "axes fraction", "offset points", size=6.5, color=INK
    ).set_in_layout(False)


VERDICT = Exhibit(
    name="verdict_change",
    title="Map of the change of gray matter volume",
    caption="Red: grew; blue: shrank; black outline: q < 0.05.",
    queries={"parcels": PARCELS_SQL},
    draw=draw_verdict,
    needs=("parcels",),
    needs_surface=True,
)

FIGURE_1 = Exhibit(
    name="figure_1_gray_matter_volume",
    title="Gray matter volume before and after, and its change",
    caption=(
        "Mean gray matter volume (mm\u00b3) of each parcel (a) before and (b) after, in the same "
        "colours, and (c) t of the mean change, adjusted as the methods say: red where volume "
        "grew, blue where it fell. Parcels with q < 0.05 (Benjamini-Hochberg over the parcels) "
        "have a black outline. Large parcels hold more gray matter, so (a) and (b) show the size "
        "of the parcels as well. The colours end at the 2nd and 98th percentile of the values; "
        "arrows at the bar say that there are values beyond. Inflated cortex of fsaverage5; gray: "
        "no value."
    ),
    queries={"parcels": PARCELS_SQL},
    draw=draw_gray_matter_volume,
    needs=("parcels",),
    needs_surface=True,
)

SUPPLEMENTARY_FIGURE_1 = Exhibit(
    name="supplementary_figure_1_patients",
    title="The surest changes, patient by patient",
    caption=(
        "Each panel is a parcel, the surest first. Left: gray matter volume (mm\u00b3), a line per "
        "patient (orange: grew, blue: fell), black: mean and its 95 % interval over patients. "
        "Right: each patient's change in percent of the baseline; black: the mean change that was "
        "tested, in percent of the mean at baseline, with its 95 % interval, as above the panel. "
        "q: after false discovery rate over all parcels. The parcels were chosen by their p, so "
        "their changes look larger here than they would in new patients."
    ),
    queries={"parcels": CHANGED_SQL, "patients": PATIENTS_SQL},
    draw=draw_patients,
    needs=("parcels", "patients"),
    shows_patients=True,
)

CHANGE_EXHIBITS = (
    VERDICT,
    FIGURE_1,
    SUPPLEMENTARY_FIGURE_1,
    SUPPLEMENTARY_FIGURE_2,
    SUPPLEMENTARY_FIGURE_3,
)
