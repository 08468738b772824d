"""What all checks of quality share: their rows, and robust comparison.

Which checks there are belongs in `quality_scans` and `quality_parcels`; they are reached through
`quality`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets.problems import EVERY

KINDS = {
    "subject": "str",
    "session": "str",
    "check_name": "str",
    "value": "float64",
    "limit_value": "float64",
    "passes": "bool",
    "excludes": "bool",
    "says": "str",
}
NORMAL_MAD, NORMAL_MEAN_DEVIATION = 1.482602218505602, 1.2533141373155003
"""What turns the median, or the mean, absolute deviation of a normal sample into its SD."""


class Rows:
    """Collects the rows of one kind of check.

    Parameters
    ----------
    check : str
        Its name, which is the reason where it leaves a patient out.
    """

    def __init__(self, check: str):
        self.check = check
        self._rows: list[tuple] = []

    def add(
        self,
        says: str,
        value: float = np.nan,
        limit: float = np.nan,
        subject: str = EVERY,
        session: str = EVERY,
        passes: bool = True,
        excludes: bool = False,
    ) -> None:
        """Take up one row; its columns as in `quality`."""
        row = (subject, session, self.check, value, limit, bool(passes), bool(excludes), says)
        self._rows.append(row)

    def frame(self) -> pd.DataFrame:
        """Return the rows so far."""
        return pd.DataFrame(self._rows, columns=list(KINDS)).astype(KINDS)


def joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the rows of several checks under one another."""
    empty = pd.DataFrame(columns=list(KINDS)).astype(KINDS)
    parts = [frame for frame in frames if len(frame)]
    return pd.concat(parts, ignore_index=True) if parts else empty


def robust_centre_and_scale(values: np.ndarray) -> tuple[float, float]:
    """Estimate centre and standard deviation of a sample that may hold outliers.

    Parameters
    ----------
    values : (n,) array
        Without missing values.

    Returns
    -------
    centre, scale : float
        Median, and 1.4826 times the median absolute deviation; where that is 0 because most
        values are equal, 1.2533 times the mean absolute deviation; 0 where all are equal.

    References
    ----------
    Iglewicz B, Hoaglin DC (1993). How to detect and handle outliers. ASQC Quality Press.
    """
    centre = float(np.median(values))
    deviations = np.abs(values - centre)
    scale = NORMAL_MAD * float(np.median(deviations))
    return centre, scale or NORMAL_MEAN_DEVIATION * float(deviations.mean())


def robust_z(values: pd.DataFrame, fewest: int) -> pd.DataFrame:
    """Compare each patient with the cohort, parcel by parcel.

    Parameters
    ----------
    values : (n_patients, n_parcels) DataFrame
        May have missing values.
    fewest : int
        A parcel that fewer patients have is not compared.

    Returns
    -------
    (n_patients, n_parcels) DataFrame
        Deviation from the parcel's median over its robust SD; missing where not compared. No
        parcel's SD is taken to be smaller than the median of all: in a small cohort some come out
        tiny by chance, and would make outliers of ordinary patients.
    """
    deviations = values - values.median()
    scales = NORMAL_MAD * deviations.abs().median()
    scales = scales.clip(lower=scales.median())
    is_compared = (values.notna().sum() >= fewest) & (scales > 0)
    return deviations / scales.where(is_compared)
