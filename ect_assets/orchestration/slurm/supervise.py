"""On the node: runs a step's command, and notes how it ended.

``python -m ect_assets.orchestration.slurm.supervise FILE -- COMMAND...`` is what a batch script
ends in. When Slurm ends the job (time, preemption, `scancel`) it sends SIGTERM; the step itself
does not get to see it, for it would be reported as an interruption, while Slurm knows what it was.
The step is killed, and the job's monitor asks Slurm. Nothing but the standard library is
imported.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

STOPPED_BY = (signal.SIGTERM, signal.SIGINT)


def supervise(command: Sequence[str], ended_file: Path) -> int:
    """Run a command, and write down how it ended.

    Parameters
    ----------
    ended_file : Path
        JSON with ``exit_code`` and ``signal`` (of the command), ``stopped_by`` (the signal that
        came from outside, or null), ``host`` and ``ended``.

    Returns
    -------
    int
        The command's exit code; 128 and the signal's number where a signal ended it.
    """
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.append(number)
        _kill(process)

    # Blocked before the start, so that the command inherits it and none is lost in between.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPED_BY)
    process = subprocess.Popen(command, start_new_session=True)
    for number in STOPPED_BY:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPED_BY)
    code = process.wait()
    _note(ended_file, code, stopped[0] if stopped else None)
    if stopped:
        return 128 + stopped[0]
    return code if code >= 0 else 128 - code


def _kill(process: subprocess.Popen) -> None:
    """Kill the command with all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _note(file: Path, code: int, stopped_by: int | None) -> None:
    record = {
        "exit_code": code if code >= 0 else None,
        "signal": signal.Signals(-code).name if code < 0 else None,
        "stopped_by": None if stopped_by is None else signal.Signals(stopped_by).name,
        "host": socket.gethostname(),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    with aside.open("w", encoding="utf-8") as output:
        json.dump(record, output)
        output.flush()
        os.fsync(output.fileno())
    os.replace(aside, file)


def main() -> int:
    """Read the command line."""
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        print(
            "usage: python -m ect_assets.orchestration.slurm.supervise FILE -- COMMAND...",
            file=sys.stderr,
        )
        return 2
    return supervise(sys.argv[3:], Path(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
