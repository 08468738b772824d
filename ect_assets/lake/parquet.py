"""One Parquet file: how it is laid out, read, told apart, and what its rows are digested to.

Where the files lie, and when one is written, belongs in `store`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.places import Place, is_remote, read_bytes, read_tail
from ect_assets.schema import Table

GAPS = 4096
"""How many places there are where the rows of a file may begin; see `write_parquet`."""


def sound_footer(table: type[Table], file: Place) -> dict[str, str] | None:
    """Read a footer; None where the file is damaged, not ours, or of other columns."""
    try:
        schema = pq.read_schema(pa.BufferReader(read_tail(file)) if is_remote(file) else file)
    except (pa.ArrowInvalid, OSError):
        return None
    footer = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    has_columns = set(table.column_names()) <= set(schema.names)
    return footer if has_columns and "inputs_sha256" in footer else None


def read_parquet(file: Place, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a file, or some of its columns, through one handle: all of it is of one version."""
    with pq.ParquetFile(pa.BufferReader(read_bytes(file)) if is_remote(file) else file) as opened:
        return opened.read(columns)


def write_parquet(content: pa.Table, file: Path) -> None:
    """Write rows and footer, with a gap between the first bytes of the file and the rows.

    DuckDB opens a file once for the footer and again for the rows. Where the file is replaced in
    between, a gap of another length makes it fail, and ask again, instead of reading the new
    rows as the old footer counts them.
    """
    gap = int(content.schema.metadata[b"content_sha256"], 16) % GAPS
    with (
        pa.OSFile(str(file), "wb") as sink,
        pq.ParquetWriter(sink, content.schema, compression="zstd", store_schema=True) as writer,
    ):
        sink.write(bytes(gap))
        writer.write_table(content)


def content_digest(content: pa.Table) -> str:
    """Digest values, names and types, whatever the compression; times of the clock aside."""
    clocks = [one.name for one in content.schema if pa.types.is_timestamp(one.type)]
    content = content.drop_columns(clocks)
    # What lies in memory under a NULL is arbitrary: zeros there, and where they are, instead.
    parts = [part for one in content.columns for part in (_zero_where_null(one), one.is_valid())]
    sink = pa.BufferOutputStream()
    bare = pa.table(parts, [str(number) for number in range(len(parts))])
    bare = bare.replace_schema_metadata({"schema": content.schema.to_string()})
    with pa.ipc.new_stream(sink, bare.schema) as stream:
        stream.write_table(bare.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _zero_where_null(values: pa.ChunkedArray) -> pa.ChunkedArray:
    zero = pa.scalar("" if pa.types.is_string(values.type) else 0).cast(values.type)
    return values.fill_null(zero) if values.null_count else values
