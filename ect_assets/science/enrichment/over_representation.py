"""Over-representation: which gene sets share more genes with a list than chance.

The published test of gene lists. It treats genes as independent, which neighbours in expression
are not: `spatial` gives the test that does not.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from ect_assets.science.enrichment.membership import membership
from ect_assets.science.enrichment.overlap import hypergeometric_p, listed_in_background
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg


def over_representation(
    genes: Collection[str],
    gene_sets: pd.DataFrame,
    background: Collection[str],
    min_size: int,
    max_size: int | None,
) -> pd.DataFrame:
    """Test the overlap of a gene list with each gene set.

    Parameters
    ----------
    genes : collection of str
        The list; may be empty.
    gene_sets : DataFrame
        collection, set_id, set_name, gene.
    background : collection of str
        All genes that could be listed: those of the expression matrix.
    min_size, max_size : int
        Sizes of the sets that are tested, counted within the background; None for no limit.

    Returns
    -------
    DataFrame
        One row per tested set, in order of appearance: collection, set_id, set_name, n_list,
        n_set, n_overlap, n_background, fold_enrichment (NaN for an empty list), p
        (hypergeometric), q (over all tested sets, also those without overlap), genes (the shared
        ones in alphabetical order, separated by ``;``).

    Raises
    ------
    ValueError
        When a listed gene is not in the background, or no set has a size to be tested.

    References
    ----------
    Rivals I et al. (2007). Enrichment or depletion of a GO category within a class of genes:
    which test? Bioinformatics 23:401-407.
    """
    tested = membership(gene_sets, sorted(set(background))).of_size(min_size, max_size)
    listed = listed_in_background(genes, tested.genes)
    shared = tested.matrix[:, tested.genes.get_indexer(pd.Index(sorted(listed), dtype="str"))]
    n_list, n_set, n_background = len(listed), tested.sizes, len(tested.genes)
    n_overlap = np.diff(shared.indptr).astype(np.int64)
    expected = n_list * n_set / n_background
    p = hypergeometric_p(n_overlap, n_set, n_list, n_background)
    return tested.sets.assign(
        n_list=n_list,
        n_set=n_set,
        n_overlap=n_overlap,
        n_background=n_background,
        fold_enrichment=n_overlap / expected if n_list else np.nan,
        p=p,
        q=benjamini_hochberg(p),
        genes=_joined(shared.indices, shared.indptr, sorted(listed)),
    )


def _joined(indices: np.ndarray, starts: np.ndarray, names: list[str]) -> pd.Series:
    ordered = [names[i] for i in indices]
    rows = [
        ";".join(sorted(ordered[start:stop]))
        for start, stop in zip(starts[:-1], starts[1:], strict=True)
    ]
    return pd.Series(rows, dtype="str")
