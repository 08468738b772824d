"""Gene set enrichment analysis of ranked genes, against permuted genes.

The published test of rankings. It treats genes as exchangeable, which co-expressed genes are not:
`spatial` gives the test that does not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.science.enrichment.membership import Membership, membership
from ect_assets.science.enrichment.running_sums import SetScorer, extremes, ranked
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import TIE, benjamini_hochberg


def gene_set_enrichment(
    ranking: pd.Series,
    gene_sets: pd.DataFrame,
    n_permutations: int,
    seed: int,
    min_size: int = 10,
    max_size: int | None = None,
    chunk_size: int = 250,
    n_threads: int | None = None,
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
        How many permutations are held at once; results do not depend on it.
    n_threads : int, optional
        All processors without it; results do not depend on it.

    Returns
    -------
    DataFrame
        One row per tested set, in order of appearance: collection, set_id, set_name, n_set,
        es (enrichment score, weight 1), nes (es over the mean size of the null scores of its
        sign), p = (1 + #{as extreme}) / (1 + #{same sign}), q (over the sets), n_same_sign (null
        scores of the sign of es; few make a coarse p), leading_edge (genes up to the extreme of
        the running sum, strongest first, separated by ``;``). Where no null score has the sign
        of es, nothing is there to compare it with: nes is NaN and p is 1.

    Raises
    ------
    ValueError
        When a statistic is missing, a gene occurs twice, or no set can be tested.

    References
    ----------
    Subramanian A et al. (2005). Gene set enrichment analysis. PNAS 102:15545-15550.
    """
    if n_permutations < 1:
        raise ValueError(f"{n_permutations} permutations were asked for; at least 1 is needed.")
    ordered = ranked(ranking)
    tested = membership(gene_sets, ordered.index).of_size(min_size, max_size)
    _refuse_everything(tested)
    weights = np.abs(ordered.to_numpy())
    es, edges = _observed(tested, weights)
    n_same, n_extreme, total = _null_tally(
        tested, es, weights, n_permutations, seed, chunk_size, n_threads
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
        leading_edge=edges,
    )


def _observed(tested: Membership, weights: FloatArray) -> tuple[FloatArray, pd.Series]:
    """Score and leading edge of each set in the ranking itself."""
    scores, edges = np.empty(len(tested.sets)), []
    for row in range(len(scores)):
        positions = tested.members(row)
        after, before = extremes(positions, weights)
        highest, lowest = after.max(), before.min()
        scores[row] = highest if highest > -lowest else lowest
        edge = (
            positions[: after.argmax() + 1]
            if scores[row] >= 0
            else positions[before.argmin() :][::-1]
        )
        edges.append(";".join(tested.genes[edge]))
    return scores, pd.Series(edges, dtype="str")


def _null_tally(
    tested: Membership,
    es: FloatArray,
    weights: FloatArray,
    n_permutations: int,
    seed: int,
    chunk_size: int,
    n_threads: int | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Count null scores of the same sign, those as extreme, and sum their sizes, per set."""
    from ect_assets.science.enrichment.kernels import tally_same_sign

    rng = np.random.default_rng(seed)
    scorer = SetScorer(tested, n_threads)
    n_genes = len(weights)
    ranks = np.arange(n_genes, dtype=np.int16 if n_genes < 2**15 else np.int32)
    n_same, n_extreme = np.zeros(len(es), np.int64), np.zeros(len(es), np.int64)
    total = np.zeros(len(es))
    for start in range(0, n_permutations, chunk_size):
        n_drawn = min(chunk_size, n_permutations - start)
        permuted = rng.permuted(np.tile(ranks, (n_drawn, 1)), axis=1)
        null = scorer.permutations(permuted, weights)
        tally_same_sign(null, es, TIE, n_same, n_extreme, total)
    return n_same, n_extreme, total


def _refuse_everything(tested: Membership) -> None:
    full = tested.sizes == len(tested.genes)
    if full.any():
        raise ValueError(
            f"Gene set {tested.sets.loc[full, 'set_id'].iloc[0]} holds all "
            f"{len(tested.genes)} ranked genes: none is left to compare with. Set max_size."
        )
