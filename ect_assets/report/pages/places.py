"""Where the pages of a study lie in its lake, and how one links to another."""

from __future__ import annotations

import posixpath

REPORT = "report.html"
OF_PARCELLATION, OF_STUDY = "study_report", "study_overview"


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
        return f"{OF_STUDY}/{REPORT}"
    return f"{OF_PARCELLATION}/parcellation={parcellation}/{REPORT}"


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
