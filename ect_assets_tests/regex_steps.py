"""How many steps a backtracking search takes: a small matcher over Python's own parse of a pattern.

`re` does not say how long it tried, and a clock depends on the machine. This walks through the
parse tree as `re` does, without its shortcuts, and counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

MOST_STEPS = 200_000
_CATEGORIES = {
    sre.CATEGORY_DIGIT: re.compile(r"\d"),
    sre.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    sre.CATEGORY_SPACE: re.compile(r"\s"),
    sre.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    sre.CATEGORY_WORD: re.compile(r"\w"),
    sre.CATEGORY_NOT_WORD: re.compile(r"\W"),
}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_SAMPLES = "a1A_-. /,=^:\\x\n"


class TooManyStepsError(Exception):
    """The search did not end within `MOST_STEPS`."""


class Counter:
    """Counts the steps of searches with one pattern."""

    def __init__(self, pattern: re.Pattern[str]):
        self.pattern = pattern
        self.tree = list(parser.parse(pattern.pattern, pattern.flags))
        self.steps = 0

    def count(self, text: str, everywhere: bool) -> int:
        """Count the steps of `findall` (everywhere) or of `fullmatch`."""
        self.steps, self.text = 0, text
        starts = range(len(text) + 1) if everywhere else (0,)
        behind = -1
        for start in starts:
            if start < behind:
                continue
            ends = self._all(self.tree, 0, start, {}, self.pattern.flags)
            end = next((end for end, _ in ends if everywhere or end == len(text)), None)
            behind = end if end is not None else behind
        return self.steps

    def _all(self, nodes: list, at: int, place: int, groups: dict, flags: int) -> Iterator:
        if at == len(nodes):
            yield place, groups
            return
        for end, after in self._one(nodes[at], place, groups, flags):
            yield from self._all(nodes, at + 1, end, after, flags)

    def _one(self, node: tuple, place: int, groups: dict, flags: int) -> Iterator:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooManyStepsError
        kind, said = node
        if kind in _REPEATS:
            low, high, body = said
            ends = self._repeat(list(body), low, high, place, groups, flags, 0, kind)
            if kind == sre.POSSESSIVE_REPEAT:
                first = next(ends, None)
                ends = iter(() if first is None else (first,))
            yield from ends
        elif kind == sre.SUBPATTERN:
            number, added, taken, body = said
            for end, after in self._all(list(body), 0, place, groups, (flags | added) & ~taken):
                yield end, after if number is None else {**after, number: self.text[place:end]}
        elif kind == sre.BRANCH:
            for body in said[1]:
                yield from self._all(list(body), 0, place, groups, flags)
        elif kind in (sre.ASSERT, sre.ASSERT_NOT):
            yield from self._look(kind, said, place, groups, flags)
        elif kind == sre.GROUPREF:
            if self.text.startswith(groups.get(said, "\0"), place):
                yield place + len(groups[said]), groups
        elif kind == sre.AT:
            if self._is_at(said, place, flags):
                yield place, groups
        elif place < len(self.text) and fits(node, self.text[place], flags):
            yield place + 1, groups

    def _repeat(self, body, low, high, place, groups, flags, done, kind) -> Iterator:
        is_lazy = kind == sre.MIN_REPEAT
        if is_lazy and done >= low:
            yield place, groups
        if done < (1 << 30 if high == sre.MAXREPEAT else high):
            for end, after in self._all(body, 0, place, groups, flags):
                if end > place or done < low:
                    yield from self._repeat(body, low, high, end, after, flags, done + 1, kind)
        if not is_lazy and done >= low:
            yield place, groups

    def _look(self, kind, said, place: int, groups: dict, flags: int) -> Iterator:
        direction, body = said
        width = 0 if direction > 0 else body.getwidth()[0]
        found = place >= width and any(self._all(list(body), 0, place - width, groups, flags))
        if found == (kind == sre.ASSERT):
            yield place, groups

    def _is_at(self, where: int, place: int, flags: int) -> bool:
        before, behind = self.text[place - 1 : place], self.text[place : place + 1]
        if where in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
            return place == 0 or bool(flags & re.MULTILINE and before == "\n")
        if where in (sre.AT_END, sre.AT_END_STRING):
            return place == len(self.text) or bool(flags & re.MULTILINE and behind == "\n")
        is_between = bool(re.match(r"\w", before)) != bool(re.match(r"\w", behind))
        return is_between == (where == sre.AT_BOUNDARY)


def fits(node: tuple, sign: str, flags: int) -> bool:
    """Say whether one sign is what a node of the parse tree stands for."""
    kind, said = node
    if flags & re.IGNORECASE:
        plain = flags & ~re.IGNORECASE
        return fits(node, sign.lower(), plain) or fits(node, sign.upper(), plain)
    if kind == sre.ANY:
        return sign != "\n" or bool(flags & re.DOTALL)
    if kind == sre.LITERAL:
        return said == ord(sign[0])
    if kind == sre.NOT_LITERAL:
        return said != ord(sign[0])
    if kind == sre.RANGE:
        return said[0] <= ord(sign[0]) <= said[1]
    if kind == sre.CATEGORY:
        return bool(_CATEGORIES[said].match(sign))
    if kind == sre.IN:
        is_negated = said[0][0] == sre.NEGATE
        return any(fits(one, sign, flags) for one in said[is_negated:]) != is_negated
    raise NotImplementedError(kind)


def hostile_texts(pattern: re.Pattern[str], times: int) -> list[str]:
    """Write texts that repeat what a pattern repeats, and then end in what it does not know."""
    tree = list(parser.parse(pattern.pattern, pattern.flags))
    texts = []
    for before, body in _repeated(tree, "", pattern.flags):
        pumps = {_sample(body, pattern.flags), *_signs(body, pattern.flags)}
        # What several signs of the repeated set share may be read in two ways.
        pumps |= {one + other for one in pumps for other in pumps if len(one + other) <= 4}
        texts += [f"{before}{pump * times}{end}" for pump in pumps if pump for end in ("", "\0")]
    return list(dict.fromkeys(texts))


def _repeated(nodes: list, before: str, flags: int) -> Iterator[tuple[str, list]]:
    """List each part that is repeated without end, with an example of what stands before it."""
    for node in nodes:
        kind, said = node
        if kind in _REPEATS:
            body = list(said[2])
            if said[1] == sre.MAXREPEAT:
                yield before, body
            yield from _repeated(body, before, flags)
        elif kind == sre.SUBPATTERN:
            yield from _repeated(list(said[3]), before, flags)
        elif kind == sre.BRANCH:
            for body in said[1]:
                yield from _repeated(list(body), before, flags)
        before += _sample([node], flags)


def _signs(body: list, flags: int) -> set[str]:
    """Take a few signs of every kind that a part can begin with or be made of."""
    found: set[str] = set()
    for kind, said in body:
        if kind in _REPEATS:
            found |= _signs(list(said[2]), flags)
        elif kind == sre.SUBPATTERN:
            found |= _signs(list(said[3]), flags)
        elif kind == sre.BRANCH:
            found |= {sign for one in said[1] for sign in _signs(list(one), flags)}
        elif kind in (sre.IN, sre.LITERAL, sre.NOT_LITERAL, sre.ANY):
            found |= {sign for sign in _SAMPLES if fits((kind, said), sign, flags)}
    return found


def _sample(body: list, flags: int) -> str:
    """Write the shortest text that a part fits, more or less."""
    text = ""
    for kind, said in body:
        if kind in _REPEATS:
            text += _sample(list(said[2]), flags) * said[0]
        elif kind == sre.SUBPATTERN:
            text += _sample(list(said[3]), flags)
        elif kind == sre.BRANCH:
            text += _sample(list(said[1][0]), flags)
        elif kind == sre.LITERAL:
            text += chr(said)
        elif kind in (sre.IN, sre.NOT_LITERAL, sre.ANY):
            signs = [*_SAMPLES, *map(chr, range(33, 127))]
            text += next((sign for sign in signs if fits((kind, said), sign, flags)), "")
        elif kind == sre.GROUPREF:
            text += "-"
    return text
