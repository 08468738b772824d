"""Whether a FreeSurfer subject folder may be read: where it really lies, and what is in its way.

Looked at before anything in the folder is opened. Which files there are and what they are called
belongs in `freesurfer_layouts`, the rule itself in `intake.source_files`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ect_assets.intake.source_files import STATS_BYTES, Refusal, refused_file, refused_folder
from ect_assets.intake.volumes.freesurfer_layouts import ASEG_NAMES, BUILD_STAMP
from ect_assets.intake.volumes.naming import shown_path
from ect_assets.study import Study

OUTSIDE = "file_outside_study"
UNREADABLE = "stats_unreadable"
_SUBFOLDERS = ("stats", "scripts", "surf", "label")


def why_closed(study: Study, folder: Path) -> tuple[str, str] | None:
    """Say why nothing of a session's folder is read.

    Parameters
    ----------
    study : Study
        Its morphometry folder and its dataset are where links may lead.

    Returns
    -------
    reason, sentence : str, or None
        As in `Problem`; None where nothing speaks against it, and where there is no such folder.
    """
    roots = study.morphometry_folder, study.bids_folder
    for place in (folder, *(folder / name for name in _SUBFOLDERS)):
        refusal = refused_folder(place, *roots)
        if refusal is not None:
            return _reported(study, place, refusal)
    # These are read to tell versions apart, whatever is asked for.
    shared = [*(folder / "stats" / name for name in ASEG_NAMES), folder / BUILD_STAMP]
    return why_refused(study, shared)


def why_refused(study: Study, files: Iterable[Path]) -> tuple[str, str] | None:
    """Say why the first of some files that may not be read is not read, as `why_closed` does.

    Parameters
    ----------
    files : iterable of Path
        Those that are missing are passed over.
    """
    roots = study.morphometry_folder, study.bids_folder
    for file in files:
        refusal = refused_file(file, *roots, most_bytes=STATS_BYTES)
        if refusal is not None:
            return _reported(study, file, refusal)
    return None


def _reported(study: Study, path: Path, refusal: Refusal) -> tuple[str, str]:
    reason = OUTSIDE if refusal.kind == "outside" else UNREADABLE
    return reason, f"{shown_path(study, path)} {refusal}"
