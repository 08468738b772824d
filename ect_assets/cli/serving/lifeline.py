"""A pipe from `ect ui` to each process it starts: settings come through it, then its end.

A secret in a pipe stands in no argument list and no environment. The kernel closes the pipe
however `ect ui` ends, so that what it started never outlives it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import IO, Any


def send_settings(pipe: IO[bytes], settings: Mapping[str, Any]) -> None:
    """Send a process its settings; the pipe stays open for as long as the process is to live.

    Parameters
    ----------
    pipe : binary file
        Standard input of the process.
    settings : mapping
        Plain values.
    """
    pipe.write(json.dumps(settings).encode() + b"\n")
    pipe.flush()


def settings_from_parent() -> dict[str, Any]:
    """Take the settings of this process, and let it end with the process that sent them.

    To be called first of all, by a process that leads a group of its own: the whole group is
    killed. Nothing is lost by that: files appear whole or not at all, and runs are tried again.
    """
    own = os.dup(sys.stdin.fileno())
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    pipe = os.fdopen(own, "rb")
    line = pipe.readline()
    if not line.endswith(b"\n"):
        sys.exit("This process is started by `ect ui`.")
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    return json.loads(line)


def _end_with(pipe: IO[bytes]) -> None:
    pipe.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)
