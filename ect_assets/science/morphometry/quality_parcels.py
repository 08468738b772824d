"""Checks of each patient's parcels against the cohort: outliers, exchanged sides and sessions.

Each function makes the rows of one check from log volumes; scans as a whole belong in
`quality_scans`.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from ect_assets.problems import EVERY
from ect_assets.science.morphometry.quality_limits import QualityLimits
from ect_assets.science.morphometry.quality_rows import Rows, robust_z

FEWEST_PAIRS = 10
"""Parcels with a partner on the other side, below which a pattern of asymmetry says little."""
FEWEST_PARCELS = 20
LACKING_AT_MOST = 0.2
"""Share of the parcels that a scan may lack and still be compared with those of others."""
AT_ONCE = 512
"""Patients whose correlations with all others are held at once."""
LEAST_RESEMBLANCE = 0.4
"""Median correlation of both scans of a patient, below which they tell no person from another."""
NO_PATTERN = "not compared: too few patients or pairs of parcels, or no common asymmetry."
NOT_TOLD_APART = (
    "not compared: too few patients or parcels, or the two scans of a patient are not alike enough "
    "to tell people apart."
)
LACKS_PARCELS = "not compared: {lacking} of {n} parcels have no volume in one of its scans."
NOT_COMPARED = "not compared: fewer than {fewest} patients, or all of them equal."
EXCHANGED = (
    ". They were probably exchanged; which session bears the wrong name cannot be told from "
    "volumes. Compare the images with the scanner's records."
)
DOUBTFUL = ". One of the scans may be damaged, or another person's."
_SIDE = re.compile(r"^(?:lh|rh|l|r|left|right)[_.-]|[_.-](?:lh|rh|l|r|left|right)$", re.IGNORECASE)


def log_volumes(volumes: pd.DataFrame) -> pd.DataFrame:
    """Take the logarithm of volumes.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3, as `scans_by_parcels` gives them.

    Returns
    -------
    (n_scans, n_parcels) DataFrame
        Natural logarithm of mm3; missing where there is no volume above 0.
    """
    return volumes.where(volumes > 0).apply(np.log)


def level_outliers(logs: pd.DataFrame, limits: QualityLimits) -> pd.DataFrame:
    """Find scans with many parcels whose size is unusual for a brain of this size.

    Parameters
    ----------
    logs : (n_scans, n_parcels) DataFrame
        As `log_volumes` gives it; each scan is compared within its session, with its own median
        deviation taken out.

    Returns
    -------
    DataFrame
        One row per scan, check ``parcel_level_outliers``; value: share of outlier parcels.
    """
    rows = Rows("parcel_level_outliers")
    for session, scans in logs.groupby(level="session"):
        z = robust_z(_relative(scans), limits.fewest)
        for (_, subject), row in zip(_keys(z), z.to_numpy(), strict=True):
            _add_share(rows, row, "a volume", limits, subject, str(session))
    return rows.frame()


def change_outliers(
    logs: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find patients with many parcels that changed unlike those of the cohort.

    Parameters
    ----------
    logs : DataFrame
        As `log_volumes` gives it.

    Returns
    -------
    DataFrame
        One row per patient with both sessions, check ``parcel_change_outliers``.
    """
    rows = Rows("parcel_change_outliers")
    before, after = _both(logs, sessions)
    z = robust_z(after - before, limits.fewest)
    for subject, row in zip(z.index, z.to_numpy(), strict=True):
        _add_share(rows, row, "a change", limits, str(subject))
    return rows.frame()


def swapped_sides(
    logs: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find scans in which left and right were probably exchanged.

    A scan's asymmetries, log(left / right) of each pair of parcels, are correlated over pairs
    with the mean asymmetries of the other patients, which a parcellation always has.

    Parameters
    ----------
    logs : DataFrame
        As `log_volumes` gives it.

    Returns
    -------
    DataFrame
        One row per scan, check ``left_right_swapped``; value: the correlation. One session
        against the other leaves the patient out; both against the cohort is shown only.
    """
    rows = Rows("left_right_swapped")
    asymmetries = _asymmetries(logs)
    subjects = asymmetries.index.get_level_values("subject")
    likeness: dict[tuple[str, str], float] = {}
    if asymmetries.shape[1] >= FEWEST_PAIRS and subjects.nunique() >= limits.fewest:
        found = asymmetries.corrwith(_means_of_others(asymmetries), axis=1)
        likeness = dict(zip(_keys(asymmetries), found.tolist(), strict=True))
    limit = limits.swap_correlation
    if not pd.Series(likeness, dtype="float64").median() > limit:
        rows.add(NO_PATTERN, limit=-limit)
        return rows.frame()
    for (session, subject), r in likeness.items():
        others = [likeness.get((one, subject), np.nan) for one in sessions if one != session]
        is_against = r < -limit
        is_swapped = is_against and any(other > limit for other in others)
        told = f"its left-right differences correlate with those of the cohort at {r:.2f}."
        if is_swapped:
            told += " In the other session they agree: left and right were probably exchanged."
        elif is_against:
            told += " Were left and right exchanged when the images were converted?"
        rows.add(told, r, -limit, subject, session, passes=not is_against, excludes=is_swapped)
    return rows.frame()


def exchanged_sessions(
    logs: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find patients whose scans resemble those of another patient more than each other.

    A scan's profile is its relative log volumes, z-scored over the patients of its session;
    profiles of baseline and follow-up are correlated over parcels.

    Parameters
    ----------
    logs : DataFrame
        As `log_volumes` gives it.

    Returns
    -------
    DataFrame
        One row per patient with both sessions, check ``sessions_exchanged``; value: by how much
        the best resemblance with another exceeds the own, the smaller of both sessions. Left out
        where both exceed it by the margin; shown where both do at all, or one by the margin.
        One row (subject ``*``) where patients cannot be told apart by their profiles. Patients
        who lack many parcels are not compared; what one of the others lacks is in no profile.
    """
    rows = Rows("sessions_exchanged")
    both = _both(logs, sessions)
    lacking = (both[0].isna() | both[1].isna()).sum(axis=1)
    is_compared = lacking <= LACKING_AT_MOST * logs.shape[1]
    for subject, n_lacking in lacking[~is_compared].items():
        says = LACKS_PARCELS.format(lacking=n_lacking, n=logs.shape[1])
        rows.add(says, subject=str(subject), passes=False)
    compared = [part[is_compared] for part in both]
    is_whole = compared[0].notna().all() & compared[1].notna().all()
    before, after = (_profiles(part.loc[:, is_whole]) for part in compared)
    n = len(before)
    varies = before.notna().all() & after.notna().all()
    is_enough = n >= limits.fewest and int(varies.sum()) >= FEWEST_PARCELS
    own, nearest, best = (
        _resemblances(before.loc[:, varies].to_numpy(), after.loc[:, varies].to_numpy())
        if is_enough
        else (np.zeros(n), np.zeros((2, n), dtype=int), np.zeros((2, n)))
    )
    if not is_enough or not np.median(own) >= LEAST_RESEMBLANCE:
        rows.add(NOT_TOLD_APART, limit=limits.exchange_margin)
        return rows.frame()
    excess = best - own
    for place, subject in enumerate(before.index):
        smaller, larger = sorted(excess[:, place])
        is_exchanged = smaller > limits.exchange_margin
        is_doubtful = smaller > 0 or larger > limits.exchange_margin
        told = f"its two scans resemble each other with r = {own[place]:.2f}"
        if is_doubtful:
            told += "".join(
                f"; the one of ses-{session} resembles sub-{before.index[other[place]]} in "
                f"ses-{partner} with {own[place] + one[place]:.2f}"
                for session, partner, other, one in zip(
                    sessions, reversed(sessions), nearest, excess, strict=True
                )
            )
            told += EXCHANGED if is_exchanged else DOUBTFUL
        else:
            told += ", more than those of any other patient."
        limit = limits.exchange_margin if is_exchanged else 0.0
        rows.add(
            told,
            float(smaller),
            limit,
            str(subject),
            passes=not is_doubtful,
            excludes=is_exchanged,
        )
    return rows.frame()


def _resemblances(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, ...]:
    """Correlate the rows of both over columns, patients with themselves and with all others.

    Returns
    -------
    own : (n,) array
        Each patient with itself.
    nearest, best : (2, n) array
        Who else's row of `after` each row of `before` resembles most, and how much; and the other
        way round. Of the n x n correlations only `AT_ONCE` rows are held.
    """
    first, second = _unit_rows(before), _unit_rows(after)
    n = len(first)
    nearest, best = np.zeros((2, n), dtype=int), np.full((2, n), -np.inf)
    for start in range(0, n, AT_ONCE):
        r = first[start : start + AT_ONCE] @ second.T
        here = np.arange(start, start + len(r))
        r[here - start, here] = -np.inf
        nearest[0, here], best[0, here] = r.argmax(axis=1), r.max(axis=1)
        highest, row = r.max(axis=0), r.argmax(axis=0)
        is_better = highest > best[1]
        nearest[1, is_better] = start + row[is_better]
        best[1, is_better] = highest[is_better]
    return (first * second).sum(axis=1), nearest, best


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).sum(axis=1, keepdims=True))


def _means_of_others(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the mean of each column over the rows of all other patients, for each row."""
    subjects = rows.index.get_level_values("subject")
    sums, counts = rows.fillna(0.0), rows.notna().astype("float64")
    others, n = (one.sum() - one.groupby(subjects).transform("sum") for one in (sums, counts))
    return others / n.where(n > 0)


def _add_share(
    rows: Rows,
    z: np.ndarray,
    what: str,
    limits: QualityLimits,
    subject: str,
    session: str = EVERY,
) -> None:
    compared = z[~np.isnan(z)]
    if not compared.size:
        rows.add(NOT_COMPARED.format(fewest=limits.fewest), subject=subject, session=session)
        return
    unusual = np.abs(compared) > limits.outlier_z
    share = float(unusual.mean())
    is_out, is_high = share > limits.parcel_share_excludes, share > limits.parcel_share_warns
    rows.add(
        f"{unusual.sum()} of {len(compared)} parcels have {what} unlike that of the cohort "
        f"(|robust z| above {limits.outlier_z:g})."
        + (" Look at the segmentation of this patient." if is_high else ""),
        share,
        limits.parcel_share_excludes if is_out else limits.parcel_share_warns,
        subject,
        session,
        passes=not is_high,
        excludes=is_out,
    )


def _keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """List session and subject of each row."""
    return [(str(session), str(subject)) for session, subject in frame.index.tolist()]


def _relative(logs: pd.DataFrame) -> pd.DataFrame:
    """Take out each scan's size: its median deviation from the parcels' medians."""
    deviations = logs - logs.median()
    return logs.sub(deviations.median(axis=1), axis=0)


def _profiles(logs: pd.DataFrame) -> pd.DataFrame:
    relative = _relative(logs)
    spread = relative.std()
    return (relative - relative.mean()) / spread.where(spread > 0)


def _both(logs: pd.DataFrame, sessions: tuple[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the scans of the patients who have both sessions, in the same order."""
    there = logs.index.get_level_values("session")
    before, after = (logs.loc[there.isin([one])].droplevel("session") for one in sessions)
    subjects = before.index.intersection(after.index).sort_values()
    return before.loc[subjects], after.loc[subjects]


def _asymmetries(logs: pd.DataFrame) -> pd.DataFrame:
    """Subtract right from left log volumes, pair by pair."""
    sides: dict[str, dict[str, str]] = {}
    for parcel in logs.columns:
        side = _SIDE.search(parcel)
        if side:
            first = side[0].strip("_.-")[0].upper()
            sides.setdefault(_SIDE.sub("", parcel, count=1), {})[first] = parcel
    pairs = [(pair["L"], pair["R"]) for pair in sides.values() if {"L", "R"} <= set(pair)]
    left, right = logs[[one for one, _ in pairs]], logs[[one for _, one in pairs]]
    return pd.DataFrame(left.to_numpy() - right.to_numpy(), index=logs.index)
