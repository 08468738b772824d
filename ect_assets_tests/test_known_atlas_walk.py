"""An atlas of the extra `atlases`, from its labels to the genes, with simulated donors."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ect_assets.cli.parcellation_output import FOLDER, settings_of
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.science.parcellations.atlas import Atlas
from ect_assets.science.parcellations.known_atlases import ANNOTATIONS, put_beside
from ect_assets.study import STUDY_FILE, load_study


def write_statistics(folder: Path, annotation: str, atlas: Atlas) -> None:
    """Give each scan statistics of the atlas: drawn volumes under the head of those of aparc."""
    rng = np.random.default_rng(5)
    n_parcels = len(atlas.parcels)
    usual, persons = rng.uniform(800, 4000, n_parcels), {}
    for known in sorted((folder / "bids/derivatives/freesurfer").glob("*/stats/?h.aparc.stats")):
        head = [line for line in known.read_text().splitlines() if line.startswith("#")]
        who = known.parents[1].name[:7]
        own = persons.setdefault(who, usual * rng.normal(1, 0.1, n_parcels))
        volumes = own * rng.normal(1, 0.02, n_parcels)
        rows = [
            f"{parcel} 900 600 {volume:.0f} 2.5 0.5 0.1 0.02 10 2.0"
            for parcel, side, volume in zip(
                atlas.parcels.parcel, atlas.parcels.hemisphere, volumes, strict=True
            )
            if side == known.name[0].upper()
        ]
        text = "\n".join([*head, *rows]).replace("aparc", annotation) + "\n"
        (known.parent / f"{known.name[:2]}.{annotation}.stats").write_text(text)


@pytest.mark.slow
@pytest.mark.skipif(find_spec(ANNOTATIONS) is None, reason="the extra `atlases` is not installed")
def test_schaefer_100_goes_the_whole_walk(simulated_input, tmp_path):
    folder = Path(shutil.copytree(simulated_input, tmp_path / "study"))
    known, _, atlas = put_beside("schaefer_100_7", folder / FOLDER)
    write_statistics(folder, known.freesurfer, atlas)
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    added = settings_of(known).replace('expression = "none"', 'expression = "donors"')
    file.write_text(text.replace("[parcellations.hcp_mmp]", f"{added}\n[parcellations.hcp_mmp]"))
    runner = Runner(load_study(folder))
    outcome = runner.run(parcellations=[known.name])
    assert not outcome.failed

    def count(sql: str) -> int:
        ((found,),) = query(runner.lake, sql).fetchall()
        return found

    mine = f"WHERE parcellation = '{known.name}'"
    assert count(f"SELECT count(*) FROM gmv_change {mine}") == 100
    assert count(f"SELECT count(DISTINCT parcel) FROM expression {mine}") > 40
    assert count(f"SELECT count(DISTINCT gene) FROM pls_genes {mine}") > 100
    assert count(f"SELECT count(*) FROM findings {mine}") > 0
