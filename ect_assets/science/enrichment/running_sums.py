"""The running sum of gene set enrichment: one set for a plot, many sets over many rankings.

With the genes ranked from high to low, the sum rises at each gene of the set by its share of the
set's absolute statistics, and falls at each other gene by 1 / (n_genes - n_set). The enrichment
score is its value farthest from 0. What scores are compared with belongs in `gene_set_enrichment`
(permuted genes) and `spatial` (null maps).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.science.enrichment.membership import Membership, unique_genes
from ect_assets.science.statistics.arrays import FloatArray, finite

ROWS_PER_TASK = 8


def ranked(ranking: pd.Series) -> pd.Series:
    """Order a statistic from high to low, ties by gene name.

    Parameters
    ----------
    ranking : Series
        Statistic by gene (index).

    Raises
    ------
    ValueError
        When a statistic or name is missing, or a gene occurs twice.
    """
    genes = unique_genes("The ranking", ranking.index)
    statistic = finite("The ranking", ranking.to_numpy(), 1)
    order = np.lexsort((np.asarray(genes, dtype=object).astype(str), -statistic))
    return pd.Series(statistic[order], index=genes[order])


def running_sum(ranking: pd.Series, genes_of_set: Collection[str]) -> pd.DataFrame:
    """Follow the running sum of one set down a ranking.

    Parameters
    ----------
    ranking : Series
        Statistic by gene (index); ranked from high to low, ties by gene name.
    genes_of_set : collection of str
        Genes that are not ranked are left out.

    Returns
    -------
    DataFrame
        One row per ranked gene: rank (from 1), gene, is_hit, z (its statistic), running_es (the
        sum after it). The enrichment score is the running_es farthest from 0.

    Raises
    ------
    ValueError
        When a statistic is missing, a gene is ranked twice, or the set has none or all of the
        ranked genes.

    References
    ----------
    Subramanian A et al. (2005). Gene set enrichment analysis. PNAS 102:15545-15550.
    """
    z = ranked(ranking)
    is_hit = z.index.isin(list(genes_of_set))
    n_hits = int(is_hit.sum())
    if not 0 < n_hits < len(z):
        raise ValueError(
            f"The set has {n_hits} of the {len(z)} ranked genes; a running sum needs some of "
            "each. Check that both use the same gene symbols."
        )
    weight = np.where(is_hit, np.abs(z.to_numpy()), 0.0)
    total = weight.sum() or 1.0
    missed = np.cumsum(~is_hit) / (len(z) - n_hits)
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(z) + 1),
            "gene": pd.Series(z.index, dtype="str"),
            "is_hit": is_hit,
            "z": z.to_numpy(),
            "running_es": np.cumsum(weight) / total - missed,
        }
    )


def extremes(positions: NDArray[np.integer], weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Running sum of one set just after and just before each hit; its extremes are among these.

    Parameters
    ----------
    positions : (m,) array of int
        Ranks of the set's genes from 0, ascending.
    weights : (n_genes,) array
        Absolute statistic by rank.

    Returns
    -------
    after, before : (m,) array
    """
    m = len(positions)
    hit = weights[positions]
    gathered = np.cumsum(hit)
    # A set whose genes all have statistic 0 never rises.
    total = gathered[-1] or 1.0
    missed = (positions - np.arange(m)) / (len(weights) - m)
    after = gathered / total - missed
    return after, after - hit / total


def from_high_to_low(values: FloatArray) -> NDArray[np.intp]:
    """Order each row from high to low, ties in the order of the columns.

    Parameters
    ----------
    values : (b, n) array
        Finite.

    Returns
    -------
    (b, n) array of int
        As ``np.argsort(-values, axis=1, kind="stable")``, which takes several times as long; it is
        asked for rows with ties only.
    """
    falling = -values
    orders = np.argsort(falling, axis=1)
    ranked_values = np.take_along_axis(falling, orders, axis=1)
    has_ties = (ranked_values[:, 1:] == ranked_values[:, :-1]).any(axis=1)
    if has_ties.any():
        orders[has_ties] = np.argsort(falling[has_ties], axis=1, kind="stable")
    return orders


class SetScorer:
    """Scores all sets in many rankings of the same genes at once.

    Parameters
    ----------
    tested : Membership
        Sets over the genes, whose numbers are their columns.
    n_threads : int, optional
        All processors without it. Results do not depend on it.
    """

    def __init__(self, tested: Membership, n_threads: int | None = None):
        by_gene = tested.matrix.tocsc()
        starts, sets = by_gene.indptr.astype(np.int64), by_gene.indices.astype(np.int32)
        first = tested.matrix.indptr.astype(np.int64)
        self._members = starts, sets, first, tested.matrix.indices.astype(np.int32)
        self._n_sets = len(tested.sets)
        self._n_threads = n_threads or os.cpu_count() or 1

    def permutations(self, ranks: NDArray[np.integer], weights: FloatArray) -> FloatArray:
        """Score permuted genes.

        Parameters
        ----------
        ranks : (b, n_genes) array of int
            Rank of each gene, one permutation per row.
        weights : (n_genes,) array
            Absolute statistic by rank.

        Returns
        -------
        (b, n_sets) array
        """
        from ect_assets.science.enrichment.kernels import score_permutations

        def score(rows: slice, scores: FloatArray) -> None:
            score_permutations(ranks[rows], weights, *self._members, scores[rows])

        return self._in_threads(len(ranks), score)

    def statistics(self, values: FloatArray) -> FloatArray:
        """Score the rankings of a statistic from high to low, ties in the order of the genes.

        Parameters
        ----------
        values : (b, n_genes) array
            One ranking per row.

        Returns
        -------
        (b, n_sets) array
        """
        from ect_assets.science.enrichment.kernels import score_rankings

        def score(rows: slice, scores: FloatArray) -> None:
            orders = from_high_to_low(values[rows])
            score_rankings(orders, np.abs(values[rows]), *self._members, scores[rows])

        return self._in_threads(len(values), score)

    def _in_threads(self, n_rows: int, score: Callable[[slice, FloatArray], None]) -> FloatArray:
        """Hand each thread some of the rows, which it writes into their place."""
        scores = np.empty((n_rows, self._n_sets))
        tasks = [
            slice(start, min(start + ROWS_PER_TASK, n_rows))
            for start in range(0, n_rows, ROWS_PER_TASK)
        ]
        with ThreadPoolExecutor(self._n_threads) as threads:
            list(threads.map(lambda rows: score(rows, scores), tasks))
        return scores
