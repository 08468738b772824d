"""Checks of each scan as a whole: surfaces, contrast, intracranial volume, source, identity.

Each function makes the rows of one check; parcels belong in `quality_parcels`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ect_assets.problems import listed
from ect_assets.science.morphometry.quality_limits import QualityLimits
from ect_assets.science.morphometry.quality_rows import Rows, robust_centre_and_scale

ONE_SITE = ""
LEAST_SPREAD = 0.3
"""SD of log(1 + holes) below which no site is taken to be: so alike, two holes would be many."""

LOOK_AT_BOTH = " Look at both scans: coverage, motion, another sequence or scanner."
SHIFTED = (
    " The two sessions were probably acquired or processed differently, and so changes of gray "
    "matter may be changes of the scanner."
)
PROCESS_ALIKE = " A change would be one of the program: process both sessions alike."
INCOMPARABLE = " Volumes of different programs or versions are not comparable."


def euler_numbers(
    scan_volumes: pd.DataFrame, limits: QualityLimits, sites: Mapping[str, str]
) -> pd.DataFrame:
    """Find scans whose surfaces had many more holes before correction than those of their site.

    Compared is log(1 + holes): counts of holes are skewed, and on their own scale ordinary scans
    would be outliers. The Euler number of both hemispheres together is 4 - 2 x holes.

    Parameters
    ----------
    scan_volumes : DataFrame
        Rows of the table `scan_volumes`.
    sites : mapping of str to str
        Site of each subject; those without one are compared with each other.

    Returns
    -------
    DataFrame
        One row per scan, check ``euler_number_low``; none where no scan has a count.

    References
    ----------
    Rosen AFG et al. (2018). Quantitative assessment of structural image quality. NeuroImage
    169:407-418. Monereo-Sanchez J et al. (2021). Quality control strategies for brain MRI
    segmentation and parcellation. NeuroImage 237:118174.
    """
    holes = scan_volumes["qc_euler_holes"].astype("float64")
    rows = Rows("euler_number_low")
    for site, scans in _by_site(scan_volumes, holes, sites):
        limit_holes = _limit(np.log1p(holes[scans].to_numpy()), limits, True, LEAST_SPREAD)
        limit = 4 - 2 * np.expm1(limit_holes)
        median = holes[scans].median()
        for one in scans:
            row = scan_volumes.loc[one]
            euler = 4 - 2 * holes[one]
            is_low = euler < limit
            told = (
                f"{_count(holes[one], 'surface hole')} (Euler number {euler:.0f}); median of {site}"
                f" {median:g}, an outlier is above {np.expm1(limit_holes):.0f}."
                if np.isfinite(limit)
                else f"{_count(holes[one], 'surface hole')}; {_too_few(len(scans), site, limits)}"
            )
            fix = " The reconstruction probably failed: look at it, and run it again."
            rows.add(
                told + (fix if is_low else ""),
                euler,
                limit,
                row["subject"],
                row["session"],
                passes=not is_low,
                excludes=is_low,
            )
    return rows.frame()


def contrasts(
    scan_volumes: pd.DataFrame, limits: QualityLimits, sites: Mapping[str, str]
) -> pd.DataFrame:
    """Find scans whose contrast of gray and white matter is far below that of their site.

    Parameters
    ----------
    scan_volumes, limits, sites
        As `euler_numbers`; compared is ``qc_cnr``.

    Returns
    -------
    DataFrame
        One row per scan, check ``contrast_low``, which leaves nobody out.
    """
    values = scan_volumes["qc_cnr"].astype("float64")
    rows = Rows("contrast_low")
    for site, scans in _by_site(scan_volumes, values, sites):
        limit = _limit(values[scans].to_numpy(), limits, False)
        for one in scans:
            row = scan_volumes.loc[one]
            told = (
                f"gray/white contrast {values[one]:.2f}, an outlier of {site} is below {limit:.2f}."
                if np.isfinite(limit)
                else f"gray/white contrast {values[one]:.2f}; {_too_few(len(scans), site, limits)}"
            )
            is_low = values[one] < limit
            rows.add(told, values[one], limit, row["subject"], row["session"], passes=not is_low)
    return rows.frame()


def intracranial_changes(
    scan_volumes: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Find patients whose intracranial volume changed, which it cannot.

    Parameters
    ----------
    scan_volumes : DataFrame
        Rows of the table `scan_volumes`.

    Returns
    -------
    DataFrame
        Check ``tiv_changed``: one row per patient with both volumes, in percent of their mean.
        Check ``tiv_shifted``: one row (subject ``*``), the cohort's median change; where it is
        not near 0 the sessions were acquired or processed differently.
    """
    wide = scan_volumes.pivot(index="subject", columns="session", values="etiv_mm3")
    pair = wide.reindex(columns=list(sessions)).astype("float64").dropna()
    before, after = pair[sessions[0]], pair[sessions[1]]
    changes = 100 * (after - before) / pair.mean(axis=1)
    warns, excludes = limits.tiv_change_warns_percent, limits.tiv_change_excludes_percent
    rows = Rows("tiv_changed")
    for subject, change in changes.items():
        is_out = abs(change) > excludes
        rows.add(
            f"the intracranial volume changed by {change:+.1f} % from ses-{sessions[0]} to "
            f"ses-{sessions[1]}; expected less than {warns:g} %, left out above {excludes:g} %."
            + (LOOK_AT_BOTH if abs(change) > warns else ""),
            change,
            excludes if is_out else warns,
            str(subject),
            passes=abs(change) <= warns,
            excludes=is_out,
        )
    shift = Rows("tiv_shifted")
    if len(changes) >= limits.fewest:
        median = float(changes.median())
        is_shifted = abs(median) > warns
        shift.add(
            f"the median change of intracranial volume over {len(changes)} patients is "
            f"{median:+.1f} %." + (SHIFTED if is_shifted else ""),
            median,
            warns,
            passes=not is_shifted,
        )
    return pd.concat([rows.frame(), shift.frame()], ignore_index=True)


def sources(scan_volumes: pd.DataFrame) -> pd.DataFrame:
    """Find volumes that come from different programs or versions.

    Parameters
    ----------
    scan_volumes : DataFrame
        Rows of the table `scan_volumes`; compared are ``source`` and ``source_version``, where
        the files say it.

    Returns
    -------
    DataFrame
        Check ``sources_mixed``: one row per patient, who is left out with two sources, and one
        for the cohort (subject ``*``), which leaves nobody out; value: number of sources.
    """
    rows = Rows("sources_mixed")
    for subject, scans in scan_volumes.groupby("subject"):
        names = _source_names(scans)
        is_mixed = len(names) > 1
        rows.add(
            f"the volumes of this patient come from {listed(names) or 'an unknown source'}."
            + (PROCESS_ALIKE if is_mixed else ""),
            len(names),
            1,
            str(subject),
            passes=not is_mixed,
            excludes=is_mixed,
        )
    every = _source_names(scan_volumes)
    if len(scan_volumes):
        rows.add(
            f"the volumes of the cohort come from {listed(every) or 'an unknown source'}."
            + (INCOMPARABLE if len(every) > 1 else ""),
            len(every),
            1,
            passes=len(every) <= 1,
        )
    return rows.frame()


def duplicates(raw_scans: pd.DataFrame) -> pd.DataFrame:
    """Find images that stand in the dataset more than once.

    Parameters
    ----------
    raw_scans : DataFrame
        Rows of the table `raw_scans`; compared is ``sha256``.

    Returns
    -------
    DataFrame
        One row per scan, check ``scan_duplicated``; value: scans with the same content.
    """
    rows = Rows("scan_duplicated")
    known = raw_scans[raw_scans["sha256"].notna()]
    names = "sub-" + known["subject"] + " ses-" + known["session"]
    for _, same in known.groupby("sha256", sort=False):
        for one in same.index:
            others = [names[other] for other in same.index if other != one]
            told = (
                f"the image is, byte for byte, that of {listed(others)}. One of them is not this "
                "patient's, or not of this session: find out which and replace it."
                if others
                else "no other scan has the same content."
            )
            row = known.loc[one]
            rows.add(
                told,
                len(same),
                1,
                row["subject"],
                row["session"],
                passes=not others,
                excludes=bool(others),
            )
    return rows.frame()


def _source_names(scans: pd.DataFrame) -> list[str]:
    """Name each source with its versions; an unknown version is taken to be that of the others."""
    names = []
    for source, rows in scans.groupby("source"):
        versions = sorted(rows["source_version"].dropna().unique())
        names += [f"{source} {version}" for version in versions] or [str(source)]
    return names


def _by_site(
    scan_volumes: pd.DataFrame, values: pd.Series, sites: Mapping[str, str]
) -> list[tuple[str, pd.Index]]:
    """Group the scans that have a value, with what messages call the group."""
    measured = values.index[values.notna()]
    site = scan_volumes.loc[measured, "subject"].map(lambda subject: sites.get(subject, ONE_SITE))
    site = site.fillna(ONE_SITE)
    several = site.nunique() > 1
    return [
        (f"site {name or 'unknown'}" if several else "all scans", scans)
        for name, scans in site.groupby(site).groups.items()
    ]


def _limit(
    values: np.ndarray, limits: QualityLimits, upper: bool, least_spread: float = 0.0
) -> float:
    """Return where outliers begin; missing where there is nothing to compare with."""
    if len(values) < limits.fewest:
        return np.nan
    centre, scale = robust_centre_and_scale(values)
    return centre + (1 if upper else -1) * limits.outlier_z * max(scale, least_spread)


def _too_few(n_scans: int, site: str, limits: QualityLimits) -> str:
    return f"not compared: {n_scans} scan(s) of {site}, at least {limits.fewest} are needed."


def _count(number: float, what: str) -> str:
    return f"{number:.0f} {what}{'' if number == 1 else 's'}"
