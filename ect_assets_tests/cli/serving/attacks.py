"""What a page of another origin can try against the UI, in a real browser; and such a page."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
EVIL, REBOUND = "evil.example", "rebound.example"
BROWSER = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {EVIL} 127.0.0.1, MAP {REBOUND} 127.0.0.1",
]
ATTACKS = """
async ({target, inline, body}) => {
  const said = {};
  const ended = (element, add) => new Promise(resolve => {
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('error');
    add(element);
  });
  const appended = (kind, values) => {
    const element = Object.assign(document.createElement(kind), values);
    return ended(element, one => document.body.append(one));
  };
  const link = target + '/graphql?query=' + encodeURIComponent(inline);
  said.image = await appended('img', {src: link});
  said.script = await appended('script', {src: link});
  said.stylesheet = await appended('link', {rel: 'stylesheet', href: link});
  for (const path of ['/', '/server_info', '/graphql']) {
    await appended('iframe', {src: target + path});
  }
  const submit = async (enctype, action, name, value) => {
    const frame = Object.assign(document.createElement('iframe'), {name: 'frame' + Math.random()});
    document.body.append(frame);
    const form = Object.assign(document.createElement('form'),
      {method: 'post', action, enctype, target: frame.name});
    form.append(Object.assign(document.createElement('input'), {name, value}));
    document.body.append(form);
    await ended(frame, () => form.submit());
  };
  await submit('application/x-www-form-urlencoded', link, 'a', 'b');
  await submit('multipart/form-data', link, 'a', 'b');
  await submit('multipart/form-data', target + '/graphql', 'query', inline);
  // A body of JSON whose last value takes the equals sign that the form adds.
  await submit('text/plain', target + '/graphql', body.slice(0, -1) + ',"rest":"', '"}');
  await submit('text/plain', target + '/report_asset_materialization/gmv_change', 'a', 'b');
  const asked = async (name, path, options) => {
    try {
      const answer = await fetch(target + path, {credentials: 'include', ...options});
      said[name] = answer.type === 'opaque' ? 'opaque' : await answer.text();
    } catch (error) {
      said[name] = 'error';
    }
  };
  const json = {'content-type': 'application/json'};
  for (const mode of ['no-cors', 'cors']) {
    await asked(mode + ' post', '/graphql', {mode, method: 'POST', body});
    await asked(mode + ' post json', '/graphql', {mode, method: 'POST', body, headers: json});
    await asked(mode + ' get', '/server_info', {mode});
    await asked(mode + ' get graphql', '/graphql?query=' + encodeURIComponent(inline), {mode});
  }
  await asked('put', '/graphql', {mode: 'cors', method: 'PUT', body, headers: json});
  navigator.sendBeacon(target + '/graphql', body);
  navigator.sendBeacon(link, new Blob([body], {type: 'text/plain'}));
  said.socket = await new Promise(resolve => {
    const socket = new WebSocket(target.replace('http', 'ws') + '/graphql', 'graphql-ws');
    socket.onopen = () => resolve('open');
    socket.onerror = () => resolve('error');
  });
  return said;
}
"""
READ = "error", "opaque"
"""What a page gets that may read nothing."""


class Page(BaseHTTPRequestHandler):
    """An empty page, on whichever name it is asked for."""

    def do_GET(self) -> None:
        """Answer with it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def foreign_pages() -> Iterator[int]:
    """Serve such pages; yields the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def foreign_origins(port: int) -> list[str]:
    """Return another site, and two neighbours whose requests carry the cookies of the UI."""
    return [f"http://{name}:{port}" for name in (EVIL, "127.0.0.1", "localhost")]


def attack(page: Any, origin: str, target: str, mutation: dict[str, Any]) -> dict[str, str]:
    """Try everything from a page of an origin.

    Parameters
    ----------
    page : playwright page
    origin : str
        Whose page asks.
    target : str
        Origin of the UI.
    mutation : dict
        ``inline``: the text of a GraphQL mutation with its arguments; ``query`` and ``variables``
        as Dagster's page sends them.

    Returns
    -------
    dict
        By kind of request, what the page could read of the answer.
    """
    page.goto(origin)
    body = json.dumps({"query": mutation["query"], "variables": mutation["variables"]})
    return page.evaluate(ATTACKS, {"target": target, "inline": mutation["inline"], "body": body})
