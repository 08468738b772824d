"""Runs of `ect run` without Dagster: the same steps, checks and files of the lake, and no records.

Half of a small run is Dagster's own work. Tests of what the pipeline makes of a study's files use
these; what Dagster records is tested in `orchestration` and in the walks. `test_light_runs` holds
them against the runs of the product.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from ect_assets.orchestration import execution, runner
from ect_assets.orchestration.assets import LakeIOManager, refuse_unregistered
from ect_assets.orchestration.obstacles import Obstacles
from ect_assets.orchestration.partitions import parcellations_of, partition_key, partition_of
from ect_assets.orchestration.runs import Made, Ran
from ect_assets.pipeline.all_steps import step_of
from ect_assets.pipeline.staleness import lake_of
from ect_assets.pipeline.step import Step
from ect_assets.study import Study
from ect_assets.tables import RawScans

log = logging.getLogger(__name__)


class Registered:
    """Stands for a Dagster instance that knows the patients of a study, and nothing else."""

    def __init__(self, study: Study):
        self.subjects = sorted(one["subject"] for one in study.open_lake().partitions(RawScans))

    def get_dynamic_partitions(self, _: str) -> list[str]:
        return list(self.subjects)

    def add_dynamic_partitions(self, _: str, keys: Sequence[str]) -> None:
        self.subjects += [one for one in keys if one not in self.subjects]

    def delete_dynamic_partition(self, _: str, key: str) -> None:
        self.subjects.remove(key)


@dataclass(frozen=True)
class Job:
    """Stands for the job of all assets."""

    study: Study

    def resolve_implicit_global_asset_job_def(self) -> Job:
        return self


@dataclass
class LightRun:
    """A run, and what a step asks of the context in which it is carried out."""

    tables: Sequence[str]
    ends: tuple[str | None, str | None]
    planned: set[Made] = field(default_factory=set)
    made: set[Made] = field(default_factory=set)
    said: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    run_id: str = "light"
    selected_asset_check_keys = ()
    log = log

    @property
    def run(self) -> LightRun:
        return self


def new_run(_: Any, __: Any, tables: Sequence[str], first: Any, last: Any, ___: Any) -> LightRun:
    return LightRun(tables, (first, last))


def partitions_between(
    step: Step, study: Study, subjects: Sequence[str], ends: tuple[str | None, str | None]
) -> list[dict[str, str]]:
    """Return the partitions from the first to the last, in each of their keys."""
    names = {"subject": list(subjects), "parcellation": list(parcellations_of(step, study))}
    first, last = (partition_of(step.table, end) for end in ends)
    spans = [
        names[key][names[key].index(first[key]) : names[key].index(last[key]) + 1]
        for key in step.table.partitions
    ]
    return [dict(zip(step.table.partitions, one, strict=True)) for one in itertools.product(*spans)]


def carry_out(registered: Registered, job: Job, run: LightRun) -> Ran:
    """Make the tables of a run one after the other; one that fails does not stop the next."""
    for step in (step_of(job.study, name) for name in run.tables):
        try:
            make(step, job.study, registered, run)
        except Exception as error:
            run.said[step.name] = SimpleNamespace(
                message=f"{type(error).__name__}: {error}", cause=None
            )
    return Ran(run.made, run.said)


def make(step: Step, study: Study, registered: Registered, run: LightRun) -> None:
    """Make some partitions of a table, and write those that were made."""
    lake = lake_of(study)
    wanted = partitions_between(step, study, registered.subjects, run.ends)
    partitions = {partition_key(step.table, one): one for one in wanted}
    run.planned |= {(step.name, key) for key in partitions}
    refuse_unregistered(step, lake, registered)  # type: ignore[arg-type]
    written = SimpleNamespace(asset_key=dg.AssetKey(step.name), log=log)
    for one in execution.materialize(step, study, lake, run, partitions):  # type: ignore[arg-type]
        if isinstance(one, dg.Output):
            LakeIOManager(lake).handle_output(written, one.value)  # type: ignore[arg-type]
            run.made |= {(step.name, partition_key(step.table, it.partition)) for it in one.value}


@contextmanager
def without_dagster() -> Iterator[None]:
    """Let `Runner` carry its runs out without Dagster."""
    known: dict[Path, Registered] = {}

    @contextmanager
    def open_instance(study: Study) -> Iterator[Registered]:
        yield known.setdefault(study.folder, Registered(study))

    def not_made(self: Obstacles) -> set[Made]:
        return self._context.planned - self._context.made  # type: ignore[attr-defined]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "open_instance", open_instance)
        patch.setattr(runner, "pipeline_definitions", Job)
        patch.setattr(runner, "new_run", new_run)
        patch.setattr(runner, "carry_out", carry_out)
        for name in ("close_abandoned_runs", "finish_withdrawals", "report_lake"):
            patch.setattr(runner, name, lambda *_: None)
        patch.setattr(execution, "add_partition_metadata", lambda *_: None)
        patch.setattr(Obstacles, "_not_made", property(not_made))
        yield
