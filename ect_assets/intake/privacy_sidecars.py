"""What a JSON sidecar holds that can tell who somebody is, key by key.

No value leaves this module. A file that cannot be looked through blocks its patient. Which names
of keys identify is known in `privacy_words`, what texts hold in `privacy_texts`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ect_assets.intake import privacy_texts as texts
from ect_assets.intake import privacy_words as words
from ect_assets.intake.privacy_lists import TYPED_KEYS
from ect_assets.intake.privacy_words import SIDECAR_BYTES, Trace, not_checked

_WIDE = ("utf-16", "utf-32")
_NARROW = ("utf-8-sig", "cp1252", "latin-1")
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_WITHOUT_MARK = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
DEEPEST = 100
"""Levels of a sidecar that are looked through."""


class UnreadableJsonError(ValueError):
    """A text is no JSON that can be looked through; the message says why and quotes nothing."""


def parsed(content: bytes) -> Any:
    """Read JSON in any of the usual encodings.

    Raises
    ------
    UnreadableJsonError
        When it is JSON in none of them, has a key twice, or is nested more than `DEEPEST` deep.
    """
    found = None
    for encoding in _encodings(content):
        try:
            found = [json.loads(content.decode(encoding), object_pairs_hook=_without_repeats)]
            break
        except RecursionError as error:
            raise UnreadableJsonError("is nested too deeply") from error
        except UnreadableJsonError:
            raise
        except ValueError:
            continue
    if found is None:
        raise UnreadableJsonError("is not valid JSON")
    if _depth(found[0]) > DEEPEST:
        raise UnreadableJsonError("is nested too deeply")
    return found[0]


def _encodings(content: bytes) -> tuple[str, ...]:
    if content.startswith(_MARKS):
        return _WIDE
    return _WITHOUT_MARK if b"\0" in content[:8] else _NARROW


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise UnreadableJsonError("has a key twice")
    return content


def _depth(content: Any) -> int:
    level, deep = [content], 0
    while level and deep <= DEEPEST:
        parts = [one for one in level if isinstance(one, (dict, list))]
        level = [part for one in parts for part in (one.values() if isinstance(one, dict) else one)]
        deep += bool(parts)
        if not parts:
            break
    return deep


def json_traces(file: Path) -> list[Trace]:
    """Look through a sidecar, at any depth.

    Returns
    -------
    list of Trace
        Keys that identify; unknown keys whose value is a text or a long number; that it cannot be
        looked through.
    """
    content = _content(file, "sidecar")
    return [content] if isinstance(content, Trace) else sorted(set(traces_of_json(content[0])))


def dictionary_traces(file: Path) -> list[Trace]:
    """Look through a data dictionary: the columns that it describes, and what is said of them.

    Parameters
    ----------
    file : Path
        A JSON file beside a table.
    """
    content = _content(file, "data dictionary")
    if isinstance(content, Trace):
        return [content]
    columns = content[0] if isinstance(content[0], dict) else {}
    named = [
        Trace(words.shown_field(column), True)
        for column in columns
        if words.kind_of_column(column) == "identifying"
    ]
    said = [
        Trace(words.shown_field(column), True, "a person's name")
        for column, text in columns.items()
        if any(texts.holds_person(one) for one in _all_texts(text))
    ]
    return sorted({*named, *said})


def _content(file: Path, what: str) -> tuple[Any] | Trace:
    """Return a file's content, or that it cannot be looked through."""
    with file.open("rb") as stream:
        content = stream.read(SIDECAR_BYTES + 1)
    if len(content) > SIDECAR_BYTES:
        return not_checked(
            what, f"has more than {SIDECAR_BYTES / 1e6:.0f} MB", "Remove what is not BIDS."
        )
    try:
        return (parsed(content),)
    except UnreadableJsonError as error:
        return not_checked(what, str(error), "Export it again as JSON, in UTF-8.")


def _all_texts(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _all_texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _all_texts(value)


def traces_of_json(content: Any) -> Iterator[Trace]:
    """Judge each key of a JSON value, at any depth.

    Parameters
    ----------
    content : object
        As `parsed` gives it.
    """
    if isinstance(content, list):
        for part in content:
            yield from traces_of_json(part)
    if isinstance(content, str):
        yield from _traces_of_lone_text(content)
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        yield from _traces_inside(value)
        found = _trace_of_key(key, value)
        if found is not None:
            yield found


def _traces_inside(value: Any) -> Iterator[Trace]:
    """Go on into what is nested; plain texts in a list are judged with their key."""
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, dict):
            yield from traces_of_json(part)
        elif isinstance(part, list):
            yield from _traces_inside(part)


def _traces_of_lone_text(text: str) -> Iterator[Trace]:
    """Judge a text that stands under no key."""
    if texts.holds_date(text) or texts.likeness_to_name(text) == "name":
        yield Trace("text", True, "a name or a date")


def _trace_of_key(key: str, value: Any) -> Trace | None:
    kind = words.kind_of_key(key)
    shown = words.shown_field(key)
    values = _flat(value)
    if kind == "identifying":
        return Trace(shown, True) if _says_something(value) else None
    if words.is_age(key) and any(texts.is_old(one, words.age_unit(key)) for one in values):
        return Trace(shown, True, f"an age above {texts.OLDEST_YEARS}")
    said = [text for text in values if isinstance(text, str)]
    if any(texts.holds_person(text) for text in said):
        return Trace(shown, True, "a person's name")
    if kind == "allowed":
        return _trace_of_known(key, said)
    if any(texts.holds_date(text) for text in said):
        return Trace(shown, True, "a date")
    if any(texts.likeness_to_name(text) == "name" for text in said):
        return Trace(shown, True, "what looks like a name or an address")
    is_long = any(type(number) is int and abs(number) >= 10**7 for number in values)
    return Trace(shown, False) if any(said) or is_long else None


def _trace_of_known(key: str, texts_found: list[str]) -> Trace | None:
    """Judge the texts of a key that is expected in a sidecar."""
    is_typed = key.lower() in TYPED_KEYS
    has_date = any(texts.holds_date(text) for text in texts_found)
    if is_typed and (has_date or any(texts.holds_long_number(text) for text in texts_found)):
        return Trace(key, True, "a date" if has_date else "a number as long as those of records")
    names = {texts.likeness_to_name(text) for text in texts_found} if is_typed else set()
    if "name" in names or any(map(_names_somebody, texts_found)):
        return Trace(key, True, "what looks like a name or an address")
    if "possible" in names:
        return Trace(key, False, "a word that is not technical")
    is_version = "version" in key.lower()
    return Trace(key, False, "a date") if has_date and not is_version else None


def _names_somebody(text: str) -> bool:
    return texts.holds_given_name(text) or texts.holds_contact(text)


def _says_something(value: Any) -> bool:
    return any(part not in ("", None, "n/a", "anonymous", "Anonymous") for part in _flat(value))


def _flat(value: Any) -> list[Any]:
    """List the plain values; what a nested object holds is looked at under its own keys."""
    if isinstance(value, list):
        return [plain for part in value for plain in _flat(part)]
    return [] if isinstance(value, dict) else [value]
