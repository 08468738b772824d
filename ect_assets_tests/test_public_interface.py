"""The public Python interface: named, documented, and imported only when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ect_assets
from docs.api_page import api_page
from docs.module_page import module_page
from ect_assets_tests.paths import ROOT

PAGE = ROOT / "docs" / "api.md"
MODULES = ROOT / "docs" / "modules.md"
HEAVY = ("dagster", "pandas", "numpy", "pydantic", "duckdb")


def test_importing_the_package_imports_no_library():
    code = f"import ect_assets, sys; print([one for one in {HEAVY} if one in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("name", ect_assets.__all__)
def test_every_public_name_can_be_imported_and_says_what_it_is(name):
    found = getattr(ect_assets, name)
    assert name == "__version__" or (found.__name__ == name and found.__doc__)


def test_the_public_names_import_neither_dagster_nor_libraries_of_figures():
    never = ("dagster", "matplotlib", "nilearn", "abagen", "antspyx")
    code = f"from ect_assets import *; import sys; print([m for m in {never} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_a_name_that_is_not_public_is_refused_as_by_any_module():
    with pytest.raises(AttributeError, match="no attribute 'nothing_of_ours'"):
        ect_assets.nothing_of_ours  # noqa: B018


def test_the_public_names_are_listed_for_completion():
    assert set(ect_assets.__all__) <= set(dir(ect_assets))


def test_the_page_in_docs_is_what_make_docs_writes():
    assert PAGE.read_text(encoding="utf-8") == api_page(), "run `make docs`"


def test_the_page_of_modules_is_what_make_docs_writes_and_each_has_a_sentence():
    page = module_page()
    assert MODULES.read_text(encoding="utf-8") == page, "run `make docs`"
    assert [line for line in page.splitlines() if line.endswith("|  |")] == []


def test_every_function_of_the_page_has_a_sentence():
    rows = [line for line in api_page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if not row.split(" | ")[1].rstrip(" |").endswith(".")] == []
