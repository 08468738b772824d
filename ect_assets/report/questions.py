"""What is asked of the lake for the results, in SQL: the same for the terminal and for the page.

Each query answers for all parcellations at once; `of_parcellation` narrows it down to one. Parts
of queries that pages and figures share are here, too. How an answer is shown belongs in `summary`
(terminal) and `facts` (page).
"""

from __future__ import annotations

from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS

LONGEST_LIST = 6

EXCLUDED = """SELECT subject FROM exclusions
  WHERE NOT overruled AND stage <> 'clinical_scores' AND parcellation IN ('*', '{parcellation}')"""
"""Patients who are not in the analyses of a parcellation, by the rule of `cohort`."""

EXCLUDED_FROM_SCORES = """SELECT subject FROM exclusions
  WHERE NOT overruled AND stage = 'participants' AND parcellation = '*'"""
"""Patients whose scores are not compared, by the rule of `cohort`."""

LEFT_OUT = """SELECT subject, session, parcellation, reason, detail FROM exclusions
WHERE NOT overruled ORDER BY subject, session, parcellation, reason"""

KEPT = """SELECT subject, session, parcellation, reason, 'overruled by ' || overruled_by_file AS why
FROM exclusions WHERE overruled ORDER BY subject, session, parcellation, reason"""

PRIMARY = """(structure = 'cortex' OR parcellation NOT IN (
  SELECT parcellation FROM gmv_change WHERE structure = 'cortex'))"""
"""The parcels that the analyses of a parcellation are about, by the rule of `cohort`."""

SYMPTOMS = """SELECT instrument, n, mean_pre, sd_pre, mean_post, sd_post, t, df, p, cohen_dz
FROM clinical_change ORDER BY instrument"""

RESPONSES = """SELECT instrument, n, better, n_responded, n_remitted
FROM clinical_change ORDER BY instrument"""

_LABELLED = """gmv_change
  LEFT JOIN (SELECT parcellation, parcel, label FROM parcels) USING (parcellation, parcel)"""
_COUNTED = f"""any_value(n) AS n, count(*) AS n_parcels,
  count(*) FILTER (q < {LEVEL}) AS n_changed,
  list(coalesce(label, parcel) || ' ' || printf('%+.1f%%', percent_change) ORDER BY t DESC, parcel)
    FILTER (t > 0)[:{LONGEST_LIST // 2}] AS surest_growth,
  list(coalesce(label, parcel) || ' ' || printf('%+.1f%%', percent_change) ORDER BY t, parcel)
    FILTER (t < 0)[:{LONGEST_LIST // 2}] AS surest_loss,
  count(*) FILTER (q < {LEVEL} AND t > 0) AS n_grown,
  count(*) FILTER (q < {LEVEL} AND t < 0) AS n_shrunk"""

CHANGE = f"""SELECT parcellation, {_COUNTED}
FROM {_LABELLED} WHERE {PRIMARY} GROUP BY parcellation ORDER BY parcellation"""

CHANGE_BEYOND_CORTEX = f"""SELECT parcellation, structure, {_COUNTED}
FROM {_LABELLED} WHERE NOT {PRIMARY} GROUP BY parcellation, structure
ORDER BY parcellation, structure"""

BRAIN_AND_SYMPTOMS = """SELECT parcellation, instrument, n, p_perm, r_cross_validated,
  p_cross_validated, r, p_perm_r2
FROM symptom_pls ORDER BY parcellation, instrument"""

COMPONENT = """SELECT parcellation, null_model, r2_y, p_spatial, n_nulls, map_smoothness_mm,
  false_positive_rate_05, false_positive_ci_low_05, false_positive_ci_high_05,
  (SELECT min(n_maps) FROM null_calibration AS tried
   WHERE tried.parcellation = pls_components.parcellation
     AND tried.null_model = pls_components.null_model
     AND tried.statistic = 'r2_y_component_1') AS n_noise_maps
FROM pls_components WHERE component = 1 ORDER BY parcellation, null_model"""

GENE_LISTS = f"""SELECT parcellation, count(*) AS n_genes,
  count(*) FILTER (direction = '{DIRECTIONS[0]}') AS plus,
  count(*) FILTER (direction = '{DIRECTIONS[1]}') AS minus,
  count(*) FILTER (q_spatial < {LEVEL}) AS n_spatial,
  count(*) FILTER (q_spatial < {LEVEL} AND direction IS NOT NULL) AS n_listed_and_spatial,
  min(n_listed_low) FILTER (z > 0) AS plus_low, max(n_listed_high) FILTER (z > 0) AS plus_high,
  min(n_listed_low) FILTER (z <= 0) AS minus_low, max(n_listed_high) FILTER (z <= 0) AS minus_high
FROM pls_genes WHERE component = 1 GROUP BY parcellation ORDER BY parcellation"""

GENES = f"""SELECT parcellation, r2_y,
  string_agg(null_model || ' ' || CASE WHEN p_spatial < 0.001 THEN '<0.001'
    ELSE printf('%.3f', p_spatial) END, ', ' ORDER BY null_model) AS p_by_null,
  string_agg(null_model || ' ' || coalesce(printf('%.0f%% (%.0f-%.0f)',
    100 * false_positive_rate_05, 100 * false_positive_ci_low_05,
    100 * false_positive_ci_high_05), '-'), ', ' ORDER BY null_model) AS false_alarms,
  plus, minus, n_spatial
FROM ({COMPONENT}) JOIN ({GENE_LISTS}) USING (parcellation)
GROUP BY ALL ORDER BY parcellation"""

PATHWAYS = f"""SELECT parcellation, direction, set_name, namespace, n_overlap, n_set,
  fold_enrichment, q, q_spatial, p, set_id
FROM go_enrichment WHERE q < {LEVEL}
QUALIFY row_number() OVER (PARTITION BY parcellation, direction ORDER BY p, set_id)
  <= {LONGEST_LIST}
ORDER BY parcellation, direction, p, set_id"""

CELL_TYPES = """SELECT parcellation, cell_type, n_set, nes, q_gene, q_spatial, n_in_pls_plus,
  n_in_pls_minus
FROM cell_type_enrichment ORDER BY parcellation, nes DESC, cell_type"""

WITHIN_REACH = """SELECT parcellation, test, n, smallest_effect, effect_unit, alpha, power,
  half_width_95
FROM detectable_effects ORDER BY parcellation, alpha, test"""

CLAIMS = f"""SELECT parcellation, kind, count(*) FILTER (q_published < {LEVEL}) AS n_published,
  count(*) FILTER (holds) AS n_holding
FROM findings GROUP BY ALL ORDER BY parcellation, kind"""

HELD_EVERYWHERE = """SELECT kind, name, direction, count(*) AS n_parcellations
FROM findings WHERE holds GROUP BY ALL
HAVING count(*) = (SELECT count(DISTINCT parcellation) FROM findings)
ORDER BY kind, name, direction"""

EFFECTS = {
    "parcel_change": "change of one parcel",
    "parcel_change_bonferroni": "change of one parcel, corrected for all parcels",
    "symptom_correlation": "correlation with improvement",
    "pls_r2": "variance explained by PLS1",
}
KINDS = {
    "component": "components",
    "gene_list": "gene lists",
    "go_term": "Gene Ontology terms",
    "cell_type": "cell types",
}


def of_parcellation(sql: str) -> str:
    """Narrow a query down to one parcellation.

    Parameters
    ----------
    sql : str
        One of this module's, with a column ``parcellation``.

    Returns
    -------
    str
        With ``{parcellation}`` for the name; the order of the rows is that of the query.
    """
    rows, order = sql.rsplit("ORDER BY", 1)
    return f"FROM ({rows.rstrip()})\nWHERE parcellation = '{{parcellation}}' ORDER BY{order}"


def probability(p: float | None) -> str:
    """Write a p or q value as papers do."""
    if p is None:
        return "-"
    return "<0.001" if p < 0.001 else f"{p:.3f}"
