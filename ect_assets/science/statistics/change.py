"""How much changed between two sessions, over patients.

The paired model per parcel and the paired test of one instrument. Which patients and which
covariates enter is decided before; nothing here reads tables or leaves rows out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.problems import StudyError
from ect_assets.science.statistics.arrays import (
    FloatArray,
    constant_columns,
    finite,
    same_length,
    some,
)
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg

ETIV_COVARIATE = (
    "scan_volumes.etiv_mm3 (the mean of both sessions), for which `adjusts_for_etiv` in [group] of "
    "study.toml adjusts,"
)
"""How the message of a constant covariate names the intracranial volume of a study."""


class ConstantCovariateError(StudyError, ValueError):
    """A covariate has one value for all subjects, so there is nothing to adjust for."""


def paired_change(
    baseline: ArrayLike,
    follow_up: ArrayLike,
    covariates: ArrayLike | None = None,
    covariate_names: Sequence[str] = (),
) -> pd.DataFrame:
    """Test each parcel's mean change against zero, adjusted for covariates.

    The model per parcel is ``follow_up - baseline = b0 + (covariates - their mean) b + e``. With
    centred covariates b0 is the mean change, and the covariates only lower the residual variance
    and the degrees of freedom: ``t = b0 / sqrt(RSS / (n - 1 - k) / n)``.

    Parameters
    ----------
    baseline, follow_up : (n_subjects, n_parcels) array
        Gray matter volumes in mm3, the same subjects in the same order.
    covariates : (n_subjects,) or (n_subjects, k) array, optional
        One value per subject, such as the mean intracranial volume of both sessions.
    covariate_names : sequence of str, optional
        How messages name them, one each: `ETIV_COVARIATE` for the intracranial volume.

    Returns
    -------
    DataFrame
        One row per parcel in the order of the columns: n, mean_pre_mm3, mean_post_mm3,
        mean_change_mm3, percent_change (NaN where the mean baseline is 0), t, df, p, q (over the
        parcels), cohen_dz (mean over standard deviation of the differences), ci_low_mm3 and
        ci_high_mm3 (95 % of the adjusted mean change), t_unadjusted, p_unadjusted.

    Raises
    ------
    ValueError
        When a value is missing, subjects are too few, a covariate is constant
        (`ConstantCovariateError`) or a combination of others, or a parcel's differences have no
        residual variance.

    References
    ----------
    Lakens D (2013). Calculating and reporting effect sizes. Front Psychol 4:863 (d_z).
    """
    from scipy import stats

    baseline = finite("The baseline", baseline, 2)
    follow_up = finite("The follow-up", follow_up, 2)
    if baseline.shape != follow_up.shape:
        raise ValueError(
            f"The baseline is {baseline.shape[0]} x {baseline.shape[1]} and the follow-up "
            f"{follow_up.shape[0]} x {follow_up.shape[1]}: give the same subjects and parcels."
        )
    n = len(baseline)
    basis = covariate_basis(covariates, baseline, covariate_names)
    df = n - 1 - basis.shape[1]
    if df < 1:
        raise ValueError(
            f"{n} subjects leave {df} degrees of freedom beside the mean and {basis.shape[1]} "
            "covariates; at least 1 is needed. Add subjects or leave covariates out."
        )

    difference = follow_up - baseline
    mean = difference.mean(axis=0)
    deviation = difference - mean
    residual = deviation - basis @ (basis.T @ deviation)
    refuse_constant(difference, residual, np.maximum(np.abs(baseline), np.abs(follow_up)))

    sd = difference.std(axis=0, ddof=1)
    standard_error = np.sqrt((residual**2).sum(axis=0) / df / n)
    t = mean / standard_error
    t_unadjusted = mean / (sd / np.sqrt(n))
    margin = stats.t.ppf(0.975, df) * standard_error
    mean_pre = baseline.mean(axis=0)
    percent = np.divide(100 * mean, mean_pre, out=np.full_like(mean, np.nan), where=mean_pre != 0)
    p = two_sided(t, df)
    return pd.DataFrame(
        {
            "n": n,
            "mean_pre_mm3": mean_pre,
            "mean_post_mm3": follow_up.mean(axis=0),
            "mean_change_mm3": mean,
            "percent_change": percent,
            "t": t,
            "df": df,
            "p": p,
            "q": benjamini_hochberg(p),
            "cohen_dz": mean / sd,
            "ci_low_mm3": mean - margin,
            "ci_high_mm3": mean + margin,
            "t_unadjusted": t_unadjusted,
            "p_unadjusted": two_sided(t_unadjusted, n - 1),
        }
    )


def paired_scores(baseline: ArrayLike, follow_up: ArrayLike) -> dict[str, float]:
    """Test the mean change of one instrument's score against zero (paired t test).

    Parameters
    ----------
    baseline, follow_up : (n_subjects,) array
        Scores, the same subjects in the same order.

    Returns
    -------
    dict
        n, mean_pre, sd_pre, mean_post, sd_post, mean_change (follow-up minus baseline), t, df, p,
        cohen_dz.

    Raises
    ------
    ValueError
        When a score is missing, there are fewer than two subjects, or all changed alike.
    """
    baseline = finite("The baseline score", baseline, 1)
    follow_up = finite("The follow-up score", follow_up, 1)
    same_length("The baseline score", baseline, "the follow-up score", follow_up)
    change = paired_change(baseline[:, None], follow_up[:, None]).iloc[0]
    return {
        "n": len(baseline),
        "mean_pre": change["mean_pre_mm3"],
        "sd_pre": float(baseline.std(ddof=1)),
        "mean_post": change["mean_post_mm3"],
        "sd_post": float(follow_up.std(ddof=1)),
        "mean_change": change["mean_change_mm3"],
        "t": change["t"],
        "df": len(baseline) - 1,
        "p": change["p"],
        "cohen_dz": change["cohen_dz"],
    }


def covariate_basis(
    covariates: ArrayLike | None, baseline: FloatArray, names: Sequence[str] = ()
) -> FloatArray:
    """Span the centred covariates by orthonormal columns.

    Parameters
    ----------
    covariates : (n,) or (n, k) array, optional
    baseline : (n, n_parcels) array
        What the covariates must fit in length.
    names : sequence of str
        How messages name the covariates.

    Returns
    -------
    (n, k) array
        No columns without covariates.

    Raises
    ------
    ValueError
        When a covariate is constant (`ConstantCovariateError`) or a combination of others.
    """
    if covariates is None:
        return np.empty((len(baseline), 0))
    columns = np.asarray(covariates, dtype=np.float64)
    columns = finite("The covariates", columns[:, None] if columns.ndim == 1 else columns, 2)
    same_length("The baseline", baseline, "the covariates", columns)
    if columns.shape[1] >= len(columns):
        raise ValueError(
            f"{columns.shape[1]} covariates for {len(columns)} subjects leave no degrees of "
            "freedom. Add subjects or leave covariates out."
        )
    constant = np.flatnonzero(constant_columns(columns))
    if constant.size:
        raise _constant(constant, columns, names)
    centred = columns - columns.mean(axis=0)
    basis, triangle = np.linalg.qr(centred / np.linalg.norm(centred, axis=0))
    if (np.abs(np.diagonal(triangle)) < 1e-10).any():
        raise ValueError("One covariate is a combination of the others: leave it out.")
    return basis


def _constant(
    constant: NDArray[np.intp], columns: FloatArray, names: Sequence[str]
) -> ConstantCovariateError:
    if not names:
        return ConstantCovariateError(
            f"Covariate {some(constant)} (counted from 0) is constant: leave it out."
        )
    place = constant[0]
    return ConstantCovariateError(
        f"{names[place]} is {columns[0, place]:g} in all {len(columns)} patients, so nothing can "
        "be adjusted for. Probably one patient's value was filled into every row, or a template's "
        "was taken: look at the files that it was read from. If it is not known, set "
        "`adjusts_for_etiv = false` in [group] of study.toml."
    )


def refuse_constant(difference: FloatArray, residual: FloatArray, size: FloatArray) -> None:
    """Raise ValueError where differences leave no variance to test against.

    Parameters
    ----------
    difference, residual : (n, n_parcels) array
        Before and after mean and covariates were taken out.
    size : (n, n_parcels) array
        Of the values that were subtracted, whose rounding the differences carry.
    """
    # The differences carry the rounding of the volumes they were taken from, not their own.
    rounding = 8 * np.finfo(np.float64).eps * size.max(axis=0)
    constant = np.flatnonzero(np.abs(residual).max(axis=0) <= rounding)
    if constant.size:
        raise ValueError(
            f"{constant.size} of {difference.shape[1]} columns have differences that are constant "
            f"or fully explained by the covariates: {some(constant)} (counted from 0). There is "
            "no variance to test against; check that the two sessions are not copies."
        )


def two_sided(t: FloatArray, df: int) -> FloatArray:
    """Return the two-sided p of values of Student's t."""
    from scipy import stats

    return 2 * stats.t.sf(np.abs(t), df)
