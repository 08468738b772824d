"""`ect sql` without a query asks for one after the other, and goes on after a fault."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from ect_assets.cli import sql_shell
from ect_assets.problems import StudyError


@pytest.fixture
def asked(monkeypatch):
    """Return a function that types lines, and gives the statements that were answered."""

    def typed(lines: Iterable[str | type[BaseException]]) -> list[str]:
        waiting, found = iter(lines), []

        def read(_prompt: str) -> str:
            line = next(waiting, EOFError)
            if isinstance(line, str):
                return line
            raise line

        def answer(statement: str) -> None:
            found.append(statement)
            if "wrong" in statement:
                raise StudyError("no such table")

        monkeypatch.setattr("builtins.input", read)
        sql_shell.ask_on(answer, lambda: found.append("EXAMPLES"))
        return found

    return typed


def test_a_statement_ends_with_a_semicolon_or_an_empty_line(asked):
    assert asked(["SHOW TABLES;", "SELECT 1", "AS a;", "FROM b", ""]) == [
        "SHOW TABLES",
        "SELECT 1\nAS a",
        "FROM b",
    ]


def test_a_fault_is_said_and_the_next_statement_answered(asked, capsys):
    assert asked(["FROM wrong;", "FROM right;"]) == ["FROM wrong", "FROM right"]
    assert "no such table" in capsys.readouterr().err


def test_quit_ends_it_and_examples_are_listed(asked):
    assert asked([".examples", "", ".quit", "FROM never;"]) == ["EXAMPLES"]


def test_ctrl_c_takes_a_statement_back(asked):
    assert asked(["SELECT", KeyboardInterrupt, "FROM a;"]) == ["FROM a"]
