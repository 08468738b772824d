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

from ect_assets.intake.bids import subject_labels
from ect_assets.lake.audit import record_events
from ect_assets.lake.documents import write_documents
from ect_assets.lake.store import Lake, Partition
from ect_assets.orchestration.dagster_internals import tested_beta
from ect_assets.orchestration.execution import Result, materialize, own_checks
from ect_assets.orchestration.step_output import not_kept
from ect_assets.orchestration.study_home import refuse_other_records
from ect_assets.pipeline.sources import program_version
from ect_assets.pipeline.staleness import unregistered
from ect_assets.pipeline.step import Gathering, Step
from ect_assets.study import Study
from ect_assets.tables import TABLES
from ect_assets.tables.schema import Table

PARTITIONS_AT_MOST = 100_000
"""Of an asset, in Dagster's own advice; the product of patients and parcellations counts."""
SUBJECT = "subject"
SUBJECTS = dg.DynamicPartitionsDefinition(name=SUBJECT)
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


def register_subjects(
    study: Study, instance: dg.DagsterInstance, subjects: Sequence[str] | None = None
) -> list[str]:
    """Make every patient of the BIDS folder a partition, and nobody who is not in it.

    Parameters
    ----------
    subjects : sequence of str, optional
        Take up only these, beside those who are partitions already.

    Returns
    -------
    list of str
        Patients who were a partition and are no longer in the BIDS folder.
    """
    there = subject_labels(study.bids_folder)
    instance.add_dynamic_partitions(SUBJECT, there if subjects is None else list(subjects))
    departed = sorted(set(instance.get_dynamic_partitions(SUBJECT)) - set(there))
    for subject in departed:
        instance.delete_dynamic_partition(SUBJECT, subject)
    return departed


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


def partition_advice(study: Study, patients: int) -> str | None:
    """Say what to do about more partitions than Dagster is made for; None where there are fewer."""
    count = patients * len(study.parcellations)
    if count <= PARTITIONS_AT_MOST:
        return None
    return (
        f"{patients:,} patients x {len(study.parcellations)} parcellations are {count:,} "
        f"partitions of one table; Dagster recommends at most {PARTITIONS_AT_MOST:,}; its pages "
        "become slow. Set up one study per site: docs/large_cohorts.md."
    )


def parcellations_of(step: Step, study: Study) -> list[str]:
    """List the parcellations for which a study can have a table."""
    return [
        name
        for name in sorted(study.parcellations)
        if step.why_unavailable(study, {"parcellation": name}) is None
    ]


def can_have(step: Step, study: Study) -> bool:
    """Say whether a study can have any of a table."""
    if "parcellation" in step.table.partitions:
        return bool(parcellations_of(step, study))
    return step.why_unavailable(study, {}) is None


def partitions_of(step: Step, study: Study) -> dg.PartitionsDefinition | None:
    """Return the Dagster partitions of a table: none, patients, parcellations, or both."""
    table = step.table
    parcellations = dg.StaticPartitionsDefinition(parcellations_of(step, study))
    by_keys: dict[tuple[str, ...], dg.PartitionsDefinition | None] = {
        (): None,
        ("subject",): SUBJECTS,
        ("parcellation",): parcellations,
        ("subject", "parcellation"): dg.MultiPartitionsDefinition(
            {"subject": SUBJECTS, "parcellation": parcellations}
        ),
    }
    return by_keys[table.partitions]


def partition_key(table: type[Table], partition: Partition) -> str | None:
    """Return a partition as Dagster names it."""
    if not table.partitions:
        return None
    if len(table.partitions) == 1:
        return partition[table.partitions[0]]
    return dg.MultiPartitionKey({key: partition[key] for key in table.partitions})


def partition_of(table: type[Table], key: str | None) -> dict[str, str]:
    """Return a partition by its keys, from Dagster's name of it."""
    if not table.partitions or key is None:
        return {}
    if isinstance(key, dg.MultiPartitionKey):
        return dict(key.keys_by_dimension)
    return {table.partitions[0]: key}


def mapping_to(upstream: Sequence[str], table: type[Table]) -> dg.PartitionMapping | None:
    """Say which partitions of what is upstream, by its keys, a partition of a table reads."""
    if not upstream or tuple(upstream) == table.partitions:
        return None
    shared = set(upstream) & set(table.partitions)
    if not shared:
        return dg.AllPartitionMapping()
    with tested_beta():
        return dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=shared.pop())


class Roots(Protocol):
    """What steps are made from that no step makes, and which of it each one reads."""

    def dependencies(self, step: Step) -> list[dg.AssetDep]:
        """Return what a step reads, with the partitions that each of its partitions reads."""

    def observe(
        self, step: Step, partitions: Iterable[Partition], context: dg.AssetExecutionContext
    ) -> None:
        """Record what a step is about to read."""


class LakeIOManager(dg.IOManager):
    """Reads and writes tables of the lake for Dagster.

    Parameters
    ----------
    gatherings : mapping of str to Gathering, optional
        How tables of very many rows are read; every other is read as a frame of all its rows.
    """

    def __init__(self, lake: Lake, gatherings: Mapping[str, Gathering] | None = None):
        self.lake = lake
        self.gatherings = gatherings or {}

    def handle_output(self, context: dg.OutputContext, results: list[Result]) -> None:
        """Write each partition, and rebuild the views where they would not show it."""
        table = TABLES[context.asset_key.path[-1]]
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

            refresh_catalogue(self.lake)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Read the partitions that exist among those that are asked for.

        A table that is gathered comes as a frame of each parcellation.
        """
        table = TABLES[context.asset_key.path[-1]]
        if not table.partitions or not context.has_asset_partitions:
            return self.lake.read(table)
        wanted = [partition_of(table, key) for key in context.asset_partition_keys]
        if table.table_name in self.gatherings:
            return self._gathered(table, wanted)
        if len(wanted) == 1:
            return self.lake.read(table, wanted[0])
        return self.lake.read_partitions(table, self._there(table, wanted))

    def _there(self, table: type[Table], wanted: Sequence[Partition]) -> list[Partition]:
        """List those of some partitions that exist."""
        keys = {tuple(one[key] for key in table.partitions) for one in wanted}
        return [
            one
            for one in self.lake.partitions(table)
            if tuple(one[key] for key in table.partitions) in keys
        ]

    def _gathered(self, table: type[Table], wanted: Sequence[Partition]) -> dict[str, pd.DataFrame]:
        gathering = self.gatherings[table.table_name]
        there: dict[str, list[Partition]] = {one["parcellation"]: [] for one in wanted}
        for one in self._there(table, wanted):
            there[one["parcellation"]].append(one)
        if not any(there.values()):
            self.lake.read_partitions(table, [], f"parcellation={' or '.join(there)}")
        return {
            # One that has no files is a frame without rows: the others are made all the same.
            parcellation: gathering.arrange(
                self.lake.parts(table, partitions, gathering.columns) if partitions else ()
            )
            for parcellation, partitions in there.items()
        }


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
) -> dg.AssetsDefinition:
    """Turn a step into a Dagster asset of one study.

    Parameters
    ----------
    others : set of str
        Tables that the study can have; it waits for no other.
    condition : AutomationCondition, optional
        When the daemon makes it by itself.

    Returns
    -------
    AssetsDefinition
        With column schema, a blocking check of the table's schema, and a check that tells what
        was left out.
    """
    table = step.table

    # Dagster refuses a context whose annotation is a text, as all are in this module.
    def compute(  # type: ignore[no-untyped-def]
        context, **inputs: pd.DataFrame | dict[str, pd.DataFrame]
    ) -> Iterator[Any]:
        keys = context.partition_keys if step.table.partitions else [None]
        partitions = {key: partition_of(table, key) for key in keys}
        refuse_other_records(study, context.instance)
        refuse_unregistered(step, lake, context.instance)
        roots.observe(step, partitions.values(), context)
        with not_kept() if table.is_about_patients() else nullcontext():
            for one in materialize(step, study, lake, context, partitions, inputs):
                if isinstance(one, dg.Output) and step.fills_folder(study):
                    roots.observe(step, partitions.values(), context)
                yield one

    compute.__name__ = step.name
    return dg.asset(
        name=step.name,
        description=inspect.cleandoc(step.make.__doc__ or ""),
        group_name=step.asset_group,
        partitions_def=partitions_of(step, study),
        ins={
            name: dg.AssetIn(partition_mapping=mapping_to(TABLES[name].partitions, table))
            for name in step.inputs
        },
        deps=[
            dg.AssetDep(name, partition_mapping=mapping_to(TABLES[name].partitions, table))
            for name in step.after
            if name in others
        ]
        + roots.dependencies(step),
        check_specs=[
            dg.AssetCheckSpec(
                "schema",
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
        owners=[OWNERS[step.asset_group]],
        io_manager_key="lake",
    )(compute)


def source_of(step: Step) -> dg.CodeReferencesMetadataValue:
    """Return where the function of a step stands, for the UI's link to it."""
    file = Path(inspect.getfile(step.make)).resolve()
    line = step.make.__code__.co_firstlineno
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
