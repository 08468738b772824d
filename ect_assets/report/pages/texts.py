"""The first words of a page: what was found, and what to keep in mind when reading it.

Each sentence is about numbers of the lake, and says as much as they do. The same sentences are
used in the sections that follow, which add the tables.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import Block, Points, Section, plural
from ect_assets.report.pages.brain_sections import change_sentences
from ect_assets.report.pages.enrichment_sections import enrichment_sentences
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.gene_sections import component_sentences, list_sentences, why_no_genes
from ect_assets.report.pages.people import N_LEFT_OUT, PEOPLE
from ect_assets.report.pages.symptom_sections import association_sentences, symptom_sentences
from ect_assets.report.pages.words import parcellation_name
from ect_assets.study import Study

SIMULATED = (
    "The participants of this study are simulated. Its numbers show that the platform works; they "
    "allow no conclusion about any treatment."
)
FEW = 12
"""Participants; with fewer the page warns that single people decide."""
MANY_MISSING = 0.2
"""Share of the participants; where more did not enter the analysis the page says so."""
FOR_WHOM = (
    "For the study's own people: figures and the tables behind them hold values of single "
    "participants. Not a medical device."
)


def found_section(facts: Facts, study: Study) -> Section:
    """Say what was found, in one sentence or two for each step."""
    why = why_no_genes(facts, study)
    items = [
        ("Participants", _participants(facts)),
        ("Gray matter", change_sentences(facts, study)),
        ("Symptoms", symptom_sentences(facts, study)),
        ("Brain and symptoms", association_sentences(facts, study)),
    ]
    if why:
        items.append(("Gene expression", Markup("{}").format(why)))
    else:
        items += [
            ("Gene expression", component_sentences(facts)),
            ("Genes", list_sentences(facts, study)),
            ("Pathways and cells", enrichment_sentences(facts)),
        ]
    items.append(("Limitations", _cautions(facts, study)))
    blocks: list[Block] = [Points(items)]
    return Section("found", "What was found", blocks)


def _participants(facts: Facts) -> Markup:
    people, left_out = facts.ask(PEOPLE), facts.ask(N_LEFT_OUT)
    baseline, follow_up = facts.setting.sessions
    return Markup(
        "{} of {} {} entered the analysis of {} ({} against {}); {} {} left out, wholly or in part."
    ).format(
        people.show("n_analysed"),
        people.show("n_all"),
        plural(people.value("n_all"), "participant", "participants"),
        parcellation_name(facts.setting.parcellation),
        follow_up,
        baseline,
        left_out.show("n_left_out"),
        plural(left_out.value("n_left_out"), "was", "were"),
    )


def _cautions(facts: Facts, study: Study) -> Markup:
    """Say what the design and the sample do not let one conclude."""
    said = [
        Markup(
            "Participants are compared with themselves, not with a control group: treatment, "
            "time, and changes of scanner or processing cannot be separated."
        )
    ]
    if study.simulated:
        said.append(Markup("{}").format(SIMULATED))
    people = facts.ask(PEOPLE)
    if 0 < people.value("n_analysed") < FEW:
        said.append(
            Markup("With {} {} single participants dominate results.").format(
                people.show("n_analysed"),
                plural(people.value("n_analysed"), "participant", "participants"),
            )
        )
    if (people.value("share_missing") or 0) > MANY_MISSING:
        said.append(
            Markup(
                "{} of {} did not enter the analysis: those analysed may differ from those who "
                "did not."
            ).format(people.show("n_missing"), people.show("n_all"))
        )
    return Markup(" ").join(said)
