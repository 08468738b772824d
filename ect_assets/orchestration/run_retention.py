"""How long Dagster keeps the records of runs: those of a long trial would grow without an end.

Dagster itself deletes ticks (`retention` in dagster.yaml), but neither runs nor their events. A run
stays where something that the UI shows as present comes from it: the last materialization of a
table's partition, or the last result of a check. The tables and the audit log are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

from ect_assets.orchestration.dagster_records import events_file
from ect_assets.orchestration.instance import FINISHED
from ect_assets.orchestration.run_storage import uses_postgres
from ect_assets.orchestration.step_output import delete_output
from ect_assets.study import Study

MOST_LOOKED_AT = 2_000
"""Runs in one night; the next goes on from there."""
CURSOR = "ect/run_retention"
OF_SQLITE = ("", "-wal", "-shm", "-journal")


def delete_old_runs(study: Study, instance: dg.DagsterInstance, now: datetime | None = None) -> int:
    """Delete finished runs that are older than the study keeps them.

    Returns
    -------
    int
        How many were deleted.
    """
    if not study.storage.keep_runs_days:
        return 0
    before = (now or datetime.now(UTC)) - timedelta(days=study.storage.keep_runs_days)
    latest = Latest(instance)
    deleted = 0
    for run_id in list(_next_runs(instance, before)):
        if not latest.has_any_of(run_id):
            instance.delete_run(run_id)
            if not uses_postgres(study):
                _delete_file(events_file(study.dagster_home, run_id))
            delete_output(study.dagster_home, run_id)
            deleted += 1
    return deleted


def _next_runs(instance: dg.DagsterInstance, before: datetime) -> Iterator[str]:
    """Name finished runs, from where the look before ended; from the first after the last."""
    cursor = instance.run_storage.get_cursor_values({CURSOR}).get(CURSOR)
    wanted = dg.RunsFilter(
        statuses=FINISHED,
        created_before=before,
        created_after=datetime.fromisoformat(cursor) if cursor else None,
    )
    records = instance.get_run_records(wanted, limit=MOST_LOOKED_AT, ascending=True)
    yield from (one.dagster_run.run_id for one in records)
    goes_on = len(records) == MOST_LOOKED_AT
    here = records[-1].create_timestamp.isoformat() if goes_on else ""
    instance.run_storage.set_cursor_values({CURSOR: here})


class Latest:
    """Which run made a partition, or looked at it, last; asked once for each."""

    def __init__(self, instance: dg.DagsterInstance):
        self._instance = instance
        self._made: dict[tuple[dg.AssetKey, str | None], str | None] = {}
        self._checked: dict[dg.AssetCheckKey, str | None] = {}

    def has_any_of(self, run_id: str) -> bool:
        """Say whether anything that is shown as present comes from a run."""
        kinds = {
            DagsterEventType.ASSET_MATERIALIZATION,
            DagsterEventType.ASSET_CHECK_EVALUATION,
        }
        entries = self._instance.all_logs(run_id, of_type=kinds)
        events = [one.dagster_event for one in entries if one.dagster_event is not None]
        return any(self._run_of(event) == run_id for event in events)

    def _run_of(self, event: dg.DagsterEvent) -> str | None:
        if event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            return self._checked_by(event.asset_check_evaluation_data.asset_check_key)
        key, partition = event.asset_key, event.partition
        return None if key is None else self._made_by(key, partition)

    def _made_by(self, key: dg.AssetKey, partition: str | None) -> str | None:
        if (key, partition) not in self._made:
            wanted = dg.AssetRecordsFilter(key, asset_partitions=[partition] if partition else None)
            found = self._instance.fetch_materializations(wanted, limit=1).records
            self._made[key, partition] = found[0].run_id if found else None
        return self._made[key, partition]

    def _checked_by(self, key: dg.AssetCheckKey) -> str | None:
        if key not in self._checked:
            storage = self._instance.event_log_storage
            found = storage.get_asset_check_execution_history(key, limit=1)
            self._checked[key] = found[0].run_id if found else None
        return self._checked[key]


def _delete_file(database: Path) -> None:
    """Delete the file that SQLite keeps for a run: empty, it still has 120 KB."""
    for end in OF_SQLITE:
        database.with_name(database.name + end).unlink(missing_ok=True)
