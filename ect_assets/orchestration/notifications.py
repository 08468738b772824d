"""Telling somebody that a run or a check failed, or a night was missed: a log, a webhook, mail.

What is told names tables, checks and runs, never a patient: it may leave the machine. What went
wrong with whom is in the UI and in the table `exclusions`.
"""

from __future__ import annotations

import json
import os
import smtplib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterEventType

from ect_assets.orchestration.history import delete_finished_withdrawals
from ect_assets.orchestration.instance import close_runs_of_dead
from ect_assets.orchestration.nights import last_night, missed_night
from ect_assets.orchestration.webhook import post_json
from ect_assets.study import Notifications, Study

LOG = "notifications.log"
SECONDS_BETWEEN_LOOKS = 15
SECONDS_TO_ANSWER = 10
MOST_WAITING = 100
MOST_RECORDS = 1000


def tell(study: Study, messages: list[str]) -> None:
    """Post and mail some messages, as the study's settings say.

    Raises
    ------
    OSError
        When the webhook or the mail server cannot be reached, may not be, or refuses.
    """
    said = study.notifications
    text = f"{study.name}:\n" + "\n".join(messages)
    if said.webhook:
        post_json(said.webhook, {"text": text}, said.private_hosts)
    if said.mail_to:
        _mail(said, f"{study.title}: something failed", text)


def _mail(settings: Notifications, subject: str, text: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        subject,
        settings.mail_from,
        ", ".join(settings.mail_to),
    )
    message.set_content(text)
    host, _, port = settings.mail_server.partition(":")
    user, password = os.environ.get("ECT_MAIL_USER"), os.environ.get("ECT_MAIL_PASSWORD")
    with smtplib.SMTP(host, int(port or 25), timeout=SECONDS_TO_ANSWER) as server:
        if user and password:
            server.starttls()
            server.login(user, password)
        server.send_message(message)


def keep(study: Study, messages: list[str]) -> None:
    """Add messages to the log beside the study, each with the time of the study's clocks."""
    now = datetime.now(ZoneInfo(study.schedule.time_zone)).isoformat(" ", "seconds")
    with (study.folder / LOG).open("a", encoding="utf-8") as log:
        log.writelines(f"{now} {message}\n" for message in messages)


def new_failures(
    instance: dg.DagsterInstance, after: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Describe the runs that failed, and the checks that runs found not to pass, since a look.

    Parameters
    ----------
    after : mapping
        How far was looked: as the second value of the look before.

    Returns
    -------
    messages : list of str
        Without anything about a patient.
    looked : dict
        How far was looked now.
    """
    messages: list[str] = []
    looked = dict(after)
    checks: Counter[tuple[str, str]] = Counter()
    for kind in (DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_SUCCESS):
        found = instance.fetch_run_status_changes(
            kind, limit=MOST_RECORDS, cursor=after.get(kind.value), ascending=True
        )
        looked[kind.value] = found.cursor
        for record in found.records:
            run_id = record.event_log_entry.run_id
            if kind == DagsterEventType.RUN_FAILURE:
                messages.append(_of_run(instance, run_id))
            checks.update(_checks_not_passed(instance, run_id))
    messages += [
        f"check {check} of {table} did not pass ({times} time(s)); see its page in the UI."
        for (table, check), times in sorted(checks.items())
    ]
    return messages, looked


def _checks_not_passed(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, str]]:
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION):
        event = entry.dagster_event
        if event is not None and not event.asset_check_evaluation_data.passed:
            check = event.asset_check_evaluation_data
            yield check.asset_key.to_user_string(), check.check_name


def _of_run(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    tables = sorted(key.to_user_string() for key in (run.asset_selection or ())) if run else []
    what = ", ".join(tables) or (run.job_name if run else "a job")
    return f"run {run_id[:8]} ({what}) failed; see /runs/{run_id} in the UI."


def notification_sensor(study: Study) -> dg.SensorDefinition:
    """Return the sensor that tells of failed runs and checks."""

    @dg.sensor(
        name="tell_of_failures",
        description=f"Writes failed runs and checks, and missed nights, to {LOG}, and notifies.",
        minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def tell_of_failures(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        delete_finished_withdrawals(context.instance)
        close_runs_of_dead(study, context.instance)
        before = json.loads(context.cursor or '{"looked": {}, "waiting": []}')
        messages, looked = new_failures(context.instance, before["looked"])
        night = last_night(study, datetime.now(UTC))
        # The night that had passed before anybody watched is no news.
        if before.get("night", str(night)) != str(night):
            missed = missed_night(study, context.instance, night)
            messages += [missed] if missed else []
        if context.cursor is None:
            # What failed before anybody watched is no news.
            messages = []
        if messages:
            keep(study, messages)
        waiting = [*before["waiting"], *messages][-MOST_WAITING:]
        said = f"{len(messages)} new"
        if waiting:
            try:
                tell(study, waiting)
                waiting = []
            except (OSError, smtplib.SMTPException) as error:
                said = f"Could not be delivered, will be retried: {type(error).__name__}: {error}"
        return dg.SensorResult(
            skip_reason=dg.SkipReason(said),
            cursor=json.dumps({"looked": looked, "waiting": waiting, "night": str(night)}),
        )

    return tell_of_failures
