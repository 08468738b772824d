"""What the checks of quality ask of the study: the limits, by name."""

from __future__ import annotations

from typing import Protocol


class QualityLimits(Protocol):
    """Limits of the quality checks; `ect_assets.study.QualityLimits` has the defaults."""

    @property
    def fewest(self) -> int:
        """Scans, or patients, with fewer of which nothing is compared with the cohort."""
        ...

    @property
    def tiv_change_warns_percent(self) -> float:
        """Change of intracranial volume, in percent of the mean, that is shown."""
        ...

    @property
    def tiv_change_excludes_percent(self) -> float:
        """Change of intracranial volume, in percent, that leaves the patient out."""
        ...

    @property
    def parcel_share_warns(self) -> float:
        """Share of a patient's parcels that are outliers, from which it is shown."""
        ...

    @property
    def parcel_share_excludes(self) -> float:
        """Share of a patient's parcels that are outliers, from which the patient is out."""
        ...

    @property
    def outlier_z(self) -> float:
        """Robust z beyond which a value is an outlier (Iglewicz and Hoaglin 1993)."""
        ...

    @property
    def swap_correlation(self) -> float:
        """Correlation of asymmetry below minus which left and right were exchanged."""
        ...

    @property
    def exchange_margin(self) -> float:
        """Correlation by which another patient's scan resembles more than the own."""
        ...

    @property
    def same_session_percent(self) -> float:
        """Difference below which both sessions are one scan; 0 switches it off."""
        ...

    @property
    def same_person_percent(self) -> float:
        """Difference below which two labels are one person; 0 switches it off."""
        ...
