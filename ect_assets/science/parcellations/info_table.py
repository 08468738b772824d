"""The table that says what an atlas's numbers mean: id, name, hemisphere, structure, label.

Comma, semicolon or tab between the columns; abagen's tables work as they are. Whether the ids are
those of the atlas is checked in `atlas`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable

import pandas as pd

from ect_assets.problems import StudyError
from ect_assets.science.file_kinds import first_bytes, what_it_is
from ect_assets.science.parcellations.atlas_files import AtlasFiles
from ect_assets.science.parcellations.names import (
    HEMISPHERES,
    STRUCTURES,
    is_parcel,
    name_faults,
    readable,
    side_of,
    told_apart,
)

ACCEPTED = {
    "id": ("parcel_index", "id", "index"),
    "name": ("parcel", "name", "label"),
    "hemisphere": ("hemisphere", "hemi"),
    "structure": ("structure",),
}
"""Our columns -> what a table may call them, first choice first."""

_MISSING = frozenset({"n/a", "na", "nan", "null", "#n/a", "."})
_SIDES = ("L", "R")
_TISSUES = ("cortex", "subcortex", "brainstem", "cerebellum")

INFO_COLUMNS = ["parcel_index", "parcel", "hemisphere", "structure", "label", "name"]


def read_info(files: AtlasFiles) -> pd.DataFrame:
    """Read and check the table of an atlas's parcels.

    Parameters
    ----------
    files : AtlasFiles
        With ``info``.

    Returns
    -------
    DataFrame
        parcel_index, parcel, hemisphere (``L``, ``R``, ``B``), structure, label, and name (as the
        table has it, without the ``lh_`` that tells the hemispheres apart), in the table's
        order. Rows with id 0, the background of every atlas, are passed over.

    Raises
    ------
    StudyError
        With everything that is wrong with the table.
    """
    shown = files.shown("info")
    raw = _read_columns(files)
    table = pd.DataFrame(
        {
            "parcel_index": pd.to_numeric(raw["id"], errors="coerce"),
            "name": raw["name"],
            "hemisphere": raw["hemisphere"].str.lower().map(HEMISPHERES),
            "structure": raw["structure"].str.lower().map(STRUCTURES),
        }
    )
    faults = _value_faults(raw, table)
    if faults:
        raise StudyError("\n".join(f"{shown}: {fault}" for fault in faults))
    is_parcel = table["parcel_index"] > 0
    table, raw = table[is_parcel].reset_index(drop=True), raw[is_parcel].reset_index(drop=True)
    if table.empty:
        raise StudyError(f"{shown} has no parcels, expected one row per parcel. Fill it in.")
    table["parcel_index"] = table["parcel_index"].astype("int64")
    table["parcel"] = told_apart(table["name"], table["hemisphere"])
    worded = readable(table["name"], table["hemisphere"])
    table["label"] = raw["label"].where(raw["label"] != "", worded) if "label" in raw else worded
    faults = [*name_faults(table["parcel"]), *_repeated_ids(table)]
    if faults:
        raise StudyError("\n".join(f"{shown}: {fault}" for fault in faults))
    return table[INFO_COLUMNS]


def _read_columns(files: AtlasFiles) -> pd.DataFrame:
    shown = files.shown("info")
    kind = what_it_is(first_bytes(files.path("info")), files.path("info"))
    if kind is not None:
        raise StudyError(f"{shown} {kind}")
    try:
        text = files.path("info").read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError(f"{shown} is not UTF-8 text. Save it as a CSV table in UTF-8.") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise StudyError(f"{shown} is empty, expected a table of parcels. Fill it in.")
    separator = max("\t,;", key=lines[0].count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    header = [column.lower() for column in rows[0]]
    uneven = [number for number, row in enumerate(rows, start=1) if len(row) != len(header)]
    if uneven:
        raise StudyError(
            f"{shown}: row {uneven[0]} has {len(rows[uneven[0] - 1])} cells, expected "
            f"{len(header)} as in the header. Quote cells that hold the separator."
        )
    found = pd.DataFrame(rows[1:], columns=header, dtype="str")
    chosen = {
        ours: next((column for column in accepted if column in header), None)
        for ours, accepted in ACCEPTED.items()
    }
    missing = [" or ".join(ACCEPTED[ours]) for ours, column in chosen.items() if column is None]
    repeated = sorted({column for column in header if header.count(column) > 1})
    if missing or repeated:
        wrong = [f"no column {column}" for column in missing]
        wrong += [f"two columns {column}" for column in repeated]
        raise StudyError(
            f"{shown} has {', '.join(wrong)}; its columns are: {', '.join(rows[0])}. Expected one "
            "each of id, name, hemisphere and structure. Rename or add them."
        )
    columns = {ours: found[column] for ours, column in chosen.items()}
    if "label" in header and chosen["name"] != "label":
        columns["label"] = found["label"]
    return pd.DataFrame(columns)


def _value_faults(raw: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    faults = []
    ids = table["parcel_index"]
    not_whole = raw.loc[ids.isna() | (ids % 1 != 0) | (ids < 0), "id"]
    if len(not_whole):
        faults.append(
            f"Ids that are no whole numbers above 0: {_quoted(not_whole)}. Write the atlas's own."
        )
    faults += _unnamed(table) + _parcels_of_background(table) + _sides_exchanged(table)
    for column, accepted in (("hemisphere", "L, R or B"), ("structure", ", ".join(STRUCTURES))):
        unknown = raw.loc[table[column].isna(), column]
        if len(unknown):
            faults.append(f"{column} is {_quoted(unknown)}, expected {accepted}. Fix these rows.")
    return faults


def _unnamed(table: pd.DataFrame) -> list[str]:
    """Find codes for a missing value in the place of names."""
    codes = [
        name
        for name in table["name"]
        if name.lower() in _MISSING or (name.startswith("-") and name[1:].isdigit())
    ]
    return [f"Names are missing: {_quoted(codes)}. Write the parcels' names."] if codes else []


def _parcels_of_background(table: pd.DataFrame) -> list[str]:
    """Find parcels with id 0, which is the background: row numbers are counted from 0."""
    names = [
        name
        for name, number, structure in zip(
            table["name"], table["parcel_index"], table["structure"], strict=True
        )
        if number == 0 and structure in _TISSUES and is_parcel(name)
    ]
    if not names:
        return []
    return [
        f"{_quoted(names)} has id 0, which is the background of an atlas. The ids are probably row "
        "numbers counted from 0. Write the atlas's own."
    ]


def _sides_exchanged(table: pd.DataFrame) -> list[str]:
    """Find names that say one hemisphere where the column says the other."""
    wrong = [
        name
        for name, hemisphere in zip(table["name"], table["hemisphere"], strict=True)
        if hemisphere in _SIDES and side_of(name) not in (None, hemisphere)
    ]
    if not wrong:
        return []
    return [
        f"hemisphere contradicts the name of {len(wrong)} parcels, such as {_quoted(wrong[:1])}. "
        "Left and right may be exchanged, or a column sorted by itself: fix the table."
    ]


def _repeated_ids(table: pd.DataFrame) -> list[str]:
    ids = table["parcel_index"]
    repeated = sorted(set(ids[ids.duplicated()]))
    if not repeated:
        return []
    return [f"Two rows have one id: {', '.join(map(str, repeated))}. Keep one row for each id."]


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(repr(value) for value in dict.fromkeys(values))
