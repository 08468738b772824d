"""Panels of enriched terms by fold enrichment, with what both nulls say of them.

They are drawn into a part of a figure at a `Look`, for the UI (`enrichment_figures`) and for a
journal's page (`gene_figures`) alike; the network of terms belongs in `network_panels`. Terms are
shown where q < 0.05; nothing is tested here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from ect_assets.report.figures.figure_parts import probability, signs_typeset
from ect_assets.report.figures.figure_style import FAINT, INK, QUIET
from ect_assets.report.figures.panel_style import Look, Part, in_two_lines
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

# Light enough for the black numbers, which tell clusters apart where colours do not.
CLUSTER_COLOURS = ["#E69F00", "#56B4E9", "#2DBE92", "#F0E442", "#A3B4F0", "#F08A4B", "#DDA0C4"]
CLUSTER_COLOURS += ["#B8B8B8", "#C9A66B", "#9FD3C7", "#E2B6A1", "#C5E17A"]
GRAY_NAMES = "   (gray name: another term speaks for its cluster)"
SMALLEST_Q = 1e-300
MARK = "*"


def chosen_terms(go: pd.DataFrame, n_terms: int) -> dict[str, pd.DataFrame]:
    """Choose the terms of each direction that are drawn.

    Parameters
    ----------
    go : DataFrame
        direction, set_id, p, q, fold_enrichment, cluster_representative.
    n_terms : int
        Of each direction: those that speak for a cluster first, by p; others follow if there is
        room.

    Returns
    -------
    dict of str to DataFrame
        The smallest p first; ``speaks`` is true for those that speak for a cluster.
    """
    return {direction: _of_direction(go, direction, n_terms) for direction in DIRECTIONS}


def _of_direction(go: pd.DataFrame, direction: str, n_terms: int) -> pd.DataFrame:
    terms = go[(go["direction"] == direction) & (go["q"] < LEVEL)]
    speaks = is_representative(terms)
    # Without clusters every term speaks for itself.
    speaks = speaks if speaks.any() else ~speaks
    terms = terms.assign(speaks=speaks).sort_values(
        ["speaks", "p", "set_id"], ascending=[False, True, True]
    )
    return terms.head(n_terms).sort_values(["p", "set_id"])


def is_representative(terms: pd.DataFrame) -> pd.Series:
    """Say which terms speak for their cluster; one without cluster does not."""
    return terms["cluster_representative"].astype("boolean").fillna(False).astype(bool)


def cluster_colours(clusters: pd.Series) -> dict[int, str]:
    """Give each cluster of one direction its colour, the same in every figure.

    Parameters
    ----------
    clusters : Series
        cluster_id of the terms; missing where a term has none.
    """
    numbers = sorted(int(number) for number in clusters.dropna().unique())
    return {
        number: CLUSTER_COLOURS[place % len(CLUSTER_COLOURS)]
        for place, number in enumerate(numbers)
    }


def term_panels(part: Part, go: pd.DataFrame, chosen: dict[str, pd.DataFrame], look: Look) -> None:
    """Draw the fold enrichment of the enriched terms of both directions.

    Parameters
    ----------
    go : DataFrame
        direction, q, and cluster_id where there are clusters: all terms, for their number.
    chosen : dict of str to DataFrame
        From `chosen_terms`, with set_name and n_overlap; with q_spatial that is shown as well.
    """
    heights = [max(len(terms), 2) for terms in chosen.values()]
    panels, tables = part.subplots(
        len(chosen), 2, sharex="col", sharey="row", height_ratios=heights, width_ratios=[3, 1.5]
    ).T
    together = pd.concat(chosen.values())
    strongest = -np.log10(max(together["q"].min(), SMALLEST_Q)) if len(together) else 2.0
    colours = ScalarMappable(Normalize(-np.log10(LEVEL), max(strongest, 2.0)), "viridis_r")
    most = int(together["n_overlap"].max()) if len(together) else 1
    for panel, table, (direction, terms) in zip(panels, tables, chosen.items(), strict=True):
        enriched = go[(go["direction"] == direction) & (go["q"] < LEVEL)]
        counted = f"{len(enriched)} term{'s' * (len(enriched) != 1)} with q < {LEVEL}"
        title = f"{signs_typeset(direction)}: {counted}"
        title += f", the {len(terms)} best" if len(terms) < len(enriched) else ""
        panel.set_title(title, loc="left", size=look.text + 1.5, pad=look.text + 7)
        _dots(panel, terms, colours, most, look)
        table.set_axis_off()
        table.set_xlim(0, 3)
        _q_columns(table, terms, look)
        if "cluster_id" in enriched:
            _cluster_column(table, terms, cluster_colours(enriched["cluster_id"]), look)
    panels[-1].set_xlabel("fold enrichment")
    if len(together):
        panels[-1].set_xlim(0, together["fold_enrichment"].max() * 1.1)
        part.colorbar(
            colours,
            ax=tables,
            label="\u2212log\u2081\u2080 of q, genes",
            aspect=30,
            pad=0.02,
            shrink=0.8,
        )
        _term_key(part, together, most, look)


def _dots(panel: Axes, terms: pd.DataFrame, colours: ScalarMappable, most: int, look: Look) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    if terms.empty:
        panel.set_yticks([])
        panel.text(
            0.5, 0.5, f"no term has q < {LEVEL}", transform=panel.transAxes, ha="center",
            va="center", size=look.text,
        )  # fmt: skip
        return
    y = np.arange(len(terms))
    panel.hlines(y, 0, terms["fold_enrichment"], color=FAINT, lw=0.6 * look.line, zorder=1)
    panel.scatter(
        terms["fold_enrichment"],
        y,
        s=[_area(n, most, look) for n in terms["n_overlap"]],
        c=colours.to_rgba(-np.log10(terms["q"].clip(lower=SMALLEST_Q))),
        edgecolors="black",
        linewidths=[1.6 if holds else 0.4 for holds in _in_space(terms)],
        zorder=2,
    )
    panel.set_yticks(y, [in_two_lines(name, look) for name in terms["set_name"]], size=look.text)
    for label, speaks in zip(panel.get_yticklabels(), terms["speaks"], strict=True):
        label.set_color(INK if speaks else QUIET)
    panel.set_ylim(len(terms) - 0.4, -0.6)


def _in_space(terms: pd.DataFrame) -> list[bool]:
    if "q_spatial" not in terms:
        return [False] * len(terms)
    return [bool(q < LEVEL) for q in terms["q_spatial"]]


def _q_columns(table: Axes, terms: pd.DataFrame, look: Look) -> None:
    """Write both q of each term at the right, with a mark where it passes in space."""
    if terms.empty or "q_spatial" not in terms:
        return
    columns = (
        ("q, genes", terms["q"], [False] * len(terms), 0.5),
        ("q, space", terms["q_spatial"], _in_space(terms), 1.5),
    )
    for heading, values, passes, x in columns:
        _beside(table, x, -0.75, heading, look, va="bottom")
        for place, (q, is_marked) in enumerate(zip(values, passes, strict=True)):
            words = probability(q) + f" {MARK}" * is_marked
            _beside(table, x, place, words, look, weight="bold" if is_marked else "normal")


def _cluster_column(table: Axes, terms: pd.DataFrame, colours: dict[int, str], look: Look) -> None:
    """Put the number of each term's cluster, in its colour, after its q values."""
    if not colours or terms.empty:
        return
    _beside(table, 2.5, -0.75, "cluster", look, va="bottom")
    for place, number in enumerate(terms["cluster_id"]):
        if pd.notna(number):
            box = {"boxstyle": "round,pad=0.18", "fc": colours[int(number)], "ec": "none"}
            _beside(table, 2.5, place, f"{int(number)}", look, bbox=box)


def _beside(table: Axes, x: float, y: float, words: str, look: Look, **how: object) -> None:
    style: dict[str, object] = {"ha": "center", "va": "center", "size": look.text} | how
    table.text(x, y, words, **style)  # type: ignore[arg-type]


def _term_key(part: Part, together: pd.DataFrame, most: int, look: Look) -> None:
    sizes = sorted({max(round(most * share), 1) for share in (0.25, 0.5, 1)})
    handles = [_dot(f"{n}", _area(n, most, look) ** 0.5, QUIET, 0) for n in sizes]
    title = "genes in list and term" + GRAY_NAMES * bool((~together["speaks"]).any())
    if "q_spatial" in together:
        handles.append(_dot(f"{MARK} heavy line: q, space < {LEVEL}", 4, "white", 1.6))
    part.legend(
        handles=handles,
        title=title,
        title_fontsize=look.text,
        fontsize=look.text,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
    )


def _dot(label: str, size: float, face: str, edge: float) -> Line2D:
    return Line2D(
        [], [], ls="", marker="o", mfc=face, mec="black", mew=edge, ms=size, label=label
    )  # fmt: skip


def _area(n: float, most: int, look: Look) -> float:
    """Area of a dot in square points, by its number of genes."""
    smallest, range_of_areas = look.dot_areas
    return smallest + range_of_areas * n / most
