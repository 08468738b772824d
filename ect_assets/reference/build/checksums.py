"""Writes `CHECKSUMS.sha256`: the SHA-256 of every packaged file, by which loaders verify them.

The format is the one of sha256sum, so that ``sha256sum -c CHECKSUMS.sha256`` in the data folder
says the same. Run it last, after every other build script.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from ect_assets.reference.build import upstream

CHECKSUMS = "CHECKSUMS.sha256"


def build(folder: Path) -> None:
    """Write the checksums of a folder's files into it, sorted by name."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != CHECKSUMS)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    build(upstream.DATA_FOLDER)
