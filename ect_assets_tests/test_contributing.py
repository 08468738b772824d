"""The contributor's kit names files that are there, and runs what `make lint` runs."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import ect_assets
from ect_assets.tables import TABLES
from ect_assets_tests.paths import ROOT

PACKAGE = Path(ect_assets.__file__).parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOM = re.compile(r"^\| `(?P<room>\w+)/` \|.*$", re.M)
PATH = re.compile(r"`([\w./-]+(?:/|\.(?:py|md|sql|toml|yml|yaml|cff|parquet|sha256)))`")
BASES = (ROOT, PACKAGE, ROOT / "docs")
OF_A_STUDY = {"study.toml", "dagster.yaml", "_problems/", "_tables/"}
ROOMS = {row["room"]: PATH.findall(row[0]) for row in ROOM.finditer(ARCHITECTURE)}


def missing(names, bases):
    named = set(names) - OF_A_STUDY
    return sorted(name for name in named if not any((base / name).exists() for base in bases))


def test_every_path_of_contributing_is_there():
    assert missing(PATH.findall(CONTRIBUTING), (ROOT,)) == []


def test_contributing_answers_where_twenty_changes_go():
    answers = CONTRIBUTING.partition("## Where is")[2].partition("\n## ")[0]
    rows = [line for line in answers.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 20 and [row for row in rows if not PATH.findall(row)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_path_in_the_row_of_a_room_is_there(room):
    folder = PACKAGE / room
    below = [one for one in folder.rglob("*") if one.is_dir()]
    assert missing(ROOMS[room], (PACKAGE, folder, *below)) == []


def test_every_path_in_the_text_of_the_architecture_is_there():
    text = "\n".join(line for line in ARCHITECTURE.splitlines() if not line.startswith("|"))
    assert missing(PATH.findall(text), BASES) == []


def test_the_table_of_rooms_names_every_package():
    packages = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert set(ROOMS) == packages


def test_pre_commit_runs_the_commands_of_make_lint():
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (source,) = settings["repos"]
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2]
    commands = re.findall(r"^\t\$\(BIN\)/(.+)$", recipe.partition("\n\n")[0], re.M)
    entries = [hook["entry"].removeprefix(".venv/bin/") for hook in source["hooks"]]
    assert entries == commands and source["repo"] == "local"


def test_the_workflow_runs_each_python_that_the_project_allows():
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    versions = yaml.safe_load(text)["jobs"]["test"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14" and versions == ["3.11", "3.12", "3.13"]


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda one: one.name
)
def test_the_forms_of_issues_can_be_read(form):
    assert yaml.safe_load(form.read_text(encoding="utf-8"))


def test_a_report_of_a_fault_asks_for_what_is_needed_and_for_no_patient_data():
    text = (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8")
    needed = {
        one["id"]
        for one in yaml.safe_load(text)["body"]
        if one.get("validations", {}).get("required")
    }
    assert {"command", "message", "version"} <= needed and "No patient data" in text


def test_the_version_in_the_citation_is_that_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ect_assets.__version__


def test_the_changelog_has_a_section_for_the_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {ect_assets.__version__}" in text and "\n## Unreleased" in text


POINTS = re.compile(r"belong|decided in|known in|worked out in|\b(?:is|are|stands?) in ")
NAMED = re.compile(r"(?<!`)`([a-z_][a-z_.]*)`(?!`)")


def defined_names() -> set[str]:
    """Name every module, package, table, and every function and constant of a module."""
    found = set(TABLES)
    for file in PACKAGE.rglob("*.py"):
        found |= {file.stem, file.parent.name}
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                found.add(node.name)
    return found


def test_a_docstring_that_points_to_a_module_names_one_that_is_there():
    known, wrong = defined_names(), []
    for file in sorted(PACKAGE.rglob("*.py")):
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        for sentence in re.split(r"(?<=[.;])\s", text.replace("\n", " ")):
            names = NAMED.findall(sentence) if POINTS.search(sentence) else []
            wrong += [
                f"{file.relative_to(ROOT)}: {name}"
                for name in names
                if name.split(".")[-1] not in known and "." not in name
            ]
    assert wrong == []
