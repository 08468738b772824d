"""The product's texts and the documentation speak the language of the field."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ect_assets

PRODUCT = Path(ect_assets.__file__).parent
ROOT = PRODUCT.parent
INSTEAD = {
    r"mend(s|ed|ing)?": "fix",
    r"anew": "again; recompute, rebuild",
    r"whoever": "the user, anyone",
    r"nobody's": "no patient's",
    r"not to be had|to be had": "unavailable",
    r"told plainly|plain words": "message",
    r"(the|a|whole|small) walk|walks through": "the pipeline, its steps",
    r"stations?": "asset group",
    r"not its business": "out of its scope",
    r"made by itself": "materialized automatically",
    r"cr(ies|y) wolf": "false positive rate",
    r"breaks? (its|the table's) promises?": "violates the schema",
}
BANNED = {re.compile(rf"\b({old})\b", re.IGNORECASE): new for old, new in INSTEAD.items()}
OF_DATA = {"demo"}
"""Rooms whose texts are bytes of a data set, which a change of words would write again."""


def _sources() -> list[Path]:
    return [file for file in sorted(PRODUCT.rglob("*.py")) if file.parent.name not in OF_DATA]


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """Give the lines of a source file that belong to a text, a docstring or a comment."""
    lines = file.read_text(encoding="utf-8").splitlines()
    numbers = {number for number, line in enumerate(lines, 1) if line.lstrip().startswith("#")}
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            numbers.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return ((number, lines[number - 1]) for number in sorted(numbers))


def _found(name: str, lines: Iterator[tuple[int, str]]) -> list[str]:
    return [
        f"{name}:{number}: {hit[0]!r}, say {new}"
        for number, line in lines
        for pattern, new in BANNED.items()
        if (hit := pattern.search(line))
    ]


@pytest.mark.parametrize("file", _sources(), ids=lambda file: str(file.relative_to(PRODUCT)))
def test_texts_of_the_product_have_no_word_of_a_dialect(file):
    assert _found(str(file.relative_to(ROOT)), _texts(file)) == []


@pytest.mark.parametrize("name", ["README.md", "docs", "data_lake/README.md"])
def test_pages_have_no_word_of_a_dialect(name):
    place = ROOT / name
    pages = [place] if place.is_file() else sorted(place.rglob("*.md"))
    lines = {page: page.read_text(encoding="utf-8").splitlines() for page in pages}
    found = [
        fault
        for page, text in lines.items()
        for fault in _found(str(page.relative_to(ROOT)), iter(enumerate(text, 1)))
    ]
    assert pages and found == []


@pytest.mark.parametrize(
    "line", ["Mend it.", "is made anew", "nobody's", "The whole walk", "a station of it"]
)
def test_such_words_are_found(line):
    assert len(_found("a page", iter([(1, line)]))) == 1
