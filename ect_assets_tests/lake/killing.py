"""Runs of a study that are killed, in processes of their own, and inputs that change in between.

The processes are forked from one that has imported everything, so that a run begins at once.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ect_assets import whole_files
from ect_assets.lake import store
from ect_assets.orchestration import runner
from ect_assets.study import STUDY_FILE, load_study

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    [
        "ect_assets.orchestration.runner",
        "duckdb",
        # What would otherwise be imported by each run anew.
        "alembic.command",
        "dagster._core.storage.event_log",
        "dagster._core.storage.runs",
        "dagster._core.storage.schedules",
        "dagster._core.storage.sqlite_storage",
        "dagster._daemon",
        "ect_assets.report.maps.brain_maps",
        "ect_assets.science.parcellations.volume_files",
        "nibabel",
        "pandera.pandas",
        "pandera.backends.pandas.builtin_checks",
        "scipy.ndimage",
        "scipy.stats",
        "sqlalchemy.dialects.sqlite",
    ]
)
STEPS = ("made", "half", "written", "flushed", "named")
"""Where in the writing of a file the process is killed: after which step of it."""
PATIENTS = 7
TABLES = ("gmv_change", "clinical_change", "exclusions")
"""What is made, with all that it is made from; the rest only takes longer."""
REGIONS = ("superiorfrontal", "precuneus", "insula", "lingual")


def run_study(folder: Path, step: str | None = None, number: int = 0) -> None:
    """Run a study; a step of the writing of the file of that number is where it is killed."""
    os.setpgid(0, 0)
    if step is not None:
        _die_after(step, number)
    runner.Runner(load_study(folder)).run(tables=TABLES)


def run_beside_another(folder: Path) -> None:
    """Run a study as a daemon would that knows nothing of the lock."""
    runner.only_one_run = lambda study: contextlib.nullcontext()  # type: ignore[assignment]
    run_study(folder)


def start_beside_another(folder: Path) -> Any:
    """Begin a run though another may be at work."""
    process = processes.Process(target=run_beside_another, args=(folder,))
    process.start()
    return process


def start(folder: Path, step: str | None = None, number: int = 0) -> Any:
    """Begin a run in a process of its own."""
    process = processes.Process(target=run_study, args=(folder, step, number))
    process.start()
    return process


def kill(process: Any) -> None:
    """Kill a run and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        # It is over, or has not come so far as to lead a group.
        process.kill()


def _die() -> None:
    os.killpg(0, signal.SIGKILL)


def _die_after(step: str, number: int) -> None:
    """Put the death of the process into the functions that write."""
    place, name = {
        "made": (store, "write_parquet"),
        "half": (store, "write_parquet"),
        "written": (whole_files, "_flush"),
        "flushed": (os, "replace"),
        "named": (os, "replace"),
    }[step]
    calls = itertools.count()
    original: Callable[..., object] = getattr(place, name)

    def fatal(*arguments: Any, **named: Any) -> None:
        is_last = next(calls) == number
        if is_last and step in ("made", "written", "flushed"):
            _die()
        original(*arguments, **named)
        if is_last and step == "half":
            file = arguments[1]
            os.truncate(file, file.stat().st_size // 2)
        if is_last:
            _die()

    setattr(place, name, fatal)


def change_something(folder: Path, chance: random.Random) -> None:
    """Give one patient another score, none at all, or another volume."""
    subject = f"{chance.randint(1, PATIENTS):03d}"
    if chance.random() < 0.5:
        _change_score(folder / f"bids/sub-{subject}/sub-{subject}_sessions.tsv", chance)
    else:
        stats = f"bids/derivatives/freesurfer/sub-{subject}_ses-post/stats/lh.aparc.stats"
        _change_volume(folder / stats, chance)


def _change_score(file: Path, chance: random.Random) -> None:
    score = "n/a" if chance.random() < 0.3 else str(chance.randint(5, 30))
    lines = file.read_text().splitlines()
    session, _, *others = lines[-1].split("\t")
    lines[-1] = "\t".join([session, score, *others])
    file.write_text("\n".join(lines) + "\n")


def _change_volume(file: Path, chance: random.Random) -> None:
    region = chance.choice(REGIONS)
    lines = file.read_text().splitlines()
    row = next(number for number, line in enumerate(lines) if line.startswith(f"{region} "))
    words = lines[row].split()
    words[3] = str(int(words[3]) + chance.choice((-3, -2, -1, 1, 2, 3)))
    lines[row] = " ".join(words)
    file.write_text("\n".join(lines) + "\n")


def without_results(folder: Path, target: Path) -> Path:
    """Copy the inputs of a study."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("data_lake", ".dagster"))
    assert (target / STUDY_FILE).is_file()
    return target
