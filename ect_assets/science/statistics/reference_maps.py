"""A map against reference maps: correlations, against the null maps of the one.

A reference may lack parcels; each is compared over those that it has.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg, family_wise_p
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import two_sided_p

FEWEST_PARCELS = 4
"""Without more than three, Fisher's transform has no standard error."""


def reference_correlations(
    references: ArrayLike, values: ArrayLike, null_maps: ArrayLike
) -> pd.DataFrame:
    """Correlate a map with reference maps, and hold them against null maps.

    Parameters
    ----------
    references : (n_parcels, m) array
        Missing where a reference has no value.
    values : (n_parcels,) array
        The map.
    null_maps : (n_parcels, B) array
        Surrogates of the map that keep its spatial autocorrelation.

    Returns
    -------
    DataFrame
        One row per reference: n_parcels; r (Pearson); p_spatial, two-sided,
        (1 + #{|r_null| >= |r|}) / (1 + B); q_spatial over the references; p_max, against the
        largest of all references with each null map: the family-wise error rate. There Fisher's
        transform of |r| times sqrt(n_parcels - 3) is compared, so that a reference with few
        parcels, whose r is large by chance, does not decide for the others.

    Raises
    ------
    ValueError
        When a reference, or the map over the parcels of one, is constant, or in fewer than four.

    References
    ----------
    Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage
    236:118052.
    Westfall PH, Young SS (1993). Resampling-Based Multiple Testing. Wiley.
    """
    x = np.asarray(references, dtype=np.float64)
    y, nulls = np.asarray(values, dtype=np.float64), np.asarray(null_maps, dtype=np.float64)
    known = np.isfinite(x)
    largest = np.zeros(nulls.shape[1])
    found = pd.DataFrame(index=range(x.shape[1]), columns=["n_parcels", "r", "p_spatial"])
    for has_value in np.unique(known, axis=1).T:
        mine = np.flatnonzero((known == has_value[:, None]).all(axis=0))
        r, p, of_nulls = _compared(x[has_value][:, mine], y[has_value], nulls[has_value])
        found.loc[mine, "n_parcels"] = int(has_value.sum())
        found.loc[mine, "r"], found.loc[mine, "p_spatial"] = r, p
        largest = np.maximum(largest, _on_one_scale(of_nulls, has_value.sum()))
    found = found.astype({"n_parcels": "int64", "r": "float64", "p_spatial": "float64"})
    return found.assign(
        q_spatial=benjamini_hochberg(found.p_spatial.to_numpy()),
        p_max=family_wise_p(_on_one_scale(found.r.to_numpy(), found.n_parcels.to_numpy()), largest),
    )


def _on_one_scale(r: FloatArray, n_parcels: NDArray[np.int64] | int) -> FloatArray:
    """Return Fisher's transform of |r| over its standard error, (m,)."""
    if np.min(n_parcels) < FEWEST_PARCELS:
        raise ValueError(f"A reference has values in fewer than {FEWEST_PARCELS} parcels.")
    scaled: FloatArray = np.arctanh(np.minimum(np.abs(r), 1 - 1e-12)) * np.sqrt(n_parcels - 3)
    return scaled


def _compared(
    x: FloatArray, y: FloatArray, nulls: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give r and p of references that are known in the same parcels, and the nulls' largest."""
    x, y, nulls = zscore(x), zscore(y), zscore(nulls)
    largest = np.zeros(nulls.shape[1])
    p = two_sided_p(np.ascontiguousarray(x.T), y, nulls, largest=largest)
    return y @ x / (len(y) - 1), p, largest / (len(y) - 1)
