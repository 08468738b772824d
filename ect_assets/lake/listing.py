"""What files a table had at one moment, so that many questions about it cost one look.

A cohort of ten thousand is asked for each patient's files by each step that reads them; in an
object store each such question is a request. What the files say belongs in `store`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ect_assets.lake.location import Place, Stamp

Values = tuple[str, ...]
"""Of the partition keys, in the table's order."""
Entry = tuple[Values, Place, Stamp]


class Listing:
    """The files of a table's partitions, as one look found them.

    Parameters
    ----------
    found : iterable of (values, file, stamp)
        In the order in which they are told later.
    """

    def __init__(self, keys: Sequence[str], found: Iterable[Entry]):
        self._keys = tuple(keys)
        self._entries = {values: (values, file, stamp) for values, file, stamp in found}
        self._by_first: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            if self._keys:
                self._by_first.setdefault(entry[0][0], []).append(entry)

    def stamp(self, values: Values) -> Stamp | None:
        """Return the stamp of a partition's file, or None where there was none."""
        entry = self._entries.get(values)
        return entry[2] if entry else None

    def matching(self, wanted: Mapping[str, str]) -> Iterator[Entry]:
        """Go through the files whose partitions agree with what is wanted of their keys."""
        if self._keys and self._keys[0] in wanted:
            entries = self._by_first.get(wanted[self._keys[0]], [])
        else:
            entries = list(self._entries.values())
        asked = [(place, wanted[key]) for place, key in enumerate(self._keys) if key in wanted]
        return (one for one in entries if all(one[0][place] == value for place, value in asked))
