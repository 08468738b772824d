"""Writing a bundled study: only what differs, whole files or none, and a note when complete.

What stands in the files is decided by the modules that call these functions. Nothing here knows
about brains or BIDS.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ect_assets.study import STUDY_FILE


def write_if_different(path: Path, content: bytes | str) -> bool:
    """Write a file unless it already has these very bytes.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    content : bytes or str
        Text is stored as UTF-8.

    Returns
    -------
    bool
        Whether anything was written. The file is replaced as a whole, so that a reader never
        sees half of it and an interrupted run leaves the old one.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    if path.is_file() and path.read_bytes() == content:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name: what an interrupted run leaves, the next one takes over.
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    os.replace(aside, path)
    return True


def as_json(value: Mapping[str, Any]) -> str:
    """Render a JSON file as BIDS datasets carry it: indented, in the order given."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_tsv(table: pd.DataFrame) -> str:
    """Render a table as BIDS carries it: tab separated, ``n/a`` where a value is missing."""
    return table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")


def lake_setting(folder: Path, lake: Path) -> str:
    """Give the lake's path relative to the study's folder, as `study.toml` says it."""
    return Path(os.path.relpath(lake.resolve(), folder.resolve())).as_posix()


class CompletionNote:
    """Remembers that a bundled study was written completely, and from what.

    Parameters
    ----------
    name : str
        The note's file name.
    made_from : mapping
        Version of the generator and its arguments; another value makes the note void.
    """

    def __init__(self, folder: Path, name: str, made_from: Mapping[str, Any]):
        self.folder = folder
        self.path = folder / name
        self.made_from = dict(made_from)

    def says_complete(self) -> bool:
        """Whether this very study was written to its end."""
        return self._kept().get("made_from") == self.made_from

    def write(self, settings: str) -> None:
        """Write `study.toml`, unless its user has edited it, and note that all is written."""
        file = self.folder / STUDY_FILE
        is_ours = not file.exists() or _sha256(file.read_bytes()) == self._kept().get("settings")
        if is_ours:
            write_if_different(file, settings)
        kept = {"made_from": self.made_from, "settings": _sha256(settings.encode("utf-8"))}
        write_if_different(self.path, as_json(kept))

    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self.path.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return kept if isinstance(kept, dict) else {}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
