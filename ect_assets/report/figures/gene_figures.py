"""Figures of the genes that go with the change: association, pathways, cell types, term network.

Here stand their queries, captions and how panels are put together; the panels are in
`gene_panels`, `term_panels` and `cell_type_panels`.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ect_assets.report.figures.cell_type_panels import N_COLUMNS, running_sum_panels, score_panels
from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import parts_below_one_another, signs_typeset
from ect_assets.report.figures.figure_style import TWO_COLUMNS_MM, new_figure, report_style
from ect_assets.report.figures.gene_panels import (
    names_panel,
    null_panels,
    ranking_panel,
    score_panel,
)
from ect_assets.report.figures.network_panels import key_rows, network_panels
from ect_assets.report.figures.panel_style import JOURNAL, Part, letter_part
from ect_assets.report.figures.term_panels import chosen_terms, term_panels
from ect_assets.report.maps.brain_maps import draw_map
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

N_TERMS = 14
SCORES_MM, RANKING_MM, KEY_ROW_MM = 50.0, 60.0, 6.0
MAPS_MM = {1: 54.0, 2: 70.0}
"""Height of the maps, by how many hemispheres have values."""


@report_style()
def draw_genes(frames: Frames, setting: Setting) -> Figure:
    """Draw Figure 3: maps, scores against change, null distributions, ranked genes.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        scores, components, null_distributions, genes; see `GENE_EXHIBITS`.
    setting : Setting
        Without a surface the maps are left out.
    """
    heights = [SCORES_MM, RANKING_MM]
    if setting.surface is not None:
        n_sides = len(setting.surface.sides_of(frames["scores"]["parcel"]))
        heights = [MAPS_MM[max(n_sides, 1)], *heights]
    figure = new_figure(TWO_COLUMNS_MM, sum(heights), setting.simulated, setting.simulated_donors)
    rows = parts_below_one_another(figure, heights)
    letters = iter("abcd")
    if setting.surface is not None:
        _draw_maps(rows.pop(0), next(letters), frames["scores"], setting.surface, setting)
    left, right = rows[0].subfigures(1, 2, width_ratios=[1, 1.7], squeeze=False).ravel()
    letter_part(left, next(letters))
    panel = left.subplots()
    score_panel(panel, frames["scores"], frames["components"])
    panel.set_xlabel(setting.map_unit)
    letter_part(right, next(letters))
    null_panels(right, frames["null_distributions"], frames["components"], setting.null_model)
    letter_part(rows[1], next(letters))
    ranking, names = rows[1].subplots(1, 2, width_ratios=[1.5, 1])
    ranking_panel(ranking, frames["genes"])
    names_panel(names, frames["genes"])
    return figure


def _draw_maps(
    part: Part, name: str, scores: pd.DataFrame, surface: SurfaceParcels, setting: Setting
) -> None:
    left, right = part.subfigures(1, 2, squeeze=False).ravel()
    letter_part(left, name)
    values = scores.set_index("parcel")
    draw_map(left, values["t"], surface, setting.map_unit, title=setting.map_title)
    draw_map(right, values["score"], surface, "PLS1 score", title="PLS1 of gene expression")


@report_style()
def draw_pathways(frames: Frames, setting: Setting) -> Figure:
    """Draw Figure 4: the enriched terms of both directions.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        tested, enriched_terms; see `GENE_EXHIBITS`.
    """
    terms = frames["enriched_terms"]
    chosen = chosen_terms(terms, N_TERMS)
    n_rows = sum(max(len(some), 2) for some in chosen.values())
    figure = new_figure(
        TWO_COLUMNS_MM, 42 + 5.8 * n_rows, setting.simulated, setting.simulated_donors
    )
    (part,) = figure.subfigures(1, 1, squeeze=False).ravel()
    term_panels(part, terms, chosen, JOURNAL)
    return figure


@report_style()
def draw_cell_types(frames: Frames, setting: Setting) -> Figure:
    """Draw Figure 5: score of each cell type, and its running sum.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        cell_types, ranking, members; see `GENE_EXHIBITS`.
    """
    cell_types, members = frames["cell_types"], frames["members"]
    n_rows = -(-len(cell_types) // N_COLUMNS)
    heights = [26 + 5.6 * len(cell_types), 12 + 34.0 * n_rows]
    figure = new_figure(TWO_COLUMNS_MM, sum(heights), setting.simulated, setting.simulated_donors)
    above, below = parts_below_one_another(figure, heights)
    letter_part(above, "a")
    score_panels(above, cell_types, JOURNAL)
    letter_part(below, "b")
    ranking = frames["ranking"].set_index("gene")["z"]
    running_sum_panels(below, ranking, members, cell_types, JOURNAL)
    return figure


@report_style()
def draw_term_network(frames: Frames, setting: Setting) -> Figure:
    """Draw the enriched terms of each direction as a network of shared genes.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        enriched_terms, links; see `GENE_EXHIBITS`.

    Returns
    -------
    Figure
        A direction without enriched terms has no panel.
    """
    terms, links = frames["enriched_terms"], frames["links"]
    drawn = [one for one in DIRECTIONS if (terms["direction"] == one).any()]
    ordered = terms.sort_values(["p", "set_id"])
    by_direction = {one: ordered[ordered["direction"] == one] for one in drawn}
    heights = [14 + KEY_ROW_MM * max(len(key_rows(some)), 6) for some in by_direction.values()]
    figure = new_figure(
        TWO_COLUMNS_MM, 8 + sum(heights), setting.simulated, setting.simulated_donors
    )
    parts = parts_below_one_another(figure, heights or [1])
    for part, name, (direction, of_direction) in zip(
        parts, "ab", by_direction.items(), strict=False
    ):
        letter_part(part, name)
        network_panels(part, links[links["direction"] == direction], of_direction, JOURNAL)
        part.suptitle(f"{signs_typeset(direction)} genes", size=8, weight="bold", x=0.03, ha="left")
    return figure


SCORES = """SELECT parcel, map_value AS t, score
FROM pls_scores
WHERE parcellation = '{parcellation}' AND component = 1
ORDER BY parcel"""

COMPONENTS = """SELECT null_model, r2_y, sqrt(r2_y) AS r, p_spatial, n_nulls
FROM pls_components
WHERE parcellation = '{parcellation}' AND component = 1
ORDER BY null_model"""

NULL_DISTRIBUTIONS = """SELECT null_model, null_id, sqrt(value) AS r
FROM null_distributions
WHERE parcellation = '{parcellation}' AND statistic = 'r2_y_component_1'
ORDER BY null_model, null_id"""

GENES = """SELECT rank, gene, z, direction, q_bootstrap, r_map, p_spatial, q_spatial
FROM pls_genes
WHERE parcellation = '{parcellation}' AND component = 1
ORDER BY rank"""

TESTED = f"""SELECT direction, count(*) AS terms, count(*) FILTER (q < {LEVEL}) AS by_genes,
  count(*) FILTER (q_spatial < {LEVEL}) AS in_space,
  count(*) FILTER (q < {LEVEL} AND q_spatial < {LEVEL}) AS both
FROM go_enrichment
WHERE parcellation = '{{parcellation}}'
GROUP BY direction
ORDER BY direction"""

ENRICHED_TERMS = f"""SELECT direction, set_id, set_name, namespace, n_list, n_set, n_overlap,
  fold_enrichment, p, q, p_spatial, q_spatial, cluster_id, cluster_representative
FROM go_enrichment
WHERE parcellation = '{{parcellation}}' AND q < {LEVEL}
ORDER BY direction, p, set_id"""

CELL_TYPES = """SELECT cell_type, n_set, es, nes, p_gene, q_gene, p_spatial, q_spatial,
  n_in_pls_plus, p_in_pls_plus, q_in_pls_plus, n_in_pls_minus, p_in_pls_minus, q_in_pls_minus
FROM cell_type_enrichment
WHERE parcellation = '{parcellation}'
ORDER BY nes DESC NULLS LAST, cell_type"""

RANKING = """SELECT gene, rank, z
FROM pls_genes
WHERE parcellation = '{parcellation}' AND component = 1
ORDER BY rank"""

MEMBERS = """SELECT DISTINCT set_name, gene
FROM gene_sets
WHERE collection = 'cell_types_seidlitz2020'
  AND gene IN (SELECT gene FROM pls_genes WHERE parcellation = '{parcellation}')
ORDER BY set_name, gene"""

LINKS = """SELECT direction, set_id_a, set_id_b, kappa
FROM go_term_links
WHERE parcellation = '{parcellation}'
ORDER BY direction, set_id_a, set_id_b"""

GENE_EXHIBITS = (
    Exhibit(
        name="figure_3_genes",
        title="Gene expression that follows the change of gray matter volume",
        caption=(
            "Maps: t of the change of gray matter volume, and the score of the first component "
            "(PLS1) of partial least squares between that map and gene expression, over the "
            "parcels with expression; where expression is of the left hemisphere alone, so are "
            "the maps. Scores: PLS1 score against t, one point per parcel, with their "
            "correlation r; R\u00b2 is the variance of the map that PLS1 explains. r is large by "
            "construction, since PLS1 is fitted to the map. Null distributions: r of maps of "
            "the same spatial autocorrelation, for each spatial null model, and the share p of "
            "them that reaches the observed r (line). Ranked genes: z of each gene's weight "
            "over its bootstrap standard error; coloured genes pass the bootstrap's false "
            "discovery rate, which takes parcels as independent and overstates; black ticks "
            "mark genes whose correlation with the map passes the primary spatial null model "
            f"(q < {LEVEL}). The strongest genes of both ends are named with their z."
        ),
        queries={
            "scores": SCORES,
            "components": COMPONENTS,
            "null_distributions": NULL_DISTRIBUTIONS,
            "genes": GENES,
        },
        draw=draw_genes,
        needs=("scores", "components", "null_distributions", "genes"),
    ),
    Exhibit(
        name="figure_4_pathways",
        title="Gene Ontology terms of those genes",
        caption=(
            "Terms over-represented among the PLS1+ and PLS1\u2212 genes (q, genes < "
            f"{LEVEL}), the smallest p first; those that speak for a cluster of similar terms are "
            "chosen before others (gray names). Place: fold enrichment; colour: "
            "\u2212log\u2081\u2080 of q over genes; size: genes both in the list and in the term. "
            "Numbers: q, genes is hypergeometric, takes genes as independent and overstates; "
            "q, space is that of the term's mean correlation with the map against "
            "the primary null model's maps; a term that passes it too has a heavy line and *. "
            "Last: the term's cluster within its direction, as in the network of terms."
        ),
        queries={"tested_terms": TESTED, "enriched_terms": ENRICHED_TERMS},
        draw=draw_pathways,
        needs=("tested_terms",),
    ),
    Exhibit(
        name="figure_5_cell_types",
        title="Cell types along the ranking of genes",
        caption=(
            "a: Normalised enrichment score (NES) of each cell type's genes in the ranking by z; "
            f"filled where q over permuted genes is below {LEVEL}, hatched with a heavy outline "
            "where q over the primary null model's maps is. Numbers: both q, the cell type's "
            "genes in the matrix, and how many of them are in each list with the q of their "
            "over-representation. Permuted genes are taken as independent, which overstates. "
            "b: The running sum down the ranking, whose value farthest from 0 is the enrichment "
            "score; ticks mark the genes of the cell type."
        ),
        queries={"cell_types": CELL_TYPES, "ranking": RANKING, "members": MEMBERS},
        draw=draw_cell_types,
        needs=("cell_types", "ranking", "members"),
    ),
    Exhibit(
        name="supplementary_figure_4_term_network",
        title="Enriched terms that share their genes",
        caption=(
            f"Terms with q, genes < {LEVEL} of each direction; lines join terms that share genes "
            "(Cohen's kappa of membership), wider for more. Colours and numbers: clusters; the "
            "large dot is the term that speaks for its cluster, named at the right with the "
            "number of terms of the cluster; up to twelve terms are all named. At most twelve "
            "clusters with ten terms of each are drawn."
        ),
        queries={"enriched_terms": ENRICHED_TERMS, "links": LINKS},
        draw=draw_term_network,
        needs=("enriched_terms",),
    ),
)
