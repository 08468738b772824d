"""Answers in the form that was asked for, with every digit and nothing hidden."""

from __future__ import annotations

import io
import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from ect_assets import tables
from ect_assets.cli.query_output import write_answer
from ect_assets.lake.catalogue import QueryError
from ect_assets.lake.store import Lake
from ect_assets_tests.lake.rows import PROVENANCE, keep, scores

AWKWARD = 0.1 + 0.2
SQL = "SELECT subject, score FROM clinical_scores ORDER BY subject"
MISSING = "SELECT parcel, n_samples FROM expression_coverage"


@pytest.fixture
def lake(tmp_path):
    made = Lake(tmp_path / "lake")
    made.write(tables.ClinicalScores, {}, scores(score=[AWKWARD, 1e-20]), PROVENANCE)
    keep(made, tables.ExpressionCoverage, n_samples=None)
    return made


@pytest.fixture
def answered(lake, capsys):
    """Return a function that gives the text an answer prints."""

    def printed(sql, form):
        write_answer(lake, sql, form)
        return capsys.readouterr().out

    return printed


def test_csv_has_a_header_and_a_line_per_row(answered):
    assert answered(SQL, "csv").splitlines()[0] == "subject,score"


def test_a_number_survives_csv_with_every_digit(answered):
    frame = pd.read_csv(io.StringIO(answered(SQL, "csv")), dtype=str)
    assert [float(score) for score in frame.score] == [AWKWARD, 1e-20]


def test_labels_of_digits_keep_their_zeros_in_csv(answered):
    assert answered(SQL, "csv").splitlines()[1].startswith("001,")


def test_a_missing_value_is_empty_in_csv(answered):
    assert answered(MISSING, "csv").splitlines()[1] == "a,"


def test_whole_numbers_stay_whole_in_csv_beside_a_missing_one(answered):
    sql = "SELECT unnest([9007199254740993, NULL]) AS n"
    assert answered(sql, "csv").splitlines()[1] == "9007199254740993"


def test_json_is_one_object_per_line(answered):
    lines = answered(SQL, "json").splitlines()
    assert [json.loads(line)["subject"] for line in lines] == ["001", "002"]


def test_a_missing_value_is_null_in_json(answered):
    assert json.loads(answered(MISSING, "json")) == {"parcel": "a", "n_samples": None}


def test_a_tiny_p_does_not_become_0_in_json(answered):
    assert json.loads(answered(SQL, "json").splitlines()[1])["score"] == 1e-20


def test_a_number_survives_json_with_every_digit(answered):
    assert json.loads(answered(SQL, "json").splitlines()[0])["score"] == AWKWARD


def test_a_table_shows_every_digit(answered):
    assert str(AWKWARD) in answered(SQL, "table")


def test_a_missing_value_is_shown_as_null_in_a_table(answered):
    assert "NULL" in answered(MISSING, "table")


def test_parquet_on_standard_output_is_a_whole_file(lake, capfdbinary):
    write_answer(lake, SQL, "parquet")
    table = pq.read_table(io.BytesIO(capfdbinary.readouterr().out))
    assert table["score"].to_pylist() == [AWKWARD, 1e-20]


def test_parquet_is_not_printed_to_a_terminal(lake, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with pytest.raises(QueryError, match="--output FILE"):
        write_answer(lake, SQL, "parquet")


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_an_answer_into_a_file_prints_nothing(lake, tmp_path, capsys, form):
    write_answer(lake, SQL, form, tmp_path / "answer")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_file_has_what_would_have_been_printed(lake, answered, tmp_path, form):
    write_answer(lake, SQL, form, tmp_path / "answer")
    assert (tmp_path / "answer").read_text(encoding="utf-8") == answered(SQL, form)


def test_a_parquet_file_has_the_rows(lake, tmp_path):
    write_answer(lake, SQL, "parquet", tmp_path / "answer.parquet")
    frame = pd.read_parquet(tmp_path / "answer.parquet")
    assert frame.subject.tolist() == ["001", "002"]


def test_an_answer_without_rows_still_has_its_header(answered):
    assert answered("SELECT parcel, t FROM gmv_change", "csv") == "parcel,t\n"


@pytest.mark.parametrize("form", ["table", "csv", "json", "parquet"])
def test_a_fault_found_while_rows_are_fetched_is_told_in_duckdbs_words(lake, tmp_path, form):
    with pytest.raises(QueryError, match="Could not convert string '001x'"):
        sql = "SELECT CAST(subject || 'x' AS INTEGER) FROM clinical_scores"
        write_answer(lake, sql, form, tmp_path / "answer")


def test_an_output_that_cannot_be_written_is_told_in_one_line(lake, tmp_path):
    with pytest.raises(QueryError, match="answer.csv"):
        write_answer(lake, SQL, "csv", tmp_path / "nowhere" / "answer.csv")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\n", "＝"])
def test_a_text_that_begins_like_a_formula_gets_an_apostrophe_in_csv(answered, sign):
    frame = pd.read_csv(
        io.StringIO(answered(f"SELECT '{sign}cmd' AS note, 1 AS n", "csv")), dtype="str"
    )
    assert frame.note.tolist() == [f"'{sign}cmd"]


@pytest.mark.parametrize("before", ["", "a"])
def test_a_carriage_return_does_not_begin_a_row_of_its_own(answered, before):
    text = answered(f"SELECT '{before}' || chr(13) || '=cmd' AS note", "csv")
    frame = pd.read_csv(io.StringIO(text), dtype="str")
    assert "\r" not in text and len(frame) == 1


def test_the_name_of_a_column_is_no_formula_either(answered):
    assert answered("""SELECT 1 AS "=1+1" """, "csv") == "'=1+1\n1\n"


@pytest.mark.parametrize("sql", ["SELECT -1.5 AS n", "SELECT '-1.5' AS n", "SELECT '+2e-3' AS n"])
def test_a_number_keeps_its_sign_in_csv(answered, sql):
    assert answered(sql, "csv").splitlines()[1] in {"-1.5", "+2e-3"}


@pytest.mark.parametrize("form", ["json", "table"])
def test_other_forms_say_a_text_as_it_is(answered, form):
    assert "=1+1" in answered("SELECT '=1+1' AS note", form)
    assert "'=1+1" not in answered("SELECT '=1+1' AS note", form)


def test_a_text_within_an_enumeration_is_guarded_as_well(answered):
    sql = "SELECT '=1'::ENUM ('=1', 'b') AS note"
    assert answered(sql, "csv") == "note\n'=1\n"
