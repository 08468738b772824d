"""What there is about a patient that a study does not read, and that withdrawal leaves to a person.

Pages of other programs, tables of groups, the history of a dataset, its annex, earlier exports
and papers: each is listed with what to do. What is read, and removed, belongs in `patient_files`.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ect_assets.intake.patient_files import TABLE_ENDINGS, mentions, own_folders
from ect_assets.intake.source_removal import is_in_table
from ect_assets.lake.location import is_remote
from ect_assets.science.imaging.files import Unpacked
from ect_assets.study import Study

MOST_BYTES = 64_000_000
"""What is looked through of a file, at most."""
IMAGES = (".nii", ".mgz", ".mgh", ".hdr", ".img", ".gii", ".png", ".jpg", ".npz", ".h5", ".mat")
PAPER = "paper.json"
"""Every folder of `ect paper` has a file of this name."""
OTHER_PATIENT = re.compile(r"sub-[0-9A-Za-z]+(?:_.*)?")


@dataclass(frozen=True, order=True)
class Remaining:
    """A file or folder about a patient that was not removed.

    Attributes
    ----------
    name : str
        Relative to the study's folder where it lies there.
    fix : str
        What to do.
    """

    name: str
    fix: str

    def __str__(self) -> str:
        return f"{self.name}: {self.fix}"


def remaining_files(study: Study, subject: str, linked: Iterable[Path] = ()) -> list[Remaining]:
    """List what is left about a patient outside lake, records and the files that are read.

    Parameters
    ----------
    linked : iterable of Path
        What links in the patient's folders led to, before these were removed.

    Returns
    -------
    list of Remaining
        By name and content: below the study, the BIDS dataset and the folder of volumes.
    """
    found = {
        Remaining(shown(study, one), _fix_of_link(one)) for one in linked if os.path.lexists(one)
    }
    own = set(own_folders(study, subject))
    for path in _paths(study, own):
        if path.name == ".git":
            fix = (
                "the history of the dataset keeps what was committed. Rewrite it "
                "(git filter-repo), and let `git annex unused` drop what nothing leads to."
            )
            found.add(Remaining(shown(study, path), fix))
        elif _is_about(path, subject):
            found.add(Remaining(shown(study, path), "delete it, or take the patient out of it."))
    return sorted(found)


def remaining_papers(study: Study) -> list[Remaining]:
    """List the folders of `ect paper`: they name nobody, and rest on every patient."""
    fix = (
        "a paper written before: its figures and numbers rest on the patient. Delete it, and "
        "write it again after `ect run`."
    )
    found = {one.parent for one in _paths(study, set()) if one.name == PAPER}
    return sorted(Remaining(shown(study, one), fix) for one in found)


def shown(study: Study, path: Path) -> str:
    """Name a path relative to the study's folder where it lies there."""
    return os.path.relpath(path, study.folder) if path.is_relative_to(study.folder) else str(path)


def _fix_of_link(path: Path) -> str:
    if "/annex/objects/" in path.as_posix():
        return "content of the annex. Drop it: `git annex unused`, `git annex dropunused --force`."
    return "a link of the patient led to it. Delete it, unless others need it."


def _paths(study: Study, own: set[Path]) -> Iterator[Path]:
    """Walk through everything but what withdrawal itself takes care of, each file once."""
    passed = {study.dagster_home, study.cache_folder, *own}
    if not is_remote(study.lake_folder):
        passed.add(Path(study.lake_folder))
    passed = {Path(os.path.realpath(one)) for one in passed}
    seen: set[str] = set()
    for top in (study.folder, study.bids_folder, study.morphometry_folder):
        for root, folders, names in os.walk(top):
            here = os.path.realpath(root)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            if ".git" in folders:
                folders.remove(".git")
                yield Path(root, ".git")
            folders[:] = [
                one for one in folders if Path(os.path.realpath(Path(root, one))) not in passed
            ]
            # A folder that is named so counts as one.
            yield from (Path(root, name) for name in (*folders, *names))


def _is_about(path: Path, subject: str) -> bool:
    if mentions(subject).search(path.name):
        return True
    if path.is_dir() or path.name.startswith(".withdrawals") or _is_of_another(path):
        return False
    try:
        return _content_mentions(path, subject)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException):
        return False


def _is_of_another(path: Path) -> bool:
    """Say whether a file lies in another patient's folder, where only names are looked at."""
    return any(OTHER_PATIENT.fullmatch(part) for part in path.parts[:-1])


def _content_mentions(path: Path, subject: str) -> bool:
    name, pattern = path.name.lower(), mentions(subject)
    if name.removesuffix(".gz").endswith(IMAGES):
        return False
    if name.endswith(".parquet"):
        return _parquet_mentions(path, subject)
    if name.endswith((".xlsx", ".ods", ".zip", ".docx")):
        return _archive_mentions(path, pattern)
    is_table = name.endswith(TABLE_ENDINGS) and path.stat().st_size < MOST_BYTES
    if is_table and is_in_table(path, subject):
        return True
    if name.endswith(".gz"):
        with path.open("rb") as stream:
            return _bytes_mention(Unpacked(stream).read(MOST_BYTES), pattern)
    with path.open("rb") as stream:
        return _bytes_mention(stream.read(MOST_BYTES), pattern)


def _bytes_mention(content: bytes, pattern: re.Pattern[str]) -> bool:
    encodings = ("utf-16-le", "utf-16-be") if b"\0" in content[:4096] else ()
    return any(
        pattern.search(content.decode(one, errors="replace")) for one in ("latin-1", *encodings)
    )


def _archive_mentions(path: Path, pattern: re.Pattern[str]) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(
            pattern.search(part.filename)
            or (part.file_size < MOST_BYTES and _bytes_mention(archive.read(part), pattern))
            for part in archive.infolist()
        )


def _parquet_mentions(path: Path, subject: str) -> bool:
    """Say whether a table, such as one of an earlier export, has a row of the patient."""
    file, pattern = pq.ParquetFile(path), mentions(subject)
    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
    texts = [one.name for one in file.schema_arrow if any(kind(one.type) for kind in kinds)]
    return any(
        isinstance(value, str)
        and (pattern.search(value) or (name == "subject" and value == subject))
        for batch in file.iter_batches(columns=texts)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        for value in column.unique().to_pylist()
    )
