"""Gene set enrichment analysis of ranked genes, against permuted genes.

The published test of rankings. It treats genes as exchangeable, which co-expressed genes are not:
`spatial` gives the test that does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.enrichment.membership import Membership, membership, unique_genes
from ect_assets.statistics.arrays import FloatArray, finite
from ect_assets.statistics.multiple_comparisons import TIE, benjamini_hochberg


def gene_set_enrichment(
    ranking: pd.Series,
    gene_sets: pd.DataFrame,
    n_permutations: int,
    seed: int,
    min_size: int = 10,
    max_size: int | None = None,
    chunk_size: int = 250,
) -> pd.DataFrame:
    """Test whether the genes of each set gather at one end of a ranking.

    Parameters
    ----------
    ranking : Series
        Statistic by gene (index); ranked from high to low, ties by gene name.
    gene_sets : DataFrame
        collection, set_id, set_name, gene.
    n_permutations, seed : int
        How often genes are permuted, the same permutations for all sets, and the seed.
    min_size, max_size : int
        Sizes of the sets that are tested, counted within the ranking; None for no limit.
    chunk_size : int
        How many permutations are held at once.

    Returns
    -------
    DataFrame
        One row per tested set, in order of appearance: collection, set_id, set_name, n_set,
        es (enrichment score, weight 1), nes (es over the mean size of the null scores of its
        sign; NaN if there are none), p = (1 + #{as extreme}) / (1 + #{same sign}), q (over the
        sets), n_same_sign (null scores of the sign of es; few make a coarse p), leading_edge
        (genes up to the extreme of the running sum, strongest first, separated by ``;``).

    Raises
    ------
    ValueError
        When a statistic is missing, a gene occurs twice, or no set can be tested.

    References
    ----------
    Subramanian A et al. (2005). Gene set enrichment analysis. PNAS 102:15545-15550.
    """
    genes = unique_genes("The ranking", ranking.index)
    statistic = finite("The ranking", ranking.to_numpy(), 1)
    if n_permutations < 1:
        raise ValueError(f"{n_permutations} permutations were asked for; at least 1 is needed.")
    order = np.lexsort((np.asarray(genes, dtype=object).astype(str), -statistic))
    tested = membership(gene_sets, genes[order]).of_size(min_size, max_size)
    _refuse_everything(tested)
    size_of_statistic = np.abs(statistic[order])
    members = [tested.members(row) for row in range(len(tested.sets))]

    es, edges = np.empty(len(members)), []
    for row, positions in enumerate(members):
        highest, lowest = _extremes(positions[None, :], size_of_statistic)
        es[row] = _score(highest.max(axis=1), lowest.min(axis=1))[0]
        edge = (
            positions[: highest.argmax() + 1]
            if es[row] >= 0
            else positions[lowest.argmin() :][::-1]
        )
        edges.append(";".join(tested.genes[edge]))

    n_same, n_extreme, total = _null_tally(
        members, es, size_of_statistic, n_permutations, seed, chunk_size
    )
    p = (1 + n_extreme) / (1 + n_same)
    mean = np.divide(total, n_same, out=np.full_like(total, np.nan), where=n_same > 0)
    return tested.sets.assign(
        n_set=tested.sizes,
        es=es,
        nes=es / mean,
        p=p,
        q=benjamini_hochberg(p),
        n_same_sign=n_same,
        leading_edge=pd.Series(edges, dtype="str"),
    )


def _extremes(positions: NDArray[np.integer], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Running sum just after and just before each hit; its extremes are among these.

    Parameters
    ----------
    positions : (b, m) array of int
        Ranks of the set's genes, ascending, one row per permutation.
    weights : (n_genes,) array
        Absolute statistic by rank.

    Returns
    -------
    after, before : (b, m) array
    """
    m = positions.shape[1]
    hit = weights[positions]
    gathered = np.cumsum(hit, axis=1)
    total = gathered[:, -1:].copy()
    # A set whose genes all have statistic 0 never rises.
    total[total == 0] = 1
    missed = (positions - np.arange(m)) / (len(weights) - m)
    after = gathered / total - missed
    hit /= total
    return after, after - hit


def _score(highest: FloatArray, lowest: FloatArray) -> FloatArray:
    return np.where(highest > -lowest, highest, lowest)


def _null_tally(
    members: list[NDArray[np.int64]],
    es: FloatArray,
    weights: FloatArray,
    n_permutations: int,
    seed: int,
    chunk_size: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Count null scores of the same sign, those as extreme, and sum their sizes, per set."""
    rng = np.random.default_rng(seed)
    n_genes = len(weights)
    ranks = np.arange(n_genes, dtype=np.int16 if n_genes < 2**15 else np.int32)
    n_same, n_extreme = np.zeros(len(es), np.int64), np.zeros(len(es), np.int64)
    total = np.zeros(len(es))
    for start in range(0, n_permutations, chunk_size):
        n_drawn = min(chunk_size, n_permutations - start)
        permuted = rng.permuted(np.tile(ranks, (n_drawn, 1)), axis=1)
        for row, places in enumerate(members):
            positions = np.sort(permuted[:, places], axis=1)
            after, before = _extremes(positions, weights)
            null = _score(after.max(axis=1), before.min(axis=1))
            null = np.abs(null[(null >= 0) == (es[row] >= 0)])
            n_same[row] += null.size
            n_extreme[row] += (null >= np.abs(es[row]) * (1 - TIE)).sum()
            total[row] += null.sum()
    return n_same, n_extreme, total


def _refuse_everything(tested: Membership) -> None:
    full = tested.sizes == len(tested.genes)
    if full.any():
        raise ValueError(
            f"Gene set {tested.sets.loc[full, 'set_id'].iloc[0]} holds all "
            f"{len(tested.genes)} ranked genes: none is left to compare with. Set max_size."
        )
