"""What a page says of its making: versions of software, and the settings that its numbers rest on.

No path, no address and no time of day: the same study gives the same words on any machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any

from ect_assets import __version__
from ect_assets.report.pages.blocks import Block, Verbatim, listing, paragraph
from ect_assets.study import OF_RESULTS, Study

SOFTWARE = (
    "abagen",
    "antspyx",
    "duckdb",
    "matplotlib",
    "nibabel",
    "nilearn",
    "numba",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
)
"""What computes or draws the numbers of a page."""

PLACES = (
    "confounds",
    "donors_folder",
    "file",
    "folder",
    "info",
    "left",
    "recon_all_flags",
    "right",
    "subject_folder",
    "volume",
)
"""Settings that can say where something lies; only the last part of a name is told."""


@dataclass(frozen=True)
class ReportProvenance:
    """How the numbers of a page were made.

    Attributes
    ----------
    code_version : str
        Version of this package.
    software : tuple of (str, str)
        Name and version of what it computes with.
    settings : str
        The settings that matter, as in study.toml, defaults too.
    data_date : str
        Day of the data, where somebody says one; may be empty.
    """

    code_version: str
    software: tuple[tuple[str, str], ...]
    settings: str
    data_date: str = ""


def provenance_of(study: Study) -> ReportProvenance:
    """Write down how a study's numbers are made.

    Returns
    -------
    ReportProvenance
        The same for the same study and installed packages.
    """
    found = [(name, _version(name)) for name in SOFTWARE]
    software = tuple((name, number) for name, number in found if number)
    return ReportProvenance(__version__, software, settings_text(study))


def _version(name: str) -> str:
    """Return the version of a package, or nothing where it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def settings_text(study: Study) -> str:
    """Write the settings that the numbers rest on, defaults too, as in study.toml.

    Returns
    -------
    str
        Sections in a fixed order; files and folders by their last name only.
    """
    plain = {name: study.plain[name] for name in OF_RESULTS}
    single = {name: value for name, value in plain.items() if not isinstance(value, dict)}
    lines = [f"{name} = {_value(name, value)}" for name, value in single.items()]
    for name, value in plain.items():
        if isinstance(value, dict):
            lines += _section(name, value)
    return "\n".join(lines) + "\n"


def _section(title: str, values: dict[str, Any]) -> list[str]:
    """Write one section of settings, then the sections below it."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict)}
    below = {name: value for name, value in values.items() if isinstance(value, dict)}
    said = {name: value for name, value in plain.items() if value is not None}
    lines = [f"{name} = {_value(name, value)}" for name, value in said.items()]
    if lines:
        lines = ["", f"[{title}]", *lines]
    for name, value in below.items():
        lines += _section(f"{title}.{name}", value)
    return lines


def _value(name: str, value: Any) -> str:
    if name in PLACES and isinstance(value, list | tuple):
        value = [PurePath(one).name for one in value]
    elif name in PLACES and isinstance(value, str):
        value = PurePath(value).name
    return json.dumps(value, ensure_ascii=False)


def making_blocks(study: Study, provenance: ReportProvenance) -> list[Block]:
    """Say which software and which settings made the numbers."""
    named = [f"{name} {number}" for name, number in provenance.software]
    software = paragraph(
        "Made with ECT Assets {} and {}. Every random step starts from the seed {}.{}",
        provenance.code_version,
        listing(named),
        study.seed,
        f" Data of {provenance.data_date}." if provenance.data_date else "",
    )
    return [software, Verbatim("The settings of this study, defaults too", provenance.settings)]
