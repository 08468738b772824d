"""Running one step inside Dagster: its partitions, its checks, what the UI is told.

Which assets there are and how they hang together is in `orchestration`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from ect_assets.freshness import any_input_simulated, code_version, inputs_digest
from ect_assets.lake.store import Failure, Lake, Partition, Provenance
from ect_assets.problems import InputProblem, Problem
from ect_assets.schema import SchemaError
from ect_assets.step import Made, Step, Verdict, Work
from ect_assets.study import Study
from ect_assets.tables import TABLES

PREVIEW_ROWS = 8
PREVIEW_CHARACTERS = 60


@dataclass(frozen=True)
class Result:
    """One partition's rows, on their way into the lake."""

    partition: dict[str, str]
    content: pa.Table
    provenance: Provenance


def materialize(
    step: Step,
    study: Study,
    lake: Lake,
    context: dg.AssetExecutionContext,
    partitions: Mapping[str | None, dict[str, str]],
    inputs: dict[str, pd.DataFrame],
) -> Iterator[Any]:
    """Make each partition, check it, hand it to the lake, and say what was left out.

    Parameters
    ----------
    step : Step
    study : Study
    lake : Lake
    context : AssetExecutionContext
    partitions : mapping
        Dagster's name of each partition to its keys.
    inputs : dict of str to DataFrame
        The tables that the step reads, of all these partitions.

    Yields
    ------
    Output, AssetCheckResult
        One output with all partitions, then what the checks found.

    Raises
    ------
    Failure
        When the input of a partition cannot be used, or the rows break the table's promises;
        nothing is written then, and what was there before stays.
    """
    results: list[Result] = []
    problems: list[Problem] = []
    failed: list[str] = []
    verdicts: dict[str, list[Verdict]] = {}
    for key, partition in partitions.items():
        digest = inputs_digest(step, study, lake, partition)
        mine = inputs if len(partitions) == 1 else _restricted(inputs, partition)
        try:
            made = step.make(Work(study, lake, partition, context.log.info), **mine)
        except InputProblem as error:
            lake.record_problems(step.table, partition, Failure(error.problems, digest, True))
            failed.append(str(error))
            continue
        made = made if isinstance(made, Made) else Made(made)
        lake.record_problems(
            step.table,
            partition,
            Failure(made.problems, digest, False) if made.problems else None,
        )
        simulated = made.simulated or any_input_simulated(step, study, lake, partition)
        frame = made.frame.assign(**partition, simulated=simulated)
        try:
            content = step.table.to_arrow(frame)
        except SchemaError as error:
            yield _schema_check(step, str(error))
            raise dg.Failure(str(error), allow_retries=False) from error
        provenance = Provenance(
            code_version(step), context.run.run_id, study.seed, simulated, digest
        )
        results.append(Result(partition, content, provenance))
        problems.extend(made.problems)
        for name, verdict in made.verdicts.items():
            verdicts.setdefault(name, []).append(verdict)
        context.add_asset_metadata(_metadata(frame, provenance, made), partition_key=key)
    if failed:
        raise dg.Failure("\n".join(failed), allow_retries=False)
    yield dg.Output(results)
    yield _schema_check(step, None)
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
    for name in step.checks:
        yield _own_check(step, name, verdicts[name])


def _own_check(step: Step, name: str, verdicts: list[Verdict]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=step.name,
        passed=all(one.passed for one in verdicts),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"says": dg.MetadataValue.md("\n".join(f"- {one.says}" for one in verdicts))},
    )


def _schema_check(step: Step, fault: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="schema",
        asset_key=step.name,
        passed=fault is None,
        metadata={"faults": fault or "none"},
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


def _metadata(frame: pd.DataFrame, provenance: Provenance, made: Made) -> dict[str, Any]:
    """Return what the UI shows beside a materialization."""
    return {
        "dagster/row_count": len(frame),
        "dagster/partition_row_count": len(frame),
        "simulated": provenance.simulated,
        "seed": provenance.seed,
        "preview": dg.MetadataValue.md(markdown_preview(frame)),
        **made.figures,
        **{name: _shown(name, png) for name, png in made.pictures.items()},
    }


def _shown(name: str, png: bytes) -> dg.MarkdownMetadataValue:
    """Put a figure into the metadata itself, so that it is seen without any file."""
    return dg.MetadataValue.md(f"![{name}](data:image/png;base64,{b64encode(png).decode()})")


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
