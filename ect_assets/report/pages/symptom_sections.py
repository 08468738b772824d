"""How symptoms changed, and how that goes with the change of the brain: sentences and tables.

All numbers are asked for in SQL. How the tests are made stands in `methods_text`.
"""

from __future__ import annotations

from markupsafe import Markup
from scipy import stats

from ect_assets.report.pages.blocks import (
    Block,
    Cell,
    Column,
    Section,
    Table,
    interval,
    listing,
    number,
    paragraph,
    spread,
    t_with_df,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, p_relation, p_value, signed
from ect_assets.report.pages.words import instrument_title
from ect_assets.report.questions import (
    BRAIN_AND_SYMPTOMS,
    RESPONSES,
    SYMPTOMS,
    of_parcellation,
)
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study


def _mean_changes(facts: Facts) -> Answer:
    """Ask for the mean change of each instrument with its 95 % interval, in the order of SYMPTOMS.

    The interval is mean change +- Student's t x standard error, and the error the mean over t. SQL
    has no quantile of Student's t, so it stands in the query as a number.
    """
    scores = facts.ask(SYMPTOMS)
    freedom = sorted({scores.value("df", row) for row in range(len(scores.rows))})
    quantiles = " ".join(f"WHEN {df} THEN {stats.t.ppf(1 - LEVEL / 2, df):.10g}" for df in freedom)
    return facts.ask(
        f"""SELECT instrument, mean_change, mean_change - half_width AS ci_low,
  mean_change + half_width AS ci_high
FROM (SELECT *, abs(mean_change / nullif(t, 0)) * CASE df {quantiles} END AS half_width
  FROM clinical_change)
ORDER BY instrument"""
    )


def _mean_change(changes: Answer, row: int) -> Markup:
    return Markup("mean change {} (95 % interval {} to {})").format(
        changes.show("mean_change", signed(1), row),
        changes.show("ci_low", signed(1), row),
        changes.show("ci_high", signed(1), row),
    )


def _responded(facts: Facts, row: int) -> Markup:
    """Count who responded and who is in remission, where the instrument has thresholds."""
    found = facts.ask(RESPONSES)
    said = Markup("")
    if found.value("n_responded", row) is not None:
        said += Markup("; {} of {} responded").format(
            found.show("n_responded", row=row), found.show("n", row=row)
        )
    if found.value("n_remitted", row) is not None:
        said += Markup("; {} of {} were in remission").format(
            found.show("n_remitted", row=row), found.show("n", row=row)
        )
    return said


def _which_is_better(facts: Facts, study: Study) -> Markup:
    """Say which way the scores get better."""
    found = facts.ask(RESPONSES)
    titles: dict[str, list[str]] = {}
    for row in range(len(found.rows)):
        title = instrument_title(study, found.value("instrument", row))
        titles.setdefault(found.value("better", row), []).append(title)
    if len(titles) == 1:
        return Markup("{} scores are better").format(next(iter(titles)).capitalize())
    return Markup("Higher scores are better on {}, lower ones on {}").format(
        listing(titles.get("higher", [])), listing(titles.get("lower", []))
    )


def symptom_sentences(facts: Facts, study: Study) -> Markup:
    """Say how the scores changed, instrument by instrument."""
    scores = facts.ask(SYMPTOMS)
    if not scores:
        return Markup(_no_scores(study))
    baseline, follow_up = facts.setting.sessions
    changes = _mean_changes(facts)
    parts = [
        Markup(
            "{}: mean {} (SD {}) at {}, {} ({}) at {}; {}; t({}) = {}, p {}, d<sub>z</sub> = {}, "
            "n = {}{}"
        ).format(
            instrument_title(study, scores.value("instrument", row)),
            scores.show("mean_pre", fixed(1), row),
            scores.show("sd_pre", fixed(1), row),
            baseline,
            scores.show("mean_post", fixed(1), row),
            scores.show("sd_post", fixed(1), row),
            follow_up,
            _mean_change(changes, row),
            scores.show("df", row=row),
            scores.show("t", fixed(2), row),
            scores.show("p", p_relation, row),
            scores.show("cohen_dz", fixed(2), row),
            scores.show("n", row=row),
            _responded(facts, row),
        )
        for row in range(len(scores.rows))
    ]
    return Markup(". ").join([*parts, _which_is_better(facts, study)]) + Markup(".")


def title_of(study: Study) -> Cell:
    """Fill a cell with an instrument's title."""
    return text("instrument", lambda name: instrument_title(study, name))


def _no_scores(study: Study) -> str:
    if not study.instruments:
        return "study.toml names no instrument, so there are no symptoms to compare."
    return "No instrument has scores of enough participants at both sessions."


def association_sentences(facts: Facts, study: Study) -> Markup:
    """Say whether the change of the brain goes with improvement, instrument by instrument."""
    found = facts.ask(of_parcellation(BRAIN_AND_SYMPTOMS))
    if not found:
        return Markup(
            "Brain and symptoms were not compared: there are no participants, or too few, "
            "with volumes and scores at both sessions."
        )
    return Markup(" ").join(
        _association(found, row, instrument_title(study, found.value("instrument", row)))
        for row in range(len(found.rows))
    )


def _association(found: Answer, row: int, title: str) -> Markup:
    fits = found.value("p_perm", row) < LEVEL
    predicts = (
        found.value("p_cross_validated", row) < LEVEL and found.value("r_cross_validated", row) > 0
    )
    words = {
        (True, True): "The pattern of change goes with improvement on {}, and predicts it in "
        "participants who were left out of the fit",
        (True, False): "The pattern of change goes with improvement on {} within the sample, but "
        "does not predict it in participants who were left out of the fit",
        (False, True): "The pattern of change predicts improvement on {} in participants who were "
        "left out of the fit, though the covariance of the two is not beyond chance",
        (False, False): "An association of the pattern of change with improvement on {} cannot be "
        "distinguished from chance",
    }[fits, predicts]
    return Markup(
        "{} (covariance: p {}; prediction: r = {}, p {}; n = {}). The fitted r = {} is large by "
        "construction {} (p {})."
    ).format(
        words.format(title),
        found.show("p_perm", p_relation, row),
        found.show("r_cross_validated", fixed(2), row),
        found.show("p_cross_validated", p_relation, row),
        found.show("n", row=row),
        found.show("r", fixed(2), row),
        "but beyond chance" if found.value("p_perm_r2", row) < LEVEL else "and not beyond chance",
        found.show("p_perm_r2", p_relation, row),
    )


def _change_table(facts: Facts, study: Study) -> Table:
    columns = [
        Column("instrument", title_of(study), is_number=False),
        Column("mean change", number("mean_change", signed(1))),
        Column("95 % interval", interval("ci_low", "ci_high", signed(1))),
    ]
    note = Markup("Follow-up minus baseline, in points. {}.").format(_which_is_better(facts, study))
    return table_of(_mean_changes(facts), "Mean change of symptoms", columns, note)


def symptom_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell the change of symptoms, and how it goes with that of the brain."""
    scores = facts.ask(SYMPTOMS)
    baseline, follow_up = facts.setting.sessions
    blocks: list[Block] = []
    if scores:
        columns = [
            Column("instrument", title_of(study), is_number=False),
            Column("n", number("n")),
            Column(f"{baseline}, mean (SD)", spread("mean_pre", "sd_pre", fixed(1))),
            Column(f"{follow_up}, mean (SD)", spread("mean_post", "sd_post", fixed(1))),
            Column("t (df)", t_with_df),
            Column("p", number("p", p_value)),
            Column("dz", number("cohen_dz", signed(2))),
        ]
        note = Markup("{}. dz is the mean change over its standard deviation.").format(
            _which_is_better(facts, study)
        )
        blocks.append(table_of(scores, "Table 3. Symptoms before and after", columns, note))
        blocks.append(_change_table(facts, study))
    else:
        blocks.append(paragraph("{}", _no_scores(study)))
    blocks.append(paragraph("{}", association_sentences(facts, study)))
    if len(scores.rows) > 1:
        blocks.append(
            paragraph(
                "The instruments are tested separately; their p values are not corrected for "
                "testing {}.",
                len(scores.rows),
            )
        )
    return Section("symptoms", "Symptoms", [*blocks, *pictures])
