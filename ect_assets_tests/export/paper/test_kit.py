"""A paper has every number from the tables, says what does not hold, and hides nothing."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path

import duckdb
import pytest

from ect_assets import tables
from ect_assets.export.paper import kit
from ect_assets.export.paper.figures import EXHIBITS
from ect_assets.export.paper.manifest import MANIFEST, read_manifest
from ect_assets.export.paper.manuscript import covariates_in_words
from ect_assets.export.paper.numbers import STYLES, named_queries
from ect_assets.export.paper.verification import READERS
from ect_assets.export.target_folder import file_digest
from ect_assets.lake.catalogue import connect
from ect_assets.lake.store import Lake
from ect_assets.pipeline.preregistration import preregister
from ect_assets.problems import StudyError
from ect_assets.report.figures.exhibit_lists import OF_A_PARCELLATION
from ect_assets.report.figures.exhibits import Setting, filled
from ect_assets.study import Study
from ect_assets_tests.export.paper.conftest import make_study, paper_of
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.report import small_lake

HAS_PANDOC = kit.find_pandoc() is not None
FORMS = [
    pytest.param(one, marks=pytest.mark.skipif(one != ".md" and not HAS_PANDOC, reason="no Pandoc"))
    for one in READERS
]


def text_of(folder: Path, name: str = "paper") -> str:
    """Read a document's Markdown without the anchors of its numbers."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    plain = re.sub(r"\[((?:\\.|[^\]\\])*)\]\{#n\d+\}", r"\1", text)
    return " ".join(re.sub(r"\\(.)", r"\1", plain).split())


@cache
def _connection(lake: Path) -> duckdb.DuckDBPyConnection:
    return connect(Lake(lake))


def answers_of(study: Study, sql: str) -> list[dict[str, object]]:
    """Ask a study's tables; rows by column."""
    answer = _connection(Path(study.lake_folder)).execute(sql)
    columns = [str(one[0]) for one in answer.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_a_document_is_the_cell_of_its_query(paper, study, form):
    said = read_manifest(paper)
    numbers = {one["anchor"]: one for one in said["numbers"]}
    read = {
        anchor: shown
        for name in ("paper", "checklist")
        for anchor, shown in READERS[form](paper / f"{name}{form}").items()
    }
    assert set(read) == set(numbers)
    answers = {name: answers_of(study, one["sql"]) for name, one in said["queries"].items()}
    for anchor, shown in read.items():
        one = numbers[anchor]
        value = answers[one["query"]][one["row"]][one["column"]]
        assert shown in {style(value) for style in STYLES.values()}, one


@pytest.mark.parametrize("said", ["2 of 3 parcels", "< 0.001", "−13.93", "mean 22.2 (SD"])
def test_known_numbers_stand_in_the_text(paper, said):
    assert said in text_of(paper)


def test_special_characters_of_a_title_are_no_commands(paper):
    if not HAS_PANDOC:
        pytest.skip("no Pandoc")
    latex = (paper / "paper.tex").read_text(encoding="utf-8")
    title = re.search(r"\\title\{(.+)\}\n\\author", latex, re.DOTALL)
    assert title is not None
    said = " ".join(title[1].split())
    assert said == (
        r"SIMULATED: 50 \% of \textless few\textgreater{} \& \$their\$ scans\_x \{a\} \#1 "
        r"\textbackslash it \textasciitilde{} \^{} {[}b{]}"
    )


def test_a_simulated_study_says_so_in_the_title_and_at_each_figure_and_table(paper):
    text = (paper / "paper.md").read_text(encoding="utf-8")
    captions = [one for one in text.splitlines() if one.startswith((": ", "!["))]
    assert '\ntitle: "SIMULATED: ' in text
    last_lines = re.findall(r"^: .+(?:\n.+)*", text, re.MULTILINE)
    figures = [one for one in captions if one.startswith("![")]
    assert last_lines and figures
    assert all("SIMULATED PARTICIPANTS" in one for one in [*last_lines, *figures])


def test_a_real_study_never_says_that_it_is_simulated(tmp_path):
    study = make_study(tmp_path / "study", simulated=False)
    small_lake.fill(Lake(study.lake_folder))
    folder = paper_of(study, tmp_path / "paper").folder
    assert "SIMULATED" not in text_of(folder) + text_of(folder, "checklist")


def test_a_claim_that_does_not_hold_is_written_so(study, paper):
    text = text_of(paper)
    assert "astrocytes (cell type)" in text
    row = next(one for one in text.split("| ") if "does not hold" in one)
    assert row
    assert "1 of them does not hold: at least one of the questions" in text
    assert "does not show that the association is absent. Of all claims, 1 holds." in text
    assert "A gene list stands for its best gene" in text
    assert "An association of the pattern of change" not in text
    assert "does not predict it in participants who were left out" in text


def test_a_change_that_does_not_pass_is_none(tmp_path):
    study = make_study(tmp_path / "study")
    lake = Lake(study.lake_folder)
    small_lake.fill_people(lake)
    keep(
        lake,
        tables.GmvChange,
        2,
        parcellation=small_lake.ATLAS,
        parcel=["lh_a", "lh_b"],
        structure="cortex",
        n=3,
        p=0.03,
        q=0.06,
    )
    text = text_of(paper_of(study, tmp_path / "paper").folder)
    assert "differed between the sessions in none of 2 parcels" in text
    assert "This does not show that there was no change." in text
    assert "No change of gray matter volume between the sessions was found in any of 2 par" in text


def test_a_study_without_genes_and_ratings_says_what_was_not_done(tmp_path):
    study = make_study(
        tmp_path / "study",
        instruments={},
        parcellations={small_lake.ATLAS: {"freesurfer": "aparc"}},
    )
    small_lake.fill_people(Lake(study.lake_folder))
    folder = paper_of(study, tmp_path / "paper").folder
    text, checklist = text_of(folder), text_of(folder, "checklist")
    assert "Symptoms were not rated in this study." in text
    assert 'no gene expression (expression = "none")' in text
    assert "The change of gray matter volume was not tested" in text
    assert "Background genes | Not applicable: study.toml gives Desikan-Killiany no" in checklist
    assert "PLS1" not in text


ON_AGE = {"kind": "slope", "on": "age_years"}


@pytest.mark.parametrize(
    ("group", "contrasts", "words"),
    [
        ({"adjusts_for_etiv": False}, {}, "Change: none"),
        ({"covariates": ["sex"]}, {}, "Change: mean intracranial volume"),
        (
            {"covariates": ["sex"]},
            {"age": ON_AGE},
            "Change: mean intracranial volume; contrasts also sex (unless a contrast names its "
            "own)",
        ),
        (
            {},
            {"age": ON_AGE | {"covariates": ["sex"]}},
            "Change: mean intracranial volume; contrasts also their own (where a contrast names "
            "them)",
        ),
    ],
)
def test_the_covariates_of_contrasts_are_not_those_of_the_change(tmp_path, group, contrasts, words):
    made = make_study(tmp_path, group=group, contrasts=contrasts)
    assert covariates_in_words(made) == words


def test_controls_are_counted_beside_the_patients(tmp_path):
    study = make_study(tmp_path / "study", group={"controls": {"sex": ["M"]}})
    small_lake.fill(Lake(study.lake_folder))
    small_lake.make_controls(Lake(study.lake_folder), "03")
    folder = paper_of(study, tmp_path / "paper").folder
    text = text_of(folder)
    assert "3 patients and 1 control were included, and 3 of the patients entered" in text
    assert "| Controls, in contrasts alone | 1 |" in text
    assert "did not enter the analysis" not in text
    assert "Controls enter the contrasts alone. The change of gray matter volume" in text
    assert "3 patients and 1 control included, 3 analysed" in text_of(folder, "checklist")


def test_a_parcellation_without_expression_or_cortex_is_in_the_table_of_all(tmp_path):
    study = make_study(tmp_path / "study")
    lake = Lake(study.lake_folder)
    small_lake.fill(lake)
    keep(
        lake,
        tables.GmvChange,
        2,
        parcellation=small_lake.BARE,
        parcel=["a", "b"],
        structure="subcortex",
        n=3,
        q=[0.01, 0.5],
    )
    text = text_of(paper_of(study, tmp_path / "paper").folder)
    assert "| my_atlas | 3 | 1 of 2 | – | – |" in text
    assert "| Desikan-Killiany | 3 | 2 of 3 | 2 | 1 |" in text


@pytest.mark.parametrize(("n_donors", "words"), [(None, "six"), (5, "5")])
def test_the_number_of_donors_is_that_of_the_expression(tmp_path, n_donors, words):
    study = make_study(tmp_path / "study")
    lake = Lake(study.lake_folder)
    small_lake.fill(lake)
    keep(
        lake,
        tables.ExpressionMethods,
        parcellation=small_lake.ATLAS,
        n_donors=n_donors,
        simulated=False,
    )
    text = text_of(paper_of(study, tmp_path / "paper").folder)
    assert f"comes from {words} other people" in text


def test_a_stale_table_is_refused_by_name_and_nothing_is_written(study, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "out_of_date_tables", lambda study: ["gmv_change", "raw_data"])
    with pytest.raises(StudyError, match=r"Out of date in mine: gmv_change\."):
        paper_of(study, tmp_path / "paper")
    assert list(tmp_path.iterdir()) == []


def test_a_study_without_results_says_what_makes_them(tmp_path):
    with pytest.raises(StudyError, match="`ect run` first"):
        paper_of(make_study(tmp_path / "study"), tmp_path / "paper")


def test_an_unknown_parcellation_is_refused_with_those_that_there_are(study, tmp_path):
    with pytest.raises(StudyError, match="There are: desikan_killiany, my_atlas"):
        paper_of(study, tmp_path / "paper", parcellation="schaefer")


def test_the_same_results_give_the_same_bytes(study, paper, tmp_path):
    again = paper_of(study, tmp_path / "paper").folder
    files = [one.relative_to(paper) for one in paper.rglob("*") if one.is_file()]
    assert all((again / one).read_bytes() == (paper / one).read_bytes() for one in files)


def test_an_unedited_paper_is_replaced_and_an_edited_one_is_not(study, paper, tmp_path):
    own = tmp_path / "paper"
    shutil.copytree(paper, own)
    paper_of(study, own)
    with (own / "paper.md").open("a", encoding="utf-8") as text:
        text.write("Our discussion.\n")
    with pytest.raises(StudyError, match=r"paper\.md\. They would be lost"):
        paper_of(study, own)
    assert (own / "paper.md").read_text(encoding="utf-8").endswith("Our discussion.\n")


def test_an_edit_made_while_the_paper_is_written_is_kept(study, paper, tmp_path, monkeypatch):
    own = tmp_path / "paper"
    shutil.copytree(paper, own)

    def edited_meanwhile():
        (own / "paper.md").write_text("Our discussion.", encoding="utf-8")

    monkeypatch.setattr(kit, "find_pandoc", edited_meanwhile)
    with pytest.raises(StudyError, match=r"edited or added: paper\.md"):
        paper_of(study, own)
    assert (own / "paper.md").read_text(encoding="utf-8") == "Our discussion."
    assert [one.name for one in tmp_path.iterdir()] == ["paper"]


def test_a_folder_with_something_else_is_left_as_it_is(study, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StudyError, match="not an earlier paper"):
        paper_of(study, tmp_path)
    with pytest.raises(StudyError, match="lake"):
        paper_of(study, Path(study.lake_folder) / "paper")


def test_no_participant_is_named(study, paper, tmp_path):
    everything = "".join(
        one.read_text("utf-8") for one in paper.rglob("*") if one.suffix in (".md", ".json", ".bib")
    )
    assert not re.search(r"sub-\d", everything)
    naming = study.model_copy(update={"title": "How sub-01 changed"})
    with pytest.raises(StudyError, match="would name a participant"):
        paper_of(naming, tmp_path / "paper")


def test_no_participant_is_named_in_the_settings(study, tmp_path):
    named = {"confounds": ("maps/sub-02_{parcellation}.tsv",)}
    plain = {**study.model_dump(), "bids": study.bids_folder, "lake": str(study.lake_folder)}
    with pytest.raises(StudyError, match=r"settings\.toml would name a participant"):
        paper_of(Study(**{**plain, "association": named}), tmp_path / "paper")
    assert list(tmp_path.iterdir()) == []


def test_no_participant_is_named_in_the_manifest(study, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "tables_read", lambda *_: ["gmv_of_sub-02"])
    with pytest.raises(StudyError, match=r"paper\.json would name a participant"):
        paper_of(study, tmp_path / "paper")
    assert list(tmp_path.iterdir()) == []


def test_figures_that_tell_single_participants_apart_stay_in_the_study():
    shown = [one.name for one in EXHIBITS if one.shows_patients]
    kept_out = {one.name for one in OF_A_PARCELLATION} - {one.name for one in EXHIBITS}
    assert shown == ["figure_2_symptoms"]
    assert kept_out == {
        "supplementary_figure_1_patients",
        "supplementary_figure_3_quality",
        "supplementary_figure_8_designs",
    }


def test_every_work_that_is_cited_is_in_the_bibliography(paper):
    cited = set(re.findall(r"@(\w+)", (paper / "paper.md").read_text(encoding="utf-8")))
    listed = set(re.findall(r"^@\w+\{(\w+),", (paper / "references.bib").read_text("utf-8"), re.M))
    assert cited and cited == listed


def test_the_manifest_names_the_tables_that_were_read_and_the_digest_of_each_file(paper):
    said = read_manifest(paper)
    assert {"gmv_change", "participants", "findings", "clinical_change"} <= set(said["tables"])
    there = {one.relative_to(paper).as_posix() for one in paper.rglob("*") if one.is_file()}
    assert set(said["files"]) == there - {MANIFEST}
    assert all(file_digest(paper / name) == digest for name, digest in said["files"].items())


def test_without_pandoc_the_paper_is_markdown(study, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "find_pandoc", lambda: None)
    written = paper_of(study, tmp_path / "paper")
    assert not written.has_documents
    assert {one.suffix for one in written.folder.iterdir()} == {"", ".md", ".bib", ".json", ".toml"}


def test_every_named_query_can_be_answered(study):
    names = {"people": 1, "flow": 1, "elsewhere": 2, "held": 1}
    setting = Setting(small_lake.ATLAS, study.sessions.both, "moran", True)
    found = {name: answers_of(study, filled(sql, setting)) for name, sql in named_queries().items()}
    assert {name: len(found[name]) for name in names} == names


def test_the_manifest_is_json_with_values_in_full(paper):
    numbers = json.loads((paper / MANIFEST).read_text(encoding="utf-8"))["numbers"]
    t = next(one for one in numbers if (one["query"], one["column"]) == ("symptoms", "t"))
    assert (t["value"], t["shown"]) == (-13.934, "−13.93")


def test_a_paper_says_what_was_planned_and_what_was_not(study, tmp_path):
    planned = Study(
        **{**study.model_dump(), "folder": tmp_path / "study", "bids": study.bids_folder}
    )
    planned = planned.model_copy(update={"lake": str(study.lake_folder)})
    planned.folder.mkdir()
    preregister(planned, ["Volume grows"], after_results=True)
    later = planned.model_copy(update={"seed": 7})
    text = text_of(paper_of(later, tmp_path / "paper").folder)
    assert "The analyses were planned on" in text and "after results were known" in text
    assert "Hypothesis 1: Volume grows" in text
    assert "seed: 20250101 planned, 7 now" in text
