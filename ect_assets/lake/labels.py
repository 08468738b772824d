"""Labels of the patients that a lake knows, and how one is found in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.tables import Participants

SUBJECT = "subject"


def known_labels(lake: Lake) -> set[str]:
    """List the labels of the patients that a lake has, or has had, data of.

    Returns
    -------
    set of str
        Without ``sub-``.
    """
    everyone = Lake(lake.folder, beside=lake.beside)
    labels = set(lake.subjects or ())
    for table in known_tables(lake.folder).values():
        if SUBJECT in table.partitions:
            labels |= {one[SUBJECT] for one in everyone.partitions(table)}
    if everyone.partitions(Participants):
        labels |= set(everyone.read(Participants)[SUBJECT])
    return labels


def has_label(text: str, labels: Iterable[str]) -> bool:
    """Say whether a text names one of some patients.

    Parameters
    ----------
    text : str
        Plain, or Markdown, in which the hyphen may be escaped.
    labels : iterable of str
        Without ``sub-``.
    """
    either = "|".join(re.escape(one) for one in labels)
    pattern = rf"(?<![0-9A-Za-z])sub\\?-(?:{either})(?![0-9A-Za-z])"
    return bool(either and re.search(pattern, text))
