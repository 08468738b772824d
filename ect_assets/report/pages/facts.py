"""Numbers of the page, each with the SQL that gives it.

A number is asked for here and written as a link to its query, which stands, with its answer, in
the last section of the page. Nothing is computed after the query: what is shown is what SQL
gives, rounded. The words around a number belong in the texts, its place in `page`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from markupsafe import Markup

from ect_assets.report.figures.exhibits import Setting, filled
from ect_assets.report.questions import probability

Format = Callable[[float], str]
UNKNOWN = "not known"
LONGEST_TITLE = 240
SHELL_SIGNS = re.compile(r'([\\"$`])')
"""What a POSIX shell would not take as it is between double quotes."""


def whole(value: float) -> str:
    """Write a count, with commas between thousands."""
    return f"{round(value):,}"


def fixed(digits: int) -> Format:
    """Write with so many digits after the point."""
    return lambda value: _typeset(f"{value:z,.{digits}f}")


def signed(digits: int) -> Format:
    """Write with a sign, also where it is positive."""
    return lambda value: _typeset(f"{value:+z,.{digits}f}")


def percent(digits: int) -> Format:
    """Write a share in percent."""
    return lambda value: _typeset(f"{100 * value:z.{digits}f}") + " %"


def p_value(value: float) -> str:
    """Write a p or q value as in a table."""
    return probability(value)


def p_relation(value: float) -> str:
    """Write a p or q value as in a sentence, after the letter: ``= 0.034``."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _typeset(text: str) -> str:
    return text.replace("-", "−")


def command(statement: str) -> str:
    """Write a query as it is typed in a shell.

    Returns
    -------
    str
        ``ect sql "..."``, with what a shell would not leave alone behind a backslash.
    """
    quoted = SHELL_SIGNS.sub(r"\\\1", statement)
    return f'ect sql "{quoted}"'


@dataclass(frozen=True)
class Answer:
    """What one query gave.

    Attributes
    ----------
    number : int
        Of the query on the page, from 1.
    statement : str
        As it is typed.
    """

    number: int
    statement: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def __bool__(self) -> bool:
        return bool(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return (Row(self, place) for place in range(len(self.rows)))

    def __call__(self, column: str, style: Format = whole) -> Markup:
        """Show a number of the first row."""
        return self.show(column, style)

    def __getitem__(self, place: int) -> Row:
        return Row(self, range(len(self.rows))[place])

    def value(self, column: str, row: int = 0) -> Any:
        """Give one cell as it is; None where it is missing."""
        found = self.rows[row][self.columns.index(column)]
        return None if isinstance(found, float) and math.isnan(found) else found

    def show(self, column: str, style: Format = whole, row: int = 0) -> Markup:
        """Write one number as a link to its query.

        Parameters
        ----------
        style : callable
            How it is rounded.

        Returns
        -------
        Markup
            With the number in full in ``data-value``; "not known", without a link, where it is
            missing.
        """
        value = self.value(column, row)
        if value is None:
            return Markup('<span class="unknown">{}</span>').format(UNKNOWN)
        return Markup(
            '<a class="number" href="#sql-{number}" data-sql="{number}" data-row="{row}" '
            'data-column="{column}" data-value="{value!r}" title="{title}">{shown}</a>'
        ).format(
            number=self.number,
            row=row,
            column=column,
            value=value,
            title=self.title,
            shown=style(value),
        )

    @property
    def title(self) -> str:
        """The query on one line, cut where it is long."""
        line = " ".join(self.statement.split())
        return line if len(line) <= LONGEST_TITLE else f"{line[: LONGEST_TITLE - 1]}…"

    @property
    def typed(self) -> str:
        """The command that gives the answer."""
        return command(self.statement)

    def head(self, n_rows: int) -> list[list[str]]:
        """Write the first rows as text, as they are."""
        return [[plain_cell(value) for value in row] for row in self.rows[:n_rows]]


@dataclass(frozen=True)
class Row:
    """One row of an answer: ``row("n")`` shows a number with its query, ``row["n"]`` is it."""

    answer: Answer
    place: int

    def __call__(self, column: str, style: Format = whole) -> Markup:
        return self.answer.show(column, style, self.place)

    def __getitem__(self, column: str) -> Any:
        return self.answer.value(column, self.place)


def plain_cell(value: Any) -> str:
    """Write any value of a table as text; a missing one is empty.

    Returns
    -------
    str
        Numbers with six significant digits.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain_cell, value))
    return str(value)


class Facts:
    """The queries of one page, numbered in the order in which they were asked.

    Parameters
    ----------
    setting : Setting
        Its values take the place of ``{parcellation}``, ``{baseline}``, ``{follow_up}`` and
        ``{null_model}``, as in an Exhibit.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, setting: Setting):
        self.connection = connection
        self.setting = setting
        self._answers: dict[str, Answer] = {}

    def ask(self, sql: str) -> Answer:
        """Answer a query; what was asked before keeps its number."""
        statement = filled(sql, self.setting)
        if statement not in self._answers:
            relation = self.connection.execute(statement)
            columns = tuple(str(one[0]) for one in relation.description or ())
            number = len(self._answers) + 1
            self._answers[statement] = Answer(number, statement, columns, relation.fetchall())
        return self._answers[statement]

    @property
    def answers(self) -> Sequence[Answer]:
        """All that was asked."""
        return tuple(self._answers.values())
