"""Pictures of enrichment for the UI: terms, cell types, running sums, the network of terms.

Each function turns tables of `enrichment` into a matplotlib figure; nothing is tested or chosen
by significance here beyond q < 0.05. What is in the figures belongs in `term_panels`,
`network_panels` and `cell_type_panels`, which the report draws at a journal's size.
"""

from __future__ import annotations

import io

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ect_assets.report.figures.cell_type_panels import N_COLUMNS, running_sum_panels, score_panels
from ect_assets.report.figures.network_panels import network_panels
from ect_assets.report.figures.panel_style import SCREEN, names_as_they_are
from ect_assets.report.figures.term_panels import chosen_terms, term_panels

WIDTH_PIXELS = 900
WIDTH_INCHES = 9.0


def dot_plot(go: pd.DataFrame, simulated: bool = False, n_terms: int = 10) -> Figure:
    """Draw the enriched terms of both directions by fold enrichment.

    Parameters
    ----------
    go : DataFrame
        direction, set_id, set_name, n_overlap, fold_enrichment, p, q, cluster_representative;
        q_spatial and cluster_id are shown where they are given.
    simulated : bool
        Whether to write "simulated patients" into the figure.
    n_terms : int
        How many terms of each direction: those that speak for a cluster first, by p; others
        follow if there is room, in gray.
    """
    chosen = chosen_terms(go, n_terms)
    n_rows = sum(max(len(terms), 2) for terms in chosen.values())
    with names_as_they_are():
        figure = _figure(2.4 + 0.31 * n_rows)
        term_panels(figure, go, chosen, SCREEN)
        return _titled(figure, "Gene Ontology terms of the gene lists", simulated)


def cell_type_bars(cell_types: pd.DataFrame, simulated: bool = False) -> Figure:
    """Draw the normalised enrichment score of each cell type, and what both nulls say of it.

    Parameters
    ----------
    cell_types : DataFrame
        cell_type, nes, q_gene, q_spatial; how many genes are in the lists where it is given.
    simulated : bool
        Whether to write "simulated patients" into the figure.

    Returns
    -------
    Figure
        Filled where q_gene < 0.05; hatched with a heavy outline where q_spatial < 0.05.
    """
    with names_as_they_are():
        figure = _figure(1.9 + 0.42 * len(cell_types))
        score_panels(figure, cell_types, SCREEN)
        return _titled(figure, "Cell types along the ranking of genes", simulated)


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
    """
    n_rows = max(-(-len(cell_types) // N_COLUMNS), 1)
    with names_as_they_are():
        figure = _figure(0.8 + 2.25 * n_rows)
        running_sum_panels(figure, ranking, gene_sets, cell_types, SCREEN)
        return _titled(figure, "Running sums of the cell types", simulated)


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
    """
    with names_as_they_are():
        figure = _figure(5.6)
        network_panels(figure, links, clusters, SCREEN)
        return _titled(figure, "Terms that share their genes", simulated)


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as PNG, 900 pixels wide as the UI shows it, always the same bytes."""
    buffer = io.BytesIO()
    dpi = WIDTH_PIXELS / figure.get_figwidth()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def _figure(height_inches: float) -> Figure:
    figure = Figure((WIDTH_INCHES, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _titled(figure: Figure, title: str, simulated: bool) -> Figure:
    figure.suptitle(f"{title} (simulated patients)" if simulated else title, size=12, weight="bold")
    return figure
