"""One Parquet file: how it is laid out, read, told apart, and what its rows are digested to.

Where the files lie, and when one is written, belongs in `store`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.lake.integrity import UNSEALED, DamagedFile, is_intact, seal
from ect_assets.lake.location import Place, is_remote, read_bytes, read_tail
from ect_assets.tables.schema import Table

GAPS = 4096
"""How many places there are where the rows of a file may begin; see `write_parquet`."""
SEAL = b"seal"
"""Where the footer has the seal; see `integrity`."""
CONTENT = b"content_sha256"


def sound_footer(table: type[Table], file: Place) -> dict[str, str] | None:
    """Read a footer; None where it is damaged, not ours, or of other columns.

    Whether the rest of the file is as it was written is said by `is_whole_file`.
    """
    try:
        schema = pq.read_schema(pa.BufferReader(read_tail(file)) if is_remote(file) else file)
        footer = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    footer.pop(SEAL.decode(), None)
    has_columns = set(table.column_names()) <= set(schema.names)
    return footer if has_columns and "inputs_sha256" in footer else None


def read_parquet(file: Place, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a file, or some of its columns; its bytes are read once, and verified first.

    Raises
    ------
    FileNotFoundError
    DamagedFile
        When its content is not what was written.
    """
    content = read_bytes(file)
    is_as_sealed = is_intact(content)
    if is_as_sealed is False:
        raise DamagedFile(file)
    if is_as_sealed:
        with _opened(content) as opened:
            return _without_seal(opened.read(columns))
    table = _read_unsealed(file, content)
    return table if columns is None else table.select(columns)


def _opened(content: bytes) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)


def _read_unsealed(file: PurePath, content: bytes) -> pa.Table:
    """Read a file from before there were seals: its rows have to be those that its footer says.

    One with a seal that is none, or is of another size, was changed after it was written.
    """
    try:
        with _opened(content) as opened:
            table = opened.read()
        said = table.schema.metadata or {}
        is_whole = CONTENT not in said or said[CONTENT].decode() == _digest_of_rows(table)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise DamagedFile(file) from error
    if not is_whole or SEAL in said:
        raise DamagedFile(file)
    return table


def _digest_of_rows(table: pa.Table) -> str:
    return content_digest(table.replace_schema_metadata(None))


def _without_seal(table: pa.Table) -> pa.Table:
    said = {key: value for key, value in (table.schema.metadata or {}).items() if key != SEAL}
    return table.replace_schema_metadata(said or None)


def is_whole_file(file: Place) -> bool:
    """Say whether a file is as it was written: by its seal, else by reading all rows.

    Raises
    ------
    FileNotFoundError
    """
    try:
        refuse_damaged(file, read_bytes(file))
    except DamagedFile:
        return False
    return True


def refuse_damaged(file: PurePath, content: bytes) -> None:
    """Stop where the bytes of a file are not those that were written.

    Raises
    ------
    DamagedFile
    """
    is_as_sealed = is_intact(content)
    if is_as_sealed is False:
        raise DamagedFile(file)
    if is_as_sealed is None:
        _read_unsealed(file, content)


def write_parquet(content: pa.Table, file: Path) -> None:
    """Write rows and footer, with a seal, and a gap between the first bytes and the rows.

    DuckDB opens a file once for the footer and again for the rows. Where the file is replaced in
    between, a gap of another length makes it fail, and ask again, instead of reading the new
    rows as the old footer counts them.
    """
    said = content.schema.metadata or {}
    gap = int(said.get(CONTENT, b"0"), 16) % GAPS
    content = content.replace_schema_metadata({**said, SEAL: UNSEALED})
    with (
        pa.OSFile(str(file), "wb") as sink,
        pq.ParquetWriter(
            sink, content.schema, compression="zstd", store_schema=True, write_page_checksum=True
        ) as writer,
    ):
        sink.write(bytes(gap))
        writer.write_table(content)
    seal(file)


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
