"""Reading while others write: an answer counts only when no file changed under it.

DuckDB opens a file more than once in a query; what it says of a file that was replaced in between
is an error at best. So the files are looked at before and after, and the question is asked again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

import duckdb

from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.problems import EctError

PAUSES_SECONDS = (0.0, 0.05, 0.2, 0.5, 1.0, 2.0)
Answer = TypeVar("Answer")


class ChangingError(EctError):
    """The tables were rewritten each time that they were read."""


def read_unchanged(lake: Lake, sql: str, read: Callable[[], Answer]) -> Answer:
    """Read until no file of the tables that a query names has changed meanwhile.

    Parameters
    ----------
    sql : str
        The query; it says which tables have to hold still.
    read : callable
        Asks the query and reads its answer to the end; called again where a file has changed.

    Returns
    -------
    Answer
        What `read` returns, all of it from the same versions of the files.

    Raises
    ------
    ChangingError
        When the files have changed each time.
    """
    words = set(re.findall(r"\w+", sql.lower()))
    tables = [table for name, table in known_tables(lake.folder).items() if name in words]
    for pause in PAUSES_SECONDS:
        time.sleep(pause)
        before = lake.stamps(tables)
        try:
            answer = read()
        except (duckdb.Error, EctError):
            if lake.stamps(tables) == before:
                raise
            continue
        if lake.stamps(tables) == before:
            return answer
    raise ChangingError(
        "The tables are being written at the same time. Retry in a moment, or when "
        "`ect run` has finished."
    )
