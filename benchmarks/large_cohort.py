"""What ten thousand patients cost: the first fill, one arrival, a query, memory and files.

The patients are multiplied from sixty simulated ones: almost the same images, other volumes. A
cohort of each size is made, walked, given one more patient, walked again, and asked ten questions
by SQL.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from benchmarks import cohort

SIZES = tuple(map(int, os.environ.get("ECT_BENCHMARK_SIZES", "100,1000,10000").split(",")))
"""Fewer while trying: the largest takes hours."""
BUILD = Path("build")
MODELS = 60
MODEL_FOLDER = BUILD / "large-models"
SEED = 20250101
SPREAD = 0.02
"""Standard deviation by which a parcel's volume differs from the model's, in both sessions."""
NOISE = 10.0
"""Standard deviation of the noise added to the model's image, whose brain has 800."""
TIMES_ASKED = 3
NOTES = (
    "Simulated patients with two sessions, multiplied from 60: FreeSurfer statistics of two "
    "parcellations, T1w images of 5 mm; two processes (`[cluster] processes`); no gene "
    "expression, no pages, few resamples (as in `cohort`). Every walk is a command of its own; "
    "CPU seconds are of all its processes, peak memory of the largest. `patient_s`: runs of the "
    "patients' own tables; `group_s`: those of tables over all patients (added up, though two may "
    "be at work at once); `other_s`: the rest of wall_s. A query's time is that of "
    "`ect_assets.lake.catalogue.query` to the last row, in one process, the median of three; "
    "`growth`: the exponent of the cohort's size by which a cost grows from one size to the next "
    "(1 is in proportion)."
)
QUERIES = {
    "how many patients": "SELECT count(*) FROM participants",
    "scans by session": "SELECT session, count(*) FROM raw_scans GROUP BY session ORDER BY session",
    "one patient's volumes": "SELECT session, parcel, gmv_mm3 FROM parcel_gmv "
    "WHERE subject = '{subject}' AND parcellation = 'hcp_mmp' ORDER BY session, parcel",
    "mean volume by parcel": "SELECT session, parcel, avg(gmv_mm3) FROM parcel_gmv "
    "WHERE parcellation = 'hcp_mmp' GROUP BY ALL ORDER BY ALL",
    "change by parcel": "SELECT parcel, t, q FROM gmv_change "
    "WHERE parcellation = 'hcp_mmp' ORDER BY t",
    "improvement": "SELECT instrument, n, mean_pre, mean_post, p FROM clinical_change",
    "volume against improvement": "SELECT parcel, corr(change, improvement) FROM ("
    "SELECT subject, parcel, max(gmv_mm3) FILTER (session = 'post') - "
    "max(gmv_mm3) FILTER (session = 'pre') AS change FROM parcel_gmv "
    "WHERE parcellation = 'desikan_killiany' GROUP BY ALL) "
    "JOIN symptom_pls_scores USING (subject) GROUP BY parcel ORDER BY 2",
    "who is left out": "SELECT count(DISTINCT subject) FROM exclusions WHERE NOT overruled",
    "intracranial volume": "SELECT session, quantile_cont(etiv_mm3, [0.05, 0.5, 0.95]) "
    "FROM scan_volumes GROUP BY session ORDER BY session",
    "parcels that hold": "SELECT parcellation, count(*) FILTER (q < 0.05) FROM gmv_change "
    "GROUP BY parcellation ORDER BY parcellation",
}


def tables() -> dict[str, pd.DataFrame]:
    """Measure every size; ten thousand take hours."""
    walks, queries = [], []
    for size in SIZES:
        folder = make_cohort(size)
        for what in ("first fill", "nothing to do", "one arrival"):
            if what == "one arrival":
                _arrive(folder, size)
            walk = cohort._shown(cohort._in_own_process("walk", folder), folder)
            walks.append({"patients": size, "what": what, **walk})
            print(json.dumps(walks[-1]), file=sys.stderr, flush=True)
        queries.append({"patients": size, **_asked(folder)})
        print(json.dumps(queries[-1]), file=sys.stderr, flush=True)
    frame = pd.DataFrame(walks)
    asked = pd.DataFrame(queries).set_index("patients").T.reset_index(names="query")
    return {
        "large cohorts: walks": frame,
        "large cohorts: growth of each cost": _growth(frame),
        "large cohorts: seconds of a query": asked.rename(columns=str),
    }


def make_cohort(size: int) -> Path:
    """Make a study of so many patients, with an empty lake, in `build/`."""
    from ect_assets.demo import make_simulated_study
    from ect_assets.demo.donors import TINY

    if not MODEL_FOLDER.exists():
        make_simulated_study(
            MODEL_FOLDER, MODEL_FOLDER / "data_lake", subjects=MODELS, voxel_mm=5.0, donors=TINY
        )
    folder = BUILD / f"large-{size}"
    if folder.exists():
        shutil.rmtree(folder)
    bids, models = folder / "bids", MODEL_FOLDER / "bids"
    bids.mkdir(parents=True)
    settings = (MODEL_FOLDER / "study.toml").read_text(encoding="utf-8")
    for expression in ("packaged", "donors"):
        settings = settings.replace(f'expression = "{expression}"', 'expression = "none"')
    settings += cohort.SETTINGS + "\n[report]\npages = false\n[cluster]\nprocesses = 2\n"
    (folder / "study.toml").write_text(settings, encoding="utf-8")
    for file in sorted(one for one in models.iterdir() if one.is_file()):
        shutil.copyfile(file, bids / file.name)
    (bids / "derivatives/freesurfer").mkdir(parents=True)
    description = "derivatives/freesurfer/dataset_description.json"
    shutil.copyfile(models / description, bids / description)
    for number in range(size):
        add_patient(bids, number)
    _list_patients(bids, range(size))
    return folder


def label(number: int) -> str:
    """Return a patient's label."""
    return f"{number:05d}"


def add_patient(bids: Path, number: int) -> None:
    """Write one patient's files: those of a model, with volumes of the patient's own."""
    model, here = f"sub-{number % MODELS + 1:03d}", f"sub-{label(number)}"
    for file in _files_of(model):
        there = bids / str(file.relative_to(MODEL_FOLDER / "bids")).replace(model, here)
        there.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".stats" and not file.name.startswith("aseg"):
            there.write_text(_other_volumes(file, number), encoding="utf-8")
        elif file.name.endswith(".nii.gz"):
            _write_other_image(file, there, number)
        else:
            shutil.copyfile(file, there)


@cache
def _files_of(model: str) -> list[Path]:
    root = MODEL_FOLDER / "bids"
    folders = [root / model, *sorted((root / "derivatives/freesurfer").glob(f"{model}_*"))]
    return [one for at in folders for one in sorted(at.rglob("*")) if one.is_file()]


def _other_volumes(file: Path, number: int) -> str:
    """Multiply the gray volumes of a FreeSurfer table by what is this patient's own."""
    # The same for both sessions: what differs between the two is the model's.
    own = np.random.default_rng((SEED, number, len(file.name), file.name[0] == "l"))
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            parts = line.split()
            parts[3] = str(max(1, round(float(parts[3]) * (1 + SPREAD * own.standard_normal()))))
            line = " ".join(parts)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _write_other_image(file: Path, there: Path, number: int) -> None:
    """Write a model's image with noise of its own: two of the same picture would be refused."""
    own = np.random.default_rng((SEED, number, len(file.name)))
    image = nib.load(file)
    values = np.asarray(image.dataobj)
    noise = np.rint(NOISE * own.standard_normal(values.shape, dtype=np.float32))
    values = np.abs(values + noise).astype(values.dtype)
    nib.save(nib.Nifti1Image(values, image.affine, image.header), there)


def _list_patients(bids: Path, numbers: range) -> None:
    rows = (MODEL_FOLDER / "bids/participants.tsv").read_text(encoding="utf-8").splitlines()
    lines = [rows[0], *_rows(rows[1:], numbers)]
    (bids / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(models: list[str], numbers: range) -> Iterator[str]:
    for number in numbers:
        _, rest = models[number % MODELS].split("\t", 1)
        yield f"sub-{label(number)}\t{rest}"


def _arrive(folder: Path, size: int) -> None:
    add_patient(folder / "bids", size)
    _list_patients(folder / "bids", range(size + 1))


def _asked(folder: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.large_cohort", "ask", str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    whole = _seconds_of_command(folder)
    answers = json.loads(done.stdout.splitlines()[-1])
    return {**answers, "median": float(np.median(list(answers.values()))), **whole}


def _seconds_of_command(folder: Path) -> dict[str, float]:
    """Time `ect sql` from its start to its end, for the query of the most files."""
    began = time.time()
    subprocess.run(
        [sys.executable, "-c", "from ect_assets.cli import main; main()", "sql"]
        + [QUERIES["mean volume by parcel"], "--study", str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {"`ect sql`, mean volume by parcel": time.time() - began}


def _ask(folder: Path) -> dict[str, float]:
    from ect_assets.lake.catalogue import query
    from ect_assets.study import load_study

    lake = load_study(folder).open_lake()
    seconds = {}
    for name, sql in QUERIES.items():
        times = []
        for _ in range(TIMES_ASKED):
            began = time.perf_counter()
            if query(lake, sql.format(subject=label(7))).to_arrow_table().num_rows == 0:
                raise SystemExit(f"{name}: no answer")
            times.append(time.perf_counter() - began)
        seconds[name] = float(np.median(times))
    return seconds


def _growth(walks: pd.DataFrame) -> pd.DataFrame:
    """Return the exponent by which each cost grows from one size to the next."""
    rows = []
    columns = ["cpu_s", "patient_s", "group_s", "other_s", "peak_gb", "files", "lake_mb"]
    for what, group in walks.groupby("what", sort=False):
        ordered = group.sort_values("patients")
        sizes, costs = np.log(ordered.patients.to_numpy()), np.log(ordered[columns].to_numpy())
        for place in range(1, len(sizes)):
            exponent = (costs[place] - costs[place - 1]) / (sizes[place] - sizes[place - 1])
            span = f"{ordered.patients.iloc[place - 1]:,} to {ordered.patients.iloc[place]:,}"
            grown = dict(zip(columns, exponent, strict=True))
            rows.append({"what": what, "patients": span, **grown})
    return pd.DataFrame(rows)


def main() -> None:
    """Ask the questions in this process, or make a cohort."""
    what, said = sys.argv[1:]
    if what == "make":
        print(make_cohort(int(said)))
    else:
        print(json.dumps(_ask(Path(said).resolve())))


if __name__ == "__main__":
    main()
