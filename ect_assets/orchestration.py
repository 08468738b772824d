"""Steps as Dagster assets: partitions, lineage, checks, metadata, and the lake as I/O manager.

The only place, beside `definitions` and `runner`, that knows Dagster. What a step computes is in
`assets`; when it is out of date is in `freshness`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from ect_assets.freshness import any_input_simulated, code_version, inputs_digest
from ect_assets.lake.catalogue import refresh_catalogue
from ect_assets.lake.store import Failure, Lake, Partition, Provenance
from ect_assets.problems import InputProblem, Problem
from ect_assets.schema import Table
from ect_assets.step import Made, Step, Work
from ect_assets.study import Study
from ect_assets.tables import TABLES

SUBJECTS = dg.DynamicPartitionsDefinition(name="subject")
PREVIEW_ROWS = 8
PREVIEW_CHARACTERS = 60


def partitions_of(table: type[Table], study: Study) -> dg.PartitionsDefinition | None:
    """Return the Dagster partitions of a table: none, patients, parcellations, or both."""
    parcellations = dg.StaticPartitionsDefinition(sorted(study.parcellations))
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


def _mapping(upstream: type[Table], table: type[Table]) -> dg.PartitionMapping | None:
    """Say which partitions of an upstream table a partition reads."""
    if not upstream.partitions or upstream.partitions == table.partitions:
        return None
    shared = set(upstream.partitions) & set(table.partitions)
    if not shared:
        return dg.AllPartitionMapping()
    with warnings.catch_warnings():
        # Marked beta for years; what it does here is covered by tests.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=shared.pop())


@dataclass(frozen=True)
class Result:
    """One partition's rows, on their way into the lake."""

    partition: dict[str, str]
    frame: pd.DataFrame
    provenance: Provenance


class LakeIOManager(dg.IOManager):
    """Reads and writes tables of the lake for Dagster.

    Parameters
    ----------
    lake : Lake
    """

    def __init__(self, lake: Lake):
        self.lake = lake

    def handle_output(self, context: dg.OutputContext, results: list[Result]) -> None:
        """Write each partition; a table's first file makes its view appear."""
        table = TABLES[context.asset_key.path[-1]]
        is_first = not self.lake.partitions(table)
        for result in results:
            written = self.lake.write(table, result.partition, result.frame, result.provenance)
            if not written:
                context.log.info(f"{table.table_name} {result.partition or ''} is as it was.")
        if is_first:
            refresh_catalogue(self.lake)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read the partitions that exist among those that are asked for."""
        table = TABLES[context.asset_key.path[-1]]
        if not table.partitions or not context.has_asset_partitions:
            return self.lake.read(table)
        wanted = [partition_of(table, key) for key in context.asset_partition_keys]
        if len(wanted) == 1:
            return self.lake.read(table, wanted[0])
        there = [one for one in self.lake.partitions(table) if one in wanted]
        return self.lake.read_partitions(table, there)


def as_asset(step: Step, study: Study, lake: Lake) -> dg.AssetsDefinition:
    """Turn a step into a Dagster asset of one study.

    Parameters
    ----------
    step : Step
    study : Study
    lake : Lake

    Returns
    -------
    AssetsDefinition
        With column schema, a blocking check of the table's promises, and a check that tells what
        was left out.
    """
    table = step.table

    def compute(context, **inputs: pd.DataFrame) -> Iterator[Any]:
        keys = context.partition_keys if context.has_partition_key or _is_range(context) else [None]
        partitions = [partition_of(table, key) for key in keys]
        yield from _run(step, study, lake, context.run_id, partitions, inputs)

    compute.__name__ = step.name
    return dg.asset(
        name=step.name,
        description=(step.make.__doc__ or "").strip(),
        group_name=step.station,
        partitions_def=partitions_of(table, study),
        ins={
            name: dg.AssetIn(partition_mapping=_mapping(TABLES[name], table))
            for name in step.inputs
        },
        deps=[
            dg.AssetDep(name, partition_mapping=_mapping(TABLES[name], table))
            for name in step.after
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "schema",
                asset=step.name,
                blocking=True,
                description="The table keeps its promises: "
                "columns, types, ranges, no missing keys, no repeated rows.",
            ),
            dg.AssetCheckSpec(
                "complete",
                asset=step.name,
                description="Nothing was left out in making the table.",
            ),
        ],
        metadata={"dagster/column_schema": column_schema(table), "key": ", ".join(table.key)},
        kinds={"python", "parquet"},
        code_version=code_version(step),
        io_manager_key="lake",
    )(compute)


def _is_range(context: dg.AssetExecutionContext) -> bool:
    return context.has_partition_key_range


def _run(
    step: Step,
    study: Study,
    lake: Lake,
    run_id: str,
    partitions: list[dict[str, str]],
    inputs: dict[str, pd.DataFrame],
) -> Iterator[Any]:
    """Make each partition, check it, hand it to the lake, and say what was left out."""
    results: list[Result] = []
    problems: list[Problem] = []
    figures: dict[str, Any] = {}
    for partition in partitions:
        digest = inputs_digest(step, study, lake, partition)
        mine = inputs if len(partitions) == 1 else _restricted(inputs, partition)
        try:
            made = step.make(Work(study, lake, partition), **mine)
        except InputProblem as error:
            lake.record_problems(step.table, partition, Failure(error.problems, digest, True))
            raise dg.Failure(str(error), allow_retries=False) from error
        made = made if isinstance(made, Made) else Made(made)
        lake.record_problems(
            step.table,
            partition,
            Failure(made.problems, digest, False) if made.problems else None,
        )
        simulated = any_input_simulated(step, study, lake, partition)
        frame = made.frame.assign(**partition, simulated=simulated)
        faults = step.table.faults(frame)
        if faults:
            yield _schema_check(step, faults)
            raise dg.Failure("; ".join(faults), allow_retries=False)
        provenance = Provenance(code_version(step), run_id, study.seed, simulated, digest)
        results.append(Result(partition, frame, provenance))
        problems.extend(made.problems)
        figures.update(made.figures)
    yield dg.Output(results, metadata=_metadata(step, study, results, figures))
    yield _schema_check(step, [])
    yield dg.AssetCheckResult(
        check_name="complete",
        asset_key=step.name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "left_out": len(problems),
            "what": dg.MetadataValue.md("\n".join(f"- {one}" for one in problems) or "nothing"),
        },
    )


def _schema_check(step: Step, faults: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="schema",
        asset_key=step.name,
        passed=not faults,
        metadata={"faults": dg.MetadataValue.md("\n".join(f"- {one}" for one in faults) or "none")},
    )


def _restricted(inputs: dict[str, pd.DataFrame], partition: Partition) -> dict[str, pd.DataFrame]:
    """Keep of each input the rows of one partition, where a run covers several."""
    mine = {}
    for name, frame in inputs.items():
        for key in TABLES[name].partitions:
            if key in partition:
                frame = frame[frame[key] == partition[key]]
        mine[name] = frame.reset_index(drop=True)
    return mine


def _metadata(
    step: Step, study: Study, results: list[Result], figures: dict[str, Any]
) -> dict[str, Any]:
    """Return what the UI shows beside a materialization."""
    frame = results[0].frame
    rows = sum(len(result.frame) for result in results)
    metadata: dict[str, Any] = {
        "dagster/row_count": rows,
        "simulated": results[0].provenance.simulated,
        "seed": study.seed,
        "preview": dg.MetadataValue.md(markdown_preview(frame)),
    }
    if step.table.partitions:
        metadata["dagster/partition_row_count"] = len(frame)
    return metadata | dict(figures)


def markdown_preview(frame: pd.DataFrame) -> str:
    """Return the first rows as a Markdown table, long text cut short."""

    def shown(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.5g}"
        text = str(value)
        short = text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"
        return short.replace("|", "\\|")

    head = frame.head(PREVIEW_ROWS)
    lines = ["| " + " | ".join(head.columns) + " |", "|" + " --- |" * len(head.columns)]
    lines += [
        "| " + " | ".join(shown(value) for value in row) + " |"
        for row in head.itertuples(index=False)
    ]
    return "\n".join(lines)


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
