"""PLS1 as an estimator of scikit-learn: for pipelines, cross-validation and `clone`.

The fit is that of `pls`. It is a module of its own because it loads scikit-learn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.pls import PartialLeastSquares


class PLS1(TransformerMixin, RegressorMixin, BaseEstimator):
    """Partial least squares of one response, as an estimator of scikit-learn.

    Components, weights and shares are those of `PartialLeastSquares`. In contrast to
    ``sklearn.cross_decomposition.PLSRegression`` the scores always correlate positively with the
    response, and a constant predictor is refused when predictors are scaled.

    Parameters
    ----------
    n_components : int
    scale : bool
        Whether predictors and response are divided by their standard deviation (n - 1).

    Attributes
    ----------
    coef_ : (n_features,) array
        Of the predictors as they are given.
    intercept_ : float
    x_weights_, x_rotations_, x_scores_, y_loadings_, r2_y_, r2_x_ : array
        As of `PartialLeastSquares`.
    n_features_in_ : int

    References
    ----------
    Hoskuldsson A (1988). PLS regression methods. J Chemometrics 2:211-228.
    """

    def __init__(self, n_components: int = 1, scale: bool = True):
        self.n_components = n_components
        self.scale = scale

    def fit(self, X: ArrayLike, y: ArrayLike) -> PLS1:  # noqa: N803
        """Fit the components.

        Parameters
        ----------
        X : (n, p) array
        y : (n,) array
        """
        x, response = validate_data(
            self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=3
        )
        response = np.asarray(response, np.float64)
        model = PartialLeastSquares(self.n_components, self.scale).fit(x, response)
        for name in ("x_weights_", "x_rotations_", "x_scores_", "y_loadings_", "r2_y_", "r2_x_"):
            setattr(self, name, getattr(model, name))
        spread = x.std(axis=0, ddof=1) if self.scale else np.ones(x.shape[1])
        of_response = response.std(ddof=1) if self.scale else 1.0
        self._mean, self._spread = x.mean(axis=0), spread
        self.coef_ = of_response * (model.x_rotations_ @ model.y_loadings_) / spread
        self.intercept_ = float(response.mean() - self._mean @ self.coef_)
        return self

    def transform(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Give the scores of observations, (n, n_components)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, reset=False)
        scores: FloatArray = (x - self._mean) / self._spread @ self.x_rotations_
        return scores

    def predict(self, X: ArrayLike) -> FloatArray:  # noqa: N803
        """Predict the response of observations, (n,)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, reset=False)
        predicted: FloatArray = x @ self.coef_ + self.intercept_
        return predicted
