"""Whether a list of genes and a set share more genes than chance.

The hypergeometric test for one set or many. Choosing the sets and adjusting over them belongs in
`over_representation`.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import hypergeom

from ect_assets.science.statistics.arrays import FloatArray


def hypergeometric_p(
    n_overlap: ArrayLike, n_set: ArrayLike, n_list: int, n_background: int
) -> FloatArray:
    """Probability of an overlap at least as large, for a list drawn at random.

    Parameters
    ----------
    n_overlap, n_set : (n_sets,) array of int
        Genes shared with the list, and genes of the set, within the background.
    n_list, n_background : int
        Genes of the list and of the background.

    Returns
    -------
    (n_sets,) array
        P(overlap >= n_overlap), exact; 1 where nothing is shared.
    """
    pairs = np.column_stack(np.broadcast_arrays(n_overlap, n_set))
    # Many sets share size and overlap; each pair is computed once.
    pairs, back = np.unique(pairs, axis=0, return_inverse=True)
    p = hypergeom.sf(pairs[:, 0] - 1, n_background, pairs[:, 1], n_list)
    return np.minimum(p, 1.0)[back.ravel()]


def overlap_p(
    list_genes: Collection[str], set_genes: Collection[str], background: Collection[str]
) -> tuple[int, float]:
    """Count the genes that a list shares with a set, and test it.

    Parameters
    ----------
    list_genes : collection of str
        The list; all of it in the background.
    set_genes : collection of str
        The set; genes outside the background are left out.
    background : collection of str
        All genes that could be in the list.

    Returns
    -------
    n_overlap : int
    p : float
        One-sided hypergeometric.

    Raises
    ------
    ValueError
        When a gene of the list is not in the background.
    """
    universe = set(background)
    drawn = listed_in_background(list_genes, universe)
    restricted = set(set_genes) & universe
    n_overlap = len(drawn & restricted)
    p = hypergeometric_p([n_overlap], [len(restricted)], len(drawn), len(universe))
    return n_overlap, float(p[0])


def listed_in_background(list_genes: Collection[str], background: Collection[str]) -> set[str]:
    """Return the list as a set, or say which of its genes the background lacks."""
    listed = set(list_genes)
    strangers = sorted(listed.difference(background))
    if strangers:
        raise ValueError(
            f"{len(strangers)} of {len(listed)} listed genes are not in the background, such as "
            f"{', '.join(strangers[:5])}. The background is every gene that could be listed."
        )
    return listed
