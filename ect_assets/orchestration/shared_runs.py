"""Which of the tables that the daemon asks for at once are made in one run.

Dagster would start a run for each partition. Each costs seconds, so that those of several patients,
and those of the group whatever their partitions are, share one. When something is due is decided in
`automation`; what of it a run makes, at its turn, in `execution`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import dagster as dg

from ect_assets.orchestration.partitions import (
    SUBJECT,
    parcellations_of,
    partition_key,
    partition_of,
    patients_per_run,
)
from ect_assets.orchestration.run_tags import WHAT, what_of
from ect_assets.orchestration.runs import partition_tags
from ect_assets.pipeline.all_steps import step_of, steps_of
from ect_assets.pipeline.step import Step
from ect_assets.study import Study

Range = tuple[str | None, str | None]


class Kind(NamedTuple):
    """What is the same for all steps that can share a run.

    Attributes
    ----------
    is_of_lab : bool
        A lab's own steps have runs of their own, so that ours never wait for them.
    keys : tuple of str
        The patients' tables' keys; of the group's, the parcellations.
    """

    is_of_lab: bool
    keys: tuple[str, ...]


def kind_of_run(step: Step, study: Study) -> Kind:
    """Say which steps can share a run with a step: those of the same kind.

    Dagster runs together what has the same partitions, and what has none with it. A step without
    partitions goes with those that have all parcellations of the study.
    """
    is_of_lab, keys = bool(step.module), step.table.partitions
    if SUBJECT in keys:
        return Kind(is_of_lab, keys)
    of_group = (
        tuple(parcellations_of(one, study))
        for one in ([step] if keys else steps_of(study))
        if one.table.partitions == ("parcellation",) and bool(one.module) == is_of_lab
    )
    return Kind(is_of_lab, max(of_group, key=len, default=()))


def shared_runs(
    requests: Iterable[dg.RunRequest], study: Study, registered: Sequence[str]
) -> Iterator[dg.RunRequest]:
    """Put the tables that are asked for into as few runs as can be.

    Parameters
    ----------
    requests : iterable of RunRequest
        As Dagster makes them: one for each partition.
    registered : sequence of str
        Patients, in Dagster's order.
    """
    asked: dict[Kind, list[dg.RunRequest]] = {}
    for request in requests:
        for key in request.asset_selection or ():
            kind = kind_of_run(step_of(study, key.path[-1]), study)
            asked.setdefault(kind, []).append(request.with_replaced_attrs(asset_selection=[key]))
    for kind, of_kind in asked.items():
        tables = {key.path[-1] for one in of_kind for key in one.asset_selection or ()}
        names = [one.name for one in steps_of(study) if one.name in tables]
        keys = {one.partition_key for one in of_kind}
        for first, last in _ranges(kind.keys, keys, study, registered):
            yield dg.RunRequest(
                asset_selection=[dg.AssetKey(name) for name in names],
                tags=_without_partition(of_kind[0].tags)
                | partition_tags(first, last)
                | {WHAT: what_of(names)},
            )


def _without_partition(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if not name.startswith("dagster/partition")}


def _ranges(
    kind: tuple[str, ...], keys: set[str | None], study: Study, registered: Sequence[str]
) -> Iterator[Range]:
    """Name the first and the last partition of each run: Dagster knows runs by these."""
    if SUBJECT not in kind:
        there = [one for one in kind if one in keys]
        yield (there[0], there[-1]) if there else (None, None)
        return
    table = next(one.table for one in steps_of(study) if one.table.partitions == kind)
    of_patient: dict[str, list[str]] = {}
    for key in sorted(one for one in keys if one is not None):
        partition = partition_of(table, key)
        of_patient.setdefault(partition[SUBJECT], []).append(partition.get("parcellation", ""))
    at_most = patients_per_run(study)
    for first, last, atlases in _side_by_side(of_patient, registered, at_most):
        yield (
            partition_key(table, {SUBJECT: first, "parcellation": atlases[0]}),
            partition_key(table, {SUBJECT: last, "parcellation": atlases[-1]}),
        )


def _side_by_side(
    of_patient: dict[str, list[str]], registered: Sequence[str], at_most: int
) -> Iterator[tuple[str, str, list[str]]]:
    """Go through patients in Dagster's order, neighbours of whom the same is asked together."""
    together: list[str] = []
    for subject in (*registered, None):
        mine = of_patient.get(subject) if subject is not None else None
        is_next = together and len(together) < at_most and mine == of_patient[together[0]]
        if together and not is_next:
            yield together[0], together[-1], of_patient[together[0]]
            together = []
        if subject is not None and mine is not None:
            together.append(subject)
