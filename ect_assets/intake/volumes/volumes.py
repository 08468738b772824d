"""What all sources of volumes share: from measures to checked rows, and how faults are told.

A source reads its files and hands over plain measures; here they become rows of `scan_volumes`
and `parcel_gmv`, or findings. How files, folders and structures are named belongs in `naming`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.volumes.naming import SIDES, with_etiv
from ect_assets.problems import listed
from ect_assets.science.morphometry.atlas_transfer import OUTSIDE_CORTEX
from ect_assets.science.morphometry.plausible_volumes import (
    MM3_IN_CM3,
    contradiction,
    parcel_faults,
    scan_faults,
)
from ect_assets.science.parcellations.names import find_parcel, is_parcel
from ect_assets.science.plausibility import INTRACRANIAL_CM3

PARCEL_KINDS = {
    "subject": "str",
    "session": "str",
    "parcellation": "str",
    "parcel": "str",
    "hemisphere": "str",
    "structure": "str",
    "gmv_mm3": "float64",
    "area_mm2": "float64",
    "thickness_mm": "float64",
    "source": "str",
}
SCAN_KINDS = {
    "subject": "str",
    "session": "str",
    "etiv_mm3": "float64",
    "brain_mm3": "float64",
    "gray_matter_mm3": "float64",
    "source": "str",
    "source_version": "str",
    "qc_euler_holes": "Int64",
    "qc_cnr": "float64",
    "qc_pass": "bool",
    "qc_reason": "str",
}


@dataclass(frozen=True)
class Scan:
    """Whose scan it is, where it comes from, and what to do when its volumes are wrong."""

    subject: str
    session: str
    source: str
    fix: str
    version: str | None = None

    @property
    def correction(self) -> str:
        """What to do where the file has numbers that cannot be true, such as another unit's."""
        return f"Correct the file, or make it again, then `ect run --subject {self.subject}`."


@dataclass(frozen=True)
class Hemisphere:
    """The structures of one hemisphere, as a source read them.

    Parameters
    ----------
    side : str
        ``lh`` or ``rh``.
    file, folder : str
        How messages name the file and its folder.
    measures : DataFrame
        Index: structure names; columns gmv_mm3, area_mm2, thickness_mm (the last two may be NaN).
    is_row_by_row : bool
        Whether the file was written structure by structure, so that an interruption cuts its end.
    """

    side: str
    file: str
    folder: str
    measures: pd.DataFrame
    is_row_by_row: bool


def scan_row(
    measures: Mapping[str, float],
    scan: Scan,
    file: str,
    findings: Findings,
    needs_etiv: bool,
) -> pd.DataFrame:
    """Make the row of `scan_volumes` from FreeSurfer's whole-brain measures.

    Parameters
    ----------
    measures : mapping of str to float
        FreeSurfer's names -> values, volumes in mm3.
    findings : Findings
        Takes up ``etiv_missing``, ``volume_not_a_number``, ``etiv_implausible`` and
        ``volume_implausible``.
    needs_etiv : bool
        Whether a missing intracranial volume is a finding.

    Returns
    -------
    (1 row) DataFrame
        ``qc_pass`` is a first plausibility check of the whole-brain volumes only.
    """
    etiv = with_etiv(measures).get("eTIV")
    brain, gray = measures.get("BrainSegVol"), measures.get("TotalGrayVol")
    if etiv is None and needs_etiv:
        findings.add(
            "etiv_missing",
            f"{file} has no estimated total intracranial volume (eTIV), which the test of change "
            f"needs. {scan.fix}",
            scan.subject,
            scan.session,
        )
    named = {"eTIV": etiv, "BrainSegVol": brain, "TotalGrayVol": gray}
    broken = [name for name, value in named.items() if not math.isfinite(value or 0)]
    if broken:
        findings.add(
            "volume_not_a_number",
            f"{file} has no number for {', '.join(broken)}, expected a volume in mm3. {scan.fix}",
            scan.subject,
            scan.session,
        )
    else:
        for reason, sentence in scan_faults(with_etiv(measures), needs_etiv):
            told = f"{file}: {sentence} {scan.correction}"
            findings.add(reason, told, scan.subject, scan.session)
    doubt = _doubtful(etiv, gray)
    row = {
        "subject": scan.subject,
        "session": scan.session,
        "etiv_mm3": etiv,
        "brain_mm3": brain,
        "gray_matter_mm3": gray,
        "source": scan.source,
        "source_version": scan.version,
        "qc_euler_holes": _surface_holes(measures),
        "qc_cnr": None,
        "qc_pass": doubt is None,
        "qc_reason": doubt,
    }
    return pd.DataFrame([row], columns=list(SCAN_KINDS)).astype(SCAN_KINDS)


def parcel_rows(
    hemispheres: list[Hemisphere],
    parcels: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
    etiv_mm3: float | None = None,
    is_measured_here: bool = False,
) -> pd.DataFrame:
    """Make the rows of `parcel_gmv`, one per cortical parcel in the order of `parcels`.

    Parcels that lie outside FreeSurfer's cortex (`OUTSIDE_CORTEX`) have no row where they are
    missing or zero, and that is no finding.

    Parameters
    ----------
    hemispheres : list of Hemisphere
        What the source read. A hemisphere that it could not read is left out, and its parcels
        are not counted as missing: the source has told of the file.
    parcels : DataFrame
        Rows of the table `parcels`; those whose structure is not cortex belong in `segments`.
    findings : Findings
        Takes up ``parcel_unknown``, ``parcel_duplicated``, ``parcel_missing``,
        ``volume_negative``, ``volume_zero``, ``volume_not_a_number`` and what cannot be true of a
        brain (``volume_implausible``, ``area_implausible``, ``thickness_implausible``).
    etiv_mm3 : float, optional
        Intracranial volume of the scan, where the source knows it.
    is_measured_here : bool
        Whether the volumes are our own, whose unit is sure.

    Returns
    -------
    DataFrame
        Whole only where nothing was found.
    """
    cortex = parcels[parcels["structure"] == "cortex"]
    parts = [
        _matched(hemisphere, cortex, parcellation, scan, findings) for hemisphere in hemispheres
    ]
    empty = pd.DataFrame(index=pd.Index([], dtype="str"))
    measures = pd.concat([empty, *parts])
    frame = cortex[["parcel", "hemisphere", "structure"]].join(measures, on="parcel")
    frame = frame.assign(
        subject=scan.subject,
        session=scan.session,
        parcellation=parcellation,
        source=scan.source,
    )
    frame = frame.reindex(columns=list(PARCEL_KINDS)).astype(PARCEL_KINDS)
    is_outside = frame["parcel"].isin(OUTSIDE_CORTEX.get(parcellation, ()))
    frame = frame[~is_outside | frame["gmv_mm3"].notna()].reset_index(drop=True)
    if not findings.problems:
        files = " and ".join(one.file for one in hemispheres)
        where = f"{files} ({hemispheres[0].folder})" if hemispheres else parcellation
        take_up_implausible(
            frame, parcellation, scan, findings, etiv_mm3, is_measured_here, where=where
        )
    return frame


def take_up_implausible(
    frame: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
    etiv_mm3: float | None,
    is_measured_here: bool,
    where: str,
) -> None:
    """Take up what cannot be true of the parcels of a scan, whatever source they are from.

    Parameters
    ----------
    frame : DataFrame
        Rows of `parcel_gmv`, with a volume above 0 in each.
    parcellation, scan, findings, etiv_mm3, is_measured_here
        As in `parcel_rows`.
    where : str
        The files that messages name.
    """
    for reason, sentence in parcel_faults(frame, parcellation, etiv_mm3, is_measured_here):
        told = f"{where}: {sentence} {scan.correction}"
        findings.add(reason, told, scan.subject, scan.session, parcellation)


def contradicted_etiv(
    etivs: Mapping[str, float], scan: Scan, parcellation: str, findings: Findings
) -> float | None:
    """Take up that the files of a scan are not of one scan, by their intracranial volumes.

    Parameters
    ----------
    etivs : mapping of str to float
        File -> eTIV in mm3.
    scan, parcellation, findings
        As in `parcel_rows`; takes up ``scans_mixed``.

    Returns
    -------
    float or None
        The intracranial volume, where there is one.
    """
    sentence = contradiction(etivs)
    if sentence is not None:
        told = f"{sentence} {scan.fix}"
        findings.add("scans_mixed", told, scan.subject, scan.session, parcellation)
    return next(iter(etivs.values()), None)


def _matched(
    hemisphere: Hemisphere,
    cortex: pd.DataFrame,
    parcellation: str,
    scan: Scan,
    findings: Findings,
) -> pd.DataFrame:
    def tell(reason: str, sentence: str) -> None:
        findings.add(reason, sentence, scan.subject, scan.session, parcellation)

    side = SIDES[hemisphere.side]
    expected = list(cortex.loc[cortex["hemisphere"] == side, "parcel"])
    structures = [name for name in hemisphere.measures.index if is_parcel(name)]
    known = set(expected)
    found = {name: find_parcel(name, side, known) for name in structures}
    unknown = [name for name, parcel in found.items() if parcel is None]
    if unknown:
        tell(
            "parcel_unknown",
            f"{hemisphere.file} has structures that are not parcels of {parcellation}: "
            f"{listed(unknown)} ({hemisphere.folder}). Check `freesurfer` in "
            f"[parcellations.{parcellation}] of study.toml.",
        )
    measures = hemisphere.measures.loc[[name for name in structures if found[name] is not None]]
    measures = measures.set_axis([str(found[name]) for name in measures.index])
    repeated = sorted(set(measures.index[measures.index.duplicated()]))
    if repeated:
        tell(
            "parcel_duplicated",
            f"{hemisphere.file} has two structures for one parcel: {listed(repeated)} "
            f"({hemisphere.folder}). {scan.fix}",
        )
        measures = measures[~measures.index.duplicated()]
    outside = set(OUTSIDE_CORTEX.get(parcellation, ()))
    measures = measures[~(measures.index.isin(outside) & (measures["gmv_mm3"] == 0))]
    expected = [parcel for parcel in expected if parcel in measures.index or parcel not in outside]
    missing = [parcel for parcel in expected if parcel not in measures.index]
    if missing:
        tell("parcel_missing", _missing_sentence(hemisphere, expected, missing, scan.fix))
    for reason, words, wrong in wrong_volumes(measures["gmv_mm3"]):
        tell(
            reason,
            f"{hemisphere.file} has a gray matter volume that is {words} for {listed(wrong)} "
            f"({hemisphere.folder}), expected more than 0 mm3. {scan.fix}",
        )
    return measures


def _missing_sentence(
    hemisphere: Hemisphere, expected: list[str], missing: list[str], fix: str
) -> str:
    n_found = len(expected) - len(missing)
    is_cut = hemisphere.is_row_by_row and missing == expected[n_found:]
    counted = f"{n_found} of {len(expected)} parcels ({hemisphere.folder})."
    if is_cut:
        return (
            f"{hemisphere.file} ends after {counted} FreeSurfer was probably interrupted. {fix} "
            f"Missing: {listed(missing)}."
        )
    return f"{hemisphere.file} has {counted} {fix} Missing: {listed(missing)}."


def wrong_volumes(volumes: pd.Series) -> list[tuple[str, str, list[str]]]:
    """Find volumes that are no volume above 0: reason, words, and the parcels."""
    faults = {
        ("volume_negative", "negative"): volumes < 0,
        ("volume_zero", "zero"): volumes == 0,
        ("volume_not_a_number", "not a number"): ~np.isfinite(volumes),
    }
    return [
        (reason, words, list(volumes.index[is_wrong]))
        for (reason, words), is_wrong in faults.items()
        if is_wrong.any()
    ]


def _surface_holes(measures: Mapping[str, float]) -> int | None:
    sides = [measures.get("lhSurfaceHoles"), measures.get("rhSurfaceHoles")]
    counts = [count for count in sides if count is not None]
    total = sum(counts) if len(counts) == len(sides) else measures.get("SurfaceHoles")
    return None if total is None or not math.isfinite(total) else round(total)


def _doubtful(etiv: float | None, gray: float | None) -> str | None:
    """Say what is doubtful of a scan's volumes without being a fault of the files."""
    if etiv is not None and not INTRACRANIAL_CM3.allow(etiv / MM3_IN_CM3):
        return INTRACRANIAL_CM3.refusal(etiv / MM3_IN_CM3)
    if gray is not None and etiv is not None and gray >= etiv:
        return (
            f"total gray matter is {gray / MM3_IN_CM3:,.0f} cm3, expected less than the eTIV of "
            f"{etiv / MM3_IN_CM3:,.0f} cm3"
        )
    return None
