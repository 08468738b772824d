"""A linear mixed model per parcel with a random intercept for each patient, by REML.

For patients with some of their sessions missing, or more than two; with two and none missing, the
linear model of the changes is the same. Which rows and columns enter is decided in `design`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.linear_model import coefficients

LOG_RATIOS = np.linspace(-14, 14, 57)
"""Where the ratio of the variances is looked for first, as its logarithm."""
GOLDEN = (np.sqrt(5) - 1) / 2
REFINEMENTS = 45
"""Steps of the golden section, each to 0.62 of the width: 1 to 4e-10."""
STEP = 1e-3
"""Of the logarithm of the ratio, over which derivatives are taken."""


@dataclass(frozen=True)
class _Sums:
    """What the likelihood needs of the data, whatever the variances are.

    Attributes
    ----------
    n_scans : (c,) array
        The numbers of scans that patients have.
    n_patients : (c,) array
        How many patients have each.
    xx : (k, k) array
        ``X'X``; ``xx_of`` (c, k, k) the same of the patients' sums.
    xy : (k, p) array
        ``X'y``; ``xy_of`` (c, k, p) likewise.
    yy : (p,) array
        ``y'y``; ``yy_of`` (c, p) likewise.
    """

    n_rows: int
    n_scans: NDArray[np.intp]
    n_patients: NDArray[np.intp]
    xx: FloatArray
    xy: FloatArray
    yy: FloatArray
    xx_of: FloatArray
    xy_of: FloatArray
    yy_of: FloatArray

    @property
    def df(self) -> int:
        """Rows beside the columns."""
        return self.n_rows - len(self.xx)


@dataclass(frozen=True)
class _Fit:
    """The model at one ratio of the variances per parcel."""

    inverse: FloatArray
    weights: FloatArray
    rss: FloatArray
    log_terms: FloatArray


def mixed_model(
    outcome: ArrayLike,
    columns: ArrayLike,
    patients: Sequence[str],
    tested: int,
    per: float = 1.0,
) -> pd.DataFrame:
    """Estimate one coefficient of a mixed model, parcel by parcel.

    ``y_ij = X_ij b + u_i + e_ij`` with ``u_i ~ N(0, r s^2)`` of patient i and ``e_ij ~ N(0, s^2)``.
    The ratio r maximises the restricted likelihood; t has Satterthwaite's degrees of freedom.

    Parameters
    ----------
    outcome : (n_scans, n_parcels) array
    columns : (n_scans, k) array
        The design, with its intercept.
    patients : sequence of str
        Whose each scan is.
    tested : int
        Which column, counted from 0.
    per : float
        As in `linear_model`.

    Returns
    -------
    DataFrame
        As `linear_model`, one row per parcel; n counts patients, ``variance_ratio`` is r, and
        ``residual_sd`` s.

    Raises
    ------
    ValueError
        When a value is missing, the columns are collinear or leave no degree of freedom, no patient
        has two scans, or a parcel has no residual variance.

    References
    ----------
    Laird NM, Ware JH (1982). Random-effects models for longitudinal data. Biometrics 38:963-974.
    Satterthwaite FE (1946). An approximate distribution of estimates of variance components.
    Biometrics Bulletin 2:110-114.
    """
    outcome = finite("The outcome", outcome, 2)
    columns = finite("The design", columns, 2)
    same_length("The outcome", outcome, "the design", columns)
    basis, triangle = _orthonormal(columns)
    contrast = np.linalg.inv(triangle)[tested]
    # Without what least squares explains, the sums of squares keep their digits.
    explained = basis.T @ outcome
    sums = _sums(outcome - basis @ explained, basis, patients)
    log_ratio = _most_likely(sums)
    fit = _fitted(sums, log_ratio)
    _refuse_exact(fit.rss, outcome)
    spread = np.sqrt(fit.rss / sums.df)
    effect = contrast @ (explained + fit.weights)
    se = spread * np.sqrt(_quadratic(contrast, fit.inverse))
    df = _satterthwaite(sums, log_ratio, contrast)
    found = coefficients(len(set(patients)), effect, se, df, effect * per / spread)
    return found.assign(variance_ratio=np.exp(log_ratio), residual_sd=spread)


def _orthonormal(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Write the design as orthonormal columns times a triangle."""
    n, k = columns.shape
    if n - k < 1:
        raise ValueError(f"{n} scans and {k} columns leave {n - k} degrees of freedom.")
    scale = np.linalg.norm(columns, axis=0)
    basis, triangle = np.linalg.qr(columns / scale)
    if (np.abs(np.diagonal(triangle)) < 1e-10).any():
        raise ValueError("One column of the design is a combination of the others.")
    return basis, triangle * scale


def _sums(outcome: FloatArray, columns: FloatArray, patients: Sequence[str]) -> _Sums:
    """Add up what the likelihood needs, over all scans and over the sums of each patient."""
    _, whose = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    scans = np.bincount(whose)
    if (scans < 2).all():
        raise ValueError("No patient has two scans, so patients and error cannot be told apart.")
    x_of, y_of = (np.zeros((len(scans), one.shape[1])) for one in (columns, outcome))
    np.add.at(x_of, whose, columns)
    np.add.at(y_of, whose, outcome)
    n_scans, n_patients = np.unique(scans, return_counts=True)
    of = [scans == one for one in n_scans]
    return _Sums(
        n_rows=len(columns),
        n_scans=n_scans,
        n_patients=n_patients,
        xx=columns.T @ columns,
        xy=columns.T @ outcome,
        yy=(outcome**2).sum(axis=0),
        xx_of=np.stack([x_of[one].T @ x_of[one] for one in of]),
        xy_of=np.stack([x_of[one].T @ y_of[one] for one in of]),
        yy_of=np.stack([(y_of[one] ** 2).sum(axis=0) for one in of]),
    )


def _fitted(sums: _Sums, log_ratio: FloatArray) -> _Fit:
    """Fit by generalised least squares at one ratio per parcel, by Woodbury's identity.

    ``V_i^-1 s^2 = I - w 11'`` with ``w = r / (1 + n_i r)``.
    """
    ratio = np.exp(log_ratio)
    w = ratio / (1 + sums.n_scans[:, None] * ratio)
    normal = sums.xx - np.einsum("cp,ckl->pkl", w, sums.xx_of)
    right = sums.xy - np.einsum("cp,ckp->kp", w, sums.xy_of)
    inverse = np.linalg.inv(normal)
    weights = np.einsum("pkl,lp->kp", inverse, right)
    rss = sums.yy - (w * sums.yy_of).sum(axis=0) - (right * weights).sum(axis=0)
    log_terms = (sums.n_patients[:, None] * np.log1p(sums.n_scans[:, None] * ratio)).sum(axis=0)
    return _Fit(inverse, weights, rss, log_terms + np.linalg.slogdet(normal)[1])


def _deviance(sums: _Sums, log_ratio: FloatArray) -> FloatArray:
    """Give -2 times the restricted log likelihood, the error's variance profiled out."""
    fit = _fitted(sums, log_ratio)
    return sums.df * np.log(np.maximum(fit.rss, np.finfo(float).tiny)) + fit.log_terms


def _most_likely(sums: _Sums) -> FloatArray:
    """Find the logarithm of the ratio of each parcel: on a grid, then by the golden section."""
    n_parcels = len(sums.yy)
    values = np.stack([_deviance(sums, np.full(n_parcels, one)) for one in LOG_RATIOS])
    place = np.clip(values.argmin(axis=0), 1, len(LOG_RATIOS) - 2)
    low, high = LOG_RATIOS[place - 1], LOG_RATIOS[place + 1]
    for _ in range(REFINEMENTS):
        first, second = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        is_left = _deviance(sums, first) < _deviance(sums, second)
        low, high = np.where(is_left, low, first), np.where(is_left, second, high)
    return (low + high) / 2


def _quadratic(contrast: FloatArray, inverse: FloatArray) -> FloatArray:
    return np.einsum("k,pkl,l->p", contrast, inverse, contrast)


def _satterthwaite(sums: _Sums, log_ratio: FloatArray, contrast: FloatArray) -> FloatArray:
    """Give the degrees of freedom of the estimate's variance, parcel by parcel.

    With ``v(a, l) = e^a g(l)`` the variance, at the logarithms of error variance and ratio,
    ``df = 2 v^2 / (v' I^-1 v)``, I the observed information of the restricted likelihood.
    """
    steps = [_fitted(sums, log_ratio + one) for one in (-STEP, 0.0, STEP)]
    g = [_quadratic(contrast, one.inverse) for one in steps]
    variance = steps[1].rss / sums.df
    of_ratio = [0.5 * (one.rss / variance + one.log_terms) for one in steps]
    # The variance divided by itself: its derivatives are 1 and this.
    slope = (g[2] - g[0]) / (2 * STEP) / g[1]
    within = 0.5 * sums.df
    mixed = -0.5 * (steps[2].rss - steps[0].rss) / (2 * STEP) / variance
    between = (of_ratio[2] - 2 * of_ratio[1] + of_ratio[0]) / STEP**2
    determinant = within * between - mixed**2
    # At the end of the range there is no information on the ratio: it counts as known.
    is_inner = (determinant > 1e-6 * within) & (np.abs(log_ratio) < LOG_RATIOS[-1] - 0.5)
    safe = np.where(is_inner, determinant, 1.0)
    spread = (between - 2 * mixed * slope + within * slope**2) / safe
    return np.where(is_inner, 2 / np.where(is_inner, spread, 1.0), float(sums.df))


def _refuse_exact(rss: FloatArray, outcome: FloatArray) -> None:
    exact = np.flatnonzero(rss <= 1e-20 * np.square(outcome).sum(axis=0))
    if exact.size:
        raise ValueError(f"{exact.size} of {outcome.shape[1]} columns have no residual variance.")
