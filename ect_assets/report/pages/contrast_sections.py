"""The contrasts that a study names: what each asks, and what it found.

All numbers are asked for in SQL. How the models are fitted stands in `methods_text`.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import (
    Block,
    Column,
    Points,
    Section,
    interval,
    number,
    paragraph,
    t_with_df,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, p_relation, p_value, signed
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Contrast, Study

PARCELS_EACH = 5

CONTRASTS = f"""SELECT contrast, any_value(unit) AS unit, max(n) AS n, count(*) AS n_parcels,
  count(*) FILTER (q < {LEVEL}) AS n_found, arg_min(parcel, p) AS surest,
  arg_min(effect, p) AS effect, arg_min(t, p) AS t, min(p) AS p, arg_min(q, p) AS q
FROM contrast_maps WHERE parcellation = '{{parcellation}}'
GROUP BY contrast ORDER BY contrast"""
SUREST = f"""SELECT contrast, parcel, structure, unit, effect, ci_low, ci_high, t, df, p, q,
  partial_d
FROM contrast_maps WHERE parcellation = '{{parcellation}}'
QUALIFY row_number() OVER (PARTITION BY contrast ORDER BY p, parcel) <= {PARCELS_EACH}
ORDER BY contrast, p, parcel"""

COLUMNS = (
    Column("contrast", text("contrast"), is_number=False),
    Column("parcel", text("parcel"), is_number=False),
    Column("effect", number("effect", signed(1))),
    Column("95 % interval", interval("ci_low", "ci_high", signed(1))),
    Column("unit", text("unit"), is_number=False),
    Column("t (df)", t_with_df),
    Column("p", number("p", p_value)),
    Column("q", number("q", p_value)),
    Column("partial d", number("partial_d", signed(2))),
)


def contrast_section(facts: Facts, study: Study, pictures: list[Block]) -> list[Section]:
    """Tell what the contrasts of the study found; no section where it has none."""
    if not study.contrasts:
        return []
    found = facts.ask(CONTRASTS)
    if not found:
        said = paragraph("{}", "No contrast could be estimated: `ect status` says why.")
        return [Section("contrasts", "Contrasts", [said])]
    rows = range(len(found.rows))
    points = Points(
        [
            (
                str(found.value("contrast", row)),
                _sentence(facts, study, found, row),
            )
            for row in rows
        ]
    )
    note = (
        f"The {PARCELS_EACH} parcels of each contrast with the smallest p. q corrects over the "
        "parcels of the same structure, and not over the contrasts: who names many finds some by "
        "chance. Partial d is the effect over the residual standard deviation, of a slope per "
        "standard deviation of its term."
    )
    table = table_of(
        facts.ask(SUREST), "Contrasts, the surest parcels of each", list(COLUMNS), note
    )
    return [Section("contrasts", "Contrasts", [points, table, *pictures])]


def _sentence(facts: Facts, study: Study, found: Answer, row: int) -> Markup:
    contrast = study.contrasts.get(str(found.value("contrast", row)))
    asked = Markup("") if contrast is None else Markup("{}. ").format(question(contrast))
    return asked + Markup(
        "{} of {} parcels with q < 0.05 (n = {}). The smallest p is that of {}: t = {}, q {}."
    ).format(
        found.show("n_found", row=row),
        found.show("n_parcels", row=row),
        found.show("n", row=row),
        facts.setting.in_full(str(found.value("surest", row))),
        found.show("t", fixed(2), row),
        found.show("q", p_relation, row),
    )


def question(contrast: Contrast) -> str:
    """Write what a contrast asks: its title, or what its settings say."""
    if contrast.title:
        return contrast.title.rstrip(".")
    first, second = contrast.groups or ("", "")
    groups = f"{contrast.by} {first} minus {second}"
    said = {
        "change": "Mean change",
        "difference": f"Difference of change, {groups}",
        "slope": f"Slope of change on {contrast.on}",
        "interaction": f"Difference of the slope of change on {contrast.on}, {groups}",
        "baseline": f"Before treatment, {f'slope on {contrast.on}' if contrast.on else groups}",
    }[contrast.kind]
    among = " and ".join(f"{name} {' or '.join(one)}" for name, one in contrast.only.items())
    return f"{said}, among {among}" if among else said
