"""Tests of partial least squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.cross_decomposition import PLSRegression

from ect_assets.science.statistics.multiple_comparisons import permutation_p
from ect_assets.science.statistics.pls import (
    PartialLeastSquares,
    variance_explained,
    zscore,
)

N_COMPONENTS = 5


@pytest.fixture(params=[(34, 500), (180, 60), (24, 360)], ids=str)
def data(request):
    """Predictors (n, p), awkwardly scaled, and a response (n,)."""
    n, p = request.param
    rng = np.random.default_rng(n)
    predictors = rng.normal(size=(n, p)) * rng.uniform(0.1, 50, p) + rng.uniform(-1e3, 1e3, p)
    return predictors, zscore(predictors)[:, :5].sum(axis=1) + rng.normal(size=n) * 3 + 100


def up_to_sign(found, expected):
    """Give each column of the expected array the sign of the found one."""
    return expected * np.sign((found * expected).sum(axis=0))


def test_scores_and_weights_are_those_of_scikit_learn(data):
    ours = PartialLeastSquares(N_COMPONENTS).fit(*data)
    theirs = PLSRegression(N_COMPONENTS, scale=True).fit(*data)
    scores, weights = ours.x_scores_, ours.x_weights_
    np.testing.assert_allclose(scores, up_to_sign(scores, theirs.x_scores_), atol=1e-10)
    np.testing.assert_allclose(weights, up_to_sign(weights, theirs.x_weights_), atol=1e-10)
    found = ours.x_rotations_
    np.testing.assert_allclose(found, up_to_sign(found, theirs.x_rotations_), atol=1e-10)
    loadings = theirs.y_loadings_[0] * np.sign((scores * theirs.x_scores_).sum(axis=0))
    np.testing.assert_allclose(ours.y_loadings_, loadings, atol=1e-10)


def test_variance_explained_in_the_response_is_that_of_scikit_learn(data):
    ours = PartialLeastSquares(N_COMPONENTS).fit(*data)
    scores = [
        PLSRegression(k, scale=True).fit(*data).score(*data) for k in range(1, N_COMPONENTS + 1)
    ]
    np.testing.assert_allclose(np.cumsum(ours.r2_y_), scores, atol=1e-10)


def test_variance_explained_in_the_predictors_is_what_deflation_takes_away(data):
    x, y = zscore(data[0]), data[1]
    fit = PartialLeastSquares(N_COMPONENTS).fit(x, y)
    basis = np.linalg.qr(fit.x_scores_)[0]
    left = x - basis @ (basis.T @ x)
    assert fit.r2_x_.sum() == pytest.approx(1 - (left**2).sum() / (x**2).sum(), abs=1e-12)


def test_dual_equals_primal(data):
    x = zscore(data[0])
    maps = np.random.default_rng(5).normal(size=(len(x), 6)) + 50
    dual = variance_explained(x @ x.T, maps, N_COMPONENTS)
    primal = [PartialLeastSquares(N_COMPONENTS).fit(x, y).r2_y_.cumsum() for y in maps.T]
    np.testing.assert_allclose(dual, np.transpose(primal), atol=1e-12)


def test_variance_explained_does_not_depend_on_the_chunks(data):
    x = zscore(data[0])
    maps = np.random.default_rng(6).normal(size=(len(x), 50))
    whole = variance_explained(x @ x.T, maps, 2)
    chunked = variance_explained(x @ x.T, maps, 2, chunk_size=7)
    np.testing.assert_allclose(chunked, whole, rtol=1e-12)


def test_each_score_map_correlates_positively_with_the_response(data):
    fit = PartialLeastSquares(N_COMPONENTS).fit(*data)
    assert ((data[1] - data[1].mean()) @ fit.x_scores_ > 0).all()


def test_weights_have_unit_length_and_scores_are_orthogonal(data):
    fit = PartialLeastSquares(N_COMPONENTS).fit(*data)
    np.testing.assert_allclose(np.linalg.norm(fit.x_weights_, axis=0), 1)
    unit = fit.x_scores_ / np.linalg.norm(fit.x_scores_, axis=0)
    np.testing.assert_allclose(unit.T @ unit, np.eye(N_COMPONENTS), atol=1e-12)


def test_permuting_the_parcels_permutes_the_scores_and_leaves_r2_alone(data):
    order = np.random.default_rng(7).permutation(len(data[1]))
    fit = PartialLeastSquares(2).fit(*data)
    permuted = PartialLeastSquares(2).fit(data[0][order], data[1][order])
    np.testing.assert_allclose(permuted.x_scores_, fit.x_scores_[order], atol=1e-10)
    np.testing.assert_allclose(permuted.r2_y_, fit.r2_y_, atol=1e-12)


def test_scaling_predictors_and_response_changes_nothing(data):
    fit = PartialLeastSquares(2).fit(*data)
    scaled = PartialLeastSquares(2).fit(data[0] * 3 + 5, data[1] * 0.01 - 2)
    np.testing.assert_allclose(scaled.x_scores_, fit.x_scores_, atol=1e-9)


def test_without_scaling_columns_are_centred_only(data):
    x, y = data
    fit = PartialLeastSquares(1, scale=False).fit(x, y)
    theirs = PLSRegression(1, scale=False).fit(x, y)
    found = fit.x_weights_
    np.testing.assert_allclose(found, up_to_sign(found, theirs.x_weights_), atol=1e-10)


def test_zscore_names_the_constant_columns():
    array = np.random.default_rng(8).normal(size=(10, 9))
    array[:, [2, 5]] = 0.1
    with pytest.raises(ValueError, match="2 constant columns: 2, 5"):
        zscore(array)


def test_zscore_along_rows_is_that_of_the_transpose():
    array = np.random.default_rng(9).normal(size=(4, 9))
    np.testing.assert_array_equal(zscore(array, axis=1), zscore(array.T).T)


def test_more_components_than_the_rank_are_refused():
    rng = np.random.default_rng(10)
    with pytest.raises(ValueError, match="nothing more after 1"):
        PartialLeastSquares(2).fit(np.outer(rng.normal(size=9), [1, 2, 3]), rng.normal(size=9))


def test_a_component_that_cannot_be_extracted_adds_nothing():
    maps = np.random.default_rng(11).normal(size=(4, 5))
    line = zscore(np.arange(4.0))
    r2 = variance_explained(np.outer(line, line), maps, 3)
    np.testing.assert_allclose(r2, np.tile(r2[:1], (3, 1)), atol=1e-12)


def test_a_missing_value_is_refused_with_its_place(data):
    predictors = data[0].copy()
    predictors[4, 3] = np.nan
    with pytest.raises(ValueError, match="row 4, column 3"):
        PartialLeastSquares(1).fit(predictors, data[1])


def test_a_constant_map_is_refused():
    with pytest.raises(ValueError, match="column 1"):
        variance_explained(np.eye(5), np.column_stack([np.arange(5.0), np.ones(5)]))


def test_with_one_gene_r2_is_the_squared_correlation():
    rng = np.random.default_rng(13)
    gene, y = rng.normal(size=20), rng.normal(size=20)
    r2 = PartialLeastSquares(1).fit(gene[:, None], y).r2_y_[0]
    assert r2 == pytest.approx(np.corrcoef(gene, y)[0, 1] ** 2, abs=1e-14)


def test_duplicated_parcels_change_neither_weights_nor_r2(data):
    once = PartialLeastSquares(2, scale=False).fit(*data)
    twice = PartialLeastSquares(2, scale=False).fit(
        np.repeat(data[0], 2, axis=0), np.repeat(data[1], 2)
    )
    np.testing.assert_allclose(twice.x_weights_, once.x_weights_, atol=1e-10)
    np.testing.assert_allclose(twice.r2_y_, once.r2_y_, atol=1e-10)


def test_permutation_p_of_each_component_is_uniform_under_the_null():
    rng = np.random.default_rng(14)
    x = zscore(rng.normal(size=(20, 40)) * np.geomspace(1, 0.1, 40))
    p = []
    for y in rng.normal(size=(300, 20)):
        permuted = rng.permuted(np.tile(y, (99, 1)), axis=1).T
        r2 = variance_explained(x @ x.T, np.column_stack([y, permuted]), 2)
        p.append(permutation_p(r2[:, 0], r2[:, 1:], axis=1))
    for component in np.transpose(p):
        assert stats.kstest(component, "uniform").pvalue > 0.001


def test_a_constant_gene_is_named(data):
    predictors = data[0].copy()
    predictors[:, 7] = 2
    with pytest.raises(ValueError, match=r"The predictors has 1 constant columns: 7"):
        PartialLeastSquares(1).fit(predictors, data[1])


def test_a_response_without_variation_is_refused(data):
    with pytest.raises(ValueError, match="The response is constant"):
        PartialLeastSquares(1).fit(data[0], np.ones(len(data[1])))


def test_two_rows_are_too_few_to_fit():
    with pytest.raises(ValueError, match="2 rows; at least 3"):
        PartialLeastSquares(1).fit(np.eye(2), [1.0, 2.0])
