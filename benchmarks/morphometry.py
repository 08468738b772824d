"""Volumes from images: how long, how much memory, and how much of a known change is found.

Phantoms are made from the T1w images that are named in the variable ECT_BENCHMARK_T1W (several
are parted by the system's path separator) and measured at 2 and 1 mm. Each measurement runs in a
process of its own, so that its peak of memory is its own. What the pipeline does is said in
`ect_assets.science.morphometry.volumetric`.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

SCANS = "ECT_BENCHMARK_T1W"
ATLAS = "hcp_mmp_mni152nlin2009a.nii.gz"
SEEDS = (1, 2, 3)
RESOLUTIONS_MM = (2.0, 1.0)

NOTES = (
    "True change: parcels of HCP-MMP grown and shrunk by a smooth deformation of a real scan, with "
    "noise of 3 % of white matter, a bias field of 10 % and rigid motion. `r`, `slope`: change "
    "found on true change over parcels above 300 mm3. `retest_sd_percent`: change found between "
    "two scans of the unchanged brain. `cross_*`: each session measured by itself, subtracted."
)


def tables() -> dict[str, pd.DataFrame]:
    """Measure all phantoms; about ten minutes each at 1 mm."""
    from ect_assets.reference.loaders import reference_file
    from ect_assets_tests.science.morphometry.volumetric.phantoms import make_phantom

    scans = [Path(name) for name in os.environ.get(SCANS, "").split(os.pathsep) if name]
    if not scans:
        return {"morphometry": pd.DataFrame([{"skipped": f"set {SCANS} to T1w images"}])}
    rows = []
    with tempfile.TemporaryDirectory(prefix="ect_") as name:
        for scan in scans:
            folder = Path(name) / scan.name.split(".")[0]
            folder.mkdir()
            for seed in SEEDS:
                phantom = make_phantom(scan, reference_file(ATLAS), folder, seed)
                truth = {"truth": phantom.truth.tolist(), "base_mm3": phantom.base_mm3.tolist()}
                files = {key: str(getattr(phantom, key)) for key in ("pre", "post", "retest")}
                for resolution_mm in RESOLUTIONS_MM:
                    job = {
                        **files,
                        **truth,
                        "resolution_mm": resolution_mm,
                        "folder": str(folder / f"{seed}_{resolution_mm:g}"),
                    }
                    what = {
                        "scan": scan.name.split(".")[0],
                        "deformation": seed,
                        "voxel_mm": resolution_mm,
                    }
                    rows.append({**what, **_in_own_process(job)})
    return {"morphometry": pd.DataFrame(rows)}


def _in_own_process(job: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.morphometry"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _measure(job: dict[str, Any]) -> dict[str, float]:
    import numpy as np

    from ect_assets.reference.loaders import reference_file
    from ect_assets.science.morphometry.volumetric.settings import VolumetricSettings
    from ect_assets_tests.science.morphometry.volumetric.phantoms import Phantom, judge

    phantom = Phantom(
        *(Path(job[key]) for key in ("pre", "post", "retest")),
        truth=np.array(job["truth"]),
        base_mm3=np.array(job["base_mm3"]),
    )
    settings = VolumetricSettings(job["resolution_mm"])
    row = judge(phantom, reference_file(ATLAS), Path(job["folder"]), settings)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {**row, "peak_memory_gb": peak_gb}


if __name__ == "__main__":
    print(json.dumps(_measure(json.loads(sys.stdin.read()))))
