"""What was seen of the source files a moment ago, so that they are not looked at all the time.

For the daemon, which asks every few seconds. In a large cohort looking takes many seconds; it is
then done less often, so that it never takes more than a twentieth of the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ect_assets.lake.store import Partition
from ect_assets.pipeline.staleness import SeenFiles, look_at_files
from ect_assets.pipeline.step import Source, Step
from ect_assets.study import Study

SHARE_OF_TIME = 0.05


@dataclass(frozen=True)
class _Look:
    seen: SeenFiles
    made_from: str
    at: float
    took: float


class FileMemory:
    """Remembers what was seen of the files of each partition."""

    def __init__(self, study: Study):
        self._study = study
        self._looks: dict[tuple, _Look] = {}
        self._full_look_seconds = 0.0

    @property
    def seconds(self) -> float:
        """How long a look is remembered: as the study says, longer where looking takes long."""
        pace = self._study.arrival.look_every_seconds
        return max(pace, self._full_look_seconds / SHARE_OF_TIME)

    def look(self, reader: Step | Source, partition: Partition, made_from: str) -> SeenFiles:
        """Return what the files of a partition are like.

        Parameters
        ----------
        made_from : str
            Digest with which it was last made or tried, or the recorded version of a source. After
            another one the files are looked at again: its writer may have seen newer ones.
        """
        key = (reader.name, *sorted(partition.items()))
        known = self._looks.get(key)
        now = time.monotonic()
        if known and known.made_from == made_from and now - known.at < self.seconds:
            return known.seen
        seen = look_at_files(reader, self._study, partition)
        took = time.monotonic() - now
        self._full_look_seconds += took - (known.took if known else 0.0)
        self._looks[key] = _Look(seen, made_from, now, took)
        return seen
