"""Settings of a lab's own code: modules with assets, and names that only such code can give."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points

from pydantic import field_validator

from ect_assets.study.base import Settings

NULL_MODELS = ("vasa", "hungarian", "moran", "burt")
VOLUME_SOURCES = ("freesurfer", "freesurfer_tables", "recon-all", "volumetric")
GROUPS = {
    "nulls.models": "ect_assets.null_models",
    "morphometry.source": "ect_assets.volume_sources",
}
"""Entry points of installed packages that give names of a setting."""
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


def refuse_unknown_names(
    extensions: Extensions, setting: str, names: Sequence[str], ours: Sequence[str]
) -> None:
    """Refuse a name that neither we know nor a lab's code can give.

    What a module of `[extensions]` gives is known once it is imported, which is not done here.

    Raises
    ------
    ValueError
    """
    further = [one for one in names if one not in ours]
    if not further or extensions.modules:
        return
    known = (*ours, *sorted(entry_points(group=GROUPS[setting]).names))
    unknown = [one for one in further if one not in known]
    if unknown:
        raise ValueError(
            f"{setting}: there is no {', '.join(unknown)}; known are {', '.join(known)}, and what "
            "a module under [extensions] adds"
        )


def are_wanted(extensions: Extensions) -> bool:
    """Say whether there is any code of a lab's own: in the settings, or of installed packages."""
    groups = ("ect_assets.steps", *GROUPS.values())
    return bool(extensions.modules) or any(entry_points(group=one) for one in groups)
