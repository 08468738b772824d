"""A study with two small parcellations, and FreeSurfer files to put into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ect_assets.study import Study

STRUCTURES = ["bankssts", "cuneus", "fusiform", "insula"]
COLUMNS = ["StructName", "NumVert", "SurfArea", "GrayVol", "ThickAvg", "ThickStd"]
MEASURES = {
    "BrainSegVol": 1_200_000.5,
    "TotalGrayVol": 700_000.25,
    "lhSurfaceHoles": 12,
    "rhSurfaceHoles": 9,
    "eTIV": 1_500_000.75,
}


def parcel_frame(parcellation: str, names: dict[str, list[str]]) -> pd.DataFrame:
    """Make rows of the table `parcels`: the cortex by hemisphere, and one structure below it."""
    rows = [(name, side, "cortex") for side, parcels in names.items() for name in parcels]
    frame = pd.DataFrame(
        [*rows, ("L_thalamus", "L", "subcortex")], columns=["parcel", "hemisphere", "structure"]
    )
    return frame.assign(parcellation=parcellation, parcel_index=range(1, len(frame) + 1))


@pytest.fixture
def parcels() -> pd.DataFrame:
    """Return four parcels of each hemisphere, named as in Desikan-Killiany."""
    names = {
        side: [f"{before}_{structure}" for structure in STRUCTURES]
        for before, side in (("lh", "L"), ("rh", "R"))
    }
    return parcel_frame("desikan_killiany", names)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a study whose FreeSurfer folder is empty."""
    settings = Study(
        name="small",
        title="A small study",
        folder=tmp_path,
        parcellations={
            "desikan_killiany": {"freesurfer": "aparc"},
            "hcp_mmp": {"freesurfer": "HCPMMP1"},
        },
    )
    settings.morphometry_folder.mkdir(parents=True)
    return settings


def stats_text(rows: list[list[object]], columns: list[str], measures: dict[str, float]) -> str:
    """Write the text of a statistics file."""
    head = ["# Title", "# hostname secret-host", "# SUBJECTS_DIR /home/secret"]
    head += [
        f"# Measure {name}, {name}, What it is, {value}, mm^3" for name, value in measures.items()
    ]
    head += [f"# ColHeaders {' '.join(columns)}"]
    return "\n".join([*head, *(" ".join(map(str, row)) for row in rows)]) + "\n"


@pytest.fixture
def reconstruct(study: Study) -> Callable[..., Path]:
    """Return a function that writes what recon-all leaves for one session."""

    def write(
        subject: str, session: str, annotation: str = "aparc", names: dict | None = None
    ) -> Path:
        stats = study.morphometry_folder / f"sub-{subject}_ses-{session}" / "stats"
        stats.mkdir(parents=True, exist_ok=True)
        for offset, side in enumerate(("lh", "rh")):
            structures = names[side] if names else STRUCTURES
            rows = [
                [name, 100, 200 + index, 1000 * (offset + 1) + index, 2.5, 0.5]
                for index, name in enumerate(structures)
            ]
            text = stats_text(rows, COLUMNS, {})
            (stats / f"{side}.{annotation}.stats").write_text(text)
        aseg = stats_text([["1", "Left-Caudate"]], ["Index", "StructName"], MEASURES)
        (stats / "aseg.stats").write_text(aseg)
        return stats

    return write
