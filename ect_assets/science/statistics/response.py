"""Improvement of a score, response and remission, patient by patient.

Which way is better, and where the thresholds lie, is the caller's `Meaning`; how a mean change is
tested belongs in `change`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Meaning:
    """What the scores of an instrument mean.

    Attributes
    ----------
    better : str
        ``lower`` or ``higher``.
    response_percent : float or None
        Improvement in percent of the baseline's distance from `lowest` that counts as response.
    response_points : float or None
        The same in points.
    remission : float or None
        The worst score that counts as remission.
    lowest : float
        Least score of the scale, from which percent are counted where lower is better.
    """

    better: Better = "lower"
    response_percent: float | None = None
    response_points: float | None = None
    remission: float | None = None
    lowest: float = 0.0

    @property
    def sign(self) -> int:
        """What a change (follow-up minus baseline) is multiplied by to be an improvement."""
        return -1 if self.better == "lower" else 1


def improvement(baseline: ArrayLike, follow_up: ArrayLike, meaning: Meaning) -> FloatArray:
    """Give by how many points each patient got better: (n_subjects,) array."""
    baseline = finite("The baseline score", baseline, 1)
    follow_up = finite("The follow-up score", follow_up, 1)
    same_length("The baseline score", baseline, "the follow-up score", follow_up)
    return meaning.sign * (follow_up - baseline)


def responses(baseline: ArrayLike, follow_up: ArrayLike, meaning: Meaning) -> pd.DataFrame:
    """Say who responded and who is in remission.

    Parameters
    ----------
    baseline, follow_up : (n_subjects,) array
        Scores, the same subjects in the same order.

    Returns
    -------
    DataFrame
        baseline_score, follow_up_score, improvement (points), percent_improvement (of the
        baseline's distance from the lowest score; missing where that is 0, or higher is better),
        responded and remitted (missing without a threshold, or without the percent it needs).
    """
    better = improvement(baseline, follow_up, meaning)
    before, after = np.asarray(baseline, float), np.asarray(follow_up, float)
    room = before - meaning.lowest if meaning.better == "lower" else np.zeros(len(before))
    percent = np.full(len(before), np.nan)
    np.divide(100 * better, room, out=percent, where=room > 0)
    frame = pd.DataFrame(
        {
            "baseline_score": before,
            "follow_up_score": after,
            "improvement": better,
            "percent_improvement": percent,
        }
    )
    responded = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    if meaning.response_points is not None:
        responded = (frame.improvement >= meaning.response_points).astype("boolean")
    elif meaning.response_percent is not None:
        is_known = frame.percent_improvement.notna()
        reached = (frame.percent_improvement >= meaning.response_percent).astype("boolean")
        responded = reached.where(is_known, pd.NA)
    remitted = pd.Series(pd.NA, index=frame.index, dtype="boolean")
    if meaning.remission is not None:
        distance = meaning.sign * (frame.follow_up_score - meaning.remission)
        remitted = (distance >= 0).astype("boolean")
    return frame.assign(responded=responded, remitted=remitted)
