"""What a process that loads the code location does for the runs that it starts.

Dagster starts a new interpreter for each run, which imports everything again. Here a run is a fork
of a process that has imported the libraries and has opened no file, connection or study.
"""

from __future__ import annotations

from ect_assets.orchestration.dagster_internals import fork_runs, keep_engines

IMPORTED = (
    "ect_assets.orchestration.definitions",
    "duckdb",
    "jinja2",
    "matplotlib.pyplot",
    "nibabel",
    "numba",
    "pandera.pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.stats",
)
"""What most runs import."""


def prepare() -> None:
    """Let runs start quickly, and records be written with engines that are kept."""
    keep_engines()
    fork_runs(IMPORTED)
