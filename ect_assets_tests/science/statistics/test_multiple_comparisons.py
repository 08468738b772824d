"""Tests of p and q values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg, permutation_p


def test_q_of_p_values_without_gaps_is_that_of_scipy():
    p = np.random.default_rng(0).random(50)
    np.testing.assert_array_equal(benjamini_hochberg(p), false_discovery_control(p))


def test_a_missing_p_stays_missing_and_does_not_count_as_a_test():
    q = benjamini_hochberg([0.01, np.nan, 0.04])
    np.testing.assert_allclose(q, [0.02, np.nan, 0.04])


def test_no_p_at_all_gives_no_q():
    assert benjamini_hochberg([]).size == 0
    assert np.isnan(benjamini_hochberg([np.nan])).all()


def test_q_does_not_depend_on_the_order_of_the_tests():
    rng = np.random.default_rng(1)
    p, order = rng.random(30) ** 3, rng.permutation(30)
    np.testing.assert_array_equal(benjamini_hochberg(p)[order], benjamini_hochberg(p[order]))


def test_a_p_value_above_one_is_refused():
    with pytest.raises(ValueError, match="0 and 1"):
        benjamini_hochberg([0.5, 1.5])


def test_a_permutation_p_is_never_zero():
    assert permutation_p(10.0, np.zeros(99)) == 1 / 100


def test_a_null_equal_to_the_observed_value_counts_even_after_rounding():
    observed = 0.1 + 0.2
    assert permutation_p(observed, [0.3, 0.0, 0.0]) == 2 / 4


def test_permutation_p_works_along_either_axis():
    rng = np.random.default_rng(2)
    observed, null = rng.normal(size=4), rng.normal(size=(4, 19))
    np.testing.assert_array_equal(
        permutation_p(observed, null, axis=1), permutation_p(observed, null.T, axis=0)
    )


def test_a_missing_null_value_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        permutation_p(1.0, [0.0, np.nan])
