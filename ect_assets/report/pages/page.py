"""Puts a page together: sections, references and the SQL behind the numbers, as one HTML file.

The page asks nothing of any network and needs no script; the few lines of script that it has copy
a command and unfold the query that a number leads to. What the sections say belongs in the texts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ect_assets.report.pages.bibtex import bibtex
from ect_assets.report.pages.blocks import Section
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.references import Citations
from ect_assets.report.pages.writing import WORDS, environment, words_of
from ect_assets.study import Study

ROWS_OF_ANSWER = 8
_NONE = "'none'"


@dataclass(frozen=True)
class Head:
    """What stands above the first section.

    Attributes
    ----------
    title : str
        Of the study.
    subtitle : str
        What this page is about.
    facts : list of Markup
        Short facts, such as n.
    simulated : bool
        Whether a banner says so of the participants.
    simulated_donors : str
        What the banner says of the donors of gene expression; empty where they are real.
    notice : str
        For whom the page is.
    links : list of (str, str)
        Other pages of the study, and where they lie.
    caveats : sequence of str
        What a reader has to know first; stands above everything.
    """

    title: str
    subtitle: str
    facts: list[Markup]
    simulated: bool
    simulated_donors: str
    notice: str
    links: Sequence[tuple[str, str]] = ()
    caveats: Sequence[str] = ()


def _source(name: str) -> str:
    """Read a template as it is."""
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0].strip()


def _digest(text: str) -> str:
    """Name a script or a style sheet by its content, as a security policy does."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "'sha256-" + base64.b64encode(digest).decode("ascii") + "'"


def _policy(*allowed: str) -> str:
    """Write the security policy that lets a page's own style and scripts run, and nothing else."""
    style, *scripts = map(_digest, allowed)
    return (
        f"default-src 'none'; img-src data:; style-src {style}; "
        f"script-src {' '.join(scripts) or _NONE}; base-uri 'none'; form-action 'none'"
    )


def patients_html(facts: Facts, study: Study) -> bytes:
    """Write the page of the quality of each patient's scans, beside the page of a parcellation."""
    style = _source("style.css")
    page = environment().get_template("patients.html.j2")
    said = WORDS | words_of(facts, study)
    html = page.render(said, style=Markup(style), policy=_policy(style))
    return html.encode("utf-8")


def page_html(head: Head, sections: Sequence[Section], facts: Facts, citations: Citations) -> bytes:
    """Write a page.

    Parameters
    ----------
    facts : Facts
        All that was asked of it is listed at the end.
    citations : Citations
        All that was cited is listed before that.

    Returns
    -------
    bytes
        HTML, the same for the same input.
    """
    style, script = _source("style.css"), _source("copy.js")
    page = (
        environment()
        .get_template("page.html.j2")
        .render(
            head=head,
            sections=sections,
            answers=facts.answers,
            references=citations.listed,
            bibtex=bibtex(citations.listed),
            policy=_policy(style, script),
            style=Markup(style),
            script=Markup(script),
            rows_of_answer=ROWS_OF_ANSWER,
        )
    )
    return page.encode("utf-8")
