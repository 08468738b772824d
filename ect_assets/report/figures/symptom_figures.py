"""Figure of the symptoms: their change, and how far the change of the brain goes with it.

Maps and tests of the brain alone belong in `change_figures`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import (
    equation,
    no_more,
    number,
    paired_lines,
    parts_below_one_another,
    short,
)
from ect_assets.report.figures.figure_style import (
    INK,
    ONE_COLUMN_MM,
    QUIET,
    TWO_COLUMNS_MM,
    letter,
    new_figure,
    report_style,
)
from ect_assets.report.maps.brain_maps import draw_map
from ect_assets.report.questions import EXCLUDED_FROM_SCORES
from ect_assets.science.statistics.multiple_comparisons import LEVEL

MOST_INSTRUMENTS, LONGEST_TITLE = 4, 22
ROW_HEIGHT_MM, MAP_HEIGHT_MM, SCORES_HEIGHT_MM = 46.0, 52.0, 62.0

SCORES_SQL = f"""
SELECT instrument, subject, before.score AS baseline_score, after.score AS follow_up_score
FROM clinical_scores AS before JOIN clinical_scores AS after USING (instrument, subject)
WHERE before.session = '{{baseline}}' AND after.session = '{{follow_up}}'
  AND subject NOT IN ({EXCLUDED_FROM_SCORES})
ORDER BY instrument, subject
"""

TESTS_SQL = """
SELECT instrument, n, mean_pre, mean_post, t, df, p, cohen_dz
FROM clinical_change
ORDER BY instrument
"""

ASSOCIATIONS_SQL = """
SELECT instrument, n, r, p_perm, p_perm_r2, r_cross_validated, p_cross_validated
FROM symptom_pls
WHERE parcellation = '{parcellation}'
ORDER BY instrument
"""

PLS_SCORES_SQL = """
SELECT instrument, subject, score, improvement, predicted_improvement
FROM symptom_pls_scores
WHERE parcellation = '{parcellation}'
ORDER BY instrument, subject
"""

WEIGHTS_SQL = """
SELECT instrument, parcel, weight, z, p_perm, q_perm
FROM symptom_pls_weights
WHERE parcellation = '{parcellation}' AND instrument = (
    SELECT min(instrument) FROM symptom_pls WHERE parcellation = '{parcellation}'
  )
ORDER BY parcel
"""


def draw_symptoms(frames: Frames, setting: Setting) -> Figure:
    """Draw scores before and after, and the association of brain and symptoms over patients.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``scores``: instrument, subject, baseline_score, follow_up_score; ``tests``: as
        `clinical_change`, in the order of the panels; ``associations``: as `symptom_pls`;
        ``pls_scores``: as `symptom_pls_scores`; ``weights``: as `symptom_pls_weights`, of one
        instrument. All but the first two may be empty.

    Returns
    -------
    Figure
        Without an association, the scores alone.
    """
    instruments = [str(name) for name in frames["tests"]["instrument"]]
    shown = instruments[:MOST_INSTRUMENTS]
    more = no_more(len(shown), len(instruments), "instruments", "clinical_change")
    with report_style():
        if frames["associations"].empty:
            return _scores_alone(frames, setting, shown, more)
        has_map = setting.surface is not None and not frames["weights"].empty
        heights = [max(len(shown), 1) * ROW_HEIGHT_MM] + [MAP_HEIGHT_MM] * has_map
        figure = new_figure(TWO_COLUMNS_MM, sum(heights), setting.simulated)
        parts = parts_below_one_another(figure, heights)
        panels = parts[0].subplots(max(len(shown), 1), 3, squeeze=False)
        for (scores, fitted, predicted), instrument in zip(panels, shown, strict=False):
            _draw_scores(scores, instrument, frames, setting)
            _draw_association(fitted, predicted, instrument, frames)
        for panel, name in zip(panels[0], "abc", strict=True):
            letter(panel, name, 13)
        if more:
            parts[0].suptitle(more, size=6.5)
        if has_map:
            _draw_weights(parts[1], frames["weights"], setting)
    return figure


def _scores_alone(frames: Frames, setting: Setting, shown: list[str], more: str) -> Figure:
    width_mm = ONE_COLUMN_MM if len(shown) < 2 else TWO_COLUMNS_MM
    figure = new_figure(width_mm, SCORES_HEIGHT_MM, setting.simulated)
    panels = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    for panel, instrument in zip(panels, shown, strict=False):
        _draw_scores(panel, instrument, frames, setting)
    if more:
        figure.suptitle(more, size=6.5)
    return figure


def _heading(panel: Axes, title: str, words: str) -> None:
    """Write a title in bold, and below it what was found."""
    panel.set_title(title, pad=12, size=7.5)
    note = panel.annotate(
        words, (0, 1), (0, 3.5), "axes fraction", "offset points", size=6.5, color=INK
    )
    note.set_in_layout(False)


def _row_of(frame: pd.DataFrame, instrument: str) -> dict[Hashable, Any] | None:
    rows = frame[frame["instrument"] == instrument]
    return None if rows.empty else rows.iloc[0].to_dict()


def _draw_scores(panel: Axes, instrument: str, frames: Frames, setting: Setting) -> None:
    rows = frames["scores"][frames["scores"]["instrument"] == instrument]
    before, after = (rows[name].to_numpy(float) for name in ("baseline_score", "follow_up_score"))
    paired_lines(panel, rows["subject"], before, after, setting.sessions)
    panel.set_ylabel("score (points)")
    test = _row_of(frames["tests"], instrument)
    assert test is not None, "the instruments are those of the tests"
    words = (
        f"t({int(test['df'])}) = {number(test['t'])}, {equation('p', test['p'])}, "
        f"dz = {number(test['cohen_dz'])}"
    )
    title = short(setting.instrument(instrument), LONGEST_TITLE)
    _heading(panel, f"{title}, n = {int(test['n'])}", words)


def _draw_association(fitted: Axes, predicted: Axes, instrument: str, frames: Frames) -> None:
    """Draw improvement against the PLS score, and its prediction against improvement."""
    found = _row_of(frames["associations"], instrument)
    points = frames["pls_scores"][frames["pls_scores"]["instrument"] == instrument]
    if found is None or points.empty:
        for panel in (fitted, predicted):
            panel.set_axis_off()
        words = "no association computed" if found is None else "no scores of patients in the lake"
        fitted.annotate(words, (0, 0.5), xycoords="axes fraction", color=QUIET)
        return
    score, improvement, prediction = (
        points[name].to_numpy(float) for name in ("score", "improvement", "predicted_improvement")
    )
    dots: dict[str, Any] = {"s": 9, "color": INK, "alpha": 0.75, "lw": 0}
    fitted.scatter(score, improvement, **dots)
    fitted.set_xlabel("PLS score (SD)")
    fitted.set_ylabel("improvement (points)")
    r, p = number(found["r"]), equation("p", found["p_perm_r2"])
    covariance = equation("covariance: p", found["p_perm"])
    _heading(fitted, f"Fitted, n = {int(found['n'])}", f"{covariance}; r = {r}, {p}")
    predicted.scatter(improvement, prediction, **dots)
    _same_scale(predicted, np.concatenate([improvement, prediction]))
    predicted.axline((0, 0), slope=1, color=QUIET, lw=0.6, ls="--", zorder=0)
    predicted.set_xlabel("improvement (points)")
    predicted.set_ylabel("predicted (points)")
    r, p = number(found["r_cross_validated"]), equation("p", found["p_cross_validated"])
    _heading(predicted, "Predicted, patient left out", f"r = {r}, {p}")


def _same_scale(panel: Axes, values: NDArray[np.float64]) -> None:
    """Let both axes reach equally far, so that the line of equal values is the diagonal."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    margin = 0.06 * ((high - low) or 1.0)
    panel.set_xlim(low - margin, high + margin)
    panel.set_ylim(low - margin, high + margin)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def _draw_weights(part: SubFigure, weights: pd.DataFrame, setting: Setting) -> None:
    z = weights.set_index("parcel")["z"].astype(float)
    assert setting.surface is not None, "there is a map only on a surface"
    draw_map(
        part,
        z,
        setting.surface,
        "z of the weight",
        significant=list(weights.loc[weights["q_perm"] < LEVEL, "parcel"]),
        title=f"Weights of the parcels: {setting.instrument(str(weights['instrument'].iloc[0]))}",
    )
    part.text(0.004, 0.988, "d", va="top", size=9, weight="bold")


FIGURE_2 = Exhibit(
    name="figure_2_symptoms",
    title="Symptoms, and the change of the brain that goes with their improvement",
    caption=(
        "One row per instrument. (a) Scores before and after, a line per patient (orange: score "
        "rose, blue: fell); black: means and their 95 % intervals over patients; paired t-test, "
        "dz: mean of the changes over their standard deviation. (b) First component of partial "
        "least squares (PLS) of the change of gray matter volume, fitted to improvement (the "
        "change of the score, above 0 where it got better): each patient's score, in units of its "
        "own standard deviation, and improvement. The fitted r is large by construction, since "
        "there are more parcels than "
        "patients; the test is of the covariance of brain and symptoms, against that after "
        "exchange of patients, and the second p is that of r itself. (c) Improvement of each "
        "patient as predicted from all the others (leave-one-out), with its r and p under exchange "
        "of patients; dashed: where both are "
        "equal. (d) Weight of each parcel in (b) over its bootstrap standard error (z), for the "
        "first instrument; red: growth goes with improvement, blue: loss does. z is what the field "
        "reports, and no test: as many parcels pass it when improvement is dealt out at random. "
        "Black outline: q < 0.05 under exchange of patients, of the correlation of the parcel's "
        "change with improvement. Without enough patients for (b) to (d), (a) stands alone."
    ),
    queries={
        "scores": SCORES_SQL,
        "tests": TESTS_SQL,
        "associations": ASSOCIATIONS_SQL,
        "pls_scores": PLS_SCORES_SQL,
        "weights": WEIGHTS_SQL,
    },
    draw=draw_symptoms,
    needs=("scores", "tests"),
    shows_patients=True,
)

SYMPTOM_EXHIBITS = (FIGURE_2,)
