"""A table on a terminal fits its window, and says what it leaves out."""

from __future__ import annotations

import duckdb
import pytest
from rich.cells import cell_len

from ect_assets.cli.answer_table import Shown, cell, drawn, fitting, looked_at

WIDE = Shown(["value", "note", "parcel"], [["1.5", "a long note of words", "lh_a"]], 1, [True] * 3)


def answered(sql: str) -> Shown:
    """Look at an answer."""
    return looked_at(duckdb.connect().sql(sql))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (1e-20, "1e-20"),
        (123456.78, "123457"),
        (9999.7, "10000"),
        (float("nan"), "nan"),
        (None, "NULL"),
        (12345678901, "12345678901"),
        (True, "True"),
        ("two\nlines", "two lines"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_a_cell_is_rounded_for_the_eye(value, shown):
    assert cell(value) == shown


def test_keys_come_first_where_not_all_columns_fit():
    assert fitting(WIDE, 200, {"parcel"}) == [2, 0, 1]
    assert fitting(WIDE, 20, {"parcel"}) == [2, 0]


def test_a_window_of_any_width_shows_at_least_one_column():
    assert fitting(WIDE, 3, set()) == [0]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_of_a_table_is_wider_than_the_window(width):
    columns = ", ".join(f"{one} + i AS column_{one}" for one in range(30))
    text = drawn(answered(f"SELECT {columns} FROM range(5) AS r(i)"), width, set())
    assert all(cell_len(line) <= width for line in text.splitlines() if line[:1] in "┌│├└")
    assert "5 rows; not shown: " in text and "column_29" in text


def test_all_rows_are_counted_and_the_first_and_last_are_shown():
    found = answered("SELECT i FROM range(25000) AS r(i)")
    assert found.n_rows == 25_000
    shown = [*range(40), *range(24_990, 25_000)]
    assert [row[0] for row in found.rows] == [str(one) for one in shown]
    assert "25,000 rows, the first 40 and last 10 shown" in drawn(found, 80, set())


@pytest.mark.parametrize(("n", "words"), [(0, "0 rows."), (1, "1 row."), (50, "50 rows.")])
def test_a_short_answer_is_shown_whole(n, words):
    found = answered(f"SELECT i FROM range({n}) AS r(i)")
    assert len(found.rows) == n
    assert words in drawn(found, 80, set())


def test_two_columns_of_one_name_stay_two():
    assert answered("SELECT 1 AS a, 2 AS a").rows == [["1", "2"]]


def test_a_text_in_brackets_is_no_style():
    assert "[red]" in drawn(answered("SELECT '[red]x' AS a"), 80, set())
