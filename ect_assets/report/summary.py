"""The study's results in a few short tables, as they are read in a terminal.

Every number is read from the lake by SQL; nothing is computed here. Figures and the HTML report
are not in this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.report import questions
from ect_assets.report.questions import probability
from ect_assets.study import Study

ASSOCIATION = ("p, covariance", "predicted r", "p, prediction", "fitted r", "p, r2")


@dataclass(frozen=True)
class Section:
    """A titled table of text.

    Attributes
    ----------
    note : str
        How to read it; may be empty.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def summarise(study: Study, lake: Lake) -> list[Section]:
    """Put the results that exist into sections, in pipeline order.

    Returns
    -------
    list of Section
        Sections without rows are left out.
    """
    with connect(lake) as connection:
        sections = [
            _exclusions(connection),
            _overruled(connection),
            _symptoms(connection),
            _brain(connection),
            _brain_and_symptoms(connection),
            _genes(connection),
            _pathways(connection),
            _cell_types(connection, study),
            _claims(connection, study),
            _within_reach(connection),
        ]
    return [part for section in sections if section.rows for part in _by_parcellation(section)]


def _by_parcellation(section: Section) -> list[Section]:
    """Give each parcellation a table of its own where a section has many rows of each."""
    if section.columns[0] != "parcellation" or len(section.rows) <= 4:
        return [section]
    names = dict.fromkeys(row[0] for row in section.rows)
    return [
        Section(
            f"{section.title} ({name})",
            section.columns[1:],
            [row[1:] for row in section.rows if row[0] == name],
            section.note,
        )
        for name in names
    ]


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _exclusions(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.LEFT_OUT,
    )
    return Section(
        "Left out",
        ["patient", "session", "parcellation", "reason", "what to do"],
        [[str(value) for value in row] for row in rows],
    )


def _overruled(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.KEPT,
    )
    return Section(
        "Kept by a reviewer",
        ["patient", "session", "parcellation", "despite", "why"],
        [[str(value) for value in row] for row in rows],
    )


def _symptoms(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.SYMPTOMS,
    )
    return Section(
        "Symptoms",
        ["instrument", "patients", "before (SD)", "after (SD)", "paired t", "p", "d_z"],
        [
            [
                name,
                str(n),
                f"{pre:.1f} ({sd_pre:.1f})",
                f"{post:.1f} ({sd_post:.1f})",
                f"t({df}) = {t:.2f}",
                probability(p),
                f"{dz:.2f}",
            ]
            for name, n, pre, sd_pre, post, sd_post, t, df, p, dz in rows
        ],
    )


def _brain(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(connection, questions.CHANGE)
    rows += [
        (f"{name}, {structure}", *counted)
        for name, structure, *counted in _rows(connection, questions.CHANGE_BEYOND_CORTEX)
    ]
    return Section(
        "What changed in the brain",
        ["parcellation", "patients", "parcels", "q < .05", "strongest growth", "strongest loss"],
        [
            [name, str(n), str(parcels), str(found), "\n".join(up or []), "\n".join(down or [])]
            for name, n, parcels, found, up, down, *_ in rows
        ],
        "Gray matter volume, adjusted for intracranial volume; false discovery rate over the "
        "parcels of each structure.",
    )


def _brain_and_symptoms(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.BRAIN_AND_SYMPTOMS,
    )
    return Section(
        "Brain change and improvement, over patients",
        ["parcellation", "instrument", "patients", *ASSOCIATION],
        [
            [
                atlas,
                name,
                str(n),
                probability(p),
                f"{cv:.2f}",
                probability(p_cv),
                f"{r:.2f}",
                probability(p_r2),
            ]
            for atlas, name, n, p, cv, p_cv, r, p_r2 in rows
        ],
        "Predicted r is from patients left out of the fit. Fitted r is large by construction, "
        "which its own p, of r2, takes into account.",
    )


def _genes(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.GENES,
    )
    return Section(
        "Which genes follow the change",
        [
            "parcellation",
            "PLS1 explains",
            "p by null model",
            "false positives at 5%",
            "PLS1+",
            "PLS1-",
            "spatial q < .05",
        ],
        [
            [name, f"{100 * r2:.1f} %", p, alarms, str(plus), str(minus), str(spatial)]
            for name, r2, p, alarms, plus, minus, spatial in rows
        ],
        "False positives: how often that null model gives p ≤ 0.05 on noise as smooth as the map, "
        "with its 95 % interval. "
        "PLS1+ and PLS1- pass the bootstrap, which treats parcels as independent and overstates; "
        "the last column counts genes that pass the spatial null.",
    )


def _pathways(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.PATHWAYS,
    )
    return Section(
        "Gene Ontology terms of those genes",
        ["parcellation", "genes", "term", "", "overlap", "fold", "q genes", "q spatial"],
        [
            [atlas, side, term, space, f"{k}/{m}", f"{fold:.1f}", probability(q), probability(qs)]
            for atlas, side, term, space, k, m, fold, q, qs, *_ in rows
        ],
        "The best terms of each list. q genes treats genes as independent, overstates; q spatial "
        "is against null maps. All terms: go_enrichment.",
    )


def _cell_types(connection: duckdb.DuckDBPyConnection, study: Study) -> Section:
    rows = _rows(
        connection,
        questions.CELL_TYPES,
    )
    return Section(
        "Cell types",
        ["parcellation", "cell type", "genes", "NES", "q genes", "q spatial", "PLS1+", "PLS1-"],
        [
            [a, name, str(n), f"{nes:+.2f}", probability(q), probability(qs), str(plus), str(minus)]
            for a, name, n, nes, q, qs, plus, minus in rows
        ],
        f"q genes permutes genes, as is usual, and overstates; q spatial is against "
        f"{study.nulls.primary} null maps.",
    )


def _within_reach(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        questions.WITHIN_REACH,
    )
    return Section(
        "What a study of this size can find",
        ["parcellation", "effect", "n", "smallest within reach"],
        [
            [atlas, questions.EFFECTS.get(test, test), str(n), f"{unit} = {effect:.2f}"]
            for atlas, test, n, effect, unit, *_ in rows
        ],
        "With 80 % power at 5 %; for PLS1 the variance that just reaches p = 0.05.",
    )


def _claims(connection: duckdb.DuckDBPyConnection, study: Study) -> Section:
    rows = _rows(
        connection,
        questions.CLAIMS,
    )
    return Section(
        "What holds",
        ["parcellation", "claims", "the field would report", "hold"],
        [
            [atlas, questions.KINDS[kind], str(claimed), str(held)]
            for atlas, kind, claimed, held in rows
        ],
        "A claim holds where patients, space "
        f"({study.nulls.primary} null maps) and, of sets, co-expressed genes speak for it: the "
        "largest p below 0.05 after false discovery rate, same direction. Each one: findings.",
    )
