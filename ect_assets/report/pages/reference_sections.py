"""How far the maps of change resemble the study's reference maps."""

from __future__ import annotations

from ect_assets.report.pages.blocks import Column, Section, number, paragraph, table_of, text
from ect_assets.report.pages.facts import Facts, p_value, signed
from ect_assets.study import Study

SHOWN_EACH = 10

COUNTED = """SELECT count(DISTINCT reference) AS n_references, count(*) AS n_pairs,
  count(*) FILTER (p_max < 0.05) AS n_found, any_value(n_nulls) AS n_nulls,
  any_value(null_model) AS null_model
FROM reference_correlations WHERE parcellation = '{parcellation}'"""
CLOSEST = f"""SELECT contrast, reference, n_parcels, r, p_spatial, p_max, q_spatial,
  coalesce(licence, 'not stated') AS licence
FROM reference_correlations WHERE parcellation = '{{parcellation}}'
QUALIFY row_number() OVER (
  PARTITION BY contrast ORDER BY p_max, p_spatial, reference) <= {SHOWN_EACH}
ORDER BY contrast <> 'gmv_change', contrast, p_max, p_spatial, reference"""
COLUMNS = (
    Column("map of t", text("contrast"), is_number=False),
    Column("reference", text("reference"), is_number=False),
    Column("parcels", number("n_parcels")),
    Column("r", number("r", signed(2))),
    Column("p, space", number("p_spatial", p_value)),
    Column("p, family-wise", number("p_max", p_value)),
    Column("q", number("q_spatial", p_value)),
    Column("licence of the map", text("licence"), is_number=False),
)
NOTE = (
    f"The {SHOWN_EACH} references of each map with the smallest family-wise p, which corrects over "
    "the references of one map and not over the maps. A resemblance in space says nothing of its "
    "cause, and patients are not asked here."
)


def reference_section(facts: Facts, study: Study) -> list[Section]:
    """Tell which reference maps the changes resemble; no section where the study has none."""
    if study.reference_maps.folder is None:
        return []
    counted = facts.ask(COUNTED)
    if not counted.value("n_pairs"):
        said = paragraph("{}", "No reference map could be compared: `ect status` says why.")
        return [Section("references", "Reference maps", [said])]
    said = paragraph(
        "{} of {} correlations with {} reference maps have a family-wise p below 0.05, against {} "
        "{} null maps of each map of t.",
        counted.show("n_found"),
        counted.show("n_pairs"),
        counted.show("n_references"),
        counted.show("n_nulls"),
        counted.value("null_model"),
    )
    table = table_of(facts.ask(CLOSEST), "Correlation with reference maps", list(COLUMNS), NOTE)
    return [Section("references", "Reference maps", [said, table])]
