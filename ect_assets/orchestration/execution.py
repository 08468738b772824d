"""Running one step inside Dagster: its partitions, its checks, what the UI is told.

Which assets there are and how they hang together is in `orchestration`.
"""

from __future__ import annotations

import contextlib
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Failure, Lake, Partition, Provenance, content_digest
from ect_assets.orchestration.dagster_internals import add_partition_metadata, output
from ect_assets.orchestration.shown_metadata import (
    shown_failure,
    shown_metadata,
    shown_problems,
    without_words,
)
from ect_assets.pipeline.drift import compare
from ect_assets.pipeline.gates import current_problems, unchecked
from ect_assets.pipeline.input_changes import record_of
from ect_assets.pipeline.schema_violations import SchemaViolations, checked
from ect_assets.pipeline.staleness import (
    any_input_simulated,
    code_version,
    digest_of,
    inputs_digest,
    inputs_of,
    upstream_partitions,
)
from ect_assets.pipeline.step import Event, Made, Step, Verdict, Work
from ect_assets.problems import EVERY, STOPPED, EctError, InputProblem, Problem
from ect_assets.study import Study
from ect_assets.whole_files import WriteError

PICTURED_AT_MOST = 60
"""Of how many partitions in one run pictures are drawn; of a large cohort, when somebody makes the
patient again by hand."""
PREVIEW_ROWS = 8
PREVIEW_CHARACTERS = 60
MIXED = "inputs changed while they were read"
"""Stands for a digest that no inputs have, so that the table counts as out of date."""
MARKUP = re.compile(r"[\\`*_\[\]<>|!&#~]")
REPRODUCIBLE, DRIFT = "reproducible", "drift"


@dataclass(frozen=True)
class Result:
    """One partition's rows, on their way into the lake."""

    partition: dict[str, str]
    content: pa.Table
    provenance: Provenance
    events: tuple[Event, ...] = ()
    documents: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def content_sha256(self) -> str:
        """Digest of the rows."""
        return content_digest(self.content)


def materialize(
    step: Step,
    study: Study,
    lake: Lake,
    context: dg.AssetExecutionContext,
    partitions: Mapping[str | None, dict[str, str]],
    inputs: Mapping[str, pd.DataFrame | Mapping[str, pd.DataFrame]],
) -> Iterator[Any]:
    """Make each partition, check it, hand it to the lake, and say what was left out.

    Parameters
    ----------
    partitions : mapping
        Dagster's name of each partition to its keys.
    inputs : mapping of str to DataFrame, or to a mapping of str to DataFrame
        The tables that the step reads, of all these partitions; one that is gathered as a frame
        of each parcellation.

    Yields
    ------
    Output, AssetCheckResult
        One output with all partitions, then what the checks found.

    Raises
    ------
    Failure
        When the input of a partition cannot be used, or its rows violate the table's schema.
        Whose partition that is has been recorded by then; nothing is written, what was there before
        stays, and `runner` makes the other partitions again without it.
    """
    results: dict[str | None, Result] = {}
    problems: list[Problem] = []
    failed: list[str] = []
    broken: list[str] = []
    verdicts: dict[str, list[Verdict]] = {name: [] for name in own_checks(step)}
    draws = len(partitions) <= PICTURED_AT_MOST
    not_checked = tuple(unchecked(step.gates, study, lake)) if step.gates else ()
    known = partial(current_problems, study=study, lake=lake)
    for key, partition in partitions.items():
        began = time.monotonic()
        inputs_read = inputs_of(step, study, lake, partition)
        digest = _digest_of_what_was_read(step, lake, partition, inputs_read)
        mine = _restricted(inputs, lake, partition, is_alone=len(partitions) == 1)
        try:
            work = Work(study, lake, partition, context.log.info, draws, not_checked, known)
            made = step.make(work, **mine)
        except InputProblem as error:
            lake.record_problems(step.table, partition, Failure(error.problems, digest, True))
            failed.append(str(error))
            continue
        except (OSError, MemoryError, WriteError) as error:
            # Not because of these inputs: a full disk, say. It is tried again; until then what is
            # made from it knows that it failed.
            with contextlib.suppress(OSError, WriteError):
                failure = _stopped(step, partition, digest, error)
                lake.record_problems(step.table, partition, failure)
            raise
        except Exception as error:
            lake.record_problems(step.table, partition, _stopped(step, partition, digest, error))
            if step.table.is_about_patients() and not isinstance(error, EctError):
                raise without_words(error) from None
            raise
        made = made if isinstance(made, Made) else Made(made)
        if step.fills_folder(study):
            inputs_read = inputs_of(step, study, lake, partition)
            digest = digest_of(inputs_read)
        if step.reads_by_sql and digest != inputs_digest(step, study, lake, partition):
            digest = MIXED
        simulated = made.simulated or any_input_simulated(step, study, lake, partition)
        made = replace(made, frame=made.frame.assign(**partition, simulated=simulated))
        try:
            made, content = checked(step, study, partition, made)
        except SchemaViolations as error:
            lake.record_problems(step.table, partition, Failure(error.problems, digest, True))
            failed.append(str(error))
            broken.append(str(error))
            continue
        lake.record_problems(
            step.table,
            partition,
            Failure(made.problems, digest, False) if made.problems else None,
        )
        frame = made.frame
        provenance = Provenance(
            code_version(step),
            context.run.run_id,
            study.seed,
            simulated,
            digest,
            record_of(inputs_read),
            time.monotonic() - began,
        )
        result = Result(partition, content, provenance, made.events, made.documents)
        results[key] = result
        problems.extend(made.problems)
        for name, verdict in {**made.verdicts, **_against_before(step, lake, result)}.items():
            verdicts[name].append(verdict)
        metadata = shown_metadata(
            study, step.table, partition, frame, provenance, made, markdown_preview
        )
        add_partition_metadata(context, key, metadata)
    if broken:
        yield _schema_check(step, shown_failure(step.table, broken))
    if failed:
        raise dg.Failure(shown_failure(step.table, failed), allow_retries=False)
    versions = {key: one.content_sha256 for key, one in results.items()}
    yield output(list(results.values()), versions)
    yield _schema_check(step, None)
    yield dg.AssetCheckResult(
        check_name="complete",
        asset_key=step.name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "left_out": len(problems),
            "what": dg.MetadataValue.md(shown_problems(step.table, problems)),
        },
    )
    for name, found in verdicts.items():
        yield _own_check(step, name, found)


def _digest_of_what_was_read(
    step: Step, lake: Lake, partition: Partition, inputs_read: Mapping[str, Any]
) -> str:
    """Digest the inputs, unless one was written again since its rows were read for this step."""
    is_mixed = any(
        lake.has_changed_since_read(table_named(lake.folder, name), one)
        for name in step.inputs
        for one in upstream_partitions(name, lake, partition)
    )
    return MIXED if is_mixed else digest_of(inputs_read)


def own_checks(step: Step) -> dict[str, str]:
    """Name the checks of a step beside schema and completeness, and say what each is about."""
    checks = {**step.checks, REPRODUCIBLE: "Unchanged inputs give an unchanged table."}
    if step.drift is not None:
        checks[DRIFT] = (
            f"Compared with the previous table: no significant row (q < {step.drift.below:g}) "
            "changed sign, few crossed the threshold, and the ranking of the values is similar."
        )
    return checks


def _against_before(step: Step, lake: Lake, result: Result) -> dict[str, Verdict]:
    """Compare what was made with what is in the lake, before it takes its place."""
    there = lake.footer(step.table, result.partition)
    if there is None:
        first = Verdict(True, "First materialization.")
        return {name: first for name in own_checks(step) if name not in step.checks}
    now = (result.provenance.code_version, result.provenance.inputs_sha256)
    is_repeated = (there["code_version"], there["inputs_sha256"]) == now
    is_equal = there["content_sha256"] == result.content_sha256
    if is_equal:
        says = "The rows are unchanged."
    elif is_repeated:
        says = "Unchanged inputs gave different rows."
    else:
        says = "The inputs have changed."
    verdicts = {REPRODUCIBLE: Verdict(is_equal or not is_repeated, says)}
    if step.drift is not None:
        before, after = lake.read(step.table, result.partition), result.content.to_pandas()
        verdicts[DRIFT] = compare(before, after, step.table, step.drift)
    return verdicts


def _stopped(step: Step, partition: Partition, digest: str, error: Exception) -> Failure:
    """Say that a step broke off; what it said is quoted where it is a sentence of ours."""
    said = _said(error, step.table.is_about_patients())
    if not isinstance(error, EctError):
        said = f"stopped with {said} See the run's log. Fix it, then `ect run`."
    problem = Problem(
        STOPPED,
        f"{step.name}: {said}",
        step.name,
        subject=partition.get("subject", EVERY),
        parcellation=partition.get("parcellation", EVERY),
    )
    return Failure((problem,), digest, True)


def _said(error: Exception, is_private: bool) -> str:
    """Quote our own sentences and the system's; of any other error the kind alone."""
    if isinstance(error, EctError) or (not is_private and _is_our_refusal(error)):
        return str(error)
    reason = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"{type(error).__name__}{reason}."


def _is_our_refusal(error: Exception) -> bool:
    """Say whether a function of this package refused its arguments, and not a library's."""
    frames = list(traceback.walk_tb(error.__traceback__))
    where = str(frames[-1][0].f_globals.get("__name__", "")) if frames else ""
    return isinstance(error, ValueError) and where.startswith("ect_assets.")


def _own_check(step: Step, name: str, verdicts: list[Verdict]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=step.name,
        passed=all(one.passed for one in verdicts),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "says": dg.MetadataValue.md("\n".join(f"- {plain(one.says)}" for one in verdicts))
        },
    )


def _schema_check(step: Step, fault: str | None) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="schema",
        asset_key=step.name,
        passed=fault is None,
        metadata={"faults": fault or "none"},
    )


def _restricted(
    inputs: Mapping[str, pd.DataFrame | Mapping[str, pd.DataFrame]],
    lake: Lake,
    partition: Partition,
    is_alone: bool,
) -> dict[str, pd.DataFrame]:
    """Keep of each input what belongs to one partition, of a run of that alone or of several."""
    mine = {}
    for name, read in inputs.items():
        if not isinstance(read, pd.DataFrame):
            mine[name] = read[partition["parcellation"]]
        elif is_alone:
            mine[name] = read
        else:
            rows = read
            for key in table_named(lake.folder, name).partitions:
                if key in partition:
                    rows = rows[rows[key] == partition[key]]
            mine[name] = rows.reset_index(drop=True)
    return mine


def markdown_preview(frame: pd.DataFrame) -> str:
    """Return the first rows as a Markdown table, long text cut short."""

    def shown(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.5g}"
        text = str(value)
        short = text if len(text) <= PREVIEW_CHARACTERS else text[: PREVIEW_CHARACTERS - 1] + "…"
        return plain(short)

    head = frame.head(PREVIEW_ROWS)
    lines = ["| " + " | ".join(map(plain, head.columns)) + " |", "|" + " --- |" * len(head.columns)]
    lines += [
        "| " + " | ".join(shown(value) for value in row) + " |"
        for row in head.itertuples(index=False)
    ]
    return "\n".join(lines)


def plain(text: str) -> str:
    """Write a text so that Markdown and HTML show it as it is: a cell may hold anything."""
    return MARKUP.sub(lambda sign: f"&#{ord(sign[0])};", " ".join(text.split()))
