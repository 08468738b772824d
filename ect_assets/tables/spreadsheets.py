"""Cells that a spreadsheet must not take for formulas."""

from __future__ import annotations

import re
from typing import Any

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")
"""With these, the last four full-width, a spreadsheet takes a text for a formula (OWASP, CSV
Injection)."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def harmless(value: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would evaluate.

    Parameters
    ----------
    value : object
        A cell; numbers are left alone, also those that are written as text.

    Returns
    -------
    object
        A text has line feeds for carriage returns, which would begin a row of their own.
    """
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if not value.startswith(FORMULA_SIGNS):
        return value
    return value if _NUMBER.fullmatch(value) else f"'{value}"
