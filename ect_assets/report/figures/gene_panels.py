"""Panels of gene expression against change: scores, null distributions, ranked genes.

They are drawn for a journal's page within `report_style`; the maps are those of `brain_maps`.
Which panels make a figure belongs in `gene_figures`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ect_assets.report.figures.figure_parts import equation, short, signed, signs_typeset
from ect_assets.report.figures.figure_style import DOWN, FAINT, INK, QUIET, UP
from ect_assets.report.figures.panel_style import Part, null_model_name, primary_first
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

COLOURS = dict(zip(DIRECTIONS, (UP, DOWN), strict=True))
N_NAMED, LONGEST_GENE = 12, 15
N_BINS = 40


def score_panel(panel: Axes, scores: pd.DataFrame, components: pd.DataFrame) -> None:
    """Draw the PLS1 score of each parcel against its value of the map.

    Parameters
    ----------
    scores : DataFrame
        parcel, t, score.
    components : DataFrame
        r: correlation of score and t, the same for every null model; r2_y.
    """
    t, score = (scores[name].to_numpy(dtype=float) for name in ("t", "score"))
    panel.scatter(t, score, s=9, c=[UP if one >= 0 else DOWN for one in t], lw=0, alpha=0.75)
    if len(t) > 1 and np.ptp(t) > 0:
        slope, intercept = np.polyfit(t, score, 1)
        ends = np.array([t.min(), t.max()])
        panel.plot(ends, intercept + slope * ends, color=INK, lw=0.8)
    r, r2_y = components[["r", "r2_y"]].iloc[0]
    words = f"r = {r:.2f}\nR\u00b2 = {100 * r2_y:.1f} %\n{len(t)} parcels"
    panel.text(0.03, 0.98, words, transform=panel.transAxes, va="top", size=6.5)
    panel.set_ylabel("PLS1 score")
    # Room for the words above the points.
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.28 * (high - low))


def null_panels(
    part: Part, nulls: pd.DataFrame, components: pd.DataFrame, primary: str
) -> list[Axes]:
    """Draw the correlation among the maps of each null model, with the observed one.

    Parameters
    ----------
    nulls : DataFrame
        null_model, r: one row per null map.
    components : DataFrame
        null_model, r, p_spatial, n_nulls: one row per null model.
    primary : str
        The study's null model; its panel stands first.

    Returns
    -------
    list of Axes
        One per null model, in the order in which they are drawn.
    """
    models = primary_first(components["null_model"], primary)
    panels = list(part.subplots(1, len(models), sharex=True, sharey=True, squeeze=False).ravel())
    observed = {row["null_model"]: row for row in components.to_dict("records")}
    bins = np.linspace(0, 1, N_BINS + 1)
    between = ", " if len(models) <= 2 else "\n"
    for panel, model in zip(panels, models, strict=True):
        row = observed[model]
        panel.hist(
            nulls.loc[nulls["null_model"] == model, "r"], bins=bins, color=FAINT, ec=QUIET, lw=0.3
        )
        panel.axvline(row["r"], color=INK, lw=1.2)
        name = null_model_name(model) + ", primary" * (model == primary)
        n_nulls = f"{int(row['n_nulls']):,} maps"
        panel.set_title(
            f"{name}\n{equation('p', row['p_spatial'])}{between}{n_nulls}",
            size=6.5,
            weight="normal",
        )
        panel.set_xlim(0, 1)
    panels[0].set_ylabel("null maps")
    part.supxlabel("r of null maps (gray) and of the map itself (line)", size=7)
    return panels


def ranking_panel(panel: Axes, genes: pd.DataFrame) -> None:
    """Draw z of all genes in order, with the lists of both directions coloured and counted.

    Parameters
    ----------
    genes : DataFrame
        rank, gene, z, direction (missing where a gene is not listed), q_spatial.
    """
    ordered = genes.sort_values("rank")
    rank, z = ordered["rank"].to_numpy(), ordered["z"].to_numpy(dtype=float)
    panel.plot(rank, z, color=QUIET, lw=0.8)
    panel.axhline(0, color=INK, lw=0.4)
    for direction, colour in COLOURS.items():
        listed = (ordered["direction"] == direction).fillna(False).to_numpy(dtype=bool)
        # Shared steps would leave the area hollow between genes; the lists are the two ends.
        panel.fill_between(rank[listed], 0, z[listed], color=colour, lw=0)
        panel.plot(rank[listed], z[listed], color=colour, lw=1.4, label=signs_typeset(direction))
    passes = (ordered["q_spatial"] < LEVEL).fillna(False).to_numpy(dtype=bool)
    panel.plot(
        rank[passes], z[passes], ls="", marker="|", ms=4, mew=0.4, color="black", rasterized=True
    )
    panel.set(xlabel="rank of the gene, from PLS1+ to PLS1\u2212", ylabel="z (bootstrap)")
    panel.set_xlim(-0.01 * len(rank), 1.01 * len(rank))
    _counts(panel, ordered, listed_by="direction", passes=passes)


def _counts(panel: Axes, genes: pd.DataFrame, listed_by: str, passes: np.ndarray) -> None:
    for direction, x, y, ha in zip(
        DIRECTIONS, (0.20, 0.80), (0.96, 0.04), ("left", "right"), strict=True
    ):
        listed = (genes[listed_by] == direction).fillna(False).to_numpy(dtype=bool)
        on_its_side = (genes["z"] > 0 if direction == DIRECTIONS[0] else genes["z"] < 0).to_numpy()
        words = (
            f"{signs_typeset(direction)}: {int(listed.sum()):,} genes by bootstrap\n"
            f"{int((passes & on_its_side).sum()):,} on this side pass in space (q < {LEVEL})"
        )
        panel.text(
            x,
            y,
            words,
            transform=panel.transAxes,
            ha=ha,
            va="top" if y > 0.5 else "bottom",
            color=COLOURS[direction],
            size=7,
        )


def names_panel(panel: Axes, genes: pd.DataFrame) -> None:
    """Name the strongest genes of both ends with their z, from the strongest on.

    Parameters
    ----------
    panel : Axes
        Gets no axes of its own.
    genes : DataFrame
        rank, gene, z.
    """
    ordered = genes.sort_values("rank")
    panel.set_axis_off()
    panel.set(xlim=(0, 1), ylim=(N_NAMED + 0.5, -0.5))
    for ends, left, heading in (
        (ordered.head(N_NAMED), 0.0, "highest z"),
        (ordered.tail(N_NAMED).iloc[::-1], 0.53, "lowest z"),
    ):
        panel.text(left, 0, heading, va="center", size=6.3, weight="bold")
        for place, (gene, z) in enumerate(zip(ends["gene"], ends["z"], strict=True), start=1):
            panel.text(left, place, short(gene, LONGEST_GENE), va="center", size=6.3)
            panel.text(left + 0.47, place, signed(z, 1), va="center", ha="right", size=6.3)
