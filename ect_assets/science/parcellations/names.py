"""What parcels are called: hemispheres, structures, and names that must tell them apart.

Reading belongs in `info_table` and `surface_files`; how FreeSurfer's folders and statistics are
named, in `intake.volumes.naming`.
"""

from __future__ import annotations

import re
from collections.abc import Container

import pandas as pd

SIDES = {"L": "lh", "R": "rh"}
"""Hemispheres, and FreeSurfer's names of them."""

SIDE_WORDS = {"L": "left", "R": "right", "B": "both"}

HEMISPHERES = {
    **dict.fromkeys(("l", "lh", "left"), "L"),
    **dict.fromkeys(("r", "rh", "right"), "R"),
    **dict.fromkeys(("b", "bilateral", "both", "midline"), "B"),
}
"""How tables write a hemisphere, in lower case -> how we do."""

STRUCTURES = {
    "cortex": "cortex",
    "subcortex": "subcortex",
    "subcortex/brainstem": "subcortex",
    "brainstem": "brainstem",
    "cerebellum": "cerebellum",
    "white matter": "white matter",
    "other": "other",
}
"""How tables write a structure, in lower case -> how we do."""

NOT_CORTEX = frozenset(
    {
        "",
        "???",
        "background",
        "background+freesurfer_defined_medial_wall",
        "corpuscallosum",
        "freesurfer_defined_medial_wall",
        "medial wall",
        "medial_wall",
        "medialwall",
        "mwall",
        "none",
        "unknown",
    }
)
"""Labels of surface files that are no parcels, in lower case and without a hemisphere."""

_PREFIX = re.compile(r"^(?:ctx[-_.])?(?:(lh|left)|(rh|right))[-_.]|^(?:(l)|(r))_", re.IGNORECASE)
_INSIDE = re.compile(r"_(?:(LH)|(RH))_")


def side_of(name: str) -> str | None:
    """Read the hemisphere off a name: ``L`` of ``lh_insula``, None of ``insula``."""
    found = _PREFIX.match(name) or _INSIDE.search(name)
    if found is None:
        return None
    is_left = any(word is not None for word in found.groups()[::2])
    return "L" if is_left else "R"


def without_side(name: str) -> str:
    """Take the hemisphere off a name's beginning: ``insula`` of ``lh_insula``."""
    return _PREFIX.sub("", name, count=1)


def spelling(name: str) -> tuple[str | None, str]:
    """Reduce a name to what all its spellings share: ``L``, ``insula`` of ``ctx-lh-Insula``."""
    bare = without_side(name).removesuffix("_ROI")
    return side_of(name), re.sub(r"[^0-9a-z]", "", without_side(bare).lower())


def is_parcel(name: str) -> bool:
    """Whether a label of a surface file is a parcel, not the medial wall or the unknown."""
    return not {name.strip().lower(), without_side(name.strip()).lower()} & NOT_CORTEX


def find_parcel(label: str, side: str, parcels: Container[str]) -> str | None:
    """Find the parcel that a label of a surface file, or a structure of FreeSurfer's, names.

    Parameters
    ----------
    label : str
        Such as ``bankssts`` or ``L_V1_ROI``.
    side : str
        The hemisphere that is looked through, ``L`` or ``R``.
    parcels : container of str
        The names of its parcels.

    Returns
    -------
    str or None
        The parcel of that name, else of that name with ``lh_`` or ``rh_``, else without ``_ROI``.
    """
    candidates = (label, f"{SIDES[side]}_{label}", label.removesuffix("_ROI"))
    return next((name for name in candidates if name in parcels), None)


def told_apart(names: pd.Series, hemispheres: pd.Series) -> pd.Series:
    """Put ``lh_`` and ``rh_`` before names when the hemispheres share at least one.

    Parameters
    ----------
    names : Series of str
        One per parcel.
    hemispheres : Series of str
        ``L``, ``R`` or ``B``, alike.

    Returns
    -------
    Series of str
        As they were when no name repeats; midline parcels always keep theirs.
    """
    shared = set(names[hemispheres == "L"]) & set(names[hemispheres == "R"])
    if not shared:
        return names
    return hemispheres.map(SIDES).add("_").fillna("") + names


def readable(names: pd.Series, hemispheres: pd.Series) -> pd.Series:
    """Word labels for readers: ``insula, left`` for ``lh_insula``."""
    side = hemispheres.map({"L": ", left", "R": ", right", "B": ""})
    return names.map(without_side) + side


def name_faults(names: pd.Series) -> list[str]:
    """Say which names cannot be used, and which occur twice.

    Parameters
    ----------
    names : Series of str
        One per parcel.

    Returns
    -------
    list of str
        Sentences without the file; empty when all is well.
    """
    faults = []
    n_empty = int((names.str.strip() == "").sum())
    if n_empty:
        faults.append(f"{n_empty} parcels have no name. Name each.")
    spaced = [repr(name) for name in names if name.strip() and re.search(r"\s", name)]
    if spaced:
        faults.append(
            f"Names with white space, which FreeSurfer's tables cannot hold: {', '.join(spaced)}. "
            "Write _ in its place."
        )
    filled = names[names.str.strip() != ""]
    repeated = sorted(set(filled[filled.duplicated()]))
    if repeated:
        faults.append(
            f"Two parcels have one name: {', '.join(repeated)}. Give each a name of its own."
        )
    return faults
