"""Settings of a lab's own code: modules with assets, and names that only such code can give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points

from pydantic import field_validator

from ect_assets.problems import StudyError
from ect_assets.study.base import Settings

NULL_MODELS = ("vasa", "hungarian", "moran", "burt")
VOLUME_SOURCES = ("freesurfer", "freesurfer_tables", "recon-all", "volumetric")
STEPS = "ect_assets.steps"
GIVEN_BY = {
    "nulls.models": (NULL_MODELS, "ect_assets.null_models"),
    "morphometry.source": (VOLUME_SOURCES, "ect_assets.volume_sources"),
}
"""Our values of a setting, and the entry points of installed packages that give further ones."""
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Extensions(Settings):
    """Modules of Python with a lab's own assets, null models and sources of volumes.

    Each is the name of an installed module, or of a file below the study's folder: `my_lab.assets`
    is `my_lab/assets.py` beside study.toml.
    """

    modules: tuple[str, ...] = ()

    @field_validator("modules")
    @classmethod
    def _names_of_modules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not MODULE.fullmatch(one):
                raise ValueError(
                    f"{one[:80]!r} is no name of a Python module; write my_lab.assets for the file "
                    "my_lab/assets.py beside study.toml"
                )
        if len(set(value)) < len(value):
            raise ValueError("name each module once")
        return value


def refuse_unknown(extensions: Extensions, setting: str, names: Sequence[str]) -> None:
    """Refuse a name that neither we know nor a lab's code can give.

    What a module of `[extensions]` gives is known once it is imported, which is not done here.

    Parameters
    ----------
    setting : str
        One of `GIVEN_BY`.

    Raises
    ------
    StudyError
    """
    ours, group = GIVEN_BY[setting]
    further = [one for one in names if one not in ours]
    if not further or extensions.modules:
        return
    known = (*ours, *sorted(entry_points(group=group).names))
    unknown = [one for one in further if one not in known]
    if unknown:
        raise StudyError(
            f"{setting}: there is no {', '.join(unknown)}; known are {', '.join(known)}, and what "
            "a module under [extensions] adds."
        )


def are_wanted(extensions: Extensions) -> bool:
    """Say whether there is any code of a lab's own: in the settings, or of installed packages."""
    groups = (STEPS, *(group for _, group in GIVEN_BY.values()))
    return bool(extensions.modules) or any(entry_points(group=one) for one in groups)
