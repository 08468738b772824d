"""p in closed form: right algebra, right variance, and an error rate that is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats
from scipy.spatial.distance import cdist

from ect_assets.science.calibration import noise_maps
from ect_assets.science.statistics.effective_size import (
    Variograms,
    closed_form_p,
    effective_sizes,
    fit_variograms,
)
from ect_assets.science.statistics.pls import zscore

N_PARCELS = 40


@pytest.fixture
def rng():
    return np.random.default_rng(1)


@pytest.fixture
def distances(rng):
    places = rng.normal(size=(N_PARCELS, 3))
    places = 60 * places / np.linalg.norm(places, axis=1, keepdims=True)
    return cdist(places, places)


def of(sill: float, nugget: float, correlation: np.ndarray) -> Variograms:
    return Variograms(np.array([sill]), np.array([nugget]), np.array([0]), correlation[None])


def test_the_empirical_variogram_is_fitted_as_a_loop_over_pairs_and_models_does(rng, distances):
    values = zscore(noise_maps(distances, 30, 1, rng)[:, 0])
    found = fit_variograms(values[None], distances)
    first, second = np.triu_indices(N_PARCELS, k=1)
    apart = distances[first, second]
    near = apart <= 0.7 * apart.max()
    half_squares = (values[first] - values[second])[near] ** 2 / 2
    lags = np.linspace(apart.min(), 0.7 * apart.max(), 3 * 7)
    kernels = [
        np.exp(-((2.68 * (apart[near] - h) / (3 * (lags[1] - lags[0]))) ** 2) / 2) for h in lags
    ]
    empirical = np.array([(kernel * half_squares).sum() / kernel.sum() for kernel in kernels])

    def misfit(length, power):
        design = np.column_stack([1 - np.exp(-((lags / length) ** power)), np.ones_like(lags)])
        return optimize.nnls(design, empirical)

    fits = [
        misfit(length, power)
        for length in np.geomspace(apart.min() / 2, apart.max(), 24)
        for power in (0.5, 0.75, 1, 1.25, 1.5, 1.75, 2)
    ]
    best = int(np.argmin([residual for _, residual in fits]))
    assert found.model[0] == best
    np.testing.assert_allclose(
        [found.sill[0], found.nugget[0]], fits[best][0], rtol=1e-8, atol=1e-10
    )


def test_the_effective_size_is_dutilleuls_with_the_matrices_written_out(rng, distances):
    first, second = of(0.8, 0.1, np.exp(-distances / 20)), of(1.1, 0.0, np.exp(-distances / 45))
    centring = (np.eye(N_PARCELS) - 1 / N_PARCELS) / N_PARCELS
    one, other = first.covariance(0), second.covariance(0)
    shared = np.trace(centring @ one @ centring @ other)
    expected = 1 + np.trace(centring @ one) * np.trace(centring @ other) / shared
    assert effective_sizes(first, second)[0] == pytest.approx(expected, rel=1e-12)


def test_independent_parcels_count_one_each(distances):
    white = of(0.0, 1.0, np.eye(N_PARCELS))
    assert effective_sizes(white, white)[0] == pytest.approx(N_PARCELS)


def test_what_all_parcels_share_is_taken_out_with_the_mean(distances):
    correlation = np.exp(-distances / 20)
    plain, shifted = of(1.0, 0.0, correlation), of(1.0, 0.0, correlation + 5.0)
    assert effective_sizes(plain, plain) == pytest.approx(effective_sizes(shifted, shifted))


def test_the_variance_of_correlations_of_noise_is_that_of_as_many_parcels(rng, distances):
    first, second = of(1.0, 0.0, np.exp(-distances / 15)), of(1.0, 0.0, np.exp(-distances / 30))
    x, y = (zscore(noise_maps(distances, length, 20_000, rng)) for length in (15, 30))
    r = (x * y).sum(axis=0) / (N_PARCELS - 1)
    assert 1 / r.var() == pytest.approx(effective_sizes(first, second)[0] - 1, rel=0.08)


@pytest.mark.parametrize("length", [10, 30])
def test_the_error_rate_is_near_what_it_says(rng, distances, length):
    profiles = noise_maps(distances, 25, 40, rng).T
    maps = noise_maps(distances, length, 150, rng).T
    shares = [
        (closed_form_p(profiles, one, distances).p_closed_form <= 0.05).mean() for one in maps
    ]
    assert 0.02 < np.mean(shares) < 0.09


def test_p_is_students_of_the_effective_size_and_reaches_below_any_number_of_null_maps(
    rng, distances
):
    change = noise_maps(distances, 10, 1, rng)[:, 0]
    profiles = np.vstack([change + 0.05 * rng.normal(size=N_PARCELS), rng.normal(size=N_PARCELS)])
    found = closed_form_p(profiles, change, distances)
    r = np.corrcoef(profiles[1], change)[0, 1]
    df = found.n_effective[1] - 2
    expected = 2 * stats.t.sf(abs(r) * np.sqrt(df / (1 - r**2)), df)
    assert found.p_closed_form[1] == pytest.approx(expected, rel=1e-10)
    assert found.p_closed_form[0] < 1e-8


def test_maps_worth_two_parcels_have_no_p():
    line = np.linspace(0, 1, N_PARCELS)
    found = closed_form_p(line[None], line, np.abs(line[:, None] - line))
    assert found.n_effective[0] < 2.5
    assert np.isnan(found.p_closed_form[0]) == (found.n_effective[0] <= 2)
