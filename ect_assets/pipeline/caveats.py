"""What has to be said beside results before anybody uses them.

Results that could not be made from the data as they are now, patients whom a reviewer keeps in
spite of a check, patients who have gone. Whether tables are out of date for other reasons takes
long to find out, and belongs in `status`.
"""

from __future__ import annotations

import pandas as pd

from ect_assets.intake.controls import likely_controls
from ect_assets.lake.registered import known_tables
from ect_assets.lake.store import Lake
from ect_assets.pipeline.staleness import lake_of
from ect_assets.problems import EVERY, Problem, StudyError
from ect_assets.study import Study
from ect_assets.tables import Exclusions, Participants


def failed_results(study: Study, lake: Lake) -> dict[str, tuple[Problem, ...]]:
    """Give the tables of the group that have rows from before and cannot be made now, and why.

    Returns
    -------
    dict of str to tuple of Problem
        By table, with its parcellation where it has one.
    """
    found = {}
    atlases = [{"parcellation": name} for name in sorted(study.parcellations)]
    for table in known_tables(lake.folder).values():
        if "subject" in table.partitions:
            continue
        for partition in atlases if table.partitions else [{}]:
            failure = lake.failure(table, partition)
            has_rows = lake.footer(table, partition) is not None
            if failure is not None and failure.failed and has_rows:
                which = ", ".join(partition.values())
                name = f"{table.table_name} ({which})" if which else table.table_name
                found[name] = failure.problems
    return found


def kept_by_reviewers(exclusions: pd.DataFrame) -> str:
    """Say how many patients are in the results although a check wanted them out; may be empty.

    Parameters
    ----------
    exclusions : DataFrame
        Rows of the table of that name.
    """
    kept = exclusions[exclusions.overruled.astype(bool)]
    if kept.empty:
        return ""
    reasons = ", ".join(sorted(set(kept.reason)))
    return f"A reviewer kept {kept.subject.nunique()} patient(s) despite a failed check: {reasons}."


def of_results(study: Study, lake: Lake) -> list[str]:
    """Say what a reader of results has to know first, without naming a patient.

    Returns
    -------
    list of str
        What could not be made from the data as they are now; whom a reviewer keeps.
    """
    found = []
    failed = failed_results(study, lake)
    if failed:
        found.append(
            f"OUT OF DATE: {_few(list(failed))}, and everything downstream: they could not "
            "be computed from the current data, and the rows are older. See `ect status`."
        )
    if lake.footer(Exclusions, {}) is not None:
        exclusions = lake.read(Exclusions)
        stages = sorted(set(exclusions.stage[exclusions.subject == EVERY]))
        if stages:
            found.append(f"NOT CHECKED: {', '.join(stages)} did not run on the current data.")
        found += filter(None, [kept_by_reviewers(exclusions)])
    return found


def departed_patients(study: Study) -> dict[str, list[str]]:
    """Name who is no longer in the BIDS folder, and the tables that still have rows of them.

    Returns
    -------
    dict of str to list of str
        Patient to tables, in pipeline order.
    """
    there = lake_of(study).subjects or frozenset()
    everybody = study.open_lake()
    found: dict[str, list[str]] = {}
    for table in known_tables(everybody.folder).values():
        if "subject" not in table.partitions:
            continue
        for one in everybody.partitions(table):
            if one["subject"] not in there:
                tables = found.setdefault(one["subject"], [])
                tables += [table.table_name] * (table.table_name not in tables)
    return dict(sorted(found.items()))


def caveats(study: Study) -> list[str]:
    """Say what a reader of any result has to know first; nothing for most studies.

    It is cheap to ask: whether tables are out of date for another reason is not looked for.

    Returns
    -------
    list of str
        One sentence each: results that could not be made again, patients who have gone.
    """
    try:
        lake = lake_of(study)
    except StudyError as error:
        return [f"Whether this is up to date is unknown. {error}"]
    found = of_results(study, lake)
    gone = departed_patients(study)
    if gone:
        tables = list(dict.fromkeys(name for names in gone.values() for name in names))
        found.append(
            f"{_few([f'sub-{one}' for one in gone])} left the BIDS folder; rows remain in "
            f"{', '.join(tables)}, and in group results until the next `ect run`. "
            f"`ect withdraw {next(iter(gone))}` removes all data of a patient."
        )
    return found + unsaid_controls(study, lake)


def unsaid_controls(study: Study, lake: Lake) -> list[str]:
    """Say that people who seem to be controls are taken for patients."""
    if study.group.controls or lake.footer(Participants, {}) is None:
        return []
    return [
        f"The column {name} of participants.tsv has {' and '.join(values)}, and study.toml does "
        "not say who is a control: they are in all results like patients. [group] controls keeps "
        "them out."
        for name, values in likely_controls(lake.read(Participants)).items()
    ]


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
