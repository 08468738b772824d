"""How a table is written down once: columns, types, units, meaning, key.

`Table` and `column` are the words in which `tables` is written; from a table come its Arrow
schema (storage), its pandera schema (checks) and a list of columns (UI, SQL comments, docs).
The tables themselves are in `tables`, their files in `lake`.
"""

from __future__ import annotations

import hashlib
import json
import re
import types
import typing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from ect_assets.problems import EctError

ARROW_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


class SchemaError(EctError):
    """A frame is not what its table promises."""


@dataclass(frozen=True)
class Column:
    """One column of a table: its type, its meaning, and what its values may be."""

    name: str
    type: type
    meaning: str
    unit: str | None = None
    nullable: bool = False
    bits: int = 64
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] | None = None

    @property
    def arrow_type(self) -> pa.DataType:
        """The type in which Parquet keeps the values."""
        if self.type is float and self.bits == 32:
            return pa.float32()
        return ARROW_TYPES[self.type]

    @property
    def sql_type(self) -> str:
        """The type as DuckDB names it."""
        names = {str: "VARCHAR", int: "BIGINT", bool: "BOOLEAN", datetime: "TIMESTAMPTZ"}
        return names.get(self.type) or ("FLOAT" if self.bits == 32 else "DOUBLE")

    @property
    def description(self) -> str:
        """The meaning with its unit, in one line."""
        return f"{self.meaning} [{self.unit}]" if self.unit else self.meaning

    def pandera(self) -> pandera.Column:
        """Return the column's checks: range, choices, whether it may be missing."""
        checks = []
        if self.minimum is not None:
            checks.append(pandera.Check.ge(self.minimum))
        if self.maximum is not None:
            checks.append(pandera.Check.le(self.maximum))
        if self.choices is not None:
            checks.append(pandera.Check.isin(list(self.choices)))
        return pandera.Column(None, checks, nullable=self.nullable, description=self.description)


def column(meaning: str, **limits: Any) -> Any:
    """Say what a column of a `Table` means; its type is the annotation beside it.

    Parameters
    ----------
    meaning : str
        One line for a reader who sees the column for the first time.
    **limits
        Any of `unit`, `bits`, `minimum`, `maximum`, `choices`, as in `Column`.
    """
    return {"meaning": meaning, **limits}


def _make_column(name: str, annotation: Any, said: dict[str, Any]) -> Column:
    """Join a name, an annotation such as ``float | None`` and what `column` was told."""
    nullable = isinstance(annotation, types.UnionType)
    if nullable:
        (annotation,) = (part for part in typing.get_args(annotation) if part is not type(None))
    return Column(name=name, type=annotation, nullable=nullable, **said)


class Table:
    """Base of every table: subclasses list their columns as annotated class attributes.

    Attributes
    ----------
    table_name : str
        The class name in snake case.
    key : tuple of str
        Columns that together are unique and never missing.
    partitions : tuple of str
        Key columns of which each combination is one file; empty for a single file.
    has_further_columns : bool
        Whether a frame may bring columns of its own beyond those written here.
    has_documents : bool
        Whether its rows name files that stand beside them, by ``file`` and ``sha256``.
    """

    table_name: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    partitions: ClassVar[tuple[str, ...]] = ()
    has_further_columns: ClassVar[bool] = False
    has_documents: ClassVar[bool] = False
    columns: ClassVar[tuple[Column, ...]]

    def __init_subclass__(cls) -> None:
        """Collect the columns; every table ends with the flag that says whether it is simulated."""
        cls.table_name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        hints = typing.get_type_hints(cls)
        said = {
            name: value for name, value in vars(cls).items() if name in vars(cls)["__annotations__"]
        }
        said["simulated"] = column("true where any input of the row was simulated, not measured")
        hints["simulated"] = bool
        cls.columns = tuple(
            _make_column(name, hints[name], value)
            for name, value in said.items()
            if isinstance(value, dict) and "meaning" in value
        )

    @classmethod
    def meaning(cls) -> str:
        """Return what the table holds, in one line."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def column_names(cls) -> list[str]:
        """Return the names of the columns, in their order."""
        return [one.name for one in cls.columns]

    @classmethod
    @cache
    def version(cls) -> str:
        """Return a digest of names, types and key: it moves when a reader would have to know."""
        shape = [cls.key, cls.partitions, [(one.name, one.sql_type) for one in cls.columns]]
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:12]

    @classmethod
    @cache
    def arrow_schema(cls) -> pa.Schema:
        """Return the Arrow schema; meanings and units are kept in the fields' metadata."""
        return pa.schema(
            [
                pa.field(
                    one.name,
                    one.arrow_type,
                    nullable=one.nullable,
                    metadata={"meaning": one.meaning, "unit": one.unit or ""},
                )
                for one in cls.columns
            ]
        )

    @classmethod
    @cache
    def pandera_schema(cls) -> pandera.DataFrameSchema:
        """Return the checks of the table: columns, ranges, missing values, unique key."""
        return pandera.DataFrameSchema(
            {one.name: one.pandera() for one in cls.columns},
            unique=list(cls.key),
            strict=not cls.has_further_columns,
            name=cls.table_name,
        )

    @classmethod
    def faults(cls, frame: pd.DataFrame) -> list[str]:
        """Say what in a frame breaks the table's promises; an empty list when nothing does.

        Parameters
        ----------
        frame : DataFrame
            Rows that mean to be rows of this table.

        Returns
        -------
        list of str
            One sentence per fault, with the number of rows and up to three of the values.
        """
        try:
            cls.pandera_schema().validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            return _sentences(error.failure_cases)
        return []

    @classmethod
    def to_arrow(cls, frame: pd.DataFrame) -> pa.Table:
        """Turn a frame into an Arrow table of exactly this table's columns and types.

        Raises
        ------
        SchemaError
            When a column is missing or unknown, a value has another type, or a check fails.
        """
        missing = [name for name in cls.column_names() if name not in frame.columns]
        further = [name for name in frame.columns if name not in cls.column_names()]
        if missing or (further and not cls.has_further_columns):
            raise SchemaError(
                f"{cls.table_name}: missing columns {missing}, unknown columns {further}."
            )
        faults = cls.faults(frame)
        if faults:
            raise SchemaError(f"{cls.table_name}: " + "; ".join(faults) + ".")
        schema = cls.arrow_schema()
        try:
            table = pa.Table.from_pandas(
                frame[cls.column_names()], schema=schema, preserve_index=False, safe=True
            )
            for name in further:
                array = pa.Array.from_pandas(frame[name])
                plain = pa.string() if pa.types.is_large_string(array.type) else array.type
                table = table.append_column(name, array.cast(plain))
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
            raise SchemaError(
                f"{cls.table_name}: a column has values of another type: {error}."
            ) from error
        return table.replace_schema_metadata(None).combine_chunks()


def _sentences(cases: pd.DataFrame) -> list[str]:
    """Put pandera's failure cases into sentences, one per column and check."""
    sentences = []
    for (where, check), rows in cases.groupby(["column", "check"], dropna=False, sort=False):
        values = ", ".join(str(value) for value in rows["failure_case"].head(3))
        name = where if isinstance(where, str) else "rows"
        sentences.append(f"{name}: {check} fails in {len(rows)} place(s), for example {values}")
    return sentences
