"""Intervals of rates over data sets that share their null maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ect_assets.science.statistics.rates import share_interval


@pytest.mark.parametrize(("hits", "n"), [(0, 30), (3, 30), (30, 30)])
def test_few_batches_are_counted_as_clopper_and_pearson_do(hits, n):
    values = np.arange(n) < hits
    exact = stats.binomtest(hits, n).proportion_ci(0.95, "exact")
    assert share_interval(values, np.arange(n) // 10) == pytest.approx((exact.low, exact.high))


def coverage(shared: float, n_batches: int = 20, size: int = 25, n_tries: int = 1_500) -> float:
    """How often the interval covers a rate of .1 when members of a batch have something shared."""
    rng = np.random.default_rng(6)
    batches = np.repeat(np.arange(n_batches), size)
    threshold, covered = stats.norm.isf(0.1), 0
    for _ in range(n_tries):
        values = np.sqrt(shared) * rng.normal(size=n_batches)[batches]
        values += np.sqrt(1 - shared) * rng.normal(size=len(batches))
        low, high = share_interval(values > threshold, batches)
        covered += low <= 0.1 <= high
    return covered / n_tries


@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_the_interval_covers_the_rate_however_alike_the_members_are(shared):
    assert 0.93 <= coverage(shared) <= 1.0


def test_alike_members_widen_the_interval():
    values = np.repeat([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 25)
    low, high = share_interval(values, np.repeat(np.arange(12), 25))
    exact = stats.binomtest(25, 300).proportion_ci(0.95, "exact")
    assert low < exact.low and high > exact.high
