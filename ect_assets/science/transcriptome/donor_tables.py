"""Fast copies of a donor's two large files: read once as text, kept as Parquet.

A copy is named by the content of the donor's five files, so that it is made again exactly when
one of them changes. What the files are belongs in `donors`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ect_assets.science.transcriptome.donors import (
    EXPRESSION,
    FILES,
    ONTOLOGY,
    PRESENT,
    PROBES,
    SAMPLES,
    Donor,
    DonorError,
    check_probes,
    check_sizes,
    check_small_files,
)
from ect_assets.whole_files import replace_whole

PROBE = "probe_id"
BLOCK_BYTES = 1 << 24
GROUP_ROWS = 4096


@dataclass(frozen=True)
class DonorTables:
    """One donor, ready to be read.

    Attributes
    ----------
    sha256 : str
        Over the content of the five files.
    expression, present : Path
        Parquet: a row per probe, the column `probe_id` and one per sample, named from 1.
    samples, probes, ontology : Path
        The Allen Institute's own tables.
    """

    name: str
    sha256: str
    n_samples: int
    n_probes: int
    expression: Path
    present: Path
    samples: Path
    probes: Path
    ontology: Path


def donor_checksum(donor: Donor) -> str:
    """Digest the content of a donor's five files."""
    whole = hashlib.sha256()
    for name in FILES:
        with donor.file(name).open("rb") as stream:
            whole.update(f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def donor_tables(donor: Donor, cache: Path, checksum: str | None = None) -> DonorTables:
    """Check a donor and make the fast copies, unless they are there.

    Parameters
    ----------
    cache : Path
        Folder for the copies; made when missing.
    checksum : str, optional
        Of the five files, where it is known already: reading them takes seconds.

    Raises
    ------
    DonorError
        When a file is missing, cut short, or does not fit the others; no copy is kept then.
    """
    counted = check_small_files(donor)
    checksum = checksum or donor_checksum(donor)
    folder = cache / f"donor{donor.name}-{checksum[:16]}"
    copies = {name: folder / f"{Path(name).stem}.parquet" for name in (EXPRESSION, PRESENT)}
    if not all(copy.is_file() for copy in copies.values()):
        _make_copies(donor, counted, copies)
    return DonorTables(
        donor.name,
        checksum,
        counted[SAMPLES],
        counted[PROBES],
        copies[EXPRESSION],
        copies[PRESENT],
        *(donor.file(name) for name in (SAMPLES, PROBES, ONTOLOGY)),
    )


def _make_copies(donor: Donor, counted: dict[str, int], copies: dict[str, Path]) -> None:
    shapes = {}
    for name, copy in copies.items():
        kind = pa.float64() if name == EXPRESSION else pa.int8()
        table = _read_matrix(donor, name, counted[SAMPLES], kind)
        shapes[name] = (table.num_rows, table.num_columns - 1)
        check_sizes(donor, counted, {name: shapes[name]})
        check_probes(donor, name, table[PROBE].to_pylist())
        # In groups of rows that are read one by one; measured values have no dictionary.
        write = partial(
            pq.write_table,
            table,
            row_group_size=GROUP_ROWS,
            use_dictionary=False,
            compression="lz4",
        )
        replace_whole(copy, write)


def _read_matrix(donor: Donor, name: str, n_samples: int, kind: pa.DataType) -> pa.Table:
    """Read a headless file of numbers; its first column is the probe's number."""
    file = donor.file(name)
    names = [PROBE, *(str(number) for number in range(1, n_samples + 1))]
    with file.open("rb") as stream:
        fields = stream.readline().count(b",") + 1
    if fields != len(names):
        check_sizes(donor, check_small_files(donor), {name: (_count_lines(file), fields - 1)})
    types = {PROBE: pa.int64(), **dict.fromkeys(names[1:], kind)}
    try:
        return pa_csv.read_csv(
            file,
            pa_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
            convert_options=pa_csv.ConvertOptions(column_types=types),
        )
    except pa.ArrowInvalid as error:
        raise DonorError(
            f"{name} of donor {donor.name} is not a whole table of numbers "
            f"({str(error).splitlines()[0][:120]}). Copy or download this donor again."
        ) from error


def _count_lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(1 for _ in stream)


def read_matrix(copy: Path, probes: pd.Index | None = None) -> pd.DataFrame:
    """Read a fast copy as abagen wants it.

    Parameters
    ----------
    probes : Index of int, optional
        Only these probes: half of them are below the background, and half of the memory.

    Returns
    -------
    (n_probes, n_samples) DataFrame
        Indexed by probe_id; columns are sample numbers from 1, named sample_id.
    """
    file = pq.ParquetFile(copy)
    numbers = file.read([PROBE])[PROBE].to_numpy()
    wanted = np.ones(len(numbers), bool) if probes is None else np.isin(numbers, probes)
    columns = file.schema_arrow.names[1:]
    kind = file.schema_arrow.field(1).type.to_pandas_dtype()
    values = np.empty((int(wanted.sum()), len(columns)), kind)
    read, filled = 0, 0
    # Group by group, so that the whole is not held twice.
    for group in range(file.num_row_groups):
        block = file.read_row_group(group, columns=columns)
        mine = wanted[read : read + block.num_rows]
        after = filled + int(mine.sum())
        for place, column in enumerate(block.columns):
            values[filled:after, place] = column.to_numpy()[mine]
        read, filled = read + block.num_rows, after
    return pd.DataFrame(
        values,
        index=pd.Index(numbers[wanted], name=PROBE),
        columns=pd.RangeIndex(1, len(columns) + 1, name="sample_id"),
        copy=False,
    )
