"""What an export says to be simulated, and which works it cites: neither more nor less."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ect_assets import tables
from ect_assets.export import package
from ect_assets.export.origins import (
    OF_GENE_EXPRESSION,
    citations,
    references_listed,
    simulation_of,
    topics,
    topics_of,
)
from ect_assets.export.package import export_study
from ect_assets.lake.store import Lake, Provenance
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.study import Study, load_study
from ect_assets_tests.export.conftest import PARCELLATION

SIMULATED_DONORS = Provenance("0.1.0/1", "a-run", 1, True, "digest")
FROM_SIMULATED_DONORS = (
    "SIMULATED IN PART: patients are real; gene expression of desikan_killiany comes from "
    "simulated donors."
)
PLACE = {"parcellation": PARCELLATION}


@pytest.fixture
def mixed_study(small_study, tmp_path) -> Study:
    """Real patients, whose gene expression comes from simulated donors."""
    folder = Path(shutil.copytree(small_study.folder, tmp_path / "study"))
    file = folder / "study.toml"
    text = file.read_text(encoding="utf-8").replace('"packaged"', '"donors"')
    file.write_text(text, encoding="utf-8")
    study = load_study(folder)
    lake = Lake(study.lake_folder)
    matrix = pd.DataFrame({"parcel": ["lh_insula"], "gene": ["A1BG"], "expression": [0.5]})
    matrix = matrix.assign(**PLACE, simulated=True)
    lake.write(tables.Expression, PLACE, matrix, SIMULATED_DONORS)
    genes = lake.read(tables.Genes).assign(simulated=True)
    lake.write(tables.Genes, {}, genes, SIMULATED_DONORS)
    return study


@pytest.fixture
def mixed_export(mixed_study, tmp_path, monkeypatch) -> Path:
    """An export of it, without maps, which take most of the time."""
    monkeypatch.setattr(package, "group_maps", lambda *_: iter(()))
    return export_study(mixed_study, tmp_path / "out", ("tsv",)).folder


def read(folder: Path, name: str) -> dict:
    """Read a JSON file of an export."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_real_patients_are_never_said_to_be_simulated(mixed_export):
    texts = [one.read_text() for one in mixed_export.rglob("*") if one.suffix in (".md", ".json")]
    assert not [one for one in texts if "not of real patients" in one or "ect export of sim" in one]


def test_simulated_donors_behind_real_patients_are_named(mixed_export):
    told = [(mixed_export / "README.md").read_text(), read(mixed_export, "datapackage.json")]
    assert FROM_SIMULATED_DONORS in told[0]
    assert told[1]["description"].startswith(FROM_SIMULATED_DONORS)


def test_a_descriptor_of_real_patients_is_not_simulated(mixed_export):
    said = read(mixed_export, "datapackage.json")
    assert said["simulated"] is False
    assert said["gene_expression_from_simulated_donors"] == [PARCELLATION]


def test_a_table_without_gene_expression_is_not_marked(mixed_export):
    resources = read(mixed_export, "datapackage.json")["resources"]
    marked = {one["name"] for one in resources if "SIMULATED" in one["description"]}
    assert marked == {"expression", "genes"}


def test_a_simulated_table_of_patients_says_nothing_of_gene_expression(mixed_study):
    lake = Lake(mixed_study.lake_folder)
    change = lake.read(tables.GmvChange).assign(simulated=True)
    lake.write(tables.GmvChange, PLACE, change, SIMULATED_DONORS)
    assert simulation_of(mixed_study, lake, [tables.GmvChange]).sentence == ""


def test_simulated_donors_are_not_the_allen_human_brain_atlas(mixed_export):
    said = read(mixed_export, "dataset_description.json")
    assert [one["Name"] for one in said["SourceDatasets"]] == ["a"]
    assert not [one for one in said["ReferencesAndLinks"] if "Hawrylycz" in one]


def test_a_simulated_study_has_no_real_patient(simulated_study):
    lake = Lake(simulated_study.lake_folder)
    told = simulation_of(simulated_study, lake, [tables.GmvChange]).sentence
    assert told == "SIMULATED: these data are not of real patients. "


def test_only_what_is_exported_is_cited(small_study):
    lake = Lake(small_study.lake_folder)
    found = topics_of(small_study, lake, [tables.GmvChange], with_maps=False)
    assert found == {"desikan_killiany"}


def test_real_donors_are_cited_with_the_genes(small_study):
    lake = Lake(small_study.lake_folder)
    found = topics_of(small_study, lake, [tables.Genes], with_maps=False)
    assert found == {"allen", "abagen", "packaged_expression"}


def test_the_bundled_study_cites_its_authors(small_study, tmp_path):
    study = load_study(Path(shutil.copytree(small_study.folder, tmp_path / "study")))
    text = '{"ReferencesAndLinks": ["https://openneuro.org/datasets/ds000174"]}'
    (study.bids_folder / "dataset_description.json").write_text(text)
    found = topics_of(study, Lake(study.lake_folder), [tables.GmvChange], with_maps=False)
    assert "Koenders" in " ".join(citations(found).values())


def test_every_reference_has_a_topic():
    assert {one for numbers, _ in topics().values() for one in numbers} == set(references_listed())


def test_the_tables_that_rest_on_gene_expression_are_those_made_from_it():
    below = {"donors"}
    for step in STEPS:
        if below & {*step.inputs, *step.after}:
            below.add(step.table.table_name)
    documents = {name for name, one in tables.TABLES.items() if one.has_documents}
    assert below - documents == OF_GENE_EXPRESSION
