"""PLS1 as scikit-learn wants its estimators, with the numbers of our own fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from ect_assets import PLS1
from ect_assets.science.statistics.pls import PartialLeastSquares

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 8)) * np.arange(1, 9)
Y = X[:, 0] - 0.2 * X[:, 3] + RNG.normal(size=30) + 5


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_is_an_estimator_by_the_checks_of_scikit_learn():
    outcomes = check_estimator(PLS1(), on_fail=None)
    assert {one["status"] for one in outcomes} <= {"passed", "skipped"}
    assert sum(one["status"] == "passed" for one in outcomes) > 40


@pytest.mark.parametrize("scale", [True, False])
def test_the_fit_is_ours_and_predictions_are_those_of_scikit_learn(scale):
    ours = PLS1(2, scale=scale).fit(X, Y)
    theirs = PLSRegression(2, scale=scale).fit(X, Y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X).ravel(), rtol=1e-9)
    whole = PartialLeastSquares(2, scale).fit(X, Y)
    np.testing.assert_array_equal(ours.r2_y_, whole.r2_y_)
    np.testing.assert_allclose(ours.transform(X), whole.x_scores_, atol=1e-10)
    assert ours.score(X, Y) == pytest.approx(whole.r2_y_.sum())


def test_it_is_cloned_and_goes_into_pipelines_and_cross_validation():
    model = make_pipeline(StandardScaler(), clone(PLS1(n_components=2, scale=False)))
    predicted = cross_val_predict(model, X, Y, cv=5)
    assert np.corrcoef(predicted, Y)[0, 1] > 0.6
    assert clone(PLS1(3)).get_params() == {"n_components": 3, "scale": True}
