"""One file beside the many of a large table: the same rows, kept for speed, never the truth.

A table with a partition per patient has as many files as there are patients, and opening forty
thousand takes minutes. Once a table has more than `LOOSE_AT_MOST` files, their rows are kept
together as well, with a list that says of which version of each file they are. A partition whose
file is another one since is read from its own file. All of it may be deleted at any time, and is
when a patient withdraws. Which files there are is asked in `store`, views are made in `catalogue`.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.lake.integrity import DamagedFile
from ect_assets.lake.listing import Entry, Values
from ect_assets.lake.location import (
    Place,
    Stamp,
    files_below,
    is_remote,
    read_bytes,
    remove,
    remove_folder,
    stamp_of,
    write_whole,
)
from ect_assets.lake.parquet import content_digest, read_parquet, sound_footer, write_parquet
from ect_assets.tables.schema import Table

FOLDER = "_compacted"
PART = ("stamp", "footer", "group", "first", "rows")
MANIFEST = "manifest.parquet"
LOOSE_AT_MOST = 500
"""Files that are read one by one; opening as many takes a tenth of a second."""
FILES_PER_GROUP = 500
"""How many partitions' rows are in memory at a time, and stand together in the file."""
Item = TypeVar("Item")
Whole = tuple[Values, Stamp, str, pa.Table]
"""A partition, its file's stamp and footer, and its rows."""
KEPT_SECONDS = 3600.0
"""For how long readers may go on with rows that have been compacted again."""


@dataclass(frozen=True)
class Part:
    """The rows of one partition's file within the compacted rows.

    Attributes
    ----------
    stamp : tuple
        Of the file that they were read from.
    footer : str
        What that file's footer said, as JSON.
    group, first, rows : int
        Group of rows in the Parquet file, place of the first in it, and how many.
    """

    stamp: Stamp
    footer: str
    group: int
    first: int
    rows: int


@dataclass(frozen=True)
class Compacted:
    """The rows of many partitions of a table in one file.

    Attributes
    ----------
    file : Place
        The rows, in the order of the partitions.
    sha256 : str
        Of the file, as it was written.
    """

    file: Place
    sha256: str
    parts: dict[Values, Part]

    def has(self, values: Values, stamp: Stamp | None) -> bool:
        """Say whether a partition's rows are those of its file as it is now."""
        part = self.parts.get(values)
        return part is not None and part.stamp == stamp

    def parted(self, entries: Sequence[Entry]) -> tuple[list[Entry], list[Values]]:
        """Compare with the files that there are now.

        Parameters
        ----------
        entries : sequence of (values, file, stamp)

        Returns
        -------
        loose : list of (values, file, stamp)
            To be read from their own files.
        outdated : list of tuple of str
            Partitions whose compacted rows do not count.
        """
        loose = [one for one in entries if not self.has(one[0], one[2])]
        current = {values for values, _, _ in entries} - {values for values, _, _ in loose}
        return loose, [values for values in self.parts if values not in current]

    def rows(self, values: Values, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of one partition, with all columns or some."""
        part = self.parts[values]
        key = (part.group, columns)
        if key not in self._groups:
            # They are asked for in order: the one before is not needed again.
            self._groups.clear()
            self._groups[key] = self._opened.read_row_group(part.group, columns)
        return self._groups[key].slice(part.first, part.rows)

    @cached_property
    def _groups(self) -> dict[tuple[int, Sequence[str] | None], pa.Table]:
        return {}

    @cached_property
    def _opened(self) -> pq.ParquetFile:
        is_elsewhere = is_remote(self.file)
        source = pa.BufferReader(read_bytes(self.file)) if is_elsewhere else self.file
        return pq.ParquetFile(source, page_checksum_verification=True)

    def is_whole(self) -> bool:
        """Say whether the file is as it was written."""
        try:
            return hashlib.sha256(read_bytes(self.file)).hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def compacted(folder: Place, table: type[Table]) -> Compacted | None:
    """Return the compacted rows of a table, or None where there are none that can be used."""
    place = folder / FOLDER / table.table_name
    try:
        manifest = read_parquet(place / MANIFEST)
    except FileNotFoundError:
        return None
    except (DamagedFile, OSError):
        # Damaged: the tables are whole, and it is rebuilt.
        return None
    said = {key.decode(): value.decode() for key, value in manifest.schema.metadata.items()}
    file = place / said["file"]
    if said["schema_version"] != table.version() or stamp_of(file) is None:
        return None
    columns = manifest.to_pydict()
    keys = zip(*(columns[key] for key in table.partitions), strict=True)
    rest = zip(*(columns[name] for name in PART), strict=True)
    parts = {
        values: Part(tuple(json.loads(stamp)), *others)
        for values, (stamp, *others) in zip(keys, rest, strict=True)
    }
    return Compacted(file, said["sha256"], parts)


def compact(
    folder: Place, table: type[Table], entries: Sequence[Entry], before: Compacted | None
) -> bool:
    """Compact a table again where too many of its files have to be read one by one.

    Parameters
    ----------
    entries : sequence of (values, file, stamp)
        Its files, in the order of their partitions.
    before : Compacted or None
        What is compacted already, and whole.

    Returns
    -------
    bool
        Whether it was.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only; what was there before stays.
    """
    loose, outdated = before.parted(entries) if before else (list(entries), [])
    if len(loose) + len(outdated) <= LOOSE_AT_MOST:
        return False
    place = folder / FOLDER / table.table_name
    file = place / f"{uuid.uuid4().hex}.parquet"
    parts: dict[Values, Part] = {}
    said = {"file": file.name, "schema_version": table.version()}

    def write(aside: Path) -> None:
        _write_rows(aside, _whole_parts(table, entries, before), parts)
        said["sha256"] = hashlib.sha256(aside.read_bytes()).hexdigest()

    write_whole(file, write)
    manifest = _manifest(table, parts).replace_schema_metadata(said)
    write_whole(place / MANIFEST, lambda aside: write_parquet(manifest, aside))
    _clear_others(place, file)
    return True


def _whole_parts(
    table: type[Table], entries: Sequence[Entry], before: Compacted | None
) -> Iterator[Whole]:
    """Go through the partitions whose rows are sound and hold still; the others stay loose."""
    for values, file, stamp in entries:
        if before is not None and before.has(values, stamp):
            yield values, stamp, before.parts[values].footer, before.rows(values)
            continue
        said = sound_footer(table, file)
        if said is None:
            continue
        try:
            content = read_parquet(file).replace_schema_metadata(None)
        except (DamagedFile, FileNotFoundError):
            continue
        is_sound = content_digest(content) == said["content_sha256"]
        is_plain = set(content.column_names) == set(table.column_names())
        if is_sound and is_plain and stamp_of(file) == stamp:
            yield values, stamp, json.dumps(said), content


def _write_rows(
    aside: Path,
    whole: Iterable[Whole],
    parts: dict[Values, Part],
) -> None:
    """Write the rows of some hundred partitions at a time, and note where each begins."""
    writer, number = None, 0
    try:
        for group in batched(whole):
            content = pa.concat_tables([one[-1] for one in group]).combine_chunks()
            writer = writer or pq.ParquetWriter(
                aside, content.schema, compression="zstd", write_page_checksum=True
            )
            writer.write_table(content, row_group_size=max(1, content.num_rows))
            first = 0
            for values, stamp, footer, rows in group:
                parts[values] = Part(stamp, footer, number, first, rows.num_rows)
                first += rows.num_rows
            number += 1
    finally:
        if writer is not None:
            writer.close()


def batched(whole: Iterable[Item]) -> Iterator[list[Item]]:
    """Go through things, `FILES_PER_GROUP` of them at a time."""
    rest = iter(whole)
    while batch := list(islice(rest, FILES_PER_GROUP)):
        yield batch


def _manifest(table: type[Table], parts: dict[Values, Part]) -> pa.Table:
    columns: dict[str, list] = {key: [] for key in table.partitions}
    for values in parts:
        for key, value in zip(table.partitions, values, strict=True):
            columns[key].append(value)
    columns["stamp"] = [json.dumps(part.stamp) for part in parts.values()]
    for name in PART[1:]:
        columns[name] = [getattr(part, name) for part in parts.values()]
    return pa.table(columns)


def _clear_others(place: Place, file: Place) -> None:
    """Take away what was compacted earlier, but not under readers who have just begun."""
    for other in files_below(place):
        if other.name in (MANIFEST, file.name) or other.name.startswith("."):
            continue
        if time.time() - other.stat().st_mtime > KEPT_SECONDS:
            remove(other)


def forget(folder: Place) -> None:
    """Take all compacted rows of a lake away; they are made again from the files."""
    remove_folder(folder / FOLDER)
