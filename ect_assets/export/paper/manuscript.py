"""The texts of a paper, as Pandoc's Markdown: templates filled from a study's tables.

What the sentences say stands in `templates/`, one file a section; here they get what they ask for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

from ect_assets.export.paper.markdown import Markdown, escaped
from ect_assets.export.paper.numbers import Numbers
from ect_assets.pipeline.preregistration import Planned
from ect_assets.report.pages.blocks import Picture, Points, Table, listing
from ect_assets.report.pages.contrast_sections import question
from ect_assets.report.pages.display_names import instrument_title, null_name, parcellation_name
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.gene_sections import donors_are_simulated, why_no_genes
from ect_assets.report.pages.methods_text import methods_section
from ect_assets.report.pages.people import participants_section
from ect_assets.report.pages.provenance import ReportProvenance
from ect_assets.report.pages.references import Citations
from ect_assets.study import Study

TEXTS = ("paper", "checklist")
"""Documents of a paper, each from the template of that name."""

SIMULATED = (
    "SIMULATED PARTICIPANTS: no person was measured. The numbers show that the software works; "
    "they allow no conclusion about any treatment."
)
ON_FIGURES = "SIMULATED PARTICIPANTS."
ON_GENES = "SIMULATED DONORS OF GENE EXPRESSION."
SIDES = {"L": "Left", "R": "Right", "both": "Both"}


@dataclass(frozen=True)
class Material:
    """What a paper is written from.

    Attributes
    ----------
    pictures : sequence of Picture
        Figures in their order, also those that could not be drawn.
    caveats : sequence of str
        What has to stand above everything.
    planned : Planned or None
        What was preregistered, where anything was.
    """

    study: Study
    facts: Facts
    numbers: Numbers
    citations: Citations
    provenance: ReportProvenance
    pictures: Sequence[Picture]
    caveats: Sequence[str]
    planned: Planned | None


def written_texts(material: Material) -> dict[str, str]:
    """Write the documents of a paper.

    Returns
    -------
    dict of str to str
        Markdown by the document's name.
    """
    environment = _environment(material)
    context = _context(material)
    return {
        name: environment.get_template(f"{name}.md").render(context).rstrip() + "\n"
        for name in TEXTS
    }


def _environment(material: Material) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ect_assets.export.paper"),
        finalize=escaped,
        undefined=jinja2.StrictUndefined,
        comment_start_string="<!--",
        comment_end_string="-->",
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= _names(material)
    return made


def _names(material: Material) -> dict[str, Callable[[str], str]]:
    """Give the filters that name things as a reader knows them."""
    return {
        "words": lambda name: name.replace("_", " "),
        "instrument": lambda name: instrument_title(material.study, name),
        "parcel": material.facts.setting.in_full,
        "null_model": null_name,
        "parcellation_name": parcellation_name,
    }


def _context(material: Material) -> dict[str, Any]:
    study, facts, numbers = material.study, material.facts, material.numbers
    baseline, follow_up = facts.setting.sessions
    why = why_no_genes(facts, study) or ""
    donors = "" if why else donors_are_simulated(facts, study)
    mark = ON_FIGURES if study.simulated else ""
    named = [f"{name} {version}" for name, version in material.provenance.software]
    title = f"{'SIMULATED: ' if study.simulated else ''}{study.title}"
    return {
        "ask": numbers.ask,
        "title": _in_head(title),
        "checklist_title": _in_head(f"{title}: reporting checklist"),
        "simulated": SIMULATED if study.simulated else "",
        "of_simulated": f" {mark}" if mark else "",
        "caveats": material.caveats,
        "parcellation": parcellation_name(facts.setting.parcellation),
        "baseline": baseline,
        "follow_up": follow_up,
        "methods": _methods(material),
        "table_1": _table_1(facts, numbers),
        "version": material.provenance.code_version,
        "software": str(listing(named)),
        "seed": study.seed,
        "planned": material.planned,
        "has_instruments": bool(study.instruments),
        "adjusts": study.group.adjusts_for_etiv,
        "adjusted": ", adjusted for intracranial volume" if study.group.adjusts_for_etiv else "",
        "covariates": covariates_in_words(study),
        "controls": bool(study.group.controls),
        "contrast_questions": {name: question(one) for name, one in study.contrasts.items()},
        "why_no_genes": why,
        "donors_simulated": donors,
        "gene_list_q": f"{study.association.gene_list_q:g}",
        "side": SIDES[study.association.hemisphere],
        "primary_null": null_name(study.nulls.primary),
        "source": study.morphometry.source,
        "figures": [_figure(one, mark, donors) for one in material.pictures if not one.absent],
        "absent": [one for one in material.pictures if one.absent],
    }


def covariates_in_words(study: Study) -> str:
    """Name the covariates of the change, and those that only contrasts have."""
    of_change = "mean intracranial volume" if study.group.adjusts_for_etiv else "none"
    shared = ", ".join(study.group.covariates)
    named = any(one.covariates for one in study.contrasts.values())
    if not study.contrasts or not (shared or named):
        return f"Change: {of_change}"
    own = "unless a contrast names its own" if shared else "where a contrast names them"
    return f"Change: {of_change}; contrasts also {shared or 'their own'} ({own})"


def _in_head(title: str) -> Markdown:
    """Write a title for the head of a document, which is YAML."""
    return Markdown(json.dumps(escaped(title), ensure_ascii=False))


def _methods(material: Material) -> list[tuple[str, Markdown]]:
    section = methods_section(
        material.facts, material.study, material.provenance, material.citations
    )
    return [
        (label, material.numbers.from_page(text))
        for block in section.blocks
        if isinstance(block, Points)
        for label, text in block.items
    ]


def _table_1(facts: Facts, numbers: Numbers) -> dict[str, Any] | None:
    """Take over Table 1 of the report; None where there is nobody."""
    for block in participants_section(facts).blocks:
        if isinstance(block, Table):
            return {
                "headings": [column.heading for column in block.columns],
                "rows": [[numbers.from_page(cell) for cell in row] for row in block.rows],
                "note": numbers.from_page(block.note),
            }
    return None


def _figure(picture: Picture, mark: str, donors: str) -> dict[str, str]:
    """Say what a template needs of a figure, with what is simulated behind it."""
    is_of_genes = "gene" in picture.caption.lower()
    marks = [mark, ON_GENES if donors and is_of_genes else ""]
    said = " ".join(one for one in (*marks, picture.caption) if one)
    return {
        "name": Markdown(picture.name),
        "number": picture.number,
        "title": picture.title,
        "caption": said,
    }
