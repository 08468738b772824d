"""SQL over the lake, as a resource for assets of a lab's own.

The connection has the limits of `ect sql`: it reads the tables and nothing else of this machine,
and writes nowhere. In an asset that is stored in the lake it has only the tables that the asset
declares, of the partition that is made: whatever else it read would change unnoticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Lake
from ect_assets.pipeline.staleness import lake_of, upstream_partitions
from ect_assets.pipeline.step import Step, Work
from ect_assets.study import load_study

if TYPE_CHECKING:
    import duckdb

_at_work: ContextVar[tuple[Step, Work] | None] = ContextVar("asset at work", default=None)


@contextmanager
def at_work(step: Step, work: Work) -> Iterator[None]:
    """Let the catalogue be that of one partition of an asset."""
    token = _at_work.set((step, work))
    try:
        yield
    finally:
        _at_work.reset(token)


class Catalogue(dg.ConfigurableResource):
    """The tables of the lake for SQL, read-only; the resource ``catalogue`` of every study.

    Attributes
    ----------
    study_folder : str
    timeout_seconds : float
        How long a query may take; 0 for no limit.
    """

    study_folder: str
    timeout_seconds: float = 600.0

    @contextmanager
    def get_connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Connect to the tables; the connection cannot read or write any other file."""
        from ect_assets.lake.catalogue import connect

        lake, tables = self._tables()
        connection = connect(lake, tables=tables)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, sql: str) -> pd.DataFrame:
        """Answer one statement that reads.

        Raises
        ------
        QueryError
            When it is not one, names a table that the asset does not declare, or has a fault.
        QueryStopped
            When it takes longer than it may.
        """
        from ect_assets.lake.catalogue import query
        from ect_assets.lake.limits import within
        from ect_assets.lake.retry import read_unchanged

        lake, tables = self._tables()
        return read_unchanged(
            lake,
            sql,
            lambda: within(
                self.timeout_seconds, lambda asking: query(lake, sql, asking, tables).df()
            ),
        )

    def _tables(self) -> tuple[Lake, dict | None]:
        working = _at_work.get()
        if working is None:
            return lake_of(load_study(self.study_folder)), None
        step, work = working
        return work.lake, {
            table_named(work.lake.folder, name): upstream_partitions(
                name, work.lake, work.partition
            )
            for name in step.upstream
        }
