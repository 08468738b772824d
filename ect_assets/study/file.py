"""The text of `study.toml`: read with bounds on its size, depth and values, whatever is in it.

Which settings there are, and what each may be, is said in `study`; here is what holds for any.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ect_assets.problems import StudyError

MOST_BYTES = 1_000_000
DEEPEST = 8
"""Tables within tables; the deepest setting that there is has four names."""
LONGEST_TEXT = 4096
LONGEST_NAME = 100
LARGEST_INT = 2**63 - 1
SHOWN_CHARACTERS = 80
Item = tuple[tuple[str, ...], Any]


def read_settings(file: Path) -> dict[str, Any]:
    """Read the settings of a study as plain values.

    Raises
    ------
    StudyError
        When it cannot be read, is no TOML, or a value cannot be that of any setting.
    """
    settings = _parsed(file, _text(file))
    for names, value in _values(settings):
        fault = _fault(names, value)
        if fault is not None:
            raise StudyError(f"{file}: {_shown('.'.join(names))}: {fault}.")
    return settings


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise StudyError(f"{file} cannot be read: {error.strerror or error}.") from error
    if len(content) > MOST_BYTES:
        raise StudyError(
            f"{file} is larger than {MOST_BYTES // 1000} kB, so it is not the settings of a "
            "study. Replace it with the right file, or create one with `ect init PATH`."
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise StudyError(
            f"{file} is not valid TOML: line {line} is not UTF-8. Save the file with the encoding "
            "UTF-8."
        ) from error


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise StudyError(
            f"{file} is not valid TOML for a study: it is nested too deeply (a setting has at most "
            f"{DEEPEST} levels). Fix the brackets."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise StudyError(
            f"{file} is not valid TOML: {_shown(str(error))}. Fix that line."
        ) from error
    except ValueError as error:
        # Python's own, without a place: an integer of thousands of digits, a date that is none.
        why = "a number has too many digits" if "digits" in str(error) else _shown(str(error))
        raise StudyError(f"{file} is not valid TOML: {why}. Fix that value.") from error


def _values(settings: dict[str, Any]) -> Iterator[Item]:
    """Go through all tables, lists and values, without recursion."""
    waiting: list[Item] = [((), settings)]
    while waiting:
        names, value = waiting.pop()
        if names:
            yield names, value
        if len(names) > DEEPEST:
            continue
        if isinstance(value, dict):
            waiting += [((*names, name), one) for name, one in reversed(value.items())]
        elif isinstance(value, list):
            waiting += [((*names, str(n)), one) for n, one in reversed([*enumerate(value)])]


def _fault(names: tuple[str, ...], value: Any) -> str | None:
    """Say why a value can be that of no setting, or None."""
    if len(names) > DEEPEST:
        return f"is nested more than {DEEPEST} levels deep"
    if len(names[-1]) > LONGEST_NAME or _control(names[-1]):
        return f"a name has at most {LONGEST_NAME} characters, and no control characters"
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        return "is too large a number; a whole number is at most 9223372036854775807"
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        return f"is longer than {LONGEST_TEXT} characters"
    if isinstance(value, str) and _control(value):
        return "contains a line break or another control character; remove it"
    return None


def _control(text: str) -> bool:
    return any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text)


def _shown(text: str) -> str:
    """Return a text as it can be printed in a line, its beginning at most."""
    plain = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    return plain if len(plain) <= SHOWN_CHARACTERS else f"{plain[:SHOWN_CHARACTERS]}..."
