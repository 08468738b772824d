"""Panels of cell types: scores with what both nulls say of them, and running sums.

They are drawn into a part of a figure at a `Look`, for the UI (`enrichment_figures`) and for a
journal's page (`gene_figures`) alike. Nothing is tested here.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ect_assets.report.figures.figure_parts import probability, signed, signs_typeset
from ect_assets.report.figures.figure_style import DOWN, INK, QUIET, UP
from ect_assets.report.figures.panel_style import Look, Part
from ect_assets.science.enrichment.running_sums import running_sum
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

N_COLUMNS = 3
LISTS = dict(zip(DIRECTIONS, ("pls_plus", "pls_minus"), strict=True))


def score_panels(part: Part, cell_types: pd.DataFrame, look: Look) -> Axes:
    """Draw the normalised enrichment score of each cell type beside its q values and counts.

    Parameters
    ----------
    cell_types : DataFrame
        cell_type, nes, q_gene, q_spatial, and where there are lists of genes n_set,
        n_in_pls_plus, q_in_pls_plus, n_in_pls_minus, q_in_pls_minus.

    Returns
    -------
    Axes
        Those of the bars: filled where q_gene < 0.05; hatched with a heavy outline where
        q_spatial < 0.05. A cell type without score has no bar.
    """
    rows = cell_types.sort_values(["nes", "cell_type"], ignore_index=True, na_position="first")
    columns = _columns(rows)
    panel, table = part.subplots(
        1, 2, sharey=True, width_ratios=[max(6 - 0.6 * len(columns), 2.4), len(columns)]
    )
    for place, row in enumerate(rows.to_dict("records")):
        _bar(panel, place, row, look)
    scores = rows["nes"].abs().dropna()
    reach = max(scores.max() if len(scores) else 1.0, 1.0) * 1.1
    panel.set_xlim(-reach, reach)
    panel.axvline(0, color="black", lw=0.5 * look.line)
    panel.set_yticks(range(len(rows)), rows["cell_type"].astype(str), size=look.text)
    panel.set_ylim(-0.6, len(rows) + 0.1)
    panel.set_xlabel("normalised enrichment score   (PLS1\u2212 left, PLS1+ right)", size=look.text)
    panel.spines[["top", "right", "left"]].set_visible(False)
    table.set_axis_off()
    table.set_xlim(0, len(columns))
    for x, (heading, words) in enumerate(columns.items()):
        _write(table, x + 0.5, len(rows) - 0.4, heading, look, va="bottom")
        for place, word in enumerate(words):
            _write(table, x + 0.5, place, word, look, va="center")
    part.legend(
        handles=[
            Patch(fc="white", ec=QUIET, label="neither"),
            Patch(fc="#aaaaaa", ec=QUIET, label=f"q < {LEVEL} over permuted genes"),
            Patch(fc="white", ec="black", lw=1.3 * look.line, hatch="///",
                  label=f"q < {LEVEL} over null maps"),
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        handleheight=1.4,
        fontsize=look.text,
    )  # fmt: skip
    return panel


def _bar(panel: Axes, place: int, row: dict, look: Look) -> None:
    if pd.isna(row["nes"]):
        return
    colour = UP if row["nes"] >= 0 else DOWN
    passes_in_space = bool(row["q_spatial"] < LEVEL)
    panel.barh(
        place,
        row["nes"],
        height=0.66,
        facecolor=colour if row["q_gene"] < LEVEL else "white",
        edgecolor="black" if passes_in_space else colour,
        linewidth=1.3 * look.line if passes_in_space else 0.7 * look.line,
        hatch="///" if passes_in_space else None,
    )


def _columns(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Put the numbers beside the bars into words, by heading."""
    columns = {
        "q, genes": [probability(q) for q in rows["q_gene"]],
        "q, space": [probability(q) for q in rows["q_spatial"]],
    }
    if "n_in_pls_plus" not in rows:
        return columns
    columns["genes"] = [f"{n}" for n in rows["n_set"]]
    for direction, name in LISTS.items():
        counted = zip(rows[f"n_in_{name}"], rows[f"q_in_{name}"], strict=True)
        columns[f"in {signs_typeset(direction)}\n(q)"] = [
            f"{n} ({probability(q)})" for n, q in counted
        ]
    return columns


def _write(table: Axes, x: float, y: float, words: str, look: Look, va: str) -> None:
    table.text(x, y, words, ha="center", va=va, size=look.text)


def running_sum_panels(
    part: Part,
    ranking: pd.Series,
    gene_sets: pd.DataFrame,
    cell_types: pd.DataFrame,
    look: Look,
) -> None:
    """Draw how each cell type's running sum goes down the ranking.

    Parameters
    ----------
    ranking : Series
        z by gene.
    gene_sets : DataFrame
        set_name, gene: the genes of the cell types.
    cell_types : DataFrame
        cell_type (a set_name), nes, q_gene, q_spatial; one panel each, in this order.
    """
    n_rows = max(-(-len(cell_types) // N_COLUMNS), 1)
    panels = part.subplots(n_rows, N_COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    curves = {
        name: running_sum(ranking, gene_sets.loc[gene_sets["set_name"] == name, "gene"])
        for name in cell_types["cell_type"]
    }
    lowest = min((curve["running_es"].min() for curve in curves.values()), default=0)
    for panel, row in zip(panels, cell_types.to_dict("records"), strict=False):
        _running_sum(panel, row, curves[row["cell_type"]], lowest - 0.05, look)
    for panel in panels[len(cell_types) :]:
        panel.set_visible(False)
    for above in panels[max(len(cell_types) - N_COLUMNS, 0) : len(cell_types)]:
        above.tick_params(labelbottom=True)
    part.supxlabel(
        "rank of the gene, from PLS1+ to PLS1\u2212  (ticks: genes of the cell type)",
        size=look.text,
    )
    part.supylabel("running sum", size=look.text)


def _running_sum(panel: Axes, row: dict, curve: pd.DataFrame, floor: float, look: Look) -> None:
    colour = UP if row["nes"] >= 0 else DOWN
    panel.plot(curve["rank"], curve["running_es"], color=colour, lw=look.line)
    panel.axhline(0, color=INK, lw=0.4 * look.line)
    hits = curve.loc[curve["is_hit"], "rank"].to_numpy()
    ticks = [[(hit, floor - 0.08), (hit, floor)] for hit in hits]
    # As an image within the figure: thousands of lines make a file that opens slowly.
    panel.add_collection(
        LineCollection(ticks, colors="black", linewidths=0.3, alpha=0.35, rasterized=True)
    )
    score = "none" if pd.isna(row["nes"]) else signed(row["nes"], 2)
    panel.set_title(
        f"{row['cell_type']} ({len(hits)})\nNES {score}, q genes "
        f"{probability(row['q_gene'])}, q space {probability(row['q_spatial'])}",
        size=look.text,
        weight="normal",
        loc="left",
    )
    panel.tick_params(labelsize=look.text)
    panel.xaxis.set_major_locator(MaxNLocator(4))
    panel.spines[["top", "right"]].set_visible(False)
