"""Taking a patient's rows out of files that hold several patients.

The files are read as they are, whatever the columns of their table are by now: a lab's table may
have others than when its rows were written. Whole partitions of a patient are removed elsewhere
(`orchestration.withdrawal`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from ect_assets.lake.location import Place, files_below, write_whole
from ect_assets.lake.parquet import content_digest, read_parquet, sound_footer, write_parquet
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import FILE_NAME, Lake
from ect_assets.tables.lab_tables import FurtherTable
from ect_assets.tables.schema import Table

SUBJECT, REFERENCE = "subject", "reference"
OF_INPUTS = ("inputs", "seconds")
"""What a footer says of how the rows were made, by the names of patients and files."""


def erase_rows(lake: Lake, table: type[Table], subject: str, mentions: re.Pattern[str]) -> int:
    """Write the files of a table again that have rows of a patient, or name the patient.

    A reference map that is called like the patient is the patient's. What is written again counts
    as out of date.

    Parameters
    ----------
    subject : str
        Label, without ``sub-``.
    mentions : re.Pattern
        Finds the patient in a text.

    Returns
    -------
    int
        How many rows were removed.
    """
    is_of_lab = issubclass(table, FurtherTable)
    has_rows = is_of_lab or bool({SUBJECT, REFERENCE} & set(table.column_names()))
    removed = 0
    for file in () if SUBJECT in table.partitions and not is_of_lab else _files(lake, table):
        footer = sound_footer(table, file) or {}
        # What a table was made from is kept by name: that of its patients' files.
        is_named = _names(footer.get("inputs", ""), subject, mentions)
        if not (has_rows or is_named):
            continue
        content = read_parquet(file)
        kept = _without(content, subject)
        kept = kept if is_of_lab else _without_references(kept, subject, mentions)
        is_named |= is_of_lab and bool(_naming_columns(kept, subject, mentions))
        if kept.num_rows < content.num_rows or is_named:
            _write(file, kept)
            removed += content.num_rows - kept.num_rows
    return removed


def names_left(lake: Lake, subject: str, mentions: re.Pattern[str]) -> dict[Place, list[str]]:
    """List the files of labs' tables that name a patient other than by `subject`, with columns."""
    found = {}
    for table in known_tables(lake.folder).values():
        for file in _files(lake, table) if issubclass(table, FurtherTable) else ():
            columns = _naming_columns(read_parquet(file), subject, mentions)
            if columns:
                found[file] = columns
    return found


def _files(lake: Lake, table: type[Table]) -> Iterator[Place]:
    """Go through the files of a table, under whatever partitions they lie."""
    below = files_below(lake.folder / table.table_name)
    return (file for file in below if file.name == FILE_NAME)


def _naming_columns(content: pa.Table, subject: str, mentions: re.Pattern[str]) -> list[str]:
    """List the columns in whose texts a patient is named."""

    def is_naming(value: str | None) -> bool:
        return value is not None and (value == subject or mentions.search(value) is not None)

    texts = [
        one.name
        for one in content.schema
        if pa.types.is_string(one.type) or pa.types.is_large_string(one.type)
    ]
    return [name for name in texts if any(map(is_naming, content[name].unique().to_pylist()))]


def _without(content: pa.Table, subject: str) -> pa.Table:
    if SUBJECT not in content.column_names:
        return content
    theirs = pc.equal(content[SUBJECT].cast(pa.string()), subject)
    return content.filter(pc.invert(pc.fill_null(theirs, False)))


def _without_references(content: pa.Table, subject: str, mentions: re.Pattern[str]) -> pa.Table:
    if REFERENCE not in content.column_names:
        return content
    names = [one for one in content[REFERENCE].unique().to_pylist() if one is not None]
    theirs = [one for one in names if re.split(r"[_.]", one)[0] == subject or mentions.search(one)]
    return content.filter(pc.invert(pc.is_in(content[REFERENCE], pa.array(theirs, pa.string()))))


def _names(record: str, subject: str, mentions: re.Pattern[str]) -> bool:
    """Say whether the record of what a table was made from names a patient or the files."""
    partition = re.search(rf"\({re.escape(subject)}[,)]", record)
    return partition is not None or mentions.search(record) is not None


def _write(file: Place, content: pa.Table) -> None:
    said = {key.decode(): value.decode() for key, value in content.schema.metadata.items()}
    footer = {name: value for name, value in said.items() if name not in OF_INPUTS}
    rows = content.replace_schema_metadata(None).combine_chunks()
    footer |= {"content_sha256": content_digest(rows), "inputs_sha256": ""}
    rows = rows.replace_schema_metadata(footer)
    write_whole(file, lambda aside: write_parquet(rows, aside))
