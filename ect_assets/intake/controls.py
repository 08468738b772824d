"""Who is probably a control: words of a column of participants.

It suggests a setting and decides nothing: who is one says ``[group] controls`` of study.toml.
"""

from __future__ import annotations

import re

import pandas as pd

COLUMNS = ("group", "participant_group", "cohort", "arm")
"""Columns that may say who is a control, in lower case."""
CONTROL = re.compile(
    r"(healthy[ _-]?)?(controls?|volunteers?|subjects?)|healthy|hc|hcs|hv|nc|ctrl|ctl|con", re.I
)
"""How tables write that somebody is one."""


def likely_controls(participants: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Find who seems to have been scanned but not treated, where others in the column were.

    Parameters
    ----------
    participants : DataFrame
        Of the dataset, or the table of that name.

    Returns
    -------
    dict of str to tuple of str
        At most one column, with its values that mean a control.
    """
    for name, cells in participants.items():
        if str(name).lower() not in COLUMNS:
            continue
        values = sorted({str(cell) for cell in cells.dropna()})
        found = tuple(one for one in values if CONTROL.fullmatch(one.strip()))
        if 0 < len(found) < len(values):
            return {str(name): found}
    return {}
