"""The folder that an export is written to: whether it may be.

What lies in the folder belongs in `package`.
"""

from __future__ import annotations

import json
from pathlib import Path

from ect_assets.problems import StudyError
from ect_assets.study import Study

DESCRIPTOR = "datapackage.json"
CHECKSUMS = "CHECKSUMS.sha256"
MARK = ("generator", "ect export")
"""Entry of the descriptor by which an earlier export is known."""


def refuse_foreign(folder: Path, study: Study) -> None:
    """Stop unless a folder is absent, empty, or an earlier export to which nothing was added.

    Parameters
    ----------
    folder : Path
        Where an export is to lie; absolute.

    Raises
    ------
    StudyError
        Saying what is there that would be lost.
    """
    elsewhere = "Name another folder."
    if folder == study.lake_folder or study.lake_folder in folder.parents:
        raise StudyError(f"{folder} is in the study's lake, which is for tables only. {elsewhere}")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise StudyError(f"{folder} is a file, expected a folder or nothing. {elsewhere}")
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if not one.is_dir()}
    if not any(folder.iterdir()):
        return
    ours = _earlier_export(folder)
    if ours is None:
        raise StudyError(
            f"{folder} is not empty and not an earlier export, so it was not touched. {elsewhere}"
        )
    added = sorted(there - ours)
    if added:
        raise StudyError(
            f"{folder} is an earlier export, and contains other files: "
            f"{', '.join(added[:5])}{' ...' if len(added) > 5 else ''}. They would be lost: move "
            "them elsewhere, or name another folder."
        )


def _earlier_export(folder: Path) -> set[str] | None:
    """List the files that an earlier export wrote; None where the folder is something else."""
    descriptor, checksums = folder / DESCRIPTOR, folder / CHECKSUMS
    if not (descriptor.is_file() and checksums.is_file()):
        return None
    try:
        said = json.loads(descriptor.read_text(encoding="utf-8"))
        lines = checksums.read_text(encoding="utf-8").splitlines()
    except ValueError:
        return None
    if not isinstance(said, dict) or said.get(MARK[0]) != MARK[1]:
        return None
    return {CHECKSUMS, *(line.split("  ", 1)[-1] for line in lines)}
