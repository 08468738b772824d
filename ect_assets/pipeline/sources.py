"""What the steps are made from that no step makes: files, settings, findings; a version of each.

A version is a digest, so that a record of it names no file and no value. Whether a table is out of
date is decided in `staleness`, from the same lists.
"""

from __future__ import annotations

from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.all_steps import STEPS
from ect_assets.pipeline.staleness import (
    SeenFiles,
    code_version,
    contents_of,
    digest_of,
    findings_of,
    look_at_files,
    setting_of,
)
from ect_assets.pipeline.step import Source, Step
from ect_assets.reference.loaders import reference_checksum
from ect_assets.study import Study

SOURCES = tuple(dict.fromkeys(source for step in STEPS for source in step.sources))
"""All files that steps read, in the order of the steps."""
SIMULATED = "simulated"
DIGITS = 12


def file_version(
    source: Source, study: Study, partition: Partition, seen: SeenFiles | None = None
) -> str:
    """Digest the files of a partition of a source, and what study.toml says of them.

    Parameters
    ----------
    seen : SeenFiles, optional
        The files, where they were looked at already.
    """
    files = look_at_files(source, study, partition) if seen is None else seen
    settings = {name: setting_of(study.plain, name, partition) for name in source.settings}
    return digest_of({"files": files, "settings": settings})


def setting_names(step: Step, partition: Partition) -> list[str]:
    """Name the settings of a partition, but for those that are with its files."""
    with_files = {name for source in step.sources for name in source.settings}
    names = dict.fromkeys((*step.settings, SIMULATED))
    return [name.format(**partition) for name in names if name not in with_files]


def setting_version(study: Study, name: str) -> str:
    """Digest one setting; its name has no gaps."""
    value = study.simulated if name == SIMULATED else setting_of(study.plain, name, {})
    return digest_of({"setting": value})


def reads_findings(step: Step) -> bool:
    """Say whether a step reads what went wrong before it, or which checks have run."""
    return step.reads_problems or bool(step.gates)


def findings_version(step: Step, study: Study, lake: Lake) -> str:
    """Digest what went wrong in the tables before a step, and which checks have run."""
    return digest_of(findings_of(step, study, lake))


def gathers_patients(step: Step, lake: Lake) -> bool:
    """Say whether a step is of the group and reads tables of single patients."""
    return bool(_of_patients(step.upstream, lake)) and "subject" not in step.table.partitions


def _of_patients(names: tuple[str, ...], lake: Lake) -> list[str]:
    return [one for one in names if "subject" in table_named(lake.folder, one).partitions]


def rows_version(step: Step, study: Study, lake: Lake, partition: Partition) -> str:
    """Digest which patients' rows a table of the group reads, and what is in them."""
    of_patients = _of_patients(step.upstream_of(study, partition), lake)
    return digest_of({"rows": [contents_of(name, lake, partition) for name in of_patients]})


def program_version(step: Step, study: Study) -> str:
    """Return the version of all that makes a table and is no input: program, columns, references.

    Returns
    -------
    str
        `code_version`, and a digest of what else comes with the program.
    """
    parts = {
        "schema": step.table.version(),
        "reference": {name: reference_checksum(name) for name in step.reference},
        "measured_by": step.measuring_versions(study),
    }
    return f"{code_version(step)}+{digest_of(parts)[:DIGITS]}"
