"""Where a webhook may post to: places on the internet, and those that the study named."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

import pytest

from ect_assets.orchestration.webhook import WebhookRefused, address_of, is_public, post_json
from ect_assets.problems import StudyError
from ect_assets.study import STUDY_FILE, load_study

NAME = "hooks.example"
SETTINGS = """
name = "mine"
title = "A study"
[parcellations.desikan_killiany]
[notifications]
"""


class Taker(BaseHTTPRequestHandler):
    """Takes what is posted, and answers as it was told to."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.taken.append((self.path, self.headers["Host"], body))  # type: ignore[attr-defined]
        self.send_response(self.server.answer)  # type: ignore[attr-defined]
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/inside")
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server(monkeypatch) -> Iterator[HTTPServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), Taker)
    server.taken, server.answer = [], 200  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def resolved_as(monkeypatch, *addresses: str) -> list[str]:
    """Let every name lead to some addresses; returns the names that are asked for."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[tuple]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
    ],
)
def test_an_address_inside_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


def test_a_name_that_leads_inside_is_refused_with_what_to_write(monkeypatch):
    resolved_as(monkeypatch, "192.168.1.1")
    with pytest.raises(WebhookRefused, match=r'private_hosts = \["hooks.example"\]'):
        post_json(f"http://{NAME}/hook", {})


def test_one_address_inside_among_others_is_enough_to_refuse(monkeypatch):
    resolved_as(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(WebhookRefused):
        address_of(urlsplit(f"https://{NAME}/"))


def test_a_number_that_only_the_resolver_understands_is_not_named(monkeypatch):
    resolved_as(monkeypatch, "127.0.0.1")
    with pytest.raises(WebhookRefused):
        address_of(urlsplit("http://2130706433/"))


def test_a_name_of_the_study_may_lead_inside_and_is_resolved_once(server, monkeypatch):
    where = f"{NAME}:{server.server_port}"
    real = socket.create_connection
    asked = resolved_as(monkeypatch, "127.0.0.1")
    connected: list[str] = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        monkeypatch.undo()
        return real(address, timeout)

    monkeypatch.setattr(socket, "create_connection", connect)
    post_json(f"http://{where}/hook?key=1", {"text": "a"}, ["Hooks.Example"])
    assert server.taken == [("/hook?key=1", where, {"text": "a"})]
    assert asked == [NAME] and connected == ["127.0.0.1"]


def test_an_address_in_the_setting_itself_was_named_there(server):
    post_json(f"http://127.0.0.1:{server.server_port}", {"text": "a"})
    assert [path for path, _, _ in server.taken] == ["/"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server, status):
    server.answer = status
    with pytest.raises(WebhookRefused, match="not followed"):
        post_json(f"http://127.0.0.1:{server.server_port}/hook", {})
    assert [path for path, _, _ in server.taken] == ["/hook"]


@pytest.mark.parametrize("status", [302, 500])
def test_behind_a_proxy_neither(server, monkeypatch, status):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    server.answer = status
    with pytest.raises(WebhookRefused, match=str(status)):
        post_json(f"http://{NAME}/hook", {})
    assert [path for path, _, _ in server.taken] == [f"http://{NAME}/hook"]


@pytest.fixture
def over_tls(server, tmp_path, monkeypatch) -> HTTPServer:
    """The server, with a certificate of `NAME` that this machine trusts."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    words = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    named = ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *words, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return server


def test_with_tls_the_certificate_has_to_be_that_of_the_name(over_tls, monkeypatch):
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *said, **more: resolve("127.0.0.1", *said, **more)
    )
    post_json(f"https://{NAME}:{over_tls.server_port}/hook", {"text": "a"}, [NAME])
    assert [path for path, _, _ in over_tls.taken] == ["/hook"]
    with pytest.raises(ssl.SSLCertVerificationError):
        post_json(f"https://other.example:{over_tls.server_port}/", {}, ["other.example"])
    assert len(over_tls.taken) == 1


def test_what_refuses_is_an_error(server):
    server.answer = 404
    with pytest.raises(OSError, match="refused the message"):
        post_json(f"http://127.0.0.1:{server.server_port}/", {})


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://a.example/", "https://", "gopher://a"]
)
def test_other_schemes_are_refused_when_posting_and_in_study_toml(tmp_path, url):
    with pytest.raises(WebhookRefused, match="must begin with"):
        post_json(url, {})
    (tmp_path / STUDY_FILE).write_text(f'{SETTINGS}webhook = "{url}"\n')
    with pytest.raises(StudyError, match="webhook"):
        load_study(tmp_path)
