"""What the contrasts are asked of: matched pairs of volumes, or every scan, of whom they concern.

How a contrast becomes a model belongs in `contrasts`; who is left out is decided in `group`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets import tables
from ect_assets.pipeline.step import Work
from ect_assets.pipeline.steps.group import cohort_of
from ect_assets.science.cohort import Cohort, families, with_controls
from ect_assets.science.longitudinal import Scans, every_scan
from ect_assets.science.morphometry.scans_by_parcels import COLUMNS, scans_by_parcels
from ect_assets.study import Contrast

COLUMN_OF = {"thickness": "thickness_mm", "area": "area_mm2"}


class Measured:
    """The volumes that contrasts are asked of: matched pairs, or every scan for a mixed model.

    Of the patients; `of` gives controls as well to a contrast that is about them. Contrasts of one
    measure share what was read and matched.
    """

    def __init__(
        self,
        work: Work,
        parcels: pd.DataFrame,
        parcel_gmv: pd.DataFrame,
        scan_volumes: pd.DataFrame,
        exclusions: pd.DataFrame,
    ):
        self._work = work
        self._sessions = work.study.sessions.every
        self._adjusts = work.study.group.adjusts_for_etiv
        self._frames = (parcel_gmv, scan_volumes, parcels, exclusions)
        self._structures: dict[str, dict[str, Cohort]] = {}

    def of(self, contrast: Contrast) -> Measured:
        """Give controls only to a contrast that compares them with others, or keeps them."""
        is_about = contrast.is_about(self._work.study.group.controls)
        return self._with_controls if is_about else self

    @cached_property
    def _with_controls(self) -> Measured:
        gmv, scans, parcels, exclusions = self._frames
        return Measured(self._work, parcels, gmv, scans, with_controls(exclusions))

    @cached_property
    def cohort(self) -> Cohort:
        """Those who have both sessions."""
        gmv, scans, parcels, exclusions = self._frames
        return cohort_of(self._work, parcels, gmv, scans, exclusions)

    @cached_property
    def scans(self) -> Scans:
        """Every usable scan."""
        return every_scan(*self._frames, self._sessions, self._adjusts)

    def structures(self, measure: str) -> dict[str, Cohort]:
        """Give the matched pairs of each structure; of a measure those who have it."""
        if measure not in self._structures:
            self._structures[measure] = self._matched(measure)
        return self._structures[measure]

    def _matched(self, measure: str) -> dict[str, Cohort]:
        gmv, _, parcels, _ = self._frames
        both = self._work.study.sessions.both
        found = families(self.cohort, gmv, parcels, both)
        if measure == "volume":
            return found
        values = self._values(measure)
        return {name: _with_values(one, values, both) for name, one in found.items()}

    def scans_of(self, measure: str) -> Scans:
        """Give every usable scan; what has no value of the measure is missing."""
        if measure == "volume":
            return self.scans
        values = self._values(measure).reorder_levels(["subject", "session"])
        return replace(self.scans, volumes=values.reindex(index=self.scans.volumes.index))

    def _values(self, measure: str) -> pd.DataFrame:
        """Read a measure of every scan and parcel, as the volumes are."""
        lake, column = self._work.lake, COLUMN_OF[measure]
        here = lake.partitions(tables.ParcelGmv, self._work.partition)
        parts = lake.parts(tables.ParcelGmv, here, ("subject", "session", "parcel", column))
        return scans_by_parcels(
            part.select(["subject", "session", "parcel", column]).rename_columns(list(COLUMNS))
            for part in parts
        )

    def people(self, contrast: Contrast) -> tuple[list[str], ArrayLike | None]:
        """Name the patients of a contrast's model, with their mean intracranial volume."""
        if contrast.model == "mixed":
            etiv = self.scans.mean_etiv_mm3
            subjects = self.scans.subjects
            return subjects, None if etiv is None else etiv.reindex(subjects).to_numpy()
        return self.cohort.subjects, self.cohort.mean_etiv_mm3


def _with_values(cohort: Cohort, values: pd.DataFrame, both: tuple[str, str]) -> Cohort:
    """Put another measure in place of the volumes, of the patients who have it in every parcel."""
    index = [pd.MultiIndex.from_product([[one], cohort.subjects]) for one in both]
    before, after = (
        values.reindex(index=one, columns=cohort.parcels.parcel).to_numpy(float) for one in index
    )
    is_whole = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
    return replace(
        cohort,
        subjects=[one for one, kept in zip(cohort.subjects, is_whole, strict=True) if kept],
        baseline=before[is_whole],
        follow_up=after[is_whole],
        left_out=[one for one, kept in zip(cohort.subjects, is_whole, strict=True) if not kept],
    )
