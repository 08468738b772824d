"""Works that a page or a paper cites, as BibTeX, from the list of references."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ect_assets.report.pages.references import Reference

_LISTED = re.compile(
    r"(?P<authors>.+?) \((?P<year>\d{4})\)\. (?P<title>.+)\. (?P<where>[^.]+)\.", re.DOTALL
)
_IN_JOURNAL = re.compile(r"(?P<journal>.+?) (?P<volume>\d+)(?::|, )(?P<pages>[\w-]+)")
_AUTHOR = re.compile(r"(?P<family>.+) (?P<initials>[A-Z]+)")
_SIGNS = re.compile(r"([&%$#_{}])")


def bibtex(works: Iterable[tuple[str, Reference]]) -> str:
    """Write works as BibTeX, in their order; keys are those of the report's references."""
    return "\n".join(_entry(key, work) for key, work in works)


def _entry(key: str, work: Reference) -> str:
    found = _LISTED.fullmatch(work.listed)
    if found is None:
        return _written("misc", key, {"title": work.listed, "doi": work.doi})
    journal = _IN_JOURNAL.fullmatch(found["where"])
    published = journal.groupdict() if journal else {"publisher": found["where"]}
    fields = {
        "author": _authors(found["authors"]),
        "year": found["year"],
        "title": f"{{{found['title']}}}",
        **{name: value.replace("-", "--") for name, value in published.items()},
        "doi": work.doi,
    }
    return _written("article" if journal else "book", key, fields)


def _authors(listed: str) -> str:
    names = listed.replace(" et al.", ", others").replace(" et al", ", others").split(", ")
    return " and ".join(_author(one) for one in names)


def _author(name: str) -> str:
    found = _AUTHOR.fullmatch(name)
    if name == "others":
        return name
    if found is None:
        return f"{{{name}}}"
    return f"{found['family']}, {' '.join(f'{one}.' for one in found['initials'])}"


def _written(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{_text(name, value)}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}", ""])


def _text(name: str, value: str) -> str:
    if name in ("doi", "title"):
        # Braces of a title keep its capitals.
        return value
    return _SIGNS.sub(r"\\\1", value)
