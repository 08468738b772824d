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

from ect_assets.lake.parquet import (
    Stamp,
    content_digest,
    read_parquet,
    sound_footer,
    stamp_of,
    write_parquet,
)
from ect_assets.lake.whole_files import replace_whole, told_plainly
from ect_assets.problems import EctError, Problem
from ect_assets.schema import Table

Partition = Mapping[str, str]

SAFE_VALUE = re.compile(r"[0-9A-Za-z_-]+")
FILE_NAME = "part.parquet"
PROBLEMS_FOLDER = "_problems"


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
    """The folder that holds the tables.

    Parameters
    ----------
    folder : Path
        Below it a folder per table, below that hive folders such as ``parcellation=hcp_mmp``.
    subjects : frozenset of str, optional
        Patients who are in the study; files of others stay where they are but are not listed.
    """

    folder: Path
    subjects: frozenset[str] | None = None
    _footers: dict[Path, tuple[Stamp, dict[str, str] | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _read: dict[Path, Stamp | None] = field(default_factory=dict, repr=False, compare=False)

    def file(self, table: type[Table], partition: Partition) -> Path:
        """Return where a partition of a table is kept, whether it exists or not.

        Raises
        ------
        LakeError
            When the partition lacks a key of the table or a value could leave the folder.
        """
        return self._place(self.folder / table.table_name, table, partition) / FILE_NAME

    def _place(self, folder: Path, table: type[Table], partition: Partition) -> Path:
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
        wanted = matching or {}
        pattern = "/".join(f"{key}={wanted.get(key, '*')}" for key in table.partitions)
        root = self.folder / table.table_name
        found = root.glob(f"{pattern}/{FILE_NAME}" if pattern else FILE_NAME)
        listed = [
            dict(part.split("=", 1) for part in file.relative_to(root).parts[:-1])
            for file in sorted(found)
        ]
        known = self.subjects
        return [
            one
            for one in listed
            if known is None or "subject" not in one or one["subject"] in known
        ]

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

    def stamps(self, tables: Iterable[type[Table]]) -> dict[Path, Stamp | None]:
        """Tell the files of some tables apart from those that may take their names later."""
        files = [self.file(table, one) for table in tables for one in self.partitions(table)]
        return {file: stamp_of(file) for file in files}

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
                file.unlink(missing_ok=True)
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

    def _problems_file(self, table: type[Table], partition: Partition) -> Path:
        folder = self.folder / PROBLEMS_FOLDER / table.table_name
        return self._place(folder, table, partition) / "problems.json"

    def failure(self, table: type[Table], partition: Partition) -> Failure | None:
        """Return what was wrong with a partition when it was last made, or None."""
        return _read_failure(self._problems_file(table, partition))

    def failures(self) -> Iterator[tuple[Path, Failure]]:
        """Go through all that was wrong with any partition, with the file that says so."""
        for file in sorted((self.folder / PROBLEMS_FOLDER).glob("**/problems.json")):
            failure = _read_failure(file)
            if failure is not None:
                yield file, failure


def _text(file: Path) -> str | None:
    """Return what a file says, or None where there is none, or no longer."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _read_failure(file: Path) -> Failure | None:
    """Read one `problems.json`; None where there is none."""
    text = _text(file)
    if text is None:
        return None
    said = json.loads(text)
    problems = tuple(Problem(**row) for row in said["problems"])
    return Failure(problems, said["inputs_sha256"], said["failed"])
