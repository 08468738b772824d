"""Which pathways and cell types follow the change, and which claims hold in space.

Sentences and tables; all numbers are asked for in SQL. Whatever takes genes as independent is
said together with what does not. Genes themselves are in `gene_sections`.
"""

from __future__ import annotations

from functools import partial

from markupsafe import Markup

from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Section,
    listing,
    mark,
    number,
    paragraph,
    plural,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, p_value, signed
from ect_assets.report.pages.gene_sections import why_no_genes
from ect_assets.report.pages.words import claim_name, null_name
from ect_assets.report.questions import CELL_TYPES, CLAIMS, KINDS, PATHWAYS, of_parcellation
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study

GO_TERMS = f"""SELECT count(*) FILTER (q < {LEVEL}) AS n_by_genes,
  count(DISTINCT set_id) FILTER (q < {LEVEL}) AS n_terms,
  count(DISTINCT (direction, cluster_id)) FILTER (q < {LEVEL}) AS n_clusters, count(*) AS n_tested
FROM go_enrichment WHERE parcellation = '{{parcellation}}'"""
CELLS = f"""SELECT count(*) AS n_cell_types, count(*) FILTER (q_gene < {LEVEL}) AS n_by_genes,
  list(cell_type ORDER BY es DESC, cell_type) FILTER (q_gene < {LEVEL} AND es > 0) AS plus,
  list(cell_type ORDER BY es, cell_type) FILTER (q_gene < {LEVEL} AND es < 0) AS minus
FROM cell_type_enrichment WHERE parcellation = '{{parcellation}}'"""
IN_SPACE = """SELECT count(*) FILTER (kind = 'go_term') AS n_pairs,
  count(DISTINCT name) FILTER (kind = 'go_term') AS n_terms,
  count(*) FILTER (kind = 'cell_type') AS n_cell_types
FROM findings WHERE parcellation = '{parcellation}' AND holds"""
"""Claims that stand all questions and agree in sign, by the rule of findings."""
JUDGED = f"""SELECT kind, name, direction, q_published, q_patients, q_spatial, q_genes, q_all,
  holds, replication, parcels
FROM findings
WHERE parcellation = '{{parcellation}}' AND (holds OR q_published < {LEVEL})
ORDER BY holds DESC, kind, q_all NULLS LAST, name LIMIT 40"""


def enrichment_sentences(facts: Facts) -> Markup:
    """Say how many terms and cell types are enriched, and how many of them in space too."""
    terms, cells, held = facts.ask(GO_TERMS), facts.ask(CELLS), facts.ask(IN_SPACE)
    said = Markup(
        "{} Gene Ontology {} over-represented among the listed genes (q < 0.05), and {} of {} "
        "cell types are enriched by permutation of genes{}. Once patients, space and genes are "
        "asked, {} of these terms and {} of these cell types remain."
    ).format(
        terms.show("n_terms"),
        plural(terms.value("n_terms"), "term is", "terms are"),
        cells.show("n_by_genes"),
        cells.show("n_cell_types"),
        _cells_by_side(cells),
        held.show("n_terms"),
        held.show("n_cell_types"),
    )
    if held.value("n_terms") or held.value("n_cell_types"):
        return said
    return said + Markup(
        " So no pathway or cell type is associated with the change beyond what any smooth map "
        "would give."
    )


def _cells_by_side(cells: Answer) -> Markup:
    """Name the enriched cell types, on the side of PLS1 where their genes are."""
    sides = [
        Markup("{} on the side of {}").format(listing(cells.value(column)), side)
        for column, side in (("plus", "PLS1+"), ("minus", "PLS1−"))
        if cells.value(column)
    ]
    return Markup(": {}").format(Markup("; ").join(sides)) if sides else Markup("")


def pathway_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell which Gene Ontology terms are over-represented."""
    title = "Pathways"
    why = why_no_genes(facts, study)
    if why:
        return Section("pathways", title, [paragraph("{}", why)])
    terms = facts.ask(of_parcellation(PATHWAYS))
    if not terms:
        none = "No Gene Ontology term is over-represented among the listed genes (q < 0.05)."
        return Section("pathways", title, [paragraph("{}", none), *pictures])
    counts, held = facts.ask(GO_TERMS), facts.ask(IN_SPACE)
    said = paragraph(
        "{} of {} tested pairs of term and gene list have q < 0.05, in {} {} of terms that share "
        "genes; {} of these pairs hold once patients, space and genes are asked.",
        counts.show("n_by_genes"),
        counts.show("n_tested"),
        counts.show("n_clusters"),
        plural(counts.value("n_clusters"), "cluster", "clusters"),
        held.show("n_pairs"),
    )
    columns = [
        Column("genes", text("direction"), is_number=False),
        Column("term", text("set_name"), is_number=False),
        Column("part", text("namespace"), is_number=False),
        Column("in list", number("n_overlap")),
        Column("of term", number("n_set")),
        Column("fold", number("fold_enrichment", fixed(1))),
        Column("q, genes", number("q", p_value)),
        Column("q, space", number("q_spatial", p_value)),
    ]
    note = (
        "The best terms of each list; all are in go_enrichment. q, genes treats genes as "
        f"independent and overstates; q, space is against {null_name(facts.setting.null_model)}. "
        "BP biological process, MF molecular function, CC cellular component."
    )
    table = table_of(terms, "Table 5. Gene Ontology terms", columns, note)
    summary = paragraph("{}", enrichment_sentences(facts))
    return Section("pathways", title, [summary, said, table, *pictures])


def cell_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell which cell types the ranking of genes favours."""
    why = why_no_genes(facts, study)
    cells = facts.ask(of_parcellation(CELL_TYPES))
    if why or not cells:
        why = why or "No cell type has enough genes in the expression of this parcellation."
        return Section("cells", "Cell types", [paragraph("{}", why)])
    columns = [
        Column("cell type", text("cell_type"), is_number=False),
        Column("genes", number("n_set")),
        Column("NES", number("nes", signed(2))),
        Column("q, genes", number("q_gene", p_value)),
        Column("q, space", number("q_spatial", p_value)),
        Column("in PLS1+", number("n_in_pls_plus")),
        Column("in PLS1−", number("n_in_pls_minus")),
    ]
    note = (
        "NES: normalised enrichment score of the genes ranked by their bootstrap z. q, genes "
        "permutes genes, which overstates; q, space is that of the mean correlation with the map "
        f"against {null_name(facts.setting.null_model)}."
    )
    table = table_of(cells, "Table 6. Cell types", columns, note)
    return Section("cells", "Cell types", [table, *pictures])


def holding_section(facts: Facts, study: Study) -> Section:
    """Tell which claims stand the questions of patients, space and genes."""
    title = "Claims, and three questions about each"
    claims = facts.ask(of_parcellation(CLAIMS))
    if not claims:
        why = why_no_genes(facts, study) or "No claims have been tested yet."
        return Section("holds", title, [paragraph("{}", why)])
    columns = [
        Column("claims", text("kind", lambda kind: KINDS.get(kind, kind)), is_number=False),
        Column("q < 0.05 as published", number("n_published")),
        Column("hold", number("n_holding")),
    ]
    note = (
        "Patients: do their changes follow it one by one? Space: does the map follow it more than "
        f"{null_name(facts.setting.null_model)} do? Genes, of sets alone: more than other sets of "
        "the same co-expression? A claim holds where the largest of these p stays below 0.05 after "
        "false discovery rate, and the sign agrees. Each claim is a row of findings."
    )
    blocks: list[Block] = [table_of(claims, "Table 7. Claims, and how many hold", columns, note)]
    judged = facts.ask(JUDGED)
    if not judged:
        blocks.append(paragraph("No claim about genes, pathways or cell types is made."))
        return Section("holds", title, blocks)
    columns = [
        Column("kind", text("kind", lambda kind: KINDS.get(kind, kind)), is_number=False),
        Column("claim", text("name", claim_name), is_number=False),
        Column("side", text("direction"), is_number=False),
        Column("published", mark("q_published"), is_number=False),
        Column("patients", mark("q_patients"), is_number=False),
        Column("space", mark("q_spatial"), is_number=False),
        Column("genes", mark("q_genes"), is_number=False),
        Column("q of all", number("q_all", p_value)),
        Column("replication", number("replication", fixed(2))),
        Column("carried by", text("parcels", partial(_in_full, facts.setting)), is_number=False),
    ]
    note = (
        "✓ q < 0.05, ✗ not, – not asked. q of all: the largest p, after false discovery rate. "
        "Replication: share of random half cohorts in which it comes back; of a component, how "
        "well the genes' t in the halves agree. Carried by: the parcels without which it "
        "weakens most. At most 40 are listed, those that hold first."
    )
    blocks.append(table_of(judged, "The claims, with the answers", columns, note))
    return Section("holds", title, blocks)


def _in_full(setting: Setting, parcels: str) -> str:
    """Name parcels in full, set apart so that a narrow column can break between them."""
    return "; ".join(setting.in_full(one) for one in parcels.split(";"))
