"""No regular expression of ours takes more than linear time, whatever a file holds."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import ect_assets
from ect_assets_tests.regex_steps import Counter, TooManyStepsError, hostile_texts

PACKAGE = Path(ect_assets.__file__).parent
OUR_OWN_TEXTS = ("reference/build", "example_queries.py", "export/origins.py", "storage.py")
"""What these patterns read is packaged with us or written by us."""
SEARCHES = re.compile(r"\b(\w+)\.(?:search|findall|finditer|sub|split)\(")
N = 16
MOST_GROWTH = 2.6
"""Of the steps when the text is twice as long: 2 is linear, 4 is quadratic."""


def modules() -> list[Path]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [one for one in files if not any(part in one.as_posix() for part in OUR_OWN_TEXTS)]


def patterns_of(file: Path) -> Iterator[tuple[str, re.Pattern[str], bool]]:
    """List a module's patterns, and whether each is searched for within texts."""
    source = file.read_text(encoding="utf-8")
    if "re.compile(" in source:
        name = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for known, value in vars(importlib.import_module(name)).items():
            several = value if isinstance(value, tuple) else (value,)
            for one in several:
                if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                    yield known, one, known in SEARCHED or isinstance(value, tuple)
    for call in ast.walk(ast.parse(source)):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.args):
            continue
        first, called = call.args[0], ast.unparse(call.func)
        is_ours = called.startswith("re.") or ".str." in called
        if is_ours and isinstance(first, ast.Constant) and isinstance(first.value, str):
            method = call.func.attr
            if method in ("search", "findall", "sub", "split", "contains", "fullmatch", "match"):
                yield (
                    f"line {call.lineno}",
                    re.compile(first.value),
                    method not in ("fullmatch", "match"),
                )


SEARCHED = {name for file in modules() for name in SEARCHES.findall(file.read_text("utf-8"))}
ALL = [
    pytest.param(pattern, searched, id=f"{file.relative_to(PACKAGE)} {name}")
    for file in modules()
    for name, pattern, searched in patterns_of(file)
]


def growth(pattern: re.Pattern[str], texts: Iterable[tuple[str, str]], everywhere: bool) -> float:
    """Return by how much the steps grow, at most, when a text is twice as long."""
    counter, most = Counter(pattern), 0.0
    for short, long in texts:
        try:
            most = max(most, counter.count(long, everywhere) / counter.count(short, everywhere))
        except TooManyStepsError:
            return float("inf")
        if most >= MOST_GROWTH:
            break
    return most


def test_the_patterns_are_found():
    assert len(ALL) > 50


@pytest.fixture(autouse=True)
def deep():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize(("pattern", "searched"), ALL)
def test_a_text_twice_as_long_takes_twice_the_steps(pattern, searched):
    texts = list(zip(hostile_texts(pattern, N), hostile_texts(pattern, 2 * N), strict=True))
    if texts:
        assert growth(pattern, texts, searched) < MOST_GROWTH


@pytest.mark.parametrize("bad", [r"(?:[ _]+[\w.]*)*x", r"(a+)+$", r"(?:a|a)*b"])
def test_the_counter_sees_exponential_time(bad):
    pattern = re.compile(bad)
    texts = [(f"{'_a' * 6}\0", f"{'_a' * 12}\0"), ("a" * 10 + "\0", "a" * 20 + "\0")]
    assert growth(pattern, texts, False) > 20


@pytest.mark.parametrize("bad", [r"[a-z]{2,}\^", r"\d+\.?\d*$"])
def test_the_counter_sees_quadratic_time(bad):
    texts = [(sign * N + "\0", sign * 2 * N + "\0") for sign in "a1"]
    assert growth(re.compile(bad), texts, True) > 3
