"""Requests to an ASGI application without a server, and the application that stands behind."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ect_assets.cli.serving.guard import UiGuard, known_origins

PORT = 3000
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"
SECRET = "kept-between-us"
COOKIE = "ect_ui_3000"
PUBLIC = "ect.example.org"


@dataclass
class Behind:
    """Stands for Dagster's application: it answers everything, and opens itself to everybody."""

    reached: list[str] = field(default_factory=list)

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """Note what reached it."""
        self.reached.append(f"{scope['type']} {scope.get('method', '')} {scope['path']}")
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "subprotocol": "graphql-ws"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
            return
        headers = [
            (b"access-control-allow-origin", b"*"),
            (b"referrer-policy", b"unsafe-url"),
            (b"content-security-policy", b"script-src 'self'"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"patients"})


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str | None:
        """Return a header that is there once, or None."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, found
        return found[0] if found else None


def guarded(behind: Behind, token: str | None = SECRET) -> UiGuard:
    """Put the guard in front, as `ect ui` with one public name does."""
    return UiGuard(behind, known_origins(PORT, [PUBLIC]), token, COOKIE)


def ask(
    app: Any,
    path: str = "/",
    method: str = "GET",
    kind: str = "http",
    host: str | None = HOST,
    cookie: str | None = f"{COOKIE}={SECRET}",
    **headers: str,
) -> Answer:
    """Ask an application; of a web socket the status says whether it was accepted (101)."""
    path, _, query = path.partition("?")
    said = {"host": host, "cookie": cookie, **headers}
    scope = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in said.items()
            if value is not None
        ],
    }
    if kind == "http":
        scope["method"] = method
    return asyncio.run(_answer(app, scope))


async def _answer(app: Any, scope: dict[str, Any]) -> Answer:
    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> Mapping[str, Any]:
        if scope["type"] == "websocket":
            return {"type": "websocket.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, send)
    if scope["type"] == "websocket":
        return Answer(101 if sent[0]["type"] == "websocket.accept" else 403, [], "")
    headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return Answer(sent[0]["status"], headers, b"".join(one["body"] for one in sent[1:]).decode())
