"""What a design of this size can see at all.

The smallest effects that a test would find with the wanted power, and how wide its confidence
interval is. Computed from the numbers of patients and parcels alone, before any data are read.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import LEVEL


def detectable_effects(
    n_patients: int,
    n_parcels: int,
    n_covariates: int = 1,
    alpha: float = LEVEL,
    power: float = 0.8,
    null_r2_95: float | None = None,
) -> pd.DataFrame:
    """List the smallest effects that the tests of a study would find.

    Parameters
    ----------
    n_patients : int
        Patients with both sessions.
    n_parcels : int
        Parcels of the map.
    n_covariates : int
        Covariates of the change; each costs a degree of freedom.
    alpha : float
        Two-sided level.
    power : float
        Wanted probability of finding the effect.
    null_r2_95 : float, optional
        95 % quantile of R2 of the first PLS component over the study's spatial null maps.

    Returns
    -------
    DataFrame
        One row per test: test (``parcel_change``; ``parcel_change_bonferroni``, at alpha over
        the number of parcels, which the false discovery rate never falls below;
        ``symptom_correlation``, one given correlation over patients; ``pls_r2``, only with
        ``null_r2_95``), n (patients; parcels for ``pls_r2``), alpha, power, smallest_effect,
        effect_unit (``d_z``, ``r``, ``R2``), half_width_95 (of the 95 % confidence interval: of
        d_z at no effect; of r on the side of 0, the wider one, at the smallest effect). For
        ``pls_r2`` the smallest effect is the observed R2 that would be significant at .05; its
        power and interval are unknown (NaN).

    Raises
    ------
    ValueError
        When patients are too few, or alpha, power or the quantile lie outside 0 to 1.

    References
    ----------
    Cohen J (1988). Statistical Power Analysis for the Behavioral Sciences, 2nd ed. Erlbaum.
    Fisher RA (1921). On the 'probable error' of a coefficient of correlation deduced from a
    small sample. Metron 1:3-32.
    """
    from scipy import stats

    _refuse_impossible(n_patients, n_parcels, n_covariates, alpha, power, null_r2_95)
    df = n_patients - 1 - n_covariates
    half_width = stats.t.ppf(0.975, df) / np.sqrt(n_patients)
    corrected = alpha / n_parcels
    r = smallest_correlation(n_patients, alpha, power)
    r_low = np.tanh(np.arctanh(r) - stats.norm.ppf(0.975) / np.sqrt(n_patients - 3))
    rows = [
        ("parcel_change", n_patients, alpha, power)
        + (smallest_mean_change(n_patients, df, alpha, power), "d_z", half_width),
        ("parcel_change_bonferroni", n_patients, corrected, power)
        + (smallest_mean_change(n_patients, df, corrected, power), "d_z", half_width),
        ("symptom_correlation", n_patients, alpha, power, r, "r", r - r_low),
    ]
    if null_r2_95 is not None:
        rows.append(("pls_r2", n_parcels, LEVEL, np.nan, null_r2_95, "R2", np.nan))
    columns = ["test", "n", "alpha", "power", "smallest_effect", "effect_unit", "half_width_95"]
    return pd.DataFrame(rows, columns=columns)


def smallest_mean_change(n: int, df: int, alpha: float, power: float) -> float:
    """Smallest standardised mean change that a two-sided t test finds, by the non-central t.

    Parameters
    ----------
    n : int
        Patients.
    df : int
        Degrees of freedom: n - 1, less the covariates.
    alpha, power : float
        Two-sided level and wanted power.

    Returns
    -------
    float
        Mean change over its (residual) standard deviation.
    """
    from scipy import stats
    from scipy.optimize import brentq

    critical = stats.t.isf(alpha / 2, df)

    def lacking(effect: float) -> float:
        shift = effect * np.sqrt(n)
        # Far in the tail scipy gives NaN for what is nothing.
        wrong_side = np.nan_to_num(stats.nct.cdf(-critical, df, shift))
        return float(stats.nct.sf(critical, df, shift) + wrong_side - power)

    enough = critical / np.sqrt(n)
    while lacking(enough) < 0:
        enough *= 1.25
    return float(brentq(lacking, 0, enough, xtol=1e-12))


def smallest_coefficients(
    se: ArrayLike, df: ArrayLike, alpha: float = LEVEL, power: float = 0.8
) -> FloatArray:
    """Smallest coefficients of a linear model that two-sided tests find, by the non-central t.

    Parameters
    ----------
    se : (m,) array
        Their standard errors, one test each.
    df : (m,) array
        Degrees of freedom.
    alpha : float
        Two-sided level of all tests together: each is held against ``alpha / m``.
    power : float
        Wanted probability of finding one.

    Returns
    -------
    (m,) array
        In the unit of `se`.
    """
    se, df = np.asarray(se, dtype=np.float64), np.asarray(df, dtype=np.float64)
    # Whole degrees are enough, and never promise too much.
    whole = np.maximum(np.floor(df + 1e-9), 1).astype(int)
    shift = {
        one: smallest_mean_change(1, one, alpha / len(se), power)
        for one in np.unique(whole).tolist()
    }
    return se * np.array([shift[one] for one in whole.tolist()])


def smallest_correlation(n: int, alpha: float, power: float) -> float:
    """Smallest correlation that a two-sided test finds, by Fisher's z.

    Parameters
    ----------
    n : int
        Patients, at least 4.
    alpha, power : float
        Two-sided level and wanted power.

    Returns
    -------
    float
        r = tanh(delta / sqrt(n - 3)), where a normal value of mean delta passes with that power.
    """
    from scipy import stats
    from scipy.optimize import brentq

    critical = stats.norm.isf(alpha / 2)

    def lacking(shift: float) -> float:
        return stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift) - power

    shift = brentq(lacking, 0, critical + 10, xtol=1e-12)
    return float(np.tanh(shift / np.sqrt(n - 3)))


def _refuse_impossible(
    n_patients: int,
    n_parcels: int,
    n_covariates: int,
    alpha: float,
    power: float,
    null_r2_95: float | None,
) -> None:
    if n_patients < 4 or n_patients - 1 - n_covariates < 1 or n_parcels < 1 or n_covariates < 0:
        raise ValueError(
            f"{n_patients} patients, {n_covariates} covariates and {n_parcels} parcels: at least "
            "4 patients, one degree of freedom and one parcel are needed."
        )
    if not 0 < alpha < power < 1:
        raise ValueError(f"alpha is {alpha} and power {power}; 0 < alpha < power < 1 is needed.")
    if null_r2_95 is not None and not 0 <= null_r2_95 <= 1:
        raise ValueError(f"null_r2_95 is {null_r2_95}; an R2 lies between 0 and 1.")
