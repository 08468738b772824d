"""Whether a file or folder that was handed in may be opened: where it really lies, and how large.

A link may lead anywhere, a name says nothing of a size, and a right to read may be missing. Every
reader of input asks here first, so that nothing outside the study is read. What a file holds is
its reader's business; the folders that study.toml names are the user's own choice, links or not.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

TABLE_BYTES = 20_000_000
"""Largest tab-separated table that is read: some hundred thousand patients."""
SIDECAR_BYTES = 10_000_000
STATS_BYTES = 50_000_000
SURFACE_BYTES = 500_000_000
"""Largest file of FreeSurfer's surfaces: twenty times that of one with vertices at 0.7 mm."""


@dataclass(frozen=True)
class Refusal:
    """Why something is not opened.

    Attributes
    ----------
    kind : str
        ``outside``, ``unreadable`` or ``too_large``.
    words : str
        What is the matter; follows the name in a sentence, without a full stop.
    fix : str
        A sentence that says what to do.
    """

    kind: Literal["outside", "unreadable", "too_large"]
    words: str
    fix: str

    def __str__(self) -> str:
        return f"{self.words}. {self.fix}"


def is_within(path: Path, *roots: Path) -> bool:
    """Say whether a path really lies in one of some folders, once all links are followed.

    Parameters
    ----------
    *roots : Path
        Folders; links that lead to them are followed as well.
    """
    if any(_lies_plainly_in(path, root) for root in roots):
        return True
    real = Path(os.path.realpath(path))
    return any(real.is_relative_to(os.path.realpath(root)) for root in roots)


def _lies_plainly_in(path: Path, root: Path) -> bool:
    """Say whether no link is on the way from a folder to a path; far quicker than following all."""
    # Texts: asked hundreds of times a patient, and a `Path` costs ten times as much.
    here, above = os.fspath(path), os.fspath(root)
    parts = here.split("/")
    if ".." in parts or not (here == above or here.startswith(f"{above}/")):
        return False
    first = len(above.split("/"))
    way = ("/".join(parts[:end]) for end in range(first + 1, len(parts) + 1))
    return not any(map(os.path.islink, way))


def refused_file(file: Path, *roots: Path, most_bytes: int | None = None) -> Refusal | None:
    """Say why a file is not to be opened.

    Parameters
    ----------
    *roots : Path
        Folders in one of which it has to lie; anywhere without them.
    most_bytes : int, optional
        Size above which it is refused.

    Returns
    -------
    Refusal or None
        None where nothing speaks against it, and where there is no such file.
    """
    if roots and not is_within(file, *roots):
        return _outside("file")
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return _unreadable(error.strerror or "unknown error")
    if not stat.S_ISREG(status.st_mode):
        return Refusal("unreadable", "is not a regular file", "Replace it with the file itself.")
    if most_bytes is not None and status.st_size > most_bytes:
        return Refusal(
            "too_large",
            f"has {status.st_size / 1e6:,.0f} MB, expected at most {most_bytes / 1e6:,.0f} MB",
            "Check what it is, and export it again.",
        )
    return None if os.access(file, os.R_OK) else _unreadable("permission denied")


def refused_folder(folder: Path, *roots: Path) -> Refusal | None:
    """Say why a folder is not to be looked into, as `refused_file` does.

    Parameters
    ----------
    *roots : Path
        Folders in one of which it has to lie.

    Returns
    -------
    Refusal or None
        None also where there is no such folder.
    """
    if not os.path.lexists(folder):
        return None
    if not is_within(folder, *roots):
        return _outside("folder")
    is_open = os.access(folder, os.R_OK | os.X_OK) or not folder.is_dir()
    return None if is_open else _unreadable("permission denied")


def usable_files(files: Iterable[Path], *roots: Path) -> list[Path]:
    """Keep the files that are there and may be opened.

    Parameters
    ----------
    *roots : Path
        As in `refused_file`.

    Returns
    -------
    list of Path
        In the same order, each once.
    """
    return [file for file in dict.fromkeys(files) if _is_usable(file, roots)]


def _is_usable(file: Path, roots: tuple[Path, ...]) -> bool:
    return refused_file(file, *roots) is None and file.is_file()


def _outside(what: str) -> Refusal:
    return Refusal(
        "outside",
        f"is a link to a {what} outside the dataset",
        f"Copy the {what} to where the link is.",
    )


def _unreadable(why: str) -> Refusal:
    return Refusal(
        "unreadable",
        f"cannot be read ({why.lower()})",
        "Give the user who runs `ect` read permission, or copy it again.",
    )
