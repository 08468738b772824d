"""Withdrawal of consent: every trace of a patient is removed, the group is to be made again.

The intention is written down first (`withdrawal_record`); each step can be repeated, so that what
was killed is finished by the same command, or by the next `ect run`. The patient's own files are
taken away in `source_removal`, what Dagster remembers in `history`. What is left is one row
of the audit log that names nobody, and what `remaining_files` lists.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import dagster as dg

from ect_assets.intake.bids import LABEL, subject_labels
from ect_assets.intake.patient_files import mentions, own_folders
from ect_assets.intake.remaining_files import Remaining, remaining_files, remaining_papers, shown
from ect_assets.intake.source_removal import (
    linked_files,
    remove_file,
    remove_sources,
    source_folders,
    source_tables,
)
from ect_assets.lake import audit, compaction
from ect_assets.lake.documents import remove_documents
from ect_assets.lake.erasure import erase_rows
from ect_assets.lake.location import Place, files_below, read_bytes, remove_folder
from ect_assets.lake.registered import known_tables, table_named
from ect_assets.lake.store import PROBLEMS_FOLDER, Failure, Lake
from ect_assets.orchestration.history import forget_subject, refuse_while_at_work, report_lake
from ect_assets.orchestration.partitions import SUBJECT
from ect_assets.orchestration.remaining_rows import remaining_beside_tables
from ect_assets.orchestration.server_log import LOG, clear_log
from ect_assets.orchestration.step_output import clear_output
from ect_assets.orchestration.withdrawal_record import (
    Withdrawal,
    forget,
    keep,
    unfinished_withdrawals,
)
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import StudyError
from ect_assets.study import Study
from ect_assets.tables import AuditLog


@dataclass(frozen=True)
class Removed:
    """How much was removed.

    Attributes
    ----------
    folders, source_rows : int
        Of the patient's own files, outside the lake.
    files, rows : int
        Of the lake: partitions, and rows of tables of many patients.
    runs : int
        Of Dagster's history.
    remaining : tuple of Remaining
        What is left about the patient for a person to remove; nothing once acknowledged.
    """

    folders: int = 0
    source_rows: int = 0
    files: int = 0
    rows: int = 0
    runs: int = 0
    remaining: tuple[Remaining, ...] = ()

    @property
    def says(self) -> str:
        """A sentence that names nobody."""
        return (
            f"{self.files} files and {self.rows} rows of the lake, {self.folders} source folders, "
            f"{self.source_rows} rows of source tables and {self.runs} runs were removed."
        )


def withdraw(
    study: Study,
    subject: str,
    delete_source: bool,
    instance: dg.DagsterInstance,
    run_id: str | None = None,
    acknowledge_remaining: bool = False,
) -> Removed:
    """Remove every trace of a patient; the group has to be made again afterwards.

    Parameters
    ----------
    subject : str
        Label, with or without ``sub-``.
    delete_source : bool
        Delete the patient's images, volumes and rows of ratings, too. Without it they must be
        gone already: they would bring the patient back.
    run_id : str, optional
        The Dagster run that does this, where there is one.
    acknowledge_remaining : bool
        Whether a person has seen what remains and takes care of it: the withdrawal ends then.

    Returns
    -------
    Removed
        With ``remaining`` the withdrawal is not finished: the same command looks again.

    Raises
    ------
    StudyError
        When nobody of that label is known, source files are still there, or runs are at work;
        nothing was removed then.
    """
    subject = subject.removeprefix("sub-")
    begun = unfinished_withdrawals(study).get(subject)
    if begun is None:
        _refuse_unknown(study, study.open_lake(), subject, instance)
    delete_source = delete_source or (begun is not None and begun.delete_source)
    if not delete_source:
        _refuse_remaining_sources(study, subject)
    refuse_while_at_work(instance, but=run_id)
    withdrawal = replace(begun or Withdrawal(subject, delete_source), delete_source=delete_source)
    return _carry_out(study, withdrawal, instance, run_id, acknowledge_remaining)


def finish_withdrawals(study: Study, instance: dg.DagsterInstance) -> list[Removed]:
    """Carry on with the withdrawals that were broken off, as the same command would.

    Returns
    -------
    list of Removed
        One for each; those of which only remaining files are left are not gone through again.
    """
    return [
        _carry_out(study, one, instance, None, False)
        for one in unfinished_withdrawals(study).values()
        if not one.is_erased
    ]


def _carry_out(
    study: Study,
    withdrawal: Withdrawal,
    instance: dg.DagsterInstance,
    run_id: str | None,
    acknowledge_remaining: bool,
) -> Removed:
    from ect_assets.lake.catalogue import refresh_catalogue

    linked = {shown(study, one) for one in linked_files(study, withdrawal.subject)}
    withdrawal = replace(withdrawal, linked=tuple(sorted({*withdrawal.linked, *linked})))
    keep(study, withdrawal)
    for name, do in _steps(study, withdrawal, instance, run_id):
        withdrawal = withdrawal.with_count(name, do())
        keep(study, withdrawal)
        reached(name)
    clear_log(study.dagster_home / LOG)
    clear_output(study.dagster_home)
    left: list[Remaining] = []
    if not acknowledge_remaining:
        left = remaining_beside_tables(study, withdrawal.subject) + remaining_papers(study)
    if withdrawal.delete_source and not acknowledge_remaining:
        left += remaining_files(study, withdrawal.subject, _linked(study, withdrawal))
    removed = _removed(withdrawal, tuple(left))
    audit.forget_subject(
        study.open_lake(), withdrawal.subject, removed.says, study.simulated, withdrawal.event_id
    )
    reached("audit log")
    report_lake(instance, study, lake_of(study))
    refresh_catalogue(study.open_lake())
    reached("catalogue")
    if left:
        keep(study, replace(withdrawal, is_erased=True))
    else:
        forget(study, withdrawal.subject)
    reached("end")
    return removed


def reached(name: str) -> None:
    """Stand for the end of a step; tests break off here."""


def _steps(
    study: Study, withdrawal: Withdrawal, instance: dg.DagsterInstance, run_id: str | None
) -> Iterator[tuple[str, Callable[[], int]]]:
    """List what is removed, in order; each may be done again, and removes what is there then."""
    subject, lake = withdrawal.subject, study.open_lake()
    if withdrawal.delete_source:
        folders, rows = 0, 0

        def sources() -> int:
            nonlocal folders, rows
            folders, rows = remove_sources(study, subject)
            return folders

        yield "folders", sources
        yield "source_rows", lambda: rows
    yield "cached", lambda: _remove_cached(study, subject)
    yield "files", lambda: _remove_partitions(lake, subject)
    yield "rows", lambda: _remove_rows(lake, subject)
    yield "runs", lambda: forget_subject(instance, study.dagster_home, subject, but=run_id)


def _linked(study: Study, withdrawal: Withdrawal) -> list:
    return [study.folder / one for one in withdrawal.linked]


def _removed(withdrawal: Withdrawal, left: tuple[Remaining, ...]) -> Removed:
    names = ("folders", "source_rows", "files", "rows", "runs")
    return Removed(**{name: withdrawal.counts.get(name, 0) for name in names}, remaining=left)


def _remove_cached(study: Study, subject: str) -> int:
    """Delete what the cache has of a patient, and the lines about the patient in our logs."""
    for folder in own_folders(study, subject):
        if folder.is_relative_to(study.cache_folder):
            remove_file(folder)
    named = mentions(subject)
    for log in (*study.folder.glob("*.log*"), *study.dagster_home.glob("*.log*")):
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        if named.search(text):
            # Written into, not replaced: a process that has it open goes on writing.
            kept = [line for line in text.splitlines(keepends=True) if not named.search(line)]
            with log.open("r+", encoding="utf-8") as stream:
                stream.writelines(kept)
                stream.truncate()
    return 0


def _refuse_unknown(study: Study, lake: Lake, subject: str, instance: dg.DagsterInstance) -> None:
    known = {
        *subject_labels(study.bids_folder),
        *instance.get_dynamic_partitions(SUBJECT),
    }
    known |= {
        one["subject"]
        for table in known_tables(lake.folder).values()
        if "subject" in table.partitions
        for one in lake.partitions(table)
    }
    if not LABEL.fullmatch(subject) or subject not in known:
        raise StudyError(
            f'There is no patient sub-{subject} in {study.name}; `ect sql "FROM participants"` '
            "lists them."
        )


def _refuse_remaining_sources(study: Study, subject: str) -> None:
    there = [
        path.relative_to(study.folder).as_posix()
        if path.is_relative_to(study.folder)
        else path.name
        for path in (*source_folders(study, subject), *source_tables(study, subject))
        if not path.is_relative_to(study.cache_folder)
    ]
    if there:
        raise StudyError(
            f"sub-{subject} still has data in {', '.join(there)}, which would be ingested again. "
            "Remove them first, or use --delete-source to delete them permanently."
        )


def _remove_partitions(lake: Lake, subject: str) -> int:
    """Delete the patient's partitions, and what was wrong with them."""
    removed = 0
    compaction.forget(lake.folder)
    # Not the whole lake: a reader may take a folder of its own away meanwhile.
    for name in (*known_tables(lake.folder), PROBLEMS_FOLDER):
        theirs = [
            file for file in files_below(lake.folder / name) if f"subject={subject}" in file.parts
        ]
        removed += 0 if name == PROBLEMS_FOLDER else len(theirs)
        for folder in dict.fromkeys(_folder_of(subject, file) for file in theirs):
            remove_folder(folder)
    return removed


def _folder_of(subject: str, file: Place) -> Place:
    return next(one for one in file.parents if one.name == f"subject={subject}")


def _remove_rows(lake: Lake, subject: str) -> int:
    """Delete the patient's rows of tables of many patients, and findings about the patient.

    What is left counts as out of date, so that it is made again from what is there now.
    """
    removed = 0
    for table in known_tables(lake.folder).values():
        if table.has_documents:
            # A page or figure of the group shows patient by patient.
            remove_documents(lake, table)
        if table is not AuditLog:
            removed += erase_rows(lake, table, subject, mentions(subject))
    for file, failure in list(lake.failures()):
        others = tuple(one for one in failure.problems if one.subject != subject)
        if len(others) < len(failure.problems):
            said = json.loads(read_bytes(file))
            _keep_problems(
                lake, file.relative_to(lake.folder).parts, Failure(others, "", said["failed"])
            )
    return removed


def _keep_problems(lake: Lake, parts: tuple[str, ...], failure: Failure) -> None:
    partition = dict(part.split("=", 1) for part in parts[2:-1])
    lake.record_problems(
        table_named(lake.folder, parts[1]), partition, failure if failure.problems else None
    )
