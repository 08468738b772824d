"""Tables of what was written and changed: reports and the audit log."""

from __future__ import annotations

from datetime import datetime

from ect_assets.tables.columns import DOCUMENT, PARCELLATION, SUBJECT
from ect_assets.tables.schema import Table, column


class StudyReport(Table):
    """The report on one parcellation: a page and its figures, beside the rows that name them."""

    partitions = ("parcellation",)
    key = ("parcellation", "file")
    has_documents = True
    parcellation: str = column(PARCELLATION)
    file: str = column(DOCUMENT)
    title: str = column("what it shows")
    media_type: str = column("for example text/html")
    n_bytes: int = column("size", unit="byte", minimum=1)
    sha256: str = column("checksum of the file")


class StudyOverview(Table):
    """The report on the whole study, over all parcellations, as in study_report."""

    key = ("file",)
    has_documents = True
    file: str = column(DOCUMENT)
    title: str = column("what it shows")
    media_type: str = column("for example text/html")
    n_bytes: int = column("size", unit="byte", minimum=1)
    sha256: str = column("checksum of the file")


class AuditLog(Table):
    """What happened to the data: arrivals, changes, exclusions, withdrawals."""

    key = ("event_id",)
    event_id: str = column("identifier of the event")
    at: datetime = column("when")
    event: str = column(
        "arrived, waiting, changed, withdrawn, excluded or overruled",
        choices=("arrived", "waiting", "changed", "withdrawn", "excluded", "overruled"),
    )
    subject: str | None = column(SUBJECT + "; missing once withdrawn")
    detail: str = column("what, without personal data")
