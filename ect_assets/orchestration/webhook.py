"""Posting JSON to an address on the web, and to no place that the study did not name.

The name in the address may lead, today or after a change of its DNS record, to a machine inside
the hospital. So it is resolved once, the addresses found are looked at, one of those is connected
to, and a redirect is not followed. What is posted belongs in `notifications`.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

PORTS = {"http": 80, "https": 443}
SECONDS_TO_ANSWER = 10
HEADERS = {"Content-Type": "application/json"}


class WebhookRefused(OSError):
    """It may not be posted there, or was not taken; the text says what to do."""


def post_json(url: str, content: Mapping[str, object], private_hosts: Iterable[str] = ()) -> None:
    """Post a JSON object.

    Where the environment names a proxy (``https_proxy``, ``no_proxy``), that one resolves the name.

    Parameters
    ----------
    url : str
        With http or https.
    private_hosts : iterable of str
        Names that may lead to a private address. A private address that is itself in `url` was
        named there.

    Raises
    ------
    OSError
        When the host cannot be reached, may not be, or refuses.
    """
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise WebhookRefused("The webhook must begin with https:// or http:// and a host.")
    body = json.dumps(content).encode()
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(
        parts.netloc
    ):
        status = _through_proxy(url, body)
    else:
        status = _straight(parts, body, address_of(parts, private_hosts))
    if 300 <= status < 400:
        raise WebhookRefused(
            f"{parts.hostname} redirects ({status}), which is not followed. Put the "
            "address that accepts the message into [notifications] webhook."
        )
    if status >= 400:
        raise WebhookRefused(f"{parts.hostname} refused the message ({status}).")


def address_of(parts: SplitResult, private_hosts: Iterable[str] = ()) -> str:
    """Resolve the host of an address, and refuse a private one that nobody named.

    Returns
    -------
    str
        The numeric address to connect to.

    Raises
    ------
    OSError
        When the name cannot be resolved; `WebhookRefused` when it leads to a private address.
    """
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    is_named = _is_numeric(host) or host in {one.lower() for one in private_hosts}
    if not is_named and not all(is_public(one) for one in addresses):
        raise WebhookRefused(
            f"{host} has a private address. If that is intended, add the name to study.toml: "
            f'[notifications] private_hosts = ["{host}"].'
        )
    return addresses[0]


def is_public(address: str) -> bool:
    """Say whether a numeric address belongs to the internet, and not to a machine or network."""
    said = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(said, ipaddress.IPv6Address):
        inner = said.ipv4_mapped or said.sixtofour or (said.teredo or (None, None))[1]
        if inner is not None:
            return is_public(str(inner))
    return said.is_global and not said.is_multicast


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _straight(parts: SplitResult, body: bytes, address: str) -> int:
    target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    kind = _TlsConnection if parts.scheme == "https" else _Connection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS_TO_ANSWER)
    connection.address = address
    try:
        connection.request("POST", target, body=body, headers=HEADERS)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise WebhookRefused(f"{parts.hostname}: {type(error).__name__}") from error
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    """To an address that was looked at: the name is not resolved a second time."""

    address: str

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _TlsConnection(http.client.HTTPSConnection):
    """As `_Connection`; the certificate has to be that of the name."""

    address: str

    def connect(self) -> None:
        plain = socket.create_connection((self.address, self.port), self.timeout)
        trusted = ssl.create_default_context()
        self.sock = trusted.wrap_socket(plain, server_hostname=self.host)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *said: Any) -> None:
        """Follow none."""


def _through_proxy(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, data=body, headers=HEADERS)  # noqa: S310 - http(s) only
    try:
        opener = urllib.request.build_opener(_NoRedirects)
        with opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
