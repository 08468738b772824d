"""Stages that keep their results: each in one file, made again only when something has changed.

A file ``<stage>.npz`` holds arrays and the key under which they were made: a digest of the
stage's version, its parameters and the keys of what it reads. Which stages there are is said in
`subject`.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ect_assets.whole_files import replace_whole

Arrays = Mapping[str, np.ndarray]
Report = Callable[[str, float], None]

KEY = "stage_key"
COMPRESSION = 1


@dataclass(frozen=True)
class Kept:
    """The result of a stage, on disk.

    Parameters
    ----------
    key : str
        Digest of all that it depends on.
    """

    file: Path
    key: str

    def load(self) -> dict[str, np.ndarray]:
        """Read the arrays."""
        with np.load(self.file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files if name != KEY}


class Stages:
    """Runs the stages of one subject, or finds their results.

    Parameters
    ----------
    folder : Path
        Of this subject alone; made if missing.
    report : callable
        Told of each stage that was run: its name, and how many seconds it took.
    """

    def __init__(self, folder: Path, report: Report):
        self.folder = folder
        self.report = report
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, depends_on: Mapping[str, Any], make: Callable[[], Arrays]) -> Kept:
        """Give a stage's result: the one on disk where its key is the same, else a new one.

        Parameters
        ----------
        depends_on : mapping
            All that decides on the result; plain values.
        make : callable
            Makes the arrays.
        """
        key = hashlib.sha256(
            json.dumps({"stage": name, **depends_on}, sort_keys=True).encode()
        ).hexdigest()
        kept = Kept(self.folder / f"{name}.npz", key)
        if _stored_key(kept.file) != key:
            start = time.perf_counter()
            write_arrays(kept.file, {KEY: np.array(key), **make()})
            self.report(name, time.perf_counter() - start)
        return kept


def file_digest(file: Path) -> str:
    """Give the SHA-256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_arrays(file: Path, arrays: Arrays) -> None:
    """Write arrays as an npz file, whole or not at all; the same arrays give the same bytes."""

    def write(aside: Path) -> None:
        with zipfile.ZipFile(
            aside, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION
        ) as archive:
            for name, array in arrays.items():
                # A ZipInfo of its own has a fixed date.
                entry = zipfile.ZipInfo(f"{name}.npy")
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as part:
                    np.lib.format.write_array(part, np.asanyarray(array), allow_pickle=False)

    replace_whole(file, write)


def _stored_key(file: Path) -> str | None:
    """Read under which key a file was made; None where there is no whole file."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return str(stored[KEY])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
