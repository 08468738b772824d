"""What the tables of the bundled simulated study say of what was planted in it, fact by fact.

What is planted belongs in `planted`. Every number is read from the lake by SQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ect_assets.demo.planted import Planted
from ect_assets.demo.simulated import COMPLETE
from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.reference import loaders
from ect_assets.report.questions import probability
from ect_assets.report.summary import Section
from ect_assets.science.statistics.multiple_comparisons import LEVEL

COLUMNS = ["planted", "in the tables", "found"]
NOTE = (
    'patients, space, genes: p of the three questions. `ect sql "FROM findings WHERE kind = '
    "'cell_type'\"` shows which of them speaks against each. The donors of hcp_mmp are simulated, "
    "and follow the real expression loosely."
)
TROUBLE = (
    ("a second scan of another head size", "tiv_changed"),
    ("left before the second scan", "session_missing"),
)
CLAIMS = """
SELECT parcellation, name, holds AND direction = 'PLS1+', p_patients, p_spatial, p_genes
FROM findings WHERE kind = 'cell_type' ORDER BY parcellation, name
"""
OTHERS = """
SELECT parcellation, count(*) FILTER (q_published < 0.05), count(*) FILTER (holds)
FROM findings WHERE kind = 'cell_type' AND name IS DISTINCT FROM ?
GROUP BY parcellation ORDER BY parcellation
"""
GROWTH = """
SELECT parcel, percent_change, q FROM gmv_change
WHERE parcellation = 'desikan_killiany' AND parcel SIMILAR TO '[lr]h_(hippocampus|amygdala)'
ORDER BY parcel
"""
AGAINST_CONTROLS = """
SELECT parcel, t, p FROM contrast_maps
WHERE contrast = 'patients_against_controls' AND parcellation = 'desikan_killiany'
  AND measure = 'volume' AND parcel SIMILAR TO '[lr]h_(hippocampus|amygdala)'
ORDER BY parcel
"""
SYMPTOMS = "SELECT parcellation, r, p_perm FROM symptom_pls ORDER BY parcellation"
LEFT_OUT = """
SELECT subject, string_agg(DISTINCT reason, ', ' ORDER BY reason) FROM exclusions
WHERE reason <> 'control' AND NOT overruled GROUP BY subject ORDER BY subject
"""


@dataclass(frozen=True)
class Truth:
    """What was planted in a bundled study, and in how many patients without trouble."""

    planted: Planted
    n_patients: int

    @classmethod
    def of(cls, folder: Path) -> Truth:
        """Read it from the note of completion in the study's folder."""
        made_from = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))["made_from"]
        return cls(Planted(**made_from["planted"]), made_from["subjects"])


def recovered(lake: Lake, truth: Truth) -> Section:
    """Hold the tables against what was planted.

    Returns
    -------
    Section
        A row per fact, of those whose tables are there.
    """
    with connect(lake) as connection:
        rows = [
            *_cell_types(connection, truth),
            *_growth(connection),
            *_symptoms(connection),
            *_left_out(connection, truth),
        ]
    return Section("What was planted, and what was found", COLUMNS, rows, NOTE)


def _cell_types(connection: duckdb.DuckDBPyConnection, truth: Truth) -> Iterator[list[str]]:
    """Give the planted cell type, and what is said of the others, by parcellation."""
    planted = loaders.CELL_TYPE_NAMES.get(truth.planted.cell_type or "")
    for atlas, name, holds, *questions in _rows(connection, CLAIMS):
        if name == planted:
            asked = zip(("patients", "space", "genes"), questions, strict=True)
            said = ", ".join(f"{one} {probability(p)}" for one, p in asked)
            yield [f"{atlas}: genes of {name}", said, _found(holds)]
    for atlas, reported, claimed in connection.execute(OTHERS, [planted]).fetchall():
        said = f"published q < 0.05 for {reported}, claimed {claimed}"
        verdict = "right" if claimed == 0 else "wrong"
        yield [f"{atlas}: no other cell type", said, verdict]


def _growth(connection: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    for parcel, percent, q in _rows(connection, GROWTH):
        found = _found(percent > 0 and q <= LEVEL)
        yield [f"growth of {parcel}", f"{percent:+.1f} %, q {probability(q)}", found]
    for parcel, t, p in _rows(connection, AGAINST_CONTROLS):
        yield [
            f"more of it than in controls: {parcel}",
            f"p {probability(p)}",
            _found(t > 0 and p <= LEVEL),
        ]


def _symptoms(connection: duckdb.DuckDBPyConnection) -> Iterator[list[str]]:
    for atlas, r, p in _rows(connection, SYMPTOMS):
        said = f"r {r:.2f}, p {probability(p)}"
        yield [f"{atlas}: symptoms follow the change", said, _found(p <= LEVEL)]


def _left_out(connection: duckdb.DuckDBPyConnection, truth: Truth) -> Iterator[list[str]]:
    if not truth.planted.has_trouble:
        return
    reasons = dict(_rows(connection, LEFT_OUT))
    for number, (what, reason) in enumerate(TROUBLE, start=truth.n_patients + 1):
        subject = f"{number:03d}"
        said = reasons.get(subject, "not left out")
        yield [f"sub-{subject}: {what}", said, _found(reason in said)]


def _found(is_found: bool) -> str:
    return "found" if is_found else "missed"


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()
