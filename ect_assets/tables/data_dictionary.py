"""Writes the data dictionary from the tables' schemas: ``python -m ect_assets.tables.data_dictionary``."""

from __future__ import annotations

import sys
from pathlib import Path

from ect_assets.tables import TABLES
from ect_assets.tables.schema import Column, Table

HEAD = """# Data dictionary

Written from `ect_assets/tables/` by `make docs`; do not edit it here. Keys are in **bold**. A
missing value is NULL. The same text stands in the SQL catalogue (`ect sql "FROM
duckdb_columns()"`) and in the Dagster UI.
"""


def data_dictionary() -> str:
    """Return the data dictionary of all tables, as Markdown."""
    return HEAD + "\n".join(_section(table) for table in TABLES.values())


def _section(table: type[Table]) -> str:
    partitions = " x ".join(table.partitions) or "one file"
    further = " Further columns follow as they are." if table.has_further_columns else ""
    lines = [
        f"\n## {table.table_name}\n",
        f"{table.meaning()} Partitions: {partitions}.{further}\n",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_line(one, one.name in table.key) for one in table.columns]
    return "\n".join(lines) + "\n"


def _line(one: Column, is_key: bool) -> str:
    name = f"**{one.name}**" if is_key else one.name
    kind = one.sql_type.lower() + (", may be missing" if one.nullable else "")
    return f"| {name} | {kind} | {one.unit or ''} | {one.meaning} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(data_dictionary(), encoding="utf-8")
