"""Enrichment of gene sets against spatial null maps.

Asks whether a set's genes follow the map more than they follow surrogate maps with the same
spatial autocorrelation; co-expression within the set is thereby kept. Null maps come from
`nulls`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.enrichment.membership import Membership, membership
from ect_assets.science.enrichment.running_sums import SetScorer
from ect_assets.science.statistics.arrays import FloatArray, same_length
from ect_assets.science.statistics.multiple_comparisons import (
    TIE,
    benjamini_hochberg,
    family_wise_p,
    permutation_p,
)
from ect_assets.science.statistics.pls import zscore

Score = Literal["mean", "mean_absolute", "es"]
MAPS_AT_ONCE = 128


def spatial_enrichment(
    expression: ArrayLike,
    genes: Sequence[str] | pd.Index,
    change_map: ArrayLike,
    null_maps: ArrayLike,
    gene_sets: pd.DataFrame | Membership,
    min_size: int,
    max_size: int | None,
    chunk_size: int = 512,
    score: Score = "mean",
    n_threads: int | None = None,
) -> pd.DataFrame:
    """Test how the genes of each set follow the map, against spatial null maps.

    With r the Pearson correlation of a gene's expression and the map, the score of a set is one
    of: ``mean``, the mean of r over its genes; ``mean_absolute``, the mean of |r|, which finds
    sets that follow the map in both directions; ``es``, the enrichment score of gene set
    enrichment analysis in the ranking of all genes by r (weight 1).

    The mean is linear in the map: with the set's mean z-scored expression e and the z-scored map
    y it is ``e'y / (n - 1)``. So each set is averaged once, and a null map costs one product per
    set and parcel. The other scores need every gene's r with every null map.

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
    gene_sets : DataFrame or Membership
        collection, set_id, set_name, gene; or what `membership` made of it with these genes,
        where several maps or scores are tested.
    min_size, max_size : int
        Sizes of the sets that are tested, counted within ``genes``; None for no limit.
    chunk_size : int
        How many sets the mean holds at once (x B x 8 bytes, twice).
    score : {"mean", "mean_absolute", "es"}
        See above.
    n_threads : int, optional
        For ``es``: all processors without it; results do not depend on it.

    Returns
    -------
    DataFrame
        One row per tested set, in order of appearance: collection, set_id, set_name, n_set,
        score, null_mean, null_sd, z, p = (1 + #{|null| >= |score|}) / (1 + B), q (over the
        sets). So p is two-sided for ``mean`` and ``es``; |r| has one side. For ``mean`` also
        p_space_max, against the largest |score| of all sets with each null map, each set in units
        of its own root mean square over null maps: the family-wise error rate.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, a gene or map is constant, no set can be
        tested, or there is no such score.

    References
    ----------
    Fulcher BD, Arnatkeviciute A, Fornito A (2021). Overcoming false-positive gene-category
    enrichment in the analysis of spatially resolved transcriptomic brain atlas data. Nat Commun
    12:2669.
    Subramanian A et al. (2005). Gene set enrichment analysis. PNAS 102:15545-15550.
    """
    if score not in get_args(Score):
        raise ValueError(f"There is no score {score!r}; known ones: {', '.join(get_args(Score))}.")
    x, y, nulls = zscore(expression), zscore(change_map), zscore(null_maps)
    same_length("The expression", x, "the map", y)
    same_length("The expression", x, "the null maps", nulls)
    if len(genes) != x.shape[1]:
        raise ValueError(f"There are {len(genes)} gene names for {x.shape[1]} columns.")
    if nulls.shape[1] < 2:
        raise ValueError("A spatial null needs at least 2 null maps.")
    if not isinstance(gene_sets, Membership):
        gene_sets = membership(gene_sets, genes)
    elif not gene_sets.genes.equals(pd.Index(genes)):
        raise ValueError("The gene sets were matched with other genes, or in another order.")
    tested = gene_sets.of_size(min_size, max_size)
    p_max = None
    if score == "mean":
        (observed, null_mean, null_sd, p), p_max = _means(tested, x, y, nulls, chunk_size)
    else:
        scorer = _scorer(score, tested, n_threads)
        observed, null_mean, null_sd, p = _by_gene(scorer, x, y, nulls)
    found = tested.sets.assign(
        n_set=tested.sizes,
        score=observed,
        null_mean=null_mean,
        null_sd=null_sd,
        z=(observed - null_mean) / null_sd,
        p=p,
        q=benjamini_hochberg(p),
    )
    return found if p_max is None else found.assign(p_space_max=p_max)


def spatial_enrichment_of_collections(
    expression: ArrayLike,
    genes: Sequence[str] | pd.Index,
    change_map: ArrayLike,
    null_maps: ArrayLike,
    collections: Sequence[Membership],
    score: Score,
) -> list[pd.DataFrame]:
    """Test the sets of several collections at once, each as `spatial_enrichment` would.

    The correlation of all genes with every null map, and their ranking, are most of the work of
    ``mean_absolute`` and ``es``; they are the same for all collections.

    Parameters
    ----------
    expression, genes, change_map, null_maps, score
        As for `spatial_enrichment`.
    collections : sequence of Membership
        Of these genes; all of their sets are tested.

    Returns
    -------
    list of DataFrame
        One for each collection, without p_space_max; q is over its sets.
    """
    together = Membership.together(collections)
    found = spatial_enrichment(
        expression, genes, change_map, null_maps, together, 1, None, score=score
    ).drop(columns="p_space_max", errors="ignore")
    ends = np.cumsum([len(one.sets) for one in collections])
    parts = [
        found.iloc[end - len(one.sets) : end].reset_index(drop=True)
        for end, one in zip(ends, collections, strict=True)
    ]
    return [one.assign(q=benjamini_hochberg(one.p)) for one in parts]


Tested = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
"""Score, null mean, null SD and p, each (n_sets,)."""


def _means(
    tested: Membership, x: FloatArray, y: FloatArray, nulls: FloatArray, chunk_size: int
) -> tuple[Tested, FloatArray]:
    """Test each set, and against the largest of all sets in units of its null root mean square."""
    scale = tested.sizes[:, None] * (len(y) - 1)
    profiles = tested.matrix @ np.ascontiguousarray(x.T) / scale
    score = profiles @ y
    null_mean, null_sd, p, scaled = (np.empty_like(score) for _ in range(4))
    largest = np.zeros(nulls.shape[1])
    for start in range(0, len(score), chunk_size):
        part = slice(start, start + chunk_size)
        null = profiles[part] @ nulls
        null_mean[part] = null.mean(axis=1)
        null_sd[part] = null.std(axis=1, ddof=1)
        p[part] = permutation_p(np.abs(score[part]), np.abs(null, out=null), axis=1)
        size = np.sqrt((null**2).mean(axis=1))
        scaled[part] = np.abs(score[part]) / size
        null /= size[:, None]
        np.maximum(largest, null.max(axis=0), out=largest)
    return (score, null_mean, null_sd, p), family_wise_p(scaled, largest)


Scorer = Callable[[FloatArray], FloatArray]
"""From the r of all genes with some maps (b, n_genes) to the scores of the sets (b, n_sets)."""


def _scorer(score: Score, tested: Membership, n_threads: int | None) -> Scorer:
    if score == "mean_absolute":
        sizes = tested.sizes
        return lambda r: (tested.matrix @ np.abs(r.T)).T / sizes
    full = tested.sizes == len(tested.genes)
    if full.any():
        raise ValueError(
            f"Gene set {tested.sets.loc[full, 'set_id'].iloc[0]} holds all {len(tested.genes)} "
            "genes: none is left to compare with. Set max_size, or take another score."
        )
    # Ties of r are broken by gene name, as in every ranking here.
    by_name = np.argsort(tested.genes.to_numpy(dtype=object).astype(str), kind="stable")
    named = Membership(tested.sets, tested.genes[by_name], tested.matrix[:, by_name])
    scorer = SetScorer(named, n_threads)
    return lambda r: scorer.statistics(r[:, by_name])


def _by_gene(scorer: Scorer, x: FloatArray, y: FloatArray, nulls: FloatArray) -> Tested:
    """Score the map and each null map from the r of every gene, some maps at a time."""
    from ect_assets.science.enrichment.kernels import tally_moments

    observed = scorer(_correlations(x, y[:, None]))[0]
    n_extreme = np.zeros(len(observed), np.int64)
    mean, squares = np.zeros_like(observed), np.zeros_like(observed)
    for start, maps in _some_at_a_time(nulls):
        null = np.ascontiguousarray(scorer(_correlations(x, maps)))
        tally_moments(null, observed, TIE, start, n_extreme, mean, squares)
    n_nulls = nulls.shape[1]
    p = (1 + n_extreme) / (1 + n_nulls)
    return observed, mean, np.sqrt(squares / (n_nulls - 1)), p


def _correlations(x: FloatArray, maps: FloatArray) -> FloatArray:
    """Pearson r of z-scored genes (n, n_genes) with z-scored maps (n, b): (b, n_genes)."""
    return maps.T @ x / (len(x) - 1)


def _some_at_a_time(maps: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    for start in range(0, maps.shape[1], MAPS_AT_ONCE):
        yield start, maps[:, start : start + MAPS_AT_ONCE]
