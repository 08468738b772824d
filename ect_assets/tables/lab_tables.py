"""Tables that are not ours: of a lab's own assets, with columns written down or open to any frame.

They are made from a description in plain values, so that the lake can keep it and a table can be
read, shown and erased from where the lab's code is not there.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa

from ect_assets.tables.schema import Fault, SchemaError, Table, column

TYPES = {"str": str, "int": int, "float": float, "bool": bool, "datetime": datetime}
KEYS = {"subject": "the patient's label", "parcellation": "the parcellation's name"}
LIMITS = ("unit", "bits", "minimum", "maximum", "choices")
PLAIN = (
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_date,
    pa.types.is_null,
)
EXPECTED = "text, numbers, true or false, or dates without a time"


class FurtherTable(Table):
    """A table of a lab's own.

    Attributes
    ----------
    module : str
        Where the lab's asset stands.
    may_name_patients : bool
        Whether what it is made from is about single patients, so that its rows may be, too.
    """

    module: ClassVar[str]
    may_name_patients: ClassVar[bool] = False

    @classmethod
    def is_about_patients(cls) -> bool:
        """Say whether rows are of single patients, or may be as far as is known."""
        return super().is_about_patients() or (cls.has_further_columns and cls.may_name_patients)

    @classmethod
    def to_arrow(cls, frame: pd.DataFrame) -> pa.Table:
        """Turn a frame into an Arrow table; a named index becomes columns.

        Raises
        ------
        SchemaError
            When it does not match the schema, or has columns that the lake cannot compare.
        """
        faults = _faults_of_names(frame) or _faults_of_kinds(frame, cls)
        if faults:
            raise SchemaError(cls.table_name, faults)
        plain = {
            name: frame[name].astype(frame[name].cat.categories.dtype)
            for name in frame.columns
            if isinstance(frame[name].dtype, pd.CategoricalDtype)
        }
        table = super().to_arrow(frame.assign(**plain))
        last = table.column_names.index("simulated")
        return table.select([*(one for one in range(table.num_columns) if one != last), last])


def described(table: type[Table], module: str, may_name_patients: bool = False) -> str:
    """Write a table down as JSON, from which `as_table` makes it."""
    names = {kind: name for name, kind in TYPES.items()}
    columns = [
        {
            "name": one.name,
            "type": names[one.type],
            "nullable": one.nullable,
            "meaning": one.meaning,
            **{name: getattr(one, name) for name in LIMITS if getattr(one, name) is not None},
        }
        for one in table.columns
        if one.name != "simulated"
    ]
    said = {
        "name": table.table_name,
        "module": module,
        "meaning": table.meaning(),
        "key": table.key,
        "partitions": table.partitions,
        "columns": columns,
        "has_further_columns": table.has_further_columns,
        "may_name_patients": may_name_patients,
    }
    return json.dumps(said, sort_keys=True, indent=1)


def open_table(
    name: str, meaning: str, partitions: tuple[str, ...], module: str, may_name_patients: bool
) -> str:
    """Describe a table of any columns beside the keys of its partitions, as `described` does."""
    said = {
        "name": name,
        "module": module,
        "meaning": meaning,
        "key": (),
        "partitions": partitions,
        "columns": [{"name": key, "type": "str", "meaning": KEYS[key]} for key in partitions],
        "has_further_columns": True,
        "may_name_patients": may_name_patients,
    }
    return json.dumps(said, sort_keys=True, indent=1)


@lru_cache(maxsize=1000)
def as_table(description: str) -> type[FurtherTable]:
    """Make a table from its description; the same one for the same text.

    Raises
    ------
    ValueError
        When the text is no such description.
    """
    try:
        return _made(json.loads(description))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no description of a table: {error}") from error


def _made(said: dict[str, Any]) -> type[FurtherTable]:
    annotations, values = {}, {}
    for one in said["columns"]:
        kind = TYPES[one["type"]]
        annotations[one["name"]] = kind | None if one.get("nullable") else kind
        limits = {name: one[name] for name in LIMITS if name in one}
        if "choices" in limits:
            limits["choices"] = tuple(limits["choices"])
        values[one["name"]] = column(one["meaning"], **limits)
    settings = {
        "key": tuple(said["key"]),
        "partitions": tuple(said["partitions"]),
        "has_further_columns": said["has_further_columns"],
        "may_name_patients": said["may_name_patients"],
        "module": said["module"],
    }
    body = {"__annotations__": annotations, "__doc__": said["meaning"], **values, **settings}
    table: Any = type(
        "".join(part.capitalize() for part in said["name"].split("_")), (FurtherTable,), body
    )
    table.table_name = said["name"]
    return table


def _faults_of_names(frame: pd.DataFrame) -> list[Fault]:
    names = list(frame.columns)
    unusable = [one for one in names if not isinstance(one, str) or not one.strip()]
    lower = [str(one).lower() for one in names]
    repeated = sorted({one for one in lower if lower.count(one) > 1})
    if unusable:
        return [Fault("columns", "a text as the name of each", f"{len(unusable)} other name(s)")]
    if repeated:
        what = f"{', '.join(repeated)} more than once (SQL tells no capitals apart)"
        return [Fault("columns", "each name once", what)]
    return []


def _faults_of_kinds(frame: pd.DataFrame, table: type[Table]) -> list[Fault]:
    """Name further columns that the digest of a table would leave out or cannot take."""
    known = table.column_names()
    return [
        Fault(name, EXPECTED, f"{frame[name].dtype}")
        for name in frame.columns
        if name not in known and not _is_plain(frame[name])
    ]


def _is_plain(cells: pd.Series) -> bool:
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.cat.categories.to_series()
    try:
        kind = pa.Array.from_pandas(cells).type
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError):
        return False
    return pa.types.is_large_string(kind) or any(is_of(kind) for is_of in PLAIN)
