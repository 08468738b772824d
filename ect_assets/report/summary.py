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
from ect_assets.study import Study

LONGEST_LIST = 6


@dataclass(frozen=True)
class Section:
    """A titled table of text.

    Attributes
    ----------
    title : str
    columns : list of str
    rows : list of list of str
    note : str
        How to read it; may be empty.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def summarise(study: Study, lake: Lake) -> list[Section]:
    """Put the results that exist into sections, in the order of the walk.

    Parameters
    ----------
    study : Study
    lake : Lake

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


def probability(p: float | None) -> str:
    """Write a p or q value as papers do."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql).fetchall()


def _exclusions(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT subject, session, parcellation, reason, detail FROM exclusions
           WHERE NOT overruled ORDER BY subject, session, parcellation""",
    )
    return Section(
        "Left out",
        ["patient", "session", "parcellation", "reason", "what to do"],
        [[str(value) for value in row] for row in rows],
    )


def _overruled(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT subject, session, parcellation, reason, 'overruled by ' || overruled_by_file
           FROM exclusions WHERE overruled ORDER BY subject, session, parcellation""",
    )
    return Section(
        "Kept by a reviewer",
        ["patient", "session", "parcellation", "in spite of", "why"],
        [[str(value) for value in row] for row in rows],
    )


def _symptoms(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT instrument, n, mean_pre, sd_pre, mean_post, sd_post, t, df, p, cohen_dz
           FROM clinical_change ORDER BY instrument""",
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
    rows = _rows(
        connection,
        f"""SELECT parcellation, any_value(n), count(*), count(*) FILTER (q < 0.05),
              list(parcel || ' ' || printf('%+.1f%%', percent_change) ORDER BY t DESC)
                FILTER (t > 0)[:{LONGEST_LIST // 2}],
              list(parcel || ' ' || printf('%+.1f%%', percent_change) ORDER BY t)
                FILTER (t < 0)[:{LONGEST_LIST // 2}]
           FROM gmv_change GROUP BY parcellation ORDER BY parcellation""",
    )
    return Section(
        "What changed in the brain",
        ["parcellation", "patients", "parcels", "q < .05", "surest growth", "surest loss"],
        [
            [name, str(n), str(parcels), str(found), "\n".join(up or []), "\n".join(down or [])]
            for name, n, parcels, found, up, down in rows
        ],
        "Gray matter volume, adjusted for intracranial volume; false discovery rate over parcels.",
    )


def _brain_and_symptoms(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT parcellation, instrument, n, r, p_perm, r_cross_validated, p_cross_validated
           FROM symptom_pls ORDER BY parcellation, instrument""",
    )
    return Section(
        "Brain change and improvement, over patients",
        ["parcellation", "instrument", "patients", "fitted r", "p", "predicted r", "p"],
        [
            [atlas, name, str(n), f"{r:.2f}", probability(p), f"{cv:.2f}", probability(p_cv)]
            for atlas, name, n, r, p, cv, p_cv in rows
        ],
        "Fitted r is large by construction; predicted r is from patients left out of the fit.",
    )


def _genes(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT parcellation, r2_y,
              string_agg(null_model || ' ' || CASE WHEN p_spatial < 0.001 THEN '<0.001'
                ELSE printf('%.3f', p_spatial) END, ', ' ORDER BY null_model),
              string_agg(null_model || ' ' || coalesce(printf('%.0f%% (%.0f-%.0f)',
                100 * false_positive_rate_05, 100 * false_positive_ci_low_05,
                100 * false_positive_ci_high_05), '-'), ', ' ORDER BY null_model),
              plus, minus, spatial
           FROM pls_components
           JOIN (SELECT parcellation, count(*) FILTER (direction = 'PLS1+') AS plus,
                   count(*) FILTER (direction = 'PLS1-') AS minus,
                   count(*) FILTER (q_spatial < 0.05) AS spatial
                 FROM pls_genes WHERE component = 1 GROUP BY parcellation) USING (parcellation)
           WHERE component = 1 GROUP BY ALL ORDER BY parcellation""",
    )
    return Section(
        "Which genes follow the change",
        [
            "parcellation",
            "PLS1 explains",
            "p by null model",
            "false alarms at 5%",
            "PLS1+",
            "PLS1-",
            "spatial q < .05",
        ],
        [
            [name, f"{100 * r2:.1f} %", p, alarms, str(plus), str(minus), str(spatial)]
            for name, r2, p, alarms, plus, minus, spatial in rows
        ],
        "False alarms: how often that null model gives p <= 0.05 on noise as smooth as the map, "
        "with its 95 % interval. "
        "PLS1+ and PLS1- pass the bootstrap, which takes parcels as independent and overstates; "
        "the last column counts genes that pass the spatial null.",
    )


def _pathways(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        f"""SELECT parcellation, direction, set_name, namespace, n_overlap, n_set,
              fold_enrichment, q, q_spatial
           FROM go_enrichment WHERE q < 0.05
           QUALIFY row_number() OVER (PARTITION BY parcellation, direction ORDER BY p, set_id)
             <= {LONGEST_LIST}
           ORDER BY parcellation, direction, p, set_id""",
    )
    return Section(
        "What those genes do: Gene Ontology",
        ["parcellation", "genes", "term", "", "overlap", "fold", "q genes", "q spatial"],
        [
            [atlas, side, term, space, f"{k}/{m}", f"{fold:.1f}", probability(q), probability(qs)]
            for atlas, side, term, space, k, m, fold, q, qs in rows
        ],
        "The best terms of each list. q genes takes genes as independent and overstates; q spatial "
        "is against null maps. All terms: go_enrichment.",
    )


def _cell_types(connection: duckdb.DuckDBPyConnection, study: Study) -> Section:
    rows = _rows(
        connection,
        """SELECT parcellation, cell_type, n_set, nes, q_gene, q_spatial, n_in_pls_plus,
              n_in_pls_minus
           FROM cell_type_enrichment ORDER BY parcellation, nes DESC""",
    )
    return Section(
        "Cell types",
        ["parcellation", "cell type", "genes", "NES", "q genes", "q spatial", "PLS1+", "PLS1-"],
        [
            [a, name, str(n), f"{nes:+.2f}", probability(q), probability(qs), str(plus), str(minus)]
            for a, name, n, nes, q, qs, plus, minus in rows
        ],
        f"q genes permutes genes, as the field does, and overstates; q spatial is against "
        f"{study.nulls.primary} null maps.",
    )


WORDS = {
    "parcel_change": "change of one parcel",
    "parcel_change_bonferroni": "change of one parcel, corrected for all parcels",
    "symptom_correlation": "correlation with improvement",
    "pls_r2": "variance explained by PLS1",
}


def _within_reach(connection: duckdb.DuckDBPyConnection) -> Section:
    rows = _rows(
        connection,
        """SELECT parcellation, test, n, smallest_effect, effect_unit FROM detectable_effects
           ORDER BY parcellation, alpha, test""",
    )
    return Section(
        "What a study of this size can find",
        ["parcellation", "effect", "n", "smallest within reach"],
        [
            [atlas, WORDS.get(test, test), str(n), f"{unit} = {effect:.2f}"]
            for atlas, test, n, effect, unit in rows
        ],
        "With 80 % power at 5 %; for PLS1 the variance that just reaches p = 0.05.",
    )


KINDS = {
    "component": "components",
    "gene_list": "gene lists",
    "go_term": "Gene Ontology terms",
    "cell_type": "cell types",
}


def _claims(connection: duckdb.DuckDBPyConnection, study: Study) -> Section:
    rows = _rows(
        connection,
        """SELECT parcellation, kind, count(*) FILTER (q_published < 0.05), count(*) FILTER (holds)
           FROM findings GROUP BY ALL ORDER BY parcellation, kind""",
    )
    return Section(
        "What holds",
        ["parcellation", "claims", "the field would report", "hold in space too"],
        [[atlas, KINDS[kind], str(claimed), str(held)] for atlas, kind, claimed, held in rows],
        "A claim holds where both its published q and its q against "
        f"{study.nulls.primary} null maps are below 0.05. Each one: findings.",
    )
