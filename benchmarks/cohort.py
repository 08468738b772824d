"""What a cohort costs: its first fill, one arrival, a look, and the daemon from file to table.

One simulated study is made (`ect_assets.demo`); the smaller cohorts are its first patients, and
whoever comes next is the arrival. Every measurement is a process of its own, as `ect run` is, so
that nothing is remembered from one to the next but what the study itself keeps.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

SIZES = tuple(map(int, os.environ.get("ECT_BENCHMARK_SIZES", "30,100,300").split(",")))
"""Fewer while trying."""
BUILD = Path("build")
EVERYBODY = BUILD / f"cohort-{max(SIZES) + 1}"
SECONDS_FOR_ITS_START = 40
SECONDS_FOR_THE_DAEMON = 900
SETTINGS = """
[association]
permutations = 199
bootstraps = 100
gene_list_q = 0.05

[nulls]
n = 99

[calibration]
lengths_mm = [15, 40]
maps = 20
nulls = 19
symptom_maps = 20
component_maps = 20

[enrichment]
permutations = 200
ontology_permutations = 200

[arrival]
settle_minutes = 0.02
look_every_seconds = 1

[schedule]
nightly = false
weekly = false
"""
"""Few resamples, of which only those over patients (`symptom_*`) cost more in a larger cohort."""
SLOWEST_TABLES = 12

NOTES = (
    "Simulated patients with two sessions: FreeSurfer statistics of two parcellations, T1w images "
    "of 5 mm. Gene expression is the packaged one for desikan_killiany and none for hcp_mmp; few "
    "resamples. `patient_s`: Dagster runs of the patients' own tables; `group_s`: those of the "
    "tables over all patients; `other_s`: start, imports, looking for what is out of date, the "
    "catalogue. A look is one evaluation of the daemon's conditions in a new process (cold), and "
    "once more (warm). The daemon: from the last file of an arriving patient until `gmv_change` "
    "of both parcellations has counted the patient, with files that settle within 1.2 s; what is "
    "recomputed weekly (`*_calibration`) waits for its day there, while `ect run` makes it."
)


def tables() -> dict[str, pd.DataFrame]:
    """Measure every size; half an hour."""
    _make_everybody()
    walks, looks, steps, waits = [], [], [], []
    for size in SIZES:
        folder, arrived = BUILD / f"cohort-{size}", BUILD / f"cohort-{size}-arrival"
        _first_patients(folder, size)
        first, again = (_shown(_in_own_process("walk", folder), folder) for _ in range(2))
        idle = _in_own_process("look", folder)
        _copy(folder, arrived)
        _arrive(arrived, size)
        _in_own_process("register", arrived)
        busy = _in_own_process("look", arrived)
        spent = _in_own_process("walk", arrived)
        arrival = _shown(spent, arrived)
        _copy(folder, arrived)
        waits.append({"patients": size, **_daemon(arrived, size)})
        walks += [
            {"patients": size, "what": "first fill", **first},
            {"patients": size, "what": "nothing to do", **again},
            {"patients": size, "what": "one arrival", **arrival},
        ]
        looks += [
            {"patients": size, "what": "nothing to do", **idle},
            {"patients": size, "what": "one arrival", **busy},
        ]
        steps.append({"patients": size, **spent["steps"]})
    per_step = pd.DataFrame(steps)
    slowest = per_step.drop(columns="patients").max().nlargest(SLOWEST_TABLES).index
    return {
        "cohort: walks": pd.DataFrame(walks),
        "cohort: seconds of each table at one arrival": per_step.set_index("patients")[slowest]
        .T.reset_index(names="table")
        .rename(columns=str),
        "cohort: one look of the daemon": pd.DataFrame(looks),
        "cohort: the daemon, one arrival": pd.DataFrame(waits),
    }


def _make_everybody() -> None:
    from ect_assets.demo import make_simulated_study
    from ect_assets.demo.donors import TINY

    make_simulated_study(
        EVERYBODY, EVERYBODY / "data_lake", subjects=max(SIZES) + 1, voxel_mm=5.0, donors=TINY
    )


def _first_patients(folder: Path, size: int) -> None:
    """Make a study of the first patients, whose lake is empty."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    settings = (EVERYBODY / "study.toml").read_text(encoding="utf-8")
    settings = settings.replace('expression = "donors"', 'expression = "none"')
    (folder / "study.toml").write_text(settings + SETTINGS, encoding="utf-8")
    for file in sorted(path for path in (EVERYBODY / "bids").rglob("*") if path.is_file()):
        there = file.relative_to(EVERYBODY)
        owner = next((part for part in there.parts if part.startswith("sub-")), None)
        if owner is None or owner.split("_")[0] in _labels(size):
            (folder / there).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / there)
    _list_patients(folder, size)


def _labels(size: int) -> set[str]:
    return {line.split("\t")[0] for line in _rows()[1 : size + 1]}


def _rows() -> list[str]:
    return (EVERYBODY / "bids/participants.tsv").read_text(encoding="utf-8").splitlines()


def _list_patients(folder: Path, size: int) -> None:
    text = "\n".join(_rows()[: size + 1]) + "\n"
    (folder / "bids/participants.tsv").write_text(text, encoding="utf-8")


def _folders_of_next(size: int) -> Iterator[Path]:
    """List the folders of the patient who comes after the first ones, the images' last."""
    label = _rows()[size + 1].split("\t")[0]
    for folder in sorted((EVERYBODY / "bids/derivatives/freesurfer").glob(f"{label}_*")):
        yield folder.relative_to(EVERYBODY)
    yield Path("bids") / label


def _arrive(folder: Path, size: int) -> None:
    for place in _folders_of_next(size):
        # Without the times of the originals, as a transfer brings them.
        shutil.copytree(EVERYBODY / place, folder / place, copy_function=shutil.copyfile)
    _list_patients(folder, size + 1)


def _copy(folder: Path, to: Path) -> None:
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(folder, to)


def _shown(walk: dict[str, Any], folder: Path) -> dict[str, Any]:
    files = list((folder / "data_lake").rglob("*.parquet"))
    return {
        "wall_s": walk["wall"],
        "cpu_s": walk["cpu"],
        "patient_s": walk["patient"],
        "group_s": walk["group"],
        "other_s": walk["wall"] - walk["patient"] - walk["group"],
        "peak_gb": walk["gb"],
        "made": walk["made"],
        "files": len(files),
        "lake_mb": sum(file.stat().st_size for file in files) / 1e6,
    }


def _in_own_process(what: str, folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cohort", what, str(folder), str(time.time())],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _walk(folder: Path, started: float) -> dict[str, Any]:
    from ect_assets.orchestration.instance import open_instance
    from ect_assets.orchestration.runner import Runner
    from ect_assets.study import load_study

    study = load_study(folder)
    outcome = Runner(study).run()
    if outcome.failed:
        raise SystemExit(f"{folder}: {outcome.failed}")
    # With [cluster] processes, runs are carried out by children; the largest of them counts.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    measured = {
        "wall": time.time() - started,
        "cpu": sum(one.ru_utime + one.ru_stime for one in used),
        "gb": max(one.ru_maxrss for one in used) / 1e6,
        "made": len(outcome.made),
    }
    with open_instance(study) as instance:
        return {**measured, **_by_whom(instance, started)}


def _by_whom(instance: Any, started: float) -> dict[str, Any]:
    """Add up the seconds of the runs since a time: of patients, of the group, of each table."""
    from ect_assets.tables import TABLES

    seconds: dict[str, Any] = {"patient": 0.0, "group": 0.0, "steps": {}}
    for record in instance.get_run_records():
        if record.create_timestamp.timestamp() < started:
            continue
        run = record.dagster_run
        steps = instance.get_run_step_stats(run.run_id)
        is_patients = "subject" in TABLES[steps[0].step_key].partitions
        seconds["patient" if is_patients else "group"] += record.end_time - record.start_time
        for one in steps:
            spent = (one.end_time or 0) - (one.start_time or 0)
            seconds["steps"][one.step_key] = seconds["steps"].get(one.step_key, 0.0) + spent
    return seconds


def _look(folder: Path, started: float) -> dict[str, Any]:
    import dagster as dg

    from ect_assets.orchestration.definitions import build_definitions
    from ect_assets.orchestration.instance import open_instance
    from ect_assets.study import load_study

    study = load_study(folder)
    definitions = build_definitions(study)
    with open_instance(study) as instance:
        begun = time.time()
        cold = dg.evaluate_automation_conditions(defs=definitions, instance=instance)
        between = time.time()
        dg.evaluate_automation_conditions(defs=definitions, instance=instance, cursor=cold.cursor)
        ended = time.time()
    return {
        "cold_s": between - begun,
        "warm_s": ended - between,
        "asked_for": cold.total_requested,
    }


def _register(folder: Path, started: float) -> dict[str, Any]:
    from ect_assets.orchestration.instance import open_instance
    from ect_assets.orchestration.partitions import register_subjects
    from ect_assets.study import load_study

    study = load_study(folder)
    with open_instance(study) as instance:
        register_subjects(study, instance)
    return {}


def _daemon(folder: Path, size: int) -> dict[str, Any]:
    """Start `ect ui`, let a patient arrive, and wait until the patient counts in both maps."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-c", "from ect_assets.cli import main; main()", "ui"]
    server = subprocess.Popen([*command, "--port", port], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        # Until its code location is loaded and it has looked.
        time.sleep(SECONDS_FOR_ITS_START)
        _arrive(folder, size)
        began = time.time()
        while not _has_counted(folder, size):
            if time.time() - began > SECONDS_FOR_THE_DAEMON or server.poll() is not None:
                raise SystemExit(f"{folder}: the daemon did not come to the end.")
            time.sleep(0.2)
        return {"file_to_gmv_change_s": time.time() - began}
    finally:
        server.terminate()
        server.wait()


def _has_counted(folder: Path, size: int) -> bool:
    """Say whether both maps were made after the arrival, from more patients than before."""
    counted = (_patients_in(BUILD / f"cohort-{size}"), _patients_in(folder))
    return all(after > before for before, after in zip(*counted, strict=True))


def _patients_in(folder: Path) -> list[int]:
    files = sorted((folder / "data_lake/gmv_change").glob("*/part.parquet"))
    return [int(pd.read_parquet(file, columns=["n"]).n.iloc[0]) for file in files]


def main() -> None:
    """Do one measurement in this process."""
    what, folder, started = sys.argv[1:]
    measure = {"walk": _walk, "look": _look, "register": _register}[what]
    print(json.dumps(measure(Path(folder).resolve(), float(started))))


if __name__ == "__main__":
    main()
