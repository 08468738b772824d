"""Calling the function of a lab's own asset for one partition, and what of its rows is refused.

What holds for the rows of every table is checked where each table is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from ect_assets.orchestration.dagster_internals import AssetFunction
from ect_assets.orchestration.extensions.catalogue import at_work
from ect_assets.orchestration.partitions import SUBJECT, partition_key
from ect_assets.orchestration.shown_metadata import without_words
from ect_assets.pipeline.all_steps import step_of
from ect_assets.pipeline.staleness import contents_of
from ect_assets.pipeline.step import Made, Step, Work
from ect_assets.problems import EVERY, EctError, InputProblem, Problem

NOT_A_PATIENT, OTHER_PARTITION = "subject_unknown", "rows_of_another_partition"


class LabError(EctError):
    """The function of a lab's asset broke off; the message names the module and the asset."""


class OnePartition:
    """The context of a run as it is of one of its partitions; all else is Dagster's own."""

    def __init__(self, context: dg.AssetExecutionContext, key: str):
        self._context = context
        self.partition_key = key
        self.partition_keys = [key]
        self.has_partition_key = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


@dataclass(frozen=True)
class Caller:
    """Calls the function of an asset.

    Attributes
    ----------
    inputs : mapping of str to str
        Parameter to table.
    """

    asset: AssetFunction
    inputs: Mapping[str, str]
    module: str

    @cached_property
    def function(self) -> Callable[..., Any]:
        """What the lab wrote."""
        return self.asset.function

    def call(self, work: Work, tables: Mapping[str, pd.DataFrame]) -> Made:
        """Make one partition.

        Raises
        ------
        InputProblem
            When its rows are not of this partition, or name nobody of the study.
        LabError
            When the function breaks off.
        """
        context = dg.AssetExecutionContext.get()
        step = step_of(work.study, context.asset_key.path[-1])
        before = _declared(step, work)
        made = self._called(step, work, context, tables)
        if _declared(step, work) != before:
            raise LabError(
                f"{step.name}: what it reads by SQL was written meanwhile; run it again."
            )
        _refuse_foreign_rows(step, work, made.frame)
        return made

    def _called(
        self,
        step: Step,
        work: Work,
        context: dg.AssetExecutionContext,
        tables: Mapping[str, pd.DataFrame],
    ) -> Made:
        resources = context.resources.original_resource_dict
        given = {name: tables[table] for name, table in self.inputs.items()}
        given |= {name: resources[name] for name in self.asset.resources}
        shown: Any = context
        if step.table.partitions:
            shown = OnePartition(context, str(partition_key(step.table, work.partition)))
        first = (shown,) if self.asset.takes_context else ()
        try:
            with at_work(step, work):
                value = self.function(*first, **given)
        except (InputProblem, OSError, MemoryError):
            raise
        except Exception as error:
            if step.table.is_about_patients():
                # Its words may quote what a file holds.
                raise LabError(self._said(step, str(without_words(error)))) from None
            raise LabError(self._said(step, f"{type(error).__name__}: {error}")) from error
        return _as_made(step, value)

    def _said(self, step: Step, what: str) -> str:
        return (
            f"the asset {step.name} of {self.module} stopped: {what}. Fix the module, then "
            "`ect run`. Other tables do not wait for it."
        )


def _declared(step: Step, work: Work) -> list[Any]:
    """Tell the content of what a step reads by SQL."""
    return [contents_of(name, work.lake, work.partition) for name in step.after]


def _as_made(step: Step, value: Any) -> Made:
    """Take what a `dg.asset` may return: a frame, or what holds one."""
    figures: dict[str, Any] = {}
    if isinstance(value, Made):
        return replace(value, frame=_as_frame(step, value.frame))
    if isinstance(value, (dg.Output, dg.MaterializeResult)):
        figures, value = dict(value.metadata or {}), value.value
    return Made(_as_frame(step, value), figures=figures)


def _as_frame(step: Step, value: Any) -> pd.DataFrame:
    if isinstance(value, pa.Table):
        value = value.to_pandas()
    if not isinstance(value, pd.DataFrame):
        raise LabError(
            f"the asset {step.name} of {step.module} returned {type(value).__name__}; the "
            "lake stores a pandas DataFrame or an Arrow table."
        )
    named = [name for name in value.index.names if name is not None and name not in value.columns]
    return (
        value.reset_index(named).reset_index(drop=True) if named else value.reset_index(drop=True)
    )


def _refuse_foreign_rows(step: Step, work: Work, frame: pd.DataFrame) -> None:
    """Refuse rows of other partitions, and labels by which no patient could be erased.

    Raises
    ------
    InputProblem
    """
    found = []
    for key, value in work.partition.items():
        others = int((frame[key].astype(str) != value).sum()) if key in frame else 0
        if others:
            found.append(
                (
                    OTHER_PARTITION,
                    f"{step.name}.{key}: {others} row(s) are not of the partition that is made. "
                    "Return only its rows.",
                )
            )
    if SUBJECT in frame and SUBJECT not in work.partition:
        known = work.lake.subjects or frozenset()
        strange = int((~frame[SUBJECT].isin(known)).sum())
        if strange:
            found.append(
                (
                    NOT_A_PATIENT,
                    f"{step.name}.subject: {strange} row(s) have a value that is no label of a "
                    "patient of this study, expected text without sub-, such as 014; withdrawal "
                    "could not erase them. Correct the column, or give it another name.",
                )
            )
    if found:
        subject, atlas = (work.partition.get(k, EVERY) for k in (SUBJECT, "parcellation"))
        raise InputProblem(
            [Problem(why, said, step.name, subject, EVERY, atlas) for why, said in found]
        )
