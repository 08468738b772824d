"""Work in units of this machine: more of the same is more, and waiting is none."""

from __future__ import annotations

import select
import zlib

from ect_assets_tests.effort import PACKED, effort_of


def test_unpacking_five_times_is_about_five_units():
    assert 2 < effort_of(lambda: [zlib.decompress(PACKED) for _ in range(5)]) < 20


def test_waiting_is_no_work():
    assert effort_of(lambda: select.select([], [], [], 0.5)) < 0.5
