"""The T1-weighted images of a patient: which there are, and what their headers say.

Which file is the scan of a session, and what the sidecars add (BIDS inheritance). Reading one image
belongs in `images`; how good the picture is (noise, contrast, motion) in `morphometry`.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.folder_names import names_ending
from ect_assets.intake.images import UnusableScanError, read_image
from ect_assets.intake.privacy_words import shown_file
from ect_assets.intake.source_files import (
    SIDECAR_BYTES,
    Refusal,
    refused_file,
    refused_folder,
    usable_files,
)
from ect_assets.problems import Problem

SUFFIXES = ("_T1w.nii.gz", "_T1w.nii")
LONGEST_NAME = 64
"""A longer name of a manufacturer is none."""
_SESSION = re.compile(r"ses-[0-9A-Za-z]+")
_ENTITIES = re.compile(r"(_[a-z]+-[0-9A-Za-z+]+)*_T1w\.nii(\.gz)?")
_FROM_SIDECAR = {
    "repetition_time_s": "RepetitionTime",
    "echo_time_s": "EchoTime",
    "flip_angle_deg": "FlipAngle",
    "field_strength_t": "MagneticFieldStrength",
}
_KINDS = (
    dict.fromkeys(("subject", "session", "path", "sha256"), "str")
    | dict.fromkeys(("n_x", "n_y", "n_z"), "int64")
    | dict.fromkeys(("voxel_x_mm", "voxel_y_mm", "voxel_z_mm"), "float64")
    | {"orientation": "str"}
    | dict.fromkeys(_FROM_SIDECAR, "float64")
    | {"manufacturer": "str"}
)


def read_raw_scans(
    bids: Path, subject: str, sessions: tuple[str, ...]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the headers of a patient's T1-weighted images.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subject : str
        Label, without ``sub-``.
    sessions : tuple of str
        The sessions that are compared.

    Returns
    -------
    raw_scans : DataFrame
        One row per session with a usable image, in the order of the sessions: the columns of the
        table `raw_scans` but ``ingested_at``. What the sidecars do not say is missing.
    problems : list of Problem
        ``session_missing``, ``scan_ambiguous``, ``scan_misnamed``, ``scan_outside_study``,
        ``scan_unreadable``, ``scan_too_large``, ``scan_not_3d``, ``scan_empty`` (each: no row for
        that session) and
        ``sidecar_unreadable`` (the row is there, its sidecar values missing).
    """
    findings = Findings("raw_scans")
    rows = []
    for session in sessions:
        try:
            scan = _only_scan(bids, subject, session)
            path = scan.relative_to(bids).as_posix()
            header = read_image(scan, path)
        except UnusableScanError as error:
            findings.add(error.reason, error.sentence, subject, session)
            continue
        try:
            settings = _scanner_settings(bids, scan)
        except UnusableScanError as error:
            findings.add(error.reason, error.sentence, subject, session)
            settings = {}
        row = {"subject": subject, "session": session, "path": path, **header, **settings}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(_KINDS)).astype(_KINDS), findings.problems


def t1w_images(bids: Path, subject: str) -> list[Path]:
    """List the T1-weighted images of all sessions of a patient, sorted.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subject : str
        Label, without ``sub-``.

    Returns
    -------
    list of Path
        Those that lie in the dataset and can be opened; `read_raw_scans` tells of the others.
    """
    found = bids.glob(f"sub-{subject}/ses-*/anat/*")
    images = sorted(file for file in found if file.name.endswith(SUFFIXES))
    return usable_files(images, bids)


def scan_files(bids: Path, subject: str) -> list[Path]:
    """List every file that `read_raw_scans` may read for a patient.

    Parameters
    ----------
    bids : Path
        The BIDS dataset.
    subject : str
        Label, without ``sub-``.

    Returns
    -------
    list of Path
        The T1-weighted images of all sessions and the sidecars that describe them, sorted;
        nothing that lies outside the dataset or cannot be opened.
    """
    scans = t1w_images(bids, subject)
    sidecars = {sidecar for scan in scans for sidecar in _sidecars(bids, scan)}
    return usable_files(sorted(sidecars.union(scans)), bids)


def _only_scan(bids: Path, subject: str, session: str) -> Path:
    folder = bids / f"sub-{subject}" / f"ses-{session}" / "anat"
    shown = folder.relative_to(bids).as_posix()
    for place in (folder.parent.parent, folder.parent, folder):
        _refuse(refused_folder(place, bids), place.relative_to(bids).as_posix())
    scans = sorted(file for file in folder.glob("*") if file.name.endswith(SUFFIXES))
    if not scans:
        found = sorted(item.name for item in bids.glob(f"sub-{subject}/ses-*"))
        there = [name for name in found if _SESSION.fullmatch(name)]
        there += [f"{len(found) - len(there)} with a name that is no label"] * (found != there)
        raise UnusableScanError(
            "session_missing",
            f"{shown} has no T1-weighted image (*_T1w.nii.gz); sessions found: "
            f"{', '.join(there) or 'none'}. Add the image, or name the sessions in study.toml.",
        )
    names = ", ".join(shown_file(scan.name, subject) for scan in scans)
    begins = f"sub-{subject}_ses-{session}"
    if any(
        not scan.name.startswith(f"{begins}_")
        or not _ENTITIES.fullmatch(scan.name.removeprefix(begins))
        for scan in scans
    ):
        raise UnusableScanError(
            "scan_misnamed",
            f"{shown} holds {names}, expected names that begin with {begins}_, then labels of "
            "letters and digits only, then _T1w. Check whose image it is and rename or move it.",
        )
    if len(scans) > 1:
        raise UnusableScanError(
            "scan_ambiguous",
            f"{shown} holds {len(scans)} T1-weighted images, expected one: {names}. "
            "Keep the better one and move the others to sourcedata/.",
        )
    _refuse(refused_file(scans[0], bids), f"{shown}/{scans[0].name}")
    return scans[0]


def _refuse(refusal: Refusal | None, shown: str) -> None:
    """Raise why an image, or a folder on the way to it, is not opened."""
    if refusal is not None:
        reason = "scan_outside_study" if refusal.kind == "outside" else "scan_unreadable"
        raise UnusableScanError(reason, f"{shown} {refusal}")


def _sidecars(bids: Path, scan: Path) -> list[Path]:
    """List the JSON files that describe a scan, the more general first (BIDS inheritance)."""
    about_scan = set(scan.name.split("_T1w")[0].split("_"))
    folders = [folder for folder in reversed(scan.parents) if folder.is_relative_to(bids)]
    found = []
    for folder in folders:
        names = names_ending(folder, "T1w.json")
        files = {folder / name: set(name.split("_")[:-1]) for name in names}
        fitting = [file for file, entities in files.items() if entities <= about_scan]
        found += sorted(fitting, key=lambda file: (len(file.stem.split("_")), file.name))
    return found


def _scanner_settings(bids: Path, scan: Path) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for file in _sidecars(bids, scan):
        said |= _read_sidecar(file, bids)
    numbers = {ours: said.get(theirs) for ours, theirs in _FROM_SIDECAR.items()}
    maker = said.get("Manufacturer")
    is_name = isinstance(maker, str) and len(maker) <= LONGEST_NAME and maker.isprintable()
    return {
        **{ours: value for ours, value in numbers.items() if _is_plain_number(value)},
        "manufacturer": maker if is_name else None,
    }


def _read_sidecar(file: Path, bids: Path) -> dict[str, Any]:
    shown = file.relative_to(bids).as_posix()
    refusal = refused_file(file, bids, most_bytes=SIDECAR_BYTES)
    if refusal is not None:
        raise UnusableScanError("sidecar_unreadable", f"{shown} {refusal}")
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnusableScanError(
            "sidecar_unreadable", f"{shown} cannot be read ({error.strerror}). Copy it again."
        ) from error
    except (ValueError, RecursionError) as error:
        cause = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its content"
        raise UnusableScanError(
            "sidecar_unreadable", f"{shown} is not valid JSON ({cause}). Mend it."
        ) from error
    if not isinstance(content, dict):
        raise UnusableScanError(
            "sidecar_unreadable", f"{shown} is not a JSON object. Export it again."
        )
    return content


def _is_plain_number(value: Any) -> bool:
    """Say whether a value is a number that a scanner could have been set to."""
    if type(value) is int:
        return abs(value) < 10**15
    return type(value) is float and math.isfinite(value)
