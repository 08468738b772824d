"""The whole study: its parcellations side by side, and what holds in all of them.

Sentences and tables of the study-wide page; the sections of one parcellation are in their own
modules.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Section,
    listing,
    number,
    paragraph,
    plural,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, p_value, percent, signed
from ect_assets.report.pages.gene_sections import donors_are_simulated
from ect_assets.report.pages.people import failing_pairs
from ect_assets.report.pages.places import link_between
from ect_assets.report.pages.provenance import ReportProvenance, making_blocks
from ect_assets.report.pages.references import Citations
from ect_assets.report.pages.symptom_sections import symptom_sentences, title_of
from ect_assets.report.pages.texts import FEW, SIMULATED
from ect_assets.report.pages.words import null_name, parcellation_name
from ect_assets.report.questions import (
    BRAIN_AND_SYMPTOMS,
    CHANGE,
    CLAIMS,
    COMPONENT,
    GENE_LISTS,
    HELD_EVERYWHERE,
    KINDS,
)
from ect_assets.study import Study

N_JUDGED = "SELECT count(DISTINCT parcellation) AS n_parcellations FROM findings"


def all_parcellations_section(facts: Facts, study: Study) -> Section:
    """Put the main numbers of all parcellations side by side."""
    blocks: list[Block] = [
        paragraph(
            "One row for each parcellation; its name leads to its page. Participants are "
            "compared with themselves, not with a control group: treatment, time, and changes of "
            "scanner or processing cannot be separated."
        )
    ]
    pairs = failing_pairs(facts, study)
    if pairs:
        blocks.append(paragraph("{}", pairs))
    if study.simulated:
        blocks.append(paragraph("{}", SIMULATED))
    blocks.append(paragraph("{}", symptom_sentences(facts, study)))
    change = facts.ask(CHANGE)
    if not change:
        blocks.append(paragraph("No parcellation has results on gray matter volume yet."))
        return Section("found", "What was found", blocks)
    columns = [
        Column("parcellation", _page_link, is_number=False),
        Column("n", number("n")),
        Column("parcels", number("n_parcels")),
        Column("q < 0.05", number("n_changed")),
        Column("larger", number("n_grown")),
        Column("smaller", number("n_shrunk")),
    ]
    blocks.append(table_of(change, "Change of gray matter volume", columns))
    if min(change.value("n", row) for row in range(len(change.rows))) < FEW:
        blocks.append(paragraph("Where n is below {}, single participants dominate results.", FEW))
    blocks += _association_blocks(facts, study)
    blocks += _gene_blocks(facts, study)
    return Section("found", "What was found", blocks)


def _page_link(answer: Answer, row: int) -> Markup:
    name = answer.value("parcellation", row)
    return Markup('<a href="{}">{}</a>').format(link_between("", name), parcellation_name(name))


def _association_blocks(facts: Facts, study: Study) -> list[Block]:
    found = facts.ask(BRAIN_AND_SYMPTOMS)
    if not found:
        return [paragraph("Brain and symptoms were not compared: too few have both.")]
    columns = [
        Column("parcellation", _page_link, is_number=False),
        Column("instrument", title_of(study), is_number=False),
        Column("n", number("n")),
        Column("p, covariance", number("p_perm", p_value)),
        Column("predicted r", number("r_cross_validated", signed(2))),
        Column("p, prediction", number("p_cross_validated", p_value)),
        Column("fitted r", number("r", signed(2))),
        Column("p, r²", number("p_perm_r2", p_value)),
    ]
    note = (
        "The predicted r is of participants left out of the fit. The fitted r is large by "
        "construction, which its own p, of r², takes into account."
    )
    return [table_of(found, "Change of the brain and improvement", columns, note)]


def _gene_blocks(facts: Facts, study: Study) -> list[Block]:
    component, lists, claims = facts.ask(COMPONENT), facts.ask(GENE_LISTS), facts.ask(CLAIMS)
    blocks: list[Block] = []
    without = [name for name in study.parcellations if name not in {row[0] for row in lists.rows}]
    if without:
        names = [parcellation_name(name) for name in without]
        blocks.append(
            paragraph(
                "{} {} not compared with gene expression: study.toml gives none, or it was not "
                "computed.",
                listing(names),
                plural(len(names), "was", "were"),
            )
        )
    simulated = donors_are_simulated(facts, study)
    if component and simulated:
        blocks.append(paragraph("{}", simulated))
    if component:
        columns = [
            Column("parcellation", _page_link, is_number=False),
            Column("null model", text("null_model", null_name), is_number=False),
            Column("PLS1 explains", number("r2_y", percent(1))),
            Column("p", number("p_spatial", p_value)),
            Column("false positives at 5 %", number("false_positive_rate_05", percent(0))),
        ]
        note = "False positives: share of noise maps, as smooth as the map, with p ≤ 0.05."
        blocks.append(table_of(component, "PLS1 of gene expression", columns, note))
    if lists:
        columns = [
            Column("parcellation", _page_link, is_number=False),
            Column("genes", number("n_genes")),
            Column("PLS1+", number("plus")),
            Column("PLS1−", number("minus")),
            Column("listed, and spatial q < 0.05", number("n_listed_and_spatial")),
        ]
        note = (
            "PLS1+: genes expressed more where gray matter grew (relative to where it shrank); "
            "PLS1−: the reverse. Both pass the bootstrap, which takes parcels as independent."
        )
        blocks.append(table_of(lists, "Genes", columns, note))
    if claims:
        columns = [
            Column("parcellation", _page_link, is_number=False),
            Column("claims", text("kind", lambda kind: KINDS.get(kind, kind)), is_number=False),
            Column("q < 0.05 as published", number("n_published")),
            Column("hold", number("n_holding")),
        ]
        blocks.append(table_of(claims, "Claims, and how many hold", columns))
    return blocks


def agreement_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell which claims hold whatever the parcellation."""
    judged, held = facts.ask(N_JUDGED), facts.ask(HELD_EVERYWHERE)
    blocks: list[Block] = []
    if not judged.value("n_parcellations"):
        blocks.append(paragraph("No claim was tested: no parcellation has gene expression."))
    elif not held:
        blocks.append(
            paragraph(
                "No claim about components, genes, pathways or cell types holds in {}.",
                _all_judged(judged),
            )
        )
    else:
        columns = [
            Column("claims", text("kind", lambda kind: KINDS.get(kind, kind)), is_number=False),
            Column("claim", text("name"), is_number=False),
            Column("side", text("direction"), is_number=False),
            Column("parcellations", number("n_parcellations")),
        ]
        blocks.append(table_of(held, "Claims that hold in every parcellation", columns))
    if judged.value("n_parcellations") == 1:
        blocks.append(paragraph("With one parcellation, this adds no information."))
    return Section("agreement", "What holds in all parcellations", [*blocks, *pictures])


def _all_judged(judged: Answer) -> Markup:
    """Name all parcellations with gene expression, however many they are."""
    shown = judged.show("n_parcellations")
    if judged.value("n_parcellations") == 1:
        return Markup("the {} parcellation with gene expression").format(shown)
    if judged.value("n_parcellations") == 2:
        return Markup("both parcellations with gene expression")
    return Markup("all {} parcellations with gene expression").format(shown)


def overview_methods(study: Study, provenance: ReportProvenance, citations: Citations) -> Section:
    """Say where the methods stand, and what made the numbers."""
    said = paragraph(
        "The methods are on the page of each parcellation; they follow {}. A claim holds where "
        "the largest p over patients, against {} and, for terms and cell types, against sets of "
        "the same co-expression stays below 0.05 after false discovery rate, and the sign agrees. "
        "Spatial null models are compared by {}.",
        citations.name("liu2025"),
        null_name(study.nulls.primary),
        citations.name("markello_misic2021"),
    )
    return Section("methods", "Methods", [said, *making_blocks(study, provenance)])
