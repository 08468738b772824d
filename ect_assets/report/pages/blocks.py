"""What a page is put together from: sections of paragraphs, tables and pictures.

Only the parts and how a table's cells are filled; the words belong in the texts, the HTML in the
templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from ect_assets.report.pages.facts import Answer, Format, plain_cell, signed, whole
from ect_assets.science.statistics.multiple_comparisons import LEVEL

Cell = Callable[[Answer, int], Markup]

MARKS = {
    True: ("yes", Markup('✓<span class="hidden"> yes</span>')),
    False: ("no", Markup('✗<span class="hidden"> no</span>')),
    None: ("not-asked", Markup('–<span class="hidden"> not asked</span>')),
}
"""Answers to one question about a claim."""


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, how a cell is filled, and whether it holds numbers."""

    heading: str
    cell: Cell
    is_number: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes
    ----------
    columns : sequence of Column
        Of these the page shows heading and alignment.
    note : Markup
        How to read it; may be empty.
    """

    title: Markup
    columns: Sequence[Column]
    rows: list[list[Markup]]
    note: Markup = Markup("")
    kind: str = "table"


@dataclass(frozen=True)
class Panel:
    """A table that a picture is drawn from: the command that gives it, and its first rows."""

    name: str
    typed: str
    columns: list[str]
    rows: list[list[str]]
    n_rows: int
    file: str


@dataclass(frozen=True)
class Picture:
    """A figure on the page, or the reason why it is not there.

    Attributes
    ----------
    name : str
        Of its files.
    number : str
        For example ``Supplementary Figure 2``; may be empty.
    data : str
        Base64 of a WebP of the same size as the PNG; empty where it is absent.
    width, height : int
        In pixels of CSS, at which the PNG is sharp on a screen of double density.
    files : list of (str, str)
        What the file is, and where it lies.
    absent : str
        Why it is not there; empty where it is.
    """

    name: str
    number: str
    title: str
    caption: str
    data: str = ""
    width: int = 0
    height: int = 0
    files: list[tuple[str, str]] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    absent: str = ""
    kind: str = "picture"

    @property
    def alternative(self) -> str:
        """What is said to a reader who does not see it."""
        return f"{self.title}. {self.caption.split('. ')[0].rstrip('.')}."


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: Markup
    kind: str = "paragraph"


@dataclass(frozen=True)
class Points:
    """Sentences one below the other, each with a word of what it is about.

    Attributes
    ----------
    name : str
        Of the place on the page that a button copies as text; empty without a button.
    """

    items: list[tuple[str, Markup]]
    name: str = ""
    kind: str = "points"


@dataclass(frozen=True)
class Verbatim:
    """Text as it is, folded away below a line that says what it is."""

    title: str
    text: str
    kind: str = "verbatim"


@dataclass(frozen=True)
class Written:
    """HTML that a template wrote."""

    html: Markup
    kind: str = "written"


Block = Table | Picture | Paragraph | Points | Verbatim | Written


@dataclass(frozen=True)
class Section:
    """A titled part of the page.

    Attributes
    ----------
    anchor : str
        Its place in the table of contents, too.
    see_also : sequence of Picture
        What stands elsewhere on the page, and belongs to it.
    """

    anchor: str
    title: str
    blocks: list[Block]
    see_also: Sequence[Picture] = ()


def paragraph(text: str, *values: object, **named: object) -> Paragraph:
    """Write a paragraph: the text is ours, what is put into it is escaped.

    Parameters
    ----------
    text : str
        With ``{}`` for the values, as in `str.format`.
    """
    return Paragraph(Markup(text).format(*values, **named))


def number(name: str, style: Format = whole) -> Cell:
    """Fill a cell with a number that links to its query."""
    return lambda answer, row: answer.show(name, style, row)


def text(name: str, words: Callable[[str], str] = str) -> Cell:
    """Fill a cell with text."""
    return lambda answer, row: escape(words(plain_cell(answer.value(name, row))))


def spread(centre: str, around: str, style: Format) -> Cell:
    """Fill a cell with a number and, in brackets, another."""
    return lambda answer, row: Markup("{} ({})").format(
        answer.show(centre, style, row), answer.show(around, style, row)
    )


def interval(low: str, high: str, style: Format) -> Cell:
    """Fill a cell with the two ends of an interval."""
    return lambda answer, row: Markup("{} to {}").format(
        answer.show(low, style, row), answer.show(high, style, row)
    )


def answer_mark(answer: bool | None) -> Markup:
    """Write one sign, and a word for who does not see it: yes, no, or not asked."""
    kind, said = MARKS[None if answer is None else bool(answer)]
    return Markup('<span class="mark {}">{}</span>').format(kind, said)


def mark(name: str) -> Cell:
    """Fill a cell with one sign: whether the test of this q was passed."""

    def sign(answer: Answer, row: int) -> Markup:
        q = answer.value(name, row)
        return answer_mark(None if q is None else q < LEVEL)

    return sign


def holds(answer: Answer, row: int) -> Markup:
    """Fill a cell with one sign: whether the claim holds."""
    return answer_mark(answer.value("holds", row))


def t_with_df(answer: Answer, row: int) -> Markup:
    """Fill a cell with t and, in brackets, its degrees of freedom."""
    return Markup("{} ({})").format(answer.show("t", signed(2), row), answer.show("df", row=row))


def table_of(
    answer: Answer,
    title: Markup | str,
    columns: Sequence[Column],
    note: Markup | str = "",
    rows: Iterable[int] | None = None,
) -> Table:
    """Put an answer into a table.

    Parameters
    ----------
    rows : iterable of int, optional
        Which rows, where not all.
    """
    chosen = range(len(answer.rows)) if rows is None else rows
    cells = [[column.cell(answer, row) for column in columns] for row in chosen]
    return Table(escape(title), columns, cells, escape(note))


def listing(parts: Sequence[Markup | str]) -> Markup:
    """Join parts as in a sentence: ``a, b and c``."""
    if len(parts) < 2:
        return escape(parts[0]) if parts else Markup("")
    return Markup("{} and {}").format(Markup(", ").join(parts[:-1]), parts[-1])


def plural(count: float, one: str, many: str) -> str:
    """Choose the word that goes with a count."""
    return one if count == 1 else many
