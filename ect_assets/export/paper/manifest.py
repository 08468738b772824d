"""`paper.json`: what every number of a paper is bound to, and the digests of its files.

It is written by `kit` and read by `verification`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ect_assets.export.paper.numbers import plain
from ect_assets.problems import StudyError

MANIFEST = "paper.json"
GENERATOR = "ect paper"
DIGITS = 9
"""Significant digits of a number that an answer's digest rests on: sums of many rows end
differently from run to run beyond them."""


def answer_digest(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return the SHA-256 of the answer to a query."""
    cells = [[_cell(plain(one)) for one in row] for row in rows]
    return text_digest(json.dumps([list(columns), cells], ensure_ascii=False))


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return [_cell(one) for one in value]
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else value


def text_digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Add to a content the digest of all of it."""
    return content | {"digest": seal_of(content)}


def seal_of(content: dict[str, Any]) -> str:
    """Return the digest of a content, whatever digest it says itself."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return text_digest(json.dumps(rest, sort_keys=True, ensure_ascii=False))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a paper says of itself.

    Raises
    ------
    StudyError
        When the folder holds no paper of `ect paper`.
    """
    file = folder / MANIFEST
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = None
    except (ValueError, OSError) as error:
        raise StudyError(f"{file} cannot be read: {error}. Write the paper again.") from error
    if not isinstance(said, dict) or said.get("generator") != GENERATOR:
        raise StudyError(f"{folder} has no {MANIFEST} of `ect paper`. Name the paper's folder.")
    return said
