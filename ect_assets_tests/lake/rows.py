"""Rows that keep a table's promises, for tests that only care about one column of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ect_assets import tables
from ect_assets.lake.store import Lake, Provenance
from ect_assets.tables.schema import Column, Table

PROVENANCE = Provenance("0/1", "first-run", 7, True, "inputs")
MORNING = datetime(2025, 1, 1, 8, tzinfo=UTC)


def allowed(one: Column) -> Any:
    """Give one value that the column allows."""
    if one.type is str:
        return one.choices[0] if one.choices else "a"
    if one.type is datetime:
        return MORNING
    if one.type is int:
        return max(1, int(one.minimum or 0))
    return {float: 0.5, bool: False}[one.type]


def rows(table: type[Table], n: int = 1, /, **values: Any) -> pd.DataFrame:
    """Make `n` rows of a table: the columns that matter as said, the others anything allowed."""
    said = {one.name: allowed(one) for one in table.columns} | values
    return pd.DataFrame(said, index=range(n))


def scores(**values: Any) -> pd.DataFrame:
    """Make the scores of two patients."""
    said = {"subject": ["001", "002"], "score": [21.0, 9.0], **values}
    return rows(tables.ClinicalScores, 2, **said)


def keep(lake: Lake, table: type[Table], n: int = 1, /, **values: Any) -> None:
    """Write rows into a lake; partition keys are read from their first row."""
    frame = rows(table, n, **values)
    partition = {key: str(frame[key].iloc[0]) for key in table.partitions}
    lake.write(table, partition, frame, PROVENANCE)
