"""Every scan of the patients, also of those with sessions missing, and a design over them.

The matched pairs of the published analysis are in `cohort`; the model itself is in
`statistics.mixed_model`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.science.cohort import IMAGING, left_out, refuse_unchecked
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.science.morphometry.scans_by_parcels import primary_structures
from ect_assets.science.statistics.design import MEAN, Design, DesignError, refuse_inestimable

FEWEST_SCANS = 2
NOT_IN_THE_WAY = ("session_missing",)
"""Reasons with which a patient is in no comparison of two sessions, and has other scans."""


@dataclass(frozen=True)
class Scans:
    """Every usable scan of the patients of a parcellation.

    Attributes
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3, indexed by subject and session.
    mean_etiv_mm3 : Series or None
        Mean intracranial volume over a patient's scans, by subject; None where it is not adjusted
        for.
    """

    volumes: pd.DataFrame
    mean_etiv_mm3: pd.Series | None

    @property
    def subjects(self) -> list[str]:
        """Who has any, in the order of their labels."""
        return sorted(set(self.volumes.index.get_level_values("subject")))


def every_scan(
    volumes: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    parcels: pd.DataFrame,
    exclusions: pd.DataFrame,
    sessions: tuple[str, ...],
    adjusts_for_etiv: bool = True,
) -> Scans:
    """Take the scans of everybody who is not excluded for more than a missing session.

    Parameters
    ----------
    volumes : (n_scans, n_parcels) DataFrame
        mm3 of one parcellation, as `scans_by_parcels` gives them.
    scan_volumes, parcels, exclusions : DataFrame
        Tables, of the same parcellation.
    sessions : tuple of str
        Which sessions count.

    Raises
    ------
    StudyError
        When a check of all patients did not run, or no scan is left.
    """
    parcellation = str(parcels.parcellation.iloc[0])
    refuse_unchecked(exclusions, IMAGING, parcellation)
    stands = exclusions[~exclusions.reason.isin(NOT_IN_THE_WAY)]
    excluded = left_out(stands, IMAGING, parcellation)
    passes = scan_volumes[scan_volumes.qc_pass.astype(bool)].set_index(["subject", "session"])
    kept = volumes.reorder_levels(["subject", "session"]).sort_index()
    subject, session = (kept.index.get_level_values(one) for one in ("subject", "session"))
    is_usable = session.isin(sessions) & ~subject.isin(excluded) & kept.index.isin(passes.index)
    kept = kept[is_usable & _is_whole(kept, parcels, parcellation)]
    etiv = passes.etiv_mm3.reindex(kept.index)
    if adjusts_for_etiv:
        kept, etiv = kept[etiv.notna().to_numpy()], etiv.dropna()
    if kept.empty:
        raise StudyError('No scan is left: `ect sql "FROM exclusions"` says why.')
    return Scans(kept, etiv.groupby("subject").mean() if adjusts_for_etiv else None)


def _is_whole(volumes: pd.DataFrame, parcels: pd.DataFrame, parcellation: str) -> np.ndarray:
    """Say which scans have every parcel that the analyses are about."""
    is_primary = parcels.structure.isin(primary_structures(parcels.structure))
    optional = OUTSIDE_CORTEX.get(parcellation, ())
    needed = [one for one in parcels.parcel[is_primary] if one not in optional]
    return volumes.reindex(columns=needed).notna().all(axis=1).to_numpy()


def over_sessions(
    design: Design, scans: pd.MultiIndex, baseline: str, compared: str | None
) -> tuple[pd.DataFrame, str]:
    """Repeat a design over the scans, with the sessions and what differs between them.

    Each later session has a column of its own, and beside each column of the patients its product
    with every session.

    Parameters
    ----------
    design : Design
        Of the patients.
    scans : MultiIndex
        subject and session of each scan.
    compared : str or None
        The session whose difference from the baseline is asked about; None where the question is
        about the baseline.

    Returns
    -------
    columns : (n_scans, k) DataFrame
        Indexed by subject and session; of patients who are in the design.
    tested : str

    Raises
    ------
    DesignError
        When the baseline or the compared session has too few scans, or the columns are collinear.
    """
    rows = scans[scans.get_level_values("subject").isin(design.columns.index)]
    session = rows.get_level_values("session")
    counts = pd.Series(session).value_counts()
    for one in (baseline, compared):
        if one is not None and counts.get(one, 0) < FEWEST_SCANS:
            raise DesignError(
                f"ses-{one} has {counts.get(one, 0)} usable scan(s) of these patients; at least "
                f"{FEWEST_SCANS} are needed."
            )
    rows = rows[session.isin(counts.index[counts >= FEWEST_SCANS])]
    session = rows.get_level_values("session")
    of_patients = design.columns.loc[rows.get_level_values("subject")].set_axis(rows)
    columns = {name: of_patients[name] for name in of_patients}
    for later in sorted(set(session) - {baseline}):
        is_later = np.asarray(session == later, dtype=np.float64)
        columns[f"session: {later}"] = pd.Series(is_later, rows)
        for name in of_patients.columns.drop(MEAN):
            columns[f"{name} x session: {later}"] = of_patients[name] * is_later
    frame = pd.DataFrame(columns)
    refuse_inestimable(frame)
    if compared is None:
        return frame, design.tested
    of_session = f"session: {compared}"
    return frame, of_session if design.tested == MEAN else f"{design.tested} x {of_session}"
