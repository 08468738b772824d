"""How far a subject folder of FreeSurfer is: done, begun, running; and what it was made of.

What each folder was made of is written beside the folders, in `.ect`, so that a changed image or
another version of FreeSurfer is seen. Marks that FreeSurfer leaves are read, and taken away only
where their process is gone. Running anything belongs in `recon_all`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ect_assets.intake.volumes.freesurfer_layouts import DONE, RUNNING
from ect_assets.system import is_alive
from ect_assets.whole_files import replace_whole

RECORDS = ".ect"


@dataclass(frozen=True)
class Recipe:
    """What a subject folder is made of.

    Parameters
    ----------
    inputs : dict of str to str
        Name -> SHA-256 of each image, or of the recipe of each folder that it is made from.
    version : str
        FreeSurfer's.
    """

    inputs: dict[str, str]
    version: str
    flags: list[str]

    def digest(self) -> str:
        """Return a SHA-256 of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def differences(self, earlier: dict[str, Any]) -> list[str]:
        """Name what an earlier recipe had otherwise.

        Parameters
        ----------
        earlier : dict
            As `read_recipe` gives it.

        Returns
        -------
        list of str
            Words for a message; empty where nothing differs.
        """
        told = []
        if earlier.get("inputs") != self.inputs:
            told.append("from other images")
        if earlier.get("version") != self.version:
            told.append(f"by FreeSurfer {earlier.get('version')}, installed is {self.version}")
        if earlier.get("flags") != self.flags:
            told.append(f"with the flags {' '.join(earlier.get('flags') or ['(none)'])}")
        return told


def read_recipe(folder: Path) -> dict[str, Any] | None:
    """Read what a subject folder was made of.

    Returns
    -------
    dict or None
        None where it was not begun by us.
    """
    path = _record(folder)
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def write_recipe(folder: Path, recipe: Recipe) -> None:
    """Write what a subject folder is made of, whole or not at all."""
    path = _record(folder)
    text = json.dumps(asdict(recipe), indent=1, sort_keys=True)
    replace_whole(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def is_done(folder: Path) -> bool:
    """Say whether recon-all came to its end."""
    return (folder / DONE).is_file()


def has_image(folder: Path) -> bool:
    """Say whether recon-all has taken the image in, so that it must not be given again."""
    return any((folder / "mri" / "orig").glob("*.mgz"))


def clear_marks(folder: Path, takes_over: bool) -> str | None:
    """Take away the marks of runs that have ended, unless one may still run.

    Parameters
    ----------
    takes_over : bool
        Whether marks of other computers are taken away too.

    Returns
    -------
    str or None
        Why a run may be going on; then nothing was taken away.
    """
    marks = sorted(folder.glob(RUNNING))
    for mark in marks:
        running = _may_run(mark, takes_over)
        if running is not None:
            return running
    for mark in marks:
        mark.unlink(missing_ok=True)
    return None


def _may_run(mark: Path, takes_over: bool) -> str | None:
    lines = mark.read_text(encoding="latin-1").splitlines()
    said = {words[0]: words[1] for words in map(str.split, lines) if len(words) == 2}
    host, process = said.get("HOST", socket.gethostname()), said.get("PROCESSID", "")
    is_here = host.split(".")[0] == socket.gethostname().split(".")[0]
    if is_here and process.isdigit():
        return "another recon-all is running on it" if _is_recon_all(int(process)) else None
    if takes_over:
        return None
    where = "on another computer" if not is_here else "under an unnamed process"
    return f"{mark.name} shows that it runs {where}"


def _is_recon_all(process: int) -> bool:
    if Path("/proc/self/cmdline").is_file():
        # A number may have passed on to another program since.
        command = Path("/proc", str(process), "cmdline")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return b"recon-all" in command.read_bytes()
        return False
    return is_alive(process)


@contextmanager
def only_one(folder: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold a subject folder for this process; another of ours waits until it is free.

    Parameters
    ----------
    report : callable
        Is told when there is something to wait for.
    """
    path = _record(folder).with_suffix(".lock")
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"{folder.name}: waiting for the process that works on it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _record(folder: Path) -> Path:
    return folder.parent / RECORDS / f"{folder.name}.json"
