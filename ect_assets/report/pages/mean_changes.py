"""The mean change of each instrument with its interval, in SQL."""

from __future__ import annotations

from scipy import stats

from ect_assets.report.pages.facts import Answer, Facts
from ect_assets.report.questions import SYMPTOMS
from ect_assets.science.statistics.multiple_comparisons import LEVEL


def mean_changes(facts: Facts) -> Answer:
    """Ask for the mean change of each instrument with its 95 % interval, in the order of SYMPTOMS.

    The interval is mean change +- Student's t x standard error, and the error the mean over t. SQL
    has no quantile of Student's t, so it stands in the query as a number.
    """
    freedom = sorted({row["df"] for row in facts.ask(SYMPTOMS)})
    quantiles = " ".join(f"WHEN {df} THEN {stats.t.ppf(1 - LEVEL / 2, df):.10g}" for df in freedom)
    if not freedom:
        quantiles = "WHEN NULL THEN NULL"
    return facts.ask(
        f"""SELECT instrument, mean_change, mean_change - half_width AS ci_low,
  mean_change + half_width AS ci_high
FROM (SELECT *, abs(mean_change / nullif(t, 0)) * CASE df {quantiles} END AS half_width
  FROM clinical_change)
ORDER BY instrument"""
    )
