"""What is not loaded by a start: libraries of the science, of plots and of SQL take seconds.

Each code server, each run of Dagster in a process of its own and each command of `ect` pays for
them again, so they are imported by the functions that use them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OF_THE_SCIENCE = (
    "abagen",
    "ants",
    "gseapy",
    "nibabel",
    "nilearn",
    "numba",
    "scipy",
    "sklearn",
)
OF_PAGES_AND_TABLES = ("duckdb", "jinja2", "matplotlib", "pandera")
HEAVY = (*OF_THE_SCIENCE, *OF_PAGES_AND_TABLES)

BUILD_DEFINITIONS = """
from ect_assets.orchestration.definitions import build_definitions
from ect_assets.study import find_study, load_study
build_definitions(load_study(find_study())).get_repository_def()
"""


def loaded_by(code: str, among: tuple[str, ...], study: Path | None = None) -> list[str]:
    """Name those of some modules that a new process has loaded after some code."""
    shown = f"{code}\nimport sys\nprint(*sorted(set({among!r}) & set(sys.modules)))"
    settings = {} if study is None else {"ECT_STUDY": str(study)}
    answer = subprocess.run(
        [sys.executable, "-c", shown],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.split()


def test_the_definitions_of_a_study_are_built_without_science_plots_and_sql(simulated_input):
    assert loaded_by(BUILD_DEFINITIONS, HEAVY, simulated_input) == []


def test_the_daemon_asks_what_is_due_without_science_plots_and_sql(simulated_input):
    plan = """
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.plan import Planner
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import find_study, load_study
study = load_study(find_study())
assert Planner(study, lake_of(study)).items(STEPS)
"""
    assert loaded_by(plan, HEAVY, simulated_input) == []


def test_the_command_line_knows_its_commands_without_pandas_dagster_and_settings():
    further = ("dagster", "numpy", "pandas", "pyarrow", "pydantic")
    assert loaded_by("import ect_assets.cli", (*HEAVY, *further)) == []


def test_a_module_that_is_loaded_is_named():
    assert loaded_by("import sqlite3", ("sqlite3", "scipy")) == ["sqlite3"]
