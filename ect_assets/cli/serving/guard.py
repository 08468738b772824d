"""Which requests reach Dagster's web application: pure ASGI, with no knowledge of Dagster's code.

Dagster's web server has no login and checks neither Host nor Origin nor content type, so any page
in any tab of the user's browser could launch a job. Here every request needs a known host and,
unless switched off, the token of this start; whatever may change something needs the page's own
origin as well. Who is let in may do everything: roles do not belong here.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
DEFAULT_PORTS = {"http": ":80", "https": ":443"}
TOKEN = "token"
GRAPHQL = "graphql"
PREFILL = "config"
"""With this in its query an address of Dagster's launchpad fills in what a click then launches."""
READS = ("GET", "HEAD")
JSON = "application/json"
HEADERS = {
    # A second policy beside the application's own: browsers enforce both.
    "content-security-policy": "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; "
    "object-src 'none'; connect-src 'self'; img-src 'self' data: blob:",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
ADDED_BESIDE = ("content-security-policy",)
CORS = "access-control-"


@dataclass(frozen=True)
class Refusal:
    """Why a request does not reach the application; never quotes the request."""

    status: HTTPStatus
    why: str


UNKNOWN_HOST = Refusal(
    HTTPStatus.MISDIRECTED_REQUEST,
    "Unknown host name. Open the UI as 127.0.0.1 or localhost with its own "
    'port, or add the name to study.toml: [ui] hosts = ["ect.example.org"].',
)
FOREIGN = Refusal(
    HTTPStatus.FORBIDDEN,
    "Refused: the request comes from a page of another origin, or names no origin.",
)
WRONG_METHOD = Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "Refused: only GET, HEAD and POST are used.")
GRAPHQL_BY_LINK = Refusal(
    HTTPStatus.METHOD_NOT_ALLOWED, "Refused: GraphQL is answered by POST with JSON only."
)
NOT_JSON = Refusal(
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Refused: a POST needs the content type {JSON}."
)
PREFILLED = Refusal(
    HTTPStatus.FORBIDDEN, "Refused: a link may not prefill the configuration of a launch."
)
NO_TOKEN = Refusal(
    HTTPStatus.FORBIDDEN,
    "Open the address that `ect ui` printed: it contains the access token.",
)
LET_IN_BEFORE = "You followed a link from another site; you are logged in with this browser:"


def known_origins(port: int, hosts: Iterable[str] = ()) -> dict[str, str]:
    """Map each value of the Host header that is accepted to the origin of the UI's own pages.

    Parameters
    ----------
    port : int
        On which the UI listens; the names of the loopback address are accepted with it.
    hosts : iterable of str
        Further names, as the browser has them: ``ect.example.org`` (https), with a port where it
        is not the scheme's own, with ``http://`` in front where there is no TLS.
    """
    named = [*(f"http://{name}:{port}" for name in LOOPBACK), *hosts]
    return dict(_host_and_origin(one) for one in named)


def _host_and_origin(named: str) -> tuple[str, str]:
    scheme, found, host = named.lower().rpartition("://")
    scheme = scheme if found else "https"
    host = host.removesuffix(DEFAULT_PORTS[scheme])
    return host, f"{scheme}://{host}"


class UiGuard:
    """ASGI middleware in front of Dagster's web application.

    Parameters
    ----------
    app : ASGI application
    origins : mapping
        As `known_origins` returns it.
    token : str or None
        What the first request has to bring; None where a login stands in front.
    cookie : str
        Name of the cookie that holds the token afterwards. It has to differ between two UIs of a
        machine: cookies are shared by all ports of a host.
    """

    def __init__(self, app: App, origins: Mapping[str, str], token: str | None, cookie: str):
        self._app = app
        self._origins = origins
        self._token = token
        self._cookie = cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the application do it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, _with_headers(send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        is_allowed = (
            self._is_of_own_page(request)
            and request.is_graphql
            and self._knows_token(request.cookies(self._cookie))
        )
        if is_allowed:
            await self._app(scope, receive, send)
        else:
            # Before it is accepted: the server answers with 403.
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _Request(scope)
        refused = self._refusal(request)
        brought = [value for name, value in request.query if name == TOKEN]
        if refused is None and brought and self._token is not None:
            if request.method == "GET" and self._knows_token(brought):
                await self._let_in(request, send)
                return
            refused = NO_TOKEN
        if refused is None and not self._knows_token(request.cookies(self._cookie)):
            refused = NO_TOKEN
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await _refuse(request, refused, send)

    def _refusal(self, request: _Request) -> Refusal | None:
        """Return what is wrong with a request, from any sender."""
        if self._origin(request) is None:
            return UNKNOWN_HOST
        if request.method == "POST":
            return self._refusal_of_change(request)
        if request.method not in READS:
            return WRONG_METHOD
        if request.is_graphql:
            return GRAPHQL_BY_LINK
        if request.is_prefilled and request.fetch_site != "same-origin":
            return PREFILLED
        is_embedded = request.fetch_site not in ("", "same-origin", "none")
        return FOREIGN if is_embedded and not request.is_navigation else None

    def _refusal_of_change(self, request: _Request) -> Refusal | None:
        if not self._is_of_own_page(request):
            return FOREIGN
        return None if request.media_type == JSON else NOT_JSON

    def _origin(self, request: _Request) -> str | None:
        """Return the origin of the UI's pages at the address that a request names."""
        hosts = request.values("host")
        return self._origins.get(hosts[0].lower()) if len(hosts) == 1 else None

    def _is_of_own_page(self, request: _Request) -> bool:
        origin = self._origin(request)
        is_own = origin is not None and request.values("origin") == [origin]
        return is_own and request.fetch_site in ("", "same-origin")

    def _knows_token(self, brought: Iterable[str]) -> bool:
        if self._token is None:
            return True
        expected = self._token.encode()
        # All are compared: another port of the host may have set a cookie of the same name.
        found = [hmac.compare_digest(one.encode(), expected) for one in brought]
        return any(found)

    async def _let_in(self, request: _Request, send: Send) -> None:
        """Hand out the cookie, and lead to the same address without the token."""
        origin = self._origin(request) or ""
        rest = urlencode([(name, value) for name, value in request.query if name != TOKEN])
        # With the origin in front: a path such as //evil.example would lead elsewhere.
        place = f"{origin}{request.quoted_path}{'?' if rest else ''}{rest}"
        secure = "; Secure" if origin.startswith("https:") else ""
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict{secure}"
        headers = {"location": place, "set-cookie": cookie, "cache-control": "no-store"}
        await _respond(HTTPStatus.SEE_OTHER, "", headers, send)


class _Request:
    """What the guard looks at."""

    def __init__(self, scope: Scope):
        self.method: str = scope.get("method", "GET")
        self.path: str = scope["path"]
        self._headers = [
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in scope["headers"]
        ]
        said = scope.get("query_string", b"").decode("latin-1")
        self.query = parse_qsl(said, keep_blank_values=True)

    def values(self, name: str) -> list[str]:
        return [value.strip() for key, value in self._headers if key == name]

    def _one(self, name: str) -> str:
        return ",".join(self.values(name)).lower()

    @property
    def fetch_site(self) -> str:
        """Whose page asks, as browsers say since 2020 to 2023; empty elsewhere."""
        return self._one("sec-fetch-site")

    @property
    def is_navigation(self) -> bool:
        """Whether the answer becomes a page of its own, in no frame."""
        is_document = self._one("sec-fetch-dest") == "document"
        return is_document and self._one("sec-fetch-mode") == "navigate"

    @property
    def media_type(self) -> str:
        return self._one("content-type").partition(";")[0].strip()

    @property
    def is_graphql(self) -> bool:
        return self.path.strip("/").lower() == GRAPHQL

    @property
    def is_prefilled(self) -> bool:
        return any(name.lower().startswith(PREFILL) for name, _ in self.query)

    @property
    def quoted_path(self) -> str:
        return quote(self.path, safe="/:@~")

    def cookies(self, name: str) -> list[str]:
        pairs = [one.partition("=") for line in self.values("cookie") for one in line.split(";")]
        return [value.strip() for key, _, value in pairs if key.strip() == name]


def _with_headers(send: Send) -> Send:
    """Let every answer carry our headers, and none that opens it to other origins."""
    replaced = {name for name in HEADERS if name not in ADDED_BESIDE}
    ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                (name, value)
                for name, value in message.get("headers", [])
                if (said := name.decode("latin-1").lower()) not in replaced
                and not said.startswith(CORS)
            ]
            message = {**message, "headers": [*kept, *ours]}
        await send(message)

    return send_with_headers


async def _refuse(request: _Request, refused: Refusal, send: Send) -> None:
    headers = {"cache-control": "no-store"}
    if refused.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["allow"] = "POST" if request.is_graphql else "GET, HEAD, POST"
    if refused is not NO_TOKEN or not request.is_navigation:
        await _respond(refused.status, refused.why + "\n", headers, send)
        return
    # A strict cookie does not come along with a link from elsewhere; with this one it does. It
    # has no query, which another page may have chosen.
    path = "/" + request.quoted_path.lstrip("/")
    page = (
        "<!doctype html><meta charset=utf-8><title>ECT Assets</title>"
        f"<p>{escape(refused.why)}</p>"
        f'<p>{LET_IN_BEFORE} <a href="{escape(path)}">open this page</a>.</p>\n'
    )
    await _respond(refused.status, page, headers | {"content-type": "text/html"}, send)


async def _respond(status: HTTPStatus, text: str, headers: Mapping[str, str], send: Send) -> None:
    body = text.encode()
    said = {"content-type": "text/plain; charset=utf-8", **headers, "content-length": len(body)}
    encoded = [(name.encode(), str(value).encode("latin-1")) for name, value in said.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": encoded})
    await send({"type": "http.response.body", "body": body})
