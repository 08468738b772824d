"""Importing a lab's modules: those that study.toml names, and those of installed packages.

The study's folder is put at the end of Python's path for that, so that a module there cannot take
the place of an installed one. What is wrong with one module is said of it, and stops no other.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from ect_assets.intake.volumes.sources import further_source
from ect_assets.science.nulls import registered_models
from ect_assets.study import STUDY_FILE, Study

STEPS, NULL_MODELS, VOLUME_SOURCES = (
    "ect_assets.steps",
    "ect_assets.null_models",
    "ect_assets.volume_sources",
)
"""Groups of entry points: of modules with assets, of functions, of classes."""
_folders: list[str] = []
"""The study's folder on Python's path; one at a time."""


@dataclass(frozen=True)
class Imported:
    """A module of a lab's own.

    Attributes
    ----------
    module : module or None
        None where it could not be imported.
    fault : str
        Why; else empty.
    """

    name: str
    module: ModuleType | None
    fault: str = ""


def import_modules(study: Study) -> Iterator[Imported]:
    """Import all that a study's settings and the installed packages name, one by one."""
    for one in _entry_points(STEPS):
        yield _imported(one.value, one.load, f"entry point {one.name} of {STEPS}")
    for one in _entry_points(NULL_MODELS):
        yield _without_assets(one, partial(_register_model, one))
    for one in _entry_points(VOLUME_SOURCES):
        yield _without_assets(one, partial(_register_source, one))
    if study.extensions.modules:
        _put_on_path(study.folder)
    for name in study.extensions.modules:
        yield _imported(name, partial(_import, study, name), f"{STUDY_FILE} [extensions]")


def _entry_points(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda one: one.name)


def _without_assets(one: EntryPoint, register: Callable[[], None]) -> Imported:
    return _imported(one.value, register, f"entry point {one.name} of {one.group}")


def _register_model(one: EntryPoint) -> None:
    registered_models.register(one.name, one.load())


def _register_source(one: EntryPoint) -> None:
    further_source(one.load())


def _imported(name: str, load: Callable[[], object], where: str) -> Imported:
    try:
        found = load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - a module may end the process: not ours
        return Imported(name, None, f"{where}: {name} cannot be imported: {_said(error, name)}")
    if found is not None and not isinstance(found, ModuleType):
        return Imported(name, None, f"{where}: {name} is no module; name the module itself.")
    return Imported(name, found)


def _import(study: Study, name: str) -> ModuleType:
    _forget_others(study.folder, name.partition(".")[0])
    return importlib.import_module(name)


def _put_on_path(folder: Path) -> None:
    """Let the modules beside study.toml be found, after all others, and of no other study."""
    for other in _folders:
        if other in sys.path:
            sys.path.remove(other)
    _folders[:] = [str(folder)]
    sys.path.append(str(folder))
    importlib.invalidate_caches()


def _forget_others(folder: Path, top: str) -> None:
    """Forget a module of this name that was imported from another study's folder."""
    loaded = sys.modules.get(top)
    there = PathFinder.find_spec(top, [str(folder)])
    if loaded is None or there is None or loaded.__spec__ is None:
        return
    before, now = loaded.__spec__.origin, there.origin
    is_of_a_study = before is not None and (Path(before).parents[1] / STUDY_FILE).is_file()
    is_beside = before is not None and (Path(before).parent / STUDY_FILE).is_file()
    if before != now and (is_of_a_study or is_beside):
        for name in [one for one in sys.modules if one == top or one.startswith(f"{top}.")]:
            del sys.modules[name]


def _said(error: BaseException, name: str) -> str:
    """Say what is wrong, and where in the lab's own files."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "importlib" not in one[0]]
    line = f" ({Path(frames[-1].filename).name} line {frames[-1].lineno})" if frames[2:] else ""
    if isinstance(error, ModuleNotFoundError) and name.startswith(error.name or "?"):
        first = name.replace(".", "/")
        return f"there is no {first}.py beside {STUDY_FILE}, nor an installed module {name}."
    return f"{type(error).__name__}: {error}{line}. Fix it, or take it out."
