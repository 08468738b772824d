"""What changed in the brain: sentences and tables.

All numbers are asked for in SQL. Symptoms are in `symptom_sections`; how the tests are made stands
in `methods_text`.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Section,
    interval,
    number,
    paragraph,
    t_with_df,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, p_relation, p_value, signed
from ect_assets.report.pages.people import failing_pairs
from ect_assets.report.pages.words import parcellation_name
from ect_assets.report.questions import (
    CHANGE,
    CHANGE_BEYOND_CORTEX,
    PRIMARY,
    WITHIN_REACH,
    of_parcellation,
)
from ect_assets.study import Study

MOST_PARCELS = 20

_PARCELS = """SELECT parcel, coalesce(any_value(label), parcel) AS label, any_value(n) AS n,
  any_value(mean_pre_mm3) AS mean_pre_mm3, any_value(mean_post_mm3) AS mean_post_mm3,
  any_value(percent_change) AS percent_change, any_value(ci_low_mm3) AS ci_low_mm3,
  any_value(ci_high_mm3) AS ci_high_mm3, any_value(t) AS t, any_value(df) AS df,
  any_value(p) AS p, any_value(q) AS q, any_value(cohen_dz) AS cohen_dz
FROM (FROM gmv_change WHERE parcellation = '{parcellation}' AND %s)
  LEFT JOIN parcels USING (parcellation, parcel)
GROUP BY parcel ORDER BY p, parcel"""

PARCELS = f"{_PARCELS % PRIMARY} LIMIT {MOST_PARCELS}"
BEYOND_CORTEX = _PARCELS % f"NOT {PRIMARY}"


def change_sentences(facts: Facts, study: Study) -> Markup:
    """Say what changed in gray matter volume."""
    change = facts.ask(of_parcellation(CHANGE))
    if not change:
        return Markup(
            "No change was tested: too few participants have volumes of {} at both sessions."
        ).format(parcellation_name(facts.setting.parcellation))
    pairs = failing_pairs(facts, study)
    return _changed(facts, study, change) + (Markup(" {}").format(pairs) if pairs else "")


def _changed(facts: Facts, study: Study, change: Answer) -> Markup:
    """Count the parcels that changed, by sign."""
    adjusted = ", adjusted for intracranial volume" if study.group.adjusts_for_etiv else ""
    if not change.value("n_changed"):
        return Markup(
            "In none of {} parcels did gray matter volume differ between the sessions after "
            "correction for the false discovery rate (q < 0.05{}; n = {}).{}"
        ).format(
            change.show("n_parcels"), adjusted, change.show("n"), _within_reach_of_change(facts)
        )
    surest = facts.ask(PARCELS)
    return Markup(
        "Gray matter volume differed between the sessions in {} of {} parcels (q < 0.05{}; "
        "n = {}): larger at {} in {}, smaller in {}. The smallest p is that of {} ({} %, "
        "q {})."
    ).format(
        change.show("n_changed"),
        change.show("n_parcels"),
        adjusted,
        change.show("n"),
        facts.setting.sessions[1],
        change.show("n_grown"),
        change.show("n_shrunk"),
        surest.value("label"),
        surest.show("percent_change", signed(1)),
        surest.show("q", p_relation),
    )


def _within_reach_of_change(facts: Facts) -> Markup:
    """Say what change would have been found, where none was."""
    reach = facts.ask(of_parcellation(WITHIN_REACH))
    tests = [reach.value("test", row) for row in range(len(reach.rows))]
    if "parcel_change_bonferroni" not in tests:
        return Markup("")
    return Markup(
        " A change of d<sub>z</sub> = {} in a parcel would have been found with a power of 80 % "
        "after correction for all parcels; smaller ones are not ruled out."
    ).format(reach.show("smallest_effect", fixed(2), tests.index("parcel_change_bonferroni")))


def beyond_cortex_sentence(facts: Facts) -> Markup | None:
    """Say what changed outside the cortex, where it was measured."""
    found = facts.ask(of_parcellation(CHANGE_BEYOND_CORTEX))
    if not found:
        return None
    return Markup(" ").join(
        Markup(
            "Outside the cortex, in {}, {} of {} parcels changed (q < 0.05 over these alone; "
            "n = {}): larger at {} in {}, smaller in {}."
        ).format(
            found.value("structure", row),
            found.show("n_changed", row=row),
            found.show("n_parcels", row=row),
            found.show("n", row=row),
            facts.setting.sessions[1],
            found.show("n_grown", row=row),
            found.show("n_shrunk", row=row),
        )
        for row in range(len(found.rows))
    )


COLUMNS = (
    Column("parcel", text("label"), is_number=False),
    Column("before, mm³", number("mean_pre_mm3", fixed(0))),
    Column("after, mm³", number("mean_post_mm3", fixed(0))),
    Column("change, %", number("percent_change", signed(1))),
    Column("95 % interval, mm³", interval("ci_low_mm3", "ci_high_mm3", signed(0))),
    Column("t (df)", t_with_df),
    Column("p", number("p", p_value)),
    Column("q", number("q", p_value)),
    Column("dz", number("cohen_dz", signed(2))),
)


def change_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell the change of gray matter volume."""
    blocks: list[Block] = [paragraph("{}", change_sentences(facts, study))]
    parcels = facts.ask(PARCELS)
    if parcels:
        note = (
            f"The {len(parcels.rows)} parcels with the smallest p. The interval is that of the "
            "adjusted mean change; q corrects over all parcels of the same structure. dz is the "
            "mean change over its standard deviation, not adjusted."
        )
        title = "Table 2. Change of gray matter volume, parcel by parcel"
        blocks.append(table_of(parcels, title, list(COLUMNS), note))
    said = beyond_cortex_sentence(facts)
    if said is not None:
        title = "Change of the structures outside the cortex"
        note = "All of them. q corrects over the parcels of each structure, apart from the cortex."
        beyond = table_of(facts.ask(BEYOND_CORTEX), title, list(COLUMNS), note)
        blocks += [paragraph("{}", said), beyond]
    return Section("change", "Gray matter volume", [*blocks, *pictures])
