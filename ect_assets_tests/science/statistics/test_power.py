"""Tests of what a design can see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from ect_assets.science.statistics.power import (
    detectable_effects,
    smallest_coefficients,
    smallest_correlation,
    smallest_mean_change,
)


@pytest.mark.parametrize(
    ("n", "alpha", "power"), [(24, 0.05, 0.8), (8, 0.01, 0.9), (200, 1e-4, 0.5)]
)
def test_the_smallest_mean_change_is_that_of_statsmodels(n, alpha, power):
    expected = TTestPower().solve_power(nobs=n, alpha=alpha, power=power)
    assert smallest_mean_change(n, n - 1, alpha, power) == pytest.approx(expected, abs=1e-6)


def test_the_smallest_correlation_is_found_with_the_wanted_power():
    r = smallest_correlation(24, 0.05, 0.8)
    rng = np.random.default_rng(0)
    x, e = rng.normal(size=(2, 20000, 24))
    y = r * x + np.sqrt(1 - r**2) * e
    found = (stats.zscore(x, axis=1) * stats.zscore(y, axis=1)).mean(axis=1)
    passes = np.abs(np.arctanh(found)) * np.sqrt(21) > stats.norm.isf(0.025)
    assert passes.mean() == pytest.approx(0.8, abs=0.02)


def test_a_correction_for_more_parcels_asks_for_larger_effects():
    table = detectable_effects(24, 360).set_index("test")
    assert table.loc["parcel_change_bonferroni", "alpha"] == pytest.approx(0.05 / 360)
    effects = table["smallest_effect"]
    assert effects["parcel_change_bonferroni"] > effects["parcel_change"]


def test_a_covariate_costs_precision():
    with_one, without = (detectable_effects(10, 1, k).loc[0, "half_width_95"] for k in (1, 0))
    assert without == pytest.approx(stats.t.ppf(0.975, 9) / np.sqrt(10))
    assert with_one > without


def test_the_map_is_tested_over_parcels_where_its_null_is_known():
    last = detectable_effects(24, 180, null_r2_95=0.2).iloc[-1]
    assert (last["test"], last["n"], last["smallest_effect"]) == ("pls_r2", 180, 0.2)


@pytest.mark.parametrize("arguments", [(3, 10), (24, 0), (24, 10, 23), (24, 10, 1, 0.9, 0.8)])
def test_impossible_designs_are_refused(arguments):
    with pytest.raises(ValueError, match="needed"):
        detectable_effects(*arguments)


@pytest.mark.parametrize(("n_first", "n_second"), [(12, 12), (7, 17), (40, 20)])
@pytest.mark.parametrize("n_tests", [1, 68])
def test_the_smallest_difference_of_two_groups_is_that_of_statsmodels(n_first, n_second, n_tests):
    expected = TTestIndPower().solve_power(
        nobs1=n_first, ratio=n_second / n_first, alpha=0.05 / n_tests, power=0.8
    )
    se = 40 * np.sqrt(1 / n_first + 1 / n_second)
    found = smallest_coefficients(np.full(n_tests, se), np.full(n_tests, n_first + n_second - 2))
    np.testing.assert_allclose(found, 40 * expected, rtol=1e-5)
