"""What was measured in one subject, and the tables that are read from it.

How it comes about from files is said in `subject`; a parcel's name and the study's keys are added
by the caller.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.science.morphometry.volumetric.parcels import labels_at, parcel_sums, read_atlas
from ect_assets.science.morphometry.volumetric.space import Array, Grid, Mask

LARGEST_TIV_CHANGE = 0.03
"""Share by which the skull may seem to change between sessions; it does not change in an adult."""


@dataclass(frozen=True)
class Finding:
    """Something about the images that the reader must know, though they could be measured."""

    reason: str
    sentence: str


@dataclass(frozen=True)
class SubjectImages:
    """One subject in the space half-way between the sessions.

    Parameters
    ----------
    grid : Grid
        Of all arrays.
    average : (x, y, z) array
        Mean of the sessions, white matter near 100.
    mask : (x, y, z) array of bool
    gray, white : (x, y, z) arrays
        Probability of the tissue in the average.
    template_mm : (n, 3) array
        Place in MNI152 of each voxel of the mask, in the order of ``np.argwhere(mask)``.
    growth : list of (x, y, z) arrays
        Per session, logarithm of its volume relative to the average; sums to zero.
    quality : DataFrame
        Per session: session, etiv_alone_mm3 (from that scan by itself), snr, cnr.
    """

    sessions: tuple[str, ...]
    grid: Grid
    average: Array
    mask: Mask
    gray: Array
    white: Array
    template_mm: Array
    growth: list[Array]
    quality: pd.DataFrame

    @property
    def etiv_mm3(self) -> float:
        """Intracranial volume: the mean over the sessions, since a skull does not change."""
        return float(self.quality["etiv_alone_mm3"].mean())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What should be looked at before the volumes are believed."""
        alone = self.quality["etiv_alone_mm3"]
        change = float(alone.max() / alone.min() - 1)
        if change <= LARGEST_TIV_CHANGE:
            return ()
        told = ", ".join(
            f"{session} {volume / 1000:,.0f} cm3"
            for session, volume in zip(self.sessions, alone, strict=True)
        )
        return (
            Finding(
                "tiv_changed",
                f"The intracranial volume differs by {change:.1%} between sessions ({told}), "
                f"expected at most {LARGEST_TIV_CHANGE:.0%}. Are all images of this person, and "
                "are their voxel sizes right?",
            ),
        )


def parcel_volumes(images: SubjectImages, atlas: Path) -> pd.DataFrame:
    """Give the gray matter volume of each parcel in each session.

    The volume is the sum over the parcel of P(gray) exp(l), with l the session's growth.

    Parameters
    ----------
    atlas : Path
        Label volume in MNI152; its numbers become parcel_index.

    Returns
    -------
    DataFrame
        session, parcel_index, gmv_mm3; every number from 1 to the atlas's largest that occurs.

    Raises
    ------
    StudyError
        When the atlas cannot be read.
    """
    labels, affine = read_atlas(atlas)
    present = np.unique(labels[labels > 0])
    found = labels_at(labels, affine, images.template_mm)
    gray = images.gray[images.mask]
    frames = []
    for session, growth in zip(images.sessions, images.growth, strict=True):
        volumes = parcel_sums(found, gray * np.exp(growth[images.mask]), int(present.max()))
        frames.append(
            pd.DataFrame(
                {
                    "session": session,
                    "parcel_index": present.astype(np.int64),
                    "gmv_mm3": volumes[present - 1] * images.grid.voxel_mm3,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def scan_measures(images: SubjectImages) -> pd.DataFrame:
    """Give the whole-scan measures of each session.

    Returns
    -------
    DataFrame
        session, etiv_mm3 (one value per subject), brain_mm3, gray_matter_mm3, cnr, snr,
        etiv_alone_mm3 (from that scan by itself; its change is quality control).
    """
    rows = []
    gray, white = images.gray[images.mask], images.white[images.mask]
    for growth in images.growth:
        grown = np.exp(growth[images.mask]).astype(np.float64) * images.grid.voxel_mm3
        rows.append(
            {"brain_mm3": float((gray + white) @ grown), "gray_matter_mm3": float(gray @ grown)}
        )
    frame = images.quality.assign(etiv_mm3=images.etiv_mm3).join(pd.DataFrame(rows))
    columns = ["session", "etiv_mm3", "brain_mm3", "gray_matter_mm3", "cnr", "snr"]
    return frame[[*columns, "etiv_alone_mm3"]]
