"""The data dictionary says what the tables say."""

from __future__ import annotations

import pytest

from ect_assets.tables import TABLES
from ect_assets.tables.data_dictionary import data_dictionary
from ect_assets_tests.paths import ROOT

FILE = ROOT / "docs" / "data_dictionary.md"


def test_the_file_in_docs_is_what_make_docs_writes():
    assert FILE.read_text(encoding="utf-8") == data_dictionary(), "run `make docs`"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_section(name):
    assert f"\n## {name}\n" in data_dictionary()


def test_a_key_is_bold_and_has_its_type_and_meaning():
    line = "| **subject** | varchar |  | study's label of the patient, without `sub-` |"
    assert line in data_dictionary().splitlines()


def test_a_column_that_may_be_missing_says_so_with_its_unit():
    line = "| etiv_mm3 | double, may be missing | mm3 | estimated total intracranial volume |"
    assert line in data_dictionary().splitlines()


def test_every_row_of_a_section_has_four_cells():
    rows = [line for line in data_dictionary().splitlines() if line.startswith("|")]
    assert [row for row in rows if row.count("|") != 5] == []
