"""Numbers of a paper, each bound to a cell of the answer to a named query.

The queries are those of `queries.sql` and of the report. A number is written with an anchor, by
which it is found again in Markdown, LaTeX and Word; `verification` asks its query again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from importlib import resources
from typing import Any

from ect_assets.export.paper.markdown import Markdown, escaped, from_html
from ect_assets.report import questions
from ect_assets.report.figures.exhibits import filled
from ect_assets.report.pages.facts import (
    UNKNOWN,
    Answer,
    Facts,
    fixed,
    p_relation,
    p_value,
    percent,
    signed,
    whole,
)
from ect_assets.report.pages.people import N_LEFT_OUT, PEOPLE
from ect_assets.report.questions import of_parcellation

STYLES = {
    "count": whole,
    "0": fixed(0),
    "1": fixed(1),
    "2": fixed(2),
    "3": fixed(3),
    "4": fixed(4),
    "+1": signed(1),
    "+2": signed(2),
    "%0": percent(0),
    "%1": percent(1),
    "p": p_relation,
    "p alone": p_value,
}
"""How a number is rounded, by the names that the templates use."""

OF_THE_REPORT = {
    "people": PEOPLE,
    "left_out": N_LEFT_OUT,
    "symptoms": questions.SYMPTOMS,
    "responses": questions.RESPONSES,
    "change": of_parcellation(questions.CHANGE),
    "change_beyond_cortex": of_parcellation(questions.CHANGE_BEYOND_CORTEX),
    "brain_and_symptoms": of_parcellation(questions.BRAIN_AND_SYMPTOMS),
    "component": of_parcellation(questions.COMPONENT),
    "gene_lists": of_parcellation(questions.GENE_LISTS),
    "cell_types": of_parcellation(questions.CELL_TYPES),
    "within_reach": of_parcellation(questions.WITHIN_REACH),
    "claims": of_parcellation(questions.CLAIMS),
}
_NAMED = re.compile(r"^-- (?P<name>\w+):.*\n(?P<sql>(?:(?!--).+\n)+)", re.MULTILINE)


@lru_cache(maxsize=1)
def named_queries() -> dict[str, str]:
    """Return every query that templates ask, by its name."""
    file = resources.files("ect_assets.export.paper") / "templates" / "queries.sql"
    own = {one["name"]: one["sql"].strip() for one in _NAMED.finditer(file.read_text("utf-8"))}
    return OF_THE_REPORT | own


@dataclass(frozen=True)
class Bound:
    """A number as it stands in the paper, and the cell that it is.

    Attributes
    ----------
    anchor : str
        Its place in the documents, for example ``n12``.
    query : str
        Name of the query; the statement stands in the manifest.
    row : int
        Of the answer, from 0.
    value : int, float or str
        The cell in full; a date or time as ISO text.
    shown : str
        As it is written.
    """

    anchor: str
    query: str
    column: str
    row: int
    value: int | float | str
    shown: str

    @property
    def origin(self) -> str:
        """The cell, as a person says it."""
        return f"{self.query}.{self.column}, row {self.row + 1}"


def plain(value: Any) -> Any:
    """Write a cell as JSON keeps it."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


class Row:
    """One row of an answer, as templates use it."""

    def __init__(self, numbers: Numbers, query: str, answer: Answer, index: int):
        self._numbers, self._query, self._answer, self._index = numbers, query, answer, index

    def __getitem__(self, column: str) -> Any:
        """Give a cell as it is, for conditions and names; None where it is missing."""
        return self._answer.value(column, self._index)

    def show(self, column: str, style: str = "count") -> Markdown:
        """Write a number, bound to its cell."""
        return self._numbers.bind(self._query, self._answer, column, self._index, style)


class Numbers:
    """The answers that a paper rests on, and the numbers that were taken from them."""

    def __init__(self, facts: Facts):
        self.facts = facts
        self._names = {filled(sql, facts.setting): name for name, sql in named_queries().items()}
        self._asked: dict[str, Answer] = {}
        self.bound: list[Bound] = []

    def ask(self, name: str) -> list[Row]:
        """Answer a named query."""
        answer = self.facts.ask(named_queries()[name])
        self._asked[name] = answer
        return [Row(self, name, answer, index) for index in range(len(answer.rows))]

    def bind(self, query: str, answer: Answer, column: str, row: int, style: str) -> Markdown:
        """Write a number with its anchor; ``not known``, without one, where it is missing."""
        value = answer.value(column, row)
        if value is None:
            return Markdown(UNKNOWN)
        return self._written(query, column, row, value, STYLES[style](value))

    def from_page(self, html: str) -> Markdown:
        """Write a sentence of the report in Markdown, with its numbers bound."""
        return from_html(str(html), self._of_page)

    def _of_page(self, link: Mapping[str, str], shown: str) -> str:
        row, column = int(link["data-row"]), link["data-column"]
        answer = self.facts.answers[int(link["data-sql"]) - 1]
        name = self._names.get(answer.statement, f"report_{answer.number}")
        self._asked[name] = answer
        return self._written(name, column, row, answer.value(column, row), shown)

    def _written(self, query: str, column: str, row: int, value: Any, shown: str) -> Markdown:
        anchor = f"n{len(self.bound) + 1}"
        self.bound.append(Bound(anchor, query, column, row, plain(value), shown))
        return Markdown(f"[{escaped(shown)}]{{#{anchor}}}")

    @property
    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Every query that was asked, by name."""
        return iter(self._asked.items())
