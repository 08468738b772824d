"""The web process of `ect ui`: Dagster's application behind the guard (`python -m`, no options)."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from types import FrameType
from typing import Any

from ect_assets.cli.serving.lifeline import settings_from_parent

POLL_MILLISECONDS = 2000
STATEMENT_MILLISECONDS = 15_000
POOL_RECYCLE_SECONDS = 3600
POOL_OVERFLOW = 20
SECONDS_TO_CLOSE = 5


def serve(workspace: str, host: str, port: int, hosts: list[str], token: str | None) -> None:
    """Serve the UI of a code location until the process is asked to end.

    Parameters
    ----------
    workspace : str
        File that names the code location.
        Whose definitions are shown.
    host : str
        Address to listen on.
    hosts : list of str
        Names beside those of the loopback address, as `guard.known_origins` takes them.
    token : str or None
        As `guard.UiGuard` takes it.
    """
    import uvicorn
    from dagster import DagsterInstance

    from ect_assets.cli.serving.guard import UiGuard, known_origins
    from ect_assets.cli.serving.sockets import private_sockets
    from ect_assets.orchestration.dagster_internals import web_application

    with contextlib.ExitStack() as stack:
        stack.enter_context(private_sockets())
        instance = stack.enter_context(DagsterInstance.get())
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, POOL_RECYCLE_SECONDS, POOL_OVERFLOW)
        app = stack.enter_context(
            web_application(instance, workspace, POLL_MILLISECONDS, _lifespan)
        )
        uvicorn.run(
            UiGuard(app, known_origins(port, hosts), token, cookie_name(port)),
            host=host,
            port=port,
            log_level="warning",
            # Addresses hold the token once, and patients' labels: they are not written down.
            access_log=False,
            # Nobody is believed about where a request comes from.
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SECONDS_TO_CLOSE,
        )


def cookie_name(port: int) -> str:
    """Name the cookie of the UI on a port: all ports of a host share their cookies."""
    return f"ect_ui_{port}"


@contextlib.asynccontextmanager
async def _lifespan(app: Any) -> AsyncIterator[None]:
    # Ctrl-C and SIGTERM cancel it.
    with contextlib.suppress(asyncio.CancelledError):
        yield


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    """Serve what the parent says."""
    settings = settings_from_parent()
    # Uvicorn closes first and then passes the signal on: contexts end in order, too.
    signal.signal(signal.SIGTERM, _leave)
    serve(**settings)


if __name__ == "__main__":
    main()
