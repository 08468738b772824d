"""What a table of patients holds that can tell who somebody is, column by column.

A column identifies, is free text that stays out of the lake unless the study allows it, or passes.
No cell leaves this module, and a heading only where it looks like one. Which words identify is
known in `privacy_words`, what texts hold in `privacy_texts`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from ect_assets.intake import privacy_texts as texts
from ect_assets.intake import privacy_words as words
from ect_assets.intake.privacy_lists import ALLOWED_COLUMNS
from ect_assets.intake.privacy_words import Trace, not_checked
from ect_assets.intake.tsv import TableFileError, parse_number, read_table

FREE_TEXT = "free text, which is not ingested"
LONGEST_CODE = 40
"""Characters of a category; what is longer is a text."""
MOST_WORDS = 3
LONGEST_NUMBER = 7
"""Digits of a whole number from which on it may be that of a record."""
KEYS = ("participant_id", "subject", "session_id", "session", "filename", "index")


def table_traces(file: Path, shown: str) -> list[Trace]:
    """Look through a table beside a patient's files.

    Returns
    -------
    list of Trace
        One per column at most; that the table cannot be looked through.
    """
    try:
        return traces_of_table(read_table(file, shown).rows)
    except TableFileError:
        return [
            not_checked(
                "table", "cannot be read as a table", "Save it as tab-separated text, in UTF-8."
            )
        ]


def traces_of_table(rows: pd.DataFrame, ages: bool = True) -> list[Trace]:
    """Judge each column of a table.

    Parameters
    ----------
    rows : DataFrame
        As `read_table` gives them.
    ages : bool
        Whether ages above 89 are looked for; of participants.tsv each concerns its patient only.
    """
    traces = (
        _trace_of_column(name, place, rows[name].dropna(), ages)
        for place, name in enumerate(rows.columns, start=1)
    )
    return [one for one in traces if one is not None]


def free_text_columns(rows: pd.DataFrame, allowed: Collection[str]) -> list[str]:
    """List the columns of free text that the study does not allow by name.

    Parameters
    ----------
    rows : DataFrame
        As `read_table` gives them.
    allowed : collection of str
        ``privacy.allow``.
    """
    known = {one.lower() for one in allowed}
    return [
        name
        for name in rows.columns
        if name.lower() not in known and is_free_text(name, rows[name].dropna())
    ]


def is_free_text(column: str, cells: pd.Series) -> bool:
    """Say whether a column is free text: by its name, or by its cells.

    Parameters
    ----------
    cells : Series of str
        Without missing ones.

    Returns
    -------
    bool
        False for numbers and for categories: short, few, no names. A text that only one patient
        has and that is more than a word, or begins with a capital letter, is no category, unless
        the column is one that every study has (site, group).
    """
    if column.lower() in KEYS or cells.empty:
        return False
    if words.is_for_free_text(column):
        return True
    said = [cell for cell in cells if parse_number(cell) is None]
    if any(_is_long_number(cell) for cell in cells) or any(map(_is_prose, said)):
        return True
    if column.lower() in ALLOWED_COLUMNS:
        return False
    once = [cell for cell in said if said.count(cell) == 1] if len(said) <= 10_000 else said
    return any(" " in cell or texts.likeness_to_name(cell) != "none" for cell in once)


def _is_long_number(cell: str) -> bool:
    return cell.isdigit() and len(cell) >= LONGEST_NUMBER


def _is_prose(cell: str) -> bool:
    if len(cell) > LONGEST_CODE or len(cell.split()) > MOST_WORDS:
        return True
    return texts.holds_given_name(cell) or texts.holds_contact(cell)


def _trace_of_column(name: str, place: int, cells: pd.Series, ages: bool) -> Trace | None:
    if cells.empty:
        return None
    shown = name if words.is_plain_name(name) else f"column {place}"
    kind = words.kind_of_column(name)
    if any(texts.holds_date(cell) for cell in cells):
        return Trace(shown, True, "a date that is not shifted to 1925 or before")
    if name.lower() == "acq_time":
        return None
    if kind == "identifying":
        return Trace(shown, True)
    if any(texts.holds_person(cell) for cell in cells):
        return Trace(shown, True, "a person's name")
    unit = words.age_unit(name)
    if ages and words.is_age(name) and any(texts.is_old(cell, unit) for cell in cells):
        return Trace(shown, True, f"an age above {texts.OLDEST_YEARS}")
    return Trace(shown, False, FREE_TEXT) if is_free_text(name, cells) else None
