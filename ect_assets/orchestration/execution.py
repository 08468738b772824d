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

from ect_assets.lake.integrity import DamagedFile
from ect_assets.lake.registered import table_named
from ect_assets.lake.store import Failure, Lake, LakeError, Partition, Provenance, content_digest
from ect_assets.orchestration.dagster_internals import (
    add_partition_metadata,
    output,
    without_verdict,
)
from ect_assets.orchestration.obstacles import Obstacles
from ect_assets.orchestration.shown_metadata import (
    last_metadata,
    shown_failure,
    shown_metadata,
    shown_problems,
    without_words,
)
from ect_assets.pipeline.drift import compare
from ect_assets.pipeline.gates import current_problems, unchecked
from ect_assets.pipeline.input_changes import record_of
from ect_assets.pipeline.inputs import Inputs
from ect_assets.pipeline.plan import Planner
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
from ect_assets.science.statistics.threads import one_blas_thread_within
from ect_assets.study import Study
from ect_assets.whole_files import WriteError

PICTURED_AT_MOST = 60
"""Of how many partitions in one run pictures are drawn; of a large cohort, when somebody makes the
patient again by hand."""
PREVIEW_ROWS = 8
PREVIEW_CHARACTERS = 60
MIXED = "inputs changed while they were read"
"""Stands for a digest that no inputs have, so that the table counts as out of date."""
IF_DUE = "ect/if_due"
"""Tag of the runs that the daemon starts: they make what is due at its turn, and no more."""
NOT_COMPUTED = "not computed again: its inputs are as they were"
MARKUP = re.compile(r"[\\`*_\[\]<>|!&#~]")
SCHEMA, REPRODUCIBLE, DRIFT = "schema", "reproducible", "drift"


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
) -> Iterator[Any]:
    """Make each partition, check it, hand it to the lake, and say what was left out.

    A partition whose input cannot be used, or whose rows violate the table's schema, is recorded as
    failed; nothing of it is written, and what was there before stays. The others are made. So is
    what follows in the same run from those that were made: the executor waits for outputs, not for
    success (`assembly`), and a step does not make what follows from a failed partition.

    Parameters
    ----------
    partitions : mapping
        Dagster's name of each partition to its keys.

    Yields
    ------
    Output, AssetCheckResult
        One output with the partitions that were made, then what the checks found.

    Raises
    ------
    Failure
        When a partition was not made, at the end; Dagster takes those for failed of which it got
        no materialization.
    """
    making = Making(step, study, lake, context, draws=len(partitions) <= PICTURED_AT_MOST)
    obstacles = Obstacles(step, study, lake, context)
    for key, partition in partitions.items():
        waits_for = obstacles.of(partition)
        if waits_for:
            making.waits[key] = f"{_label(key)}waits for {', '.join(waits_for)}, which failed"
        else:
            making.make(key, partition)
    yield from making.events()
    making.raise_failure()


class Making:
    """The partitions of a step in one run: what was made, and what was not.

    Parameters
    ----------
    draws : bool
        Whether pictures are drawn.
    """

    def __init__(
        self, step: Step, study: Study, lake: Lake, context: dg.AssetExecutionContext, draws: bool
    ):
        self._step, self._study, self._lake, self._context = step, study, lake, context
        self._draws = draws
        self._not_checked = tuple(unchecked(step.gates, study, lake)) if step.gates else ()
        self._inputs = Inputs(step, study, lake)
        self._results: dict[str | None, Result] = {}
        self._problems: list[Problem] = []
        self._verdicts: dict[str, list[Verdict]] = {name: [] for name in own_checks(step)}
        self._failed: dict[str | None, str] = {}
        self._broken: list[str] = []
        self._stopped: Exception | None = None
        self._left: dict[str | None, str] = {}
        by_itself = context.run.tags.get(IF_DUE) == "true"
        self._planner = Planner(study, lake) if by_itself else None
        self.waits: dict[str | None, str] = {}

    def make(self, key: str | None, partition: dict[str, str]) -> None:
        """Make one partition, or record why it could not be made.

        Where the daemon asked, what is not due at its turn is left as it is.
        """
        if self._planner is not None and not self._planner.is_out_of_date(self._step, partition):
            self._leave(key, partition)
            return
        began = time.monotonic()
        try:
            inputs = self._inputs.of(partition)
        except (LakeError, DamagedFile) as error:
            self.waits[key] = f"{_label(key)}{error}"
            return
        seen = inputs_of(self._step, self._study, self._lake, partition)
        digest = _digest_of_what_was_read(self._step, self._lake, partition, seen)
        try:
            made = self._computed(partition, inputs)
            if self._step.fills_folder(self._study):
                seen = inputs_of(self._step, self._study, self._lake, partition)
                digest = digest_of(seen)
            if self._step.reads_by_sql and digest != inputs_digest(
                self._step, self._study, self._lake, partition
            ):
                digest = MIXED
            made, content = checked(self._step, self._study, partition, made)
        except (InputProblem, SchemaViolations) as error:
            self._record(partition, Failure(error.problems, digest, True))
            self._failed[key] = str(error)
            if isinstance(error, SchemaViolations):
                self._broken.append(str(error))
            return
        except Exception as error:
            self._note_stop(key, partition, digest, error)
            return
        provenance = Provenance(
            code_version(self._step),
            self._context.run.run_id,
            self._study.seed,
            bool(made.simulated),
            digest,
            record_of(seen),
            time.monotonic() - began,
        )
        self._keep(key, made, Result(partition, content, provenance, made.events, made.documents))

    def _leave(self, key: str | None, partition: Partition) -> None:
        """Record a partition as it is, with what the UI shows of it, and compute nothing."""
        footer = self._lake.footer(self._step.table, partition)
        failure = self._lake.failure(self._step.table, partition)
        if footer is None or (failure is not None and failure.failed):
            self._failed[key] = "its inputs are those with which it failed"
            return
        self._left[key] = footer["content_sha256"]
        self._problems.extend(failure.problems if failure is not None else ())
        shown = last_metadata(self._context, key)
        add_partition_metadata(self._context, key, {**shown, NOT_COMPUTED: True})

    def _computed(self, partition: dict[str, str], inputs: Mapping[str, pd.DataFrame]) -> Made:
        step, study, lake = self._step, self._study, self._lake
        known = partial(current_problems, study=study, lake=lake)
        log = self._context.log.info
        work = Work(study, lake, partition, log, self._draws, self._not_checked, known)
        with one_blas_thread_within():
            made = step.make(work, **inputs)
        made = made if isinstance(made, Made) else Made(made)
        simulated = made.simulated or any_input_simulated(step, study, lake, partition)
        frame = made.frame.assign(**partition, simulated=simulated)
        return replace(made, frame=frame, simulated=simulated)

    def _keep(self, key: str | None, made: Made, result: Result) -> None:
        digest = result.provenance.inputs_sha256
        failure = Failure(made.problems, digest, False) if made.problems else None
        self._record(result.partition, failure)
        self._results[key] = result
        self._problems.extend(made.problems)
        before = _against_before(self._step, self._lake, result)
        for name, verdict in {**made.verdicts, **before}.items():
            self._verdicts[name].append(verdict)
        metadata = shown_metadata(
            self._study,
            self._step.table,
            result.partition,
            made.frame,
            result.provenance,
            made,
            markdown_preview,
        )
        add_partition_metadata(self._context, key, metadata)

    def _note_stop(
        self, key: str | None, partition: Partition, digest: str, error: Exception
    ) -> None:
        """Record a partition that broke off, not because of its data; it is tried again.

        Where even that cannot be written, on a full disk, the run says it.
        """
        with contextlib.suppress(OSError, WriteError):
            self._record(partition, _stopped(self._step, partition, digest, error))
        is_private = self._step.table.is_about_patients() and not isinstance(
            error, (EctError, OSError, MemoryError)
        )
        self._failed[key] = str(error)
        self._stopped = self._stopped or (without_words(error) if is_private else error)

    def _record(self, partition: Partition, failure: Failure | None) -> None:
        self._lake.record_problems(self._step.table, partition, failure)

    def events(self) -> Iterator[Any]:
        """Return the output with what was made, then what the checks found.

        There is an output also where nothing was made: what follows asks for itself whether it can
        be made, and the tables that report failures are.
        """
        versions = {key: one.content_sha256 for key, one in self._results.items()}
        versions |= self._left
        yield output(list(self._results.values()), versions)
        if self._results or self._broken:
            faults = shown_failure(self._step.table, self._broken) if self._broken else None
            yield _schema_check(self._step, faults)
        else:
            yield from without_verdict(self._context, SCHEMA)
        if not versions:
            return
        yield dg.AssetCheckResult(
            check_name="complete",
            asset_key=self._step.name,
            passed=not self._problems and not self._failed and not self.waits,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "left_out": len(self._problems),
                "failed": len(self._failed) + len(self.waits),
                "what": dg.MetadataValue.md(shown_problems(self._step.table, self._problems)),
            },
        )
        for name, found in self._verdicts.items():
            if found:
                yield _own_check(self._step, name, found)
            else:
                yield from without_verdict(self._context, name)

    def raise_failure(self) -> None:
        """Name the partitions that were not made, and fail where there are any."""
        names = [str(key) for key in (*self._failed, *self.waits) if key is not None]
        if self._stopped is not None:
            if names:
                self._context.log.error(f"Not made: {', '.join(names)}.")
            raise self._stopped
        said = list(self.waits.values())
        if self._failed:
            said.insert(0, shown_failure(self._step.table, list(self._failed.values())))
        if names:
            said.insert(0, f"Not made: {', '.join(names)}.")
        if said:
            raise dg.Failure("\n".join(said), allow_retries=False)


def _label(key: str | None) -> str:
    return "" if key is None else f"{key}: "


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
        check_name=SCHEMA,
        asset_key=step.name,
        passed=fault is None,
        metadata={"faults": fault or "none"},
    )


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
