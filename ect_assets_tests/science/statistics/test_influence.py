"""Influence of each parcel: equal to leaving it out."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA

from ect_assets.science.statistics.influence import (
    component_influence,
    correlation_influence,
    first_pattern_share,
)
from ect_assets.science.statistics.pls import PartialLeastSquares


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(15, 3)) @ rng.normal(size=(3, 40)) + rng.normal(size=(15, 40))
    return x, x[:, :5].mean(axis=1) + rng.normal(size=15)


def test_components_are_fitted_again_without_each_parcel(data):
    x, y = data
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    found = component_influence(x, y, 2)

    def r2(rows):
        model = PLSRegression(2, scale=False).fit(z[rows], y[rows])
        scores = model.x_scores_
        return np.array([np.corrcoef(scores[:, k], y[rows])[0, 1] ** 2 for k in range(2)])

    everything = np.arange(15)
    for place in everything:
        expected = r2(everything) - r2(np.delete(everything, place))
        np.testing.assert_allclose(found[:, place], expected, atol=1e-10)


def test_correlations_are_computed_again_without_each_parcel(data):
    x, y = data
    found = correlation_influence(x.T, y)
    for gene in range(x.shape[1]):
        r = np.corrcoef(x[:, gene], y)[0, 1]
        for place in range(15):
            left = np.corrcoef(np.delete(x[:, gene], place), np.delete(y, place))[0, 1]
            assert found[gene, place] == pytest.approx(abs(r) - np.sign(r) * left, abs=1e-12)


def test_the_share_of_the_first_principal_component_is_a_squared_correlation(data):
    x, y = data
    z = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    model = PartialLeastSquares(2).fit(x, y)
    first = PCA(1).fit_transform(z)[:, 0]
    expected = [np.corrcoef(first, one)[0, 1] ** 2 for one in model.x_scores_.T]
    np.testing.assert_allclose(first_pattern_share(x, model), expected, atol=1e-10)
