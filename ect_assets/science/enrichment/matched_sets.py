"""Is it this set, or any set of genes that are expressed together: matched random gene sets.

Genes of a set share their pattern over the cortex, and so does nearly any set of co-expressed
genes; random sets of the same size do not, and against them everything is found. Here a set is
compared with sets that were grown around random genes to the same co-expression. Which genes belong
to which set is in `membership`; tests against null maps alone are in `spatial`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import (
    TIE,
    benjamini_hochberg,
    permutation_p,
)
from ect_assets.science.statistics.pls import zscore

WIDTHS = (1.0, 2.0, 4.0, 8.0)
"""A set is grown within so many times its size of its seed's most similar genes."""
SIZE_STEP, COEXPRESSION_STEP = 1.5, 1.2
"""Ratio between neighbouring sizes, and co-expressions, for which random sets are made."""
NEAR_ENOUGH = np.log(COEXPRESSION_STEP) / 2
FEWEST_MATCHED = 100
"""Matched sets below which a set is not compared: too few genes are so much alike."""
SORTED_FROM = 24
"""So many sets of one kind make it worth while to sort what they are compared with."""
SEEDS_AT_ONCE = 64
PASSES = 2
"""Times that the seeds are gone through until there are enough sets for each co-expression."""


@dataclass(frozen=True)
class MatchedSets:
    """Mean expression maps of random sets, by size and co-expression.

    Parameters
    ----------
    sizes : (n_sizes,) array of int
        Ascending.
    coexpressions : (n_levels,) array
        Ascending.
    maps : dict
        (place of the size, place of the co-expression) -> (K, n_parcels) array of maps, each of
        length 1.
    """

    sizes: NDArray[np.int64]
    coexpressions: FloatArray
    maps: dict[tuple[int, int], FloatArray]

    def place(self, size: int, coexpression: float) -> tuple[int, int]:
        """Find the nearest size and co-expression, by their ratios."""
        return _nearest(self.sizes, size), _nearest(self.coexpressions, coexpression)


def coexpression_of(profiles: FloatArray) -> FloatArray:
    """Return the mean correlation between genes of sets, each with itself included.

    Parameters
    ----------
    profiles : (n_sets, n_parcels) array
        Mean z-scored expression of the genes of each set.

    Returns
    -------
    (n_sets,) array
        Between 0 and 1: the variance of the mean map.
    """
    shared: FloatArray = (profiles**2).sum(axis=1) / (profiles.shape[1] - 1)
    return shared


def grow_matched_sets(
    expression: ArrayLike,
    sizes: Sequence[int] | NDArray[np.int64],
    coexpressions: ArrayLike,
    n_sets: int,
    seed: int,
) -> MatchedSets:
    """Grow random sets around random genes to given sizes and co-expressions.

    Some genes of a set are drawn from those most similar to its seed, the others from all; how
    many come from the former is what gives the set its co-expression. How far similarity reaches
    (`WIDTHS`) is drawn as well, so that tight and loose sets occur.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside.
    sizes, coexpressions : (n_sets,) array
        Of the sets that are to be compared.
    n_sets, seed : int
        Random sets of each kind, at most.

    Returns
    -------
    MatchedSets

    Raises
    ------
    ValueError
        When a value is missing, a gene is constant, or a set is larger than there are genes.
    """
    from ect_assets.science.enrichment.kernels import grow_set

    x = zscore(expression, name="The expression")
    by_gene = np.ascontiguousarray(x.T)
    n_genes, n_parcels = by_gene.shape
    wanted_sizes = np.asarray(sizes, dtype=np.int64)
    if wanted_sizes.size == 0 or wanted_sizes.min() < 1 or wanted_sizes.max() > n_genes:
        raise ValueError(f"Sets need between 1 and {n_genes} genes, which there are.")
    levels = _ladder(np.asarray(coexpressions, float), COEXPRESSION_STEP)
    rungs = np.unique(np.round(_ladder(wanted_sizes.astype(float), SIZE_STEP)).astype(np.int64))
    rungs = rungs[rungs <= n_genes]
    needed = {
        (_nearest(rungs, int(size)), _nearest(levels, float(one)))
        for size, one in zip(wanted_sizes, np.asarray(coexpressions, float), strict=True)
    }
    found: dict[tuple[int, int], list[FloatArray]] = {one: [] for one in needed}
    rng = np.random.default_rng([seed, n_sets])
    for _ in range(PASSES):
        short = sorted(one for one in needed if len(found[one]) < n_sets)
        by_size = {place: [level for s, level in short if s == place] for place, _ in short}
        seeds = rng.permutation(n_genes)[:n_sets] if short else np.empty(0, dtype=np.intp)
        for neighbours in _neighbours(by_gene, seeds):
            for place, wanted in by_size.items():
                near, anywhere = _drawn(neighbours, int(rungs[place]), rng)
                maps, misses = np.empty((len(wanted), n_parcels)), np.empty(len(wanted))
                grow_set(by_gene, near, anywhere, np.log(levels[wanted]), maps, misses)
                for row in np.flatnonzero(misses < NEAR_ENOUGH):
                    kept = found[place, wanted[row]]
                    if len(kept) < n_sets:
                        kept.append(maps[row])
    return MatchedSets(rungs, levels, {key: _unit_rows(one) for key, one in found.items() if one})


def _neighbours(by_gene: FloatArray, seeds: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Give all genes, those most like a seed first, for each seed."""
    for start in range(0, len(seeds), SEEDS_AT_ONCE):
        block = seeds[start : start + SEEDS_AT_ONCE]
        likeness = by_gene[block] @ by_gene.T
        yield from (np.argsort(-row) for row in likeness)


def _unit_rows(maps: Sequence[FloatArray]) -> FloatArray:
    rows = np.array(maps)
    units: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def _drawn(
    neighbours: NDArray[np.intp], size: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw genes from around a seed, and as many from all."""
    reach = max(size, int(rng.choice(WIDTHS) * size))
    near = rng.permutation(neighbours[:reach])[:size]
    return near, rng.choice(len(neighbours), size, replace=False)


def compare_with_matched(
    profiles: FloatArray, sizes: NDArray[np.int64], matched: MatchedSets, maps: FloatArray
) -> pd.DataFrame:
    """Test whether sets follow a map more than co-expressed sets of the same kind do.

    Which share of the matched sets, scaled to the co-expression of the set itself, follows the map
    at least as closely (p_matched)? Alone that errs: most co-expressed sets share a few patterns,
    and a set with another one is beyond them on maps that know nothing of genes. So the same is
    asked of every null map, and p_genes says how rarely the set is so far beyond its matched sets
    there, or p_matched where that is larger.

    Parameters
    ----------
    profiles : (n_sets, n_parcels) array
        Mean z-scored expression of the genes of each set.
    sizes : (n_sets,) array of int
    matched : MatchedSets
        From `grow_matched_sets` with these sizes and co-expressions.
    maps : (n_parcels, 1 + B) array
        z-scored; the observed map first, then null maps.

    Returns
    -------
    DataFrame
        One row per set: coexpression, n_matched, p_matched, p_genes, q_genes (over the sets).
        Missing where fewer than 100 matched sets were found.
    """
    shared = coexpression_of(profiles)
    groups: dict[tuple[int, int], list[int]] = {}
    for row, (size, one) in enumerate(zip(sizes, shared, strict=True)):
        groups.setdefault(matched.place(int(size), float(one)), []).append(row)
    p_matched, p_genes = np.full(len(profiles), np.nan), np.full(len(profiles), np.nan)
    n_matched = np.zeros(len(profiles), dtype=np.int64)
    for place, members in groups.items():
        random = matched.maps.get(place)
        n_matched[members] = 0 if random is None else len(random)
        if random is not None and len(random) >= FEWEST_MATCHED:
            p_matched[members], p_genes[members] = _compared(profiles[members], random, maps)
    return pd.DataFrame(
        {
            "coexpression": shared,
            "n_matched": n_matched,
            "p_matched": p_matched,
            "p_genes": p_genes,
            "q_genes": benjamini_hochberg(p_genes),
        }
    )


def _compared(
    profiles: FloatArray, random: FloatArray, maps: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Give p_matched and p_genes of sets of one kind; the first map is the observed one."""
    from ect_assets.science.enrichment.kernels import excess_over

    theirs = maps.T @ random.T
    np.abs(theirs, out=theirs)
    is_sorted = len(profiles) >= SORTED_FROM
    if is_sorted:
        theirs.sort(axis=1)
    mine = np.abs(profiles @ maps) / np.linalg.norm(profiles, axis=1, keepdims=True)
    excess = excess_over(theirs, mine, TIE, is_sorted)
    reaching = np.ceil(-excess[:, 0])
    p_matched = (1 + reaching) / (1 + len(random))
    return p_matched, np.maximum(p_matched, permutation_p(excess[:, 0], excess[:, 1:], axis=1))


def _ladder(values: FloatArray, step: float) -> FloatArray:
    """Geometric steps that span the values, at least one."""
    low, high = np.log(values.min()), np.log(values.max())
    count = max(1, int(np.ceil((high - low) / np.log(step))) + 1)
    ladder: FloatArray = np.exp(np.linspace(low, high, count))
    return ladder


def _nearest(ladder: NDArray, value: float) -> int:
    return int(np.abs(np.log(ladder) - np.log(value)).argmin())
