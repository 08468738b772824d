"""What Dagster marks as beta, and is used all the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def tested_beta() -> Iterator[None]:
    """Use what Dagster marks as beta, for years by now; what it does here is covered by tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield
