"""Figures of the whole study: what stays the same when parcellation or null model is another.

Here stand their queries, captions and how panels are put together; the panels are in
`overview_panels`.
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import parts_below_one_another
from ect_assets.report.figures.figure_style import QUIET, TWO_COLUMNS_MM, new_figure, report_style
from ect_assets.report.figures.overview_panels import (
    agreement_panels,
    cell_type_panel,
    claim_key,
    claim_panel,
    component_panels,
    held_in,
)
from ect_assets.report.figures.panel_style import letter_part
from ect_assets.report.pages.display_names import parcellation_name
from ect_assets.science.statistics.multiple_comparisons import LEVEL

N_PAIRS = 3
N_TERMS = 14
KINDS = ("component", "gene_list", "cell_type", "go_term")


@report_style()
def draw_robustness(frames: Frames, setting: Setting) -> Figure:
    """Draw PLS1 and its genes in each parcellation.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        components, agreement, genes; see `OVERVIEW_EXHIBITS`.

    Returns
    -------
    Figure
        With one parcellation only, the components alone.
    """
    components, agreement = named(frames["components"]), named(frames["agreement"])
    n_parcellations = components["parcellation"].nunique()
    heights = [28 + 11.0 * n_parcellations]
    if len(agreement):
        heights.append(78.0)
    figure = new_figure(TWO_COLUMNS_MM, sum(heights), setting.simulated, setting.simulated_donors)
    parts = parts_below_one_another(figure, heights)
    letter_part(parts[0], "a")
    component_panels(parts[0], components, setting.null_model)
    if len(agreement):
        letter_part(parts[1], "b")
        agreement_panels(parts[1], named(frames["genes"]), agreement, N_PAIRS)
    return figure


@report_style()
def draw_claims(frames: Frames, setting: Setting) -> Figure:
    """Draw cell types and claims in each parcellation.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        cell_types, claims; see `OVERVIEW_EXHIBITS`.
    """
    claims, cell_types = named(frames["claims"]), named(frames["cell_types"])
    drawn = drawn_claims(claims)
    n_rows = drawn.groupby(["kind", "name"]).ngroups
    height = max(34 + 4.6 * n_rows, 95.0)
    figure = new_figure(TWO_COLUMNS_MM, height, setting.simulated, setting.simulated_donors)
    widths = [1.3] if cell_types.empty else [1.0, 1.3]
    parts = list(figure.subfigures(1, len(widths), width_ratios=widths, squeeze=False).ravel())
    letters = iter("ab")
    if not cell_types.empty:
        left = parts.pop(0)
        letter_part(left, next(letters))
        cell_type_panel(left.subplots(), cell_types)
    letter_part(parts[0], next(letters))
    claim_panel(parts[0].subplots(), drawn, sorted(set(claims["parcellation"])))
    n_left = claims.groupby(["kind", "name"]).ngroups - n_rows
    note = f"{n_left} more Gene Ontology terms not drawn" if n_left else None
    parts[0].legend(
        handles=claim_key(), title=note, title_fontsize=6.5, loc="outside lower center", ncols=2
    ).get_title().set_color(QUIET)
    return figure


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Name parcellations as papers do."""
    frame = frame.copy()
    for column in ("parcellation", "parcellation_a", "parcellation_b"):
        if column in frame:
            frame[column] = frame[column].map(parcellation_name)
    return frame


def drawn_claims(claims: pd.DataFrame) -> pd.DataFrame:
    """Choose the claims that are drawn: all but Gene Ontology's, of which the most common.

    Parameters
    ----------
    claims : DataFrame
        kind, name, parcellation, direction, q_published, holds.

    Returns
    -------
    DataFrame
        By kind; within it those that hold in most parcellations first, then those that are made
        in most, then by the smallest published q.
    """
    by_claim = claims.groupby(["kind", "name"], as_index=False).agg(
        n_made=("parcellation", "nunique"), q=("q_published", "min")
    )
    held = held_in(claims)
    by_claim["n_held"] = [held[one] for one in zip(by_claim["kind"], by_claim["name"], strict=True)]
    by_claim["place"] = by_claim["kind"].map({kind: place for place, kind in enumerate(KINDS)})
    by_claim = by_claim.sort_values(
        ["place", "n_held", "n_made", "q", "name"], ascending=[True, False, False, True, True]
    )
    is_term = by_claim["kind"] == "go_term"
    kept = pd.concat([by_claim[~is_term], by_claim[is_term].head(N_TERMS)])
    kept = kept[["kind", "name"]].assign(order=range(len(kept)))
    drawn = claims.merge(kept, on=["kind", "name"]).sort_values(["order", "parcellation"])
    return drawn.drop(columns="order").reset_index(drop=True)


COMPONENTS = """SELECT parcellation, null_model, r2_y, p_spatial, n_nulls
FROM pls_components
WHERE component = 1
ORDER BY parcellation, null_model"""

GENES = """SELECT a.parcellation AS parcellation_a, b.parcellation AS parcellation_b, gene,
  a.z AS z_a, b.z AS z_b
FROM pls_genes AS a JOIN pls_genes AS b USING (gene)
WHERE a.component = 1 AND b.component = 1 AND a.parcellation < b.parcellation
ORDER BY parcellation_a, parcellation_b, gene"""

AGREEMENT = """SELECT a.parcellation AS parcellation_a, b.parcellation AS parcellation_b,
  count(*) AS n_genes, corr(a.z, b.z) AS r,
  avg(CASE WHEN sign(a.z) = sign(b.z) THEN 1.0 ELSE 0.0 END) AS same_sign
FROM pls_genes AS a JOIN pls_genes AS b USING (gene)
WHERE a.component = 1 AND b.component = 1 AND a.parcellation < b.parcellation
GROUP BY ALL
ORDER BY parcellation_a, parcellation_b"""

CELL_TYPES = """SELECT parcellation, cell_type, nes, q_gene, q_spatial
FROM cell_type_enrichment
ORDER BY parcellation, cell_type"""

CLAIMS = """SELECT kind, name, parcellation, direction, effect, q_published, q_spatial, holds
FROM findings
ORDER BY kind, name, direction, parcellation"""

OVERVIEW_EXHIBITS = (
    Exhibit(
        name="figure_1_robustness",
        title="The genes that go with the change, in each parcellation",
        caption=(
            "a: Variance of the map of change that the first component (PLS1) of gene expression "
            "explains in each parcellation, and its p against the maps of each spatial null "
            "model (filled: the primary one; dashed: 0.05). b: z of each gene's weight in one "
            "parcellation against the other; darker where there are more genes, with their "
            "correlation and the share of genes of the same sign. Genes are not independent, so "
            "neither number has a p of its own. With one parcellation there is no b."
        ),
        queries={"components": COMPONENTS, "agreement": AGREEMENT, "genes": GENES},
        draw=draw_robustness,
        needs=("components",),
    ),
    Exhibit(
        name="figure_2_findings",
        title="Which findings hold in how many parcellations",
        caption=(
            "Cell types: normalised enrichment score in each parcellation, filled where the "
            "cell type passes the primary spatial null model's maps. Claims: one row per claim, "
            "a mark in each parcellation that makes it; filled where it holds, that is where the "
            "largest p over patients, space and co-expressed sets stays below "
            f"{LEVEL} after false discovery rate; gray where the "
            "published one is not. At the right, in how many parcellations it holds "
            "in the same direction. Of Gene "
            "Ontology's terms those are drawn that hold or are claimed in most parcellations."
        ),
        queries={"cell_types": CELL_TYPES, "claims": CLAIMS},
        draw=draw_claims,
        needs=("claims",),
    ),
)
