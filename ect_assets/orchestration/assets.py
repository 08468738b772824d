"""Steps as Dagster assets: partitions, lineage, checks, and the lake as I/O manager.

With `execution`, `definitions`, `instance` and `runner` the only place that knows Dagster.
What a step computes is in `pipeline.steps`; when it is out of date is in `pipeline.staleness`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import pandas as pd

from ect_assets.lake.audit import record_events
from ect_assets.lake.documents import write_documents
from ect_assets.lake.registered import keep, table_named
from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.dagster_beta import tested_beta
from ect_assets.orchestration.execution import SCHEMA, Result, materialize, own_checks
from ect_assets.orchestration.partitions import (
    SUBJECT,
    backfill_policy,
    can_have,
    mapping_between,
    partition_of,
    partitions_of,
)
from ect_assets.orchestration.step_output import not_kept
from ect_assets.orchestration.study_home import refuse_other_records
from ect_assets.pipeline.all_steps import step_of
from ect_assets.pipeline.sources import program_version
from ect_assets.pipeline.staleness import unregistered
from ect_assets.pipeline.step import Step
from ect_assets.study import Study
from ect_assets.tables.schema import Table

OWNERS = {
    "scans": "team:clinic",
    "morphometry": "team:imaging",
    "group": "team:statistics",
    "transcriptome": "team:genetics",
    "association": "team:statistics",
    "enrichment": "team:genetics",
    "report": "team:study",
}
"""Owners of each asset group, as the UI shows them."""


def refuse_unregistered(step: Step, lake: Lake, instance: dg.DagsterInstance) -> None:
    """Refuse to make a table of the group without patients who have rows in the lake.

    Raises
    ------
    Failure
        When Dagster's records lack some of them: their rows would not be read, and the table
        would be made of the others without a word.
    """
    if "subject" in step.table.partitions:
        return
    registered = instance.get_dynamic_partitions(SUBJECT)
    missing = unregistered(step, lake, registered)
    if missing:
        raise dg.Failure(
            f"{step.name} would be computed without {len(missing)} patient(s) who have rows in the "
            f"lake: sub-{', sub-'.join(missing)}. The run records of this Dagster home "
            f"({len(registered)} patients registered) lack them. `ect run` registers "
            "all patients; if DAGSTER_HOME points elsewhere, set it to the study's "
            "(.dagster in its folder).",
            allow_retries=False,
        )


class Roots(Protocol):
    """What steps are made from that no step makes, and which of it each one reads."""

    def dependencies(self, step: Step) -> list[dg.AssetDep]:
        """Return what a step reads, with the partitions that each of its partitions reads."""

    def observe(
        self, step: Step, partitions: Iterable[Partition], context: dg.AssetExecutionContext
    ) -> None:
        """Record what a step is about to read."""


class LakeIOManager(dg.IOManager):
    """Reads and writes tables of the lake for Dagster."""

    def __init__(self, lake: Lake):
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, results: list[Result]) -> None:
        """Write each partition, and rebuild the views where they would not show it."""
        table = table_named(self.lake.folder, context.asset_key.path[-1])
        keep(self.lake.folder, table)
        is_first = not self.lake.partitions(table)
        for result in results:
            if table.has_documents:
                # Before the rows: these are what says that all is there.
                write_documents(self.lake, table, result.partition, result.documents)
            written = self.lake.write_content(
                table, result.partition, result.content, result.provenance, result.content_sha256
            )
            if not written:
                context.log.info(f"{table.table_name} {result.partition or ''} is unchanged.")
            events = [(one.event, one.subject, one.detail) for one in result.events]
            record_events(self.lake, events, result.provenance.simulated)
        # A view over compacted rows names the other files one by one.
        if is_first or self.lake.is_compacted(table):
            from ect_assets.lake.catalogue import refresh_catalogue

            refresh_catalogue(self.lake, table)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the partitions that exist among those that are asked for."""
        table = table_named(self.lake.folder, context.asset_key.path[-1])
        if not table.partitions or not context.has_asset_partitions:
            return self.lake.read(table)
        wanted = [partition_of(table, key) for key in context.asset_partition_keys]
        keys = {tuple(one[key] for key in table.partitions) for one in wanted}
        there = [
            one
            for one in self.lake.partitions(table)
            if tuple(one[key] for key in table.partitions) in keys
        ]
        return self.lake.read_partitions(table, there)


def as_assets(
    steps: Sequence[Step],
    study: Study,
    lake: Lake,
    condition: Callable[[Step], dg.AutomationCondition] | None,
    roots: Roots,
) -> list[dg.AssetsDefinition]:
    """Turn the steps that a study can have into Dagster assets.

    Parameters
    ----------
    condition : callable, optional
        Gives for a step when the daemon makes it by itself.
    roots : Roots
        What the steps are made from that no step makes.
    """
    possible = [step for step in steps if can_have(step, study)]
    names = {step.name for step in possible}
    return [
        as_asset(step, study, lake, names, roots, condition(step) if condition else None)
        for step in possible
    ]


def as_asset(
    step: Step,
    study: Study,
    lake: Lake,
    others: Set[str],
    roots: Roots,
    condition: dg.AutomationCondition | None = None,
    further: Mapping[str, Any] | None = None,
) -> dg.AssetsDefinition:
    """Turn a step into a Dagster asset of one study.

    Parameters
    ----------
    others : set of str
        Tables that the study can have; it waits for no other.
    condition : AutomationCondition, optional
        When the daemon makes it by itself.
    further : mapping, optional
        What else Dagster is told of it, of a lab's own.

    Returns
    -------
    AssetsDefinition
        With column schema, a blocking check of the table's schema, and a check that tells what
        was left out.
    """
    table = step.table

    # Dagster refuses a context whose annotation is a text, as all are in this module.
    def compute(context) -> Iterator[Any]:  # type: ignore[no-untyped-def]
        keys = context.partition_keys if step.table.partitions else [None]
        partitions = {key: partition_of(table, key) for key in keys}
        refuse_other_records(study, context.instance)
        refuse_unregistered(step, lake, context.instance)
        roots.observe(step, partitions.values(), context)
        with not_kept() if table.is_about_patients() else nullcontext():
            for one in materialize(step, study, lake, context, partitions):
                if isinstance(one, dg.Output) and step.fills_folder(study):
                    roots.observe(step, partitions.values(), context)
                yield one

    compute.__name__ = step.name
    # How many partitions share a run is marked as beta, for years by now.
    with tested_beta():
        return _asset(step, study, lake, others, roots, condition, further or {})(compute)


def _asset(
    step: Step,
    study: Study,
    lake: Lake,
    others: Set[str],
    roots: Roots,
    condition: dg.AutomationCondition | None,
    further: Mapping[str, Any],
) -> Callable[[Callable], dg.AssetsDefinition]:
    """Return what Dagster is told of a step beside the function that computes it."""
    table = step.table

    def mapping_of(name: str) -> dg.PartitionMapping | None:
        return mapping_between(step_of(study, name), step, study)

    return dg.asset(
        name=step.name,
        description=inspect.cleandoc(step.make.__doc__ or ""),
        group_name=step.asset_group,
        partitions_def=partitions_of(step, study),
        backfill_policy=backfill_policy(step, study),
        # The step reads its inputs itself, partition by partition.
        deps=[
            dg.AssetDep(name, partition_mapping=mapping_of(name))
            for name in step.upstream
            if name in step.inputs or name in others
        ]
        + roots.dependencies(step),
        check_specs=[
            dg.AssetCheckSpec(
                SCHEMA,
                asset=step.name,
                blocking=True,
                description="The table matches its schema: "
                "columns, types, ranges, no missing keys, no repeated rows.",
            ),
            dg.AssetCheckSpec(
                "complete",
                asset=step.name,
                description="No patient or entry was left out of the table.",
            ),
            *(
                dg.AssetCheckSpec(name, asset=step.name, description=what)
                for name, what in own_checks(step).items()
            ),
        ],
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/code_references": source_of(step),
            "key": ", ".join(table.key),
        },
        kinds={"python", "parquet"},
        code_version=program_version(step, study),
        automation_condition=condition,
        owners=[OWNERS[step.asset_group]] if step.asset_group in OWNERS else None,
        io_manager_key="lake",
        **further,
    )


def source_of(step: Step) -> dg.CodeReferencesMetadataValue:
    """Return where the function of a step stands, for the UI's link to it."""
    made_by = inspect.unwrap(step.make)
    file = Path(inspect.getfile(made_by)).resolve()
    line = made_by.__code__.co_firstlineno
    with tested_beta():
        place = dg.LocalFileCodeReference(
            file_path=str(file), line_number=line, label=f"{step.name} in {file.name}"
        )
        return dg.CodeReferencesMetadataValue(code_references=[place])


def column_schema(table: type[Table]) -> dg.TableSchema:
    """Return a table's columns as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                one.name,
                one.sql_type.lower(),
                description=one.description,
                constraints=dg.TableColumnConstraints(nullable=one.nullable),
            )
            for one in table.columns
        ]
    )
