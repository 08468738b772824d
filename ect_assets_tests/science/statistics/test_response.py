"""Improvement, response and remission follow the direction of the instrument."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.statistics.response import Meaning, improvement, responses

BEFORE, AFTER = np.array([24.0, 20.0, 10.0, 0.0]), np.array([12.0, 11.0, 12.0, 3.0])


def test_a_score_that_falls_is_an_improvement_where_lower_is_better():
    assert improvement(BEFORE, AFTER, Meaning()).tolist() == [12, 9, -2, -3]


def test_a_score_that_rises_is_an_improvement_where_higher_is_better():
    assert improvement(BEFORE, AFTER, Meaning("higher")).tolist() == [-12, -9, 2, 3]


def test_response_is_reached_at_the_threshold_itself_and_unknown_from_a_baseline_of_zero():
    found = responses(BEFORE, AFTER, Meaning(response_percent=50, remission=11))
    assert found.percent_improvement[:3].tolist() == [50, 45, -20]
    assert found.responded.tolist() == [True, False, False, pd.NA]
    assert found.remitted.tolist() == [False, True, False, True]


def test_percent_are_counted_from_the_lowest_score_of_the_scale():
    found = responses([90.0, 30.0], [60.0, 30.0], Meaning(response_percent=50, lowest=30))
    assert found.percent_improvement[0] == 50 and np.isnan(found.percent_improvement[1])


def test_points_are_a_threshold_in_either_direction():
    meaning = Meaning("higher", response_points=3, remission=26)
    found = responses([20.0, 25.0, 27.0], [23.0, 26.0, 25.0], meaning)
    assert found.responded.tolist() == [True, False, False]
    assert found.remitted.tolist() == [False, True, False]
    assert found.percent_improvement.isna().all()


def test_without_thresholds_nobody_is_called_a_responder_or_not():
    found = responses(BEFORE, AFTER, Meaning())
    assert found.responded.isna().all() and found.remitted.isna().all()


def test_a_missing_score_is_refused():
    with pytest.raises(ValueError, match="follow-up score"):
        responses(BEFORE, [1.0, np.nan, 2.0, 3.0], Meaning())
