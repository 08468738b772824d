"""The T1-weighted images of a patient: which there are, and what their headers say.

Which file is the scan of a session. Reading one image belongs in `images`, what its sidecars add
in `sidecars`; how good the picture is (noise, contrast, motion) in `morphometry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ect_assets.intake.findings import Findings
from ect_assets.intake.folder_names import names_in
from ect_assets.intake.images import UnusableScanError, read_image
from ect_assets.intake.sidecars import FROM_SIDECAR, sidecar_settings, sidecars_of
from ect_assets.intake.source_files import Refusal, refused_file, refused_folder, usable_files
from ect_assets.problems import Problem, listed

SUFFIXES = ("_T1w.nii.gz", "_T1w.nii")
_SESSION = re.compile(r"ses-[0-9A-Za-z]+")
_ENTITIES = re.compile(r"(_[a-z]+-[0-9A-Za-z+]+)*_T1w\.nii(\.gz)?")
_ALMOST = re.compile(r"(?i)(_[a-z]+-[0-9a-z+]+)*[_-]?t1w?(\.[a-z0-9]{2,4}){1,3}")
"""What follows subject and session in the name of an image that nobody finds: another case, another
ending (.mgz, .img, .gz.gz)."""
_LABELS = re.compile(r"(?i)sub-[0-9a-z]+_ses-[0-9a-z]+")
_KINDS = (
    dict.fromkeys(("subject", "session", "path", "sha256"), "str")
    | dict.fromkeys(("n_x", "n_y", "n_z"), "int64")
    | dict.fromkeys(("voxel_x_mm", "voxel_y_mm", "voxel_z_mm"), "float64")
    | {"orientation": "str"}
    | dict.fromkeys(FROM_SIDECAR, "float64")
    | {"manufacturer": "str", "voxel_fingerprint": "str"}
)


def read_raw_scans(
    bids: Path, subject: str, sessions: tuple[str, ...]
) -> tuple[pd.DataFrame, list[Problem]]:
    """Read the headers of a patient's T1-weighted images.

    Parameters
    ----------
    sessions : tuple of str
        The sessions that are compared.

    Returns
    -------
    raw_scans : DataFrame
        One row per session with a usable image, in the order of the sessions: the columns of the
        table `raw_scans` but ``ingested_at``. What the sidecars do not say is missing.
    problems : list of Problem
        ``session_missing``, ``scan_ambiguous``, ``scan_misnamed``, ``scan_outside_study``,
        ``scan_`` with the reason of an `ImageFault` (each: no row for that session), and
        ``sidecar_unreadable``, ``sidecar_implausible`` (the row is there, its sidecar values, or
        those that cannot be true, missing).
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
        settings, remarks = sidecar_settings(bids, scan)
        for reason, sentence in remarks:
            findings.add(reason, sentence, subject, session)
        row = {"subject": subject, "session": session, "path": path, **header, **settings}
        rows.append(row)
    return pd.DataFrame(rows, columns=list(_KINDS)).astype(_KINDS), findings.problems


def t1w_images(bids: Path, subject: str) -> list[Path]:
    """List the T1-weighted images of all sessions of a patient, sorted.

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

    Returns
    -------
    list of Path
        The T1-weighted images of all sessions and the sidecars that describe them, sorted;
        nothing that lies outside the dataset or cannot be opened.
    """
    scans = t1w_images(bids, subject)
    sidecars = {sidecar for scan in scans for sidecar in sidecars_of(bids, scan)}
    return usable_files(sorted(sidecars.union(scans)), bids)


def _only_scan(bids: Path, subject: str, session: str) -> Path:
    folder = bids / f"sub-{subject}" / f"ses-{session}" / "anat"
    shown = folder.relative_to(bids).as_posix()
    for place in (folder.parent.parent, folder.parent, folder):
        _refuse(refused_folder(place, bids), place.relative_to(bids).as_posix())
    scans = sorted(file for file in folder.glob("*") if file.name.endswith(SUFFIXES))
    if not scans:
        raise UnusableScanError("session_missing", _nothing_found(folder, shown, subject, session))
    begins = f"sub-{subject}_ses-{session}"
    if any(
        not scan.name.startswith(f"{begins}_")
        or not _ENTITIES.fullmatch(scan.name.removeprefix(begins))
        for scan in scans
    ):
        raise UnusableScanError(
            "scan_misnamed",
            f"{shown} holds {named_images(scan.name for scan in scans)}, expected names that begin "
            f"with {begins}_, then labels of letters and digits only, then _T1w. Check whose "
            "image it is and rename or move it.",
        )
    if len(scans) > 1:
        raise UnusableScanError(
            "scan_ambiguous",
            f"{shown} holds {len(scans)} T1-weighted images, expected one: "
            f"{named_images(scan.name for scan in scans)}. "
            "Keep the better one and move the others to sourcedata/.",
        )
    _refuse(refused_file(scans[0], bids), f"{shown}/{scans[0].name}")
    return scans[0]


def _nothing_found(folder: Path, shown: str, subject: str, session: str) -> str:
    """Say that a session has no image, and name the file or folder that is almost right."""
    begins = f"{shown} has no T1-weighted image (*_T1w.nii.gz)"
    almost = [name for name in names_in(folder) if is_almost_t1w(name)]
    if almost:
        return (
            f"{begins}, but {named_images(almost)}. Names end in _T1w.nii.gz or _T1w.nii, in this "
            f"very case: rename it to sub-{subject}_ses-{session}_T1w.nii.gz if it is NIfTI, or "
            "convert it (dcm2niix, mri_convert)."
        )
    misplaced = _misplaced(folder, subject, session)
    if misplaced is not None:
        return f"{begins}, but {misplaced}"
    found = [name for name in names_in(folder.parent.parent) if name.startswith("ses-")]
    there = [name for name in found if _SESSION.fullmatch(name)]
    there += [f"{len(found) - len(there)} with an invalid label"] * (found != there)
    return (
        f"{begins}; sessions found: {', '.join(there) or 'none'}. Add the image, or name the "
        "sessions in study.toml."
    )


def _misplaced(folder: Path, subject: str, session: str) -> str | None:
    """Name a folder of the session whose name is almost right, or an image outside of anat."""
    patient = folder.parent.parent
    for parent, wanted in ((patient, f"ses-{session}"), (folder.parent, "anat")):
        others = [
            name for name in names_in(parent) if name != wanted and _plain(name) == _plain(wanted)
        ]
        if others:
            return f"there is {', '.join(others)}. Rename it to {wanted}."
    beside = [name for name in names_in(folder.parent) if name.endswith(SUFFIXES)]
    if beside:
        here = folder.parent.name
        return f"{named_images(beside)} is in {here}. Move it to {here}/anat."
    return None


def _plain(name: str) -> str:
    """Leave of a name what remains when case and separators are another."""
    return re.sub(r"[-_. ]", "", name).lower()


def is_almost_t1w(name: str) -> bool:
    """Say whether a name is nearly that of a T1-weighted image, such as ``_T1W.nii.gz``."""
    match = _LABELS.match(name)
    behind = name[match.end() :] if match else name[name.lower().find("_t1") :]
    return _ALMOST.fullmatch(behind) is not None and not behind.lower().endswith(".json")


def named_images(names: Iterable[str]) -> str:
    """Name files whose names are labels and endings; of others, which may tell a person, the end.

    Returns
    -------
    str
        The first few, as messages name them.
    """
    return listed([_shown_name(name) for name in names])


def _shown_name(name: str) -> str:
    match = _LABELS.match(name)
    behind = name[match.end() :] if match else ""
    if match and _ALMOST.fullmatch(behind):
        return name
    ending = re.search(r"(?i)_t1w?(\.[a-z0-9]{2,4}){1,3}$", name)
    return f"a file with another name that ends in {ending[0]}" if ending else "a file"


def _refuse(refusal: Refusal | None, shown: str) -> None:
    """Raise why an image, or a folder on the way to it, is not opened."""
    if refusal is not None:
        reason = "scan_outside_study" if refusal.kind == "outside" else "scan_unreadable"
        raise UnusableScanError(reason, f"{shown} {refusal}")
