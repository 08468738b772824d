"""What `ect export` writes: whole, the same each time, and nothing of a patient unasked."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ect_assets import tables
from ect_assets.export import package
from ect_assets.export.package import Exported, export_study
from ect_assets.export.table_files import harmless_sql
from ect_assets.problems import EctError, StudyError
from ect_assets.study import Study, load_study
from ect_assets.tables.spreadsheets import harmless
from ect_assets_tests.export.conftest import PARCELLATION, keep

MAPS = {"gmv_change_t", "gmv_change_percent", "symptom_weight_hamd"}


@pytest.fixture(scope="module")
def exported(small_study, tmp_path_factory) -> Exported:
    """The group results in all formats."""
    folder = tmp_path_factory.mktemp("all") / "export"
    return export_study(small_study, folder, ("tsv", "csv", "parquet"))


@pytest.fixture
def own_study(small_study, tmp_path) -> Study:
    """A copy of the study that a test may change."""
    return load_study(Path(shutil.copytree(small_study.folder, tmp_path / "study")))


@pytest.fixture
def quick(monkeypatch):
    """Write no maps of the brain, which take most of the time."""
    monkeypatch.setattr(package, "group_maps", lambda *_: iter(()))


def described(folder: Path) -> dict:
    """Read the descriptor of an export."""
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


def rows_of(file: Path, delimiter: str) -> list[dict[str, str]]:
    """Read a text table as it stands there."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, delimiter=delimiter))


def contents(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder."""
    files = [one for one in folder.rglob("*") if one.is_file()]
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in files}


def test_no_table_of_patients_is_written_unasked(exported):
    assert set(exported.rows) == {"parcels", "gmv_change", "symptom_pls_weights", "genes"}


def test_maps_of_others_are_exported_by_name_alone(own_study, tmp_path, quick):
    here = {"parcellation": PARCELLATION}
    values = pd.DataFrame({"parcel": ["lh_insula"], "value": [1.0], "reference": ["D1"]})
    values = values.assign(**here, source="Kaller 2017", licence="CC BY-NC-ND 4.0")
    keep(own_study, tables.ReferenceMaps, here, values)
    done = export_study(own_study, tmp_path / "out", ("tsv",))
    assert "reference_maps" not in done.rows
    assert "whose licences decide" in done.left_out["reference_maps"]
    asked = export_study(own_study, tmp_path / "asked", ("tsv",), tables=["reference_maps"])
    assert set(asked.rows) == {"reference_maps"}


def test_no_file_of_an_export_names_a_patient(exported):
    texts = [one for name, one in contents(exported.folder).items() if "brain_maps" not in name]
    assert not any(b"sub-001" in one for one in texts)


def test_every_table_with_a_subject_counts_as_one_of_patients():
    named = {name for name, one in tables.TABLES.items() if "subject" in one.column_names()}
    assert named == {name for name, one in tables.TABLES.items() if one.is_about_patients()}


def test_tables_of_patients_are_written_when_asked_for(small_study, tmp_path, quick):
    done = export_study(small_study, tmp_path / "out", ("tsv",), with_patients=True)
    assert {"participants", "exclusions"} <= set(done.rows)


def test_an_export_of_patients_is_for_its_owner_alone(small_study, tmp_path, quick):
    done = export_study(small_study, tmp_path / "out", ("tsv",), True, ["participants"])
    assert done.folder.stat().st_mode & 0o077 == 0


def test_further_columns_of_the_participants_are_described(small_study, tmp_path, quick):
    export_study(small_study, tmp_path / "out", ("tsv",), True, ["participants"])
    (resource,) = described(tmp_path / "out")["resources"]
    assert {"name": "house", "type": "integer"}.items() <= resource["schema"]["fields"][-1].items()


def test_a_table_of_patients_named_without_the_flag_is_refused(small_study, tmp_path):
    with pytest.raises(StudyError, match="--with-patients"):
        export_study(small_study, tmp_path / "out", tables=["participants"])


def test_a_group_table_that_names_a_patient_stops_the_export(own_study, tmp_path):
    genes = pd.DataFrame({"gene": ["of sub-002, see"], "entrez_id": [1]})
    keep(own_study, tables.Genes, {}, genes.assign(differential_stability=0.5))
    with pytest.raises(StudyError, match="genes: the column gene names patients in 1 row"):
        export_study(own_study, tmp_path / "out", ("tsv",))


def test_a_patient_who_left_the_dataset_is_not_exported(own_study, tmp_path, quick):
    scans = pd.DataFrame({"subject": ["009"], "session": ["pre"], "source": ["x"]})
    missing = ("etiv_mm3", "brain_mm3", "gray_matter_mm3", "source_version", "qc_euler_holes")
    scans = scans.assign(**dict.fromkeys((*missing, "qc_cnr", "qc_reason"), None), qc_pass=True)
    keep(own_study, tables.ScanVolumes, {"subject": "009"}, scans)
    done = export_study(own_study, tmp_path / "out", ("tsv",), with_patients=True)
    assert "scan_volumes" not in done.rows


def test_a_missing_value_is_n_a_in_tsv(exported):
    genes = rows_of(exported.folder / "tables" / "genes.tsv", "\t")
    assert genes[0]["differential_stability"] == "n/a"


def test_numbers_are_written_so_that_they_come_back(exported):
    genes = rows_of(exported.folder / "tables" / "genes.tsv", "\t")
    assert [one["differential_stability"] for one in genes[1:]] == ["0.1", "-INF", "1e-07"]


def test_a_formula_is_defused_in_csv(exported):
    genes = rows_of(exported.folder / "tables" / "genes.csv", ",")
    assert [one["gene"] for one in genes] == ["A1BG", "'=cmd()", "-1", "'+x"]


@given(st.text(alphabet=st.sampled_from("=+-@\t\n\r＝＠1.e'a "), max_size=6))
def test_formulas_are_defused_as_ect_sql_does(text):
    sql = f"SELECT {harmless_sql('said')} FROM (SELECT CAST($said AS VARCHAR) AS said)"
    with duckdb.connect() as connection:
        ((found,),) = connection.execute(sql, {"said": text}).fetchall()
    assert found == harmless(text)


def test_parquet_has_the_values_of_the_lake(exported, small_study):
    lake = small_study.lake_folder / "gmv_change" / f"parcellation={PARCELLATION}"
    written = pq.read_table(exported.folder / "tables" / "gmv_change.parquet")
    source = pq.ParquetFile(lake / "part.parquet").read()
    assert written.select(source.column_names).to_pylist() == source.to_pylist()


def test_every_checksum_is_right_and_every_file_has_one(exported):
    lines = (exported.folder / "CHECKSUMS.sha256").read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = contents(exported.folder)
    del files["CHECKSUMS.sha256"]
    assert listed == {name: hashlib.sha256(one).hexdigest() for name, one in files.items()}


def test_the_same_results_give_the_same_bytes(exported, small_study, tmp_path):
    again = export_study(small_study, tmp_path / "again", ("tsv", "csv", "parquet"))
    assert contents(again.folder) == contents(exported.folder)


def test_the_maps_of_the_group_are_there(exported):
    tables_of_maps = (exported.folder / "brain_maps" / PARCELLATION).glob("*.tsv")
    assert {one.stem for one in tables_of_maps} == MAPS


def test_a_map_has_the_values_of_its_table(exported):
    place = exported.folder / "brain_maps" / PARCELLATION / "gmv_change_t.tsv"
    of_map = {one["parcel"]: one["value"] for one in rows_of(place, "\t")}
    table = rows_of(exported.folder / "tables" / "gmv_change.tsv", "\t")
    assert {one: x for one, x in of_map.items() if x != "n/a"} == {
        one["parcel"]: one["t"] for one in table
    }


def test_a_simulated_study_says_so_everywhere(simulated_study, tmp_path):
    folder = export_study(simulated_study, tmp_path / "out", ("tsv",)).folder
    descriptor = described(folder)
    told = [descriptor["title"], *(one["description"] for one in descriptor["resources"])]
    told += [(folder / "README.md").read_text(), (folder / "dataset_description.json").read_text()]
    assert all("SIMULATED" in one for one in told)


def test_a_real_study_never_says_that_it_is_simulated(exported):
    told = [(exported.folder / name).read_text() for name in ("README.md", "datapackage.json")]
    assert not any("SIMULATED" in one for one in told)


def test_the_folder_is_a_bids_derivative(exported):
    said = json.loads((exported.folder / "dataset_description.json").read_text(encoding="utf-8"))
    assert said["DatasetType"] == "derivative"
    assert {"Name", "BIDSVersion", "GeneratedBy", "SourceDatasets"} <= set(said)


def test_the_references_of_the_data_are_cited(exported):
    titles = [one["title"] for one in described(exported.folder)["sources"]]
    assert any("Allen" in one or "Hawrylycz" in one for one in titles)


def test_an_earlier_export_is_replaced(small_study, tmp_path, quick):
    export_study(small_study, tmp_path / "out", ("csv",))
    export_study(small_study, tmp_path / "out", ("tsv",))
    assert {one.suffix for one in (tmp_path / "out" / "tables").iterdir()} == {".tsv"}


def test_a_folder_with_something_else_is_left_as_it_is(small_study, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StudyError, match="not an earlier export"):
        export_study(small_study, tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_an_earlier_export_with_a_file_of_the_users_is_not_replaced(small_study, tmp_path, quick):
    export_study(small_study, tmp_path / "out", ("tsv",))
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(StudyError, match="notes.txt"):
        export_study(small_study, tmp_path / "out", ("tsv",))


@pytest.mark.parametrize("name", [".zenodo.json", "README.md"])
def test_an_earlier_export_with_an_edited_file_is_not_replaced(small_study, tmp_path, quick, name):
    folder = export_study(small_study, tmp_path / "out", ("tsv",)).folder
    (folder / name).write_text("our creators")
    with pytest.raises(StudyError, match=rf"edited or added: {name}\."):
        export_study(small_study, folder, ("tsv",))
    assert (folder / name).read_text() == "our creators"
    (folder / name).unlink()
    export_study(small_study, folder, ("tsv",))
    assert (folder / name).read_text() != "our creators"


def test_an_edit_made_during_the_export_is_kept(small_study, tmp_path, quick, monkeypatch):
    folder = export_study(small_study, tmp_path / "out", ("tsv",)).folder

    def edited_meanwhile(*_):
        (folder / "README.md").write_text("our notes")
        return iter(())

    monkeypatch.setattr(package, "group_maps", edited_meanwhile)
    with pytest.raises(StudyError, match=r"edited or added: README\.md"):
        export_study(small_study, folder, ("tsv",))
    assert (folder / "README.md").read_text() == "our notes"


def test_the_lake_is_no_place_for_an_export(small_study):
    with pytest.raises(StudyError, match="lake"):
        export_study(small_study, small_study.lake_folder / "export")


def test_an_export_that_fails_leaves_the_earlier_one(small_study, tmp_path, quick, monkeypatch):
    export_study(small_study, tmp_path / "out", ("tsv",))
    before = contents(tmp_path)
    monkeypatch.setattr(package, "readme", lambda *_: os.fsdecode(b"\xff"))
    with pytest.raises((EctError, UnicodeEncodeError)):
        export_study(small_study, tmp_path / "out", ("csv",))
    assert contents(tmp_path) == before


def test_tables_that_change_meanwhile_stop_the_export(own_study, tmp_path, monkeypatch):
    def change_genes(*_):
        genes = pd.DataFrame({"gene": ["B"], "entrez_id": [1], "differential_stability": [0.1]})
        keep(own_study, tables.Genes, {}, genes)
        return iter(())

    monkeypatch.setattr(package, "group_maps", change_genes)
    with pytest.raises(StudyError, match="rewritten"):
        export_study(own_study, tmp_path / "out", ("tsv",))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("formats", [("xlsx",), ()])
def test_an_unknown_format_is_refused_with_those_that_are_known(small_study, tmp_path, formats):
    with pytest.raises(StudyError, match="tsv, csv, parquet"):
        export_study(small_study, tmp_path / "out", formats)


def test_an_unknown_table_is_refused(small_study, tmp_path):
    with pytest.raises(StudyError, match="no table gmv_chang"):
        export_study(small_study, tmp_path / "out", tables=["gmv_chang"])


def test_a_misspelt_table_is_answered_with_the_one_that_was_meant(small_study, tmp_path):
    with pytest.raises(StudyError, match=r"Did you mean gmv_change\?"):
        export_study(small_study, tmp_path / "out", tables=["gmv_chang"])


def test_a_study_without_tables_says_what_makes_them(own_study, tmp_path):
    shutil.rmtree(own_study.lake_folder)
    with pytest.raises(StudyError, match="ect run"):
        export_study(own_study, tmp_path / "out")
