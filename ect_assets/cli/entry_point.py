"""The entry point of `ect`: whatever goes wrong in a command is one clear line, not a stack."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from rich.markup import escape

from ect_assets.cli import terminal
from ect_assets.cli.commands import app
from ect_assets.problems import EctError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended."""
BROKEN_PIPE = 141
"""And of one whose output nobody reads any more."""
SHOWS_STACK = "ECT_TRACEBACK"
LONGEST_REASON = 1000


def main() -> None:
    """Run a command; whatever goes wrong is one clear line, not a stack."""
    terminal.show_what_can_be_shown()
    try:
        _run_command()
    except BrokenPipeError:
        # The reader has closed the pipe: `ect sql ... | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)


def _run_command() -> None:
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except EctError as error:
        _end_with(str(error))
    except OSError as error:
        _end_with(f"{error.filename}: {error.strerror}." if error.filename else f"{error}.")
    except KeyboardInterrupt:
        _end_with_interruption()
    except SystemExit as ended:
        # How typer tells of Ctrl-C.
        if ended.code == INTERRUPTED:
            _end_with_interruption()
        raise
    except MemoryError:
        _end_with("Not enough memory on this machine.")
    except Exception as error:
        if os.environ.get(SHOWS_STACK):
            raise
        _end_with(_unexpected(error))


def _end_with(why: str) -> NoReturn:
    terminal.errors.print(f"[bold red]Error[/bold red] {escape(why)}", soft_wrap=True)
    sys.exit(1)


def _end_with_interruption() -> NoReturn:
    terminal.errors.print("Stopped. Finished results are kept; run the command again to continue.")
    sys.exit(INTERRUPTED)


def _unexpected(error: Exception) -> str:
    """Describe an unexpected error in one line; DuckDB's on a damaged file is not one."""
    if type(error).__module__.partition(".")[0] == "_duckdb":
        from ect_assets.lake.catalogue import error_message

        said = error_message(error)
        if " is damaged: " in said:
            return said
    said = " ".join(str(error).split())[:LONGEST_REASON]
    return (
        f"{type(error).__name__}: {said}. This is a bug: please report it, with "
        f"the output of the same command with {SHOWS_STACK}=1 in front of it."
    )
