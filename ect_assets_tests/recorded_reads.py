"""Records what a step reads while it works: settings, tables and files.

Settings are recorded one by one, as `Step.settings` names them; tables by name; files of the study
by path. What a step may read is worked out from its declarations in `undeclared`.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ect_assets.lake.store import Lake
from ect_assets.pipeline.all_steps import STEP_OF, STEPS
from ect_assets.pipeline.step import Step, Work
from ect_assets.reference.loaders import reference_file
from ect_assets.study import Study
from ect_assets.study.base import Settings

NO_RESULT_DEPENDS_ON = {"folder", "bids", "lake", "simulated", "name"}
"""Places (whose files have digests), and what the digest has in any case."""
OF_TABLES = ("partitions", "read", "read_partitions", "parts", "footer", "failure")
PACKAGED = reference_file("go_terms.parquet").resolve().parent


@dataclass
class Reads:
    """What was read."""

    settings: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    all_problems: bool = False
    files: set[Path] = field(default_factory=set)


_recording: list[Reads] = []
_names: dict[int, str] = {}


def _note_file(event: str, arguments: tuple[Any, ...]) -> None:
    if _recording and event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        is_written = isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if not is_written:
            _recording[-1].files.add(Path(arguments[0]).resolve())


# A hook cannot be taken away: one for all recorders, which notes only while one is entered.
sys.addaudithook(_note_file)


def names_of(study: Study) -> dict[int, str]:
    """Name each group of settings of a study by where it stands."""
    names: dict[int, str] = {}

    def go(value: Any, name: str) -> None:
        if isinstance(value, Settings):
            names[id(value)] = name
            for one in type(value).model_fields:
                go(value.__dict__[one], f"{name}.{one}".removeprefix("."))
        elif isinstance(value, dict):
            for key, one in value.items():
                go(one, f"{name}.{key}")

    go(study, "")
    return names


@contextmanager
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every read be noted that happens while `recorded` is entered."""
    names = _names
    get = Settings.__getattribute__

    def noted(self: Settings, name: str) -> Any:
        value = get(self, name)
        if _recording and id(self) in names and name in type(self).model_fields:
            is_named = isinstance(value, dict) and any(id(one) in names for one in value.values())
            path = f"{names[id(self)]}.{name}".removeprefix(".")
            if id(value) not in names:
                _recording[-1].settings.add(f"{path}.*" if is_named else path)
        return value

    monkeypatch.setattr(Settings, "__getattribute__", noted, raising=False)
    for method in OF_TABLES:
        monkeypatch.setattr(Lake, method, _noting_table(getattr(Lake, method)))
    failures = Lake.failures

    def noting_failures(self: Lake) -> Any:
        if _recording:
            _recording[-1].all_problems = True
        return failures(self)

    monkeypatch.setattr(Lake, "failures", noting_failures)
    yield
    _recording.clear()


def _noting_table(method: Any) -> Any:
    def noted(self: Lake, table: Any, *rest: Any, **named: Any) -> Any:
        if _recording:
            _recording[-1].tables.add(table.table_name)
        return method(self, table, *rest, **named)

    return noted


@contextmanager
def watched_steps(found: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every step add to `found`, by its name, what it reads without declaring it."""
    for step in STEPS:
        monkeypatch.setitem(step.__dict__, "make", _watched(step, found))
    with recorder(monkeypatch):
        yield


def _watched(step: Step, found: dict[str, set[str]]) -> Callable[..., Any]:
    make = step.make

    @functools.wraps(make)
    def noting(work: Work, **inputs: Any) -> Any:
        with recorded(work.study) as reads:
            made = make(work, **inputs)
        found.setdefault(step.name, set()).update(undeclared(step, work, reads))
        return made

    return noting


@contextmanager
def recorded(study: Study) -> Iterator[Reads]:
    """Note what is read until this is left."""
    reads = Reads()
    _names.clear()
    _names.update(names_of(study))
    _recording.append(reads)
    try:
        yield reads
    finally:
        _recording.pop()


def undeclared(step: Step, work: Work, reads: Reads) -> list[str]:
    """List what a step read of which its declarations say nothing."""
    found = [
        f"setting {name.removesuffix('.*')}"
        for name in reads.settings
        if not _is_declared(name, step, work.partition)
    ]
    known = {step.name, *step.upstream}
    found += [f"table {name}" for name in reads.tables - known if not step.reads_by_sql]
    if reads.all_problems and not step.reads_problems:
        found.append("problems of all tables")
    return sorted([*found, *_undeclared_files(step, work, reads.files)])


def _is_declared(name: str, step: Step, partition: Mapping[str, str]) -> bool:
    if name.split(".")[0] in NO_RESULT_DEPENDS_ON:
        return True
    declared = [one.format(**partition) for one in step.settings]
    group = name.removesuffix(".*")
    if group != name and any(one.startswith(f"{group}.") for one in declared):
        return True
    return any(group == one or group.startswith(f"{one}.") for one in declared)


def _undeclared_files(step: Step, work: Work, files: set[Path]) -> list[str]:
    folder = work.study.folder.resolve()
    ours = [folder / one for one in ("data_lake", ".cache", ".dagster")]
    known = {one.resolve() for one in _declared_files(step, work)}
    of_study = {
        one
        for one in files
        if one.is_relative_to(folder)
        and one.is_file()
        and not any(one.is_relative_to(place) for place in ours)
    }
    packaged = {one.name for one in files if one.is_relative_to(PACKAGED) and one.is_file()}
    return [f"file {one.relative_to(folder)}" for one in of_study - known] + [
        f"packaged file {one}" for one in packaged.difference(step.reference)
    ]


def _declared_files(step: Step, work: Work) -> set[Path]:
    """List the files of a step, and of the steps that it follows, whose tables stand for them."""
    names = [step.name]
    for name in names:
        names += [one for one in STEP_OF[name].upstream if one not in names]
    declared = set()
    for one in (STEP_OF[name] for name in names):
        shared = {
            key: value for key, value in work.partition.items() if key in one.table.partitions
        }
        partitions = [work.partition] if one is step else work.lake.partitions(one.table, shared)
        for partition in partitions if one.sources else ():
            declared |= set(one.files(work.study, partition))
    return declared
