"""What a step of the pipeline is: the table it makes, what it reads, and how.

A step is a function of tables with a note of everything else that its result depends on:
settings, source files, packaged data. `steps` holds the steps; `orchestration` turns them into
Dagster assets; `staleness` decides from the same notes when a result is out of date.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ect_assets.lake.store import Lake, Partition
from ect_assets.problems import Problem
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.study import Study
from ect_assets.tables.schema import Table

Files = Callable[[Study, Partition], Iterable[Path]]
Reason = Callable[[Study, Partition], str | None]
Names = Callable[[Study, Partition], Iterable[str]]


def _unknown(name: str, partition: Partition) -> None:
    """Stand for a run that knows nothing of other steps."""


@dataclass(frozen=True)
class Work:
    """What a step knows beside the tables it reads.

    Attributes
    ----------
    lake : Lake
        For what was there before; the inputs come as arguments.
    partition : mapping
        Value of each partition key.
    log : callable
        Takes a line for the run's log.
    draws : bool
        Whether somebody may look at pictures of this partition: not in a run of very many.
    not_checked : tuple of Problem
        Of a step with gates: the checks that have not run on the present data.
    current_problems : callable
        ``current_problems(table, partition)`` gives what was found when another step's partition
        was made, or None where that is not of the present data.
    """

    study: Study
    lake: Lake
    partition: Partition
    log: Callable[[str], None] = print
    draws: bool = True
    not_checked: tuple[Problem, ...] = ()
    current_problems: Callable[[str, Partition], Sequence[Problem] | None] = _unknown

    @property
    def subject(self) -> str:
        """The patient of this partition."""
        return self.partition["subject"]

    @property
    def parcellation(self) -> str:
        """The parcellation of this partition."""
        return self.partition["parcellation"]


@dataclass(frozen=True)
class Gathering:
    """How a table of very many rows is read by the steps that take it as an input.

    Attributes
    ----------
    columns : tuple of str
        What is read of its files.
    arrange : callable
        Takes the rows of one parcellation, some hundred partitions at a time, and gives the frame
        that the steps work with.
    """

    columns: tuple[str, ...]
    arrange: Callable[[Iterable[pa.Table]], pd.DataFrame]


@dataclass(frozen=True)
class Verdict:
    """What a check of a step found.

    Attributes
    ----------
    passed : bool
    says : str
        For a reader: what was compared with what.
    """

    passed: bool
    says: str


@dataclass(frozen=True)
class Drift:
    """What of a table is compared with the table as it was before.

    Attributes
    ----------
    value : str
        Column whose sign matters.
    q : str
        Column that says what counts.
    below : float
        A row counts where q is below it.
    """

    value: str
    q: str
    below: float = LEVEL


@dataclass(frozen=True)
class Event:
    """One line of the audit log.

    Attributes
    ----------
    event : str
        As the table's choices say.
    detail : str
        What happened, without personal data.
    """

    event: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Made:
    """What a step gives back, when it has more to say than the rows.

    Attributes
    ----------
    frame : DataFrame
        Rows of the table; partition keys and `simulated` are added by the executor.
    problems : tuple of Problem
        What was left out, or could not be read, and why.
    figures : mapping
        Key figures for a reader, by name.
    verdicts : mapping
        What each of the step's own checks found.
    pictures : mapping
        Figures as PNG, by name.
    simulated : bool
        Whether the files that were read say that they are simulated.
    documents : mapping of str to bytes
        Files that stand beside the rows, by their path there.
    events : tuple of Event
        What goes into the audit log once the rows are kept.
    """

    frame: pd.DataFrame
    problems: tuple[Problem, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    simulated: bool = False
    documents: Mapping[str, bytes] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Source:
    """Files that steps read and no step makes: a root of the lineage.

    Attributes
    ----------
    files : callable
        ``files(study, partition)``, of a partition that has at least the keys below.
    partitions : tuple of str
        Keys that its files depend on.
    settings : tuple of str
        What study.toml says of these files; as `Step.settings`.
    """

    name: str
    description: str
    files: Files
    partitions: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of the pipeline.

    Attributes
    ----------
    table : type of Table
        The table it makes.
    make : callable
        ``make(work, **inputs)`` gives a frame or `Made`; its docstring is what the UI shows.
    asset_group : str
        Its asset group in the UI.
    inputs : tuple of str
        Tables that it reads: the names of the function's parameters after the first.
    after : tuple of str
        Tables that must be there, and whose change makes this one stale, though they are not read
        as a whole.
    settings : tuple of str
        Settings of the study that it depends on; dots lead inwards, ``{parcellation}`` is filled,
        ``*`` stands for the names alone of what is there.
    sources : tuple of Source
        The source files that it reads.
    reference : tuple of str
        Packaged files that it reads.
    reads_problems : bool
        Whether it reads what went wrong elsewhere.
    gates : tuple of Step
        Checks of which it says whether they have run on the data as they are now; it is made where
        they failed, too.
    leaves_out_rows : bool
        Whether patients whose rows violate the table's schema are left out of the table, each with
        a problem, and the others are kept.
    from_patients : bool
        Whether it reads the study's own data, not only tables.
    skips : callable, optional
        ``skips(study, partition)``: tables of `upstream` that this partition does not depend on.
    unavailable : callable, optional
        ``unavailable(study, partition)`` says why the study cannot have this partition, or None.
    checks : mapping
        Checks of its own, name to description; a failed one warns and stops nothing.
    reads_by_sql : bool
        Whether it asks the lake for the tables of `after` by SQL.
    is_weekly : bool
        Whether the daemon leaves it as it is, when only outdated, until the weekly recomputation:
        it takes long, and says how far the results can be trusted rather than what they are.
    drift : Drift, optional
        What is compared with the table as it was before.
    makes_files : callable, optional
        ``makes_files(study)``: whether making it also makes, or completes, the files it reads.
    measured_by : callable, optional
        ``measured_by(study)``: the versions of what measures, where only some studies use it.
    version : str
        Raised whenever the same inputs would give another result.
    module : str
        Where it stands, of a lab's own; empty for ours.
    """

    table: type[Table]
    make: Callable[..., pd.DataFrame | Made]
    asset_group: str
    inputs: tuple[str, ...]
    after: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    reference: tuple[str, ...] = ()
    reads_problems: bool = False
    gates: tuple[Step, ...] = ()
    leaves_out_rows: bool = False
    from_patients: bool = False
    skips: Names | None = None
    unavailable: Reason | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    reads_by_sql: bool = False
    is_weekly: bool = False
    drift: Drift | None = None
    makes_files: Callable[[Study], bool] | None = None
    measured_by: Callable[[Study], Mapping[str, int]] | None = None
    version: str = "1"
    module: str = ""

    @property
    def name(self) -> str:
        """The name of the table, which is the name of the asset."""
        return self.table.table_name

    @property
    def upstream(self) -> tuple[str, ...]:
        """All tables that it depends on."""
        return self.inputs + self.after

    @property
    def needed(self) -> tuple[str, ...]:
        """Tables without any rows of which it is not made: of a lab's own all, by SQL or not."""
        return self.upstream if self.module else self.inputs

    def upstream_of(self, study: Study, partition: Partition) -> tuple[str, ...]:
        """All tables that one partition depends on."""
        skipped = set(self.skips(study, partition)) if self.skips else set()
        return tuple(name for name in self.upstream if name not in skipped)

    def files(self, study: Study, partition: Partition) -> list[Path]:
        """List the source files that one partition reads."""
        return [file for source in self.sources for file in source.files(study, partition)]

    def fills_folder(self, study: Study) -> bool:
        """Say whether making it also makes, or completes, the files it reads."""
        return self.makes_files is not None and self.makes_files(study)

    def measuring_versions(self, study: Study) -> dict[str, int]:
        """Return the versions of what measures; empty for most studies."""
        return dict(self.measured_by(study)) if self.measured_by else {}

    def why_unavailable(self, study: Study, partition: Partition) -> str | None:
        """Say why the study cannot have this partition, or None where it can."""
        return self.unavailable(study, partition) if self.unavailable else None


def step(table: type[Table], asset_group: str, **notes: Any) -> Callable[[Callable], Step]:
    """Turn a function into a `Step`; its parameters after the first name the tables it reads.

    Parameters
    ----------
    table : type of Table
        The table that it makes; the function has the table's name.
    **notes
        Any further attribute of `Step`.
    """

    def decorate(make: Callable[..., pd.DataFrame | Made]) -> Step:
        inputs = tuple(inspect.signature(make).parameters)[1:]
        return Step(table=table, make=make, asset_group=asset_group, inputs=inputs, **notes)

    return decorate
