"""A page of the report, read back: its elements, and the SQL that it lists."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Element:
    """One element of the page, its attributes, and all text inside."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """The elements of a page, in their order."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self._open: list[Element] = []
        self.unbalanced: Counter[str] = Counter()
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        self.unbalanced[tag] += 1
        if tag not in ("meta", "img"):
            self._open.append(element)

    def handle_endtag(self, tag):
        self.unbalanced[tag] -= 1
        assert self._open.pop().tag == tag

    def handle_data(self, data):
        for element in self._open:
            element.text += data

    def all(self, tag, **attributes):
        return [
            one
            for one in self.elements
            if one.tag == tag
            and all(one.attributes.get(name.rstrip("_")) == v for name, v in attributes.items())
        ]

    def inside(self, tag, name):
        text = next(one for one in self.elements if one.attributes.get("id") == name).text
        return " ".join(text.split())


def page_of(files):
    return Page(files[0].content.decode("utf-8"))


def listed_sql(page):
    """Read the statements of the last section, as they are typed."""
    found = {}
    items = [one for one in page.elements if re.fullmatch(r"sql-\d+", one.attributes.get("id", ""))]
    for item in items:
        start = page.elements.index(item)
        code = next(one for one in page.elements[start:] if one.tag == "code")
        program, word, statement = shlex.split(code.text)
        assert (program, word) == ("ect", "sql")
        found[item.attributes["id"]] = statement
    return found
