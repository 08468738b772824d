"""What was wrong when a partition was made, kept beside the tables as `problems.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ect_assets.lake.location import Place, read_bytes, remove, write_whole
from ect_assets.problems import Problem
from ect_assets.whole_files import explain_write_errors

PROBLEMS_FOLDER, PROBLEMS_FILE = "_problems", "problems.json"


@dataclass(frozen=True)
class Failure:
    """What kept a partition from being whole, or from being made at all.

    Attributes
    ----------
    inputs_sha256 : str
        Digest of the inputs with which it was tried: the same inputs are not tried again.
    failed : bool
        True where nothing could be made; false where the partition exists but is not complete.
    """

    problems: tuple[Problem, ...]
    inputs_sha256: str
    failed: bool


UNREADABLE = Failure((), "", True)


def write_failure(file: Place, failure: Failure | None) -> None:
    """Keep what was wrong, unless the file says so already; without a failure, clear it."""
    if failure is None:
        with explain_write_errors(file):
            remove(file)
        return
    said = {
        "inputs_sha256": failure.inputs_sha256,
        "failed": failure.failed,
        "problems": [problem.as_row() for problem in failure.problems],
    }
    text = json.dumps({**said, "sha256": _digest(said)}, indent=1, sort_keys=True)
    if _text(file) != text:
        write_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))


def read_failure(file: Place) -> Failure | None:
    """Read one `problems.json`; None where there is none.

    One that is damaged says that something failed, with inputs that nothing has: it is tried
    again, and what was wrong is written down again.
    """
    text = _text(file)
    if text is None:
        return None
    try:
        said = json.loads(text)
        written = said.pop("sha256", None)
        problems = tuple(Problem(**row) for row in said["problems"])
        failure = Failure(problems, said["inputs_sha256"], said["failed"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return UNREADABLE
    return failure if written in (None, _digest(said)) else UNREADABLE


def _text(file: Place) -> str | None:
    """Return what a file says, or None where there is none, or no longer."""
    try:
        return read_bytes(file).decode(errors="replace")
    except FileNotFoundError:
        return None


def _digest(said: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
