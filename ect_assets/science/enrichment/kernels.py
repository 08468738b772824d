"""Compiled loops of gene set enrichment: running sums of many sets over many rankings.

Importing this module loads numba (half a second), so it is imported where it is used, by
`running_sums`. What the scores mean is said there; only what numpy cannot do fast enough belongs
here. No `fastmath`: the same ranking must give the same bits on every path.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ect_assets.science.statistics.arrays import FloatArray

GATHERED, HIGHEST, LOWEST, N_HITS, WEIGHT, MISS = range(6)
# One line of cache per set, whose six numbers are always used together.
WIDTH = 8


@njit(nogil=True, cache=True)
def score_rankings(
    orders: NDArray[np.integer],
    weights: FloatArray,
    starts: NDArray[np.int64],
    sets: NDArray[np.int32],
    first: NDArray[np.int64],
    genes: NDArray[np.int32],
    scores: FloatArray,
) -> None:
    """Write the enrichment score of every set in every ranking.

    Parameters
    ----------
    orders : (b, n_genes) array of int
        The gene at each rank, one ranking per row.
    weights : (b, n_genes) array
        Absolute statistic by gene.
    starts, sets : (n_genes + 1,) and (n_members,) array of int
        The sets of gene g are ``sets[starts[g]:starts[g + 1]]``.
    first, genes : (n_sets + 1,) and (n_members,) array of int
        The genes of set s are ``genes[first[s]:first[s + 1]]``.
    scores : (b, n_sets) array
        Written.
    """
    state = np.empty((first.size - 1, WIDTH))
    for row in range(orders.shape[0]):
        _walk(orders[row], weights[row], starts, sets, first, genes, state, scores[row])


@njit(nogil=True, cache=True)
def score_permutations(
    ranks: NDArray[np.integer],
    weights: FloatArray,
    starts: NDArray[np.int64],
    sets: NDArray[np.int32],
    first: NDArray[np.int64],
    genes: NDArray[np.int32],
    scores: FloatArray,
) -> None:
    """Write the enrichment score of every set for permuted genes.

    Parameters
    ----------
    ranks : (b, n_genes) array of int
        The rank of each gene, one permutation per row.
    weights : (n_genes,) array
        Absolute statistic by rank.
    starts, sets, first, genes, scores
        As in `score_rankings`.
    """
    order = np.empty(ranks.shape[1], dtype=np.int32)
    by_gene = np.empty(ranks.shape[1])
    state = np.empty((first.size - 1, WIDTH))
    for row in range(ranks.shape[0]):
        for gene in range(order.size):
            rank = ranks[row, gene]
            order[rank] = gene
            by_gene[gene] = weights[rank]
        _walk(order, by_gene, starts, sets, first, genes, state, scores[row])


@njit(nogil=True, cache=True)
def _walk(
    order: NDArray[np.integer],
    weights: FloatArray,
    starts: NDArray[np.int64],
    sets: NDArray[np.int32],
    first: NDArray[np.int64],
    genes: NDArray[np.int32],
    state: FloatArray,
    score: FloatArray,
) -> None:
    """Walk down one ranking, keeping the running sum of all sets at their hits.

    The sum is highest just after a hit and lowest just before one, so only hits are visited.
    """
    n_genes = order.size
    state[:] = 0
    for number in range(first.size - 1):
        total = 0.0
        for place in range(first[number], first[number + 1]):
            total += weights[genes[place]]
        # A set whose genes all have statistic 0 never rises.
        state[number, WEIGHT] = 1 / total if total > 0 else 1.0
        state[number, MISS] = 1 / (n_genes - (first[number + 1] - first[number]))
        state[number, HIGHEST], state[number, LOWEST] = -np.inf, np.inf
    for rank in range(n_genes):
        gene = order[rank]
        weight = weights[gene]
        for place in range(starts[gene], starts[gene + 1]):
            one = state[sets[place]]
            missed = (rank - one[N_HITS]) * one[MISS]
            before = one[GATHERED] * one[WEIGHT] - missed
            one[GATHERED] += weight
            one[N_HITS] += 1
            after = one[GATHERED] * one[WEIGHT] - missed
            one[LOWEST] = min(one[LOWEST], before)
            one[HIGHEST] = max(one[HIGHEST], after)
    for number in range(first.size - 1):
        highest, lowest = state[number, HIGHEST], state[number, LOWEST]
        score[number] = highest if highest > -lowest else lowest


@njit(nogil=True, cache=True)
def tally_same_sign(
    null: FloatArray,
    observed: FloatArray,
    tie: float,
    n_same: NDArray[np.int64],
    n_extreme: NDArray[np.int64],
    total: FloatArray,
) -> None:
    """Add null scores (b, n_sets) of the observed sign: their number, extremes and sizes.

    Scores are added one by one in their order, so that sums do not depend on how the null was
    cut into pieces.
    """
    for row in range(null.shape[0]):
        for number in range(observed.size):
            if (null[row, number] >= 0) == (observed[number] >= 0):
                size = abs(null[row, number])
                n_same[number] += 1
                total[number] += size
                if size >= abs(observed[number]) * (1 - tie):
                    n_extreme[number] += 1


@njit(nogil=True, cache=True)
def tally_moments(
    null: FloatArray,
    observed: FloatArray,
    tie: float,
    n_seen: int,
    n_extreme: NDArray[np.int64],
    mean: FloatArray,
    squares: FloatArray,
) -> None:
    """Add null scores (b, n_sets) to running mean, sum of squares and extremes of either sign.

    ``n_seen`` scores were added before. Welford's update: nothing is held, nothing cancels.
    """
    for row in range(null.shape[0]):
        for number in range(observed.size):
            score = null[row, number]
            step = score - mean[number]
            mean[number] += step / (n_seen + row + 1)
            squares[number] += step * (score - mean[number])
            if abs(score) >= abs(observed[number]) * (1 - tie):
                n_extreme[number] += 1


@njit(nogil=True, cache=True)
def excess_over(theirs: FloatArray, mine: FloatArray, tie: float, is_sorted: bool) -> FloatArray:
    """Say how far sets are beyond others on each map, as one number that orders maps.

    Parameters
    ----------
    theirs : (b, K) array
        How closely each of the others follows a map, not negative.
    mine : (m, b) array
        How closely the sets do, not negative.
    tie : float
        Relative difference that counts as none.
    is_sorted : bool
        Whether each row of ``theirs`` ascends; sorting pays where sets are many.

    Returns
    -------
    (m, b) array
        Minus the number of others that reach the set, plus a fraction below 1 that grows with its
        distance from the closest follower, so that maps which nobody reaches differ too.
    """
    n_sets, n_maps = mine.shape
    n_others = theirs.shape[1]
    excess = np.empty((n_sets, n_maps))
    for place in range(n_maps):
        row = theirs[place]
        largest = row[n_others - 1] if is_sorted else row.max()
        for number in range(n_sets):
            own = mine[number, place]
            threshold = own * (1 - tie)
            if is_sorted:
                reaching = n_others - np.searchsorted(row, threshold)
            else:
                reaching = 0
                for other in range(n_others):
                    reaching += row[other] >= threshold
            excess[number, place] = own / (own + largest) - reaching if own > 0 else -n_others
    return excess


@njit(nogil=True, cache=True)
def _sum_of_squares(values: FloatArray) -> float:
    """Add squares in four sums, so that an addition does not wait for the one before it."""
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    whole = values.size - values.size % 4
    for place in range(0, whole, 4):
        first += values[place] * values[place]
        second += values[place + 1] * values[place + 1]
        third += values[place + 2] * values[place + 2]
        fourth += values[place + 3] * values[place + 3]
    for place in range(whole, values.size):
        first += values[place] * values[place]
    return (first + second) + (third + fourth)


@njit(nogil=True, cache=True)
def grow_set(
    by_gene: FloatArray,
    near: NDArray[np.intp],
    anywhere: NDArray[np.intp],
    wanted: FloatArray,
    maps: FloatArray,
    misses: FloatArray,
) -> None:
    """Exchange the genes of a random set one by one for genes like each other.

    Parameters
    ----------
    by_gene : (n_genes, n_parcels) array
        z-scored expression.
    near, anywhere : (size,) array of int
        Genes that come, and genes that go.
    wanted : (n_levels,) array
        Logarithms of the mean co-expressions that are looked for.
    maps : (n_levels, n_parcels) array
        Filled with the mean expression of the set that is nearest to each.
    misses : (n_levels,) array
        Filled with how far it is from it, as a difference of logarithms.
    """
    size, n_parcels = near.size, by_gene.shape[1]
    best = np.full(wanted.size, -1, dtype=np.int64)
    misses[:] = np.inf
    # Once to see after which exchange each level is nearest, and again to write these maps only.
    for turn in range(2):
        total = np.zeros(n_parcels)
        for gene in anywhere:
            total += by_gene[gene]
        for exchanged in range(size + 1):
            if exchanged > 0:
                comes, goes = by_gene[near[exchanged - 1]], by_gene[anywhere[exchanged - 1]]
                for parcel in range(n_parcels):
                    total[parcel] += comes[parcel] - goes[parcel]
            if turn == 1:
                for level in range(wanted.size):
                    if best[level] == exchanged:
                        maps[level] = total / size
                continue
            squares = _sum_of_squares(total)
            if squares <= 0:
                continue
            found = np.log(squares / (n_parcels - 1) / size / size)
            for level in range(wanted.size):
                miss = abs(found - wanted[level])
                if miss < misses[level]:
                    misses[level] = miss
                    best[level] = exchanged
