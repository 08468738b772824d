"""Pictures of enrichment: terms, cell types, running sums, the network of terms.

Each function turns tables of `enrichment` into a matplotlib figure; nothing is tested or chosen
by significance here beyond q < 0.05. Colours are for the colour-blind too (after Okabe and Ito;
viridis), and none of them means something that place, shape or text does not say as well.
"""

from __future__ import annotations

import io
import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ect_assets.enrichment.running_sums import running_sum
from ect_assets.report.network_layout import spring_layout

LEVEL = 0.05
WIDTH_PIXELS = 900
WIDTH_INCHES = 9.0
UP, DOWN, QUIET = "#0072B2", "#D55E00", "#666666"
# Light enough for the black numbers, which tell clusters apart where colours do not.
CLUSTER_COLOURS = ["#E69F00", "#56B4E9", "#2DBE92", "#F0E442", "#A3B4F0", "#F08A4B", "#DDA0C4"]
DIRECTIONS = ("PLS1+", "PLS1-")
LONGEST_NAME = 46
N_CLUSTERS, N_TERMS_OF_CLUSTER = 12, 10
GRAY_NAMES = "   (gray name: another term speaks for its cluster)"


def dot_plot(go: pd.DataFrame, simulated: bool = False, n_terms: int = 10) -> Figure:
    """Draw the enriched terms of both directions by fold enrichment.

    Parameters
    ----------
    go : DataFrame
        direction, set_id, set_name, n_overlap, fold_enrichment, p, q, cluster_representative.
    simulated : bool
        Whether to write "simulated patients" into the figure.
    n_terms : int
        How many terms of each direction: those that speak for a cluster first, by p; others
        follow if there is room, in gray.

    Returns
    -------
    Figure
    """
    chosen = {direction: _chosen_terms(go, direction, n_terms) for direction in DIRECTIONS}
    rows = {direction: max(len(terms), 2) for direction, terms in chosen.items()}
    figure = Figure((WIDTH_INCHES, 1.9 + 0.31 * sum(rows.values())), layout="constrained")
    panels = figure.subplots(2, 1, sharex=True, height_ratios=list(rows.values()))
    together = pd.concat(chosen.values())
    strongest = -np.log10(max(together["q"].min(), 1e-300)) if len(together) else 2.0
    colours = ScalarMappable(Normalize(-np.log10(LEVEL), max(strongest, 2.0)), "viridis_r")
    most = int(together["n_overlap"].max()) if len(together) else 1
    for panel, (direction, terms) in zip(panels, chosen.items(), strict=True):
        n_enriched = int(((go["direction"] == direction) & (go["q"] < LEVEL)).sum())
        panel.set_title(f"{direction}: {n_enriched} terms with q < {LEVEL}", loc="left", size=11)
        _dots(panel, terms, colours, most)
    panels[1].set_xlabel("fold enrichment")
    if len(together):
        panels[1].set_xlim(0, together["fold_enrichment"].max() * 1.1)
    figure.colorbar(colours, ax=panels, label="-log10 q", aspect=30, pad=0.02)
    sizes = sorted({max(round(most * share), 1) for share in (0.25, 0.5, 1)})
    figure.legend(
        handles=[
            Line2D([], [], ls="", marker="o", color=QUIET, ms=_area(n, most) ** 0.5, label=f"{n}")
            for n in sizes
        ],
        title="genes in list and term" + GRAY_NAMES * bool((~together["speaks"]).any()),
        loc="outside lower center",
        ncols=len(sizes),
        frameon=False,
    )
    return _finished(figure, "Gene Ontology terms of the gene lists", simulated)


def _chosen_terms(go: pd.DataFrame, direction: str, n_terms: int) -> pd.DataFrame:
    terms = go[(go["direction"] == direction) & (go["q"] < LEVEL)]
    speaks = terms["cluster_representative"].astype("boolean").fillna(False).astype(bool)
    # Without clusters every term speaks for itself.
    speaks = speaks if speaks.any() else ~speaks
    terms = terms.assign(speaks=speaks).sort_values(
        ["speaks", "p", "set_id"], ascending=[False, True, True]
    )
    return terms.head(n_terms).sort_values("fold_enrichment", ascending=False)


def _dots(panel: Axes, terms: pd.DataFrame, colours: ScalarMappable, most: int) -> None:
    panel.spines[["top", "right"]].set_visible(False)
    if terms.empty:
        panel.set_yticks([])
        panel.text(0.5, 0.5, f"no term has q < {LEVEL}", transform=panel.transAxes, ha="center")
        return
    y = np.arange(len(terms))
    panel.hlines(y, 0, terms["fold_enrichment"], color="#dddddd", lw=1, zorder=1)
    panel.scatter(
        terms["fold_enrichment"],
        y,
        s=[_area(n, most) for n in terms["n_overlap"]],
        c=colours.to_rgba(-np.log10(terms["q"].clip(lower=1e-300))),
        edgecolors="black",
        linewidths=0.5,
        zorder=2,
    )
    panel.set_yticks(y, [_short(name) for name in terms["set_name"]], size=9)
    for label, speaks in zip(panel.get_yticklabels(), terms["speaks"], strict=True):
        label.set_color("black" if speaks else QUIET)
    panel.set_ylim(len(terms) - 0.4, -0.6)


def _area(n: float, most: int) -> float:
    """Area of a dot in square points, proportional to its number of genes."""
    return 12 + 130 * n / most


def cell_type_bars(cell_types: pd.DataFrame, simulated: bool = False) -> Figure:
    """Draw the normalised enrichment score of each cell type, and what both nulls say of it.

    Parameters
    ----------
    cell_types : DataFrame
        cell_type, nes, q_gene, q_spatial.
    simulated : bool
        Whether to write "simulated patients" into the figure.

    Returns
    -------
    Figure
        Filled where q_gene < 0.05; hatched with a heavy outline where q_spatial < 0.05.
    """
    rows = cell_types.sort_values(["nes", "cell_type"], ignore_index=True)
    figure = Figure((WIDTH_INCHES, 1.9 + 0.42 * len(rows)), layout="constrained")
    panel, table = figure.subplots(1, 2, sharey=True, width_ratios=[5, 1.1])
    for place, row in enumerate(rows.to_dict("records")):
        colour = UP if row["nes"] >= 0 else DOWN
        panel.barh(
            place,
            row["nes"],
            height=0.66,
            facecolor=colour if row["q_gene"] < LEVEL else "white",
            edgecolor="black" if row["q_spatial"] < LEVEL else colour,
            linewidth=2.2 if row["q_spatial"] < LEVEL else 1.2,
            hatch="///" if row["q_spatial"] < LEVEL else None,
        )
    reach = max(rows["nes"].abs().max() if len(rows) else 1.0, 1.0) * 1.1
    panel.set_xlim(-reach, reach)
    panel.axvline(0, color="black", lw=0.8)
    panel.set_yticks(range(len(rows)), rows["cell_type"].astype(str))
    panel.set_ylim(-0.6, len(rows) + 0.1)
    panel.set_xlabel("normalised enrichment score   (PLS1- left, PLS1+ right)")
    panel.spines[["top", "right", "left"]].set_visible(False)
    table.set_axis_off()
    for x, heading, column in ((0.25, "q, genes", "q_gene"), (0.8, "q, space", "q_spatial")):
        table.text(x, len(rows) - 0.4, heading, ha="center", va="bottom", size=9)
        for place, q in enumerate(rows[column]):
            table.text(x, place, _probability(q), ha="center", va="center", size=9)
    figure.legend(
        handles=[
            Patch(fc="white", ec=QUIET, label="neither"),
            Patch(fc="#aaaaaa", ec=QUIET, label=f"q < {LEVEL} over permuted genes"),
            Patch(fc="white", ec="black", lw=2.2, hatch="///", label=f"q < {LEVEL} over null maps"),
        ],
        loc="outside lower center",
        ncols=3,
        frameon=False,
        handleheight=1.4,
    )
    return _finished(figure, "Cell types along the ranking of genes", simulated)


def running_sums(
    ranking: pd.Series,
    gene_sets: pd.DataFrame,
    cell_types: pd.DataFrame,
    simulated: bool = False,
) -> Figure:
    """Draw how each cell type's running sum goes down the ranking.

    Parameters
    ----------
    ranking : Series
        z by gene.
    gene_sets : DataFrame
        set_name, gene: the genes of the cell types.
    cell_types : DataFrame
        cell_type (a set_name), nes, q_gene, q_spatial; one panel each, in this order.
    simulated : bool
        Whether to write "simulated patients" into the figure.

    Returns
    -------
    Figure
    """
    n_columns = 3
    n_rows = max(-(-len(cell_types) // n_columns), 1)
    figure = Figure((WIDTH_INCHES, 0.8 + 2.25 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
    curves = {
        name: running_sum(ranking, gene_sets.loc[gene_sets["set_name"] == name, "gene"])
        for name in cell_types["cell_type"]
    }
    lowest = min((curve["running_es"].min() for curve in curves.values()), default=0)
    for panel, row in zip(panels, cell_types.to_dict("records"), strict=False):
        curve = curves[row["cell_type"]]
        colour = UP if row["nes"] >= 0 else DOWN
        panel.plot(curve["rank"], curve["running_es"], color=colour, lw=1.6)
        panel.axhline(0, color="black", lw=0.6)
        hits = curve.loc[curve["is_hit"], "rank"].to_numpy()
        floor = lowest - 0.05
        ticks = [[(hit, floor - 0.08), (hit, floor)] for hit in hits]
        panel.add_collection(LineCollection(ticks, colors="black", linewidths=0.3, alpha=0.35))
        panel.set_title(
            f"{row['cell_type']} ({len(hits)})\nNES {row['nes']:+.2f}, q genes "
            f"{_probability(row['q_gene'])}, q space {_probability(row['q_spatial'])}",
            size=8.5,
            loc="left",
        )
        panel.tick_params(labelsize=8)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(cell_types) :]:
        panel.set_visible(False)
    for above in panels[max(len(cell_types) - n_columns, 0) : len(cell_types)]:
        above.tick_params(labelbottom=True)
    figure.supxlabel(
        "rank of the gene, from PLS1+ to PLS1-  (ticks: genes of the cell type)", size=9
    )
    figure.supylabel("running sum", size=9)
    return _finished(figure, "Running sums of the cell types", simulated)


def term_network(links: pd.DataFrame, clusters: pd.DataFrame, simulated: bool = False) -> Figure:
    """Draw enriched terms as a network of shared genes, and name the clusters.

    Parameters
    ----------
    links : DataFrame
        set_id_a, set_id_b, kappa.
    clusters : DataFrame
        set_id, cluster_id, cluster_representative, and set_name where there are names. The first
        12 clusters are drawn with the first 10 terms of each, in the order of the rows.
    simulated : bool
        Whether to write "simulated patients" into the figure.

    Returns
    -------
    Figure
    """
    figure = Figure((WIDTH_INCHES, 5.6), layout="constrained")
    panel, key = figure.subplots(1, 2, width_ratios=[3, 2])
    for one in (panel, key):
        one.set_axis_off()
    if clusters.empty:
        panel.text(0.5, 0.5, "no enriched term", transform=panel.transAxes, ha="center")
        return _finished(figure, "Terms that share their genes", simulated)
    clusters = clusters.astype({"cluster_id": "int64"})
    kept = sorted(clusters["cluster_id"].unique())[:N_CLUSTERS]
    drawn = clusters[clusters["cluster_id"].isin(kept)]
    drawn = drawn.groupby("cluster_id").head(N_TERMS_OF_CLUSTER).reset_index(drop=True)
    ends = [pd.Index(drawn["set_id"]).get_indexer(links[side]) for side in ("set_id_a", "set_id_b")]
    is_inside = (ends[0] >= 0) & (ends[1] >= 0)
    first, second = ends[0][is_inside], ends[1][is_inside]
    kappa = links["kappa"].to_numpy()[is_inside]
    places = spring_layout(len(drawn), first, second, kappa)
    lines = np.stack([places[first], places[second]], axis=1)
    panel.add_collection(
        LineCollection(list(lines), colors="#999999", linewidths=0.3 + 1.5 * kappa)
    )
    colours = {one: CLUSTER_COLOURS[i % len(CLUSTER_COLOURS)] for i, one in enumerate(kept)}
    speaks = drawn["cluster_representative"].astype("boolean").fillna(False).astype(bool)
    for some, size, order in ((~speaks, 55, 2), (speaks, 210, 3)):
        panel.scatter(
            *places[some].T,
            s=size,
            c=drawn.loc[some, "cluster_id"].map(colours),
            edgecolors="black",
            linewidths=0.6,
            zorder=order,
        )
    for place, number in zip(places[speaks], drawn.loc[speaks, "cluster_id"], strict=True):
        panel.text(*place, f"{number}", ha="center", va="center", size=9, weight="bold", zorder=4)
    panel.set_aspect("equal")
    panel.margins(0.06)
    _name_clusters(key, clusters, kept, colours)
    n_left = clusters["cluster_id"].nunique() - len(kept)
    note = f"; {n_left} more clusters not drawn" if n_left else ""
    figure.supxlabel(f"lines: kappa above its threshold{note}", size=8.5, color=QUIET)
    return _finished(figure, "Terms that share their genes", simulated)


def _name_clusters(
    key: Axes, clusters: pd.DataFrame, kept: list[int], colours: dict[int, str]
) -> None:
    """List the clusters by number, name of the term that speaks for them, and size."""
    key.set(xlim=(0, 1), ylim=(N_CLUSTERS - 0.4, -0.6))
    sizes = clusters.groupby("cluster_id").size()
    speakers = clusters[clusters["cluster_representative"].astype("boolean").fillna(False)]
    names = speakers.set_index("cluster_id")["set_name" if "set_name" in clusters else "set_id"]
    for row, number in enumerate(kept):
        key.scatter(0.04, row, s=210, c=colours[number], edgecolors="black", linewidths=0.6)
        key.text(0.04, row, f"{number}", ha="center", va="center", size=9, weight="bold")
        # A space that does not break keeps "10 terms" in one line.
        size = f"{sizes[number]}\u00a0term{'s' if sizes[number] > 1 else ''}"
        text = f"{names.get(number, '')} ({size})"
        key.text(
            0.11, row, textwrap.fill(text, 40, max_lines=2, placeholder="..."), va="center", size=9
        )


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as PNG, 900 pixels wide as the UI shows it; the same figure, the same bytes.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO()
    dpi = WIDTH_PIXELS / figure.get_figwidth()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _finished(figure: Figure, title: str, simulated: bool) -> Figure:
    FigureCanvasAgg(figure)
    figure.suptitle(f"{title} (simulated patients)" if simulated else title, size=12, weight="bold")
    return figure


def _short(name: str) -> str:
    return textwrap.shorten(str(name), LONGEST_NAME, placeholder="...")


def _probability(q: float) -> str:
    if pd.isna(q):
        return "none"
    return "< .001" if q < 0.001 else f"{q:.3f}".lstrip("0")
