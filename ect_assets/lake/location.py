"""Where a lake lies: a folder, or an object store behind an address such as ``s3://bucket/lake``.

A place is a `Path`, or a `UPath` of universal_pathlib, which has the same names. What differs
between the two is told here, once: looking, listing, reading, writing, taking away.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from ect_assets.problems import StudyError
from ect_assets.whole_files import explain_write_errors, replace_whole

UNUSABLE = re.compile(r"[?\\\ud800-\udfff]|%[0-9A-Fa-f]{2}")
"""What the addresses of SQLite and DuckDB files take for something else, or cannot write at all."""
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")
Place = Path
"""For type checkers; a place in a store is no `Path`, and `is_remote` says so."""
Stamp = tuple[Any, ...]
"""Tells a file apart from the one that takes its name."""


def is_address(text: str) -> bool:
    """Say whether a text names a store rather than a folder."""
    return ADDRESS.match(text) is not None


def refuse_unusable(folder: Path, what: str) -> None:
    """Stop where databases could not be opened in a folder, or would be opened elsewhere.

    Parameters
    ----------
    folder : Path
        Absolute.

    Raises
    ------
    StudyError
    """
    found = UNUSABLE.search(str(folder))
    if found is not None:
        sign = found[0] if found[0].isprintable() else "a character that is not UTF-8"
        shown = str(folder).encode(errors="replace").decode()
        raise StudyError(
            f"{what} {shown!r} has {sign} in its path, with which DuckDB and SQLite "
            "cannot open files. Rename that folder, or move the study; spaces, letters of any "
            "language and other characters are fine."
        )


def is_remote(place: Place) -> bool:
    """Say whether a place is in an object store."""
    return not isinstance(place, Path)


def place_of(text: str, relative_to: Path) -> Place:
    """Return the place that a setting names.

    Parameters
    ----------
    text : str
        A folder, absolute or relative, or an address.

    Raises
    ------
    StudyError
        When the address cannot be used.
    """
    if not is_address(text):
        return Path(os.path.normpath(relative_to / text))
    from ect_assets.lake import object_store

    place: Any = object_store.open_place(text)
    return place


def stamp_of(file: Place) -> Stamp | None:
    """Return what tells a file apart, or None where there is none.

    Raises
    ------
    StoreError
        When it is in a store that is away.
    """
    if is_remote(file):
        return _store().stamp_of(file)
    try:
        return _stamp_of(file.stat())
    except (FileNotFoundError, NotADirectoryError):
        return None


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_size


def read_bytes(file: Place) -> bytes:
    """Read a file.

    Raises
    ------
    FileNotFoundError
    StoreError
        When it is in a store that is away.
    """
    return _store().read(file) if is_remote(file) else file.read_bytes()


def read_tail(file: Place) -> bytes:
    """Read the last bytes of a file in a store: what a Parquet footer needs, and little more.

    Raises
    ------
    FileNotFoundError
    StoreError
        When the store is away.
    """
    return _store().read_tail(file)


def files_below(folder: Place) -> list[Place]:
    """List the files below a folder, sorted; none where there is no folder."""
    if is_remote(folder):
        return [folder / name for name in _store().below(folder)]
    return sorted(file for file in folder.rglob("*") if file.is_file())


def stamps_below(folder: Place) -> dict[str, Stamp]:
    """Tell the files below a folder apart: path relative to it -> stamp."""
    if is_remote(folder):
        return _store().below(folder)
    found = ((file, stamp_of(file)) for file in files_below(folder))
    return {file.relative_to(folder).as_posix(): stamp for file, stamp in found if stamp}


def hive_files(
    folder: Place, keys: Sequence[str], wanted: Mapping[str, str], name: str
) -> Iterator[tuple[tuple[str, ...], Place, Stamp]]:
    """Go through the files of a name in hive folders such as ``parcellation=hcp_mmp``.

    Parameters
    ----------
    keys : sequence of str
        Of the folders, from the outside in.
    wanted : mapping of str to str
        Values that some keys have to have.
    name : str
        Of the files.

    Yields
    ------
    (values, file, stamp)
        Sorted by the values of the keys.
    """
    if is_remote(folder):
        yield from _hive_objects(folder, keys, wanted, name)
        return
    if not keys:
        stamp = stamp_of(folder / name)
        if stamp is not None:
            yield (), folder / name, stamp
        return
    key, *inner = keys
    for value in [wanted[key]] if key in wanted else _values(folder, key):
        for values, file, stamp in hive_files(folder / f"{key}={value}", inner, wanted, name):
            yield (value, *values), file, stamp


def _values(folder: Path, key: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    mark = f"{key}="
    return sorted(one[len(mark) :] for one in names if one.startswith(mark))


def _hive_objects(
    folder: Place, keys: Sequence[str], wanted: Mapping[str, str], name: str
) -> Iterator[tuple[tuple[str, ...], Place, Stamp]]:
    """Ask the store once, however many folders there are."""
    narrow = [f"{keys[0]}={wanted[keys[0]]}"] if keys and keys[0] in wanted else []
    begin = folder.joinpath(*narrow)
    found = []
    for below, stamp in _store().below(begin).items():
        names = (*narrow, *below.split("/"))
        folders, last = names[:-1], names[-1]
        parted = [one.partition("=") for one in folders]
        values = tuple(value for _, _, value in parted)
        if last != name or [key for key, _, _ in parted] != list(keys):
            continue
        if all(wanted.get(key, value) == value for key, value in zip(keys, values, strict=True)):
            found.append((values, begin / below, stamp))
    yield from sorted(found, key=itemgetter(0))


def write_whole(file: Place, write: Callable[[Path], object]) -> None:
    """Write a file that is whole or not there at all, wherever the lake is.

    Parameters
    ----------
    file : Path or UPath
        Its folder is made when missing.
    write : callable
        ``write(path)`` writes the content to another path, which is on this machine.

    Raises
    ------
    WriteError
        As of `whole_files.replace_whole`.
    StoreError
        When the store is away or refuses; what was there before is as it was.
    """
    if not is_remote(file):
        replace_whole(file, write)
        return
    with tempfile.TemporaryDirectory(prefix="ect_") as folder:
        here = Path(folder, file.name)
        with explain_write_errors(here):
            write(here)
        _store().put(file, here.read_bytes())


def remove(file: Place) -> None:
    """Take a file away; nothing where there is none."""
    if is_remote(file):
        _store().remove(file)
    else:
        file.unlink(missing_ok=True)


def remove_folder(folder: Place) -> None:
    """Take a folder away with all that is in it; nothing where there is none."""
    if is_remote(folder):
        _store().remove_below(folder)
    elif folder.is_dir():
        shutil.rmtree(folder)


def _store() -> Any:
    from ect_assets.lake import object_store

    return object_store
