"""The simulated patients are those of the paper's Table 1, and get well as its patients did."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ect_assets.demo import people

TABLE_1 = {
    "age": (31.54, 10.77),
    "education_years": (10.96, 2.85),
    "onset_age_years": (27.54, 12.17),
    "episode_months": (2.98, 6.40),
}


@pytest.mark.parametrize("column", TABLE_1)
def test_mean_and_spread_are_those_of_table_1(drawn, column):
    values = drawn.participants[column]
    assert (values.mean(), values.std()) == pytest.approx(TABLE_1[column], abs=0.02)


def test_nine_are_male_and_fifteen_female(drawn):
    assert drawn.participants["sex"].value_counts().to_dict() == {"F": 15, "M": 9}


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        ("antidepressants_pre", {0: 1, 1: 17, 2: 6}),
        ("antidepressants_post", {0: 1, 1: 11, 2: 10, 3: 2}),
    ],
)
def test_medication_is_that_of_table_1(drawn, column, counts):
    assert drawn.participants[column].value_counts().to_dict() == counts


def test_nobody_fell_ill_later_than_now(drawn):
    assert (drawn.participants["onset_age_years"] <= drawn.participants["age"]).all()


def test_the_hamd_falls_as_it_did_in_the_paper(drawn):
    before, after = drawn.hamd.T
    assert -15.5 < stats.ttest_rel(after, before).statistic < -12.5


def test_hamd_scores_stay_on_the_scale(drawn):
    assert drawn.hamd.min() >= 0 and drawn.hamd.max() <= 52


@pytest.mark.parametrize("seed", range(5))
def test_the_fall_of_the_hamd_follows_the_response_of_the_brain(seed):
    random = np.random.default_rng(seed)
    amplitude = random.normal(1, 0.5, 24)
    before, after = people.draw_hamd(amplitude, random).T
    assert np.corrcoef(before - after, amplitude)[0, 1] == pytest.approx(0.6, abs=0.12)


def test_rounding_keeps_values_within_their_bounds():
    values = people.rounded(np.array([1.2, 9.7, 4.4]), mean=8.0, sd=5.0, low=2.0, high=9.0)
    assert values.min() >= 2 and values.max() <= 9
