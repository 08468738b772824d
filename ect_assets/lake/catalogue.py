"""SQL over the lake: a DuckDB file that holds views and comments, never data.

The views read the Parquet files in place, so the catalogue can be thrown away and made again at
any time. Files and their names belong in `store`.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb

from ect_assets.lake.compaction import FOLDER, Compacted
from ect_assets.lake.integrity import DamagedFile, damage
from ect_assets.lake.limits import Asking, limit, query_memory
from ect_assets.lake.listing import Values
from ect_assets.lake.location import Place, is_remote
from ect_assets.lake.parquet import refuse_damaged
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import FILE_NAME, Lake, Partition
from ect_assets.problems import EctError
from ect_assets.tables.schema import Table
from ect_assets.whole_files import WriteError, folder_beside

CATALOGUE = "ect.duckdb"
OLDEST_CLIENT, OLDEST_STORAGE = "v1.0.0", 64
"""The oldest DuckDB whose clients open the catalogue, and the number of its file format."""
READABLE: dict[str, Any] = {"storage_compatibility_version": OLDEST_CLIENT}
READING = {duckdb.StatementType.SELECT}
CLOSED = (
    "autoinstall_known_extensions=false",
    "autoload_known_extensions=false",
    "allow_persistent_secrets=false",
    "temp_directory=''",
    "enable_external_access=false",
)
"""What a query could reach the disk or the network by. Without a folder for what does not fit
into memory, a query that is too large fails instead of filling the current folder."""
STACK, INVALID_INPUT = "Traceback (most recent call last):", "Invalid Input Error: "
"""How DuckDB tells of an error that Python raised, and of one that a view raises."""
TRIES = 5
"""How often a view is tried to be made over files that are replaced meanwhile."""


class QueryError(EctError):
    """A query could not be answered; the message is the one its author needs."""


def quoted(text: str) -> str:
    """Write a text as SQL takes it."""
    return "'" + text.replace("'", "''") + "'"


def view_statement(lake: Lake, table: type[Table], files: list[Place] | None = None) -> str:
    """Return the SQL that makes a table's view: over its files, or empty where there is none.

    Where a file is damaged, the view answers with an error that names it: rows that are left out
    would be missed by nobody.

    Raises
    ------
    DamagedFile
        When some files are said and one of them is damaged.
    """
    if files == [] or not lake.partitions(table):
        return empty_view_statement(table)
    # In a store the bytes are verified as they are read.
    damaged = [] if is_remote(lake.folder) else lake.damaged(table, files)
    if damaged and files is not None:
        raise DamagedFile(damaged[0])
    if damaged:
        return _refusing_view_statement(table, damage(damaged[0]))
    parted = lake.parted(table) if files is None else None
    if parted is not None:
        source = _compacted_source(table, *parted)
    elif files is None:
        depth = "*/" * len(table.partitions)
        folder = glob.escape((lake.folder / table.table_name).as_posix())
        source = _read(table, quoted(f"{folder}/{depth}{FILE_NAME}"))
    else:
        source = _read(table, _listed(files))
    return f'CREATE OR REPLACE VIEW "{table.table_name}" AS {source}'


def _refusing_view_statement(table: type[Table], why: str) -> str:
    """Return the SQL of a view that cannot be asked for anything but its columns."""
    # In each column as well: a condition on a plain NULL would be decided before the error.
    error = f"error({quoted(why)})"
    columns = ", ".join(f'CAST({error} AS {one.sql_type}) AS "{one.name}"' for one in table.columns)
    return f'CREATE OR REPLACE VIEW "{table.table_name}" AS SELECT {columns} WHERE {error}'


def empty_view_statement(table: type[Table]) -> str:
    """Return the SQL that makes a table's view without rows."""
    columns = ", ".join(f'CAST(NULL AS {one.sql_type}) AS "{one.name}"' for one in table.columns)
    return f'CREATE OR REPLACE VIEW "{table.table_name}" AS SELECT {columns} WHERE false'


def _read(table: type[Table], source: str) -> str:
    return (
        f"SELECT * FROM read_parquet({source}, "
        f"hive_partitioning={str(bool(table.partitions)).lower()}, hive_types_autocast=false, "
        "union_by_name=true)"
    )


def _listed(files: list[Place]) -> str:
    return "[" + ", ".join(quoted(glob.escape(file.as_posix())) for file in files) + "]"


def _compacted_source(
    table: type[Table], there: Compacted, loose: list[Place], outdated: list[Values]
) -> str:
    """Read what is compacted, but for partitions that are outdated there, and all other files."""
    sql = f"SELECT * FROM read_parquet({quoted(glob.escape(there.file.as_posix()))})"
    if outdated:
        keys = ", ".join(table.partitions)
        values = ", ".join(f"({', '.join(map(quoted, one))})" for one in outdated)
        sql += f" WHERE ({keys}) NOT IN ({values})"
    return f"{sql} UNION ALL BY NAME {_read(table, _listed(loose))}" if loose else sql


def refresh_catalogue(lake: Lake, only: type[Table] | None = None) -> Path:
    """Rebuild the catalogue beside the old one, and replace it in one step.

    Parameters
    ----------
    only : type of Table, optional
        The one table whose view is made again, in a copy of the catalogue that is there; all views
        are, where there is none that can be used.

    Returns
    -------
    Path
        The DuckDB file. Readers that have the old one open go on undisturbed.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only; the old one stays then.
    """
    file = lake.own_folder / CATALOGUE
    with folder_beside(file) as aside:
        fresh = aside / CATALOGUE
        is_copied = only is not None and _copy(file, fresh, lake)
        try:
            with duckdb.connect(fresh, config=READABLE) as connection:
                reach(connection, lake)
                if only is not None and is_copied:
                    _make_current_view(connection, lake, only)
                else:
                    make_views(connection, lake)
                # Said here: on closing, a full disk would be passed over in silence.
                connection.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise WriteError(
                f"{lake.own_folder}: {CATALOGUE} could not be rebuilt ({error}). The previous "
                "one is unchanged, and the tables are intact. Fix that, then `ect run` again."
            ) from error
        os.replace(fresh, file)
    return file


def _copy(file: Path, fresh: Path, lake: Lake) -> bool:
    """Copy a catalogue that has all views of a lake; False where there is none to use."""
    try:
        shutil.copyfile(file, fresh)
        with duckdb.connect(fresh) as connection:
            rows = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal")
            has_all = {name for (name,) in rows.fetchall()} == set(known_tables(lake.folder))
        has_all &= storage_version(fresh) <= OLDEST_STORAGE
    except (OSError, duckdb.Error):
        has_all = False
    if not has_all:
        fresh.unlink(missing_ok=True)
    return has_all


def storage_version(file: Path) -> int:
    """Read from the head of a DuckDB file which format it has."""
    with file.open("rb") as content:
        return int.from_bytes(content.read(20)[12:], "little")


def make_views(connection: duckdb.DuckDBPyConnection, lake: Lake, about: str | None = None) -> None:
    """Make the view of every table, with what it and its columns mean.

    Parameters
    ----------
    connection : DuckDBPyConnection
        Of a database without these views.
    about : str, optional
        The query that will be asked: the views of tables that it does not name stay empty, which
        saves looking for their files.
    """
    words = set(re.findall(r"\w+", (about or "").lower()))
    # These two functions may put a name together.
    asks_for_any = about is None or bool(words & {"query", "query_table"})
    for name, table in known_tables(lake.folder).items():
        if not (asks_for_any or name in words):
            _make_view(connection, lake, table, empty_view_statement(table))
            continue
        _make_current_view(connection, lake, table)


def _make_current_view(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: type[Table]
) -> None:
    """Make the view of a table as it is now; one whose file is replaced meanwhile is read again."""
    for _ in range(TRIES):
        try:
            _make_view(connection, lake, table, view_statement(lake, table))
            return
        except duckdb.Error:
            continue
    _make_view(connection, lake, table, view_statement(lake, table))


def _make_view(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: type[Table], statement: str
) -> None:
    """Make one view with its comments, or nothing of it."""
    connection.execute("BEGIN")
    try:
        connection.execute(statement)
        view = table.table_name
        connection.execute(f'COMMENT ON VIEW "{view}" IS {quoted(table.meaning())}')
        there = set(connection.table(view).columns)
        for one in (one for one in table.columns if one.name in there):
            what = quoted(one.description)
            connection.execute(f'COMMENT ON COLUMN "{view}"."{one.name}" IS {what}')
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise


def connect(
    lake: Lake,
    about: str | None = None,
    asking: Asking | None = None,
    tables: Mapping[type[Table], list[Partition]] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Connect to the tables as they are now; the connection can read the lake and nothing else.

    Parameters
    ----------
    about : str, optional
        The one query that will be asked; all tables can be asked for without it.
    asking : Asking, optional
        By what it may be stopped.
    tables : mapping of Table to list of Partition, optional
        Only these tables, and of each only these partitions.

    Returns
    -------
    DuckDBPyConnection
        Its settings are locked, so that a query cannot widen what it may read or use.
    """
    # In memory: a lake on a read-only disk, or in a store that is only read, can be asked as well.
    connection = duckdb.connect()
    if asking is not None:
        asking.through(connection)
    limit(connection)
    reach(connection, lake)
    if tables is None:
        make_views(connection, lake, about)
    for table, partitions in (tables or {}).items():
        files = [lake.file(table, one) for one in partitions]
        _make_view(connection, lake, table, view_statement(lake, table, files))
    # Both as it is and as the views write it, where [, * and ? stand for themselves.
    plain = lake.folder.as_posix() + "/"
    allowed = ", ".join(quoted(one) for one in dict.fromkeys((plain, glob.escape(plain))))
    connection.execute(f"SET allowed_directories=[{allowed}]")
    for setting in CLOSED:
        connection.execute(f"SET {setting}")
    connection.execute("SET lock_configuration=true")
    return connection


def reach(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Let a connection read an object store, without any extension of DuckDB."""
    if is_remote(lake.folder):
        from ect_assets.lake import object_store

        connection.register_filesystem(object_store.for_duckdb(lake.folder, _verify))


def _verify(address: str, content: bytes) -> None:
    """Refuse a damaged object; what is compacted is verified as a whole, by its own list."""
    if f"/{FOLDER}/" not in address:
        refuse_damaged(PurePosixPath(address), content)


def query(
    lake: Lake,
    sql: str,
    asking: Asking | None = None,
    tables: Mapping[type[Table], list[Partition]] | None = None,
) -> duckdb.DuckDBPyRelation:
    """Answer one SQL query.

    Parameters
    ----------
    sql : str
        One statement that reads.
    asking : Asking, optional
        By what it may be stopped.
    tables : mapping of Table to list of Partition, optional
        As in `connect`.

    Raises
    ------
    QueryError
        When it is not one reading statement, or DuckDB finds a fault in it.
    """
    try:
        answer = ask(connect(lake, sql, asking, tables), sql)
    except duckdb.Error as error:
        raise QueryError(error_message(error)) from error
    return answer


def ask(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.DuckDBPyRelation:
    """Answer one query on a connection of `connect`; QueryError where it is not one that reads."""
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in READING:
        raise QueryError(
            "Only one read-only statement is allowed (SELECT, FROM, DESCRIBE, SHOW, "
            "SUMMARIZE); only `ect run` writes to the lake."
        )
    answer = connection.sql(sql)
    if answer is None:
        raise QueryError("The statement returns no rows.")
    return answer


def error_message(error: Exception) -> str:
    """Return what DuckDB says; what we said within it, of a file or a store, is all of it."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"The query needs more memory than its limit ({query_memory() / 1e9:.1f} GB, "
            f"half of the free memory): {text.splitlines()[0]}"
        )
    if text.startswith(STACK):
        # Python's stack down to our own error, which is the first line that is not indented.
        lines = [line for line in text.splitlines()[1:] if line and not line.startswith(" ")]
        return lines[0].partition(": ")[2] if lines else text
    return text.removeprefix(INVALID_INPUT) if " is damaged: " in text else text
