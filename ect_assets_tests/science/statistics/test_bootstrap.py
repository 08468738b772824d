"""Tests of bootstrap standard errors, against loops over scikit-learn's fits."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from threadpoolctl import threadpool_limits

from ect_assets.science.statistics.bootstrap import bootstrap_counts, bootstrap_standard_errors
from ect_assets.science.statistics.pls import PartialLeastSquares, zscore

N_PARCELS, N_COMPONENTS = 34, 3


@pytest.fixture(params=[80, 12], ids=["more genes than parcels", "fewer genes than parcels"])
def data(request):
    """z-scored expression (n_parcels, n_genes) and map (n_parcels,)."""
    rng = np.random.default_rng(0)
    expression = zscore(rng.normal(size=(N_PARCELS, request.param)))
    return expression, zscore(expression[:, :5].sum(axis=1) + rng.normal(size=N_PARCELS))


@pytest.fixture
def counts():
    """Sixty resamples (60, n_parcels)."""
    return bootstrap_counts(N_PARCELS, 60, np.random.default_rng(1), minimum_distinct=5)


def scikit_learn_weights(x, y, norm):
    """Weights (k, p) of one fit: of unit length, or giving scores of unit length."""
    fit = PLSRegression(N_COMPONENTS, scale=False).fit(x, y)
    if norm == "weights":
        return fit.x_weights_.T
    return (fit.x_rotations_ / np.linalg.norm(fit.x_scores_, axis=0)).T


def loop(x, y, counts, norm):
    """Weights of the whole sample and standard errors (k, p), one scikit-learn fit a resample."""
    whole = scikit_learn_weights(x, y, norm)
    resampled = []
    for row in counts.astype(int):
        drawn = np.repeat(np.arange(len(y)), row)
        one = scikit_learn_weights(x[drawn], y[drawn], norm)
        signs = [np.sign(np.corrcoef(a, b)[0, 1]) for a, b in zip(one, whole, strict=True)]
        resampled.append(one * np.array(signs)[:, None])
    return whole, np.std(resampled, axis=0, ddof=1)


def same_up_to_sign(found, expected):
    """Compare rows that may differ in sign."""
    signs = np.sign((found * expected).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(found, expected * signs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm", ["scores", "weights"])
def test_three_components_are_those_of_a_loop_over_scikit_learn(data, counts, norm):
    weights, errors = bootstrap_standard_errors(*data, counts, norm, N_COMPONENTS)
    whole, expected = loop(*data, counts, norm)
    same_up_to_sign(weights, whole)
    np.testing.assert_allclose(errors, expected, rtol=1e-10)


def test_the_weights_are_those_of_the_fit(data, counts):
    fit = PartialLeastSquares(N_COMPONENTS).fit(*data)
    weights = bootstrap_standard_errors(*data, counts, "weights", N_COMPONENTS)[0]
    np.testing.assert_allclose(weights, fit.x_weights_.T, rtol=1e-10, atol=1e-12)


def test_components_before_the_last_do_not_depend_on_how_many_are_taken(data, counts):
    one = bootstrap_standard_errors(*data, counts)[1]
    several = bootstrap_standard_errors(*data, counts, n_components=N_COMPONENTS)[1]
    np.testing.assert_array_equal(one[0], several[0])


def test_errors_do_not_depend_on_the_chunks(data, counts):
    whole = bootstrap_standard_errors(*data, counts, n_components=2)[1]
    chunked = bootstrap_standard_errors(*data, counts, n_components=2, chunk_size=7)[1]
    np.testing.assert_allclose(chunked, whole, rtol=1e-12)


def test_errors_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(2)
    x, y = zscore(rng.normal(size=(60, 3000))), zscore(rng.normal(size=60))
    counts = bootstrap_counts(60, 100, rng)
    found = []
    for limit in (1, 2):
        with threadpool_limits(limit):
            found.append(bootstrap_standard_errors(x, y, counts)[1])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_permuting_the_parcels_leaves_the_errors_alone(data, counts):
    order = np.random.default_rng(3).permutation(N_PARCELS)
    plain = bootstrap_standard_errors(*data, counts, n_components=2)[1]
    permuted = bootstrap_standard_errors(
        data[0][order], data[1][order], counts[:, order], n_components=2
    )[1]
    np.testing.assert_allclose(permuted, plain, rtol=1e-10)


def test_duplicated_parcels_are_taken_as_they_are(data):
    x, y = np.repeat(data[0], 2, axis=0), np.repeat(data[1], 2)
    counts = bootstrap_counts(len(y), 60, np.random.default_rng(4), minimum_distinct=9)
    errors = bootstrap_standard_errors(x, y, counts, "weights", N_COMPONENTS)[1]
    np.testing.assert_allclose(errors, loop(x, y, counts, "weights")[1], rtol=1e-9)


def test_resamples_that_cannot_carry_the_components_are_refused(data):
    rng = np.random.default_rng(5)
    counts = np.zeros((2, N_PARCELS))
    counts[0] = 1
    counts[1, rng.choice(N_PARCELS, 3, replace=False)] = [10, 10, 14]
    with pytest.raises(ValueError, match="1 of 2 resamples .* after 2 components"):
        bootstrap_standard_errors(*data, counts, n_components=3)


def test_two_parcels_are_too_few():
    with pytest.raises(ValueError, match="2 rows; at least 3"):
        bootstrap_standard_errors(np.eye(2), [0.0, 1.0], np.ones((2, 2)))
