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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pyarrow as pa

from ect_assets.problems import EctError

if TYPE_CHECKING:
    import pandera.pandas as pandera

ARROW_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


SHOWN_VALUES = 3


@dataclass(frozen=True)
class Fault:
    """One rule of a table's schema that a frame violates.

    Attributes
    ----------
    column : str
        Several, with commas, where together they are not unique.
    expected, found : str
        For a reader; numbers are repeated, texts never: they may say who somebody is.
    rows : tuple of int
        Which rows of the frame, counted from 0; none where it is the frame as a whole.
    is_number : bool
        Whether the column has numbers, which may be repeated.
    """

    column: str
    expected: str
    found: str
    rows: tuple[int, ...] = ()
    is_number: bool = False

    def in_rows(self, frame: pd.DataFrame, rows: Sequence[int]) -> Fault:
        """Return the part of the fault that lies in some of its rows."""
        if not rows or len(rows) == len(self.rows):
            return self
        cells = frame[self.column].iloc[list(rows)] if self.is_number else pd.Series(dtype="str")
        found = _shown(cells, len(rows), self.is_number)
        return replace(self, found=found, rows=tuple(rows))

    def __str__(self) -> str:
        return f"{self.column}: expected {self.expected}, found {self.found}"


class SchemaError(EctError):
    """A frame does not match the schema of its table."""

    def __init__(self, table_name: str, faults: Sequence[Fault]):
        self.faults = tuple(faults)
        super().__init__(f"{table_name}: {'; '.join(map(str, self.faults))}.")


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
        import pandera.pandas as pandera

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


def _make_column(name: str, annotation: Any, options: dict[str, Any]) -> Column:
    """Join a name, an annotation such as ``float | None`` and what `column` was told."""
    nullable = isinstance(annotation, types.UnionType)
    if nullable:
        (annotation,) = (part for part in typing.get_args(annotation) if part is not type(None))
    return Column(name=name, type=annotation, nullable=nullable, **options)


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
    strongest : tuple of str
        Columns by which a preview begins with the rows that matter most: ascending, or by falling
        magnitude where bars enclose the name, as in ``|t|``. Empty: the rows as they stand.
    has_further_columns : bool
        Whether a frame may bring columns of its own beyond those written here.
    has_documents : bool
        Whether its rows name files that stand beside them, by ``file`` and ``sha256``.
    """

    table_name: ClassVar[str]
    key: ClassVar[tuple[str, ...]]
    partitions: ClassVar[tuple[str, ...]] = ()
    strongest: ClassVar[tuple[str, ...]] = ()
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
    def is_about_patients(cls) -> bool:
        """Say whether rows are of single patients or scans, or name them."""
        return "subject" in {*cls.column_names(), *cls.key, *cls.partitions}

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
        import pandera.pandas as pandera

        return pandera.DataFrameSchema(
            {one.name: one.pandera() for one in cls.columns},
            unique=list(cls.key),
            strict=not cls.has_further_columns,
            name=cls.table_name,
        )

    @classmethod
    def faults(cls, frame: pd.DataFrame) -> list[Fault]:
        """List where a frame violates the table's schema; empty when it does not.

        Parameters
        ----------
        frame : DataFrame
            Rows that mean to be rows of this table.

        Returns
        -------
        list of Fault
            One per column and check.
        """
        import pandera.pandas as pandera

        try:
            cls.pandera_schema().validate(frame.reset_index(drop=True), lazy=True)
        except pandera.errors.SchemaErrors as error:
            return _faults(cls, error.failure_cases)
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
            what = f"missing columns {missing}, unknown columns {further}"
            raise SchemaError(cls.table_name, [Fault("columns", "those of the table", what)])
        faults = cls.faults(frame)
        if faults:
            raise SchemaError(cls.table_name, faults)
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
            raise SchemaError(cls.table_name, _of_other_types(cls, frame)) from error
        return table.replace_schema_metadata(None).combine_chunks()


def _faults(table: type[Table], cases: pd.DataFrame) -> list[Fault]:
    """Put pandera's failure cases into faults, one per column and check."""
    by_name = {one.name: one for one in table.columns}
    found: dict[tuple[str, str], Fault] = {}
    for (where, check), rows in cases.groupby(["column", "check"], dropna=False, sort=False):
        places = tuple(sorted({int(one) for one in rows["index"].dropna()}))
        if str(check).startswith("multiple_fields_uniqueness"):
            key = ", ".join(table.key)
            what = f"the same in {len(places)} rows"
            found[(key, "unique")] = Fault(key, "no two rows with the same values", what, places)
            continue
        known = by_name.get(where) if isinstance(where, str) else None
        name = known.name if known else "rows"
        is_number = known is not None and known.type in (int, float)
        what = _shown(rows["failure_case"], len(places) or len(rows), is_number)
        expected = _expected(str(check), known)
        found[(name, str(check))] = Fault(name, expected, what, places, is_number)
    return list(found.values())


def _expected(check: str, column: Column | None) -> str:
    """Say in words what a check of pandera's wants."""
    if check == "not_nullable":
        return "a value in every row"
    if column is not None and check.startswith("isin"):
        return "one of " + ", ".join(column.choices or ())
    if column is not None and check.startswith("greater_than_or_equal_to"):
        return f"at least {column.minimum:g}{_unit(column)}"
    if column is not None and check.startswith("less_than_or_equal_to"):
        return f"at most {column.maximum:g}{_unit(column)}"
    return check


def _unit(column: Column) -> str:
    return f" {column.unit}" if column.unit else ""


def _shown(values: pd.Series, n_rows: int, is_number: bool) -> str:
    """Say what was found: numbers themselves, of texts only in how many rows."""
    where = f"in {n_rows} row(s)"
    numbers = pd.to_numeric(values, errors="coerce").dropna() if is_number else values[:0]
    if len(numbers):
        return f"{', '.join(f'{one:g}' for one in numbers.unique()[:SHOWN_VALUES])} {where}"
    is_missing = len(values) > 0 and values.isna().all()
    return f"{'none' if is_missing else 'something else'} {where}"


def _of_other_types(table: type[Table], frame: pd.DataFrame) -> list[Fault]:
    """Name the columns whose values are of another type than the table's, and in which rows."""
    found = []
    for one in table.columns:
        if _is_of(frame[one.name], one.arrow_type):
            continue
        cells = frame[one.name].reset_index(drop=True)
        rows = tuple(
            place for place in cells.index if not _is_of(cells.iloc[[place]], one.arrow_type)
        )
        what = f"values of another type (column {one.name} with type {cells.dtype})"
        found.append(Fault(one.name, f"values of type {one.sql_type}", what, rows))
    further = [name for name in frame.columns if name not in table.column_names()]
    found += [
        Fault(str(name), "one type in the whole column", "values of another type")
        for name in further
        if not _is_of(frame[name], None)
    ]
    return found or [Fault("rows", "values of the table's types", "values of another type")]


def _is_of(cells: pd.Series, kind: pa.DataType | None) -> bool:
    try:
        pa.Array.from_pandas(cells, type=kind, safe=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError):
        return False
    return True
