"""Enrichment of gene sets against spatial null maps.

Asks whether a set's genes follow the map more than they follow surrogate maps with the same
spatial autocorrelation; co-expression within the set is thereby kept. Null maps come from
`nulls`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.enrichment.membership import membership
from ect_assets.statistics.arrays import same_length
from ect_assets.statistics.multiple_comparisons import benjamini_hochberg, permutation_p
from ect_assets.statistics.pls import zscore


def spatial_enrichment(
    expression: ArrayLike,
    genes: Sequence[str] | pd.Index,
    change_map: ArrayLike,
    null_maps: ArrayLike,
    gene_sets: pd.DataFrame,
    min_size: int,
    max_size: int | None,
    chunk_size: int = 512,
) -> pd.DataFrame:
    """Test each set's mean correlation with the map against spatial null maps.

    The mean correlation of a set is linear in the map: with the set's mean z-scored expression e
    and the z-scored map y it is ``e'y / (n - 1)``. So each set is averaged once, and a null map
    costs one product per set and parcel.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside.
    genes : sequence of str
        Names of its columns.
    change_map : (n_parcels,) array
        The map; z-scored inside.
    null_maps : (n_parcels, B) array
        Surrogates of the map.
    gene_sets : DataFrame
        collection, set_id, set_name, gene.
    min_size, max_size : int
        Sizes of the sets that are tested, counted within ``genes``; None for no limit.
    chunk_size : int
        How many sets are held at once (x B x 8 bytes, twice).

    Returns
    -------
    DataFrame
        One row per tested set, in order of appearance: collection, set_id, set_name, n_set,
        score (mean over the set's genes of the Pearson correlation of gene and map), null_mean,
        null_sd, z, p (two-sided, (1 + #{|null| >= |score|}) / (1 + B)), q (over the sets).

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, a gene or map is constant, or no set can be
        tested.

    References
    ----------
    Fulcher BD, Arnatkeviciute A, Fornito A (2021). Overcoming false-positive gene-category
    enrichment in the analysis of spatially resolved transcriptomic brain atlas data. Nat Commun
    12:2669.
    """
    x, y, nulls = zscore(expression), zscore(change_map), zscore(null_maps)
    same_length("The expression", x, "the map", y)
    same_length("The expression", x, "the null maps", nulls)
    if len(genes) != x.shape[1]:
        raise ValueError(f"There are {len(genes)} gene names for {x.shape[1]} columns.")
    if nulls.shape[1] < 2:
        raise ValueError("A spatial null needs at least 2 null maps.")
    tested = membership(gene_sets, genes).of_size(min_size, max_size)
    sizes = tested.sizes
    profiles = tested.matrix @ np.ascontiguousarray(x.T) / (sizes[:, None] * (len(y) - 1))
    score = profiles @ y
    null_mean, null_sd, p = np.empty_like(score), np.empty_like(score), np.empty_like(score)
    for start in range(0, len(score), chunk_size):
        part = slice(start, start + chunk_size)
        null = profiles[part] @ nulls
        null_mean[part] = null.mean(axis=1)
        null_sd[part] = null.std(axis=1, ddof=1)
        p[part] = permutation_p(np.abs(score[part]), np.abs(null, out=null), axis=1)
    return tested.sets.assign(
        n_set=sizes,
        score=score,
        null_mean=null_mean,
        null_sd=null_sd,
        z=(score - null_mean) / null_sd,
        p=p,
        q=benjamini_hochberg(p),
    )
