"""The audit log: what happened to the data, one row per event, only ever added to.

Who writes which event belongs elsewhere. The table is `audit_log`, without personal data beyond
the study's own subject labels, and without these once a patient has withdrawn.
"""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd

from ect_assets import __version__
from ect_assets.lake.store import Lake, Provenance
from ect_assets.tables import AuditLog

LOCK = ".audit.lock"
Row = tuple[str, str | None, str]
"""Event, subject, detail."""


def read_audit_log(lake: Lake) -> pd.DataFrame:
    """Read the audit log; without rows where nothing has happened yet."""
    if not lake.partitions(AuditLog):
        return pd.DataFrame(columns=list(AuditLog.column_names()))
    return lake.read(AuditLog)


def record_events(lake: Lake, rows: Iterable[Row], simulated: bool) -> None:
    """Add events to the audit log.

    Parameters
    ----------
    rows : iterable of (event, subject, detail)
    simulated : bool
        Whether the study's patients are simulated.
    """
    now = datetime.now(UTC)
    new = [
        {"event_id": uuid.uuid4().hex, "at": now, "event": event, "subject": who, "detail": what}
        for event, who, what in rows
    ]
    if new:
        _rewrite(lake, simulated, lambda log: pd.DataFrame([*log.to_dict("records"), *new]))


def forget_subject(
    lake: Lake, subject: str, detail: str, simulated: bool, event_id: str | None = None
) -> None:
    """Take a patient's label out of the audit log, and add that somebody has withdrawn.

    Parameters
    ----------
    detail : str
        What was removed, without the label.
    event_id : str, optional
        Of the row that is added; where the log has it already, it is written again, not twice.
    """

    def without(log: pd.DataFrame) -> pd.DataFrame:
        theirs = log.subject == subject
        log = log.copy()
        log.loc[theirs, "detail"] = "withdrawn"
        log.loc[theirs, "subject"] = None
        new = {
            "event_id": event_id or uuid.uuid4().hex,
            "at": datetime.now(UTC),
            "event": "withdrawn",
            "subject": None,
            "detail": detail,
        }
        others = log[log.event_id != new["event_id"]]
        return pd.DataFrame([*others.to_dict("records"), new])

    _rewrite(lake, simulated, without)


def _rewrite(lake: Lake, simulated: bool, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    with _locked(lake):
        log = change(read_audit_log(lake))
        frame = log.assign(simulated=simulated)
        lake.write(AuditLog, {}, frame, Provenance(__version__, "", 0, simulated, uuid.uuid4().hex))


@contextmanager
def _locked(lake: Lake) -> Iterator[None]:
    """Let one process at a time add; the lock goes with the process, however it ends."""
    folder = lake.own_folder
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
