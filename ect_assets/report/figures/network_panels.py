"""The panel of enriched terms as a network of shared genes.

It is drawn into a part of a figure at a `Look`, for the UI (`enrichment_figures`) and for a
journal's page (`gene_figures`) alike. Where its nodes lie belongs in `network_layout`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ect_assets.report.figures.figure_parts import short
from ect_assets.report.figures.figure_style import QUIET
from ect_assets.report.figures.network_layout import spring_layout
from ect_assets.report.figures.panel_style import Look, Part, in_two_lines
from ect_assets.report.figures.term_panels import cluster_colours, is_representative

N_CLUSTERS, N_TERMS_OF_CLUSTER = 12, 10
FEW_ROWS = 5
"""So many have room in the key even where there are fewer, so that they stand close together."""
FEW_TERMS = 12
"""Up to so many terms of a direction are all named."""


def network_panels(part: Part, links: pd.DataFrame, clusters: pd.DataFrame, look: Look) -> None:
    """Draw enriched terms as a network of shared genes, and name the clusters.

    Parameters
    ----------
    links : DataFrame
        set_id_a, set_id_b, kappa.
    clusters : DataFrame
        set_id, cluster_id, cluster_representative, and set_name where there are names. The first
        12 clusters are drawn with the first 10 terms of each, in the order of the rows.
    """
    panel, key = part.subplots(1, 2, width_ratios=[3, 2])
    for one in (panel, key):
        one.set_axis_off()
    clusters = clusters[clusters["cluster_id"].notna()].astype({"cluster_id": "int64"})
    if clusters.empty:
        panel.text(0.5, 0.5, "no enriched term", transform=panel.transAxes, ha="center")
        return
    colours = cluster_colours(clusters["cluster_id"])
    kept = list(colours)[:N_CLUSTERS]
    drawn = clusters[clusters["cluster_id"].isin(kept)]
    drawn = drawn.groupby("cluster_id").head(N_TERMS_OF_CLUSTER).reset_index(drop=True)
    _network(panel, links, drawn, colours, look)
    _name_clusters(key, clusters, colours, look)
    n_left = len(colours) - len(kept)
    note = f"; {n_left} more clusters not drawn" if n_left else ""
    part.supxlabel(
        f"lines: kappa above its threshold{note}", size=look.text, color=QUIET, x=0.01, ha="left"
    )


def _network(
    panel: Axes, links: pd.DataFrame, drawn: pd.DataFrame, colours: dict[int, str], look: Look
) -> None:
    ends = [pd.Index(drawn["set_id"]).get_indexer(links[side]) for side in ("set_id_a", "set_id_b")]
    is_inside = (ends[0] >= 0) & (ends[1] >= 0)
    first, second = ends[0][is_inside], ends[1][is_inside]
    kappa = links["kappa"].to_numpy()[is_inside]
    places = spring_layout(len(drawn), first, second, kappa)
    lines = np.stack([places[first], places[second]], axis=1)
    panel.add_collection(
        LineCollection(list(lines), colors="#999999", linewidths=look.line * (0.2 + 0.9 * kappa))
    )
    speaks = is_representative(drawn)
    for some, size, order in ((~speaks, look.node_areas[0], 2), (speaks, look.node_areas[1], 3)):
        panel.scatter(
            places[some, 0],
            places[some, 1],
            s=size,
            c=drawn.loc[some, "cluster_id"].map(colours),
            edgecolors="black",
            linewidths=0.4 * look.line,
            zorder=order,
        )
    for place, number in zip(places[speaks], drawn.loc[speaks, "cluster_id"], strict=True):
        panel.text(
            place[0],
            place[1],
            f"{number}",
            ha="center",
            va="center",
            size=look.text,
            weight="bold",
            zorder=4,
        )
    panel.set_aspect("equal")
    panel.margins(0.06)


def key_rows(clusters: pd.DataFrame) -> list[tuple[int, str, bool]]:
    """List what the key names: clusters, and where they are few their other terms too.

    Parameters
    ----------
    clusters : DataFrame
        As in `network_panels`, of one direction.

    Returns
    -------
    list of (int, str, bool)
        The cluster's number, the name of a term, and whether it speaks for its cluster.
    """
    clusters = clusters[clusters["cluster_id"].notna()].astype({"cluster_id": "int64"})
    kept = sorted(clusters["cluster_id"].unique())[:N_CLUSTERS]
    clusters = clusters[clusters["cluster_id"].isin(kept)]
    names = clusters["set_name" if "set_name" in clusters else "set_id"].astype(str)
    speaks = is_representative(clusters)
    is_named = speaks | (len(clusters) <= FEW_TERMS)
    rows = pd.DataFrame({"number": clusters["cluster_id"], "name": names, "speaks": speaks})
    rows = rows[is_named].sort_values(["number", "speaks"], ascending=[True, False], kind="stable")
    return list(rows.itertuples(index=False, name=None))


def _name_clusters(key: Axes, clusters: pd.DataFrame, colours: dict[int, str], look: Look) -> None:
    """List the clusters by number, name of the term that speaks for them, and size."""
    rows = key_rows(clusters)
    key.set(xlim=(0, 1), ylim=(max(len(rows), FEW_ROWS) - 0.4, -0.6))
    sizes = clusters.groupby("cluster_id").size()
    for row, (number, name, speaks) in enumerate(rows):
        area = look.node_areas[int(speaks)]
        key.scatter(
            0.04, row, s=area, c=colours[number], edgecolors="black", linewidths=0.4 * look.line
        )
        if not speaks:
            key.text(0.11, row, short(name, look.n_characters), va="center", size=look.text)
            continue
        key.text(0.04, row, f"{number}", ha="center", va="center", size=look.text, weight="bold")
        # A space that does not break keeps "10 terms" in one line.
        size = f"{sizes[number]}\u00a0term{'s' if sizes[number] > 1 else ''}"
        words = in_two_lines(f"{name} ({size})", look)
        key.text(0.11, row, words, va="center", size=look.text)
