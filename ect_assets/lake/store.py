"""Tables as Parquet files: one file per partition, whole or not there at all.

A file appears under its name only when it is complete, says in its footer where it comes from,
and is left alone when nothing about it would change. What may stand in a table is said in
`tables`; how one file is laid out is in `parquet`; SQL over the files is in `catalogue`; when a
file is out of date is decided in `freshness`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ect_assets.lake.parquet import content_digest, read_parquet, sound_footer, write_parquet
from ect_assets.lake.whole_files import replace_whole, told_plainly
from ect_assets.places import (
    Place,
    Stamp,
    files_below,
    hive_files,
    is_remote,
    read_bytes,
    remove,
    stamp_of,
)
from ect_assets.problems import EctError, Problem
from ect_assets.schema import Table
from ect_assets.study import Study

Partition = Mapping[str, str]

SAFE_VALUE = re.compile(r"[0-9A-Za-z_-]+")
FILE_NAME = "part.parquet"
PROBLEMS_FOLDER, PROBLEMS_FILE = "_problems", "problems.json"


class LakeError(EctError):
    """A table has no file where one is needed, or a partition has an impossible name."""


@dataclass(frozen=True)
class Provenance:
    """Where the content of a file comes from; kept in the Parquet footer.

    Attributes
    ----------
    code_version : str
        Version of the package and of the step that made it.
    run_id : str
        Dagster run that made this content.
    seed : int
        Seed of every random step of the study.
    simulated : bool
        Whether any input was simulated.
    inputs_sha256 : str
        Digest of all that the content depends on; see `freshness`.
    """

    code_version: str
    run_id: str
    seed: int
    simulated: bool
    inputs_sha256: str


@dataclass(frozen=True)
class Failure:
    """What kept a partition from being whole, or from being made at all.

    Attributes
    ----------
    problems : tuple of Problem
    inputs_sha256 : str
        Digest of the inputs with which it was tried: the same inputs are not tried again.
    failed : bool
        True where nothing could be made; false where the partition exists but is not complete.
    """

    problems: tuple[Problem, ...]
    inputs_sha256: str
    failed: bool


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

    @classmethod
    def of(cls, study: Study, subjects: frozenset[str] | None = None) -> Lake:
        """Return the lake of a study, of some patients or of all whom it has files of."""
        return cls(study.lake_folder, subjects, study.cache_folder)

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

    def file(self, table: type[Table], partition: Partition) -> Place:
        """Return where a partition of a table is kept, whether it exists or not.

        Raises
        ------
        LakeError
            When the partition lacks a key of the table or a value could leave the folder.
        """
        return self._place(self.folder / table.table_name, table, partition) / FILE_NAME

    def _place(self, folder: Place, table: type[Table], partition: Partition) -> Place:
        for key in table.partitions:
            value = partition.get(key, "")
            if not SAFE_VALUE.fullmatch(value):
                raise LakeError(f"{table.table_name}: {key}={value!r} cannot name a partition.")
            folder = folder / f"{key}={value}"
        return folder

    def partitions(self, table: type[Table], matching: Partition | None = None) -> list[Partition]:
        """List the partitions of a table that exist.

        Parameters
        ----------
        table : type of Table
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
        keys, root = table.partitions, self.folder / table.table_name
        for values, file, stamp in hive_files(root, keys, matching, FILE_NAME):
            partition = dict(zip(keys, values, strict=True))
            who = partition.get("subject")
            if who is None or self.subjects is None or who in self.subjects:
                yield partition, file, stamp

    def footer(self, table: type[Table], partition: Partition) -> dict[str, str] | None:
        """Return the footer of a partition's file, or None where there is no sound file."""
        file = self.file(table, partition)
        stamp = stamp_of(file)
        if stamp is None:
            return None
        known = self._footers.get(file)
        if known is None or known[0] != stamp:
            known = (stamp, sound_footer(table, file))
            self._footers[file] = known
        return known[1]

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
        """Read some partitions of a table into one frame.

        Parameters
        ----------
        table : type of Table
        partitions : list of mapping
            As `partitions` lists them.
        which : str
            How a message names them.

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
        files = [self.file(table, one) for one in partitions]
        # Before they are read: what changes from now on was not seen by whoever has the rows.
        self._read.update({file: stamp_of(file) for file in files})
        parts = [read_parquet(file) for file in files]
        return pa.concat_tables(parts, promote_options="default").to_pandas()

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
        table : type of Table
        partition : mapping
            Value of each partition key of the table.
        frame : DataFrame
            The rows; columns in any order.
        provenance : Provenance

        Returns
        -------
        bool
            False where the file already said the same, and was left alone.

        Raises
        ------
        SchemaError
            When the frame is not what the table promises; nothing is written then.
        """
        return self.write_content(table, partition, table.to_arrow(frame), provenance)

    def write_content(
        self, table: type[Table], partition: Partition, content: pa.Table, provenance: Provenance
    ) -> bool:
        """Write one partition as `write` does, from rows that `Table.to_arrow` has checked."""
        footer = {
            "table": table.table_name,
            "schema_version": table.version(),
            "code_version": provenance.code_version,
            "run_id": provenance.run_id,
            "partition": json.dumps(dict(partition), sort_keys=True),
            "seed": str(provenance.seed),
            "simulated": str(provenance.simulated).lower(),
            "content_sha256": content_digest(content),
            "inputs_sha256": provenance.inputs_sha256,
        }
        there = self.footer(table, partition)
        if there is not None and {**there, "run_id": ""} == {**footer, "run_id": ""}:
            return False
        file = self.file(table, partition)
        content = content.replace_schema_metadata(footer)
        replace_whole(file, lambda aside: write_parquet(content, aside))
        return True

    def is_whole(self, table: type[Table], partition: Partition) -> bool:
        """Say whether a partition's file can be read to its end and has the rows it promises."""
        try:
            content = read_parquet(self.file(table, partition))
        except (pa.ArrowInvalid, OSError):
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
        table : type of Table
        partition : mapping
        failure : Failure or None
            None clears what was kept.
        """
        file = self._problems_file(table, partition)
        if failure is None:
            with told_plainly(file):
                remove(file)
            return
        text = json.dumps(
            {
                "inputs_sha256": failure.inputs_sha256,
                "failed": failure.failed,
                "problems": [problem.as_row() for problem in failure.problems],
            },
            indent=1,
            sort_keys=True,
        )
        if _text(file) != text:
            replace_whole(file, lambda aside: aside.write_text(text, encoding="utf-8"))

    def _problems_file(self, table: type[Table], partition: Partition) -> Place:
        folder = self.folder / PROBLEMS_FOLDER / table.table_name
        return self._place(folder, table, partition) / PROBLEMS_FILE

    def failure(self, table: type[Table], partition: Partition) -> Failure | None:
        """Return what was wrong with a partition when it was last made, or None."""
        return _read_failure(self._problems_file(table, partition))

    def failures(self) -> Iterator[tuple[Place, Failure]]:
        """Go through all that was wrong with any partition, with the file that says so."""
        for file in files_below(self.folder / PROBLEMS_FOLDER):
            failure = _read_failure(file) if file.name == PROBLEMS_FILE else None
            if failure is not None:
                yield file, failure


def _text(file: Place) -> str | None:
    """Return what a file says, or None where there is none, or no longer."""
    try:
        return read_bytes(file).decode()
    except FileNotFoundError:
        return None


def _read_failure(file: Place) -> Failure | None:
    """Read one `problems.json`; None where there is none."""
    text = _text(file)
    if text is None:
        return None
    said = json.loads(text)
    problems = tuple(Problem(**row) for row in said["problems"])
    return Failure(problems, said["inputs_sha256"], said["failed"])
