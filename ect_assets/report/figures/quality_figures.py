"""Figure of quality control: which scans stand out against the cohort, and who was left out.

The checks themselves belong in `morphometry`; what they said of each scan is in the tables.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from ect_assets.report.figures.exhibits import Exhibit, Frames, Setting
from ect_assets.report.figures.figure_parts import no_more, number, parts_below_one_another, short
from ect_assets.report.figures.figure_style import (
    FAINT,
    INK,
    QUIET,
    TWO_COLUMNS_MM,
    letter,
    new_figure,
    report_style,
)
from ect_assets.report.figures.label_placement import label_points
from ect_assets.report.pages.display_names import CHECKS

STANDS_OUT = "#B0417F"
N_COLUMNS = 3
PANEL_HEIGHT_MM, REASON_HEIGHT_MM, LINE_MM = 41.0, 5.0, 3.2
MOST_LABELS, MOST_PATIENTS = 6, 55
LONGEST_LINE = 140


@dataclass(frozen=True)
class Look:
    """How a check is drawn: its title, the axis, what values are multiplied by, both-sided or not.

    Attributes
    ----------
    has_two_sides : bool
        Whether the limit counts below zero as well.
    """

    title: str
    axis: str
    factor: float = 1.0
    has_two_sides: bool = False


LOOKS = {
    "euler_number_low": Look("Surfaces", "Euler number"),
    "contrast_low": Look("Contrast of gray and white", "CNR"),
    "tiv_changed": Look("Intracranial volume", "change (%)", 1, True),
    "parcel_level_outliers": Look("Unusual volumes", "parcels (%)", 100),
    "parcel_change_outliers": Look("Unusual changes", "parcels (%)", 100),
    "left_right_swapped": Look("Left and right", "agreement (r)"),
    "sessions_exchanged": Look("Same person", "other \u2212 own (r)"),
    "session_copied": Look("Session copied", "difference (%)", 100),
    "person_twice": Look("Person twice", "closest other (%)", 100),
}
"""In the order of the panels; checks that are not named here follow under their own names."""

CHECKS_SQL = """
SELECT check_name, subject, session, value, limit_value, passes, excludes
FROM scan_quality
WHERE subject <> '*'
UNION ALL
SELECT check_name, subject, session, value, limit_value, passes, excludes
FROM parcel_quality
WHERE parcellation = '{parcellation}' AND subject <> '*'
ORDER BY check_name, subject, session
"""

COHORT_SQL = """
SELECT check_name, value, limit_value, says
FROM scan_quality
WHERE subject = '*' AND NOT passes
UNION ALL
SELECT check_name, value, limit_value, says
FROM parcel_quality
WHERE parcellation = '{parcellation}' AND subject = '*' AND NOT passes
ORDER BY check_name
"""

LEFT_OUT_SQL = """
SELECT subject, session, reason, stage, overruled
FROM exclusions
WHERE parcellation IN ('*', '{parcellation}') AND subject <> '*'
ORDER BY subject, reason, session
"""


def draw_quality(frames: Frames, setting: Setting) -> Figure:
    """Draw every check scan by scan, and who was left out for which reason.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        ``checks``: check_name, subject, session, value, limit_value, passes, excludes;
        ``cohort``: check_name, value, limit_value, says; ``left_out``: subject, session, reason,
        overruled.
    """
    checks, left_out = frames["checks"], frames["left_out"]
    names = _drawn(checks)
    n_rows = -(-len(names) // N_COLUMNS)
    n_reasons = left_out["reason"].nunique()
    summary = _summary(checks, names, frames["cohort"])
    lines_mm = LINE_MM * (1 + summary.count("\n"))
    heights = [max(n_rows * PANEL_HEIGHT_MM, 9.0) + lines_mm, REASON_HEIGHT_MM * n_reasons]
    heights[1] += 24.0 if n_reasons else 14.0
    with report_style():
        figure = new_figure(TWO_COLUMNS_MM, sum(heights), setting.simulated)
        upper, lower = parts_below_one_another(figure, heights)
        upper.suptitle(summary, size=6.5, x=0.008, ha="left")
        panels: list[Axes] = []
        if names:
            panels = list(upper.subplots(n_rows, N_COLUMNS, squeeze=False).ravel())
        order = {subject: place for place, subject in enumerate(sorted(set(checks["subject"])))}
        for panel, name in zip(panels, names, strict=False):
            rows = checks[checks["check_name"] == name]
            _draw_check(panel, rows, LOOKS.get(name, Look(short(name), "value")), order, setting)
        for panel in panels[len(names) :]:
            panel.set_axis_off()
        for panel in panels[: len(names)]:
            panel.set_xlabel("patients")
        if names:
            letter(panels[0], "a")
            _add_key(upper, setting)
        _draw_left_out(lower, left_out)
        for panel, name in zip(panels, names, strict=False):
            _label(panel, checks[checks["check_name"] == name], LOOKS.get(name), order)
    return figure


def _drawn(checks: pd.DataFrame) -> list[str]:
    """Name the checks whose values differ between scans, in the order of `LOOKS`."""
    varying = {
        str(name) for name, rows in checks.groupby("check_name") if rows["value"].nunique() > 1
    }
    return [name for name in LOOKS if name in varying] + sorted(varying - set(LOOKS))


def _summary(checks: pd.DataFrame, names: list[str], cohort: pd.DataFrame) -> str:
    """Say in words what has no panel: checks without differences, and of the whole cohort."""
    lines = []
    for name, rows in checks.groupby("check_name"):
        if name not in names:
            n_failed = int((~rows["passes"].astype(bool)).sum())
            found = f"{n_failed} of {len(rows)} stand out" if n_failed else "nothing stands out"
            lines.append(f"{CHECKS.get(str(name), name)}: {found}")
    for row in cohort.to_dict("records"):
        value, limit = number(float(row["value"])), number(float(row["limit_value"]))
        check = CHECKS.get(str(row["check_name"]), row["check_name"])
        lines.append(f"whole cohort, {check}: {value} (limit {limit})")
    return textwrap.fill("; ".join(lines), LONGEST_LINE)


def _draw_check(
    panel: Axes, rows: pd.DataFrame, look: Look, order: dict[str, int], setting: Setting
) -> None:
    """Draw one check: a mark per scan, patient after patient, and where it fails."""
    places = rows["subject"].map(order).to_numpy(float)
    values = rows["value"].to_numpy(float) * look.factor
    fails = ~rows["passes"].to_numpy(bool)
    is_out = rows["excludes"].to_numpy(bool)
    is_baseline = (rows["session"] == setting.sessions[0]).to_numpy(bool)
    edges = np.where(fails, STANDS_OUT, QUIET)
    faces = np.where(is_baseline, "#ffffff", edges)
    panel.scatter(
        places[~is_out], values[~is_out], s=7, c=list(faces[~is_out]), ec=list(edges[~is_out]),
        lw=0.6, zorder=3,
    )  # fmt: skip
    panel.scatter(places[is_out], values[is_out], s=16, c=STANDS_OUT, marker="X", lw=0, zorder=4)
    for limit in sorted(set(rows["limit_value"].dropna().astype(float) * look.factor)):
        for line in (limit, -limit) if look.has_two_sides else (limit,):
            panel.axhline(line, color=QUIET, lw=0.6, ls="--", zorder=1)
    panel.set_title(look.title)
    panel.set_ylabel(look.axis)
    panel.set_xlim(-1, max(order.values()) + 1)
    panel.set_xticks([])
    panel.margins(y=0.1)


def _add_key(part: SubFigure, setting: Setting) -> None:
    round_mark: dict[str, Any] = {"marker": "o", "ms": 3, "lw": 0, "mec": QUIET, "mew": 0.6}
    handles = [
        Line2D([], [], mfc="white", label=setting.sessions[0], **round_mark),
        Line2D([], [], mfc=QUIET, label=f"{setting.sessions[1]}, or both", **round_mark),
        Line2D([], [], color=STANDS_OUT, marker="o", ms=3, lw=0, label="stands out"),
        Line2D([], [], color=STANDS_OUT, marker="X", ms=4, mew=0, lw=0, label="to be left out"),
        Line2D([], [], color=QUIET, lw=0.6, ls="--", label="limit"),
    ]
    part.legend(handles=handles, loc="outside lower center", ncols=len(handles), handletextpad=0.4)


def _label(panel: Axes, rows: pd.DataFrame, look: Look | None, order: dict[str, int]) -> None:
    """Name the scans that stand out, the most unusual first."""
    factor = look.factor if look else 1.0
    points = np.column_stack([rows["subject"].map(order), rows["value"].astype(float) * factor])
    distance = np.abs(points[:, 1] - np.nanmedian(points[:, 1]))
    fails = np.flatnonzero(~rows["passes"].to_numpy(bool) & np.isfinite(points[:, 1]))
    first = fails[np.argsort(-distance[fails], kind="stable")][:MOST_LABELS]
    labels = [
        f"{subject} {session}".removesuffix(" *")
        for subject, session in rows[["subject", "session"]].iloc[first].itertuples(index=False)
    ]
    label_points(panel, points[first], labels, points[np.isfinite(points[:, 1])])


def _draw_left_out(part: SubFigure, left_out: pd.DataFrame) -> None:
    """Draw a square for each patient and reason, open where a reviewer overruled it."""
    panel = part.subplots()
    letter(panel, "b")
    subjects = sorted(set(left_out["subject"].astype(str)))
    if not subjects:
        panel.set_title("No patient was left out", weight="normal")
        panel.set_axis_off()
        return
    shown, reasons = subjects[:MOST_PATIENTS], sorted(set(left_out["reason"].astype(str)))
    rows = left_out[left_out["subject"].isin(shown)]
    overruled = rows["overruled"].to_numpy(bool)
    across = rows["subject"].map(shown.index).to_numpy(float)
    down = rows["reason"].map(reasons.index).to_numpy(float)
    faces = np.where(overruled, "#ffffff", INK)
    panel.scatter(across, down, s=14, marker="s", c=list(faces), ec=INK, lw=0.6, zorder=3)
    panel.hlines(range(len(reasons)), -0.5, len(shown) - 0.5, colors=FAINT, lw=0.5, zorder=0)
    panel.set_xticks(range(len(shown)), shown, rotation=90, size=6)
    panel.set_yticks(range(len(reasons)), [short(CHECKS.get(one, one), 48) for one in reasons])
    panel.set_ylim(len(reasons) - 0.4, -0.6)
    panel.set_xlim(-0.7, max(len(shown), 24) - 0.3)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    more = no_more(len(shown), len(subjects), "patients", "exclusions")
    kept = "; open: kept by a reviewer" if overruled.any() else ""
    panel.set_title(f"Left out, and why{f' ({more})' if more else ''}{kept}")


SUPPLEMENTARY_FIGURE_3 = Exhibit(
    name="supplementary_figure_3_quality",
    title="Quality of the scans, and who was left out",
    caption=(
        "(a) Each check, scan by scan (baseline: open, follow-up or both sessions: filled), "
        "patients from left to right in the order of their labels. Dashed: where a scan stands "
        "out, or where it is left out, if that differs. Euler number: of both surfaces before "
        "defect correction, low where a scan is poor. CNR: contrast-to-noise ratio of gray "
        "and white matter. Unusual volumes and changes: "
        "parcels in percent whose robust z is beyond the study's limit. Left and right: "
        "correlation of the scan's asymmetries with those of the cohort, negative where the sides "
        "may be exchanged. Same person: how much better another patient's scan resembles it than "
        "the patient's own, above zero where scans may be exchanged. Scans that stand out most "
        "are named where there is room. (b) Who was left out of this parcellation's analyses, and "
        "why; a check may leave a patient out by itself, and a reviewer may keep one."
    ),
    queries={"checks": CHECKS_SQL, "cohort": COHORT_SQL, "left_out": LEFT_OUT_SQL},
    draw=draw_quality,
    needs=("checks",),
    shows_patients=True,
)
