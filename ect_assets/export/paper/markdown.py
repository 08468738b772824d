"""Pandoc's Markdown: texts escaped, and the pages' HTML written in it.

The report's methods and Table 1 come as HTML with links; here their links become citations and
numbers. What is said belongs in the templates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from html.parser import HTMLParser

_SIGNS = re.compile(r"([\\`*_{}\[\]#<>$^~|@&])")
_AT_THE_START = re.compile(r"^(\s*|\s*\(?\w{1,9}(?=[.)](?:\s|$)))([-+:=.)(%!])")
"""What would begin a list, a heading or a definition, were the text to begin a line."""
_IN_BRACKETS = re.compile(r"\((@[\w-]+(?:; @[\w-]+)*)\)")
NumberWriter = Callable[[Mapping[str, str], str], str]


class Markdown(str):
    """A text that is Markdown already."""


def escaped(value: object) -> Markdown:
    """Write any value so that Markdown shows it as it is, on one line."""
    if isinstance(value, Markdown):
        return value
    text = _SIGNS.sub(r"\\\1", re.sub(r"\s+", " ", str(value)))
    return Markdown(_AT_THE_START.sub(r"\1\\\2", text))


def from_html(html: str, number: NumberWriter) -> Markdown:
    """Write a sentence of the report's pages in Markdown.

    Parameters
    ----------
    html : str
        Text with ``<sub>``, links to references (``#ref-name``) and numbers (``class="number"``).
    number : callable
        Writes a number, from the attributes of its link and its text.
    """
    reader = _Reader(number)
    reader.feed(html)
    reader.close()
    return Markdown(_IN_BRACKETS.sub(r"[\1]", "".join(reader.parts)))


class _Reader(HTMLParser):
    """Gather Markdown; what stands inside a link is written when the link ends."""

    def __init__(self, number: NumberWriter) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._number = number
        self._link: dict[str, str] | None = None
        self._linked = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "sub":
            self.parts.append("~")
        if tag == "a":
            self._link = {name: value or "" for name, value in attrs}
            self._linked = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "sub":
            self.parts.append("~")
        if tag == "a" and self._link is not None:
            link, self._link = self._link, None
            is_number = link.get("class") == "number"
            reference = "@" + link["href"].removeprefix("#ref-")
            self.parts.append(self._number(link, self._linked) if is_number else reference)

    def handle_data(self, data: str) -> None:
        if self._link is None:
            self.parts.append(_SIGNS.sub(r"\\\1", re.sub(r"\s+", " ", data)))
        else:
            self._linked += data
