"""The UI behind the nginx of deploy/, in a browser that knows it by its public name."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ect_assets.cli.serving.guard import UiGuard, known_origins
from ect_assets_tests.cli.serving.asking import COOKIE, PUBLIC, Behind
from ect_assets_tests.cli.serving.attacks import BROWSER, CHROMIUM, EVIL, attack, foreign_pages
from ect_assets_tests.cli.serving.running import (
    free_port,
    is_answering,
    quiet_study,
    running_ui,
    served,
)
from ect_assets_tests.cli.serving.test_other_origins import withdrawal
from ect_assets_tests.test_deploy import NGINX, write_proxy
from ect_assets_tests.waiting import has_ended, stop, wait_until

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)"),
]

SPEAK = """
async path => {
  const answer = await fetch(path, {method: 'POST', body: '{"query": "{version}"}',
    headers: {'content-type': 'application/json'}});
  const socket = await new Promise(resolve => {
    const one = new WebSocket(location.origin.replace('http', 'ws') + path, 'graphql-ws');
    one.onopen = () => resolve('open');
    one.onerror = () => resolve('error');
  });
  return [answer.status, socket];
}
"""
LOGIN = {"username": "jo", "password": "the word"}
NAMED = f'\n[ui]\nhosts = ["{PUBLIC}"]\n'


@contextmanager
def proxied(folder: Path, upstream: int) -> Iterator[Any]:
    """Put nginx in front of a port; yields a page of somebody who knows the password."""
    port = free_port()
    write_proxy(folder, port, upstream)
    named = ["-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "log")]
    server = subprocess.Popen([str(NGINX), *named, "-g", "daemon off;"])
    log = folder / "log"
    wait_until(lambda: is_answering(port), "nginx", log, unless=has_ended(server, log=log))
    names = f"MAP {PUBLIC}:443 127.0.0.1:{port}, MAP {EVIL} 127.0.0.1"
    with playwright.sync_playwright() as started:
        options = [*BROWSER[:-1], f"--host-resolver-rules={names}"]
        browser = started.chromium.launch(executable_path=CHROMIUM, args=options)
        context = browser.new_context(ignore_https_errors=True, http_credentials=LOGIN)
        page = context.new_page()
        page.set_default_timeout(0)
        yield page
        browser.close()
    stop(server)


def test_pages_changes_and_web_sockets_reach_the_application(tmp_path):
    behind = Behind()
    with (
        served(UiGuard(behind, known_origins(3000, [PUBLIC]), None, COOKIE)) as upstream,
        proxied(tmp_path, upstream) as page,
    ):
        answer = page.goto(f"https://{PUBLIC}/")
        assert answer.status == 200 and page.evaluate(SPEAK, "/graphql") == [200, "open"]
        assert answer.all_headers()["x-frame-options"] == "DENY"
        assert answer.all_headers()["referrer-policy"] == "no-referrer"
        behind.reached.clear()
        with foreign_pages() as port:
            said = attack(page, f"http://{EVIL}:{port}", f"https://{PUBLIC}", withdrawal("003"))
    assert said["socket"] == "error"
    assert [one for one in behind.reached if "graphql" in one or "POST" in one] == []


def test_a_name_that_the_study_does_not_have_is_refused_with_what_to_write(tmp_path):
    with (
        served(UiGuard(Behind(), known_origins(3000), None, COOKIE)) as upstream,
        proxied(tmp_path, upstream) as page,
    ):
        assert page.goto(f"https://{PUBLIC}/").status == 421
        assert "[ui] hosts" in page.content()


@pytest.mark.slow
def test_the_ui_itself_works_without_a_token(simulated_input, tmp_path):
    study = quiet_study(simulated_input, tmp_path / "study", NAMED)
    (tmp_path / "proxy").mkdir()
    with (
        running_ui(study, free_port(), "--no-token") as ui,
        proxied(tmp_path / "proxy", ui.port) as page,
    ):
        page.goto(f"https://{PUBLIC}/assets")
        page.get_by_text("gmv_change", exact=True).first.wait_for()
        assert page.evaluate(SPEAK, "/graphql") == [200, "open"]
