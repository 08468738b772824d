"""Settings of the operation: arrival, schedule, UI, notifications, report, storage."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator

from ect_assets.study.base import Name, Settings

UI_HOST = re.compile(r"(https?://)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")
WEB_ADDRESS = re.compile(r"https?://[^/\s]", re.I)


class Arrival(Settings):
    """When a patient's data are complete, so that the daemon takes them up without being asked.

    Attributes
    ----------
    sessions : bool
        Wait for the data of both sessions.
    instruments : tuple of str
        Wait for both scores of these instruments.
    settle_minutes : float
        A file that was written more recently may still be on its way.
    look_every_seconds : int
        How often the folders are looked at.
    """

    sessions: bool = True
    instruments: tuple[Name, ...] = ()
    settle_minutes: Annotated[float, Field(ge=0, le=43_200)] = 10
    look_every_seconds: Annotated[int, Field(ge=1, le=86_400)] = 30


Clock = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Weekday = Literal["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]


class Schedule(Settings):
    """What the daemon does by itself, and when, in the study's time zone.

    Attributes
    ----------
    arrivals : bool
        Take up new and changed data as they settle.
    nightly, weekly : bool
        The check of the whole study, and the recomputation of the calibrations.
    time_zone : str
        Such as ``Europe/Berlin``.
    nightly_at, weekly_at : str
        Hours and minutes.
    weekly_on : str
        Day of the week.
    """

    arrivals: bool = True
    nightly: bool = True
    weekly: bool = True
    time_zone: str = "UTC"
    nightly_at: Clock = "02:00"
    weekly_on: Weekday = "Sunday"
    weekly_at: Clock = "04:00"

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("unknown time zone; use one such as Europe/Berlin")
        return value


class Ui(Settings):
    """Under which names, beside those of the loopback address, browsers reach `ect ui`.

    Each is what stands in the browser's address: ``ect.example.org`` for https on its own port,
    ``ect.example.org:8443``, or with ``http://`` in front. A proxy has to pass it on as `Host`.
    """

    hosts: tuple[str, ...] = ()

    @field_validator("hosts")
    @classmethod
    def _only_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not UI_HOST.fullmatch(one):
                raise ValueError(
                    f"{one!r} is not a name with, where needed, a port; write for example "
                    '"ect.example.org" or "http://localhost:8080"'
                )
        return value


class Notifications(Settings):
    """Where failures are told, beside the log in the study's folder; never with patients' data.

    ``webhook`` takes a POST with a JSON object whose ``text`` is the message; ``mail_to`` is
    written to through ``mail_server`` (``host:port``). A user name and a password for it come
    from the environment: ``ECT_MAIL_USER``, ``ECT_MAIL_PASSWORD``. ``private_hosts`` are names
    that the webhook may reach at a private address, such as a chat server of the hospital.
    """

    webhook: str | None = None
    private_hosts: tuple[str, ...] = ()
    mail_to: tuple[str, ...] = ()
    mail_from: str = "ect-assets@localhost"
    mail_server: str = "localhost:25"

    @field_validator("webhook")
    @classmethod
    def _on_the_web(cls, value: str | None) -> str | None:
        if value is not None and not WEB_ADDRESS.match(value):
            raise ValueError("the address must begin with https:// or http:// and a host")
        return value


class Report(Settings):
    """Whether pages with figures are written whenever results change."""

    pages: bool = True


class Storage(Settings):
    """Where Dagster keeps the records of runs.

    ``sqlite``: files in the study. ``postgres``: a server, for more than one host; its address and
    login come from the environment (``PGHOST`` and so on), never from here. ``postgres_schema`` is
    the study's schema there; ``ect_`` and the study's name where it is not said. Runs are deleted
    after ``keep_runs_days``, with their events, unless something that is shown as present comes
    from them; 0 keeps all.
    """

    dagster: Literal["sqlite", "postgres"] = "sqlite"
    postgres_schema: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = None
    keep_runs_days: Annotated[int, Field(ge=0)] = 365
