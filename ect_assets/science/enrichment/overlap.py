"""Whether a list of genes and sets share more genes than chance: the hypergeometric test.

Choosing the sets and adjusting over them belongs in
`over_representation`.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import ArrayLike

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
    from scipy.stats import hypergeom

    pairs = np.column_stack(np.broadcast_arrays(n_overlap, n_set))
    # Many sets share size and overlap; each pair is computed once.
    pairs, back = np.unique(pairs, axis=0, return_inverse=True)
    p = hypergeom.sf(pairs[:, 0] - 1, n_background, pairs[:, 1], n_list)
    return np.minimum(p, 1.0)[back.ravel()]


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
