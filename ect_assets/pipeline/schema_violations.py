"""Rows that violate their table's schema, as findings about the patients whose rows they are.

What a table requires is in `schema`; how values are read and checked with file and line belongs in
the readers, so that little of it gets here. What does is told with the column, what is allowed and
where to look, and never with a text that stands in a cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Made, Step
from ect_assets.problems import EVERY, InputProblem, Problem
from ect_assets.study import Study
from ect_assets.tables.schema import Fault, SchemaError

NOT_ALLOWED = "value_not_allowed"
SHOWN_FILES = 3


class SchemaViolations(InputProblem):
    """A partition's rows violate its table's schema; the problems name whose rows, and why."""


def checked(step: Step, study: Study, partition: Partition, made: Made) -> tuple[Made, pa.Table]:
    """Turn what a step made into an Arrow table of its table's columns and types.

    Parameters
    ----------
    made : Made
        With the keys of the partition in its frame.

    Returns
    -------
    made : Made
        As it came; of a step that leaves out rows, without the patients whose rows break a
        promise, and with a problem for each of them.
    content : pyarrow.Table

    Raises
    ------
    SchemaViolations
        When the rows violate the schema and cannot be left out.
    """
    try:
        return made, step.table.to_arrow(made.frame)
    except SchemaError as error:
        problems = list(_problems(step, study, partition, made.frame, error.faults))
        guilty = {one.subject for one in problems}
        if not step.leaves_out_rows or EVERY in guilty:
            raise SchemaViolations(problems) from error
        others = made.frame[~made.frame.subject.isin(guilty)].reset_index(drop=True)
        if others.empty:
            raise SchemaViolations(problems) from error
    made = replace(made, frame=others, problems=(*made.problems, *problems))
    try:
        return made, step.table.to_arrow(others)
    except SchemaError as error:
        rest = list(_problems(step, study, partition, others, error.faults))
        raise SchemaViolations(rest) from error


def _problems(
    step: Step, study: Study, partition: Partition, frame: pd.DataFrame, faults: tuple[Fault, ...]
) -> Iterator[Problem]:
    """Give the faults patient by patient and session by session, as far as the rows say whose."""
    for fault in faults:
        whose: dict[tuple[str, str], list[int]] = {}
        for row in fault.rows:
            whose.setdefault(_owner(partition, frame, row), []).append(row)
        for (subject, session), rows in (whose or {_owner(partition, frame, None): []}).items():
            yield Problem(
                NOT_ALLOWED,
                f"{step.name}.{fault.in_rows(frame, rows)}."
                f"{_where(step, study, partition, frame, subject, session, rows)} "
                "Fix the value there, or make the file again, then `ect run`.",
                step.name,
                subject,
                session,
                partition.get("parcellation", EVERY),
            )


def _owner(partition: Partition, frame: pd.DataFrame, row: int | None) -> tuple[str, str]:
    """Say whose a row is: subject and session, or all."""
    found = []
    for key in ("subject", "session"):
        value = partition.get(key)
        if value is None and row is not None and key in frame:
            cell = frame[key].iloc[row]
            value = cell if isinstance(cell, str) else None
        found.append(value or EVERY)
    return found[0], found[1]


def _where(
    step: Step,
    study: Study,
    partition: Partition,
    frame: pd.DataFrame,
    subject: str,
    session: str,
    rows: list[int],
) -> str:
    """Name the file of some rows, or those that they can come from."""
    if rows and "path" in frame and isinstance(frame["path"].iloc[rows[0]], str):
        return f" It comes from {frame['path'].iloc[rows[0]]}."
    files = step.files(study, partition)
    shared = [file.name for file in files if not _is_of_a_patient(file)]
    own = [file.name for file in files if _is_of_row(file, subject, session, partition)]
    told = list(dict.fromkeys(sorted(shared if not partition else []) + sorted(own)))
    if not told:
        return ""
    more = f" and {len(told) - SHOWN_FILES} more files" if len(told) > SHOWN_FILES else ""
    return f" It comes from {', '.join(told[:SHOWN_FILES])}{more}."


def _is_of_a_patient(file: Path) -> bool:
    return any(part.startswith("sub-") for part in file.parts)


def _is_of_row(file: Path, subject: str, session: str, partition: Partition) -> bool:
    """Say whether a file is that of a row: of its patient, and of its session where it has one."""
    name = "/".join(file.parts)
    is_sessions_table = file.name == f"sub-{subject}_sessions.tsv"
    return is_sessions_table or (bool(partition) and (session == EVERY or f"ses-{session}" in name))
