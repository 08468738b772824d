"""A linear model per parcel, and the test of one of its columns.

Which patients and columns enter is decided in `design`; nothing here leaves rows out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length, some
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg


def linear_model(
    outcome: ArrayLike, columns: ArrayLike, tested: int, per: float = 1.0, size: ArrayLike = 0.0
) -> pd.DataFrame:
    """Estimate one coefficient of a linear model, parcel by parcel.

    Ordinary least squares of ``outcome = columns b + e``; with ``a = (X'X)^-1`` and
    ``s^2 = RSS / (n - k)`` the standard error of ``b_j`` is ``s sqrt(a_jj)``.

    Parameters
    ----------
    outcome : (n_subjects, n_parcels) array
    columns : (n_subjects, k) array
        The design, with its intercept.
    tested : int
        Which column, counted from 0.
    per : float
        For `partial_d`: the difference of the tested column whose effect is expressed in residual
        standard deviations; 1 for a mean or a difference of groups, else the standard deviation.
    size : (n_subjects, n_parcels) array or float
        Of the values whose difference the outcome is, whose rounding it carries.

    Returns
    -------
    DataFrame
        One row per parcel: n, effect (in units of the outcome per unit of the column), se, t, df,
        p, q (over the parcels), ci_low and ci_high (95 %), partial_d (``effect per / s``) and
        partial_r (``t / sqrt(t^2 + df)``).

    Raises
    ------
    ValueError
        When a value is missing, the columns are collinear or leave no degree of freedom, or a
        parcel has no residual variance.

    References
    ----------
    Rosenthal R (1994). Parametric measures of effect size. In: The handbook of research synthesis.
    """
    outcome = finite("The outcome", outcome, 2)
    columns = finite("The design", columns, 2)
    same_length("The outcome", outcome, "the design", columns)
    n, k = columns.shape
    df = n - k
    if df < 1:
        raise ValueError(f"{n} subjects and {k} columns leave {df} degrees of freedom.")
    scale = np.linalg.norm(columns, axis=0)
    basis, triangle = np.linalg.qr(columns / scale)
    if (np.abs(np.diagonal(triangle)) < 1e-10).any():
        raise ValueError("One column of the design is a combination of the others.")
    inverse = np.linalg.inv(triangle)
    weights = basis.T @ outcome
    effect = inverse[tested] @ weights / scale[tested]
    residual = outcome - basis @ weights
    _refuse_exact(outcome, residual, size)
    spread = np.sqrt((residual**2).sum(axis=0) / df)
    se = spread * np.linalg.norm(inverse[tested]) / scale[tested]
    return coefficients(n, effect, se, np.full(len(effect), df), effect * per / spread)


def coefficients(
    n: int, effect: FloatArray, se: FloatArray, df: FloatArray, partial_d: FloatArray
) -> pd.DataFrame:
    """Test coefficients against zero, one per parcel.

    Parameters
    ----------
    effect, se, df : (n_parcels,) array

    Returns
    -------
    DataFrame
        As `linear_model` says.
    """
    from scipy import stats

    t = effect / se
    margin = stats.t.ppf(0.975, df) * se
    p = 2 * stats.t.sf(np.abs(t), df)
    return pd.DataFrame(
        {
            "n": n,
            "effect": effect,
            "se": se,
            "t": t,
            "df": df,
            "p": p,
            "q": benjamini_hochberg(p),
            "ci_low": effect - margin,
            "ci_high": effect + margin,
            "partial_d": partial_d,
            "partial_r": t / np.sqrt(t**2 + df),
        }
    )


def _refuse_exact(outcome: FloatArray, residual: FloatArray, size: ArrayLike) -> None:
    """Raise where a parcel is fitted exactly: there is nothing to test against."""
    largest = np.maximum(np.abs(outcome), np.abs(np.asarray(size, dtype=np.float64))).max(axis=0)
    rounding = 8 * np.finfo(np.float64).eps * largest
    exact = np.flatnonzero(np.abs(residual).max(axis=0) <= rounding)
    if exact.size:
        raise ValueError(
            f"{exact.size} of {outcome.shape[1]} columns are constant, or fully explained by the "
            f"design: {some(exact)} (counted from 0). There is no variance to test against; check "
            "that the two sessions are not copies."
        )
