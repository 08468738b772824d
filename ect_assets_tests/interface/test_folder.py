"""An association as a folder: all of it, with where it comes from, and nothing else overwritten."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ect_assets import __version__, associate
from ect_assets.interface import folder as folder_module
from ect_assets.interface.folder import provenance, write_folder
from ect_assets.problems import StudyError
from ect_assets.reference.loaders import expression_matrix
from ect_assets.science.association.choices import Choices
from ect_assets_tests.interface.test_associate import FEW_SETS, QUICK

MAP = expression_matrix("desikan_killiany")["SST"][:34]


@pytest.fixture(scope="module")
def found():
    """One gene's expression for the map."""
    return associate(MAP, n_nulls=49, choices=QUICK, gene_sets=FEW_SETS)


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    """The folder of it, and its only source file."""
    folder = tmp_path_factory.mktemp("written")
    file = folder / "map.csv"
    MAP.to_csv(file)
    write_folder(found, folder / "out", [file])
    return folder / "out", file


def test_every_table_is_there_in_both_formats_and_says_the_same(found, written):
    folder, _ = written
    for name, frame in found.tables():
        of_parquet = pd.read_parquet(folder / "tables" / f"{name}.parquet")
        pd.testing.assert_frame_equal(of_parquet, frame, check_dtype=False)
        of_tsv = pd.read_csv(folder / "tables" / f"{name}.tsv", sep="\t", na_values="n/a")
        assert list(of_tsv) == list(frame) and len(of_tsv) == len(frame)


def test_the_page_shows_verdict_figures_and_links_that_lead_somewhere(found, written):
    folder, _ = written
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert "The question of patients was not asked" in page
    for name in ("genes", "pathways", "cell_types", "term_network"):
        assert f'src="figures/{name}.png"' in page
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")


def test_the_record_names_version_settings_and_digests(written):
    folder, file = written
    record = json.loads((folder / "association.json").read_text(encoding="utf-8"))
    assert record["made_by"] == f"ect-assets {__version__}"
    assert record["settings"]["n_nulls"] == 49 and record["patients_asked"] is False
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert record["files"] == [{"name": "map.csv", "sha256": digest}]


def test_another_map_or_matrix_has_another_digest(found):
    quick = {"n_nulls": 19, "choices": Choices(bootstraps=60)}
    other = associate(MAP + 1.0 * (MAP.index == "lh_insula"), **quick)
    few = associate(MAP, expression=expression_matrix("desikan_killiany").iloc[:, 1:], **quick)
    ours, of_other, of_few = (provenance(one) for one in (found, other, few))
    assert ours["map_sha256"] != of_other["map_sha256"]
    assert ours["expression_sha256"] == of_other["expression_sha256"] != of_few["expression_sha256"]


def test_a_folder_of_something_else_is_left_alone(found, tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(StudyError, match="no earlier output"):
        write_folder(found, tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.docx"]


@pytest.fixture
def earlier(written, tmp_path):
    """A copy of the folder."""
    return Path(shutil.copytree(written[0], tmp_path / "out"))


def test_a_table_of_an_earlier_map_does_not_stay(found, earlier):
    mark = earlier / "association.json"
    record = json.loads(mark.read_text(encoding="utf-8"))
    assert set(record["contents"]) == files_in(earlier)
    record["contents"].append("tables/old.tsv")
    mark.write_text(json.dumps(record), encoding="utf-8")
    (earlier / "tables/old.tsv").write_text("parcel\n")
    written = write_folder(found, earlier)
    assert {one.relative_to(earlier).as_posix() for one in written} == files_in(earlier)
    assert not (earlier / "tables/old.tsv").exists()
    assert [one.name for one in earlier.parent.iterdir()] == ["out"]


def test_a_file_that_was_added_to_an_earlier_association_is_not_lost(found, earlier):
    (earlier / "tables/notes.tsv").write_text("years of work")
    with pytest.raises(
        StudyError, match=r"has other files: tables/notes\.tsv\. They would be lost"
    ):
        write_folder(found, earlier)
    assert (earlier / "tables/notes.tsv").read_text() == "years of work"


def test_what_stops_in_the_middle_leaves_the_earlier_association(found, earlier, monkeypatch):
    before = (earlier / "association.json").read_bytes()

    def stop(*_):
        raise RuntimeError("stopped")

    monkeypatch.setattr(folder_module, "figure_bytes", stop)
    with pytest.raises(RuntimeError, match="stopped"):
        write_folder(found, earlier)
    assert (earlier / "association.json").read_bytes() == before
    assert [one.name for one in earlier.parent.iterdir()] == ["out"]


def files_in(folder):
    return {one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()}
