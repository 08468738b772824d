"""The folder that an export is written to: whether it may be.

What lies in the folder belongs in `package` and `paper`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ect_assets.problems import StudyError
from ect_assets.study import Study

DESCRIPTOR = "datapackage.json"
CHECKSUMS = "CHECKSUMS.sha256"
MARK = ("generator", "ect export")
"""Entry of the descriptor by which an earlier export is known."""


def refuse_foreign(
    folder: Path,
    study: Study,
    kind: str = "export",
    earlier: Callable[[Path], Mapping[str, str] | None] | None = None,
    advice: str = "",
) -> None:
    """Stop unless a folder is absent, empty, or as an earlier export has left it.

    Parameters
    ----------
    folder : Path
        Where an export is to lie; absolute.
    kind : str
        What is written there.
    earlier : callable, optional
        Gives the digest of each file of an earlier one, by name, and an empty one for the file
        that holds the digests; None for another folder. `earlier_export` without it.
    advice : str
        What else can be done where files were edited.

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
    if not any(folder.iterdir()):
        return
    ours = (earlier or earlier_export)(folder)
    if ours is None:
        raise StudyError(
            f"{folder} is not empty and not an earlier {kind}, so it was not touched. {elsewhere}"
        )
    there = {one.relative_to(folder).as_posix() for one in folder.rglob("*") if not one.is_dir()}
    other = sorted(one for one in there if not _is_as_written(folder / one, ours.get(one)))
    if other:
        raise StudyError(
            f"{folder} is an earlier {kind}, and contains files that were edited or added: "
            f"{', '.join(other[:5])}{' ...' if len(other) > 5 else ''}. They would be lost: move "
            f"them elsewhere, or name another folder.{advice}"
        )


def _is_as_written(file: Path, digest: str | None) -> bool:
    try:
        return digest is not None and digest in ("", file_digest(file))
    except OSError:
        return False


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def earlier_export(folder: Path) -> dict[str, str] | None:
    """Give the digests of an earlier export's files; None where the folder is something else."""
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
    digests = (line.partition("  ")[::2] for line in lines)
    return {CHECKSUMS: ""} | {name: digest for digest, name in digests if digest}
