"""When a result is out of date: a digest of everything that it depends on.

The digest of a partition is over its step's version, the settings it uses, the content of the
tables and files it reads. It is kept in the footer of what was made, so whether anything has to
be made again can be seen from the lake alone: `ect run` asks for it, and a table that comes out
the same stops the wave.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ect_assets import __version__
from ect_assets.intake.bids import subject_labels
from ect_assets.intake.folder_names import RACY_SECONDS
from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.step import Source, Step
from ect_assets.problems import STOPPED
from ect_assets.reference.loaders import reference_checksum
from ect_assets.study import Study

WHOLE_FILE_BYTES = 4_000_000
"""Larger files are told apart by size and time of change, not by content."""


def lake_of(study: Study) -> Lake:
    """Return the study's lake, with the files of the patients who are in the study now."""
    return study.open_lake(frozenset(subject_labels(study.bids_folder)))


def code_version(step: Step) -> str:
    """Return the version of the package and of the step that makes a table."""
    return f"{__version__}/{step.version}"


SeenFiles = list[list[str]]
"""For each source file its name, relative to the study, and what tells its content apart."""


def look_at_files(reader: Step | Source, study: Study, partition: Partition) -> SeenFiles:
    """Look at the files of a partition of a source, or at all that a step reads for one."""
    return _file_digests(reader.files(study, partition), study.folder)


def inputs_digest(
    step: Step, study: Study, lake: Lake, partition: Partition, seen: SeenFiles | None = None
) -> str:
    """Digest everything that a partition's content depends on.

    Parameters
    ----------
    seen : SeenFiles, optional
        Its files, where they were looked at already.

    Returns
    -------
    str
        Hexadecimal; the same in any folder for the same inputs.
    """
    return digest_of(inputs_of(step, study, lake, partition, seen))


def digest_of(inputs: Mapping[str, Any]) -> str:
    """Digest what `inputs_of` lists."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def inputs_of(
    step: Step, study: Study, lake: Lake, partition: Partition, seen: SeenFiles | None = None
) -> dict[str, Any]:
    """List everything that a partition's content depends on, by kind; as `inputs_digest`."""
    files = look_at_files(step, study, partition) if seen is None else seen
    parts = {
        "code": code_version(step),
        "schema": step.table.version(),
        "partition": dict(partition),
        "settings": {name: setting_of(study.plain, name, partition) for name in step.settings},
        "simulated": study.simulated,
        "tables": [
            contents_of(name, lake, partition) for name in step.upstream_of(study, partition)
        ],
        "files": files,
        "reference": {name: reference_checksum(name) for name in step.reference},
        **findings_of(step, study, lake),
    }
    measured_by = step.measuring_versions(study)
    if measured_by:
        parts["measured_by"] = measured_by
    return parts


def findings_of(step: Step, study: Study, lake: Lake) -> dict[str, Any]:
    """List what went wrong in the tables before a step, and which checks have run."""
    found: dict[str, Any] = {"problems": _problems(step, lake) if step.reads_problems else []}
    if step.gates:
        found["gates"] = [_gate(gate, study, lake) for gate in step.gates]
    return found


def any_input_simulated(step: Step, study: Study, lake: Lake, partition: Partition) -> bool:
    """Say whether anything that a partition is made from was simulated."""
    if step.from_patients and study.simulated:
        return True
    return any(
        (lake.footer(table_named(lake.folder, name), one) or {}).get("simulated") == "true"
        for name in step.upstream_of(study, partition)
        for one in upstream_partitions(name, lake, partition)
    )


def upstream_partitions(name: str, lake: Lake, partition: Partition) -> list[Partition]:
    """List the existing partitions of a table that a partition downstream of it reads."""
    table = table_named(lake.folder, name)
    shared = {key: value for key, value in partition.items() if key in table.partitions}
    return lake.partitions(table, shared)


def unregistered(step: Step, lake: Lake, registered: Collection[str]) -> list[str]:
    """Name the patients whose rows a table of the group should read and Dagster will not.

    Which partitions are read is the lake's to say (`upstream_partitions`), and digests rest on it.
    Dagster reads those of the patients whom its records know: in a Dagster home of another
    study, or a new one, these are others.

    Parameters
    ----------
    registered : collection of str
        Patients who are partitions in Dagster's records.

    Returns
    -------
    list of str
        Sorted; empty for the tables of single patients.
    """
    if "subject" in step.table.partitions:
        return []
    read = [table_named(lake.folder, name) for name in step.upstream]
    of_patients = [table for table in read if "subject" in table.partitions]
    there = {one["subject"] for table in of_patients for one in lake.partitions(table)}
    return sorted(there.difference(registered))


def is_fresh(step: Step, study: Study, lake: Lake, partition: Partition) -> bool:
    """Say whether a partition is there, made from what its inputs are now, and not failed since.

    What failed with other inputs and has got its old ones back is made again: that clears what
    was said of it.
    """
    footer = lake.footer(step.table, partition)
    failure = lake.failure(step.table, partition)
    if footer is None or (failure is not None and failure.failed):
        return False
    return footer["inputs_sha256"] == inputs_digest(step, study, lake, partition)


def has_failed_before(step: Step, study: Study, lake: Lake, partition: Partition) -> bool:
    """Say whether these very inputs were tried and could not be used.

    A step that broke off for another reason than its data may go on when it is tried again.
    """
    failure = lake.failure(step.table, partition)
    if failure is None or not failure.failed:
        return False
    if any(problem.reason == STOPPED for problem in failure.problems):
        return False
    return failure.inputs_sha256 == inputs_digest(step, study, lake, partition)


def _problems(step: Step, lake: Lake) -> list[str]:
    """List what went wrong in the tables before a step; those of later steps are out of scope."""
    found = [problem for _, one in lake.failures() for problem in one.problems]
    return [str(problem) for problem in found if problem.stage in step.upstream]


def _gate(gate: Step, study: Study, lake: Lake) -> list[Any]:
    """Tell what a check was made from, and whether that is what there is now.

    The latter where the lake alone tells it; what has files of its own is made before.
    """
    made_from = [
        [dict(one), (lake.footer(gate.table, one) or {}).get("inputs_sha256")]
        for one in lake.partitions(gate.table)
    ]
    if gate.sources or "subject" in gate.table.partitions:
        return [gate.name, made_from]
    fresh = [is_fresh(gate, study, lake, one) for one in lake.partitions(gate.table)]
    return [gate.name, made_from, fresh]


def contents_of(name: str, lake: Lake, partition: Partition) -> list[Any]:
    """Name a table's partitions that are read, each with the digest of its content."""
    return [
        name,
        [
            [
                dict(one),
                (lake.footer(table_named(lake.folder, name), one) or {}).get("content_sha256"),
            ]
            for one in upstream_partitions(name, lake, partition)
        ],
    ]


def setting_of(settings: Mapping[str, Any], name: str, partition: Partition) -> Any:
    """Return a setting as plain values; its name as `Step.settings` has it."""
    value: Any = settings
    for part in name.format(**partition).split("."):
        value = sorted(value) if part == "*" else value[part]
    return value


def _file_digests(files: Iterable[Path], folder: Path) -> list[list[str]]:
    """Name each file relative to the study, with what tells its content apart."""
    return sorted([_relative(file, folder), _file_digest(file)] for file in files)


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name


def _file_digest(file: Path) -> str:
    status = file.stat()
    if status.st_size > WHOLE_FILE_BYTES:
        return f"{status.st_size} bytes, changed {status.st_mtime_ns}"
    if time.time() - status.st_ctime < RACY_SECONDS:
        return _read_digest(file)
    stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _known_digest(file, stamp)


@lru_cache(maxsize=500_000)
def _known_digest(file: Path, stamp: tuple[int, ...]) -> str:
    """Remember a file's digest for as long as its inode, size and times stay the same."""
    return _read_digest(file)


def _read_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def newest_change(files: Iterable[Path]) -> float:
    """Return when the last of some files was written, in seconds since the epoch; 0 for none.

    A copy may keep the time of its original, so the time at which the file came to be here counts
    as well.
    """
    return max((_last_change(file) for file in files), default=0.0)


def seconds_to_settle(study: Study, files: Iterable[Path], now: float) -> float:
    """Say for how long files have still to stay as they are before the daemon reads them.

    Parameters
    ----------
    now : float
        Seconds since the epoch.

    Returns
    -------
    float
        0 where they have settled. A time far ahead is of a clock that was wrong then, or is now:
        it is not waited for.
    """
    settle = study.arrival.settle_minutes * 60
    age = now - newest_change(files)
    return settle - age if -settle <= age < settle else 0.0


def _last_change(file: Path) -> float:
    try:
        status = file.stat()
    except OSError:
        # Gone meanwhile, or a link that leads nowhere: what is wrong with it, the steps tell.
        return 0.0
    return max(status.st_mtime, status.st_ctime)
