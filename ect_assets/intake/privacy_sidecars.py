"""What a JSON sidecar holds that can tell who somebody is, key by key.

No value leaves this module. A file that is no JSON has no traces: that it cannot be used is told
in `scans`. Which words identify is known in `privacy_words`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ect_assets.intake import privacy_words as words
from ect_assets.intake.privacy_words import MOST_BYTES, Trace, too_large


def json_traces(file: Path) -> list[Trace]:
    """Look through a sidecar, at any depth.

    Parameters
    ----------
    file : Path
        A JSON file.

    Returns
    -------
    list of Trace
        Keys that identify; unknown keys whose value is a text or a long number.
    """
    if file.stat().st_size > MOST_BYTES:
        return [too_large("sidecar")]
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
        return sorted(set(traces_of_json(content)))
    except ValueError:
        return []
    except RecursionError:
        return [Trace("sidecar", False, "nested too deeply to look through")]


def dictionary_traces(file: Path) -> list[Trace]:
    """Look through a data dictionary: only the columns that it describes.

    Parameters
    ----------
    file : Path
        A JSON file beside a table.

    Returns
    -------
    list of Trace
    """
    if file.stat().st_size > MOST_BYTES:
        return [too_large("data dictionary")]
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return []
    columns = content if isinstance(content, dict) else {}
    return [
        Trace(words.shown_field(column), True)
        for column in columns
        if words.kind_of_column(column) == "identifying"
    ]


def traces_of_json(content: Any) -> Iterator[Trace]:
    """Judge each key of a JSON value, at any depth.

    Parameters
    ----------
    content : object
        As `json.loads` gives it.

    Yields
    ------
    Trace
    """
    if isinstance(content, list):
        for part in content:
            yield from traces_of_json(part)
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        yield from traces_of_json(value)
        found = _trace_of_key(key, value)
        if found is not None:
            yield found


def _trace_of_key(key: str, value: Any) -> Trace | None:
    kind = words.kind_of_key(key)
    if kind == "identifying":
        return Trace(words.shown_field(key), True) if _says_something(value) else None
    texts = [text for text in _flat(value) if isinstance(text, str)]
    if any(words.holds_person(text) for text in texts):
        return Trace(words.shown_field(key), True, "a person's name")
    has_date = any(words.holds_date(text) for text in texts)
    if kind == "allowed":
        is_version = "version" in key.lower()
        return (
            Trace(words.shown_field(key), False, "a date") if has_date and not is_version else None
        )
    if has_date:
        return Trace(words.shown_field(key), True, "a date")
    is_long = any(type(number) is int and abs(number) >= 10**7 for number in _flat(value))
    return Trace(words.shown_field(key), False) if any(texts) or is_long else None


def _says_something(value: Any) -> bool:
    return any(part not in ("", None, "n/a", "anonymous", "Anonymous") for part in _flat(value))


def _flat(value: Any) -> list[Any]:
    """List the plain values; what a nested object holds is looked at under its own keys."""
    if isinstance(value, list):
        return [plain for part in value for plain in _flat(part)]
    return [] if isinstance(value, dict) else [value]
