"""Figure of the change of all parcels: how large and how sure, and every interval.

Maps of the cortex belong in `change_figures`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import stats

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import short_label, sign_colour
from ect_assets.report.figures.figure_style import (
    INK,
    QUIET,
    TWO_COLUMNS_MM,
    letter,
    new_figure,
    report_style,
)
from ect_assets.report.figures.label_placement import label_points
from ect_assets.report.questions import PRIMARY
from ect_assets.science.statistics.multiple_comparisons import LEVEL

MOST_LABELS = 12
MOST_NAMES = 90
"""So many parcels can be named below one another's intervals, at the type's least size."""
MARKERS = {"L": ("<", "left"), "R": (">", "right"), "B": ("o", "midline")}
SMALLEST_P = 1e-300
NOT_SURE = "#9a9a9a"

ALL_SQL = f"""
SELECT parcel, hemisphere, percent_change, t, df, p, q,
  100 * ci_low_mm3 / nullif(mean_pre_mm3, 0) AS ci_low_percent,
  100 * ci_high_mm3 / nullif(mean_pre_mm3, 0) AS ci_high_percent
FROM gmv_change
WHERE parcellation = '{{parcellation}}' AND {PRIMARY}
ORDER BY t DESC, parcel
"""


def draw_all_parcels(frames: Frames, setting: Setting) -> Figure:
    """Draw the change of every parcel against its p, and all intervals in the order of t.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``parcels``: parcel, hemisphere, percent_change, ci_low_percent, ci_high_percent, t, df,
        p, q; in the order of t.
    """
    parcels = frames["parcels"]
    names = [short_label(setting.in_full(str(one))) for one in parcels["parcel"]]
    has_names = 0 < len(parcels) <= MOST_NAMES
    with report_style():
        height_mm = 172 if has_names else 140
        figure = new_figure(TWO_COLUMNS_MM, height_mm, setting.simulated)
        strength, intervals = figure.subplots(2, 1, height_ratios=(8, 5))
        heights = -np.log10(parcels["p"].to_numpy(float).clip(SMALLEST_P))
        colours = _colours(parcels)
        _draw_intervals(intervals, parcels, colours, names if has_names else None)
        letter(strength, "a")
        letter(intervals, "b")
        _draw_strength(strength, parcels, heights, colours, names)
    return figure


def _colours(parcels: pd.DataFrame) -> NDArray[np.str_]:
    is_sure = parcels["q"].to_numpy(float) < LEVEL
    signs = [sign_colour(t) for t in parcels["t"].to_numpy(float)]
    return np.where(is_sure, np.array(signs, dtype=str), NOT_SURE)


def _draw_strength(
    panel: Axes,
    parcels: pd.DataFrame,
    heights: NDArray[np.float64],
    colours: NDArray[np.str_],
    names: list[str],
) -> None:
    percent = parcels["percent_change"].to_numpy(float)
    sides = parcels["hemisphere"].to_numpy(str)
    handles = []
    for side, (marker, name) in MARKERS.items():
        here = sides == side
        if here.any():
            panel.scatter(
                percent[here], heights[here], s=11, c=list(colours[here]), marker=marker, lw=0
            )
            handles.append(Line2D([], [], color=INK, marker=marker, ms=3.5, lw=0, label=name))
    panel.axvline(0, color=QUIET, lw=0.5, zorder=0)
    boundary, words = _boundary(parcels, heights)
    if boundary is not None:
        panel.axhline(boundary, color=QUIET, lw=0.6, ls="--", zorder=0)
        handles.append(Line2D([], [], color=QUIET, lw=0.6, ls="--", label="q = 0.05"))
    panel.set_title(words, weight="normal", size=7)
    panel.set_xlabel("mean change of gray matter volume (%)")
    panel.set_ylabel("\u2212log\u2081\u2080 p")
    panel.set_ylim(0, max(heights.max(initial=1.0) * 1.08, 1.5))
    if percent.size:
        reach = max(np.nanmax(np.abs(percent)), 0.1) * 1.12
        panel.set_xlim(-reach, reach)
    panel.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=len(MARKERS) + 1,
        borderaxespad=0.2,
        handletextpad=0.4,
    )
    _add_t_axis(panel, parcels)
    points = np.column_stack([percent, heights])
    first = np.argsort(-heights, kind="stable")[:MOST_LABELS]
    label_points(panel, points[first], [names[place] for place in first], points)


def _boundary(parcels: pd.DataFrame, heights: NDArray[np.float64]) -> tuple[float | None, str]:
    """Say where q = 0.05 lies, half-way between the parcels on both sides of it, and how many."""
    is_sure = parcels["q"].to_numpy(float) < LEVEL
    n = len(parcels)
    if not is_sure.any():
        return None, f"none of {n} parcels has q < 0.05"
    t = parcels["t"].to_numpy(float)
    grew, fell = int((is_sure & (t > 0)).sum()), int((is_sure & (t < 0)).sum())
    words = f"{grew + fell} of {n} parcels have q < 0.05: {grew} grew, {fell} shrank"
    if is_sure.all():
        # The largest q is the largest p.
        return -np.log10(LEVEL), words
    return float((heights[is_sure].min() + heights[~is_sure].max()) / 2), words


def _add_t_axis(panel: Axes, parcels: pd.DataFrame) -> None:
    """Write |t| at the right; all parcels of a study have the same degrees of freedom."""
    if parcels.empty or parcels["df"].nunique() != 1:
        return
    df, top = int(parcels["df"].iloc[0]), panel.get_ylim()[1]
    largest = stats.t.isf(max(10**-top, SMALLEST_P) / 2, df)
    ticks = np.array(MaxNLocator(8, steps=[1, 2, 5, 10]).tick_values(0, largest))
    ticks = ticks[(ticks > 0) & (ticks < largest)]
    heights = -(np.log(2) + stats.t.logsf(ticks, df)) / np.log(10)
    side = panel.twinx()
    side.set_ylim(panel.get_ylim())
    side.set_yticks(heights, [f"{tick:g}" for tick in ticks])
    side.set_ylabel("|t|")
    side.spines["right"].set_visible(True)


def _draw_intervals(
    panel: Axes, parcels: pd.DataFrame, colours: NDArray[np.str_], names: list[str] | None
) -> None:
    places = np.arange(len(parcels))
    low, mean, high = (
        parcels[name].to_numpy(float)
        for name in ("ci_low_percent", "percent_change", "ci_high_percent")
    )
    wide = 1.2 if names else 0.5
    panel.vlines(places, low, high, colors=list(colours), lw=wide)
    panel.scatter(places, mean, s=3 if names else 1.5, color=INK, lw=0, zorder=3)
    panel.axhline(0, color=QUIET, lw=0.5, zorder=0)
    panel.set_ylabel("change (%)")
    panel.margins(x=0.01)
    if names:
        panel.set_xticks(places, names, rotation=90, size=6)
        panel.tick_params(axis="x", length=1.5, pad=1)
        panel.set_xlabel("parcels, from the highest to the lowest t")
    else:
        panel.set_xticks([])
        panel.set_xlabel(f"{len(parcels)} parcels, from the highest to the lowest t")


SUPPLEMENTARY_FIGURE_2 = Exhibit(
    name="supplementary_figure_2_all_parcels",
    title="The change of every parcel",
    caption=(
        "(a) How much each parcel changed, in percent of the mean at baseline, against how sure "
        "that is (p of the adjusted mean change; |t| at the right). Markers point to the "
        "hemisphere. Orange: grew, blue: shrank, with q < 0.05 (Benjamini-Hochberg over the "
        "parcels); gray: q of 0.05 or more. Dashed: where q = 0.05 lies. The surest parcels are "
        "named where there is room. (b) The same changes (dots) with their 95 % intervals, which "
        "are not adjusted for the number of parcels, from the highest to the lowest t."
    ),
    queries={"parcels": ALL_SQL},
    draw=draw_all_parcels,
    needs=("parcels",),
)
