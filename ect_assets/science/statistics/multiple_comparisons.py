"""From counts to p, from p to q.

The two rules that every test of this platform ends with. Which null a p value is counted against
belongs to the test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray

LEVEL = 0.05
"""Level of significance: what counts as found where p, or q over many, is below it."""

SMALLEST_P = float(np.finfo(np.float64).tiny)
"""Smallest positive (normal) number; a p value below it is reported as this, never as 0."""

TIE = 1e-12
"""Relative difference below which a null value counts as equal to the observed one.

The same permutation computed along another path differs in the last bits; a tie must count."""


def benjamini_hochberg(p: ArrayLike) -> FloatArray:
    """Adjust p values for the false discovery rate.

    Parameters
    ----------
    p : (m,) array
        p values between 0 and 1; NaN where there was no test.

    Returns
    -------
    (m,) array
        q values; NaN stays NaN and does not count as a test.

    Raises
    ------
    ValueError
        When a p value lies outside 0 to 1.

    References
    ----------
    Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. J R Stat Soc B
    57:289-300.
    """
    from scipy.stats import false_discovery_control

    p = np.asarray(p, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p must have 1 axis; the shape found is {p.shape}.")
    tested = ~np.isnan(p)
    q = np.full(p.shape, np.nan)
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="bh")
    return q


def permutation_p(observed: ArrayLike, null: ArrayLike, axis: int = -1) -> FloatArray:
    """Count how often a null reaches the observed value; large values speak against the null.

    Parameters
    ----------
    observed : array
        The statistic; the shape of ``null`` without ``axis``.
    null : array
        The statistic under the null, B values along ``axis``.
    axis : int
        The axis of ``null`` along which its B values lie.

    Returns
    -------
    array
        (1 + #{null >= observed}) / (1 + B), never 0; the shape of ``observed``.

    Raises
    ------
    ValueError
        When a value is NaN or there is no null value.

    References
    ----------
    Phipson B, Smyth GK (2010). Permutation p-values should never be zero. Stat Appl Genet Mol
    Biol 9:39.
    """
    observed, null = np.asarray(observed, np.float64), np.asarray(null, np.float64)
    n_nulls = null.shape[axis]
    if n_nulls == 0:
        raise ValueError("There is no null value to compare the observed one with.")
    if np.isnan(observed).any() or np.isnan(null).any():
        raise ValueError("The observed statistic or its null has NaN: there is no p value for it.")
    threshold = np.expand_dims(observed - TIE * np.abs(observed), axis)
    return (1 + (null >= threshold).sum(axis=axis)) / (1 + n_nulls)


def family_wise_p(observed: ArrayLike, largest: ArrayLike) -> FloatArray:
    """Hold each of many statistics against the largest of all of them under the null.

    Parameters
    ----------
    observed : (m,) array
        Sizes of the statistics, on one scale.
    largest : (B,) array
        The largest of all m in each null.

    Returns
    -------
    (m,) array
        (1 + #{largest >= observed}) / (1 + B): below alpha for any true null with probability
        alpha.

    References
    ----------
    Westfall PH, Young SS (1993). Resampling-Based Multiple Testing. Wiley.
    """
    by_size = np.sort(largest)
    reaching = by_size.size - np.searchsorted(by_size, np.asarray(observed) * (1 - TIE))
    p: FloatArray = (1 + reaching) / (1 + by_size.size)
    return p
