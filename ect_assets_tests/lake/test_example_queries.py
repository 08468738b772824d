"""The twenty-one questions can be asked of any study, and the documentation shows the same ones."""

from __future__ import annotations

import pytest

from ect_assets import tables
from ect_assets.lake.catalogue import query
from ect_assets.lake.example_queries import example, examples, page
from ect_assets.lake.store import Lake
from ect_assets.problems import StudyError
from ect_assets.tables import TABLES
from ect_assets_tests.lake.rows import keep
from ect_assets_tests.paths import ROOT

NUMBERS = range(1, 22)
PARCELLATIONS = ("desikan_killiany", "hcp_mmp")


@pytest.fixture(scope="module")
def empty_lake(tmp_path_factory) -> Lake:
    return Lake(tmp_path_factory.mktemp("empty") / "lake")


@pytest.fixture(scope="module")
def small_lake(tmp_path_factory) -> Lake:
    """One patient with both sessions, one parcel, one gene, in two parcellations."""
    lake = Lake(tmp_path_factory.mktemp("small") / "lake")
    patient = {"subject": "001"}
    for parcellation in PARCELLATIONS:
        for table in TABLES.values():
            if "parcellation" in table.partitions and "subject" not in table.partitions:
                keep(lake, table, parcellation=parcellation)
        keep(
            lake,
            tables.PlsGenes,
            2,
            parcellation=parcellation,
            component=1,
            rank=[1, 2],
            gene=GENES,
        )
        keep(lake, tables.GoEnrichment, parcellation=parcellation, cluster_representative=True)
    both = {"session": ["pre", "post"]} | patient
    keep(lake, tables.ScanVolumes, 2, **both)
    keep(lake, tables.ClinicalScores, 2, **both, score=[20.0, 5.0])
    for table in (
        tables.Participants,
        tables.ClinicalChange,
        tables.ClinicalResponse,
        tables.Exclusions,
        tables.AuditLog,
    ):
        keep(lake, table)
    return lake


GENES = ["BDNF", "SST"]


def rows(lake: Lake, sql: str) -> list[tuple]:
    return query(lake, sql).fetchall()


def test_there_are_twenty_one_questions_in_their_order():
    assert [one.number for one in examples()] == list(NUMBERS)


def test_every_question_is_one():
    assert [one.number for one in examples() if not one.question.endswith("?")] == []


def test_researchers_clinicians_and_auditors_ask():
    assert {one.asked_by for one in examples()} >= {"researcher", "clinician", "auditor"}


def test_no_line_is_wider_than_a_terminal():
    assert [one for one in page().splitlines() if len(one) > 110] == []


@pytest.mark.parametrize("number", NUMBERS)
def test_a_study_without_tables_answers_without_rows(empty_lake, number):
    assert rows(empty_lake, example(number).sql) == []


@pytest.mark.parametrize("number", NUMBERS)
def test_a_small_study_answers_with_rows(small_lake, number):
    assert rows(small_lake, example(number).sql)


@pytest.mark.parametrize("study", ["demo", "ds000174"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_bundled_study_that_was_made_here_answers(number, study):
    folder = ROOT / "data_lake" / study
    if not any(folder.glob("*/**/part.parquet")):
        pytest.skip(f"`ect demo --study {study}` was not run here")
    rows(Lake(folder), example(number).between("baseline", "followup").sql)


def test_patients_are_compared_between_the_studys_own_sessions():
    assert "session = 'V1'" in example(14).between("V1", "V2").sql


def test_labels_that_are_the_others_way_round_are_put_once():
    sql = example(14).between("post", "pre").sql
    assert "score_before.session = 'post' AND score_after.session = 'pre'" in sql


def test_a_number_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(StudyError, match=r"no example 22; they are numbered 1 to 21"):
        example(22)


def test_who_responded_is_said_by_the_table_of_responses(small_lake):
    keep(small_lake, tables.ClinicalResponse, percent_improvement=75.0, responded=True)
    ((*_, percent, responded, _),) = rows(small_lake, example(13).sql)
    assert (percent, responded) == (75, True)


def test_patients_who_came_and_are_in_the_result_are_counted(small_lake):
    assert [row[1:3] for row in rows(small_lake, example(18).sql)] == [(1, 1), (1, 1)]


def test_the_documentation_has_the_same_file():
    packaged = (ROOT / "ect_assets/lake/queries.sql").read_text(encoding="utf-8")
    assert (ROOT / "docs/queries.sql").read_text(encoding="utf-8") == packaged, "run `make docs`"


def test_the_page_of_the_documentation_is_what_make_docs_writes():
    assert (ROOT / "docs/queries.md").read_text(encoding="utf-8") == page(), "run `make docs`"
