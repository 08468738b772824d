"""Quality control over the tables: which scans and patients are not like the others, and why.

Pure functions of tables. Each gives one row per subject, session and check: subject, session
(``*`` where the whole patient or cohort is meant), check, value, limit, passes, excludes, says.
What cannot be compared (few patients, nothing measured) passes and says so. The checks themselves
are in `quality_scans`, `quality_parcels` and `quality_identity`; whether an image's header or file
is sound belongs in `intake`. What leaves a patient out can be overruled by a reviewer
(`intake.overruling`).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ect_assets.problems import EVERY, Problem
from ect_assets.science.morphometry import quality_identity, quality_parcels, quality_scans
from ect_assets.science.morphometry.quality_limits import QualityLimits
from ect_assets.science.morphometry.quality_rows import joined
from ect_assets.science.morphometry.scan_copies import copied_images


def scan_quality(
    scan_volumes: pd.DataFrame,
    sessions: tuple[str, str],
    limits: QualityLimits,
    sites: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Check each scan as a whole.

    Parameters
    ----------
    scan_volumes : DataFrame
        Rows of the table `scan_volumes`, all patients.
    sites : mapping of str to str, optional
        Site of each subject, where scanners differ.

    Returns
    -------
    DataFrame
        Checks ``euler_number_low``, ``contrast_low``, ``tiv_changed``, ``tiv_shifted``,
        ``sources_mixed``.
    """
    scans = scan_volumes.reset_index(drop=True)
    return joined(
        [
            quality_scans.euler_numbers(scans, limits, sites or {}),
            quality_scans.contrasts(scans, limits, sites or {}),
            quality_scans.intracranial_changes(scans, sessions, limits),
            quality_scans.sources(scans),
        ]
    )


def duplicate_scans(raw_scans: pd.DataFrame) -> pd.DataFrame:
    """Check that no image stands in the dataset twice.

    Parameters
    ----------
    raw_scans : DataFrame
        Rows of the table `raw_scans`, all patients.

    Returns
    -------
    DataFrame
        Checks ``scan_duplicated``, ``image_copied``.
    """
    scans = raw_scans.reset_index(drop=True)
    return joined([quality_scans.duplicates(scans), copied_images(scans)])


def parcel_quality(
    volumes: pd.DataFrame, sessions: tuple[str, str], limits: QualityLimits
) -> pd.DataFrame:
    """Check each patient's parcels against the cohort's.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3 of all patients, one parcellation, as `scans_by_parcels` gives them.

    Returns
    -------
    DataFrame
        Checks ``parcel_level_outliers``, ``parcel_change_outliers``, ``left_right_swapped``,
        ``sessions_exchanged``, ``session_copied``, ``person_twice``.
    """
    if volumes.empty:
        return joined([])
    logs = quality_parcels.log_volumes(volumes)
    return joined(
        [
            quality_parcels.level_outliers(logs, limits),
            quality_parcels.change_outliers(logs, sessions, limits),
            quality_parcels.swapped_sides(logs, sessions, limits),
            quality_parcels.exchanged_sessions(logs, sessions, limits),
            quality_identity.copied_sessions(logs, sessions, limits),
            quality_identity.people_twice(logs, sessions, limits),
        ]
    )


def quality_problems(quality: pd.DataFrame, stage: str, parcellation: str = EVERY) -> list[Problem]:
    """Turn the rows that leave a patient out into findings.

    Parameters
    ----------
    quality : DataFrame
        As the functions above give it.
    stage : str
        The table that was checked.
    parcellation : str
        Whose parcels were checked.

    Returns
    -------
    list of Problem
        The reason is the name of the check.
    """
    out = quality.loc[quality["excludes"], ["check_name", "says", "subject", "session"]]
    return [
        Problem(check, says, stage, subject, session, parcellation)
        for check, says, subject, session in out.to_numpy(dtype=str)
    ]
