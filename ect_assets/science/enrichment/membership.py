"""Which gene belongs to which set, as a sparse matrix in a given order of genes.

Shared by over-representation, gene set enrichment and spatial enrichment. Where gene sets come
from belongs in `collections`; their tests in the modules named after them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ect_assets.science.statistics.arrays import FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

COLUMNS = ("collection", "set_id", "set_name", "gene")


@dataclass(frozen=True)
class Membership:
    """Sets x genes.

    Parameters
    ----------
    sets : DataFrame
        collection, set_id, set_name: one row per set, in order of first appearance.
    genes : Index
        The genes, in the order of the columns of the matrix.
    matrix : (n_sets, n_genes) sparse array
        1 where the gene belongs to the set.
    """

    sets: pd.DataFrame
    genes: pd.Index
    matrix: csr_array

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many of the genes each set has, (n_sets,)."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    def members(self, row: int) -> NDArray[np.int64]:
        """Places of one set's genes, ascending."""
        start, stop = self.matrix.indptr[row : row + 2]
        return self.matrix.indices[start:stop].astype(np.int64)

    def mean_of(self, expression: FloatArray) -> FloatArray:
        """Average the genes of each set.

        Parameters
        ----------
        expression : (n_parcels, n_genes) array
            Its columns are the genes.

        Returns
        -------
        (n_sets, n_parcels) array
        """
        total: FloatArray = self.matrix @ np.ascontiguousarray(expression.T)
        return total / self.sizes[:, None]

    def of_size(self, min_size: int, max_size: int | None) -> Membership:
        """Keep the sets with at least ``min_size`` and at most ``max_size`` of the genes.

        Raises
        ------
        ValueError
            When no set is left; an empty result would hide that nothing was tested.
        """
        sizes = self.sizes
        most = np.inf if max_size is None else max_size
        kept = np.flatnonzero((sizes >= max(min_size, 1)) & (sizes <= most))
        if kept.size == 0:
            found = f" (they have {sizes.min()} to {sizes.max()})" if sizes.size else ""
            raise ValueError(
                f"None of {len(sizes)} gene sets has between {min_size} and {most} of the "
                f"{len(self.genes)} genes{found}. Check that both use gene symbols, or the limits."
            )
        sets = self.sets.iloc[kept].reset_index(drop=True)
        return replace(self, sets=sets, matrix=self.matrix[kept])

    @staticmethod
    def together(parts: Sequence[Membership]) -> Membership:
        """Put the sets of several below one another; all have the same genes in the same order."""
        from scipy.sparse import csr_array, vstack

        first = parts[0]
        if any(not one.genes.equals(first.genes) for one in parts):
            raise ValueError(
                "Gene sets of other genes, or in another order, cannot be put together."
            )
        sets = pd.concat([one.sets for one in parts], ignore_index=True)
        return Membership(sets, first.genes, csr_array(vstack([one.matrix for one in parts])))


def membership(gene_sets: pd.DataFrame, genes: Sequence[str] | pd.Index) -> Membership:
    """Build the matrix of sets and genes.

    Parameters
    ----------
    gene_sets : DataFrame
        collection, set_id, set_name, gene: one row per member; repeated rows count once.
    genes : sequence of str
        The genes that can be members, in the order wanted; others are left out of the sets.

    Raises
    ------
    ValueError
        When a column or value is missing, a gene occurs twice in the order, or a set has two
        names.
    """
    from scipy.sparse import csr_array

    missing = [column for column in COLUMNS if column not in gene_sets]
    if missing:
        raise ValueError(f"The table of gene sets has no column {', '.join(missing)}.")
    order = unique_genes("The order of genes", genes)
    codes = {column: pd.factorize(gene_sets[column]) for column in COLUMNS}
    if any((codes[column][0] < 0).any() for column in COLUMNS):
        raise ValueError(
            "The table of gene sets has rows without collection, set_id, set_name or gene."
        )
    set_of_row, first = _number_sets(codes["collection"][0], codes["set_id"][0])
    _refuse_two_names(gene_sets, codes["set_name"][0], set_of_row, first)

    gene, names = codes["gene"]
    column = order.get_indexer(pd.Index(names))[gene]
    known = column >= 0
    matrix = csr_array(
        (np.ones(int(known.sum())), (set_of_row[known], column[known])),
        shape=(len(first), len(order)),
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    sets = gene_sets.iloc[first][list(COLUMNS[:3])].reset_index(drop=True)
    return Membership(sets, order, matrix)


def unique_genes(name: str, genes: Collection[str] | pd.Index) -> pd.Index:
    """Return the genes as an index, or say which is missing or occurs twice."""
    index = pd.Index(list(genes), dtype="str")
    if index.hasnans:
        raise ValueError(f"{name} has missing gene names.")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ValueError(f"{name} has {twice} more than once; each gene must occur once.")
    return index


def _number_sets(
    collection: NDArray[np.int64], set_id: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the sets in order of appearance: the set of each row, and the first row of each."""
    pair = collection * (set_id.max(initial=0) + 1) + set_id
    set_of_row = pd.factorize(pair)[0]
    first = np.flatnonzero(~pd.Series(pair).duplicated().to_numpy())
    return set_of_row, first


def _refuse_two_names(
    gene_sets: pd.DataFrame,
    name: NDArray[np.int64],
    set_of_row: NDArray[np.int64],
    first: NDArray[np.int64],
) -> None:
    differs = np.flatnonzero(name != name[first][set_of_row])
    if differs.size:
        row = gene_sets.iloc[differs[0]]
        raise ValueError(
            f"Gene set {row['set_id']} has more than one name, such as {row['set_name']!r}; "
            "give each set one."
        )
