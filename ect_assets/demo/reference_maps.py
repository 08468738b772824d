"""Reference maps of the simulated study: where each parcel lies, and one map that is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from ect_assets.demo.files import as_tsv
from ect_assets.reference.loaders import parcels

FOLDER = Path("maps")
AXES = {
    "medial_to_lateral": "x_mni_mm",
    "posterior_to_anterior": "y_mni_mm",
    "inferior_to_superior": "z_mni_mm",
}
DRAWN = "simulated_receptor"


def reference_map_files(seed: int) -> Iterator[tuple[Path, str]]:
    """Give the table of each parcellation, and sources.tsv, by path below the study."""
    draws = np.random.default_rng([seed, 9])
    for name in ("desikan_killiany", "hcp_mmp"):
        cortex = parcels(name).query("structure == 'cortex'")
        maps = pd.DataFrame({"parcel": cortex.parcel})
        for axis, column in AXES.items():
            maps[axis] = cortex[column].abs() if axis == "medial_to_lateral" else cortex[column]
        maps[DRAWN] = draws.normal(size=len(cortex)).round(4)
        yield FOLDER / name / "places.tsv", as_tsv(maps)
    told = dict.fromkeys(AXES, ("MNI152 coordinate of the parcel, mm", "CC0"))
    told[DRAWN] = ("SIMULATED: independent random numbers", "CC0")
    rows = [(name, *of_it) for name, of_it in told.items()]
    yield (
        FOLDER / "sources.tsv",
        as_tsv(pd.DataFrame(rows, columns=["reference", "source", "licence"])),
    )
