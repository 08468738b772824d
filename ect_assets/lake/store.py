"""Tables as Parquet files: one file per partition, whole or not there at all.

A file appears under its name only when it is complete, says in its footer where it comes from,
and is left alone when nothing about it would change. What may stand in a table is said in
`tables`; how one file is laid out is in `parquet`; SQL over the files is in `catalogue`; when a
file is out of date is decided in `pipeline.staleness`. Where a footer says that content comes from
is in `provenance`, what is kept of a failure in `failures`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ect_assets.lake import compaction
from ect_assets.lake.compaction import Compacted, batched, compact, compacted
from ect_assets.lake.failures import (
    PROBLEMS_FILE,
    PROBLEMS_FOLDER,
    Failure,
    read_failure,
    write_failure,
)
from ect_assets.lake.integrity import DamagedFile, Verified, identity_of, may_be_remembered
from ect_assets.lake.listing import Entry, Listing, Values
from ect_assets.lake.location import (
    Place,
    Stamp,
    files_below,
    hive_files,
    is_remote,
    read_bytes,
    stamp_of,
    stamps_below,
    write_whole,
)
from ect_assets.lake.parquet import (
    content_digest,
    is_whole_file,
    read_parquet,
    sound_footer,
    write_parquet,
)
from ect_assets.lake.provenance import LakeError, Partition, Provenance, is_repeated, place_of
from ect_assets.lake.registered import known_tables
from ect_assets.tables.schema import Table

FILE_NAME = "part.parquet"


@dataclass(frozen=True)
class Lake:
    """The folder, or the place in an object store, that holds the tables.

    Parameters
    ----------
    folder : Path or UPath
        Below it a folder per table, below that hive folders such as ``parcellation=hcp_mmp``.
    subjects : frozenset of str, optional
        Patients who are in the study; files of others stay where they are but are not listed.
    beside : Path, optional
        Where locks and the catalogue are when the lake is in a store, which has neither.
    """

    folder: Place
    subjects: frozenset[str] | None = None
    beside: Path | None = None
    _footers: dict[Place, tuple[Stamp, dict[str, str] | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _read: dict[Place, Stamp | None] = field(default_factory=dict, repr=False, compare=False)
    _listings: dict[str, Listing] | None = field(default=None, repr=False, compare=False)

    @property
    def own_folder(self) -> Path:
        """The folder on this machine for what is no table: locks, and the catalogue.

        Raises
        ------
        LakeError
            When the lake is in a store and none was named.
        """
        if not is_remote(self.folder):
            return self.folder
        if self.beside is None:
            raise LakeError(f"{self.folder} needs a folder on this machine for its catalogue.")
        return self.beside

    def snapshot(self) -> Lake:
        """Return the lake as it is now: each table is listed once, whatever is asked of it.

        What is written afterwards is not seen; what was known of footers is shared.
        """
        taken = replace(self, _listings={})
        vars(taken)["_verified"] = self._verified
        return taken

    def file(self, table: type[Table], partition: Partition) -> Place:
        """Return where a partition of a table is kept, whether it exists or not.

        Raises
        ------
        LakeError
            When the partition lacks a key of the table or a value could leave the folder.
        """
        return place_of(self.folder / table.table_name, table, partition) / FILE_NAME

    def partitions(self, table: type[Table], matching: Partition | None = None) -> list[Partition]:
        """List the partitions of a table that exist.

        Parameters
        ----------
        matching : mapping, optional
            Only those that agree with it on the keys that both have.

        Returns
        -------
        list of mapping
            Partition keys to values, sorted; ``[{}]`` for a table of a single existing file.
        """
        return [partition for partition, _, _ in self._listed(table, matching or {})]

    def _listed(
        self, table: type[Table], matching: Partition
    ) -> Iterator[tuple[Partition, Place, Stamp]]:
        """Go through the partitions of a table with their files, in one look."""
        for values, file, stamp in self._entries(table, matching):
            partition = dict(zip(table.partitions, values, strict=True))
            who = partition.get("subject")
            if who is None or self.subjects is None or who in self.subjects:
                yield partition, file, stamp

    def _entries(self, table: type[Table], matching: Partition) -> Iterator[Entry]:
        """Go through the files of a table, of whatever patients."""
        if self._listings is not None:
            return self._listing(table).matching(matching)
        root = self.folder / table.table_name
        return hive_files(root, table.partitions, matching, FILE_NAME)

    def _listing(self, table: type[Table], name: str = FILE_NAME) -> Listing:
        """Return what a snapshot knows of the files of a table, or of what is wrong with them."""
        assert self._listings is not None
        is_table = name == FILE_NAME
        root = self.folder if is_table else self.folder / PROBLEMS_FOLDER
        key = f"{name}/{table.table_name}"
        if key not in self._listings:
            files = hive_files(root / table.table_name, table.partitions, {}, name)
            self._listings[key] = Listing(table.partitions, files)
            if is_table:
                self._recall_footers(table)
        return self._listings[key]

    def _recall_footers(self, table: type[Table]) -> None:
        """Take over what is written down of the footers of many files, instead of opening each."""
        there = self._compacted(table)
        for values, file, stamp in self._entries(table, {}) if there is not None else ():
            if there is not None and there.has(values, stamp) and file not in self._footers:
                self._footers[file] = (stamp, json.loads(there.parts[values].footer))

    def _stamp(self, table: type[Table], partition: Partition) -> Stamp | None:
        if self._listings is None:
            return stamp_of(self.file(table, partition))
        return self._listing(table).stamp(self._values(table, partition))

    def footer(self, table: type[Table], partition: Partition) -> dict[str, str] | None:
        """Return the footer of a partition's file, or None where there is no sound file."""
        file = self.file(table, partition)
        stamp = self._stamp(table, partition)
        if stamp is None:
            return None
        known = self._footers.get(file)
        if known is None or known[0] != stamp:
            is_whole = self._is_verified(file, stamp)
            known = (stamp, sound_footer(table, file) if is_whole else None)
            self._footers[file] = known
        if known[1] is None or not table.has_documents:
            return known[1]
        return known[1] if self._has_documents(table, partition) else None

    @cached_property
    def _verified(self) -> Verified:
        has_place = not is_remote(self.folder) or self.beside is not None
        return Verified(self.own_folder if has_place else None)

    def _is_verified(self, file: Place, stamp: Stamp) -> bool:
        """Say whether a file is as it was written; each version of it is read once for that."""
        try:
            return self._is_known(file, stamp, "", is_whole_file)
        except FileNotFoundError:
            # Removed meanwhile: its reader sees that.
            return True

    def _is_known(
        self, file: Place, stamp: Stamp, about: str, is_whole: Callable[[Place], bool]
    ) -> bool:
        """Ask whether a version of a file is whole, unless that is remembered."""
        name = f"{self._name(file)} {about}"
        identity = identity_of(file, stamp)
        if self._verified.has(name, identity):
            return True
        found = is_whole(file)
        if found and may_be_remembered(file, identity):
            self._verified.add(name, identity)
        return found

    def _name(self, file: Place) -> str:
        return file.relative_to(self.folder).as_posix()

    def _has_documents(self, table: type[Table], partition: Partition) -> bool:
        """Say whether the files that a partition's rows name are there as they were written."""
        folder = self.file(table, partition).parent
        there = stamps_below(folder)
        rows = self.read(table, partition)
        return all(
            name in there and self._is_document(folder / name, there[name], said)
            for name, said in zip(rows.file, rows.sha256, strict=True)
        )

    def _is_document(self, file: Place, stamp: Stamp, digest: str) -> bool:
        def is_as_written(file: Place) -> bool:
            return hashlib.sha256(read_bytes(file)).hexdigest() == digest

        try:
            return self._is_known(file, stamp, digest, is_as_written)
        except FileNotFoundError:
            return False

    def damaged(self, table: type[Table], files: Iterable[Place] | None = None) -> list[Place]:
        """List the files of a table, or those of some files, that are not as they were written.

        A version of a file that was found whole once is not read again. Files whose rows are
        kept together as well were read when these were written.
        """
        there = self._compacted(table)
        asked = None if files is None else set(files)
        return [
            file
            for values, file, stamp in list(self._entries(table, {}))
            if (asked is None or file in asked)
            and not (there is not None and there.has(values, stamp))
            and not self._is_verified(file, stamp)
        ]

    def _compacted(self, table: type[Table]) -> Compacted | None:
        """Return the compacted rows of a table, where there are some and they are whole."""
        there = compacted(self.folder, table)
        stamp = stamp_of(there.file) if there is not None else None
        if there is None or stamp is None:
            return None
        is_whole = self._is_known(there.file, stamp, there.sha256, lambda _: there.is_whole())
        return there if is_whole else None

    def read(self, table: type[Table], matching: Partition | None = None) -> pd.DataFrame:
        """Read the partitions of a table that exist into one frame.

        Raises
        ------
        LakeError
            When there is none.
        """
        which = " ".join(f"{key}={value}" for key, value in (matching or {}).items())
        return self.read_partitions(table, self.partitions(table, matching), which)

    def read_partitions(
        self, table: type[Table], partitions: list[Partition], which: str = ""
    ) -> pd.DataFrame:
        """Read some partitions, as `partitions` lists them, into one frame; else as `parts`."""
        parts = list(self.parts(table, partitions, which=which))
        return pa.concat_tables(parts, promote_options="default").to_pandas()

    def parts(
        self,
        table: type[Table],
        partitions: list[Partition],
        columns: tuple[str, ...] | None = None,
        which: str = "",
    ) -> Iterator[pa.Table]:
        """Go through the rows of some partitions of a table, some hundred partitions at a time.

        Parameters
        ----------
        columns : tuple of str, optional
            Only these.
        which : str
            How a message names the partitions.

        Raises
        ------
        LakeError
            When the list is empty.
        """
        if not partitions:
            raise LakeError(
                f"{table.table_name} has no data yet{f' for {which}' if which else ''}. "
                "Materialize it first: `ect run`."
            )
        files = {self._values(table, one): self.file(table, one) for one in partitions}
        # Before they are read: what changes from now on was not seen by the reader of the rows.
        stamps = {values: stamp_of(file) for values, file in files.items()}
        self._read.update({file: stamps[values] for values, file in files.items()})
        there = self._compacted(table) if len(files) > compaction.LOOSE_AT_MOST else None
        for some in batched(files.items()):
            parts = [
                there.rows(values, columns).replace_schema_metadata(None)
                if there is not None and there.has(values, stamps[values])
                else read_parquet(file, columns)
                for values, file in some
            ]
            yield pa.concat_tables(parts, promote_options="default")

    @staticmethod
    def _values(table: type[Table], partition: Partition) -> Values:
        return tuple(partition[key] for key in table.partitions)

    def compact(self) -> None:
        """Keep the rows of tables of many files together, for queries and the group's steps.

        Raises
        ------
        WriteError
            When the disk is full or the folder is read-only.
        """
        everybody = replace(self, _listings=None)
        for table in known_tables(self.folder).values():
            if table.partitions:
                entries = list(everybody._entries(table, {}))
                compact(self.folder, table, entries, self._compacted(table))

    def is_compacted(self, table: type[Table]) -> bool:
        """Say whether a table's rows are kept together as well."""
        return bool(table.partitions) and self._compacted(table) is not None

    def clear_damaged_compaction(self) -> None:
        """Take away compacted rows that are no longer as they were written."""
        there = [compacted(self.folder, table) for table in known_tables(self.folder).values()]
        if not all(one.is_whole() for one in there if one is not None):
            compaction.forget(self.folder)

    def parted(self, table: type[Table]) -> tuple[Compacted, list[Place], list[Values]] | None:
        """Part a table into its compacted rows and the files that are read beside them.

        Returns
        -------
        (Compacted, files, outdated) or None
            Outdated are the partitions whose compacted rows do not count. None where nothing is
            compacted.
        """
        there = self._compacted(table)
        if there is None:
            return None
        loose, outdated = there.parted(list(self._entries(table, {})))
        return there, [file for _, file, _ in loose], outdated

    def has_changed_since_read(self, table: type[Table], partition: Partition) -> bool:
        """Say whether a partition's file is another one than when this object last read it."""
        file = self.file(table, partition)
        return file in self._read and self._read[file] != stamp_of(file)

    def write(
        self, table: type[Table], partition: Partition, frame: pd.DataFrame, provenance: Provenance
    ) -> bool:
        """Write one partition, whole and durable, unless the very same is already there.

        Parameters
        ----------
        frame : DataFrame
            The rows; columns in any order.

        Returns
        -------
        bool
            False where the file already said the same, and was left alone.

        Raises
        ------
        SchemaError
            When the frame does not match the table's schema; nothing is written then.
        """
        return self.write_content(table, partition, table.to_arrow(frame), provenance)

    def write_content(
        self,
        table: type[Table],
        partition: Partition,
        content: pa.Table,
        provenance: Provenance,
        content_sha256: str | None = None,
    ) -> bool:
        """Write one partition as `write` does, from rows that `Table.to_arrow` has checked.

        `content_sha256` is their `content_digest`, where it is known already.
        """
        footer = provenance.footer(table, partition, content_sha256 or content_digest(content))
        if is_repeated(self.footer(table, partition), footer):
            return False
        file = self.file(table, partition)
        content = content.replace_schema_metadata(footer)
        write_whole(file, lambda aside: write_parquet(content, aside))
        return True

    def is_whole(self, table: type[Table], partition: Partition) -> bool:
        """Say whether a partition's file can be read to its end and has the rows it promises."""
        try:
            content = read_parquet(self.file(table, partition))
        except (DamagedFile, OSError):
            return False
        said = (content.schema.metadata or {}).get(b"content_sha256", b"").decode()
        return said == content_digest(content.replace_schema_metadata(None))

    def stamps(self, tables: Iterable[type[Table]]) -> dict[Place, Stamp]:
        """Tell the files of some tables apart from those that may take their names later."""
        return {file: stamp for table in tables for _, file, stamp in self._listed(table, {})}

    def record_problems(
        self, table: type[Table], partition: Partition, failure: Failure | None
    ) -> None:
        """Keep, or clear, what was wrong when a partition was made.

        Parameters
        ----------
        failure : Failure or None
            None clears what was kept.
        """
        write_failure(self._problems_file(table, partition), failure)

    def _problems_file(self, table: type[Table], partition: Partition) -> Place:
        folder = self.folder / PROBLEMS_FOLDER / table.table_name
        return place_of(folder, table, partition) / PROBLEMS_FILE

    def failure(self, table: type[Table], partition: Partition) -> Failure | None:
        """Return what was wrong with a partition when it was last made, or None."""
        if self._listings is not None:
            known = self._listing(table, PROBLEMS_FILE)
            if known.stamp(self._values(table, partition)) is None:
                return None
        return read_failure(self._problems_file(table, partition))

    def failures(self) -> Iterator[tuple[Place, Failure]]:
        """Go through all that was wrong with any partition, with the file that says so."""
        for file in files_below(self.folder / PROBLEMS_FOLDER):
            failure = read_failure(file) if file.name == PROBLEMS_FILE else None
            if failure is not None:
                yield file, failure
