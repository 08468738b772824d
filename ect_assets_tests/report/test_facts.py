"""A number of the page is what its SQL gives."""

from __future__ import annotations

import subprocess

import duckdb
import pytest

from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.pages.facts import (
    Facts,
    command,
    fixed,
    p_relation,
    p_value,
    percent,
    plain_cell,
    signed,
    whole,
)


@pytest.fixture
def facts():
    with duckdb.connect() as connection:
        yield Facts(connection, Setting("my'atlas", ("pre", "post"), "moran", False))


def test_a_number_carries_its_value_in_full(facts):
    shown = facts.ask("SELECT 2.0 / 3 AS share").show("share", fixed(2))
    assert 'data-value="0.6666666666666666"' in shown
    assert shown.endswith(">0.67</a>")


def test_a_number_links_to_its_query(facts):
    facts.ask("SELECT 1 AS one")
    assert 'href="#sql-2"' in facts.ask("SELECT 2 AS two").show("two")


def test_a_query_that_is_asked_twice_keeps_its_number(facts):
    assert facts.ask("SELECT 1 AS n").number == facts.ask("SELECT 1 AS n").number
    assert len(facts.answers) == 1


def test_the_settings_stand_in_the_query(facts):
    assert facts.ask("SELECT '{parcellation}' AS name").value("name") == "my'atlas"


@pytest.mark.parametrize("nothing", ["NULL::DOUBLE", "'nan'::DOUBLE"])
def test_a_missing_number_is_not_known(facts, nothing):
    answer = facts.ask(f"SELECT {nothing} AS share")
    assert answer.show("share") == '<span class="unknown">not known</span>'


def test_what_a_query_quotes_cannot_become_markup(facts):
    shown = facts.ask("""SELECT 1 AS n, '"><script>' AS text""").show("n")
    assert "<script>" not in shown


def test_an_answer_without_rows_is_false(facts):
    assert not facts.ask("SELECT 1 AS n WHERE false")


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1", 'SELECT "a b" FROM t', "SELECT '$HOME', '`id`'", r"SELECT '\n' AS a, 'it''s'"],
)
def test_a_shell_takes_the_command_as_it_is(sql):
    typed = command(sql).replace("ect sql", "printf %s", 1)
    assert subprocess.run(["sh", "-c", typed], capture_output=True, text=True).stdout == sql


@pytest.mark.parametrize(
    ("style", "value", "written"),
    [
        (whole, 15633, "15,633"),
        (fixed(1), -0.04, "0.0"),
        (fixed(2), -13.934, "−13.93"),
        (signed(1), 1.26, "+1.3"),
        (signed(0), -1234.0, "−1,234"),
        (percent(1), 0.1934, "19.3 %"),
        (p_value, 0.0002, "<0.001"),
        (p_value, 0.0126, "0.013"),
        (p_relation, 0.0002, "< 0.001"),
        (p_relation, 0.5, "= 0.500"),
    ],
)
def test_a_number_is_written_as_papers_do(style, value, written):
    assert style(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, ""), (float("nan"), ""), (0.123456789, "0.123457"), (["a", 1.5], "a, 1.5"), (7, "7")],
)
def test_a_plain_cell_is_short(value, written):
    assert plain_cell(value) == written
