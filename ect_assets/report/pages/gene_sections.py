"""Which genes follow the change: how far expression explains the map, and the lists of genes.

Sentences and tables; all numbers are asked for in SQL. Whatever takes parcels as independent is
said together with what does not. Sets of genes are in `enrichment_sections`.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Section,
    listing,
    number,
    paragraph,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, p_relation, p_value, percent
from ect_assets.report.pages.words import null_name, parcellation_name
from ect_assets.report.questions import COMPONENT, GENE_LISTS, of_parcellation
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study

VERDICT = """SELECT q_patients, q_spatial, holds FROM findings
WHERE parcellation = '{parcellation}' AND kind = 'component' AND name = 'PLS1'"""
SIMULATED_DONORS = """SELECT parcellation, simulated FROM expression_methods
WHERE '{parcellation}' IN ('', parcellation) ORDER BY parcellation"""
NOISE_LISTS = """SELECT min(false_positive_rate_05) AS least, max(false_positive_rate_05) AS most
FROM null_calibration
WHERE parcellation = '{parcellation}' AND statistic = 'gene_list_bootstrap'"""


def why_no_genes(facts: Facts, study: Study) -> str | None:
    """Say why there is no comparison with gene expression; None where there is one."""
    if facts.ask(of_parcellation(COMPONENT)):
        return None
    name = facts.setting.parcellation
    settings = study.parcellations.get(name)
    if settings is not None and settings.expression == "none":
        return (
            f'study.toml gives {parcellation_name(name)} no gene expression (expression = "none"), '
            "so the map of change was not compared with genes, pathways or cell types."
        )
    return "The map of change has not been compared with gene expression: it was not computed."


def donors_are_simulated(facts: Facts, study: Study) -> str:
    """Say that gene expression is that of simulated donors, where it is.

    Returns
    -------
    str
        Empty where all donors are real. On the page of the whole study the parcellations are
        named, unless it holds for all.
    """
    made = facts.ask(SIMULATED_DONORS)
    names = [parcellation_name(name) for name, simulated in made.rows if simulated]
    if not names:
        return ""
    of_whom = "" if len(names) == len(made.rows) else f" in {' and '.join(names)}"
    return (
        f"The donors of gene expression{of_whom} are simulated{' too' if study.simulated else ''}: "
        f"genes, pathways and cell types below{of_whom} are not findings."
    )


def component_sentences(facts: Facts) -> Markup:
    """Say how much of the map gene expression explains, by each null model, and the verdict."""
    component = facts.ask(of_parcellation(COMPONENT))
    names = [component.value("null_model", row) for row in range(len(component.rows))]
    primary = names.index(facts.setting.null_model) if facts.setting.null_model in names else 0
    surprising = _is_surprising(component, primary)
    said = Markup(
        "The first component of gene expression (PLS1) explains {} of the variance of the map of "
        "change, {} what maps of the same spatial autocorrelation reach by {} (p {}, {} null "
        "maps){}."
    ).format(
        component.show("r2_y", percent(1), primary),
        "more than" if surprising else "which is not more than",
        null_name(names[primary]),
        component.show("p_spatial", p_relation, primary),
        component.show("n_nulls", row=primary),
        _by_other_nulls(component, names, primary),
    )
    return said + _verdict(facts) + _how_calibrated(component, primary)


def _is_surprising(component: Answer, row: int) -> bool:
    return bool(component.value("p_spatial", row) < LEVEL)


def _by_other_nulls(component: Answer, names: list[str], primary: int) -> Markup:
    """Go on with the other null models: first those that agree with the primary one."""
    surprising = _is_surprising(component, primary)
    said = Markup("")
    for agrees in (True, False):
        models = [
            Markup("{} (p {})").format(
                null_name(name), component.show("p_spatial", p_relation, row)
            )
            for row, name in enumerate(names)
            if row != primary and (_is_surprising(component, row) == surprising) == agrees
        ]
        joined = {
            (True, True): " and by {}",
            (True, False): " but not by {}",
            (False, True): ", nor by {}",
            (False, False): ", though it is by {}",
        }[surprising, agrees]
        said += Markup(joined).format(listing(models)) if models else Markup("")
    return said


def _verdict(facts: Facts) -> Markup:
    """Repeat the verdict of findings, which asks patients and the primary null model."""
    claim = facts.ask(VERDICT)
    if not claim:
        return Markup("")
    return Markup(
        " As a claim, corrected over the components, it {} (over patients q {}, spatial q {})."
    ).format(
        "holds" if claim.value("holds") else "does not hold",
        claim.show("q_patients", p_relation),
        claim.show("q_spatial", p_relation),
    )


def _how_calibrated(component: Answer, row: int) -> Markup:
    low = component.value("false_positive_ci_low_05", row)
    if low is None:
        return Markup("")
    high = component.value("false_positive_ci_high_05", row)
    return Markup(
        " On noise as smooth as the map {} gives p ≤ 0.05 in {} of cases (95 % interval {} to {})"
        "{}."
    ).format(
        null_name(component.value("null_model", row)),
        component.show("false_positive_rate_05", percent(0), row),
        component.show("false_positive_ci_low_05", percent(0), row),
        component.show("false_positive_ci_high_05", percent(0), row),
        _beside_five_percent(component, row, low, high),
    )


def _beside_five_percent(component: Answer, row: int, low: float, high: float) -> Markup:
    """Judge a rate of false alarms by its interval."""
    if low > LEVEL:
        return Markup(": it rejects too often here, so its p should be read as too small")
    if high < LEVEL:
        return Markup(": it rejects too seldom here, so its p should be read as too large")
    if component.value("n_noise_maps", row) is None:
        return Markup(", which is not distinguishable from 5 %")
    return Markup(", which {} noise maps of each smoothness cannot distinguish from 5 %").format(
        component.show("n_noise_maps", row=row)
    )


SHOWN_OF_LISTS = (
    "plus",
    "minus",
    "n_genes",
    "plus_low",
    "plus_high",
    "minus_low",
    "minus_high",
    "n_listed_and_spatial",
)


def list_sentences(facts: Facts, study: Study) -> Markup:
    """Say how many genes are listed, and how many of them stand the spatial test."""
    lists = facts.ask(of_parcellation(GENE_LISTS))
    if not lists:
        return Markup("No weights of genes were computed.")
    level = study.association.gene_list_q
    said = Markup(
        "By the bootstrap over parcels (q < {}) {} genes are listed as PLS1+, expressed more where "
        "gray matter grew (relative to where it shrank), and {} as PLS1−, the reverse, of {} (with "
        "another seed: {} to {} and {} to {}, 95 %); {} of those listed are also spatially "
        "associated with the map (q < 0.05)."
    ).format(
        f"{level:g}",
        *(lists.show(name) for name in SHOWN_OF_LISTS),
    )
    noise = facts.ask(NOISE_LISTS)
    if noise.value("most") is None:
        return said
    return said + Markup(
        " The bootstrap treats parcels as independent: of maps of pure smooth noise, {} to {} "
        "have a gene listed by it, where {} % or less should."
    ).format(noise.show("least", percent(0)), noise.show("most", percent(0)), f"{100 * level:g}")


def gene_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell how the map of change goes with gene expression."""
    why = why_no_genes(facts, study)
    if why:
        return Section("genes", "Gene expression", [paragraph("{}", why)])
    component = facts.ask(of_parcellation(COMPONENT))
    warned: list[Block] = []
    simulated = donors_are_simulated(facts, study)
    if simulated:
        warned = [paragraph("{}", simulated)]
    columns = [
        Column("null model", text("null_model", null_name), is_number=False),
        Column("variance explained", number("r2_y", percent(1))),
        Column("p", number("p_spatial", p_value)),
        Column("null maps", number("n_nulls")),
        Column("false positives at 5 %", number("false_positive_rate_05", percent(0))),
        Column(
            "95 % interval",
            lambda answer, row: Markup("{} to {}").format(
                answer.show("false_positive_ci_low_05", percent(0), row),
                answer.show("false_positive_ci_high_05", percent(0), row),
            ),
        ),
    ]
    note = (
        "False positives: how often the null model gives p ≤ 0.05 on noise as smooth as the map of "
        "change, for this parcellation and expression. The map's smoothness is estimated from a "
        "single map, and uncertain."
    )
    table = table_of(component, "Table 4. PLS1 against each spatial null model", columns, note)
    lists = paragraph("{}", list_sentences(facts, study))
    blocks: list[Block] = [paragraph("{}", component_sentences(facts)), table, lists]
    return Section("genes", "Gene expression", [*warned, *blocks, *pictures])
