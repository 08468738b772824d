"""Which tables a lake has: ours, and those of a lab's own assets.

A lab's table is written down beside the lake's tables when its first rows are, so that it is
queried, exported and erased from where the lab's code is not there or does not work. A process
that has loaded the lab's code announces its tables, made yet or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from ect_assets.lake.location import Place, files_below, read_bytes, remove_folder, write_whole
from ect_assets.tables import TABLES
from ect_assets.tables.lab_tables import FurtherTable, as_table
from ect_assets.tables.schema import Table

FOLDER = "_tables"
_announced: dict[str, dict[str, tuple[str, type[FurtherTable]]]] = {}
"""By lake, then by table: its description, and the table."""


def announce(folder: Place, descriptions: Iterable[str]) -> None:
    """Say which tables a lab's code makes in a lake, in place of what was said before."""
    tables = [(one, as_table(one)) for one in descriptions]
    _announced[str(folder)] = {table.table_name: (one, table) for one, table in tables}


def known_tables(folder: Place) -> dict[str, type[Table]]:
    """List all tables that a lake has, or may have, by name: ours first."""
    further: dict[str, type[Table]] = {table.table_name: table for table in _kept(folder)}
    further |= {name: table for name, (_, table) in _announced.get(str(folder), {}).items()}
    return TABLES | {name: table for name, table in further.items() if name not in TABLES}


def table_named(folder: Place, name: str) -> type[Table]:
    """Return a table of a lake.

    Raises
    ------
    KeyError
        When there is none of that name.
    """
    if name in TABLES:
        return TABLES[name]
    announced = _announced.get(str(folder), {})
    return announced[name][1] if name in announced else known_tables(folder)[name]


def keep(folder: Place, table: type[Table]) -> None:
    """Write down a lab's table whose rows are about to be written; of ours nothing.

    Rows that lie under other partitions, of an earlier version of the lab's asset, are removed.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only.
    """
    description = _announced.get(str(folder), {}).get(table.table_name, ("", None))[0]
    if not description:
        return
    file = folder / FOLDER / f"{table.table_name}.json"
    before = _description(file)
    if before == description:
        return
    if before and _partitions(before) != table.partitions:
        remove_folder(folder / table.table_name)
    write_whole(file, lambda aside: aside.write_text(description, encoding="utf-8"))


def _kept(folder: Place) -> Iterable[type[FurtherTable]]:
    for file in files_below(folder / FOLDER):
        description = _description(file) if file.name.endswith(".json") else ""
        try:
            yield as_table(description)
        except ValueError:
            # Not written here; the rows are where they are.
            continue


def _description(file: Place) -> str:
    try:
        return read_bytes(file).decode("utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


def _partitions(description: str) -> tuple[str, ...]:
    try:
        return as_table(description).partitions
    except ValueError:
        return ()
