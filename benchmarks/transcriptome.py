"""abagen over full-size donors: ours, bridged and fed from Parquet, and abagen as published.

Plain abagen needs pandas 1.5, so it runs in an environment of its own (`build/plain-abagen`, made
when missing, Python 3.11). The donors are the simulated ones at full size (58,692 probes x 3,702
samples, 3.9 GB in `build/donors-full`, made when missing). Each run is a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from ect_assets.demo.donors import FULL, write_donors
from ect_assets.science.parcellations.abagen_files import save_for_abagen
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets_tests.science.transcriptome.abagen_variants import PLAIN_ENVIRONMENT

BUILD = Path("build")
DONORS, CACHE, PLAIN = BUILD / "donors-full", BUILD / "donors-cache", BUILD / "plain-abagen"
MEASURE = """
import json, resource, sys, time
def done(started, values):
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"wall": time.time() - started, "gb": used.ru_maxrss / 1e6,
                      "cpu": used.ru_utime + used.ru_stime, "values": values}))
"""
PLAIN_RUN = (
    MEASURE
    + """
import warnings; warnings.simplefilter("ignore")
started = time.time()
import abagen
found = abagen.get_expression_data(sys.argv[1], sys.argv[2], data_dir=sys.argv[3], verbose=0)
done(started, found.sort_index(axis=1).iloc[:, ::500].round(14).fillna(-1).to_numpy().tolist())
"""
)
OUR_RUN = (
    MEASURE
    + """
from pathlib import Path
started = time.time()
from ect_assets.study import Transcriptome
from ect_assets.science.transcriptome.abagen_run import run_abagen
from ect_assets.science.transcriptome.donor_tables import donor_tables
from ect_assets.science.transcriptome.donors import choose_donors
donors = [donor_tables(one, Path(sys.argv[4])) for one in choose_donors(Path(sys.argv[3]), None)]
if len(sys.argv) > 5:
    done(started, [])
else:
    run = run_abagen(Path(sys.argv[1]), Path(sys.argv[2]), donors,
                     Transcriptome().abagen_options())
    done(started, run.expression.iloc[:, ::500].round(14).fillna(-1).to_numpy().tolist())
"""
)
NOTES = (
    "180 left parcels of HCP-MMP, abagen's defaults, reannotated probes. wall_s and cpu_s with "
    "imports; ours with checksums of the 3.9 GB (which `ect run` takes once per change). The first "
    "row is paid once per donor set. agreement: largest difference over every 500th gene."
)


def rows() -> list[dict[str, Any]]:
    """Time both; about four minutes, and as long again the first time."""
    atlas = save_for_abagen(packaged_atlas("hcp_mmp"), "L", ["cortex"], BUILD / "donors-atlas")
    write_donors(DONORS, FULL)
    python = _plain_python()
    arguments = [*map(str, atlas), str(DONORS), str(CACHE)]
    converted = _run(sys.executable, OUR_RUN, [*arguments, "convert only"])
    ours = _run(sys.executable, OUR_RUN, arguments)
    plain = _run(python, PLAIN_RUN, arguments)
    difference = max(
        abs(one - other)
        for mine, theirs in zip(ours["values"], plain["values"], strict=True)
        for one, other in zip(mine, theirs, strict=True)
    )
    return [
        _row("donors to Parquet", converted, None, ""),
        _row("expression of 180 parcels", ours, plain, f"within {difference:.0e}"),
    ]


def _row(what: str, ours: dict, plain: dict | None, agreement: str) -> dict[str, Any]:
    return {
        "what": what,
        "ours_wall_s": ours["wall"],
        "ours_cpu_s": ours["cpu"],
        "ours_gb": ours["gb"],
        "abagen_wall_s": plain["wall"] if plain else "",
        "abagen_cpu_s": plain["cpu"] if plain else "",
        "abagen_gb": plain["gb"] if plain else "",
        "ratio": plain["wall"] / ours["wall"] if plain else "",
        "agreement": agreement,
    }


def _plain_python() -> str:
    python = (PLAIN / "bin" / "python").absolute()
    if not python.is_file():
        venv.create(PLAIN, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", *PLAIN_ENVIRONMENT]
        subprocess.run(install, check=True)
    return str(python)


def _run(python: str, code: str, arguments: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [python, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])
