"""Tables as spreadsheets leave them: read as meant, or refused with the line to fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from ect_assets.intake.tsv import TableFileError, describe, parse_number, read_tsv
from ect_assets_tests.effort import effort_of


def written(folder: Path, content: bytes) -> Path:
    file = folder / "table.tsv"
    file.write_bytes(content)
    return file


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    frame = read_tsv(written(tmp_path, b"\xef\xbb\xbfa\tb\n1\t2\n"))
    assert list(frame.columns) == ["a", "b"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_of_every_system_are_understood(tmp_path, end):
    frame = read_tsv(written(tmp_path, end.join([b"a\tb", b"1\tx", b"2\ty", b""])))
    assert frame["b"].tolist() == ["x", "y"]


def test_blank_lines_are_passed_over_and_rows_keep_the_line_of_the_file(tmp_path):
    frame = read_tsv(written(tmp_path, b"a\tb\n\n1\t2\n\t\n3\t4\n"))
    assert frame.index.tolist() == [3, 5]


def test_not_available_and_empty_are_missing(tmp_path):
    frame = read_tsv(written(tmp_path, b"a\tb\nn/a\t\nN/A\tx\n"))
    assert frame.isna().to_numpy().tolist() == [[True, True], [True, False]]


def test_quotation_marks_around_text_are_taken_off(tmp_path):
    frame = read_tsv(written(tmp_path, b'"a"\tb\n"x"\t5" scar\n'))
    assert frame.iloc[0].tolist() == ["x", '5" scar']


def test_a_table_of_a_header_alone_has_no_rows(tmp_path):
    assert read_tsv(written(tmp_path, b"a\tb\n")).shape == (0, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a,b\n1,2\n", "separated by commas, not tabs"),
        (b"a;b\n1;2\n", "separated by semicolons, not tabs"),
        (b"a\tb\n1\t2\n3\n", "line 3 has 1 cells, expected 2"),
        (b"a\tb\n1\tM\xfcller\n", "line 2 is not UTF-8"),
        (b"\xff\xfea\x00\t\x00b\x00", "not UTF-8"),
        (b"", "is empty"),
        (b"a\t\tb\n1\t2\t3\n", "no name for column 2"),
        (b"a\tb\ta\n1\t2\t3\n", "two columns of one name: a"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path, content, told):
    with pytest.raises(TableFileError, match=told):
        read_tsv(written(tmp_path, content), "phenotype/table.tsv")


def test_a_refusal_names_the_file_as_it_is_told_to(tmp_path):
    with pytest.raises(TableFileError, match="^phenotype/table.tsv is missing"):
        read_tsv(tmp_path / "table.tsv", "phenotype/table.tsv")


@pytest.mark.parametrize("text", ["nan", "inf", "1_000", "0x1f", "12,5", "", "1 2"])
def test_what_only_looks_like_a_number_is_none(text):
    assert parse_number(text) is None


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("-1.5", -1.5), (".5", 0.5), ("1e3", 1000)])
def test_plain_numbers_are_read(text, number):
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("12,5", "a number with a decimal comma"),
        ("1980-02-03", "a date"),
        ("Jane", "text"),
        ("n/a", "nothing"),
    ],
)
def test_a_cell_is_described_without_being_quoted(text, words):
    assert describe(text) == words


def test_a_table_whose_content_is_not_here_says_how_to_fetch_it(tmp_path):
    (tmp_path / "table.tsv").symlink_to(tmp_path / "annex")
    with pytest.raises(TableFileError, match="datalad get"):
        read_tsv(tmp_path / "table.tsv")


def test_many_columns_are_looked_through_at_once(tmp_path):
    names = [f"column{number}" for number in range(50_000)]
    (tmp_path / "table.tsv").write_text("\t".join([*names, "column7"]) + "\n")

    def look_through():
        with pytest.raises(TableFileError, match="two columns of one name: column7"):
            read_tsv(tmp_path / "table.tsv")

    assert effort_of(look_through) < 30
