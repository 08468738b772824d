"""Twenty-one questions to a study, with the SQL that answers each: `queries.sql`, parsed.

What a query is run by belongs in `lake.catalogue`, how its answer is printed in `cli.query_output`.
``python -m ect_assets.lake.example_queries docs`` writes the questions into the documentation.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from ect_assets.problems import StudyError

FILE = "queries.sql"
PAGE = "queries.md"
BASELINE, FOLLOW_UP = "pre", "post"
"""What the queries call the two sessions."""

HEAD = """# Twenty-one questions

Written from `ect_assets/lake/queries.sql` by `make docs`; do not edit it here. Number 8, asked of
your own study:

```
ect sql --example 8
```

It prints the question, the query and the answer. Copy a query and change it: the columns are in
the [data dictionary](data_dictionary.md). The queries say `'pre'` and `'post'` for the two
sessions, and `ect sql --example` puts your study's own labels there; where you type or paste
one, do so yourself. All of them as one file: [queries.sql](queries.sql).
"""

_ENTRY = re.compile(
    r"^-- (?P<number>\d+)\. (?P<question>.+)\n-- Asked by: (?P<asked_by>.+)\n(?P<sql>(?:.+\n?)+)",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Example:
    """One question and its query.

    Attributes
    ----------
    number : int
        From 1.
    asked_by : str
        researcher, statistician, clinician or auditor.
    sql : str
        One statement, without a semicolon.
    """

    number: int
    question: str
    asked_by: str
    sql: str

    def between(self, baseline: str, follow_up: str) -> Example:
        """Put a study's own labels where the query says pre and post.

        Parameters
        ----------
        baseline, follow_up : str
            The sessions' BIDS labels, without ``ses-``.
        """
        labels = {f"'{BASELINE}'": f"'{baseline}'", f"'{FOLLOW_UP}'": f"'{follow_up}'"}
        return replace(self, sql=re.sub(r"'\w+'", lambda one: labels.get(one[0], one[0]), self.sql))


@lru_cache(maxsize=1)
def _parsed() -> tuple[Example, ...]:
    return tuple(
        Example(
            int(entry["number"]),
            entry["question"].strip(),
            entry["asked_by"].strip(),
            entry["sql"].strip().removesuffix(";"),
        )
        for entry in _ENTRY.finditer(_text())
    )


def _text() -> str:
    return resources.files("ect_assets.lake").joinpath(FILE).read_text(encoding="utf-8")


def examples() -> list[Example]:
    """List the questions, in their order."""
    return list(_parsed())


def example(number: int) -> Example:
    """Find one question.

    Parameters
    ----------
    number : int
        From 1.

    Raises
    ------
    StudyError
        When there is no such number; the message says which there are.
    """
    found = {one.number: one for one in _parsed()}
    if number not in found:
        raise StudyError(
            f"There is no example {number}; they are numbered {min(found)} to {max(found)}. "
            "`ect sql --examples` lists them."
        )
    return found[number]


def page() -> str:
    """Return the page of the documentation, as Markdown."""
    sections = (
        f"\n## {one.number}. {one.question}\n\nAsked by a {one.asked_by}."
        f"\n\n```sql\n{one.sql}\n```\n".replace("by a auditor", "by an auditor")
        for one in _parsed()
    )
    return HEAD + "".join(sections)


def write_documentation(folder: Path) -> None:
    """Write the questions as a page, and the file itself, into the documentation's folder."""
    (folder / FILE).write_text(_text(), encoding="utf-8")
    (folder / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_documentation(Path(sys.argv[1]))
