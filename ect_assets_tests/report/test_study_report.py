"""The report as an asset: its files beside its rows, made again when they are damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ect_assets.lake.catalogue import query
from ect_assets.lake.documents import checksum, has_all_documents, report_pages
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.jobs import damaged_files
from ect_assets.orchestration.runner import Runner
from ect_assets.orchestration.withdrawal import withdraw
from ect_assets.pipeline.staleness import lake_of
from ect_assets.study import STUDY_FILE, Study, load_study
from ect_assets.tables import StudyOverview, StudyReport
from ect_assets_tests.conftest import NO_PAGES, without_genes

PARTITION = {"parcellation": "desikan_killiany"}


@pytest.fixture(scope="module")
def reported_input(simulated_input, tmp_path_factory) -> Path:
    """A small study with its pages, which stop before the genes."""
    folder = without_genes(simulated_input, tmp_path_factory.mktemp("reported") / "study")
    settings = folder / STUDY_FILE
    settings.write_text(settings.read_text(encoding="utf-8").replace(NO_PAGES, ""))
    assert not Runner(load_study(folder)).run().failed
    return folder


@pytest.fixture
def study(reported_input, tmp_path) -> Study:
    return load_study(shutil.copytree(reported_input, tmp_path / "study"))


def test_every_file_that_the_rows_name_is_there_and_no_other(study):
    lake = lake_of(study)
    for table, partition in ((StudyReport, PARTITION), (StudyOverview, {})):
        folder = lake.file(table, partition).parent
        rows = lake.read(table, partition)
        there = {
            file.relative_to(folder).as_posix()
            for file in folder.rglob("*")
            if file.is_file() and file.name != "part.parquet"
        }
        assert set(rows.file) == there
        assert "report.html" in there
        assert has_all_documents(lake, table, partition)


def test_there_is_a_page_of_the_study_and_one_of_each_parcellation(study):
    pages = [page.parent.name for page in report_pages(lake_of(study))]
    assert pages == ["study_overview", "parcellation=desikan_killiany", "parcellation=hcp_mmp"]


def test_the_rows_are_queried_like_any_other_table(study):
    sql = "SELECT n_bytes, sha256 FROM study_report WHERE file = 'report.html' ORDER BY 1"
    found = query(lake_of(study), sql).fetchall()
    pages = [page.read_bytes() for page in report_pages(lake_of(study))[1:]]
    assert sorted(found) == sorted((len(page), checksum(page)) for page in pages)


def test_a_page_that_was_changed_by_hand_counts_as_damaged(study):
    lake = lake_of(study)
    page = lake.file(StudyReport, PARTITION).parent / "report.html"
    page.write_text(page.read_text(encoding="utf-8") + "<!-- mine -->", encoding="utf-8")
    rows = lake.file(StudyReport, PARTITION).relative_to(lake.folder).as_posix()
    assert damaged_files(lake) == [rows]


def test_the_same_results_give_the_same_page_again(study):
    before = {page: page.read_bytes() for page in report_pages(lake_of(study))}
    shutil.rmtree(study.lake_folder / "study_report/parcellation=desikan_killiany")
    assert not Runner(study).run().failed
    assert {page: page.read_bytes() for page in report_pages(lake_of(study))} == before


def test_nothing_is_to_be_done_after_the_report(study):
    assert Runner(study).run().made == []


def test_who_withdraws_is_taken_out_of_every_page_at_once(study):
    with open_instance(study) as instance:
        withdraw(study, "003", True, instance)
    assert report_pages(lake_of(study)) == []
    assert not Runner(study).run(parcellations=["desikan_killiany"]).failed
    made = [page.parent.name for page in report_pages(lake_of(study))]
    assert "parcellation=desikan_killiany" in made


def test_a_study_that_wants_no_pages_has_none(study):
    settings = study.folder / STUDY_FILE
    settings.write_text(settings.read_text(encoding="utf-8") + NO_PAGES, encoding="utf-8")
    shutil.rmtree(study.lake_folder / "study_report")
    shutil.rmtree(study.lake_folder / "study_overview")
    Runner(load_study(study.folder)).run()
    assert report_pages(lake_of(study)) == []
