"""Who is told of a failure, and that nothing about a patient is told."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import dagster as dg
import pytest

from ect_assets.orchestration import notifications
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.notifications import LOG, notification_sensor, tell
from ect_assets.orchestration.runner import Runner
from ect_assets.study import STUDY_FILE, Notifications, Study, load_study
from ect_assets_tests.waiting import QUIET_SECONDS


class Taker(BaseHTTPRequestHandler):
    """Takes what is posted."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.taken.append(json.loads(self.rfile.read(length)))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    monkeypatch.setattr(notifications, "SECONDS_TO_ANSWER", QUIET_SECONDS)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Taker)
    server.taken, server.answer = [], 200  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture
def study(study_folder, server) -> Study:
    file = study_folder / STUDY_FILE
    hook = f'\n[notifications]\nwebhook = "http://127.0.0.1:{server.server_port}/hook"\n'
    file.write_text(file.read_text(encoding="utf-8") + hook, encoding="utf-8")
    return load_study(study_folder)


def look(study: Study, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return notification_sensor(study)(context)


def fail_once(study: Study) -> None:
    stats = study.morphometry_folder / "sub-003_ses-post/stats/aseg.stats"
    stats.write_text("nothing of use", encoding="utf-8")
    Runner(study).run(tables=["scan_volumes"], subjects=["003"])


def test_a_failed_run_is_told_without_a_patient_and_once(study, server):
    with open_instance(study) as instance:
        first = look(study, instance, None)
    fail_once(study)
    with open_instance(study) as instance:
        second = look(study, instance, first.cursor)
        look(study, instance, second.cursor)
    assert len(server.taken) == 1
    text = server.taken[0]["text"]
    assert "scan_volumes" in text
    assert "003" not in text.replace(text[text.find("/runs/") :][:60], "")
    assert "scan_volumes" in (study.folder / LOG).read_text(encoding="utf-8")


def test_what_could_not_be_told_is_told_later(study, server):
    with open_instance(study) as instance:
        first = look(study, instance, None)
    fail_once(study)
    server.answer = 500
    with open_instance(study) as instance:
        second = look(study, instance, first.cursor)
        assert "will be retried" in second.skip_reason.skip_message
        server.answer, server.taken[:] = 200, []
        third = look(study, instance, second.cursor)
    assert len(server.taken) == 1
    assert json.loads(third.cursor)["waiting"] == []


def test_failures_from_before_anybody_watched_are_no_news(study, server):
    fail_once(study)
    with open_instance(study) as instance:
        look(study, instance, None)
    assert server.taken == []


class MailTaker(socketserver.StreamRequestHandler):
    """Takes one mail, as a server without encryption or login does."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        text: list[str] = []
        is_text = False
        for line in self.rfile:
            if is_text and line == b".\r\n":
                self.server.mails.append("".join(text))  # type: ignore[attr-defined]
                is_text = False
            elif is_text:
                text.append(line.decode())
                continue
            elif line.upper().startswith(b"DATA"):
                is_text = True
                self.wfile.write(b"354 go on\r\n")
                continue
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")


@pytest.fixture
def mail_server() -> Iterator[socketserver.TCPServer]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailTaker)
    server.daemon_threads, server.mails = True, []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_mail_goes_to_who_is_to_know(study, mail_server):
    to = Notifications(
        mail_to=("study.office@example.org",),
        mail_server=f"127.0.0.1:{mail_server.server_address[1]}",
    )
    tell(study.model_copy(update={"notifications": to}), ["run 1234 (scan_volumes) failed."])
    (mail,) = mail_server.mails
    assert "To: study.office@example.org" in mail
    assert "run 1234 (scan_volumes) failed." in mail


def test_a_mail_that_cannot_be_sent_says_so(study):
    to = Notifications(mail_to=("study.office@example.org",), mail_server="127.0.0.1:1")
    with pytest.raises(OSError):
        tell(study.model_copy(update={"notifications": to}), ["run 1234 failed."])
