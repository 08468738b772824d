"""Sections of a page, each written by a template that holds its words and the SQL it quotes.

A template of `templates/sections` sets ``title``, asks with ``ask(SQL)``, and writes HTML around
the answers; what Python does not have to decide stands there. The templates are given the names
below, and what the section hands over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ect_assets.report import questions
from ect_assets.report.pages import blocks, display_names, facts
from ect_assets.report.pages.blocks import Block, Picture, Section
from ect_assets.report.pages.contrast_sections import question
from ect_assets.report.pages.facts import Answer, Facts
from ect_assets.report.pages.gene_sections import donors_are_simulated, why_no_genes
from ect_assets.report.pages.mean_changes import mean_changes
from ect_assets.report.pages.page_paths import link_between
from ect_assets.report.pages.people import N_LEFT_OUT, PAIRS, PEOPLE, failing_pairs
from ect_assets.report.pages.texts import FEW, FOR_WHOM, MANY_MISSING, SIMULATED
from ect_assets.report.questions import of_parcellation
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study

FORMATS = {
    name: getattr(facts, name)
    for name in ("whole", "fixed", "signed", "percent", "p_value", "p_relation", "plain_cell")
}
CELLS = {
    name: getattr(blocks, name)
    for name in ("Column", "number", "text", "spread", "interval", "t_with_df", "mark", "holds")
}
NAMES = {
    name: getattr(display_names, name)
    for name in (
        "claim_name",
        "effect_name",
        "kind_name",
        "unit_name",
        "parcellation_name",
        "null_name",
        "test_name",
        "check_name",
        "gene_list_test",
    )
}
WORDS = {
    **FORMATS,
    **CELLS,
    **NAMES,
    "listing": blocks.listing,
    "plural": blocks.plural,
    "level": LEVEL,
    "questions": questions,
    "question": question,
    "checks_in_words": display_names.CHECKS,
    "answer": blocks.answer_mark,
    "EXCLUDED": questions.EXCLUDED,
    "FOR_WHOM": FOR_WHOM,
    "two_digits": lambda value: f"{value:.2g}",
    "N_LEFT_OUT": N_LEFT_OUT,
    "PEOPLE": PEOPLE,
    "PAIRS": PAIRS,
    "SIMULATED": SIMULATED,
    "FEW": FEW,
    "MANY_MISSING": MANY_MISSING,
}


@cache
def environment() -> Environment:
    """Read the templates of the package; whatever is put into one is escaped."""
    made = Environment(
        loader=PackageLoader("ect_assets.report.pages"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    made.filters["parcellation_name"] = display_names.parcellation_name
    return made


def write_section(
    name: str, facts: Facts, study: Study, pictures: Sequence[Block] = (), **more: Any
) -> Section | None:
    """Write one section of a page.

    Parameters
    ----------
    name : str
        Of its template, and of its place on the page.
    pictures : sequence of Block
        Stand at its end.
    **more
        What else the template uses.

    Returns
    -------
    Section or None
        None where the template has nothing to say.
    """
    given = WORDS | words_of(facts, study) | more
    written = environment().get_template(f"sections/{name}.html.j2").make_module(given)
    html = Markup(_without_empty_lines(str(written)))
    if not html:
        return None
    anchor = name.rpartition("/")[2]
    return Section(anchor, str(vars(written)["title"]), [blocks.Written(html), *pictures])


def words_of(facts: Facts, study: Study) -> dict[str, Any]:
    """Give what a template asks of this study and page."""

    def ask(sql: str) -> Answer:
        return facts.ask(sql.replace("{level}", f"{LEVEL:g}"))

    def table(
        answer: Answer,
        title: Markup | str,
        columns: Sequence[tuple[Any, ...]],
        note: Markup | str = "",
    ) -> Markup:
        made = blocks.table_of(answer, title, [blocks.Column(*one) for one in columns], note)
        return shown(made)

    return {
        "ask": ask,
        "ask_here": lambda sql: ask(of_parcellation(sql)),
        "study": study,
        "setting": facts.setting,
        "table": table,
        "instrument_title": lambda name: display_names.instrument_title(study, name),
        "parcels_in_full": lambda parcels: "; ".join(
            facts.setting.in_full(one) for one in parcels.split(";")
        ),
        "page_link": _page_link,
        "mean_changes": lambda: mean_changes(facts),
        "failing_pairs": failing_pairs(facts, study),
        "donors_are_simulated": donors_are_simulated(facts, study),
        "why_no_genes": why_no_genes(facts, study) if facts.setting.parcellation else None,
    }


def _page_link(answer: Answer, row: int) -> Markup:
    """Fill a cell with a parcellation's name, which leads from the study's page to its own."""
    name = answer.value("parcellation", row)
    link = Markup('<a href="{}">{}</a>')
    return link.format(link_between("", name), display_names.parcellation_name(name))


def shown(block: Block) -> Markup:
    """Write a table, or another part of a page, as HTML."""
    macro = environment().get_template("blocks.html.j2").module.show_block  # type: ignore[attr-defined]
    return Markup(macro(block))


def _without_empty_lines(html: str) -> str:
    return re.sub(r"\n\s*\n+", "\n", html).strip()


def figures_of(pictures: Sequence[Picture]) -> Markup:
    """Write pictures, one below the other."""
    return Markup("").join(map(shown, pictures))
