"""Files that are whole or not there at all, even if the writer is killed.

What is being written stands beside its place under a name that no reader looks for, and is locked
as long as its writer lives. What a file holds belongs in `store` and `catalogue`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ect_assets.problems import EctError

WRITING = ".writing"
OLD_SECONDS = 3600
"""Where a file system knows no locks, what is older than this has no writer any more."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


class WriteError(EctError):
    """A file could not be written; what was there before is as it was."""


def replace_whole(file: Path, write: Callable[[Path], object]) -> None:
    """Write beside a file, flush to the disk, then take its name in one step.

    Parameters
    ----------
    file : Path
        Its folder is made when missing.
    write : callable
        ``write(path)`` writes the content to another path, which is on this machine.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only; nothing is left behind then.
    """
    with explain_write_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        with _beside(lambda: _new_file(file.parent)) as aside:
            write(aside)
            aside.chmod(0o644)
            _flush(aside)
            os.replace(aside, file)
        _flush(file.parent)


@contextmanager
def folder_beside(file: Path) -> Iterator[Path]:
    """Make a folder beside a file, for what is written in several steps; it goes in the end.

    Raises
    ------
    WriteError
        When the disk is full or the folder is read-only.
    """
    with explain_write_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{file.name}."
        with _beside(lambda: tempfile.mkdtemp(WRITING, prefix, file.parent)) as aside:
            yield aside


def take_place(fresh: Path, folder: Path, aside: Path) -> None:
    """Put a finished folder in the place of an earlier one, which is kept until that is done.

    Parameters
    ----------
    fresh : Path
        The finished folder, on the same disk.
    aside : Path
        Where the earlier one goes; cleared away afterwards by its caller.
    """
    if not folder.exists():
        fresh.rename(folder)
        return
    earlier = aside / "earlier"
    folder.rename(earlier)
    try:
        fresh.rename(folder)
    except OSError:
        earlier.rename(folder)
        raise


def clear_leftovers(folder: Path) -> list[Path]:
    """Take away what killed writers have left; what a living one is writing stays.

    Parameters
    ----------
    folder : Path
        It and all below it.

    Returns
    -------
    list of Path
        What was taken away.

    Raises
    ------
    WriteError
        When there is something to take away and the folder is read-only.
    """
    found = [
        Path(place, name)
        for place, folders, files in os.walk(folder)
        for name in (*folders, *files)
        if name.startswith(".") and name.endswith(WRITING)
    ]
    return [one for one in found if _clear_abandoned(one)]


@contextmanager
def explain_write_errors(file: Path) -> Iterator[None]:
    """Turn what the system says about a file that is written into what its owner can do.

    Parameters
    ----------
    file : Path
        What is being written.

    Raises
    ------
    WriteError
    """
    try:
        yield
    except OSError as error:
        raise WriteError(_plain_words(file, error)) from error


def _plain_words(file: Path, error: OSError) -> str:
    folder, kept = file.parent, "The previous version is unchanged"
    if error.errno in FULL:
        return (
            f"{folder} is full: {file.name} could not be written. {kept}. Free some space, then "
            "`ect run` again."
        )
    if error.errno in REFUSED:
        return (
            f"{folder} cannot be written to ({error.strerror}): {file.name} was not written. "
            f"{kept}. Make the folder writable for your user, then `ect run` again."
        )
    return f"{folder}: {file.name} could not be written ({error.strerror or error}). {kept}."


def _new_file(folder: Path) -> str:
    handle, name = tempfile.mkstemp(WRITING, ".", folder)
    os.close(handle)
    return name


@contextmanager
def _beside(make: Callable[[], str]) -> Iterator[Path]:
    """Hold what `make` makes under a lock, which goes with this process however it ends."""
    aside, handle = _locked(make)
    try:
        yield aside
    finally:
        _remove(aside)
        os.close(handle)


def _locked(make: Callable[[], str]) -> tuple[Path, int]:
    while True:
        aside = Path(make())
        # Until it is locked, a clearing of leftovers may take it for one.
        try:
            handle = os.open(aside, os.O_RDONLY)
        except FileNotFoundError:
            continue
        _try_to_lock(handle, fcntl.LOCK_EX)
        if aside.exists():
            return aside, handle
        os.close(handle)


def _try_to_lock(handle: int, how: int) -> bool:
    """Lock an open file; true where that could be done, false where there are no locks at all."""
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        raise
    except OSError:
        return False
    return True


def _clear_abandoned(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        locked = _try_to_lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not locked and time.time() - os.fstat(handle).st_mtime < OLD_SECONDS:
            return False
        with explain_write_errors(path):
            _remove(path)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
