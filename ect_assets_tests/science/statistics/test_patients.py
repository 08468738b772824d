"""Tests over patients: equal to refitting by other libraries, and right as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from ect_assets.science.statistics.patients import (
    Changes,
    component_p,
    flipped_t_maps,
    projection_tests,
    smoother_p,
    split_half_stability,
)
from ect_assets.science.statistics.pls import PartialLeastSquares

N_PATIENTS, N_PARCELS, N_GENES = 16, 20, 30


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def values(rng):
    shared = rng.normal(size=(N_PATIENTS, 1))
    return 0.4 + shared + rng.normal(size=(N_PATIENTS, N_PARCELS))


@pytest.fixture(params=[0, 2])
def covariates(request, rng):
    return rng.normal(5, 2, (N_PATIENTS, request.param)) if request.param else None


def signs_of(n_flips: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, n_flips])
    return rng.integers(0, 2, size=(n_flips, N_PATIENTS)) * 2.0 - 1.0


def design_of(covariates) -> np.ndarray:
    ones = np.ones((N_PATIENTS, 1))
    return ones if covariates is None else np.hstack([ones, covariates - covariates.mean(axis=0)])


def test_flips_are_those_of_freedman_and_lane_fitted_again(values, covariates):
    design = design_of(covariates)
    (found,) = flipped_t_maps(Changes.of(values, covariates), 12, seed=3)
    for flip, sign in enumerate(signs_of(12, 3)):
        for parcel, y in enumerate(values.T):
            fitted = np.zeros(N_PATIENTS)
            if design.shape[1] > 1:
                fitted = sm.OLS(y, design[:, 1:]).fit().fittedvalues
            again = sm.OLS(fitted + sign * (y - fitted), design).fit()
            assert found[parcel, flip] == pytest.approx(again.tvalues[0], rel=1e-9)


def test_flips_come_in_pieces_of_any_number(values):
    changes = Changes.of(values)
    pieces = list(flipped_t_maps(changes, 2_300, seed=1))
    assert [one.shape for one in pieces] == [(N_PARCELS, 1000), (N_PARCELS, 1000), (N_PARCELS, 300)]


def test_components_are_compared_with_pls_of_each_flip(values, covariates, rng):
    expression = rng.normal(size=(N_PARCELS, N_GENES))
    changes = Changes.of(values, covariates)
    found = component_p(changes, expression, 2, n_flips=99, seed=5)
    z = (expression - expression.mean(axis=0)) / expression.std(axis=0, ddof=1)

    def statistics(t):
        model = PartialLeastSquares(2).fit(expression, t)
        y, covariance = t - t.mean(), []
        for score in model.x_scores_.T:
            covariance.append(((z.T @ y) ** 2).sum())
            y = y - score * (score @ y) / (score @ score)
        return np.array([model.r2_y_, covariance])

    design = design_of(covariates)
    observed = np.array([sm.OLS(y, design).fit().tvalues[0] for y in values.T])
    (maps,) = flipped_t_maps(changes, 99, 5)
    null = np.array([statistics(t) for t in maps.T])
    expected = (1 + (null >= statistics(observed) * (1 - 1e-12)).sum(axis=0)) / 100
    np.testing.assert_allclose(found.p_patients, expected[0], atol=1e-12)
    np.testing.assert_allclose(found.p_patients_covariance, expected[1], atol=1e-12)


def test_projections_are_tested_as_a_regression_does(values, covariates, rng):
    profiles = rng.normal(size=(7, N_PARCELS))
    changes = Changes.of(values, covariates)
    found = projection_tests(changes, profiles)
    design = design_of(covariates)
    for row, profile in zip(found.itertuples(), profiles, strict=True):
        projection = (values / changes.size) @ (profile - profile.mean())
        fit = sm.OLS(projection, design).fit()
        assert row.t_patients == pytest.approx(fit.tvalues[0], rel=1e-10)
        assert row.p_patients == pytest.approx(fit.pvalues[0], rel=1e-9)
    np.testing.assert_allclose(found.q_patients, stats.false_discovery_control(found.p_patients))


def test_without_covariates_a_projection_is_tested_by_students_t(values, rng):
    profile = rng.normal(size=N_PARCELS)
    size = np.sqrt((values**2).mean(axis=0))
    expected = stats.ttest_1samp((values / size) @ (profile - profile.mean()), 0)
    found = projection_tests(Changes.of(values), profile[None]).iloc[0]
    assert found.t_patients == pytest.approx(expected.statistic, rel=1e-10)
    assert found.p_patients == pytest.approx(expected.pvalue, rel=1e-10)


def test_a_change_of_everything_alike_projects_on_nothing(rng):
    noise = rng.normal(size=(N_PATIENTS, N_PARCELS))
    noise = (noise - noise.mean(axis=0)) / noise.std(axis=0, ddof=1)
    found = projection_tests(Changes.of(noise + 3.0), rng.normal(size=(5, N_PARCELS)))
    np.testing.assert_allclose(found.t_patients, 0, atol=1e-9)


def smooth(rng, n, length=6.0):
    places = np.arange(N_PARCELS)
    covariance = np.exp(-np.abs(places[:, None] - places) / length)
    return rng.normal(size=(n, N_PARCELS)) @ np.linalg.cholesky(covariance).T


def test_rates_under_no_change_are_nominal_however_smooth_the_noise(rng):
    expression = smooth(rng, N_GENES).T
    p_components, p_genes = [], []
    for number in range(300):
        changes = Changes.of(smooth(rng, N_PATIENTS))
        p_components.append(component_p(changes, expression, 1, 99, seed=number).iloc[0, 1:])
        p_genes.append(projection_tests(changes, expression.T).p_patients.mean())
    low, high = stats.binom.interval(0.999, 300, 0.05)
    hits = (np.array(p_components, dtype=float) <= 0.05).sum(axis=0)
    assert (hits >= low).all() and (hits <= high).all(), hits
    assert 0.4 < np.mean(p_genes) < 0.6


def test_the_rate_of_a_projection_is_nominal_with_few_patients(rng):
    profiles = smooth(rng, 10)
    shares = [
        (projection_tests(Changes.of(smooth(rng, 8)), profiles).p_patients <= 0.05).mean()
        for _ in range(2_000)
    ]
    margin = 3 * np.std(shares) / np.sqrt(len(shares))
    assert abs(np.mean(shares) - 0.05) < margin, np.mean(shares)


def test_a_map_smoother_than_the_noise_is_noticed_and_noise_itself_is_not(rng):
    places = np.arange(N_PARCELS)
    distances = np.abs(places[:, None] - places).astype(float)
    broad = 2 * np.sin(places / N_PARCELS * np.pi)
    smoother = [
        smoother_p(Changes.of(smooth(rng, 20, 1.0) + broad), distances, 199, seed)
        for seed in range(5)
    ]
    assert max(smoother) < 0.05
    noise = np.array(
        [smoother_p(Changes.of(smooth(rng, 12)), distances, 99, seed) for seed in range(300)]
    )
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert low <= (noise <= 0.05).sum() <= high


def test_what_is_there_comes_back_in_the_halves_and_noise_does_not(rng):
    profiles = smooth(rng, 40)
    planted = smooth(rng, N_PATIENTS * 2) + 2.0 * (profiles[0] - profiles[0].mean())
    found = split_half_stability(Changes.of(planted), profiles, 50, seed=1)
    nothing = split_half_stability(Changes.of(smooth(rng, N_PATIENTS * 2)), profiles, 50, seed=1)
    assert found.replication[0] == 1.0 and found.weight_correlation > 0.9
    assert nothing.replication.mean() < 0.2 and nothing.weight_correlation < 0.6


def test_halves_are_tested_as_scipy_does(rng):
    values, profiles = smooth(rng, 9) + 0.5 * smooth(rng, 1), smooth(rng, 5)
    found = split_half_stability(Changes.of(values), profiles, 30, seed=4)
    centred = profiles - profiles.mean(axis=1, keepdims=True)

    def tested(rows):
        scaled = values[rows] / np.sqrt((values[rows] ** 2).mean(axis=0))
        return stats.ttest_1samp(scaled @ centred.T, 0)

    draws = np.random.default_rng([4, 30])
    orders = [draws.permutation(9) for _ in range(30)]
    halves = [(tested(order[:4]), tested(order[4:8])) for order in orders]
    whole = np.sign(tested(np.arange(9)).statistic)
    each = [half for pair in halves for half in pair]
    back = [(np.sign(one.statistic) == whole) & (one.pvalue < 0.05) for one in each]
    np.testing.assert_array_equal(found.replication, np.mean(back, axis=0))
    likeness = [np.corrcoef(a.statistic, b.statistic)[0, 1] for a, b in halves]
    assert found.weight_correlation == pytest.approx(np.mean(likeness), rel=1e-10)


def test_stability_is_the_same_for_the_same_seed_and_survives_a_factor_of_one_level(rng):
    values = smooth(rng, 9)
    site = np.array([1.0] + [0.0] * 8)
    profiles = smooth(rng, 6)
    one, again = (
        split_half_stability(Changes.of(values, site), profiles, 20, seed=2) for _ in range(2)
    )
    np.testing.assert_array_equal(one.replication, again.replication)
    assert one.weight_correlation == again.weight_correlation


def test_a_cohort_too_small_to_halve_has_no_stability(rng):
    assert split_half_stability(Changes.of(smooth(rng, 7)), smooth(rng, 6), 20, seed=2) is None


def test_what_cannot_be_tested_is_refused_with_the_reason(rng):
    with pytest.raises(ValueError, match="degrees of freedom"):
        Changes.of(rng.normal(size=(2, 5)), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="constant"):
        Changes.of(np.ones((6, 5)))
    with pytest.raises(ValueError, match="parcels"):
        component_p(Changes.of(rng.normal(size=(6, 5))), rng.normal(size=(4, 9)), 1, 9, 0)
