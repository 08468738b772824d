"""Intervals of rates that were counted over many simulated data sets.

What is counted belongs in the calibrations. Data sets that were compared with the same null maps
are not independent, and their interval knows it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import finite, same_length

FEWEST_BATCHES = 10
"""Batches below which their differences say too little about how alike their members are."""


def share_interval(hits: ArrayLike, batches: ArrayLike) -> tuple[float, float]:
    """95 % interval of a share, where members of a batch may be alike.

    The number of data sets is divided by the design effect, the variance of the share over batches
    in units of that of independent hits (1 at least); then as Clopper and Pearson.

    Parameters
    ----------
    hits : (n,) array
        0 or 1.
    batches : (n,) array
        To which batch each belongs. Below 10 batches hits are taken as independent.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        When there is no hit or miss to count, or shapes do not fit.

    References
    ----------
    Korn EL, Graubard BI (1998). Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data. Surv Methodol 24:193-201.
    Clopper CJ, Pearson ES (1934). The use of confidence or fiducial limits illustrated in the case
    of the binomial. Biometrika 26:404-413.
    """
    from scipy import stats

    counted = finite("The hits", hits, 1)
    same_length("The hits", counted, "the batches", np.asarray(batches))
    n, share = len(counted), float(counted.mean())
    effective = n / _design_effect(counted, np.asarray(batches))
    successes = share * effective
    low = stats.beta.ppf(0.025, successes, effective - successes + 1) if share > 0 else 0.0
    high = stats.beta.ppf(0.975, successes + 1, effective - successes) if share < 1 else 1.0
    return float(low), float(high)


def _design_effect(hits: np.ndarray, batches: np.ndarray) -> float:
    from scipy import stats

    n, share = len(hits), hits.mean()
    _, members = np.unique(batches, return_inverse=True)
    n_batches = members.max() + 1
    if n_batches < FEWEST_BATCHES or share in (0, 1):
        return 1.0
    totals = np.bincount(members, weights=hits - share)
    between = (totals**2).sum() * n_batches / (n_batches - 1) / n**2
    effect = between / (share * (1 - share) / (n - 1))
    widening = stats.t.ppf(0.975, n_batches - 1) / stats.t.ppf(0.975, n - 1)
    return float(max(1.0, effect) * widening**2)
