"""`ect paper --verify`: whether the numbers of a paper are still those of the tables.

Each number's query is asked again, and the number looked up in Markdown, LaTeX and Word, also
where an author has edited the text around it.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb

from ect_assets.export.paper.manifest import (
    MANIFEST,
    answer_digest,
    read_manifest,
    seal_of,
)
from ect_assets.export.paper.numbers import Bound, plain
from ect_assets.export.target_folder import file_digest
from ect_assets.lake.catalogue import QueryError, ask, connect, error_message
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.status import out_of_date_tables
from ect_assets.problems import StudyError
from ect_assets.study import Study

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MARKDOWN = re.compile(r"\[((?:\\.|[^\]\\])*)\]\{#(n\d+)\}")
_LATEX = re.compile(r"\\(?:protect\\)?phantomsection\\label\{(n\d+)\}\{((?:[^{}]|\{[^{}]*\})*)\}")
_LATEX_SIGNS = {
    r"\textless{}": "<",
    r"\textless": "<",
    r"\textgreater{}": ">",
    r"\%": "%",
    "{}": "",
    "{,}": ",",
    "~": " ",
}
CLOSE = 1e-9


@dataclass(frozen=True)
class Verification:
    """What a look at a paper gave.

    Attributes
    ----------
    problems : list of str
        What differs, one sentence each; empty where all is as in the tables.
    edited : list of str
        Files that were changed since they were written, whether or not a number differs.
    numbers : int
        Numbers that were compared.
    """

    problems: list[str]
    edited: list[str]
    numbers: int


def verify_paper(study: Study, folder: Path) -> Verification:
    """Compare the numbers of a paper with the study's tables.

    Parameters
    ----------
    folder : Path
        Of an earlier `ect paper`; its texts may have been edited.

    Raises
    ------
    StudyError
        When there is no paper, or it is of another study.
    """
    folder = folder.expanduser().resolve()
    said = read_manifest(folder)
    if said["study"] != study.name:
        raise StudyError(
            f"{folder} is a paper about the study {said['study']}, not {study.name}. Name its "
            "study with --study."
        )
    numbers = [Bound(**one) for one in said["numbers"]]
    problems = [*_of_the_manifest(said), *_stale(study, said)]
    problems += _of_the_tables(study, said["queries"], numbers)
    edited = [name for name, digest in said["files"].items() if _differs(folder / name, digest)]
    problems += [f"{name} is missing." for name in edited if not (folder / name).exists()]
    for name in said["files"]:
        if (folder / name).exists():
            problems += _of_a_text(folder / name, numbers)
    return Verification(problems, edited, len(numbers))


def _of_the_manifest(said: dict[str, Any]) -> Iterator[str]:
    if seal_of(said) != said.get("digest"):
        yield f"{MANIFEST} was changed after it was written: its digest is not that of its content."


def _stale(study: Study, said: dict[str, Any]) -> Iterator[str]:
    old = set(out_of_date_tables(study))
    stale = [name for name in said["tables"] if name in old]
    if stale:
        yield f"Out of date in {study.name}: {', '.join(stale)}; `ect run` updates them."


def _of_the_tables(
    study: Study, queries: dict[str, dict[str, str]], numbers: list[Bound]
) -> Iterator[str]:
    """Ask every query again: say which number differs, and which other answer."""
    with connect(lake_of(study)) as connection:
        for name, one in queries.items():
            yield from _of_a_query(connection, name, one, numbers)


def _of_a_query(
    connection: duckdb.DuckDBPyConnection, name: str, said: dict[str, str], numbers: list[Bound]
) -> Iterator[str]:
    try:
        answer = ask(connection, said["sql"])
        columns, rows = list(answer.columns), answer.fetchall()
    except (QueryError, duckdb.Error) as error:
        yield f"The query {name} cannot be answered any more: {error_message(error)}"
        return
    if answer_digest(columns, rows) == said["sha256"]:
        return
    compared = [_compared(one, columns, rows) for one in numbers if one.query == name]
    differing = [one for one in compared if one]
    yield from differing
    if not differing:
        yield f"The answer to the query {name} is another one than when this was written."


def _compared(number: Bound, columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Say how a number differs from its cell; empty where it does not."""
    has_cell = number.column in columns and number.row < len(rows)
    now = plain(rows[number.row][columns.index(number.column)]) if has_cell else None
    if _is_same(number.value, now):
        return ""
    found = "is missing" if now is None else f"is {now}"
    return (
        f"{number.anchor} ({number.origin}): the paper has {number.shown} ({number.value}), "
        f"the table's value {found}."
    )


def _is_same(before: Any, now: Any) -> bool:
    if isinstance(before, float) and isinstance(now, int | float):
        return math.isclose(before, now, rel_tol=CLOSE)
    return bool(before == now)


def _differs(file: Path, digest: str) -> bool:
    return not file.exists() or file_digest(file) != digest


def _of_a_text(file: Path, numbers: list[Bound]) -> Iterator[str]:
    reader = READERS.get(file.suffix)
    if reader is None:
        return
    there = reader(file)
    for number in numbers:
        shown = there.get(number.anchor)
        if shown is not None and shown != number.shown:
            yield (
                f"{number.anchor} ({number.origin}): {file.name} has {shown}, "
                f"expected {number.shown}."
            )


def numbers_of_markdown(file: Path) -> dict[str, str]:
    """Read the numbers of a Markdown file by their anchors."""
    found = _MARKDOWN.findall(file.read_text(encoding="utf-8"))
    return {anchor: re.sub(r"\\(.)", r"\1", shown) for shown, anchor in found}


def numbers_of_latex(file: Path) -> dict[str, str]:
    """Read the numbers of a LaTeX file by their labels."""
    found = _LATEX.findall(file.read_text(encoding="utf-8"))
    return {anchor: _without_commands(shown) for anchor, shown in found}


def _without_commands(text: str) -> str:
    for command, sign in _LATEX_SIGNS.items():
        text = text.replace(command, sign)
    return " ".join(text.split())


def numbers_of_word(file: Path) -> dict[str, str]:
    """Read the numbers of a Word file by their bookmarks.

    Raises
    ------
    StudyError
        When it is no Word file.
    """
    try:
        with zipfile.ZipFile(file) as parts:
            root = ElementTree.fromstring(parts.read("word/document.xml"))
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise StudyError(f"{file} cannot be read as a Word file: {error}.") from error
    open_ones: dict[str, str] = {}
    found: dict[str, str] = {}
    for one in root.iter():
        if one.tag == f"{WORD}bookmarkStart":
            open_ones[one.get(f"{WORD}id", "")] = one.get(f"{WORD}name", "")
            found[one.get(f"{WORD}name", "")] = ""
        if one.tag == f"{WORD}bookmarkEnd":
            open_ones.pop(one.get(f"{WORD}id", ""), None)
        if one.tag == f"{WORD}t":
            for name in open_ones.values():
                found[name] += one.text or ""
    return {name: shown for name, shown in found.items() if re.fullmatch(r"n\d+", name)}


READERS = {".md": numbers_of_markdown, ".tex": numbers_of_latex, ".docx": numbers_of_word}
