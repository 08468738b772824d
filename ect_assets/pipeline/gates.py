"""Which checks have not run on the data as they are now, and whom that keeps out.

A check that did not run counts as not passed. One that is missing for a single patient who has
volumes leaves out that patient; one over all patients leaves out everybody, which stops the
analyses of the group (`cohort`). What a check finds belongs in the steps; which steps are checks is
written at the step that gathers them, `exclusions`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from ect_assets.lake.store import Lake, Partition
from ect_assets.pipeline.all_steps import STEP_OF
from ect_assets.pipeline.staleness import has_failed_before, is_fresh
from ect_assets.pipeline.step import Step
from ect_assets.problems import EVERY, NOT_CHECKED, Problem
from ect_assets.study import Study
from ect_assets.tables import ParcelGmv, ScanVolumes

SHOWN = 3
"""Findings of a failed check that are repeated."""


def unchecked(gates: Sequence[Step], study: Study, lake: Lake) -> list[Problem]:
    """List the checks that did not run, each as a finding about those whom it would have checked.

    Parameters
    ----------
    gates : sequence of Step
        In pipeline order.

    Returns
    -------
    list of Problem
        Reason ``not_checked``. Of one patient where the check is made patient by patient; of
        everybody (subject ``*``) where one table checks all. A check of volumes does not apply
        where there are none.
    """
    lake = lake.snapshot()
    measured = {(one["subject"], one["parcellation"]) for one in lake.partitions(ParcelGmv)}
    found: list[Problem] = []
    for gate in gates:
        for partition in _expected(gate, study, measured):
            if not _applies(gate, partition, lake, measured):
                continue
            if not _has_run(gate, study, lake, partition):
                found.append(_problem(gate, study, lake, partition, found))
    return found


def current_problems(
    name: str, partition: Partition, study: Study, lake: Lake
) -> Sequence[Problem] | None:
    """Return what was found when a partition was made; None where its inputs are others now."""
    step = STEP_OF[name]
    if step.why_unavailable(study, partition) is not None:
        return None
    is_current = is_fresh(step, study, lake, partition)
    if not is_current and not has_failed_before(step, study, lake, partition):
        return None
    failure = lake.failure(step.table, partition)
    return () if failure is None else failure.problems


def _expected(gate: Step, study: Study, measured: set[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Go through the partitions of a check that there should be, of patients with volumes."""
    subjects = sorted({subject for subject, _ in measured})
    values = {"subject": subjects, "parcellation": sorted(study.parcellations)}
    keys = gate.table.partitions
    for combination in product(*(values[key] for key in keys)):
        partition = dict(zip(keys, combination, strict=True))
        if gate.why_unavailable(study, partition) is None:
            yield partition


def _applies(gate: Step, partition: Partition, lake: Lake, measured: set[tuple[str, str]]) -> bool:
    """Say whether there is anything that a check could look at."""
    if "subject" in partition:
        atlas = partition.get("parcellation")
        return atlas is None or (partition["subject"], atlas) in measured
    if ParcelGmv.table_name in gate.inputs:
        return any(atlas == partition["parcellation"] for _, atlas in measured)
    if ScanVolumes.table_name in gate.inputs:
        return bool(lake.partitions(ScanVolumes))
    return True


def _has_run(gate: Step, study: Study, lake: Lake, partition: Partition) -> bool:
    """Say whether a check stands for the data as they are now.

    Volumes are what is checked. Older ones that could not be read again have a finding of their
    own, and those that were not asked for (`ect run --subject`) are what they were.
    """
    if gate.table in (ScanVolumes, ParcelGmv):
        failure = lake.failure(gate.table, partition)
        has_failed = failure is not None and failure.failed
        return lake.footer(gate.table, partition) is not None and not has_failed
    return is_fresh(gate, study, lake, partition)


def _problem(
    gate: Step, study: Study, lake: Lake, partition: Partition, before: Sequence[Problem]
) -> Problem:
    why = _why(gate, study, lake, partition, before)
    whom = "this patient is left out" if "subject" in partition else "the group is not analysed"
    return Problem(
        NOT_CHECKED,
        f"the check {gate.name} did not run on the current data: {why} Until it has, {whom}.",
        gate.name,
        subject=partition.get("subject", EVERY),
        parcellation=partition.get("parcellation", EVERY),
    )


def _why(
    gate: Step, study: Study, lake: Lake, partition: Partition, before: Sequence[Problem]
) -> str:
    failure = lake.failure(gate.table, partition)
    if failure is not None and failure.failed:
        said = list(dict.fromkeys(str(one) for one in failure.problems))
        more = f" And {len(said) - SHOWN} more." if len(said) > SHOWN else ""
        return f"it failed. {' '.join(said[:SHOWN])}{more}"
    upstream = gate.upstream_of(study, partition)
    waits_for = [one.stage for one in before if one.subject == EVERY and one.stage in upstream]
    if waits_for:
        return f"it waits for {', '.join(dict.fromkeys(waits_for))}, which did not run either."
    if lake.footer(gate.table, partition) is None:
        return f"it is missing. `ect run --table {gate.name}` makes it, or reports why it cannot."
    return "it is stale: files, settings or software have changed since. `ect run` updates it."
