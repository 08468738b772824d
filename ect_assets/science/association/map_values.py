"""A map by parcel, as people write one: which value is of which parcel, or why that is unknown.

Names are matched whatever their spelling of the hemisphere and of capitals; nothing is guessed
beyond that. Files are read in `intake`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.problems import StudyError
from ect_assets.science.parcellations.names import SIDE_WORDS, is_parcel, side_of, without_side
from ect_assets.science.statistics.arrays import some

FEWEST_PARCELS = 10
"""Parcels with a value and expression, below which a map is not compared with genes."""
PARCEL_COLUMNS = ("parcel", "region", "label", "name", "structure")
VALUE_COLUMNS = ("value", "t", "z", "effect", "mean_change_mm3")
_SUFFIX = re.compile(r"[-_.](lh|left|l|rh|right|r)$", re.IGNORECASE)
_NOT_LETTERS = re.compile(r"[^a-z0-9]")
_ENDING = re.compile(r"_roi$", re.IGNORECASE)
Map = pd.Series | pd.DataFrame | Mapping[str, float] | ArrayLike


class MapError(StudyError, ValueError):
    """A map cannot be used as it stands; the message gives the reason and the fix."""


@dataclass(frozen=True)
class MapValues:
    """A map over the parcels that are compared, and what was left out of it.

    Attributes
    ----------
    parcels : DataFrame
        Rows of the parcels in use, in the order of the atlas.
    values : (n_parcels,) array
    notes : tuple of str
        What a reader has to know of parcels that are not compared.
    """

    parcels: pd.DataFrame
    values: np.ndarray
    notes: tuple[str, ...]


def map_values(given: Map, parcels: pd.DataFrame, in_use: pd.DataFrame) -> MapValues:
    """Match a map with the parcels that are compared.

    Parameters
    ----------
    given : Series, mapping, DataFrame or array
        By name of the parcel (a frame: columns parcel and value), or in the order of the atlas: one
        value for each parcel of the atlas, of its cortex, or of ``in_use``.
    parcels : DataFrame
        All parcels of the atlas: parcel, hemisphere, structure.
    in_use : DataFrame
        Those that can be compared.

    Raises
    ------
    MapError
        When values are not numbers, infinite, twice there or all the same, names are not of the
        atlas, or fewer than 10 parcels are left.
    """
    by_parcel = _by_name(given, parcels, in_use)
    numbers = _numbers(by_parcel)
    mine = numbers.reindex(in_use.parcel)
    has_value = mine.notna().to_numpy()
    if has_value.sum() < FEWEST_PARCELS:
        raise MapError(_too_few(numbers, parcels, in_use))
    values = mine.to_numpy(float)[has_value]
    if np.ptp(values) == 0:
        raise MapError(
            f"The map has the same value, {values[0]:g}, in all {len(values)} parcels that are "
            "compared: there is nothing to explain. Give the map, not a mask or a constant."
        )
    notes = _notes(numbers, parcels, in_use, mine.index[~has_value])
    return MapValues(in_use[has_value].reset_index(drop=True), values, notes)


def _by_name(given: Map, parcels: pd.DataFrame, in_use: pd.DataFrame) -> pd.Series:
    """Give the values by the atlas's own names."""
    if isinstance(given, pd.DataFrame):
        given = _column_of(given)
    if isinstance(given, Mapping):
        given = pd.Series(dict(given), dtype="object")
    if isinstance(given, pd.Series) and not isinstance(given.index, pd.RangeIndex):
        return _matched(given, parcels)
    return _in_order(np.asarray(given), parcels, in_use)


def _column_of(frame: pd.DataFrame) -> pd.Series:
    lower = {str(name).lower(): name for name in frame.columns}
    named = next((lower[one] for one in PARCEL_COLUMNS if one in lower), None)
    if named is not None:
        frame = frame.set_index(named)
        lower = {str(name).lower(): name for name in frame.columns}
    elif isinstance(frame.index, pd.RangeIndex):
        raise MapError(
            f"The table of the map has no column `parcel`; it has {some(frame.columns)}. "
            "Name the column of the parcels so, and the other one `value`."
        )
    if frame.shape[1] == 1:
        return frame.iloc[:, 0]
    value = next((lower[one] for one in VALUE_COLUMNS if one in lower), None)
    if value is None:
        raise MapError(
            f"The table of the map has several columns ({some(frame.columns)}) and none of them is "
            "`value`. Name the one that is meant so, or give it alone."
        )
    return frame[value]


def _key(name: str) -> tuple[str | None, str]:
    """Take a name apart: its hemisphere, and what is left of it in plain letters."""
    side, bare = side_of(name), without_side(name)
    found = _SUFFIX.search(bare)
    if side is None and found is not None:
        side, bare = found[1][0].upper(), bare[: found.start()]
    # `lh_L_V1_ROI` says it twice.
    bare = without_side(_ENDING.sub("", bare))
    return side, _NOT_LETTERS.sub("", bare.lower())


def _matched(given: pd.Series, parcels: pd.DataFrame) -> pd.Series:
    known = {name: name for name in parcels.parcel}
    by_key = _unambiguous(parcels.parcel)
    names = [str(name).strip() for name in given.index]
    found = [known.get(name) or by_key.get(_key(name)) for name in names]
    pairs = zip(names, found, strict=True)
    unknown = [name for name, parcel in pairs if parcel is None and is_parcel(name)]
    if unknown:
        raise MapError(_unknown(unknown, parcels))
    kept = [one is not None for one in found]
    series = given[kept].set_axis([one for one in found if one is not None])
    twice = series.index[series.index.duplicated()].unique()
    if len(twice):
        raise MapError(
            f"The map has more than one value for {some(twice)}. Give one value for each parcel."
        )
    return series


def _unambiguous(parcels: pd.Series) -> dict[tuple[str | None, str], str]:
    """Name the parcel of each key that one parcel alone has."""
    keys = [_key(name) for name in parcels]
    return {key: name for key, name in zip(keys, parcels, strict=True) if keys.count(key) == 1}


def _unknown(unknown: Sequence[str], parcels: pd.DataFrame) -> str:
    """Say which names are not of the atlas, and what to do."""
    atlas = parcels.parcellation.iloc[0]
    bare = {_key(name)[1] for name in parcels.parcel}
    without = [name for name in unknown if _key(name)[0] is None and _key(name)[1] in bare]
    if without:
        return (
            f"{len(without)} names of the map do not say their hemisphere: {some(without)}. Write "
            f"lh_ or rh_ before them, such as {parcels.parcel.iloc[0]}."
        )
    near = get_close_matches(unknown[0], list(parcels.parcel), n=1)
    hint = f" Is {unknown[0]} {near[0]}?" if near else ""
    return (
        f"{len(unknown)} names of the map are not parcels of {atlas}: {some(unknown)}.{hint} Its "
        f"{len(parcels)} parcels are named like {some(parcels.parcel)}. Name another "
        "`parcellation`, or leave these values out."
    )


def _in_order(values: np.ndarray, parcels: pd.DataFrame, in_use: pd.DataFrame) -> pd.Series:
    """Take values in the order of the atlas, by how many there are."""
    if values.ndim != 1:
        raise MapError(
            f"The map has the shape {values.shape}; one value for each parcel is needed, in one "
            "dimension, or a Series by name."
        )
    ordered = parcels.sort_values("parcel_index")
    orders = {
        "the parcels that are compared": in_use.parcel,
        "the cortex": ordered.parcel[ordered.structure == "cortex"],
        "all parcels": ordered.parcel,
    }
    for names in orders.values():
        if len(names) == len(values):
            return pd.Series(values, index=list(names))
    lengths = ", ".join(f"{len(names)} ({words})" for words, names in orders.items() if len(names))
    atlas = parcels.parcellation.iloc[0]
    raise MapError(
        f"The map has {len(values)} values without names; {atlas} would have {lengths}. "
        "Give a Series with the names of the parcels as its index."
    )


def _numbers(by_parcel: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(by_parcel, errors="coerce").astype(float)
    no_number = numbers.isna() & by_parcel.notna().to_numpy()
    if no_number.any():
        raise MapError(
            f"The values of {some(numbers.index[no_number])} are no plain numbers such as 0.35. "
            "Correct them, or leave them empty where nothing is known."
        )
    infinite = numbers.index[np.isinf(numbers)]
    if len(infinite):
        raise MapError(
            f"The values of {some(infinite)} are infinite. Correct them, or leave them empty where "
            "nothing is known."
        )
    return numbers


def _too_few(numbers: pd.Series, parcels: pd.DataFrame, in_use: pd.DataFrame) -> str:
    given = numbers.dropna().index
    sides = set(parcels.hemisphere[parcels.parcel.isin(given)])
    needed = set(in_use.hemisphere)
    n_common = len(set(given) & set(in_use.parcel))
    said = (
        f"The map has values in {len(given)} parcels, of which {n_common} have gene expression and "
        f"are compared; at least {FEWEST_PARCELS} are needed."
    )
    if sides and not sides & needed:
        where = " and ".join(SIDE_WORDS[one] for one in sorted(needed))
        has = " and ".join(SIDE_WORDS[one] for one in sorted(sides))
        return (
            f"{said} Expression is of the {where} hemisphere and the map of the {has} one alone. "
            f"Give the values of the {where} hemisphere; a map is not mirrored here."
        )
    return f"{said} Give the values of {some(in_use.parcel)} as well."


def _notes(
    numbers: pd.Series, parcels: pd.DataFrame, in_use: pd.DataFrame, missing: pd.Index
) -> tuple[str, ...]:
    notes = []
    if len(missing):
        notes.append(
            f"{len(missing)} of {len(in_use)} parcels have no value in the map and are left out: "
            f"{', '.join(missing)}."
        )
    others = numbers.dropna().index.difference(pd.Index(in_use.parcel))
    if len(others):
        notes.append(
            f"{len(others)} parcels of the map are not compared, being of another hemisphere or "
            f"structure, or without expression: {some(others)}."
        )
    return tuple(notes)
