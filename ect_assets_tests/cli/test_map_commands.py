"""`ect associate`: what it hands on, prints and refuses."""

from __future__ import annotations

import pandas as pd
import pytest
from typer.testing import CliRunner

from ect_assets.cli import app
from ect_assets.interface import associate as associate_module
from ect_assets.interface import folder as folder_module
from ect_assets.problems import StudyError
from ect_assets.reference.loaders import expression_matrix


@pytest.fixture
def asked(monkeypatch):
    """Take the place of the computation: what was asked, and where it would be written."""
    seen: dict = {}

    def associate(map, parcellation, nulls, **others):
        seen.update(map=map, parcellation=parcellation, nulls=nulls, **others)
        return "PLS1 explains 12 %"

    def write_folder(found, folder, files):
        seen.update(folder=folder, files=files)

    monkeypatch.setattr(associate_module, "associate", associate)
    monkeypatch.setattr(folder_module, "write_folder", write_folder)
    return seen


def test_a_table_is_read_and_what_was_found_is_printed(asked, tmp_path):
    values = expression_matrix("desikan_killiany")["SST"].astype(float)
    values.to_csv(tmp_path / "map.csv")
    options = ["--nulls", "vasa", "--nulls", "moran", "--n-nulls", "99", "--seed", "3"]
    result = CliRunner().invoke(app, ["associate", str(tmp_path / "map.csv"), *options])
    assert result.exit_code == 0, result.output
    assert "PLS1 explains 12 %" in result.output and "index.html" in result.output
    pd.testing.assert_series_equal(asked["map"], values, check_names=False, rtol=1e-6)
    assert asked["nulls"] == ["vasa", "moran"]
    assert (asked["n_nulls"], asked["seed"], str(asked["folder"])) == (99, 3, "map_association")


def test_a_file_that_is_not_there_is_one_clear_error(asked, tmp_path):
    result = CliRunner().invoke(app, ["associate", str(tmp_path / "none.csv")])
    assert isinstance(result.exception, StudyError) and "There is no file" in str(result.exception)


def test_a_parcellation_that_is_not_packaged_is_named_with_those_that_are(asked, tmp_path):
    result = CliRunner().invoke(app, ["associate", "map.csv", "--parcellation", "mine"])
    assert isinstance(result.exception, StudyError) and "desikan_killiany" in str(result.exception)
