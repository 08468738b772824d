"""What several figures of the report share: how numbers are written, pairs, means, plain names.

What every figure looks like belongs in `figure_style`; what is shown in the figures' modules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ect_assets.report.figures.figure_style import DOWN, INK, QUIET, UP

MINUS = "\u2212"
LONGEST_NAME, LONGEST_LABEL, LONGEST_SESSION = 30, 32, 9
SPREAD = 0.08
"""How far apart dots stand that would lie on one another, in widths of their panel's one unit."""


def parts_below_one_another(figure: Figure, heights: Sequence[float]) -> list[SubFigure]:
    """Cut a figure into parts of some heights, from the top."""
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=list(heights))
    return list(np.asarray(parts, dtype=object).ravel())


def sign_colour(change: float) -> str:
    """Choose the colour of a change: of growth, of loss, or gray where it is zero or unknown."""
    if change > 0:
        return UP
    return DOWN if change < 0 else QUIET


def signed(number: float, decimals: int = 1) -> str:
    """Write a number with its sign, as it is printed: ``+2.1`` or with a minus sign."""
    return f"{round(number, decimals) + 0.0:+.{decimals}f}".replace("-", MINUS)


def number(value: float, decimals: int = 2) -> str:
    """Write a number as it is printed, with a minus sign where it is below zero."""
    # Adding zero takes the sign from what is rounded to zero.
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", MINUS)


def probability(p: float | None) -> str:
    """Write a p or q value as papers do: ``0.013`` or ``< 0.001``; ``none`` where there is none."""
    if p is None or not np.isfinite(p):
        return "none"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def equation(name: str, p: float | None) -> str:
    """Write ``p = 0.013``, ``p < 0.001`` or ``p unknown``."""
    value = probability(p)
    if value == "none":
        return f"{name} unknown"
    return f"{name} {value}" if value.startswith("<") else f"{name} = {value}"


def signs_typeset(words: str) -> str:
    """Write the side ``PLS1-`` of a component with a minus sign."""
    return words.replace("PLS1-", f"PLS1{MINUS}")


def short(name: str, longest: int = LONGEST_NAME) -> str:
    """Shorten a name that would not fit at its place."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def short_label(label: str, longest: int = LONGEST_LABEL) -> str:
    """Shorten the name of a parcel, and keep its side: ``banks of the super…, left``."""
    name, comma, side = label.rpartition(", ")
    return f"{short(name, longest - len(comma + side))}{comma}{side}"


def mean_and_interval(values: ArrayLike) -> tuple[float, float]:
    """Give the mean and half the width of its 95 % interval, of Student's t.

    Parameters
    ----------
    values : (n,) array
        What is not finite does not count.

    Returns
    -------
    mean, half_width : float
        NaN where there are too few values.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    if len(known) < 2:
        return (float(known[0]) if len(known) else np.nan), np.nan
    error = known.std(ddof=1) / np.sqrt(len(known))
    return float(known.mean()), float(stats.t.ppf(0.975, len(known) - 1) * error)


def paired_lines(
    panel: Axes,
    subjects: Iterable[str],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    sessions: tuple[str, str],
) -> None:
    """Draw a line per patient from before to after, and both means with their 95 % intervals.

    Parameters
    ----------
    subjects : iterable of str
        Label of each line.
    before, after : (n_subjects,) array
    sessions : pair of str
        Names of both.
    """
    for subject, start, end in zip(subjects, before, after, strict=True):
        colour = sign_colour(end - start)
        panel.plot([0, 1], [start, end], color=colour, lw=0.6, alpha=0.6, label=str(subject))
    for place, values in ((-0.17, before), (1.17, after)):
        mean_marker(panel, place, *mean_and_interval(values))
    panel.set_xlim(-0.32, 1.32)
    panel.set_xticks([0, 1], [short(session, LONGEST_SESSION) for session in sessions])


def mean_marker(
    panel: Axes, place: float, mean: float, below: float, above: float | None = None
) -> None:
    """Mark a mean and its interval: how far it reaches below, and above where that differs."""
    reach = np.maximum([[below], [below if above is None else above]], 0)
    panel.errorbar(
        [place], [mean], yerr=reach, fmt="o", ms=3, color=INK, capsize=2, lw=1, capthick=1, zorder=4
    )


def side_by_side(values: NDArray[np.float64], n_levels: int = 25) -> NDArray[np.float64]:
    """Place dots of nearly the same height beside one another, about 0.

    Parameters
    ----------
    values : (n,) array
    n_levels : int
        Into how many heights the range is cut.

    Returns
    -------
    (n,) array
        Where each stands across, in `SPREAD`.
    """
    across = np.zeros(len(values))
    known = np.isfinite(values)
    if known.sum() < 2 or np.ptp(values[known]) == 0:
        levels = np.zeros(len(values))
    else:
        low, reach = values[known].min(), np.ptp(values[known])
        levels = np.floor((np.where(known, values, low) - low) / reach * n_levels)
    for level in np.unique(levels):
        here = np.flatnonzero(levels == level)
        across[here] = (np.arange(len(here)) - (len(here) - 1) / 2) * SPREAD
    return across


def no_more(n_shown: int, n_all: int, what: str, where: str) -> str:
    """Say how many more there are than are shown; empty where there are none."""
    return f"{n_all - n_shown} more {what} in {where}" if n_all > n_shown else ""
