"""`ect paper --verify` says which number differs, in the tables or in the text."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from ect_assets import tables
from ect_assets.export.paper import verification
from ect_assets.export.paper.manifest import MANIFEST
from ect_assets.export.paper.pandoc import find_pandoc
from ect_assets.export.paper.verification import numbers_of_word, verify_paper
from ect_assets.lake.store import Lake
from ect_assets.problems import StudyError
from ect_assets_tests.export.paper.conftest import make_study, paper_of
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report import small_lake


@pytest.fixture
def own(paper, tmp_path) -> Path:
    """A copy of the paper, to be edited."""
    return Path(shutil.copytree(paper, tmp_path / "paper"))


def anchor_of(folder: Path, query: str, column: str) -> str:
    """Find the place of a number."""
    numbers = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["numbers"]
    return next(
        one["anchor"] for one in numbers if (one["query"], one["column"]) == (query, column)
    )


def test_a_paper_as_it_was_written_has_no_problem(study, paper):
    found = verify_paper(study, paper)
    assert (found.problems, found.edited) == ([], [])
    assert found.numbers > 50


def test_a_number_that_the_tables_have_no_more_is_named(tmp_path):
    study = make_study(tmp_path / "study")
    lake = Lake(study.lake_folder)
    small_lake.fill(lake)
    folder = paper_of(study, tmp_path / "paper").folder
    keep(lake, tables.ClinicalChange, instrument="hamd", n=3, mean_pre=22.25, mean_post=8.5, t=-2.0)
    problems = verify_paper(study, folder).problems
    assert any("symptoms.mean_post, row 1" in one and "8.5" in one for one in problems)
    assert not any("symptoms.mean_pre" in one for one in problems)


def test_a_number_edited_in_markdown_is_named(study, own):
    anchor = anchor_of(own, "change", "n_changed")
    text = (own / "paper.md").read_text(encoding="utf-8")
    (own / "paper.md").write_text(text.replace(f"[2]{{#{anchor}}}", f"[3]{{#{anchor}}}"), "utf-8")
    found = verify_paper(study, own)
    assert found.edited == ["paper.md"]
    assert found.problems == [f"{anchor} (change.n_changed, row 1): paper.md has 3, expected 2."]


def test_text_edited_around_the_numbers_is_no_problem(study, own):
    with (own / "paper.md").open("a", encoding="utf-8") as text:
        text.write("Our discussion.\n")
    found = verify_paper(study, own)
    assert (found.problems, found.edited) == ([], ["paper.md"])


@pytest.mark.skipif(find_pandoc() is None, reason="no Pandoc")
def test_a_number_edited_in_word_is_named(study, own):
    anchor = anchor_of(own, "symptoms", "mean_post")
    before = own / "paper.docx"
    after = own / "edited.docx"
    with zipfile.ZipFile(before) as parts, zipfile.ZipFile(after, "w") as edited:
        for name in parts.namelist():
            content = parts.read(name)
            if name == "word/document.xml":
                assert content.count(b">7.5<") == 1
                content = content.replace(b">7.5<", b">6.5<")
            edited.writestr(name, content)
    after.replace(before)
    assert numbers_of_word(before)[anchor] == "6.5"
    found = verify_paper(study, own)
    assert any("paper.docx has 6.5, expected 7.5" in one for one in found.problems)


def test_a_changed_manifest_and_a_missing_file_are_named(study, own):
    said = json.loads((own / MANIFEST).read_text(encoding="utf-8"))
    said["simulated"] = False
    (own / MANIFEST).write_text(json.dumps(said), encoding="utf-8")
    (own / "checklist.md").unlink()
    problems = verify_paper(study, own).problems
    assert any("its digest is not that of its content" in one for one in problems)
    assert "checklist.md is missing." in problems


def test_tables_that_are_out_of_date_are_named(study, paper, monkeypatch):
    monkeypatch.setattr(
        verification, "out_of_date_tables", lambda study: ["pls_genes", "expression"]
    )
    assert verify_paper(study, paper).problems == [
        "Out of date in mine: pls_genes; `ect run` updates them."
    ]


def test_a_query_of_a_manifest_reads_the_lake_alone(study, own, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    said = json.loads((own / MANIFEST).read_text(encoding="utf-8"))
    said["queries"]["change"]["sql"] = f"SELECT * FROM read_csv('{secret}')"
    (own / MANIFEST).write_text(json.dumps(said), encoding="utf-8")
    problems = verify_paper(study, own).problems
    assert any(one.startswith("The query change cannot be answered any more") for one in problems)


def test_a_folder_without_a_paper_or_of_another_study_is_refused(study, paper, tmp_path):
    with pytest.raises(StudyError, match=r"has no paper\.json"):
        verify_paper(study, tmp_path)
    other = study.model_copy(update={"name": "other"})
    with pytest.raises(StudyError, match="a paper about the study mine, not other"):
        verify_paper(other, paper)
