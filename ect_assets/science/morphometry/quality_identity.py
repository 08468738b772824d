"""Checks of whose volumes these are: a session copied from the other, one person under two labels.

Two scans are compared parcel by parcel, whatever factor lies between them. Images that are the
same byte for byte are found in `quality_scans`; scans exchanged between patients in
`quality_parcels`.

How alike is too alike (spread of log volume ratios over parcels, `_spreads`):

- Two people: never below 0.11 among the 3,444 pairs of scans of the 42 people of ds000174
  (68 parcels), nor below 0.086 among the simulated patients. Fewer parcels tell less, so the limit
  falls with their number; over 20 random choices of 45, 30, 20, 14, 10 and 6 parcels of ds000174
  the closest two people kept at least 2.1 times the limit.
- Two scans of one person: 0.10 to 0.32 in ds000174 (three years, cross-sectional FreeSurfer), 0.017
  to 0.040 in the simulated patients (weeks). What volumes rounded to 1 mm3 add stays below 0.001.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.problems import listed
from ect_assets.science.morphometry.quality_limits import QualityLimits
from ect_assets.science.morphometry.quality_rows import NORMAL_MAD, Rows

PARCELS_FOR_PERSONS, PARCELS_FOR_SCANS = 60, 20
"""Parcels from which the limits of `QualityLimits` hold; with fewer they are smaller."""
SAME_SCAN_SHARE = 1 / 6
"""Of the cohort's median spread between the sessions of a person, below which they are one scan."""
FEWEST_COMPARED = 6
"""Parcels below which no two scans are compared."""
SCREENED = 3.0
"""Pairs whose standard deviation is above so many times the limit are not looked at closely: a
tenth of the parcels may have been edited, and the others count."""
FEWEST_PEOPLE = 10
"""Below so many people, how much two of them resemble each other by chance is not known."""
SDS_OF_STRANGERS = 6.0
"""How far from that of two strangers the mean resemblance of two labels lies that no two of 10,000
patients have; that of each two scans is beyond half of it (not so where two were exchanged)."""
OWN_MARGIN = 0.1
"""One person under two labels resembles the other label about as much as itself."""
AT_ONCE = 512
"""Scans that are compared with all others at once."""
CENTRAL, NORMAL_CENTRAL = 0.9, 1.6448536269514722
"""The share of parcels that counts, and the normal quantile of its absolute deviations."""
NOT_COMPARED = f"not compared: fewer than {FEWEST_COMPARED} parcels have a volume in both."
NOT_ASKED = "not compared: {} is 0 under [quality] in study.toml."
COPIED = (
    ". One of them is a copy, perhaps under another scale. Put the right scan, or the right rows, "
    "in its place."
)
ONE_PERSON = (
    ". They are probably the same person under two labels, or a scan was filed under the wrong "
    "one. Compare them with the scanner's records and remove or replace what is wrong; to keep one "
    "of them, overrule it in reviewed.tsv."
)


def copied_sessions(
    logs: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find patients whose two sessions have the volumes of one scan, up to a factor and rounding.

    Parameters
    ----------
    logs : (n_scans, n_parcels) DataFrame
        As `log_volumes` gives it.

    Returns
    -------
    DataFrame
        One row per patient with both sessions, check ``session_copied``; value: the spread of the
        log ratios of both. The limit is a spread that no two scans have, or a sixth of the
        cohort's median where that is larger: people scanned again years later differ so much that
        a copy to which noise was added stands out.
    """
    rows = Rows("session_copied")
    before, after = _of_both(logs, sessions)
    if not limits.same_session_percent:
        rows.add(NOT_ASKED.format("same_session_percent"))
        return rows.frame()
    spreads, n_parcels = _spreads(before.to_numpy(), after.to_numpy())
    known = spreads[~np.isnan(spreads)]
    usual = float(np.median(known)) if len(known) >= limits.fewest else 0.0
    for subject, spread, n in zip(before.index, spreads, n_parcels, strict=True):
        if np.isnan(spread):
            rows.add(NOT_COMPARED, subject=str(subject))
            continue
        largest = max(limits.same_session_percent / 100, SAME_SCAN_SHARE * usual)
        limit = largest * min(1.0, n / PARCELS_FOR_SCANS)
        is_copy = bool(spread <= limit)
        told = (
            f"the volumes of ses-{sessions[0]} and ses-{sessions[1]} differ by {_percent(spread)} "
            f"over {n} parcels, apart from one factor for all"
        )
        told += COPIED if is_copy else "."
        rows.add(told, spread, limit, str(subject), passes=not is_copy, excludes=is_copy)
    return rows.frame()


def people_twice(
    logs: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find patients whose volumes are those of another label.

    Two ways. A scan that is a copy of another label's, up to a factor and noise, is closer to it
    than two people ever are. And one person scanned under two labels is told by profiles (relative
    log volumes, z-scored over patients): all scans of both labels resemble each other as those of
    one label do, far beyond what strangers reach by chance.

    Parameters
    ----------
    logs : (n_scans, n_parcels) DataFrame
        As `log_volumes` gives it.

    Returns
    -------
    DataFrame
        One row per patient, check ``person_twice``; value: the spread of the log ratios to the
        closest scan of another label. Both labels are left out: which of them is right cannot be
        told from volumes.
    """
    rows = Rows("person_twice")
    if not limits.same_person_percent:
        rows.add(NOT_ASKED.format("same_person_percent"))
        return rows.frame()
    same = limits.same_person_percent / 100
    subjects = logs.index.get_level_values("subject").astype(str)
    alike: dict[str, set[str]] = {}
    closest: dict[str, tuple[float, float]] = {}
    for one, other, spreads, limits_here in _closest_pairs(logs, same):
        both = np.concatenate([one, other])
        order = np.lexsort([np.tile(limits_here, 2), np.tile(spreads, 2)])
        for place in order[np.unique(subjects[both[order]], return_index=True)[1]]:
            found = float(spreads[place % len(one)]), float(limits_here[place % len(one)])
            subject = subjects[both[place]]
            closest[subject] = min(closest.get(subject, (np.inf, np.inf)), found)
        for pair in np.flatnonzero(spreads <= limits_here):
            _note(alike, subjects[one[pair]], subjects[other[pair]])
    for first, second in _resembling_pairs(logs, sessions):
        _note(alike, first, second)
    for subject in sorted(set(subjects)):
        others = [f"sub-{one}" for one in sorted(alike.get(subject, ()))]
        spread, limit = closest.get(subject, (np.nan, np.nan))
        if others:
            told = f"its volumes are those of {listed(others)}"
            told += f" (the closest scan differs by {_percent(spread)}, apart from one factor)"
            told += ONE_PERSON
        elif np.isnan(spread):
            told = "not compared: no other patient has enough parcels in common."
        else:
            told = f"the closest scan of another patient differs by {_percent(spread)}."
        is_twice = bool(others)
        rows.add(told, spread, limit, subject, passes=not is_twice, excludes=is_twice)
    return rows.frame()


def _note(alike: dict[str, set[str]], one: str, other: str) -> None:
    alike.setdefault(one, set()).add(other)
    alike.setdefault(other, set()).add(one)


def _percent(spread: float) -> str:
    return f"{100 * spread:.2g} %"


def _spreads(first: NDArray, second: NDArray) -> tuple[NDArray, NDArray]:
    """Measure how far the rows of both are from being one profile times a factor.

    Returns
    -------
    spreads : (n,) array
        The 90 % quantile of the absolute deviations of the log ratios from their median, over that
        of a standard normal: their standard deviation where they are normal, whatever the most
        extreme tenth does. Missing where too few parcels are in both, or all have one size.
    n_parcels : (n,) array
        Parcels that both have.
    """
    ratios = second - first
    n_parcels = np.isfinite(ratios).sum(axis=1)
    known = np.where(np.isfinite(first), first, np.nan)
    highest = np.fmax.reduce(known, axis=1, initial=-np.inf)
    has_profile = highest > np.fmin.reduce(known, axis=1, initial=np.inf)
    spreads = np.full(len(ratios), np.nan)
    is_measured = (n_parcels >= FEWEST_COMPARED) & has_profile
    is_whole = n_parcels == ratios.shape[1]
    # The functions that look for missing values take a hundred times as long.
    for rows, median, quantile in (
        (is_measured & is_whole, np.median, np.quantile),
        (is_measured & ~is_whole, np.nanmedian, np.nanquantile),
    ):
        if rows.any():
            deviations = np.abs(ratios[rows] - median(ratios[rows], axis=1, keepdims=True))
            spreads[rows] = quantile(deviations, CENTRAL, axis=1) / NORMAL_CENTRAL
    return spreads, n_parcels


def _closest_pairs(logs: pd.DataFrame, same: float) -> Iterator[tuple[NDArray, ...]]:
    """Give pairs of scans of different labels: for each scan its closest, and all close ones.

    In blocks: places of the one and of the other, their spreads, the limits of these.

    Distances of all pairs are standard deviations, by one product of matrices; only the pairs that
    may be close are measured again with `_spreads`.
    """
    values = logs.to_numpy(dtype="float64")
    if len(values) < 2 or values.shape[1] < FEWEST_COMPARED:
        return
    deviations = values - np.nanmedian(np.where(np.isfinite(values), values, np.nan), axis=0)
    deviations -= np.nanmedian(deviations, axis=1, keepdims=True)
    filled = np.nan_to_num(deviations, nan=0.0, posinf=0.0, neginf=0.0)
    filled -= filled.mean(axis=1, keepdims=True)
    squares = (filled**2).sum(axis=1)
    codes = pd.factorize(logs.index.get_level_values("subject"))[0]
    near = (SCREENED * same) ** 2 * filled.shape[1]
    for start in range(0, len(filled), AT_ONCE):
        here = np.arange(start, min(start + AT_ONCE, len(filled)))
        apart = squares[here, None] + squares - 2 * filled[here] @ filled.T
        apart[codes[here, None] == codes] = np.inf
        # Of two scans that are near each other, each is near the other: measured once.
        is_near = (apart <= near) & (here[:, None] < np.arange(len(filled)))
        is_near[np.arange(len(here)), apart.argmin(axis=1)] = True
        row, other = np.nonzero(is_near & np.isfinite(apart))
        one = here[row]
        spreads, n_parcels = _spreads(values[one], values[other])
        limits = same * np.minimum(1.0, n_parcels / PARCELS_FOR_PERSONS)
        is_known = ~np.isnan(spreads)
        yield one[is_known], other[is_known], spreads[is_known], limits[is_known]


def _resembling_pairs(logs: pd.DataFrame, sessions: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Give pairs of labels all of whose scans resemble each other as those of one person do."""
    profiles = [_unit_profiles(one) for one in _of_both(logs.dropna(axis=1), sessions)]
    n, n_parcels = profiles[0].shape
    if n < FEWEST_PEOPLE or n_parcels < PARCELS_FOR_PERSONS // 2:
        return
    own = (profiles[0] * profiles[1]).sum(axis=1)
    subjects = _of_both(logs, sessions)[0].index.astype(str)
    strangers = np.arctanh(np.clip(_cross(profiles, slice(0, AT_ONCE))[0], -0.999, 0.999))
    is_of_two = np.arange(len(strangers))[:, None] != np.arange(n)
    off_diagonal = strangers[is_of_two]
    centre = float(np.median(off_diagonal))
    sd = NORMAL_MAD * float(np.median(np.abs(off_diagonal - centre)))
    limit, least = np.tanh(centre + np.array([1.0, 0.5]) * SDS_OF_STRANGERS * sd)
    for start in range(0, n, AT_ONCE):
        lowest, mean = _cross(profiles, slice(start, start + AT_ONCE))[1:]
        here = np.arange(start, start + len(lowest))
        as_own = np.minimum(own[here, None], own) - OWN_MARGIN
        is_alike = (mean > limit) & (lowest > least) & (mean > as_own)
        for row, other in zip(*np.nonzero(is_alike), strict=True):
            if here[row] < other:
                yield subjects[here[row]], subjects[other]


def _cross(profiles: list[NDArray], rows: slice) -> tuple[NDArray, NDArray, NDArray]:
    """Correlate some patients with all: one pair of sessions; the lowest and the mean of all four.

    Within a session, people are compared with the others of it; across, with those of the other.
    """
    each = [one[rows] @ other.T for one, other in product(profiles, profiles)]
    return each[1], np.minimum.reduce(each), sum(each) / len(each)


def _unit_profiles(logs: pd.DataFrame) -> NDArray:
    """Give each scan's relative log volumes, z-scored over patients, centred and of length 1."""
    values = logs.to_numpy(dtype="float64")
    if not values.size:
        return values
    relative = values - np.median(values, axis=0)
    relative = relative - np.median(relative, axis=1, keepdims=True)
    spread = relative.std(axis=0)
    varies = spread > 0
    z = (relative[:, varies] - relative[:, varies].mean(axis=0)) / spread[varies]
    z = z - z.mean(axis=1, keepdims=True) if z.size else z
    length = np.sqrt((z**2).sum(axis=1, keepdims=True))
    return np.divide(z, length, out=np.zeros_like(z), where=length > 0)


def _of_both(logs: pd.DataFrame, sessions: tuple[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the scans of the patients who have both sessions, in the same order."""
    there = logs.index.get_level_values("session")
    before, after = (logs.loc[there.isin([one])].droplevel("session") for one in sessions)
    subjects = before.index.intersection(after.index).sort_values()
    return before.loc[subjects], after.loc[subjects]
