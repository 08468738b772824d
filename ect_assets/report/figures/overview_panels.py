"""Panels of one study in several parcellations: components, genes, cell types, claims.

They are drawn for a journal's page within `report_style`. Which panels make a figure belongs in
`overview_figures`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ect_assets.report.figures.figure_style import DOWN, FAINT, INK, QUIET, UP
from ect_assets.report.figures.panel_style import Part, null_model_name, primary_first
from ect_assets.report.pages.display_names import claim_name
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

SHAPES = "osD^vPX*"
COLOURS = ["#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a6d00", "#555555", "#D55E00", "#0072B2"]
DIRECTION_MARKS = {DIRECTIONS[0]: ("^", UP), DIRECTIONS[1]: ("v", DOWN), "both": ("o", INK)}
SMALLEST_P = 1e-4
CROWDED = 2
"""Beyond so many parcellations their names stand upright."""


def component_panels(part: Part, components: pd.DataFrame, primary: str) -> tuple[Axes, Axes]:
    """Draw the variance that PLS1 explains in each parcellation, and its p by null model.

    Parameters
    ----------
    components : DataFrame
        parcellation, null_model, r2_y, p_spatial; one row per parcellation and null model.
    primary : str
        The study's null model, whose mark is filled.

    Returns
    -------
    tuple of Axes
        The panel of r2_y, with a bar per parcellation, and that of p.
    """
    parcellations = sorted(set(components["parcellation"]))
    explained, chances = part.subplots(1, 2, sharey=True)
    r2_y = components.groupby("parcellation")["r2_y"].first()
    bars = explained.barh(parcellations, 100 * r2_y[parcellations], height=0.5, color=FAINT)
    explained.bar_label(bars, [f"{100 * r2_y[name]:.1f}" for name in parcellations], padding=2)
    explained.set_xlabel("variance explained by PLS1 (%)")
    explained.set_xlim(0, 100 * r2_y.max() * 1.2)
    models = primary_first(components["null_model"], primary)
    for place, model in enumerate(models):
        rows = components[components["null_model"] == model]
        # In order from above, beside one another.
        aside = 0.5 * ((place + 0.5) / len(models) - 0.5)
        chances.plot(
            rows["p_spatial"].clip(lower=SMALLEST_P),
            [parcellations.index(name) + aside for name in rows["parcellation"]],
            ls="",
            marker=SHAPES[place % len(SHAPES)],
            ms=5,
            mfc=INK if model == primary else "white",
            mec=INK,
            label=null_model_name(model) + ", primary" * (model == primary),
        )
    _probability_axis(chances)
    explained.set_ylim(len(parcellations) - 0.5, -0.5)
    part.legend(*chances.get_legend_handles_labels(), loc="outside lower center", ncols=len(models))
    return explained, chances


def _probability_axis(panel: Axes) -> None:
    panel.set_xscale("log")
    panel.set_xlim(SMALLEST_P, 1.15)
    panel.xaxis.set_major_locator(FixedLocator([0.001, 0.01, LEVEL, 0.2, 1]))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda p, _: f"{p:g}".removeprefix("0")))
    panel.axvline(LEVEL, color=INK, lw=0.8, ls=(0, (4, 3)))
    panel.set_xlabel("p of PLS1 in space")


def agreement_panels(
    part: Part, genes: pd.DataFrame, agreement: pd.DataFrame, n_most: int
) -> list[Axes]:
    """Draw z of every gene in one parcellation against that in another, for each pair.

    Parameters
    ----------
    genes : DataFrame
        parcellation_a, parcellation_b, gene, z_a, z_b.
    agreement : DataFrame
        parcellation_a, parcellation_b, n_genes, r, same_sign.
    n_most : int
        So many pairs are drawn; a note tells of the others.

    Returns
    -------
    list of Axes
        One per drawn pair, in the order of ``agreement``.
    """
    drawn = agreement.head(n_most)
    panels = list(part.subplots(1, len(drawn), squeeze=False).ravel())
    for panel, row in zip(panels, drawn.to_dict("records"), strict=True):
        is_pair = (genes["parcellation_a"] == row["parcellation_a"]) & (
            genes["parcellation_b"] == row["parcellation_b"]
        )
        z_a, z_b = (genes.loc[is_pair, name].to_numpy(dtype=float) for name in ("z_a", "z_b"))
        reach = float(max(np.abs(z_a).max(), np.abs(z_b).max(), 1.0))
        panel.hexbin(
            z_a, z_b, gridsize=34, bins="log", cmap="Greys", mincnt=1, linewidths=0.1,
            extent=(-reach, reach, -reach, reach),
        )  # fmt: skip
        panel.axhline(0, color=QUIET, lw=0.5)
        panel.axvline(0, color=QUIET, lw=0.5)
        panel.set(xlabel=f"z in {row['parcellation_a']}", ylabel=f"z in {row['parcellation_b']}")
        panel.set_title(
            f"r = {row['r']:.2f}, {100 * row['same_sign']:.0f} % of the same sign\n"
            f"{int(row['n_genes']):,} genes",
            size=6.5,
            weight="normal",
        )
        panel.set_aspect("equal")
    n_left = len(agreement) - len(drawn)
    if n_left:
        part.supxlabel(f"{n_left} more pairs not drawn", size=6.5, color=QUIET)
    return panels


def cell_type_panel(panel: Axes, cell_types: pd.DataFrame) -> None:
    """Draw the score of each cell type in each parcellation; filled where it passes in space.

    Parameters
    ----------
    cell_types : DataFrame
        parcellation, cell_type, nes, q_spatial.
    """
    parcellations = sorted(set(cell_types["parcellation"]))
    order = list(cell_types.groupby("cell_type")["nes"].mean().sort_values(ascending=False).index)
    for place, parcellation in enumerate(parcellations):
        rows = cell_types[cell_types["parcellation"] == parcellation]
        aside = 0.6 * ((place + 0.5) / len(parcellations) - 0.5)
        y = np.array([order.index(name) + aside for name in rows["cell_type"]])
        passes = (rows["q_spatial"] < LEVEL).to_numpy(dtype=bool)
        marker, colour = _mark(place)
        for some, face in ((passes, colour), (~passes, "white")):
            panel.plot(
                rows["nes"][some], y[some], ls="", marker=marker, ms=4.5, mfc=face, mec=colour
            )
    for edge in range(1, len(order)):
        panel.axhline(edge - 0.5, color=FAINT, lw=0.4)
    panel.axvline(0, color=INK, lw=0.6)
    panel.set_yticks(range(len(order)), order)
    panel.set_ylim(len(order) - 0.4, -0.6)
    reach = max(cell_types["nes"].abs().max(), 1.0) * 1.12
    panel.set_xlim(-reach, reach)
    panel.set_xlabel("normalised enrichment score")
    handles = [
        _handle(*_mark(place), name, "white") for place, name in enumerate(parcellations)
    ] + [_handle("o", QUIET, f"filled: q, space < {LEVEL}", QUIET)]
    panel.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.4, -0.17), ncols=1)


def _mark(place: int) -> tuple[str, str]:
    return SHAPES[place % len(SHAPES)], COLOURS[place % len(COLOURS)]


def _handle(marker: str, colour: str, label: str, face: str) -> Line2D:
    return Line2D([], [], ls="", marker=marker, mec=colour, mfc=face, ms=4.5, label=label)


def claim_panel(panel: Axes, claims: pd.DataFrame, parcellations: list[str]) -> None:
    """Draw which claims are made, and hold, in which parcellation.

    Parameters
    ----------
    claims : DataFrame
        kind, name, parcellation, direction, q_published, q_spatial, holds; one row per claim and
        parcellation, claims in the order in which they are drawn.
    parcellations : list of str
        Columns, those without any claim too.
    """
    names = list(dict.fromkeys(zip(claims["kind"], claims["name"], strict=True)))
    is_crowded = len(parcellations) > CROWDED
    for row in claims.to_dict("records"):
        marker, colour = DIRECTION_MARKS.get(row["direction"], DIRECTION_MARKS["both"])
        is_published = bool(row["q_published"] < LEVEL)
        panel.plot(
            parcellations.index(row["parcellation"]),
            names.index((row["kind"], row["name"])),
            marker=marker,
            ms=6 if row["holds"] else 4.5,
            mfc=colour if row["holds"] else "white",
            mec=colour if is_published or row["holds"] else FAINT,
            mew=0.9,
            ls="",
        )
    held = held_in(claims)
    for place, name in enumerate(names):
        words = f"{held[name]} of {len(parcellations)}"
        panel.text(len(parcellations) - 0.35, place, words, va="center", size=6.5)
    panel.text(len(parcellations) - 0.35, -1, "holds in", va="center", size=6.5)
    panel.set_yticks(
        range(len(names)), [_short(claim_name(name), 36 if is_crowded else 46) for _, name in names]
    )
    for place in range(1, len(names)):
        if names[place][0] != names[place - 1][0]:
            panel.axhline(place - 0.5, color=FAINT, lw=0.5)
    panel.set_xticks(
        range(len(parcellations)),
        parcellations,
        rotation=90 if is_crowded else 30,
        ha="center" if is_crowded else "left",
    )
    panel.xaxis.tick_top()
    panel.set_xlim(-0.5, len(parcellations) + 0.3)
    panel.set_ylim(len(names) - 0.4, -1.4)
    panel.spines[["bottom", "left", "top"]].set_visible(False)
    panel.tick_params(length=0)


def held_in(claims: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Count in how many parcellations each claim holds.

    Parameters
    ----------
    claims : DataFrame
        kind, name, parcellation, direction, holds.

    Returns
    -------
    dict of (kind, name) to int
        Of two opposite directions the one that holds in more counts: they do not confirm each
        other.
    """
    same_way = claims.groupby(["kind", "name", "direction"], as_index=False)["holds"].sum()
    held = same_way.groupby(["kind", "name"], as_index=False)["holds"].max()
    names = zip(held["kind"], held["name"], strict=True)
    return dict(zip(names, held["holds"].astype(int), strict=True))


def claim_key() -> list[Line2D]:
    """Say what the marks of `claim_panel` mean."""
    return [
        _handle("^", UP, "PLS1+", "white"),
        _handle("v", DOWN, "PLS1\u2212", "white"),
        _handle("o", INK, "both sides", "white"),
        _handle("o", FAINT, f"published q not < {LEVEL}", "white"),
        _handle("o", INK, "filled: holds", INK),
    ]


def _short(name: str, n_characters: int) -> str:
    """Cut what is longer than a line."""
    return name if len(name) <= n_characters else name[: n_characters - 3].rstrip() + "..."
