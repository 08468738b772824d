"""Simulated patients: who they are, what they take, how ill they are before and after.

Ages, education and course of illness reproduce the means and spreads of the paper's Table 1.
The brains belong in `simulation`; here a brain is only a number, how strongly it responds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

SHARE_MALE = 9 / 24
AGE_YEARS = (31.54, 10.77)
EDUCATION_YEARS = (10.96, 2.85)
ONSET_AGE_YEARS = (27.54, 12.17)
EPISODE_MONTHS = (2.98, 6.40)
YOUNGEST_YEARS, OLDEST_YEARS = 16, 75
EARLIEST_ONSET_YEARS = 10
OF_ILLNESS = ("onset_age_years", "episode_months", "antidepressants_pre", "antidepressants_post")
ILLNESS_YEARS = (4.0, 6.0)
"""Age minus age at onset: its mean follows from Table 1, its SD is ours."""
ANTIDEPRESSANTS = [(0, 0)] + 11 * [(1, 1)] + 6 * [(1, 2)] + 4 * [(2, 2)] + 2 * [(2, 3)]
"""Types taken before and after, one pair per patient of Table 1."""

HAMD_BASELINE = (23.5, 4.5)
HAMD_REDUCTION = (17.0, 6.2)
"""Gives t(23) near the published -13.93 once scores are whole and none is below zero."""
HAMD_MAXIMUM = 52
REDUCTION_WITH_AMPLITUDE = 0.6
REDUCTION_WITH_BASELINE = 0.5


def skewed(draws: np.ndarray, mean: float, sd: float, low: float) -> np.ndarray:
    """Bend normal draws into right-skewed values above a bound, with a given mean and SD.

    Parameters
    ----------
    draws : (n,) array
        Standard normal.
    mean, sd, low : float
        Of the values wanted.

    Returns
    -------
    (n,) array
        low + (mean - low) exp(k z) / mean(exp(k z)), with the k whose SD comes closest.
    """
    steepness = np.linspace(0.02, 4.0, 400)[:, None]
    shape = np.exp(steepness * draws)
    values = low + (mean - low) * shape / shape.mean(axis=1, keepdims=True)
    return values[np.abs(values.std(axis=1, ddof=1) - sd).argmin()]


def rounded(
    values: np.ndarray,
    mean: float,
    sd: float,
    low: np.ndarray | float,
    high: np.ndarray | float,
    step: float = 1.0,
) -> np.ndarray:
    """Round values to whole steps so that their mean and SD stay as near as possible to targets.

    Parameters
    ----------
    values : (n,) array
        Any numbers.
    mean, sd : float
        Targets (ddof 1).
    low, high : float or (n,) array
        Bounds of each value, both whole steps.
    step : float
        Width of a whole step.

    Returns
    -------
    (n,) array
        Found by moving one value up and another down, or one alone, one step at a time, as long
        as that brings mean and SD nearer.
    """
    steps = np.clip(np.round(values / step), np.asarray(low) / step, np.asarray(high) / step)
    n = len(steps)
    unit = np.vstack([np.eye(n), np.zeros(n)])
    moves = (unit[:, None, :] - unit[None, :, :]).reshape(-1, n)
    moves = moves[np.abs(moves).sum(axis=1) > 0]
    best = _distance(steps[None, :] * step, mean, sd)[0]
    while True:
        candidates = (steps + moves) * step
        distance = _distance(candidates, mean, sd)
        is_allowed = ((candidates >= low) & (candidates <= high)).all(axis=1)
        distance[~is_allowed] = np.inf
        if not distance.min() < best - 1e-9:
            return steps * step
        best = distance.min()
        steps = steps + moves[distance.argmin()]


def _distance(candidates: np.ndarray, mean: float, sd: float) -> np.ndarray:
    return (candidates.mean(axis=1) - mean) ** 2 + (candidates.std(axis=1, ddof=1) - sd) ** 2


def draw_sexes(n_patients: int, random: np.random.Generator) -> np.ndarray:
    """Draw who is male, in the proportion of Table 1: (n,) array of bool."""
    is_male = np.arange(n_patients) < round(n_patients * SHARE_MALE)
    return random.permutation(is_male)


def draw_participants(
    labels: list[str], is_male: np.ndarray, random: np.random.Generator
) -> pd.DataFrame:
    """Draw the table of patients.

    Parameters
    ----------
    labels : list of str
        BIDS labels without ``sub-``.
    is_male : (n,) array of bool
        As `draw_sexes` gives it.

    Returns
    -------
    DataFrame
        Columns of participants.tsv: participant_id, age, sex, education_years, onset_age_years,
        episode_months, site, antidepressants_pre, antidepressants_post.

    References
    ----------
    Liu X, Niu J, Liao W, Du L (2025). Psychological Medicine 55:e118, Table 1.
    """
    n = len(labels)
    draws = random.standard_normal((4, n))
    age = skewed(draws[0], *AGE_YEARS, low=YOUNGEST_YEARS)
    age = rounded(age, *AGE_YEARS, low=YOUNGEST_YEARS, high=OLDEST_YEARS)
    onset = age - skewed(draws[1], *ILLNESS_YEARS, low=0.0)
    onset = rounded(onset, *ONSET_AGE_YEARS, low=EARLIEST_ONSET_YEARS, high=age)
    education = EDUCATION_YEARS[0] + EDUCATION_YEARS[1] * draws[2]
    education = rounded(education, *EDUCATION_YEARS, low=5.0, high=19.0)
    episode = skewed(draws[3], *EPISODE_MONTHS, low=0.0)
    episode = rounded(episode, *EPISODE_MONTHS, low=0.5, high=60.0, step=0.5)
    # The longest episodes go to those who have been ill for longest.
    by_illness = np.argsort(age - onset + random.uniform(size=n))
    episode[by_illness] = np.sort(episode)
    types = random.permutation(np.resize(np.array(ANTIDEPRESSANTS), (n, 2)))
    return pd.DataFrame(
        {
            "participant_id": [f"sub-{label}" for label in labels],
            "age": age.astype(int),
            "sex": np.where(is_male, "M", "F"),
            "education_years": education.astype(int),
            "onset_age_years": onset.astype(int),
            "episode_months": episode,
            "site": "simulated",
            "antidepressants_pre": types[:, 0],
            "antidepressants_post": types[:, 1],
        }
    )


def never_ill(participants: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `draw_participants` without what only patients have."""
    empty = pd.array([pd.NA] * len(participants), dtype="Int64")
    return participants.assign(**dict.fromkeys(OF_ILLNESS, empty))


def draw_treatment(n: int, random: np.random.Generator) -> list[tuple[int, str, int]]:
    """Draw each patient's number of ECT sessions, placement, and days between the scans.

    Three sessions a week, as is usual; neither brain nor ratings follow them.
    """
    sessions = random.integers(6, 13, n)
    placements = random.choice(["RUL", "BT"], n, p=[0.7, 0.3])
    days = np.ceil(sessions * 7 / 3).astype(int) + random.integers(2, 8, n)
    return list(zip(sessions.tolist(), placements.tolist(), days.tolist(), strict=True))


def uncorrelated(columns: np.ndarray) -> np.ndarray:
    """Make columns of mean 0, SD 1 and no correlation, the first one kept up to scale.

    Parameters
    ----------
    columns : (n, k) array
        One variable per column.

    Returns
    -------
    (n, k) array
        With n <= k there is no such thing, and the columns are only standardised.
    """
    centred = columns - columns.mean(axis=0)
    n, k = columns.shape
    if n > k:
        orthogonal, triangle = np.linalg.qr(centred)
        centred = orthogonal * np.sign(np.diag(triangle))
    return centred / centred.std(axis=0, ddof=1)


def draw_hamd(amplitude: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draw ratings of depression before and after, whose fall follows the brain's response.

    Parameters
    ----------
    amplitude : (n,) array
        How strongly each patient's brain responds.

    Returns
    -------
    (n, 2) array of int
        HAMD-17, 0 to 52: before and after.
    """
    draws = random.standard_normal((len(amplitude), 2))
    response, severity, rest = uncorrelated(np.column_stack([amplitude, draws])).T
    rest_share = np.sqrt(1 - REDUCTION_WITH_AMPLITUDE**2 - REDUCTION_WITH_BASELINE**2)
    before = np.round(HAMD_BASELINE[0] + HAMD_BASELINE[1] * severity)
    reduction = HAMD_REDUCTION[0] + HAMD_REDUCTION[1] * (
        REDUCTION_WITH_AMPLITUDE * response + REDUCTION_WITH_BASELINE * severity + rest_share * rest
    )
    scores = np.column_stack([before, np.round(before - reduction)])
    return np.clip(scores, 0, HAMD_MAXIMUM).astype(int)
