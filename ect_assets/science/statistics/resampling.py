"""How sure the weights of PLS components are.

z, p and q of the weights from their bootstrap, and the p value of each gene against spatial null
maps. The bootstrap itself is in `bootstrap`; null maps come from `nulls`; the permutation of
patients is in `symptoms`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, same_length
from ect_assets.science.statistics.bootstrap import bootstrap_standard_errors, resamples_for
from ect_assets.science.statistics.multiple_comparisons import (
    SMALLEST_P,
    TIE,
    benjamini_hochberg,
    family_wise_p,
)
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.threads import one_blas_thread


def weight_statistics(
    predictors: ArrayLike, response: ArrayLike, n_bootstraps: int, seed: int, n_components: int = 1
) -> pd.DataFrame:
    """Weights of the first PLS components with bootstrap standard errors, z, p and q.

    Parameters
    ----------
    predictors : (n, p) array
        z-scored inside.
    response : (n,) array
        z-scored inside.
    n_bootstraps, seed : int
        Number of resamples of the rows, and the seed they are drawn with.
    n_components : int
        How many components k.

    Returns
    -------
    DataFrame
        k x p rows, the predictors of the first component first: component (from 1), weight
        (scores of unit length), se, z = weight / se, p (two-sided normal; where it is below
        `SMALLEST_P` it is reported as that), q (Benjamini-Hochberg over the predictors of the
        component).

    Raises
    ------
    ValueError
        When a value is missing, a column is constant or rows are fewer than 3 (k + 2).
    """
    x = zscore(predictors, name="The predictors")
    y = zscore(response, name="The response")
    counts = resamples_for(y, n_bootstraps, seed, n_components)
    weights, errors = bootstrap_standard_errors(x, y, counts, n_components=n_components)
    frames = []
    for index, (weight, standard_error) in enumerate(zip(weights, errors, strict=True)):
        z = weight / standard_error
        p = normal_p(z)
        frames.append(
            pd.DataFrame(
                {
                    "component": index + 1,
                    "weight": weight,
                    "se": standard_error,
                    "z": z,
                    "p": p,
                    "q": benjamini_hochberg(p),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def normal_p(z: ArrayLike) -> np.ndarray:
    """Two-sided p of a standard normal value, at least `SMALLEST_P`."""
    from scipy import stats

    return np.maximum(2 * stats.norm.sf(np.abs(z)), SMALLEST_P)


def gene_statistics(
    expression: ArrayLike,
    change_map: ArrayLike,
    n_bootstraps: int,
    seed: int,
    n_components: int = 1,
) -> pd.DataFrame:
    """How strongly and how surely each gene enters the first PLS components.

    Resampling parcels ignores that neighbours are alike, so q is too small on smooth maps: never
    show it without `spatial_gene_p`.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        Expression, z-scored inside.
    change_map : (n_parcels,) array
        The map to be explained.
    n_bootstraps, seed : int
        Number of resamples of the parcels, and their seed.
    n_components : int
        How many components.

    Returns
    -------
    DataFrame
        One row per component and gene, genes in the order of the columns: component, weight, se,
        z, p_bootstrap, q_bootstrap.
    """
    table = weight_statistics(expression, change_map, n_bootstraps, seed, n_components)
    return table.rename(columns={"p": "p_bootstrap", "q": "q_bootstrap"})


def spatial_gene_p(
    expression: ArrayLike, change_map: ArrayLike, null_maps: ArrayLike, chunk_size: int = 256
) -> pd.DataFrame:
    """Correlation of each gene with the map, tested against spatial null maps.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        Expression, z-scored inside.
    change_map : (n_parcels,) array
        The map, z-scored inside.
    null_maps : (n_parcels, B) array
        Surrogates of the map that keep its spatial autocorrelation.
    chunk_size : int
        How many genes are held at once (x B x 8 bytes).

    Returns
    -------
    DataFrame
        One row per gene: r_map (Pearson), p_spatial (two-sided,
        (1 + #{|r_null| >= |r|}) / (1 + B)), q_spatial, p_space_max (against the largest |r| of all
        genes with each null map: the family-wise error rate, Westfall and Young).

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a gene or map is constant.

    References
    ----------
    Westfall PH, Young SS (1993). Resampling-Based Multiple Testing. Wiley.
    """
    x, y, nulls = zscore(expression), zscore(change_map), zscore(null_maps)
    same_length("The expression", x, "the map", y)
    same_length("The expression", x, "the null maps", nulls)
    r = y @ x / (len(y) - 1)
    largest = np.zeros(nulls.shape[1])
    p = two_sided_p(np.ascontiguousarray(x.T), y, nulls, chunk_size, largest)
    return pd.DataFrame(
        {
            "r_map": r,
            "p_spatial": p,
            "q_spatial": benjamini_hochberg(p),
            "p_space_max": family_wise_p(np.abs(r), largest / (len(y) - 1)),
        }
    )


def two_sided_p(
    profiles: FloatArray,
    observed_map: FloatArray,
    null_maps: FloatArray,
    chunk_size: int = 256,
    largest: FloatArray | None = None,
) -> FloatArray:
    """Test the product of each profile with a map, against its products with null maps.

    Parameters
    ----------
    profiles : (m, n) array
        Genes, or means of gene sets, by parcels.
    observed_map : (n,) array
        z-scored map.
    null_maps : (n, B) array
        z-scored surrogates.
    chunk_size : int
        How many profiles are held at once (x B x 8 bytes).
    largest : (B,) array, optional
        Raised to the largest |null| of all profiles, map by map.

    Returns
    -------
    (m,) array
        (1 + #{|null| >= |observed|}) / (1 + B); a null value within `TIE` of the observed one
        counts.
    """
    # Loads numba, which only this needs.
    from ect_assets.science.statistics.kernels import count_reaching

    observed = np.abs(profiles @ observed_map)
    thresholds = observed - TIE * observed
    n_nulls = null_maps.shape[1]
    if n_nulls == 0:
        raise ValueError("There is no null map to compare the observed one with.")
    counts = np.empty(len(profiles), dtype=np.int64)
    held = np.empty((min(chunk_size, len(profiles)), n_nulls))
    with one_blas_thread():
        for start in range(0, len(profiles), chunk_size):
            part = slice(start, start + chunk_size)
            null = held[: len(counts[part])]
            np.matmul(profiles[part], null_maps, out=null)
            count_reaching(null, thresholds[part], counts[part])
            if largest is not None:
                np.maximum(largest, np.abs(null, out=null).max(axis=0), out=largest)
    return (1 + counts) / (1 + n_nulls)
