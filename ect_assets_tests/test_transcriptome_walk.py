"""From donors and atlases to the tables of the transcriptome, and what stops them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.demo.donors import donor_folder
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Outcome, Runner
from ect_assets.pipeline.status import study_status
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.study import STUDY_FILE, load_study

pytestmark = pytest.mark.usefixtures("light_runs")
TRANSCRIPTOME = (
    "donors",
    "expression",
    "expression_coverage",
    "expression_methods",
    "gene_stability",
    "parcels",
    "genes",
)


@pytest.fixture
def folder(simulated_input, tmp_path) -> Path:
    """A study whose atlases and donors a test may break."""
    return Path(shutil.copytree(simulated_input, tmp_path / "study"))


def changed(folder: Path, *replacements: tuple[str, str]) -> None:
    file = folder / STUDY_FILE
    text = file.read_text(encoding="utf-8")
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")


def added(folder: Path, text: str) -> None:
    file = folder / STUDY_FILE
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")


def walked(folder: Path, *parcellations: str) -> tuple[Runner, Outcome]:
    """Make the tables of the transcriptome, and nothing that needs patients."""
    runner = Runner(load_study(folder))
    return runner, runner.run(parcellations=parcellations or None, tables=TRANSCRIPTOME)


def ask(runner: Runner, sql: str) -> pd.DataFrame:
    return query(runner.lake, sql).df()


def own_atlas(folder: Path, *, ids=range(1, 61), side: str = "L") -> pd.DataFrame:
    """Sixty parcels of HCP-MMP as an atlas of the user's own, with its table."""
    atlas = packaged_atlas("hcp_mmp")
    mine = atlas.parcels[atlas.parcels.hemisphere == side].head(60)
    volume = atlas.label_volume.restricted(mine.parcel_index)
    (folder / "atlases").mkdir(exist_ok=True)
    offset = int(mine.parcel_index.iloc[0]) - 1
    labels = np.where(volume.labels > 0, volume.labels - offset, 0).astype(np.int16)
    image = nibabel.Nifti1Image(labels, volume.affine)
    nibabel.save(image, folder / "atlases" / "sixty.nii.gz")
    info = pd.DataFrame(
        {"id": list(ids), "label": mine.parcel, "hemisphere": side, "structure": "cortex"}
    )
    info.to_csv(folder / "atlases" / "sixty.csv", index=False)
    added(
        folder,
        '\n[parcellations.sixty]\nfreesurfer = "sixty"\nexpression = "donors"\n'
        'atlas = { volume = "atlases/sixty.nii.gz", info = "atlases/sixty.csv" }\n',
    )
    return info


def said(outcome: Outcome, table: str) -> str:
    (words,) = (why for name, why in outcome.failed.items() if name.startswith(table))
    return words


@pytest.fixture(scope="module")
def both(simulated_input, tmp_path_factory):
    """The study with an atlas of its own beside the packaged ones."""
    copy = Path(shutil.copytree(simulated_input, tmp_path_factory.mktemp("both") / "study"))
    own_atlas(copy)
    return copy, *walked(copy)


@pytest.fixture
def walked_folder(both, tmp_path) -> Path:
    """That study, walked through, to be changed or broken."""
    return Path(shutil.copytree(both[0], tmp_path / "study"))


def test_an_atlas_of_the_user_is_a_partition_of_every_table_of_the_transcriptome(both):
    _, runner, outcome = both
    assert {f"{name} (sixty)" for name in TRANSCRIPTOME[1:-1]} <= set(outcome.made)
    parcels = ask(runner, "FROM parcels WHERE parcellation = 'sixty'")
    assert len(parcels) == 60
    assert parcels[["x_sphere", "x_mni_mm"]].notna().all(axis=None)


def test_the_methods_of_each_matrix_are_kept_as_text(both):
    _, runner, _ = both
    methods = ask(runner, "FROM expression_methods").set_index("parcellation")
    assert set(methods.index) == {"desikan_killiany", "hcp_mmp", "sixty"}
    assert methods.n_genes.to_dict() == {"desikan_killiany": 15633, "hcp_mmp": 120, "sixty": 120}
    assert "60-region" in methods.methods["sixty"]


def test_parcels_without_samples_are_told_and_have_no_expression(both):
    _, runner, _ = both
    empty = ask(
        runner,
        "SELECT c.parcel FROM expression_coverage c ANTI JOIN expression USING (parcellation, "
        "parcel) WHERE c.parcellation = 'hcp_mmp'",
    )
    coverage = ask(runner, "FROM expression_coverage WHERE parcellation = 'hcp_mmp'")
    assert set(empty.parcel) == set(coverage.parcel[coverage.n_samples == 0])


def test_what_comes_from_simulated_donors_says_so_also_in_a_real_study(walked_folder):
    folder = walked_folder
    shutil.rmtree(folder / "data_lake")
    changed(folder, ("simulated = true ", "simulated = false "))
    runner, _ = walked(folder, "desikan_killiany", "hcp_mmp")
    marks = ask(runner, "SELECT DISTINCT parcellation, simulated FROM expression")
    assert dict(zip(marks.parcellation, marks.simulated, strict=True)) == {
        "desikan_killiany": False,
        "hcp_mmp": True,
    }
    assert ask(runner, "FROM donors").simulated.all()


def test_an_option_of_abagen_makes_the_matrix_again_and_nothing_else_does(walked_folder):
    folder = walked_folder
    _, again = walked(folder)
    assert not again.made
    changed(folder, ('title = "Simulated', 'title = "The simulated'))
    assert not walked(folder)[1].made
    before = len(list((folder / ".cache" / "expression").iterdir()))
    assert before == 2
    changed(folder, ("reannotated = false ", 'missing = "centroids"\nreannotated = false '))
    runner, third = walked(folder, "sixty")
    assert "expression (sixty)" in third.made
    assert "donors" not in third.made
    assert len(list((folder / ".cache" / "expression").iterdir())) == before + 1
    filled = ask(runner, "FROM expression_coverage WHERE filled")
    assert set(filled.fill_method) == {"nearest_samples_to_centroid"}


def test_without_donors_the_message_says_how_to_get_them_and_the_rest_goes_on(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    shutil.rmtree(folder / "ahba")
    runner, outcome = walked(folder)
    (why,) = {words for words in outcome.unavailable.values() if "none are available" in words}
    assert "download = true" in why and "donors_folder" in why and "packaged" in why
    assert "expression (desikan_killiany)" in outcome.made
    assert not [name for name in outcome.failed if name.startswith(TRANSCRIPTOME)]
    assert any(
        "none are available" in one for row in study_status(runner.study) for one in row.unavailable
    )


@pytest.mark.parametrize("name", ["PACall.csv", "MicroarrayExpression.csv"])
def test_a_broken_donor_is_named_and_what_was_there_before_stays(name, walked_folder):
    folder = walked_folder
    runner = Runner(load_study(folder))
    before = ask(runner, "SELECT sum(expression) AS s FROM expression").s.item()
    file = donor_folder(folder / "ahba", "9861") / name
    file.write_bytes(file.read_bytes()[:-4000])
    runner, outcome = walked(folder)
    assert f"{name} of donor 9861" in said(outcome, "donors")
    assert ask(runner, "SELECT sum(expression) AS s FROM expression").s.item() == before


def test_an_atlas_in_another_space_is_refused_and_the_others_go_on(walked_folder):
    folder = walked_folder
    shutil.rmtree(folder / "data_lake")
    file = folder / "atlases" / "sixty.nii.gz"
    image = nibabel.load(file)
    moved = image.affine.copy()
    moved[:3, 3] += 80
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), moved), file)
    _, outcome = walked(folder, "sixty", "hcp_mmp")
    assert "sixty.nii.gz" in said(outcome, "parcels (sixty)")
    assert "MNI152" in said(outcome, "parcels (sixty)")
    assert "expression (hcp_mmp)" in outcome.made


def test_ids_that_the_table_lacks_are_listed(folder):
    own_atlas(folder, ids=[*range(1, 60), 99])
    _, outcome = walked(folder, "sixty")
    assert "60" in said(outcome, "parcels") and "99" in said(outcome, "parcels")
    assert not list((folder / "data_lake" / "parcels").rglob("*.parquet"))


def test_two_parcels_with_one_name_are_refused(folder):
    info = own_atlas(folder)
    info.loc[1, "label"] = info.loc[0, "label"]
    info.to_csv(folder / "atlases" / "sixty.csv", index=False)
    _, outcome = walked(folder, "sixty")
    assert "Two parcels have one name: L_V1" in said(outcome, "parcels")


def test_a_right_sided_atlas_is_refused_when_the_left_is_compared(folder):
    own_atlas(folder, side="R")
    _, outcome = walked(folder, "sixty")
    assert "no parcels of the left hemisphere" in said(outcome, "expression (sixty)")
    assert "parcels (sixty)" in outcome.made


def test_a_parcellation_without_any_sample_is_refused(folder):
    own_atlas(folder)
    changed(folder, ("reannotated = false ", "tolerance = 0\nreannotated = false "))
    file = folder / "atlases" / "sixty.nii.gz"
    image = nibabel.load(file)
    labels = np.asarray(image.dataobj)
    # One voxel of each parcel: no sample lies in it to the millimetre.
    first = np.unique(labels, return_index=True)[1]
    lone = np.zeros(labels.size, labels.dtype)
    lone[first] = labels.ravel()[first]
    nibabel.save(nibabel.Nifti1Image(lone.reshape(labels.shape), image.affine), file)
    _, outcome = walked(folder, "sixty")
    assert "No tissue sample of the donors" in said(outcome, "expression (sixty)")
