"""What a failure of one table of the group means for the tables that are made from it.

What is out of date is decided in `staleness` and counted in `status`; which checks have run is in
`gates`; what is said of it beside an answer is in `caveats`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.all_steps import step_of, steps_of
from ect_assets.pipeline.step import Step
from ect_assets.study import Study


def blocked_by(step: Step, study: Study, lake: Lake, partition: Partition) -> list[str]:
    """Name the tables of the group that a partition is made from and that could not be made.

    Reading the older rows of such a table would make new results from old ones. One patient's
    failure blocks nobody: the patient is left out. What tells of failures (`exclusions`, the
    reports) is made all the same.

    Returns
    -------
    list of str
        Tables that failed themselves, also further up, in pipeline order.
    """
    if reports_failures(step):
        return []
    found = set(_failed_above(step, study, lake, partition, {}))
    return [one.name for one in steps_of(study) if one.name in found]


def failed_of_patient(
    step: Step, study: Study, lake: Lake, partition: Partition
) -> Iterator[tuple[Step, Partition]]:
    """Go through what a patient's partition follows of the same patient and could not be made.

    Volumes are not measured where the images cannot be used; the group is made without the patient.
    """
    for name in step.upstream_of(study, partition):
        before = step_of(study, name)
        keys = before.table.partitions
        if "subject" not in keys or not set(keys) <= set(partition):
            continue
        one = {key: partition[key] for key in keys}
        failure = lake.failure(before.table, one)
        if failure is not None and failure.failed:
            yield before, one


def reports_failures(step: Step) -> bool:
    """Say whether a step is made although what it reads has failed, and says so."""
    return bool(step.gates) or step.reads_by_sql


def _failed_above(
    step: Step, study: Study, lake: Lake, partition: Partition, seen: dict[tuple, set[str]]
) -> set[str]:
    key = (step.name, *sorted(partition.items()))
    if key in seen:
        return seen[key]
    found = seen[key] = set()
    for name in step.upstream_of(study, partition):
        before = step_of(study, name)
        if "subject" in before.table.partitions:
            continue
        for one in read_of(before, study, partition):
            failure = lake.failure(before.table, one)
            if failure is not None and failure.failed:
                found.add(name)
            if not reports_failures(before):
                found |= _failed_above(before, study, lake, one, seen)
    return found


def read_of(before: Step, study: Study, partition: Partition) -> Iterator[Partition]:
    """Go through the partitions of a table of the group that a partition reads."""
    if not before.table.partitions:
        yield {}
        return
    mine = partition.get("parcellation")
    for atlas in [mine] if mine is not None else sorted(study.parcellations):
        if before.why_unavailable(study, {"parcellation": atlas}) is None:
            yield {"parcellation": atlas}
