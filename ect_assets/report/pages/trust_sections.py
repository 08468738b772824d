"""How far the tests can be trusted here, and what a study of this size can find.

Tables of `null_calibration`, `symptom_calibration` and `detectable_effects`. How they are measured
stands in `methods_text`.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Section,
    Table,
    interval,
    number,
    paragraph,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, percent
from ect_assets.report.pages.words import GENE_LIST, gene_list_test, null_name, test_name
from ect_assets.report.questions import EFFECTS, WITHIN_REACH, of_parcellation
from ect_assets.study import Study

NULLS = """SELECT statistic, null_model, smoothness_mm, n_maps, false_positive_rate_05,
  ci_low_05, ci_high_05
FROM null_calibration WHERE parcellation = '{parcellation}'
ORDER BY statistic, null_model, smoothness_mm"""
SYMPTOMS = """SELECT statistic, n_maps, false_positive_rate_05, ci_low_05, ci_high_05
FROM symptom_calibration WHERE parcellation = '{parcellation}' ORDER BY statistic"""


def calibration_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell how often each test rejects where there is nothing to find."""
    title = "Calibration of the tests"
    nulls, symptoms = facts.ask(NULLS), facts.ask(SYMPTOMS)
    if not nulls and not symptoms:
        why = (
            "The tests were not calibrated: there is no expression to test null maps with, and no "
            "instrument with enough participants."
        )
        return Section("calibration", title, [paragraph(why)])
    blocks: list[Block] = [
        paragraph(
            "Each test was applied to data without any effect. A calibrated test "
            "gives p ≤ 0.05 in 5 % of them; more means that its p values are too small. Lists of "
            "genes have their own threshold."
        )
    ]
    if nulls:
        blocks.append(_null_table(nulls, study.association.gene_list_q))
    if symptoms:
        columns = [
            Column("test", text("statistic", test_name), is_number=False),
            Column("tries", number("n_maps")),
            Column("p ≤ 0.05", number("false_positive_rate_05", percent(1))),
            Column("95 % interval", interval("ci_low_05", "ci_high_05", percent(1))),
        ]
        name = "Table 9. Tests of brain against symptoms, with improvement assigned at random"
        blocks.append(table_of(symptoms, name, columns))
    return Section("calibration", title, [*blocks, *pictures])


def _null_table(nulls: Answer, gene_list_q: float) -> Table:
    """Put the rates side by side, one column for each smoothness of the noise."""
    lengths = sorted({nulls.value("smoothness_mm", row) for row in range(len(nulls.rows))})
    place = {
        tuple(nulls.value(name, row) for name in ("statistic", "null_model", "smoothness_mm")): row
        for row in range(len(nulls.rows))
    }
    tests = list(dict.fromkeys(key[:2] for key in place))
    rows = [
        [
            escape(_name_of(statistic, gene_list_q)),
            escape(null_name(model)),
            *(_rate(nulls, place.get((statistic, model, length))) for length in lengths),
        ]
        for statistic, model in tests
    ]
    columns = [
        Column("test", text("statistic"), is_number=False),
        Column("null model", text("null_model"), is_number=False),
        *(Column(f"noise of {one:g} mm", number("false_positive_rate_05")) for one in lengths),
    ]
    note = Markup(
        "Share of noise maps with p ≤ 0.05 and its 95 % interval; {} maps of each smoothness. For "
        "genes and gene sets the mean share of genes or sets; for the bootstrap the share of maps "
        "with any gene at q < {}, which should be {} % or less, not 5 %."
    ).format(nulls.show("n_maps"), f"{gene_list_q:g}", f"{100 * gene_list_q:g}")
    title = Markup("Table 8. Spatial tests on maps of smooth noise")
    return Table(title, columns, rows, note)


def _name_of(statistic: str, gene_list_q: float) -> str:
    return gene_list_test(gene_list_q) if statistic == GENE_LIST else test_name(statistic)


def _rate(nulls: Answer, row: int | None) -> Markup:
    if row is None:
        return Markup("")
    return Markup("{} <span class='aside'>({} to {})</span>").format(
        nulls.show("false_positive_rate_05", percent(0), row),
        nulls.show("ci_low_05", percent(0), row),
        nulls.show("ci_high_05", percent(0), row),
    )


def reach_section(facts: Facts) -> Section:
    """Tell the smallest effects that a study of this size can find."""
    title = "What a study of this size can find"
    reach = facts.ask(of_parcellation(WITHIN_REACH))
    if not reach:
        return Section("reach", title, [paragraph("Nothing was tested, so no power is given.")])
    columns = [
        Column("effect", text("test", lambda name: EFFECTS.get(name, name)), is_number=False),
        Column("n", number("n")),
        Column("level", number("alpha", lambda alpha: f"{alpha:.2g}")),
        Column("smallest effect", number("smallest_effect", fixed(2))),
        Column("unit", text("effect_unit"), is_number=False),
        Column("half width of the 95 % interval", number("half_width_95", fixed(2))),
    ]
    note = (
        "With a power of 80 %, two-sided. For PLS1 it is the variance that just reaches p = 0.05 "
        "against the primary null model, and n counts parcels; its power is not known."
    )
    said = paragraph(
        "An effect smaller than these may exist and not be found; a test without a "
        "finding does not show that there is no effect."
    )
    table = table_of(reach, "Table 10. The smallest effects within reach", columns, note)
    return Section("reach", title, [said, table])
