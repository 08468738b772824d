"""Whether the volumes of a scan can be true of a living person's brain.

One gate for every source of volumes: wrong units, lost decimal points, missing codes, damaged
values. The bounds are in `plausibility`; whether a scan is unlike the others of its cohort is
asked in `quality`. Each function gives reasons and sentences; what they lead to is not decided
here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

import numpy as np
import pandas as pd

from ect_assets.problems import listed
from ect_assets.reference import loaders
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.science.plausibility import (
    BRAIN_CM3,
    CORTEX_AREA_MM2,
    CORTEX_CM3,
    CORTEX_SHARE,
    GRAY_MATTER_CM3,
    INTRACRANIAL_CM3,
    MISSING_CODES,
    PARCEL_MEDIAN_MM3,
    PART_OF_CORTEX_MM3,
    SURFACE_HOLES,
    THICKNESS_MM,
    TIMES_TYPICAL,
    VOLUME_OF_AREA,
    Bounds,
)

REFERENCE = ("ds000174.csv",)
"""Packaged files that typical volumes come from."""

WHOLE_CORTEX = {"desikan_killiany": 68, "hcp_mmp": 360}
"""Packaged parcellations and how many parcels of cortex they have; of a user's own we do not know
whether they cover all of it."""

MM3_IN_CM3 = 1_000.0
SAME_CODE_AT_LEAST = 5
"""So many parcels of one scan with the same 999 are no coincidence, even of 360."""
SMALLEST_AREA_MM2 = 20.0
"""Of parcels that are smaller by their area and by their volume, one says little of the other."""

SAME_ETIV = 0.001
"""Share by which the eTIV of two files of one scan may differ; a spreadsheet rounds."""

SEGMENT_MM3 = {
    "thalamusproper": 7_500.0,
    "caudate": 3_600.0,
    "putamen": 5_100.0,
    "pallidum": 1_900.0,
    "accumbensarea": 550.0,
    "hippocampus": 4_200.0,
    "amygdala": 1_650.0,
    "brainstem": 21_000.0,
    "cerebellumcortex": 54_000.0,
}
"""Volumes of an adult's structures on one side, rounded: a unit or a missing code is told by them,
a disease is not."""

VOLUME, AREA, THICKNESS = "volume_implausible", "area_implausible", "thickness_implausible"
ETIV = "etiv_implausible"
Fault = tuple[str, str]


def scan_faults(measures: Mapping[str, float | None], needs_etiv: bool) -> Iterator[Fault]:
    """Find what cannot be true of the whole-brain measures of a scan.

    Parameters
    ----------
    measures : mapping of str to float or None
        FreeSurfer's names -> mm3 (eTIV, BrainSegVol, TotalGrayVol) or counts.
    needs_etiv : bool
        Whether the intracranial volume is used; otherwise one that a failed registration made is
        no fault, but another unit is.
    """
    for name, bounds in (("BrainSegVol", BRAIN_CM3), ("TotalGrayVol", GRAY_MATTER_CM3)):
        value = measures.get(name)
        if value is not None and not bounds.allow(value / MM3_IN_CM3):
            yield VOLUME, bounds.refusal(value / MM3_IN_CM3)
    etiv = measures.get("eTIV")
    if etiv is not None and not INTRACRANIAL_CM3.allow(etiv / MM3_IN_CM3):
        shown = etiv / MM3_IN_CM3
        if needs_etiv or etiv <= 0 or INTRACRANIAL_CM3.probable_cause(shown):
            yield ETIV, INTRACRANIAL_CM3.refusal(shown)
    holes = [measures.get(name) for name in ("lhSurfaceHoles", "rhSurfaceHoles")]
    total = measures.get("SurfaceHoles")
    for count in (*holes, total):
        if count is not None and not (SURFACE_HOLES.allow(count) and count % 1 == 0):
            yield VOLUME, SURFACE_HOLES.refusal(count)
            return
    both = [count for count in holes if count is not None]
    if total is not None and len(both) == len(holes) and sum(both) != total:
        yield (
            VOLUME,
            f"SurfaceHoles is {total:g}, expected the sum of both hemispheres, {sum(both):g}.",
        )


def parcel_faults(
    frame: pd.DataFrame, parcellation: str, etiv_mm3: float | None, is_measured_here: bool = False
) -> Iterator[Fault]:
    """Find what cannot be true of the parcels of one scan.

    Parameters
    ----------
    frame : DataFrame
        Rows of the table `parcel_gmv` of one scan: parcel, gmv_mm3 (positive), area_mm2,
        thickness_mm.
    parcellation : str
        The bounds of a whole cortex hold for packaged parcellations that are complete.
    etiv_mm3 : float or None
        Intracranial volume of the same scan, where it is known.
    is_measured_here : bool
        Whether the volumes are our own, whose unit is sure.
    """
    if frame.empty:
        return
    volumes = frame["gmv_mm3"].to_numpy(float)
    expected = WHOLE_CORTEX.get(parcellation)
    n_outside = len(OUTSIDE_CORTEX.get(parcellation, ()))
    is_whole = expected is not None and len(frame) >= expected - n_outside
    faults = list(_of_volumes(volumes, is_whole, is_measured_here))
    yield from faults
    if not faults:
        yield from _of_share(volumes.sum(), etiv_mm3, is_whole)
        yield from _of_each(frame, parcellation, is_whole)
    yield from _of_surfaces(frame, parcellation, is_whole)


def segment_faults(volumes: pd.Series) -> Iterator[str]:
    """Find what cannot be true of the structures outside the cortex of one scan.

    Parameters
    ----------
    volumes : Series of float
        mm3 above 0, by parcel of `aseg`; others are passed over.
    """
    typical = {
        name: SEGMENT_MM3.get(str(name)[3:], SEGMENT_MM3.get(str(name))) for name in volumes.index
    }
    times = {name: mm3 / typical[name] for name, mm3 in volumes.items() if typical[name]}
    wrong = [str(name) for name, one in times.items() if not TIMES_TYPICAL.allow(one)]
    if wrong:
        yield f"{TIMES_TYPICAL.refusal(times[wrong[0]])} Parcels: {listed(wrong)}."


def _of_volumes(volumes: np.ndarray, is_whole: bool, is_measured_here: bool) -> Iterator[Fault]:
    total, median = float(volumes.sum()), float(np.median(volumes))
    if is_whole:
        checks = [(CORTEX_CM3, total / MM3_IN_CM3)]
    else:
        checks = [(PARCEL_MEDIAN_MM3, median)]
        if not is_measured_here and (volumes % 1 != 0).any():
            checks.append((PART_OF_CORTEX_MM3, total))
        if total / MM3_IN_CM3 > CORTEX_CM3.high:
            checks.append((CORTEX_CM3, total / MM3_IN_CM3))
    wrong = [(bounds, value) for bounds, value in checks if not bounds.allow(value)]
    if wrong:
        bounds, value = wrong[0]
        yield VOLUME, bounds.refusal(value)
    for code in MISSING_CODES:
        n_same = int((volumes == code).sum())
        if n_same >= SAME_CODE_AT_LEAST:
            yield VOLUME, f"The volume of {n_same} parcels is {code:g}, a usual missing code."


def _of_share(total_mm3: float, etiv_mm3: float | None, is_whole: bool) -> Iterator[Fault]:
    if etiv_mm3 is None or not INTRACRANIAL_CM3.allow(etiv_mm3 / MM3_IN_CM3):
        return
    share = total_mm3 / etiv_mm3
    if share > CORTEX_SHARE.high or (is_whole and share < CORTEX_SHARE.low):
        yield VOLUME, CORTEX_SHARE.refusal(share)


def _of_each(frame: pd.DataFrame, parcellation: str, is_whole: bool) -> Iterator[Fault]:
    """Hold each parcel against its own area and thickness, and against what is typical of it."""
    columns = [frame[name].to_numpy(float) for name in ("gmv_mm3", "area_mm2", "thickness_mm")]
    volumes, areas, thicknesses = columns
    known = np.isfinite(areas) & (areas > 0)
    known &= (thicknesses >= THICKNESS_MM.low) & (thicknesses <= THICKNESS_MM.high)
    with np.errstate(invalid="ignore", divide="ignore"):
        known &= np.fmax(areas, volumes / thicknesses) >= SMALLEST_AREA_MM2
    known &= _in_cortex(frame, parcellation)
    ratio = np.full(len(frame), np.nan)
    ratio[known] = volumes[known] / (areas[known] * thicknesses[known])
    yield from _outside(ratio, frame, VOLUME_OF_AREA, VOLUME)
    if is_whole and parcellation == "desikan_killiany":
        known_volumes = _typical_volumes()
        typical = np.array([known_volumes.get(name, np.nan) for name in frame["parcel"]])
        yield from _outside(volumes / typical, frame, TIMES_TYPICAL, VOLUME)


def _of_surfaces(frame: pd.DataFrame, parcellation: str, is_whole: bool) -> Iterator[Fault]:
    in_cortex = _in_cortex(frame, parcellation)
    thicknesses = np.where(in_cortex, frame["thickness_mm"].to_numpy(float), np.nan)
    yield from _outside(thicknesses, frame, THICKNESS_MM, THICKNESS, even_infinite=True)
    areas = frame["area_mm2"].to_numpy(float)
    wrong = np.flatnonzero(in_cortex & ((areas <= 0) | np.isinf(areas)))
    areas = areas[in_cortex]
    if wrong.size:
        names = listed(list(frame["parcel"].iloc[wrong]))
        yield AREA, f"The area of {names} is not above 0 mm2, or infinite."
    elif is_whole and np.isfinite(areas).all() and not CORTEX_AREA_MM2.allow(areas.sum()):
        yield AREA, CORTEX_AREA_MM2.refusal(float(areas.sum()))


def _in_cortex(frame: pd.DataFrame, parcellation: str) -> np.ndarray:
    outside = OUTSIDE_CORTEX.get(parcellation, ())
    if not outside:
        return np.ones(len(frame), dtype=bool)
    is_outside: np.ndarray = frame["parcel"].isin(outside).to_numpy()
    return ~is_outside


def _outside(
    values: np.ndarray,
    frame: pd.DataFrame,
    bounds: Bounds,
    reason: str,
    even_infinite: bool = False,
) -> Iterator[Fault]:
    """Name the parcels whose value is outside of its bounds; a missing one is not."""
    is_there = ~np.isnan(values) if even_infinite else np.isfinite(values)
    wrong = np.flatnonzero(is_there & ~((values >= bounds.low) & (values <= bounds.high)))
    if wrong.size:
        names = listed(list(frame["parcel"].iloc[wrong]))
        yield reason, f"{bounds.refusal(float(values[wrong[0]]))} Parcels: {names}."


@cache
def _typical_volumes() -> dict[str, float]:
    """Look up the median volume of each Desikan-Killiany parcel in 84 scans of 42 young adults."""
    volumes = loaders.ds000174_volumes()
    named = [str(name) for name in volumes if str(name).endswith("_volume")]
    return {name.removesuffix("_volume"): float(volumes[name].median()) for name in named}


def contradiction(etivs: Mapping[str, float]) -> str | None:
    """Say that files of one scan give different intracranial volumes, so are not of one scan.

    Parameters
    ----------
    etivs : mapping of str to float
        File -> eTIV in mm3. FreeSurfer writes the same number into all of them.
    """
    finite = {file: value for file, value in etivs.items() if math.isfinite(value)}
    if len(finite) < 2:
        return None
    low, high = min(finite, key=finite.__getitem__), max(finite, key=finite.__getitem__)
    if finite[high] <= finite[low] * (1 + SAME_ETIV):
        return None
    return (
        f"{low} gives {finite[low] / MM3_IN_CM3:,.1f} cm3 of intracranial volume, {high} "
        f"{finite[high] / MM3_IN_CM3:,.1f}: they are of different scans or people, or rows were "
        "exchanged."
    )
