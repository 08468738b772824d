"""Tables of labs: from a description and back, and which frames they take."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.tables import GmvChange
from ect_assets.tables.lab_tables import as_table, described, open_table
from ect_assets.tables.schema import SchemaError


@pytest.fixture
def table():
    return as_table(open_table("any_rows", "Anything.", ("subject",), "my_lab", False))


def test_a_table_is_the_same_after_it_was_written_down():
    found = as_table(described(GmvChange, "my_lab"))
    assert found.columns == GmvChange.columns and found.version() == GmvChange.version()
    assert (found.table_name, found.key, found.module) == ("gmv_change", GmvChange.key, "my_lab")
    assert found.meaning() == GmvChange.meaning()


def test_an_open_table_takes_any_columns_and_keeps_their_order(table):
    kinds = pd.Series(pd.Categorical(["a", "b"]))
    frame = pd.DataFrame({"z": [1.5, None], "subject": "001", "kind": kinds, "simulated": False})
    content = table.to_arrow(frame)
    assert content.column_names == ["subject", "z", "kind", "simulated"]
    assert content["kind"].to_pylist() == ["a", "b"]


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"when": pd.to_datetime(["2026-01-01"])}, "when: expected text, numbers"),
        ({"pair": [[1, 2]]}, "pair: expected text"),
        ({"mixed": [1]}, "MIXED, mixed|mixed more than once"),
        ({3: [1]}, "a text as the name of each"),
        ({"thing": [object()]}, "thing"),
    ],
)
def test_columns_whose_change_would_go_unnoticed_are_refused(table, columns, says):
    frame = pd.DataFrame({"subject": "001", "MIXED": [np.nan], "simulated": False, **columns})
    with pytest.raises(SchemaError, match=says):
        table.to_arrow(frame)


def test_an_open_table_made_from_patients_counts_as_about_them(table):
    from_group = as_table(open_table("means", "Means.", (), "my_lab", False))
    from_patients = as_table(open_table("means", "Means.", (), "my_lab", True))
    assert table.is_about_patients() and from_patients.is_about_patients()
    assert not from_group.is_about_patients()


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": 3, "columns": []}'])
def test_what_is_no_description_is_said_to_be_none(text):
    with pytest.raises(ValueError, match="."):
        as_table(text)
