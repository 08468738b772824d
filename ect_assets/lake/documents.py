"""Files that stand beside a partition's rows, for people to open: pages and figures.

The rows name them with their checksums. The rows themselves belong in `store`, what is in the
files in `report`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ect_assets.lake.location import (
    Place,
    files_below,
    is_remote,
    read_bytes,
    remove,
    remove_folder,
    stamp_of,
    write_whole,
)
from ect_assets.lake.store import FILE_NAME, Lake, Partition
from ect_assets.tables import StudyOverview, StudyReport
from ect_assets.tables.schema import Table
from ect_assets.whole_files import WRITING

PAGE = "report.html"


def checksum(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def write_documents(
    lake: Lake, table: type[Table], partition: Partition, documents: Mapping[str, bytes]
) -> None:
    """Write the files of a partition, each whole, and take away those it has no more.

    Parameters
    ----------
    documents : mapping of str to bytes
        Path below the partition's folder -> content.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only.
    """
    folder = lake.file(table, partition).parent
    for name, content in documents.items():
        file = folder / name
        if _content(file) != content:
            write_whole(file, partial(_write, content))
    for file in _there(folder):
        if file.relative_to(folder).as_posix() not in documents:
            remove(file)


def has_all_documents(lake: Lake, table: type[Table], partition: Partition) -> bool:
    """Say whether every file that a partition's rows name is there as it was written.

    Parameters
    ----------
    table : type of Table
        With columns file and sha256.
    """
    folder = lake.file(table, partition).parent
    rows = lake.read(table, partition)
    there = [_content(folder / name) for name in rows.file]
    return all(
        content is not None and checksum(content) == said
        for content, said in zip(there, rows.sha256, strict=True)
    )


def report_pages(lake: Lake) -> list[Place]:
    """List the pages of the reports that are there, the whole study's first."""
    return [
        page
        for table in (StudyOverview, StudyReport)
        for partition in lake.partitions(table)
        if stamp_of(page := lake.file(table, partition).parent / PAGE) is not None
    ]


def readable_copy(page: Place, folder: Path) -> Path:
    """Return a page as a file that a browser can open, copied where it is in an object store."""
    if not is_remote(page):
        return page
    copy = folder / page.name
    write_whole(copy, partial(_write, read_bytes(page)))
    return copy


def remove_documents(lake: Lake, table: type[Table]) -> None:
    """Take away all partitions of a table with their files."""
    remove_folder(lake.folder / table.table_name)


def _write(content: bytes, file: Path) -> None:
    file.write_bytes(content)


def _content(file: Place) -> bytes | None:
    try:
        return read_bytes(file)
    except (FileNotFoundError, IsADirectoryError):
        return None


def _there(folder: Place) -> list[Place]:
    return [
        file
        for file in files_below(folder)
        if file.name != FILE_NAME and not file.name.endswith(WRITING)
    ]
