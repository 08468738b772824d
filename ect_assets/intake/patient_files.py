"""What a study reads of a patient: the one list for withdrawal, the privacy screen and staleness.

Folders of nothing but the patient, tables of many patients, the files of each step. What else there
is about a patient and nobody reads belongs in `remaining_files`; how files are read in `intake` and
`morphometry`; taking them away in `source_removal`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from ect_assets.intake.bids import subject_labels
from ect_assets.intake.folder_names import names_beginning, names_in
from ect_assets.intake.privacy import screened_files
from ect_assets.intake.scans import scan_files
from ect_assets.intake.session_order import dated_files
from ect_assets.intake.source_files import usable_files
from ect_assets.intake.volumes.naming import folder_pattern
from ect_assets.intake.volumes.sources import source_class
from ect_assets.study import Study

TABLE_ENDINGS = (".tsv", ".csv", ".txt", ".dat", ".table")
REVIEWED = "reviewed.tsv"
LONG = ".long."


@lru_cache(maxsize=1024)
def mentions(subject: str) -> re.Pattern[str]:
    """Return a pattern that finds a patient's label in a name or text: ``sub-01``, not ``sub-011``.

    Returns
    -------
    re.Pattern
        A label of four signs or more with letters and digits, or of six letters, is found without
        ``sub-`` too; a shorter one could stand for anything.
    """
    is_distinct = len(subject) >= 4 and not subject.isdigit() and not subject.isalpha()
    before = "(?:sub-)?" if is_distinct or len(subject) >= 6 else "sub-"
    return re.compile(rf"(?<![0-9A-Za-z]){before}{re.escape(subject)}(?![0-9A-Za-z])")


def own_folders(study: Study, subject: str) -> list[Path]:
    """List the folders and files that hold nothing but one patient's data.

    Returns
    -------
    list of Path
        In the BIDS dataset, its derivatives and source data, where the volumes come from (as
        ``subject_folder`` names them, with bases and ``.long.`` folders), and in the cache;
        sorted, none inside another.
    """
    bids, label = study.bids_folder, f"sub-{subject}"
    found = {bids / label, bids / "sourcedata" / label}
    roots = [*_folders_in(bids / "derivatives"), *_folders_in(study.cache_folder)]
    roots.append(study.morphometry_folder)
    for root in roots:
        names = (*names_beginning(root, label), *names_beginning(root, "."))
        found |= {root / name for name in names if _is_of(name, label)}
    found |= set(_volume_folders(study, subject))
    there = sorted(folder for folder in found if os.path.lexists(folder))
    return [one for one in there if not set(one.parents) & set(there)]


def folders_outside(study: Study, subject: str) -> list[Path]:
    """List the patient's folders of volumes that lie outside the BIDS dataset."""
    if made_here(study):
        return []
    return [
        folder
        for folder in own_folders(study, subject)
        if not folder.is_relative_to(study.bids_folder)
        and not folder.is_relative_to(study.cache_folder)
    ]


def shared_tables(study: Study) -> list[Path]:
    """List the tables of many patients that a study reads, or may read.

    Returns
    -------
    list of Path
        participants.tsv, each instrument's ``file`` wherever it is, all of ``phenotype``, group
        tables, reviewed.tsv; those that are there, each once.
    """
    bids = study.bids_folder
    tables = [bids / "participants.tsv", study.folder / REVIEWED]
    tables += [bids / one.file for one in study.instruments.values() if one.file]
    for root, folders, names in os.walk(bids / "phenotype"):
        folders.sort()
        tables += [Path(root, name) for name in sorted(names) if name.endswith(TABLE_ENDINGS)]
    if source_class(study).holds_many:
        folder = study.morphometry_folder
        tables += [folder / name for name in names_in(folder) if name.endswith(TABLE_ENDINGS)]
    there = {Path(os.path.normpath(table)): None for table in tables if table.is_file()}
    return list(there)


def made_here(study: Study) -> Path | None:
    """Name the folder of volumes where it is this platform that fills it, from screened images."""
    return study.morphometry_folder if source_class(study).fills_folder else None


def screened(study: Study, subject: str, outside: Sequence[Path]) -> list[Path]:
    """List the files of a patient that the privacy screen looks at.

    Parameters
    ----------
    outside : sequence of Path
        As `folders_outside` lists them.
    """
    return screened_files(study.bids_folder, subject, made_here(study), outside)


def image_files(study: Study, subject: str) -> list[Path]:
    """List what `raw_scans` depends on: images, sidecars, and what the screen looks at."""
    outside = folders_outside(study, subject)
    found = {*scan_files(study.bids_folder, subject), *screened(study, subject, outside)}
    return usable_files(sorted(found), study.bids_folder, *outside)


def participants_files(study: Study) -> list[Path]:
    """List what `participants` depends on; without images it is here that the screen looks."""
    subjects = subject_labels(study.bids_folder)
    dated = (dated_files(study.bids_folder, subject) for subject in subjects)
    files = {study.bids_folder / "participants.tsv", *(file for some in dated for file in some)}
    roots = [study.bids_folder]
    if not study.scans.images:
        # Otherwise `raw_scans` looks at them, and what it finds is read from there.
        for subject in subjects:
            outside = folders_outside(study, subject)
            files |= set(screened(study, subject, outside))
            roots += outside
    return usable_files(sorted(files), *roots)


def rating_files(study: Study) -> list[Path]:
    """List what `clinical_scores` depends on."""
    own = {study.bids_folder / one.file for one in study.instruments.values() if one.file}
    per_subject = study.bids_folder.glob("sub-*/sub-*_sessions.tsv")
    inside = usable_files(per_subject, study.bids_folder)
    return sorted({*participants_files(study), *inside, *usable_files(own)})


def _folders_in(folder: Path) -> list[Path]:
    return [folder / name for name in names_in(folder) if (folder / name).is_dir()]


def _is_of(name: str, label: str) -> bool:
    """Say whether a name is a patient's: the label, and what follows is no further letter."""
    bare = name.lstrip(".")
    return bare.startswith(label) and not bare[len(label) : len(label) + 1].isalnum()


def _volume_folders(study: Study, subject: str) -> Iterator[Path]:
    """List the folders of volumes by ``subject_folder``, which need not begin with ``sub-``."""
    root, template = study.morphometry_folder, study.morphometry.subject_folder
    pattern = folder_pattern(template)
    if "/" not in template:
        patterns = [pattern, folder_pattern(template.partition(LONG)[0])]
        for name in (one for one in names_in(root) if subject in one):
            parts = [name, *name.split(LONG)]
            matches = [one.fullmatch(part) for one in patterns for part in parts]
            if any(match and match["subject"] == subject for match in matches):
                yield root / name
        return
    for folder in root.glob(template.format(subject=subject, session="*")):
        path = folder.relative_to(root)
        match = pattern.fullmatch(path.as_posix())
        if match and match["subject"] == subject:
            first = template.split("/")[0]
            is_whole = "{subject}" in first and "{session}" not in first
            yield root / path.parts[0] if is_whole else folder
