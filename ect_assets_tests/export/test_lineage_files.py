"""Tools read from an export how each table was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ect_assets import tables
from ect_assets.export.lineage_files import UNNAMED, zenodo_metadata
from ect_assets.export.package import export_study
from ect_assets.lake.store import Lake
from ect_assets.study import load_study
from ect_assets_tests.lake.rows import keep


@pytest.fixture(scope="module")
def folder(simulated_study, tmp_path_factory) -> Path:
    """An export of a simulated study, without maps."""
    chosen = ["gmv_change", "parcels", "symptom_pls_weights"]
    out = tmp_path_factory.mktemp("lineage") / "out"
    return export_study(simulated_study, out, ("tsv", "parquet"), tables=chosen).folder


def read(folder: Path, name: str) -> dict:
    """Read a JSON file of an export."""
    return json.loads((folder / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def entities(folder) -> dict[str, dict]:
    """What the RO-Crate describes, by identifier."""
    return {one["@id"]: one for one in read(folder, "ro-crate-metadata.json")["@graph"]}


def test_a_crate_has_its_head_and_root(entities):
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    root = entities["./"]
    assert root["name"] == "SIMULATED: A small study" and len(root["datePublished"]) == 10
    assert "SIMULATED" in root["description"]


def test_every_part_of_a_crate_is_a_file_that_is_there(entities, folder):
    parts = [one["@id"] for one in entities["./"]["hasPart"]]
    assert "tables/gmv_change.tsv" in parts
    for part in parts:
        assert entities[part]["contentSize"] == str((folder / part).stat().st_size)


def test_every_reference_within_a_crate_leads_somewhere(entities):
    def pointed(value: object) -> list[str]:
        if isinstance(value, dict):
            return [value["@id"]] if set(value) == {"@id"} else []
        return [one for part in value for one in pointed(part)] if isinstance(value, list) else []

    found = [to for one in entities.values() for value in one.values() for to in pointed(value)]
    assert len(found) > 10
    assert {one for one in found if not one.startswith("https://")} <= set(entities)


def test_a_crate_says_from_which_tables_each_was_made(entities):
    action = entities["#make-gmv_change"]
    assert action["result"] == [
        {"@id": "tables/gmv_change.tsv"},
        {"@id": "tables/gmv_change.parquet"},
    ]
    used = [one["@id"] for one in action["object"]]
    assert "#table-parcel_gmv" in used


def test_activities_entities_and_software_of_bids_fit_together(folder):
    activities = read(folder, "prov/prov-ectassets_act.json")["Activities"]
    found = read(folder, "prov/prov-ectassets_ent.json")["ProvEntities"]
    software = {one["Id"] for one in read(folder, "prov/prov-ectassets_soft.json")["Software"]}
    ids = {one["Id"] for one in found}
    assert {one["AssociatedWith"] for one in activities} <= software
    assert {used for one in activities for used in one["Used"]} <= ids
    made = {one["GeneratedBy"] for one in found if "GeneratedBy" in one}
    assert made == {one["Id"] for one in activities}
    assert all((folder / one["AtLocation"]).is_file() for one in found if "AtLocation" in one)


def test_zenodo_gets_a_title_a_kind_and_creators_to_fill_in(folder):
    said = read(folder, ".zenodo.json")
    assert said["title"].startswith("SIMULATED: ") and said["upload_type"] == "dataset"
    assert said["creators"] == [{"name": UNNAMED}]
    assert "license" not in said


def test_the_authors_of_the_source_dataset_are_the_creators(small_study, monkeypatch):
    from ect_assets.export import lineage_files

    monkeypatch.setattr(lineage_files, "source_description", lambda _: {"Authors": ["Doe, J"]})
    lineage = lineage_files.Lineage(
        small_study, (), (), {}, lineage_files.Simulation(), "Of the group.", "2026-01-01"
    )
    assert zenodo_metadata(lineage)["creators"] == [{"name": "Doe, J"}]


def test_an_export_of_patients_is_not_for_zenodo(small_study, tmp_path):
    out = export_study(small_study, tmp_path / "out", ("tsv",), True, ["participants"]).folder
    assert not (out / ".zenodo.json").exists()


@pytest.mark.parametrize(
    ("forms", "names", "written"),
    [
        (("tsv", "parquet"), None, {".parquet"}),
        (("tsv",), None, {".tsv"}),
        (("tsv", "parquet"), ["gene_sets"], {".parquet", ".tsv"}),
    ],
)
def test_reference_data_are_no_text_beside_parquet(
    simulated_study, tmp_path, monkeypatch, forms, names, written
):
    monkeypatch.setattr("ect_assets.export.package.group_maps", lambda *_: [])
    study = load_study(shutil.copytree(simulated_study.folder, tmp_path / "study"))
    keep(Lake(study.lake_folder), tables.GeneSets, 2, gene=["A", "B"])
    out = export_study(study, tmp_path / "out", forms, tables=names).folder
    assert {one.suffix for one in (out / "tables").glob("gene_sets.*")} == written
