"""Which parcels the labels of surface files are.

With a table of parcels, labels are matched by name or, where the file has no names that the table
knows, by id; without one, the files' own names make the parcels. Each hemisphere is matched by
itself, so that a vertex never silently counts for a parcel of the other one.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.info_table import INFO_COLUMNS
from ect_assets.science.parcellations.names import (
    SIDE_WORDS,
    find_parcel,
    name_faults,
    readable,
    side_of,
    told_apart,
)
from ect_assets.science.parcellations.surface_files import SurfaceLabels
from ect_assets.science.parcellations.template import N_VERTICES, IntArray

OTHER = {"L": "R", "R": "L"}


def match_labels(labels: SurfaceLabels, info: pd.DataFrame, info_shown: str) -> IntArray:
    """Give each vertex of a hemisphere the id of its parcel in the table.

    Parameters
    ----------
    labels : SurfaceLabels
        Of one hemisphere.
    info : DataFrame
        From `read_info`.
    info_shown : str
        How messages name the table.

    Returns
    -------
    (10242,) array of int
        parcel_index; 0 where the vertex is in no parcel.

    Raises
    ------
    StudyError
        When labels are of the other hemisphere, not in the table, or two are one parcel.
    """
    own, other = _by_name(info, labels.side), _by_name(info, OTHER[labels.side])
    named = {key: _find_id(name, labels.side, own) for key, name in labels.names.items()}
    foreign = {
        key: _find_id(name, OTHER[labels.side], other)
        for key, name in labels.names.items()
        if named[key] is None
    }
    sides = info.set_index("parcel_index")["hemisphere"].to_dict()
    if any(found is not None for found in [*named.values(), *foreign.values()]):
        ids = named
        strangers = [key for key, found in foreign.items() if found is not None]
        strangers += [key for key in foreign if not labels.names[key] and key in sides]
        hint = ""
    else:
        ids = {key: key if sides.get(key) == labels.side else None for key in labels.names}
        strangers = [key for key in ids if ids[key] is None and key in sides]
        hint = (
            f" {info_shown} has none of the file's names, so ids were compared: if the file "
            "counts each hemisphere from 1, write its names into the table."
        )
    _check_sides(labels, strangers, hint)
    unknown = [_worded(labels, key) for key, found in ids.items() if found is None]
    if unknown:
        raise StudyError(
            f"{labels.shown} has labels that {info_shown} lacks: {', '.join(unknown)}. "
            "Add them to the table, or remove them from the file."
        )
    matched = {key: found for key, found in ids.items() if found is not None}
    _check_one_to_one(labels, matched, info)
    return _relabelled(labels.keys, matched)


def own_parcels(left: SurfaceLabels | None, right: SurfaceLabels | None) -> pd.DataFrame:
    """Make the table of parcels from what the surface files call them.

    Parameters
    ----------
    left, right : SurfaceLabels or None
        At least one.

    Returns
    -------
    DataFrame
        As `read_info` gives it, left parcels first. Ids are the files' own where the hemispheres
        share none, otherwise 1, 2, ... over both.

    Raises
    ------
    StudyError
        When a label has no usable name, or the name or number of the other hemisphere.
    """
    given = [labels for labels in (left, right) if labels is not None]
    for labels in given:
        _check_named(labels)
    if left is not None and right is not None:
        _check_numbering(left, right)
    rows = [(key, name, labels.side) for labels in given for key, name in labels.names.items()]
    table = pd.DataFrame(rows, columns=["parcel_index", "name", "hemisphere"])
    if table["parcel_index"].duplicated().any() or (table["parcel_index"] <= 0).any():
        table["parcel_index"] = np.arange(1, len(table) + 1)
    table["structure"] = "cortex"
    table["parcel"] = told_apart(table["name"], table["hemisphere"])
    table["label"] = readable(table["name"], table["hemisphere"])
    faults = name_faults(table["parcel"])
    if faults:
        shown = " and ".join(labels.shown for labels in given)
        raise StudyError("\n".join(f"{shown}: {fault}" for fault in faults))
    return table[INFO_COLUMNS]


def own_labels(labels: SurfaceLabels, parcels: pd.DataFrame) -> IntArray:
    """Give each vertex (10242,) the id that `own_parcels` gave its label."""
    ours = parcels[parcels["hemisphere"] == labels.side].set_index("name")["parcel_index"]
    return _relabelled(labels.keys, {key: int(ours[name]) for key, name in labels.names.items()})


def _relabelled(keys: IntArray, ids: dict[int, int]) -> IntArray:
    result = np.zeros(N_VERTICES, dtype=np.int64)
    for key, parcel_index in ids.items():
        result[keys == key] = parcel_index
    return result


def _find_id(label: str, side: str, ids: Mapping[str, int]) -> int | None:
    name = find_parcel(label, side, ids)
    return None if name is None else ids[name]


def _by_name(info: pd.DataFrame, side: str) -> dict[str, int]:
    rows = info[info["hemisphere"] == side]
    ids = rows["parcel_index"].to_list()
    return dict(zip([*rows["name"], *rows["parcel"]], [*ids, *ids], strict=True))


def _worded(labels: SurfaceLabels, key: int) -> str:
    name = labels.names[key]
    return f"{key} ({name})" if name else str(key)


def _check_sides(labels: SurfaceLabels, strangers: list[int], hint: str = "") -> None:
    if not strangers:
        return
    here, there = SIDE_WORDS[labels.side], SIDE_WORDS[OTHER[labels.side]]
    count = int(np.isin(labels.keys, strangers).sum())
    raise StudyError(
        f"{labels.shown}: {count} vertices of the {here} hemisphere carry labels of parcels that "
        f"are not {here}: {', '.join(_worded(labels, key) for key in strangers)}. Are left and "
        f"right exchanged? If the medial wall carries a {there} label, set it to 0.{hint}"
    )


def _check_one_to_one(labels: SurfaceLabels, ids: dict[int, int], info: pd.DataFrame) -> None:
    found = pd.Series(ids)
    repeated = found[found.duplicated()]
    if len(repeated):
        names = info.set_index("parcel_index")["parcel"]
        raise StudyError(
            f"{labels.shown} has two labels for one parcel: "
            f"{', '.join(names[index] for index in repeated)}. Merge them."
        )


def _check_named(labels: SurfaceLabels) -> None:
    nameless = [str(key) for key, name in labels.names.items() if not name.strip()]
    if nameless:
        raise StudyError(
            f"{labels.shown} has no names for its labels {', '.join(nameless)}. "
            "Set `info` to a table with the columns id, name, hemisphere, structure."
        )
    repeated = pd.Series(labels.names)
    repeated = repeated[repeated.duplicated()]
    if len(repeated):
        raise StudyError(
            f"{labels.shown} has two labels of one name: {', '.join(repeated)}. "
            "Give each a name of its own."
        )
    _check_sides(
        labels, [key for key, name in labels.names.items() if side_of(name) == OTHER[labels.side]]
    )


def _check_numbering(left: SurfaceLabels, right: SurfaceLabels) -> None:
    shared = sorted(set(left.names) & set(right.names))
    rest = set(right.names) - set(shared)
    # Numbering that goes on from the left hemisphere shares no number with it.
    if shared and rest and min(rest) > max(left.names):
        _check_sides(right, shared)
