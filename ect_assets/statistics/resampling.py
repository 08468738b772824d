"""How sure the weights of a first PLS component are.

Bootstrap standard errors of the weights, and the p value of each gene against spatial null maps.
Null maps come from `nulls`; the permutation of patients is in `symptoms`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from ect_assets.statistics.arrays import FloatArray, finite, same_length, varying
from ect_assets.statistics.multiple_comparisons import benjamini_hochberg, permutation_p
from ect_assets.statistics.pls import zscore

Norm = Literal["scores", "weights"]


def bootstrap_counts(
    n: int,
    n_resamples: int,
    rng: np.random.Generator,
    minimum_distinct: int = 3,
    response: ArrayLike | None = None,
) -> FloatArray:
    """Draw resamples of n rows with replacement, as how often each row was drawn.

    Parameters
    ----------
    n : int
        Number of rows.
    n_resamples : int
        Number of resamples B.
    rng : Generator
        Source of the draws.
    minimum_distinct : int
        A resample with fewer different rows is drawn anew.
    response : (n,) array, optional
        A resample in which it is constant is drawn anew as well.

    Returns
    -------
    (B, n) array
        Counts; each row sums to n.

    Raises
    ------
    ValueError
        When no resample could be accepted.
    """
    if not 1 <= minimum_distinct <= n:
        raise ValueError(
            f"Resamples of {n} rows cannot have {minimum_distinct} different rows; "
            "a bootstrap needs more rows."
        )
    groups = np.arange(n)
    if response is not None:
        response = varying("The response", finite("The response", response, 1))
        groups = np.unique(response, return_inverse=True)[1]
    counts = np.empty((n_resamples, n))
    wanted = np.arange(n_resamples)
    while wanted.size:
        drawn = rng.integers(0, n, size=(wanted.size, n))
        cells = drawn + n * np.arange(wanted.size)[:, None]
        counts[wanted] = np.bincount(cells.ravel(), minlength=wanted.size * n).reshape(-1, n)
        n_distinct = (counts[wanted] > 0).sum(axis=1)
        is_constant = (groups[drawn] == groups[drawn[:, :1]]).all(axis=1) & (n > 1)
        wanted = wanted[(n_distinct < minimum_distinct) | is_constant]
    return counts


def bootstrap_standard_errors(
    predictors: ArrayLike, response: ArrayLike, counts: ArrayLike, norm: Norm = "scores"
) -> tuple[FloatArray, FloatArray]:
    """Weights of the first PLS component and their bootstrap standard errors, exactly.

    Rows are resampled; predictors and response are centred again in each resample but not scaled
    again. With the counts c of a resample and the mean ybar of the response in it, its weights
    are ``X'a / s`` with ``a = c (y - ybar)`` and s the chosen norm. So their covariance over
    resamples is ``X' cov(a / s) X``, whose diagonal needs an n x n matrix only. Signs follow the
    correlation of a resample's weights with those of the whole sample.

    Parameters
    ----------
    predictors : (n, p) array
        z-scored predictors.
    response : (n,) array
        z-scored response.
    counts : (B, n) array
        How often each row occurs in each resample, see `bootstrap_counts`.
    norm : {"scores", "weights"}
        What has length 1 in each resample: the scores (as in MATLAB's plsregress) or the weights.

    Returns
    -------
    weights : (p,) array
        Weights in the whole sample, in the same norm.
    standard_errors : (p,) array
        Standard deviation (B - 1) of the weights over resamples.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a resample has no variation.

    References
    ----------
    Whitaker KJ, Vertes PE et al. (2016). Adolescence is associated with genomically patterned
    consolidation of the hubs of the human brain connectome. PNAS 113:9105-9110.
    """
    x = finite("The predictors", predictors, 2)
    y = varying("The response", finite("The response", response, 1))
    counts = finite("The bootstrap counts", counts, 2)
    same_length("The predictors", x, "the response", y)
    if counts.shape[1] != len(y) or len(counts) < 2:
        raise ValueError(
            f"The bootstrap counts must be at least 2 resamples of {len(y)} rows; the shape "
            f"found is {counts.shape}."
        )
    if norm not in ("scores", "weights"):
        raise ValueError(f"norm is {norm!r}; it must be 'scores' or 'weights'.")
    x, y = x - x.mean(axis=0), y - y.mean()
    gram = x @ x.T

    whole = _normalised(np.ones((1, len(y))), y, gram, norm)[0]
    resampled = _normalised(counts, y, gram, norm)
    weights = whole @ x
    agreement = resampled @ (x @ (weights - weights.mean()))
    resampled[agreement < 0] *= -1
    resampled -= resampled.mean(axis=0)
    covariance = resampled.T @ resampled / (len(counts) - 1)
    variance = np.einsum("ij,ij->j", x, covariance @ x)
    return weights, np.sqrt(np.maximum(variance, 0))


def _normalised(counts: FloatArray, y: FloatArray, gram: FloatArray, norm: Norm) -> FloatArray:
    """Rows a / s, one per resample: ``X' a / s`` are its weights."""
    size = counts.sum(axis=1, keepdims=True)
    row = counts * (y - counts @ y[:, None] / size)
    scores = row @ gram
    if norm == "weights":
        square = (row * scores).sum(axis=1, keepdims=True)
    else:
        mean = (counts * scores).sum(axis=1, keepdims=True) / size
        square = (counts * (scores - mean) ** 2).sum(axis=1, keepdims=True)
    if (square <= 0).any():
        raise ValueError(
            f"{int((square <= 0).sum())} of {len(counts)} resamples have a constant response or "
            "constant predictors. Draw them with `bootstrap_counts(..., response=response)`."
        )
    return row / np.sqrt(square)


def weight_statistics(
    predictors: ArrayLike, response: ArrayLike, n_bootstraps: int, seed: int
) -> pd.DataFrame:
    """Weights of the first PLS component with bootstrap standard errors, z, p and q.

    Parameters
    ----------
    predictors : (n, p) array
        z-scored inside.
    response : (n,) array
        z-scored inside.
    n_bootstraps, seed : int
        Number of resamples of the rows, and the seed they are drawn with.

    Returns
    -------
    DataFrame
        One row per predictor: weight (scores of unit length), se, z = weight / se, p (two-sided
        normal), q (Benjamini-Hochberg over the predictors).

    Raises
    ------
    ValueError
        When a value is missing, a column is constant or rows are fewer than 3.
    """
    x, y = zscore(predictors), zscore(response)
    rng = np.random.default_rng(seed)
    counts = bootstrap_counts(len(y), n_bootstraps, rng, response=y)
    weight, standard_error = bootstrap_standard_errors(x, y, counts)
    z = weight / standard_error
    p = 2 * stats.norm.sf(np.abs(z))
    return pd.DataFrame(
        {"weight": weight, "se": standard_error, "z": z, "p": p, "q": benjamini_hochberg(p)}
    )


def gene_statistics(
    expression: ArrayLike, change_map: ArrayLike, n_bootstraps: int, seed: int
) -> pd.DataFrame:
    """How strongly and how surely each gene enters the first PLS component.

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

    Returns
    -------
    DataFrame
        One row per gene in the order of the columns: weight, se, z, p_bootstrap, q_bootstrap.
    """
    table = weight_statistics(expression, change_map, n_bootstraps, seed)
    return table.rename(columns={"p": "p_bootstrap", "q": "q_bootstrap"})


def spatial_gene_p(
    expression: ArrayLike, change_map: ArrayLike, null_maps: ArrayLike, chunk_size: int = 512
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
        (1 + #{|r_null| >= |r|}) / (1 + B)), q_spatial.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a gene or map is constant.
    """
    x, y, nulls = zscore(expression), zscore(change_map), zscore(null_maps)
    same_length("The expression", x, "the map", y)
    same_length("The expression", x, "the null maps", nulls)
    df = len(y) - 1
    r = y @ x / df
    p = np.empty(len(r))
    for start in range(0, len(r), chunk_size):
        part = slice(start, start + chunk_size)
        null = x[:, part].T @ nulls
        null /= df
        np.abs(null, out=null)
        p[part] = permutation_p(np.abs(r[part]), null, axis=1)
    return pd.DataFrame({"r_map": r, "p_spatial": p, "q_spatial": benjamini_hochberg(p)})
