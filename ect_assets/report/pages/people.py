"""Who took part, who was left out and why: Table 1, quality control and exclusions.

Sentences and tables of these two sections, from SQL. Which patients are left out is decided in
`cohort`, not here.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import (
    Column,
    Section,
    Table,
    paragraph,
    plural,
    text,
)
from ect_assets.report.pages.facts import Answer, Facts, fixed, plain_cell
from ect_assets.report.questions import EXCLUDED
from ect_assets.science.cohort import CONTROL
from ect_assets.study import Study

MOST_VALUES = 6
"""A column of text, or of whole numbers, with more different values is not told value by value."""

KEYS = ("subject", "simulated")
NAMES = {
    "age_years": "Age, years",
    "sex": "Sex",
    "education_years": "Education, years",
    "onset_age_years": "Age at first onset, years",
    "episode_months": "Current episode, months",
    "site": "Site",
}
TREATMENT = {
    "ect_placement": "Placement of the electrodes",
    "n_ect": "ECT sessions",
    "ect_charge_mc": "Mean charge, mC",
    "ect_seizure_s": "Mean duration of the seizure, s",
    "days_since_ect": "Days from the last ECT session to the scan",
    "ect_medication": "Medication during the treatment",
    "scan_interval_days": "Days between the scans",
}
"""What not every study has: left away where it is missing for all."""
ANALYSED = f"""SELECT subject FROM parcel_gmv
  WHERE parcellation = '{{parcellation}}' AND session IN ('{{baseline}}', '{{follow_up}}')
  GROUP BY subject HAVING count(DISTINCT session) = 2
  EXCEPT {EXCLUDED}"""
"""Patients of the group analysis, by the rule of `cohort`."""

PEOPLE = f"""SELECT n_all, n_controls, n_all - n_controls AS n_patients, n_analysed,
  n_all - n_controls - n_analysed AS n_missing,
  1 - n_analysed / nullif(n_all - n_controls, 0) AS share_missing
FROM (SELECT (SELECT count(*) FROM participants) AS n_all,
  (SELECT count(DISTINCT subject) FROM exclusions WHERE reason = '{CONTROL}') AS n_controls,
  (SELECT count(*) FROM ({ANALYSED})) AS n_analysed)"""
"""How many took part. Controls are in contrasts alone and do not count as missing."""

COLUMNS = "SELECT column_name, column_type FROM (DESCRIBE participants)"

PAIRS = f"""SELECT count(DISTINCT subject) FILTER (NOT passes) AS n_failed,
  count(DISTINCT subject) AS n_checked,
  count(DISTINCT subject) FILTER (NOT passes AND analysed) AS n_failed_analysed,
  count(DISTINCT subject) FILTER (analysed) AS n_checked_analysed
FROM (SELECT subject, passes, subject IN ({ANALYSED}) AS analysed
  FROM scan_quality WHERE check_name = 'tiv_changed')"""

N_LEFT_OUT = f"""SELECT
  count(DISTINCT subject) FILTER (NOT overruled AND reason <> '{CONTROL}') AS n_left_out,
  count(DISTINCT subject) FILTER (overruled) AS n_kept,
  count(DISTINCT subject) FILTER (reason = '{CONTROL}') AS n_controls
FROM exclusions WHERE subject <> '*'
  AND ('{{parcellation}}' = '' OR parcellation IN ('*', '{{parcellation}}'))"""


def participants_section(facts: Facts) -> Section:
    """Describe the sample: Table 1."""
    people = facts.ask(PEOPLE)
    if not people.value("n_all"):
        nobody = paragraph("The lake has no participants, so there is no sample to describe.")
        return Section("participants", "Participants", [nobody])
    told = [
        column
        for column in facts.ask(COLUMNS).rows
        if column[0] not in KEYS and not str(column[1]).startswith(("TIMESTAMP", "DATE"))
    ]
    parts = [_rows_of(facts, name, kind) for name, kind in told]
    columns = [
        Column("characteristic", text(""), is_number=False),
        Column(f"All (n = {people.value('n_all')})", text("")),
        Column(f"In this analysis (n = {people.value('n_analysed')})", text("")),
    ]
    table = Table(
        Markup("Table 1. The sample"),
        columns,
        [row for part in parts for row in part],
        Markup(
            "Mean (SD), or number of participants; missing values are counted. "
            "The analysis takes those who have volumes of this parcellation at both sessions and "
            "were not left out."
        ),
    )
    said = paragraph(
        "Of {} participants{}, {} entered the analysis.",
        people.show("n_all"),
        _with_controls(people),
        people.show("n_analysed"),
    )
    return Section("participants", "Participants", [said, table])


def _with_controls(people: Answer) -> Markup:
    if not people.value("n_controls"):
        return Markup("")
    return Markup(" ({} {}, {} {} in contrasts alone)").format(
        people.show("n_patients"),
        plural(people.value("n_patients"), "patient", "patients"),
        people.show("n_controls"),
        plural(people.value("n_controls"), "control", "controls"),
    )


def _rows_of(facts: Facts, column: str, kind: str) -> list[list[Markup]]:
    """Describe one column of participants: numbers by mean and SD, values by counts."""
    quoted = '"' + column.replace('"', '""') + '"'
    title = {**NAMES, **TREATMENT}.get(column, column)
    different = facts.ask(
        f"SELECT count(DISTINCT {quoted}) AS n_values, count({quoted}) AS n_known,\n"
        f"  count(*) FILTER ({_is_broken(quoted, kind)}) AS n_broken FROM participants"
    )
    if not different.value("n_known") and column in TREATMENT:
        return []
    if not different.value("n_known"):
        return [[Markup("{}").format(title), Markup("missing for all"), Markup("")]]
    is_count = not different.value("n_broken")
    if kind in ("DOUBLE", "FLOAT") or not is_count:
        is_value = (
            column not in {**NAMES, **TREATMENT}
            and is_count
            and different.value("n_values") <= MOST_VALUES
        )
    else:
        is_value = True
    if not is_value:
        return _mean_row(facts, title, quoted)
    if different.value("n_values") > MOST_VALUES:
        many = Markup("{} different values").format(different.show("n_values"))
        return [[Markup("{}").format(title), many, Markup("")]]
    return _value_rows(facts, title, quoted)


def _is_broken(quoted: str, kind: str) -> str:
    """Write the condition under which a value is a number but not a whole one."""
    return f"{quoted} <> floor({quoted})" if kind in ("DOUBLE", "FLOAT") else "false"


def _mean_row(facts: Facts, title: str, quoted: str) -> list[list[Markup]]:
    answer = facts.ask(
        f"""SELECT avg({quoted}) AS mean, stddev_samp({quoted}) AS sd,
  count(*) - count({quoted}) AS n_missing, avg({quoted}) FILTER (analysed) AS mean_analysed,
  stddev_samp({quoted}) FILTER (analysed) AS sd_analysed,
  (count(*) FILTER (analysed)) - (count({quoted}) FILTER (analysed)) AS n_missing_analysed
FROM (SELECT {quoted}, subject IN ({ANALYSED}) AS analysed FROM participants)"""
    )
    return [
        [Markup("{}").format(title), _mean_cell(answer, ""), _mean_cell(answer, "_analysed")],
    ]


def _mean_cell(answer: Answer, of: str) -> Markup:
    cell = Markup("{} ({})").format(
        answer.show(f"mean{of}", fixed(2)), answer.show(f"sd{of}", fixed(2))
    )
    if not answer.value(f"n_missing{of}"):
        return cell
    return Markup("{}; missing for {}").format(cell, answer.show(f"n_missing{of}"))


def _value_rows(facts: Facts, title: str, quoted: str) -> list[list[Markup]]:
    answer = facts.ask(
        f"""SELECT {quoted} AS value, count(*) AS n, count(*) FILTER (analysed) AS n_analysed
FROM (SELECT {quoted}, subject IN ({ANALYSED}) AS analysed FROM participants)
GROUP BY ALL ORDER BY value NULLS LAST"""
    )
    rows = [[Markup("{}").format(title), Markup(""), Markup("")]]
    for row in range(len(answer.rows)):
        value = answer.value("value", row)
        shown = "not known" if value is None else plain_cell(value)
        label = Markup('<span class="value">{}</span>').format(shown)
        rows.append([label, answer.show("n", row=row), answer.show("n_analysed", row=row)])
    return rows


def failing_pairs(facts: Facts, study: Study) -> Markup | None:
    """Say how many pairs of scans changed in intracranial volume, where any did."""
    pairs = facts.ask(PAIRS)
    if not pairs.value("n_failed"):
        return None
    said = Markup(
        "The intracranial volume, which does not change in an adult, differs by more than {} % "
        "between the sessions "
    ).format(f"{study.quality.tiv_change_warns_percent:g}")
    meaning = Markup(
        ": scanning or processing differed between the sessions, and part of the apparent "
        "change of gray matter may be due to that."
    )
    everybody = Markup("{} of all {}").format(pairs.show("n_failed"), pairs.show("n_checked"))
    if not facts.setting.parcellation:
        return said + Markup("in {} participants").format(everybody) + meaning
    said += Markup("in {} of the {} analysed ({})").format(
        pairs.show("n_failed_analysed"), pairs.show("n_checked_analysed"), everybody
    )
    return said + (meaning if pairs.value("n_failed_analysed") else Markup("."))
