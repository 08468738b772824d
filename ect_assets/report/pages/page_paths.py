"""Where the pages of a study lie in its lake, and how one links to another."""

from __future__ import annotations

import posixpath

from ect_assets.lake.documents import PAGE
from ect_assets.tables import StudyOverview, StudyReport


def page_place(parcellation: str) -> str:
    """Say where a page lies.

    Parameters
    ----------
    parcellation : str
        Empty for the page of the whole study.

    Returns
    -------
    str
        Relative to the lake's folder, with ``/``.
    """
    if not parcellation:
        return f"{StudyOverview.table_name}/{PAGE}"
    return f"{StudyReport.table_name}/parcellation={parcellation}/{PAGE}"


def link_between(here: str, there: str) -> str:
    """Link from one page to another.

    Parameters
    ----------
    here, there : str
        Parcellations; empty for the page of the whole study.

    Returns
    -------
    str
        A relative link.
    """
    folder = posixpath.dirname(page_place(here))
    return posixpath.relpath(page_place(there), folder)
