"""What changed in the brain and in symptoms, and how the two go together: sentences and tables.

All numbers are asked for in SQL. How the tests are made stands in `methods_text`.
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
    spread,
    table_of,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, p_relation, p_value, signed
from ect_assets.report.pages.people import failing_pairs
from ect_assets.report.pages.words import instrument_title, parcellation_name
from ect_assets.report.questions import (
    BRAIN_AND_SYMPTOMS,
    CHANGE,
    SYMPTOMS,
    WITHIN_REACH,
    of_parcellation,
)
from ect_assets.study import Study

LEVEL = 0.05
MOST_PARCELS = 20

PARCELS = f"""SELECT parcel, coalesce(any_value(label), parcel) AS label, any_value(n) AS n,
  any_value(mean_pre_mm3) AS mean_pre_mm3, any_value(mean_post_mm3) AS mean_post_mm3,
  any_value(percent_change) AS percent_change, any_value(ci_low_mm3) AS ci_low_mm3,
  any_value(ci_high_mm3) AS ci_high_mm3, any_value(t) AS t, any_value(df) AS df,
  any_value(p) AS p, any_value(q) AS q, any_value(cohen_dz) AS cohen_dz
FROM gmv_change LEFT JOIN parcels USING (parcellation, parcel)
WHERE parcellation = '{{parcellation}}'
GROUP BY parcel ORDER BY p, parcel LIMIT {MOST_PARCELS}"""


def change_sentences(facts: Facts, study: Study) -> Markup:
    """Say what changed in gray matter volume.

    Parameters
    ----------
    facts : Facts
    study : Study

    Returns
    -------
    Markup
    """
    change = facts.ask(of_parcellation(CHANGE))
    if not change:
        return Markup(
            "No change was tested: there are not enough participants with volumes of {} at both "
            "sessions."
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


def change_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell the change of gray matter volume.

    Parameters
    ----------
    facts : Facts
    study : Study
    pictures : list of Block

    Returns
    -------
    Section
    """
    blocks: list[Block] = [paragraph("{}", change_sentences(facts, study))]
    parcels = facts.ask(PARCELS)
    if parcels:
        columns = [
            Column("parcel", text("label"), is_number=False),
            Column("before, mm³", number("mean_pre_mm3", fixed(0))),
            Column("after, mm³", number("mean_post_mm3", fixed(0))),
            Column("change, %", number("percent_change", signed(1))),
            Column("95 % interval, mm³", interval("ci_low_mm3", "ci_high_mm3", signed(0))),
            Column("t (df)", _t_with_df),
            Column("p", number("p", p_value)),
            Column("q", number("q", p_value)),
            Column("dz", number("cohen_dz", signed(2))),
        ]
        note = (
            f"The {len(parcels.rows)} parcels with the smallest p, of all in gmv_change. The "
            "interval is that of the adjusted mean change; q corrects over all parcels. dz is the "
            "mean change over its standard deviation, not adjusted."
        )
        title = "Table 2. Change of gray matter volume, parcel by parcel"
        blocks.append(table_of(parcels, title, columns, note))
    return Section("change", "Gray matter volume", [*blocks, *pictures])


def _t_with_df(answer: Answer, row: int) -> Markup:
    return Markup("{} ({})").format(answer.show("t", signed(2), row), answer.show("df", row=row))


def symptom_sentences(facts: Facts, study: Study) -> Markup:
    """Say how the scores changed, instrument by instrument.

    Parameters
    ----------
    facts : Facts
    study : Study

    Returns
    -------
    Markup
    """
    scores = facts.ask(SYMPTOMS)
    if not scores:
        return Markup(_no_scores(study))
    baseline, follow_up = facts.setting.sessions
    parts = [
        Markup(
            "{}: mean {} (SD {}) at {}, {} ({}) at {}; t({}) = {}, p {}, d<sub>z</sub> = {}, n = {}"
        ).format(
            instrument_title(study, scores.value("instrument", row)),
            scores.show("mean_pre", fixed(1), row),
            scores.show("sd_pre", fixed(1), row),
            baseline,
            scores.show("mean_post", fixed(1), row),
            scores.show("sd_post", fixed(1), row),
            follow_up,
            scores.show("df", row=row),
            scores.show("t", fixed(2), row),
            scores.show("p", p_relation, row),
            scores.show("cohen_dz", fixed(2), row),
            scores.show("n", row=row),
        )
        for row in range(len(scores.rows))
    ]
    return Markup(". ").join(parts) + Markup(".")


def _no_scores(study: Study) -> str:
    if not study.instruments:
        return "study.toml names no instrument, so there are no symptoms to compare."
    return "No instrument has scores of enough participants at both sessions."


def association_sentences(facts: Facts, study: Study) -> Markup:
    """Say whether the change of the brain goes with improvement, instrument by instrument.

    Parameters
    ----------
    facts : Facts
    study : Study

    Returns
    -------
    Markup
    """
    found = facts.ask(of_parcellation(BRAIN_AND_SYMPTOMS))
    if not found:
        return Markup(
            "Brain and symptoms were not brought together: there are no participants, or too few, "
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
        (True, True): "The pattern of change goes with improvement on {}, and foretells it in "
        "participants who were left out of the fit",
        (True, False): "The pattern of change goes with improvement on {} within the sample, but "
        "does not foretell it in participants who were left out of the fit",
        (False, True): "The pattern of change foretells improvement on {} in participants who were "
        "left out of the fit, though the covariance of the two is not beyond chance",
        (False, False): "An association of the pattern of change with improvement on {} cannot be "
        "told from chance",
    }[fits, predicts]
    return Markup(
        "{} (covariance: p {}; prediction: r = {}, p {}; n = {}; fitted r = {}, which is large by "
        "construction)."
    ).format(
        words.format(title),
        found.show("p_perm", p_relation, row),
        found.show("r_cross_validated", fixed(2), row),
        found.show("p_cross_validated", p_relation, row),
        found.show("n", row=row),
        found.show("r", fixed(2), row),
    )


def symptom_section(facts: Facts, study: Study, pictures: list[Block]) -> Section:
    """Tell the change of symptoms, and how it goes with that of the brain.

    Parameters
    ----------
    facts : Facts
    study : Study
    pictures : list of Block

    Returns
    -------
    Section
    """
    scores = facts.ask(SYMPTOMS)
    baseline, follow_up = facts.setting.sessions
    blocks: list[Block] = []
    if scores:
        columns = [
            Column(
                "instrument",
                text("instrument", lambda name: instrument_title(study, name)),
                is_number=False,
            ),
            Column("n", number("n")),
            Column(f"{baseline}, mean (SD)", spread("mean_pre", "sd_pre", fixed(1))),
            Column(f"{follow_up}, mean (SD)", spread("mean_post", "sd_post", fixed(1))),
            Column("t (df)", _t_with_df),
            Column("p", number("p", p_value)),
            Column("dz", number("cohen_dz", signed(2))),
        ]
        blocks.append(table_of(scores, "Table 3. Symptoms before and after", columns))
    else:
        blocks.append(paragraph("{}", _no_scores(study)))
    blocks.append(paragraph("{}", association_sentences(facts, study)))
    if len(scores.rows) > 1:
        blocks.append(
            paragraph(
                "The instruments are tested side by side; their p values are not corrected for "
                "there being {}.",
                len(scores.rows),
            )
        )
    return Section("symptoms", "Symptoms", [*blocks, *pictures])
