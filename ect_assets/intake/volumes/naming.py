"""How FreeSurfer names things, and how we do: folders, annotations, structures, parcels.

Both sources of volumes use these names. Measures and their checks belong in `volumes`.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from ect_assets.problems import StudyError
from ect_assets.study import Study

Value = TypeVar("Value")

SIDES = {"lh": "L", "rh": "R"}
"""FreeSurfer's names of the hemispheres, and ours."""

ETIV_NAMES = (
    "eTIV",
    "EstimatedTotalIntraCranialVol",
    "IntraCranialVol",
    "ICV",
)
"""Names of the intracranial volume, the newest first: statistics and tables, since FreeSurfer 4."""

_FIELDS = {"subject", "session"}


def shown_path(study: Study, path: Path) -> str:
    """Name a file or folder relative to the study, never absolutely.

    Parameters
    ----------
    path : Path
        A path in the study's folder or in the morphometry folder.

    Returns
    -------
    str
        With forward slashes.
    """
    base = study.folder if path.is_relative_to(study.folder) else study.morphometry_folder.parent
    return path.relative_to(base).as_posix()


def freesurfer_name(study: Study, parcellation: str) -> str:
    """Name a parcellation as FreeSurfer's files do.

    Returns
    -------
    str
        For example ``aparc``; the parcellation's own name where the study does not say another.

    Raises
    ------
    StudyError
        When the study has no such parcellation.
    """
    if parcellation not in study.parcellations:
        raise StudyError(
            f"study.toml has no [parcellations.{parcellation}]; it has: "
            f"{', '.join(study.parcellations)}. Add it, or choose one of these."
        )
    return study.parcellations[parcellation].freesurfer or parcellation


def with_etiv(measures: Mapping[str, Value]) -> dict[str, Value]:
    """Give the intracranial volume its present name, whatever the version called it.

    Parameters
    ----------
    measures : mapping of str to anything
        FreeSurfer's names -> values.

    Returns
    -------
    dict
        The same, with ``eTIV`` where there is an intracranial volume under any of its names, in
        upper or lower case.
    """
    of_any_case = {name.casefold(): value for name, value in measures.items()}
    names = [name.casefold() for name in ETIV_NAMES if name.casefold() in of_any_case]
    return dict(measures) | ({"eTIV": of_any_case[names[0]]} if names else {})


def folder_pattern(template: str) -> re.Pattern[str]:
    """Turn ``subject_folder`` of study.toml into a pattern that reads subject and session back.

    Parameters
    ----------
    template : str
        Such as ``sub-{subject}_ses-{session}``; a field may occur twice.

    Returns
    -------
    re.Pattern
        With groups ``subject`` and ``session``.

    Raises
    ------
    StudyError
        When the template lacks one of the two or has another field.
    """
    pattern, seen = "", set()
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        parts = []
    for literal, field, _, _ in parts:
        pattern += re.escape(literal)
        if field is not None:
            pattern += f"(?P={field})" if field in seen else f"(?P<{field}>[0-9A-Za-z]+)"
            seen.add(field)
        if not seen <= _FIELDS:
            break
    if seen != _FIELDS:
        raise StudyError(
            f"study.toml: morphometry.subject_folder is {template!r}, expected a name with "
            "{subject} and {session}, such as 'sub-{subject}_ses-{session}'."
        )
    return re.compile(pattern)
