"""The two kinds of page: one for each parcellation, and one for the whole study.

Which sections stand on a page and which exhibit goes where. What the sections say belongs in the
texts; when a page is made belongs in the assets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb
from markupsafe import Markup

from ect_assets.lake.documents import PAGE
from ect_assets.report.figures.exhibits import Exhibit, Setting, filled
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels
from ect_assets.report.pages.blocks import Block, Picture, Section
from ect_assets.report.pages.contrast_sections import question
from ect_assets.report.pages.display_names import parcellation_name
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.gene_sections import (
    SIMULATED_DONORS,
    donors_are_simulated,
)
from ect_assets.report.pages.methods_text import methods_section
from ect_assets.report.pages.page import Head, page_html, patients_html
from ect_assets.report.pages.page_paths import link_between
from ect_assets.report.pages.people import PEOPLE, participants_section
from ect_assets.report.pages.pictures import HTML, ReportFile, pictures_of
from ect_assets.report.pages.provenance import ReportProvenance, making_blocks
from ect_assets.report.pages.references import Citations
from ect_assets.report.pages.texts import FOR_WHOM
from ect_assets.report.pages.writing import figures_of, write_section
from ect_assets.study import Study

PLACES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "verdict": (("verdict_",), ()),
    "change": (
        ("figure_1_",),
        ("supplementary_figure_1_", "supplementary_figure_2_", "supplementary_figure_6_"),
    ),
    "symptoms": (("figure_2_",), ()),
    "contrasts": ((), ("supplementary_figure_7_", "supplementary_figure_8_")),
    "genes": (("figure_3_",), ()),
    "pathways": (("figure_4_",), ("supplementary_figure_4_",)),
    "cells": (("figure_5_",), ()),
    "quality": ((), ("supplementary_figure_3_",)),
    "calibration": ((), ("supplementary_figure_5_",)),
}
"""Beginnings of the names of the exhibits of each section, in their order: those that stand in it,
and those of the supplement to which it leads. What fits none has a section of its own."""


PATIENTS_PAGE = "patients.html"
RESULTS = (
    "change",
    "symptoms",
    "contrasts",
    "genes",
    "pathways",
    "cells",
    "holds",
    "reference_maps",
    "quality",
    "calibration",
    "reach",
)
"""Sections between the participants and the methods, each with a template of its name."""


def placed(pictures: Sequence[Picture]) -> dict[str, list[Picture]]:
    """Give each section its pictures.

    Returns
    -------
    dict of str to list of Picture
        By the section's anchor; under ``supplement`` those that sections lead to, under
        ``further`` what belongs to none.
    """
    starts = {name: _beginning(pictures, inside) for name, (inside, _) in PLACES.items()}
    supplement = [one for one in pictures if one.name.startswith("supplementary_figure_")]
    known = {one.name for some in starts.values() for one in some}
    known |= {one.name for one in supplement}
    starts["supplement"] = supplement
    starts["further"] = [one for one in pictures if one.name not in known]
    return starts


def _beginning(pictures: Sequence[Picture], starts: Sequence[str]) -> list[Picture]:
    return [one for start in starts for one in pictures if one.name.startswith(start)]


def _with_supplement(sections: list[Section], pictures: Sequence[Picture]) -> list[Section]:
    """Lead from each section to its figures of the supplement."""
    return [
        replace(one, see_also=_beginning(pictures, PLACES.get(one.anchor, ((), ()))[1]))
        for one in sections
    ]


def report_files(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    parcellation: str,
    surface: SurfaceParcels | None,
    exhibits: Sequence[Exhibit],
    provenance: ReportProvenance,
    caveats: Sequence[str] = (),
) -> list[ReportFile]:
    """Make the page of one parcellation, its figures, and the tables behind them.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Over the study's lake.
    surface : SurfaceParcels or None
        Where it has one.
    caveats : sequence of str
        What stands above everything.

    Returns
    -------
    list of ReportFile
        ``report.html`` first; the same bytes for the same input.
    """
    setting = setting_of(connection, study, parcellation, surface)
    facts, citations = Facts(connection, setting), Citations()
    pictures, files = pictures_of(exhibits, connection, setting)
    places: dict[str, list[Any]] = {**placed(pictures)}
    sections = [
        *_written("verdict", facts, study, picture=figures_of(places["verdict"])),
        participants_section(facts),
        *(one for name in RESULTS for one in _written(name, facts, study, places.get(name, ()))),
        methods_section(facts, study, provenance, citations),
        *_figures("supplement", "Supplementary figures", places["supplement"]),
        *_figures("further", "Further figures", places["further"]),
    ]
    sections = _with_supplement(sections, pictures)
    people = facts.ask(PEOPLE)
    baseline, follow_up = study.sessions.both
    name = parcellation_name(parcellation)
    counted = [
        Markup("n = {} of {}").format(people.show("n_analysed"), people.show("n_patients")),
        Markup("{} against {}").format(follow_up, baseline),
        Markup("study {}").format(study.name),
    ]
    html = _html(study, f"{name} parcels", counted, sections, facts, citations, caveats)
    by_patient = patients_html(Facts(connection, setting), study)
    return [
        ReportFile(PAGE, html, HTML, f"{study.title}: {name}"),
        ReportFile(PATIENTS_PAGE, by_patient, HTML, f"{study.title}: {name}, patient by patient"),
        *files,
    ]


def overview_files(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    exhibits: Sequence[Exhibit],
    provenance: ReportProvenance,
    caveats: Sequence[str] = (),
) -> list[ReportFile]:
    """Make the page of the whole study: all parcellations side by side.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Over the study's lake.
    caveats : sequence of str
        What stands above everything.

    Returns
    -------
    list of ReportFile
        ``report.html`` first; the same bytes for the same input.
    """
    setting = setting_of(connection, study, "")
    facts, citations = Facts(connection, setting), Citations()
    pictures, files = pictures_of(exhibits, connection, setting)
    (methods,) = _written("overview/methods", facts, study, cite=citations.name)
    methods.blocks.extend(making_blocks(study, provenance))
    sections = [
        *_written("overview/found", facts, study),
        *_written("overview/agreement", facts, study, pictures),
        *_written("quality", facts, study),
        methods,
    ]
    baseline, follow_up = study.sessions.both
    compared = [
        Markup("{} against {}").format(follow_up, baseline),
        Markup("study {}").format(study.name),
    ]
    html = _html(study, "All parcellations", compared, sections, facts, citations, caveats)
    return [ReportFile(PAGE, html, HTML, f"{study.title}: all parcellations"), *files]


def _html(
    study: Study,
    subtitle: str,
    said: list[Markup],
    sections: list[Section],
    facts: Facts,
    citations: Citations,
    caveats: Sequence[str],
) -> bytes:
    """Put the head above the sections of a page."""
    head = Head(
        study.title,
        subtitle,
        said,
        study.simulated,
        donors_are_simulated(facts, study),
        FOR_WHOM,
        _links(study, facts.setting.parcellation),
        caveats,
    )
    return page_html(head, sections, facts, citations)


LABELS = """SELECT parcel, any_value(label) FROM parcels
WHERE '{parcellation}' IN ('', parcellation) AND label IS NOT NULL GROUP BY parcel"""


def setting_of(
    connection: duckdb.DuckDBPyConnection,
    study: Study,
    parcellation: str,
    surface: SurfaceParcels | None = None,
) -> Setting:
    """Say what is drawn the same way all through a page; the whole study's has an empty name."""
    setting = Setting(
        parcellation,
        study.sessions.both,
        study.nulls.primary,
        study.simulated,
        surface,
        instruments={name: one.title for name, one in study.instruments.items()},
        contrasts={name: question(one) for name, one in study.contrasts.items()},
        gene_list_q=study.association.gene_list_q,
    )
    made = connection.execute(filled(SIMULATED_DONORS, setting)).fetchall()
    labels = dict(connection.execute(filled(LABELS, setting)).fetchall())
    return replace(setting, simulated_donors=any(simulated for _, simulated in made), labels=labels)


def _links(study: Study, here: str) -> list[tuple[str, str]]:
    """Link to the study's other pages; the whole study's is the empty name."""
    pages = ["", *study.parcellations]
    return [
        (parcellation_name(name) or "all parcellations", link_between(here, name))
        for name in pages
        if name != here
    ]


def _figures(anchor: str, title: str, pictures: list[Block]) -> list[Section]:
    return [Section(anchor, title, pictures)] if pictures else []


def _written(
    name: str, facts: Facts, study: Study, pictures: Sequence[Block] = (), **more: Any
) -> list[Section]:
    """Write a section by its template; no section where it has nothing to say."""
    section = write_section(name, facts, study, pictures, **more)
    return [] if section is None else [section]
