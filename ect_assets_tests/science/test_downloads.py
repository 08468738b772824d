"""A download is tried again where that may help, and not where it cannot."""

from __future__ import annotations

import errno
import socket
from email.message import Message
from urllib.error import HTTPError, URLError

import pytest
import requests

from ect_assets.science import downloads
from ect_assets.science.downloads import downloaded, may_pass


def answered(code: int) -> HTTPError:
    return HTTPError("https://example.org", code, "", Message(), None)


def response(code: int) -> requests.HTTPError:
    found = requests.Response()
    found.status_code = code
    return requests.HTTPError(response=found)


PASSING = [
    ConnectionResetError(errno.ECONNRESET, "reset"),
    TimeoutError(),
    URLError(socket.gaierror(socket.EAI_AGAIN, "try again")),
    URLError(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
    answered(503),
    answered(429),
    response(502),
    requests.ConnectionError(),
]
LASTING = [
    OSError(errno.ENOSPC, "full"),
    PermissionError(errno.EACCES, "not yours"),
    URLError(socket.gaierror(socket.EAI_NONAME, "unknown")),
    answered(404),
    response(403),
]


class Server:
    """Fails with some errors, one after the other, and then answers."""

    def __init__(self, *errors: OSError):
        self.errors = list(errors)
        self.asked = 0

    def fetch(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "content"


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSES_SECONDS", (0.0, 0.0))


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_after_a_failure_that_may_pass_it_is_tried_again_and_logged(error):
    server, log = Server(error), []
    assert downloaded(server.fetch, log.append) == "content"
    assert (server.asked, len(log)) == (2, 1)


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_a_failure_that_stays_is_not_retried(error):
    server, log = Server(error), []
    with pytest.raises(type(error)):
        downloaded(server.fetch, log.append)
    assert (server.asked, log) == (1, [])


def test_the_third_failure_is_the_last():
    server = Server(*(TimeoutError() for _ in range(5)))
    with pytest.raises(TimeoutError):
        downloaded(server.fetch, lambda line: None)
    assert server.asked == 3
    assert may_pass(TimeoutError())
