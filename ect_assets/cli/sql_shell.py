"""`ect sql` without a query on a terminal: one question after the other."""

from __future__ import annotations

from collections.abc import Callable

from ect_assets.cli import terminal
from ect_assets.problems import EctError

PROMPT, GOES_ON = "ect> ", "...> "
WELCOME = (
    "One read-only statement of SQL at a time; a line that does not end with ; goes on until an "
    "empty one. SHOW TABLES; DESCRIBE gmv_change; .examples lists questions, .quit or Ctrl-D ends."
)


def ask_on(answer: Callable[[str], None], list_examples: Callable[[], None]) -> None:
    """Read statements and answer each, until the end of input; a fault is said, and it goes on.

    Parameters
    ----------
    answer : callable
        Prints the answer to one statement.
    list_examples : callable
        Prints questions with their queries.
    """
    _edit_lines()
    terminal.remark(WELCOME)
    while (statement := _statement()) is not None:
        if statement in (".quit", ".exit"):
            return
        if statement == ".examples":
            list_examples()
        elif statement:
            _answered(answer, statement)


def _answered(answer: Callable[[str], None], statement: str) -> None:
    try:
        answer(statement)
    except EctError as error:
        terminal.remark(str(error))
    except KeyboardInterrupt:
        terminal.remark("Stopped.")


def _statement() -> str | None:
    """Read one statement, or a command that begins with a point; None at the end of input."""
    lines: list[str] = []
    while True:
        try:
            line = input(GOES_ON if lines else PROMPT).strip()
        except EOFError:
            print()
            return None
        except KeyboardInterrupt:
            print()
            return ""
        if not lines and (not line or line.startswith(".")):
            return line
        lines.append(line)
        if not line or line.endswith(";"):
            return "\n".join(lines).strip().rstrip(";")


def _edit_lines() -> None:
    """Let lines be edited and called back, where the machine has readline."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return
