"""The data dictionary is a Data Package whose every rule the files keep.

The rules that can be read off the standard are checked by hand; `frictionless` checks the whole
where it is installed (it is no dependency: a slow test, skipped without it).
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from ect_assets.export.descriptor import PROFILE
from ect_assets.export.package import export_study
from ect_assets.tables import TABLES

TYPES = {"string", "integer", "number", "boolean", "datetime", "any"}
READERS = {"integer": int, "number": float, "string": str, "boolean": {"true": 1, "false": 0}.get}


@pytest.fixture(scope="module")
def folder(simulated_study, tmp_path_factory) -> Path:
    """An export with patients, in both text formats."""
    folder = tmp_path_factory.mktemp("described") / "export"
    return export_study(simulated_study, folder, ("tsv", "csv"), with_patients=True).folder


@pytest.fixture(scope="module")
def package(folder) -> dict:
    """Its descriptor."""
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def resources(package) -> list[dict]:
    """The tables of the descriptor."""
    return [one for one in package["resources"] if one.get("type") == "table"]


def rows_of(folder: Path, resource: dict) -> list[list[str]]:
    """Read a table by its dialect, the header first."""
    with (folder / resource["path"]).open(encoding="utf-8", newline="") as opened:
        return list(csv.reader(opened, delimiter=resource["dialect"]["delimiter"]))


def test_the_descriptor_names_its_profile(package):
    assert package["$schema"] == PROFILE


def test_names_of_resources_are_unique_and_plain(package):
    names = [one["name"] for one in package["resources"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9._-]+", one) for one in names)


def test_paths_are_relative_and_stay_inside(package):
    paths = [one["path"] for one in package["resources"]]
    assert not [one for one in paths if one.startswith(("/", ".")) or ".." in one.split("/")]


def test_sizes_are_those_of_the_files(package, folder):
    sizes = {one["path"]: one["bytes"] for one in package["resources"]}
    assert sizes == {path: (folder / path).stat().st_size for path in sizes}


def test_the_header_of_each_file_is_that_of_its_schema(resources, folder):
    for one in resources:
        assert rows_of(folder, one)[0] == [field["name"] for field in one["schema"]["fields"]]


def test_the_rows_are_as_many_as_said(resources, folder):
    assert all(len(rows_of(folder, one)) - 1 == one["rows"] for one in resources)


def test_every_field_has_a_known_type_and_a_description(resources):
    fields = [field for one in resources for field in one["schema"]["fields"]]
    assert all(field["type"] in TYPES and field["description"] for field in fields)


def test_units_are_those_of_the_tables(resources):
    said = {
        (one["title"].replace(" ", "_"), field["name"]): field.get("unit")
        for one in resources
        for field in one["schema"]["fields"]
    }
    ours = {(name, one.name): one.unit for name, table in TABLES.items() for one in table.columns}
    assert {key: unit for key, unit in said.items() if key in ours} == {
        key: ours[key] for key in said if key in ours
    }


def test_keys_are_unique_and_never_missing(resources, folder):
    for one in resources:
        header, *rows = rows_of(folder, one)
        places = [header.index(name) for name in one["schema"]["primaryKey"]]
        keys = [tuple(row[place] for place in places) for row in rows]
        assert len(set(keys)) == len(keys)
        assert not set(one["schema"]["missingValues"]) & {cell for key in keys for cell in key}


def test_every_cell_keeps_the_limits_of_its_field(resources, folder):
    for one in resources:
        missing = set(one["schema"]["missingValues"])
        _, *rows = rows_of(folder, one)
        for place, field in enumerate(one["schema"]["fields"]):
            cells = [row[place] for row in rows]
            assert broken(field, cells, missing) == [], (one["name"], field["name"])


def broken(field: dict, cells: list[str], missing: set[str]) -> list[str]:
    """List the cells that their field does not allow."""
    limits, read = field.get("constraints", {}), READERS[field["type"]]
    there = [cell for cell in cells if cell not in missing]
    found = [cell for cell in there if read(cell) is None]
    found += [cell for cell in there if read(cell) < limits.get("minimum", read(cell))]
    found += [cell for cell in there if read(cell) > limits.get("maximum", read(cell))]
    found += [cell for cell in there if cell not in limits.get("enum", [cell])]
    return found + (missing_cells(cells, missing) if limits.get("required") else [])


def missing_cells(cells: list[str], missing: set[str]) -> list[str]:
    """List the cells that say that there is no value."""
    return [cell for cell in cells if cell in missing]


@pytest.mark.slow
def test_frictionless_finds_no_fault(folder):
    frictionless = pytest.importorskip("frictionless")
    report = frictionless.Package(str(folder / "datapackage.json")).validate()
    assert report.flatten(["type", "note"]) == []
