"""Files that stand beside a partition's rows, for people to open: pages and figures.

The rows name them with their checksums. The rows themselves belong in `store`, what is in the
files in `report`.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ect_assets.lake.store import FILE_NAME, Lake, Partition
from ect_assets.lake.whole_files import WRITING, replace_whole
from ect_assets.schema import Table
from ect_assets.tables import StudyOverview, StudyReport

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
    lake : Lake
    table : type of Table
    partition : mapping
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
        if not (file.is_file() and file.read_bytes() == content):
            replace_whole(file, partial(_write, content))
    for file in _there(folder):
        if file.relative_to(folder).as_posix() not in documents:
            file.unlink(missing_ok=True)


def has_all_documents(lake: Lake, table: type[Table], partition: Partition) -> bool:
    """Say whether every file that a partition's rows name is there as it was written.

    Parameters
    ----------
    lake : Lake
    table : type of Table
        With columns file and sha256.
    partition : mapping

    Returns
    -------
    bool
    """
    folder = lake.file(table, partition).parent
    rows = lake.read(table, partition)
    return all(
        (folder / name).is_file() and checksum((folder / name).read_bytes()) == said
        for name, said in zip(rows.file, rows.sha256, strict=True)
    )


def report_pages(lake: Lake) -> list[Path]:
    """List the pages of the reports that are there, the whole study's first."""
    return [
        page
        for table in (StudyOverview, StudyReport)
        for partition in lake.partitions(table)
        if (page := lake.file(table, partition).parent / PAGE).is_file()
    ]


def remove_documents(lake: Lake, table: type[Table]) -> None:
    """Take away all partitions of a table with their files."""
    folder = lake.folder / table.table_name
    if folder.is_dir():
        shutil.rmtree(folder)


def _write(content: bytes, file: Path) -> None:
    file.write_bytes(content)


def _there(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != FILE_NAME and not file.name.endswith(WRITING)
    ]
