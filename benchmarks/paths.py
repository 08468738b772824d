"""The same study through the UI and through `ect run`, and one patient from file to final table.

*Materialize all* is launched through GraphQL, as the button does. The CPU seconds of the UI are
those of its processes from the launch to the last table: web server, daemon, code server and runs.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import cohort

PATIENTS = 8
BUILD = Path("build")
INPUT = BUILD / "paths-input"
ARRIVALS = sorted({min(cohort.SIZES), max(cohort.SIZES)})
SECONDS_BETWEEN_LOOKS = 0.5
QUIET_LOOKS = 30
"""The daemon has nothing more to do when nothing has run for so many looks."""
BY_HAND = "arrivals = false\n"
NOTES = (
    f"Both paths: {PATIENTS} simulated patients, two parcellations, packaged gene expression for "
    "desikan_killiany, few resamples (as in `cohort`), the report with its pages. `same tables`: "
    "how many partitions have the same rows (`content_sha256` of each file) of how many there are "
    "in either lake; times and run ids are not rows. Arrival: from a patient's last file until "
    "the last run that it caused has ended (`final_s`), and until `gmv_change` counts the patient; "
    "with files that settle within 1.2 s."
)


def tables() -> dict[str, pd.DataFrame]:
    """Measure both paths, then arrivals in the smallest and the largest cohort."""
    arrivals = pd.DataFrame([_arrival(size) for size in ARRIVALS])
    return {"paths: the UI and ect run": pd.DataFrame(_both()), "paths: one arrival": arrivals}


def _both() -> list[dict[str, Any]]:
    from ect_assets.study import load_study

    by_command, by_ui = (_fresh(name) for name in ("command", "ui"))
    command = _through_command(by_command)
    ui = _through_ui(by_ui)
    ours, theirs = (_contents(load_study(one)) for one in (by_command, by_ui))
    same = sum(theirs.get(key) == digest for key, digest in ours.items())
    agreement = f"{same} of {len(ours.keys() | theirs.keys())}"
    ratio = {name: ui[name] / command[name] for name in ("runs", "wall_s", "cpu_s")}
    return [
        {"path": "ect run", **command, "same tables": ""},
        {"path": "Materialize all", **ui, "same tables": agreement},
        {"path": "ratio", **ratio, "same tables": ""},
    ]


def _fresh(name: str) -> Path:
    from ect_assets.demo import make_simulated_study
    from ect_assets.demo.donors import TINY

    if not INPUT.exists():
        make_simulated_study(
            INPUT, INPUT / "data_lake", subjects=PATIENTS, voxel_mm=5.0, donors=TINY
        )
    folder = BUILD / f"paths-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(INPUT, folder)
    settings = (INPUT / "study.toml").read_text(encoding="utf-8")
    settings = settings.replace('expression = "donors"', 'expression = "none"') + cohort.SETTINGS
    settings = settings.replace("[schedule]\n", f"[schedule]\n{BY_HAND}")
    (folder / "study.toml").write_text(settings, encoding="utf-8")
    return folder


def _through_command(folder: Path) -> dict[str, Any]:
    spent = cohort._in_own_process("walk", folder)
    return {"runs": len(_runs(folder)), "wall_s": spent["wall"], "cpu_s": spent["cpu"]}


def _through_ui(folder: Path) -> dict[str, Any]:
    from ect_assets.orchestration.instance import open_instance
    from ect_assets.study import load_study
    from ect_assets_tests.cli.serving.running import free_port, materialize_all, running_ui
    from ect_assets_tests.waiting import cpu_seconds

    study = load_study(folder)
    with running_ui(study, free_port()) as ui:
        before, began = cpu_seconds(ui.server.pid), time.time()
        backfill = materialize_all(ui)
        while True:
            with open_instance(study) as instance:
                status = instance.get_backfill(backfill).status.value
            if status.startswith("COMPLETED"):
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
        wall, cpu = time.time() - began, cpu_seconds(ui.server.pid) - before
    if status != "COMPLETED_SUCCESS":
        raise SystemExit(f"{folder}: the backfill ended as {status}.")
    return {"runs": len(_runs(folder)), "wall_s": wall, "cpu_s": cpu}


def _arrival(size: int) -> dict[str, Any]:
    """Fill a cohort by `ect run`, start `ect ui`, and let one more patient arrive."""
    from ect_assets.study import load_study
    from ect_assets_tests.cli.serving.running import free_port, running_ui
    from ect_assets_tests.records_at_work import is_idle

    if not cohort.EVERYBODY.exists():
        cohort._make_everybody()
    folder = BUILD / f"paths-{size}"
    cohort._first_patients(folder, size)
    cohort._in_own_process("walk", folder)
    study, known = load_study(folder), {one.run_id for one, _ in _runs(folder)}
    with running_ui(study, free_port()):
        _until(is_idle(study))
        cohort._arrive(folder, size)
        began = time.time()
        _until(lambda: size + 1 in cohort._patients_in(folder))
        counted = time.time() - began
        _until(_is_over(folder, len(known)))
    caused = [(run, end) for run, end in _runs(folder) if run.run_id not in known]
    final = max(end for _, end in caused) - began
    return {"patients": size, "runs": len(caused), "gmv_change_s": counted, "final_s": final}


def _until(holds: Any) -> None:
    while not holds():
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _is_over(folder: Path, before: int) -> Any:
    """Return the question whether runs were caused, have ended, and no further one has begun."""
    quiet = {"looks": 0, "runs": before}

    def holds() -> bool:
        runs = _runs(folder)
        is_quiet = len(runs) == quiet["runs"] and all(run.is_finished for run, _ in runs)
        quiet["looks"] = quiet["looks"] + 1 if is_quiet else 0
        quiet["runs"] = len(runs)
        return quiet["looks"] > QUIET_LOOKS

    return holds


def _runs(folder: Path) -> list[tuple[Any, float]]:
    from ect_assets.orchestration.instance import open_instance
    from ect_assets.study import load_study

    with open_instance(load_study(folder)) as instance:
        return [(one.dagster_run, one.end_time or 0.0) for one in instance.get_run_records()]


def _contents(study: Any) -> dict[tuple[str, ...], str]:
    from ect_assets.pipeline.all_steps import steps_of
    from ect_assets.pipeline.staleness import lake_of

    lake = lake_of(study)
    return {
        (step.name, *one.values()): lake.footer(step.table, one)["content_sha256"]
        for step in steps_of(study)
        for one in lake.partitions(step.table)
    }
