"""Clusters of enriched terms that share their genes, each with one term that speaks for it.

Gene Ontology says the same thing many times; here that is made visible, nothing is left out.
Which terms are enriched is decided in `over_representation`; pictures are in `report`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets.science.enrichment.membership import Membership
from ect_assets.science.statistics.arrays import FloatArray

KAPPA = 0.3
"""Terms more alike than this belong together, as in Metascape."""


def kappa_matrix(membership: Membership) -> FloatArray:
    """Compute how far each two sets agree on which genes they hold, beyond chance.

    Cohen's kappa of two binary memberships over all n genes. With sizes a and b and c genes in
    both it is ``2 (n c - a b) / (a (n - b) + b (n - a))``.

    Parameters
    ----------
    membership : Membership
        The sets over the universe of genes.

    Returns
    -------
    (n_sets, n_sets) array
        Symmetric, 1 on the diagonal. Two sets without any gene, or two of all genes, agree
        entirely: 1.

    References
    ----------
    Cohen J (1960). A coefficient of agreement for nominal scales. Educ Psychol Meas 20:37-46.
    """
    matrix = membership.matrix
    n = float(matrix.shape[1])
    both = (matrix @ matrix.T).toarray()
    size = membership.sizes.astype(np.float64)
    apart = np.outer(size, n - size)
    apart += apart.T
    agreement = 2 * (n * both - np.outer(size, size))
    return np.divide(agreement, apart, out=np.ones_like(both), where=apart > 0)


def term_clusters(
    terms: pd.DataFrame, membership: Membership, threshold: float = KAPPA
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Group enriched terms by the genes that they share.

    As Metascape does: kappa between all enriched terms, a hierarchical tree, which falls into
    clusters where similarity drops to the threshold; the term of lowest p speaks for its cluster.
    Two choices are ours, for we know of no published statement of Metascape's: the universe of
    kappa is the background of the enrichment, so that likeness belongs to the terms and does not
    move with the gene list; and the tree is one of average linkage on 1 - kappa.

    Parameters
    ----------
    terms : DataFrame
        set_id, p: the enriched terms, each once; may be empty.
    membership : Membership
        Holds these sets, and may hold others, over the background genes.
    threshold : float
        Kappa, between -1 and 1.

    Returns
    -------
    clusters : DataFrame
        set_id, cluster_id (from 1, by the lowest p in the cluster, ties by set_id),
        cluster_representative; ordered by cluster_id, p, set_id.
    links : DataFrame
        set_id_a, set_id_b (a < b), kappa: the pairs above the threshold, in that order.

    Raises
    ------
    ValueError
        When a p is missing, a term occurs twice or its set is not in the membership.

    References
    ----------
    Zhou Y et al. (2019). Metascape provides a biologist-oriented resource for the analysis of
    systems-level datasets. Nat Commun 10:1523.
    """
    # Sorted first, so that neither ties in the tree nor numbers depend on the order of the rows.
    ordered = _usable(terms).sort_values(["p", "set_id"], ignore_index=True)
    kappa = kappa_matrix(_select(membership, ordered["set_id"]))
    numbers = _cut(kappa, threshold)
    # Numbered by first appearance, which is the lowest p.
    cluster_id = pd.factorize(numbers)[0] + 1
    clusters = pd.DataFrame(
        {
            "set_id": ordered["set_id"],
            "cluster_id": cluster_id.astype(np.int64),
            "cluster_representative": ~pd.Series(cluster_id).duplicated().to_numpy(),
        }
    ).sort_values("cluster_id", kind="stable", ignore_index=True)
    return clusters, _links(ordered["set_id"], kappa, threshold)


def _usable(terms: pd.DataFrame) -> pd.DataFrame:
    usable = pd.DataFrame({"set_id": terms["set_id"].astype("str"), "p": terms["p"].astype(float)})
    if usable["p"].isna().any():
        raise ValueError(f"Term {usable.loc[usable['p'].isna(), 'set_id'].iloc[0]} has no p.")
    if usable["set_id"].duplicated().any():
        twice = usable.loc[usable["set_id"].duplicated(), "set_id"].iloc[0]
        raise ValueError(f"Term {twice} is listed twice; give each once, with one p.")
    return usable


def _select(membership: Membership, set_ids: pd.Series) -> Membership:
    known = pd.Index(membership.sets["set_id"].astype("str"))
    if not known.is_unique:
        raise ValueError(
            f"Gene set {known[known.duplicated()][0]} is in two collections; cluster one "
            "collection, or name its sets apart."
        )
    rows = known.get_indexer(pd.Index(set_ids))
    if (rows < 0).any():
        raise ValueError(
            f"Term {set_ids[rows < 0].iloc[0]} is not among the {len(known)} sets of the "
            "membership: both must come from the same gene sets."
        )
    sets = membership.sets.iloc[rows].reset_index(drop=True)
    return Membership(sets, membership.genes, membership.matrix[rows])


def _cut(kappa: FloatArray, threshold: float) -> np.ndarray:
    """Number the cluster of each term; a tree needs at least two of them."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(kappa) < 2:
        return np.arange(len(kappa))
    apart = squareform(1 - kappa, checks=False)
    return fcluster(linkage(apart, "average"), 1 - threshold, criterion="distance")


def _links(set_ids: pd.Series, kappa: FloatArray, threshold: float) -> pd.DataFrame:
    first, second = np.nonzero(np.triu(kappa > threshold, k=1))
    pairs = np.sort(
        np.column_stack([set_ids.to_numpy(dtype=object)[place] for place in (first, second)]),
        axis=1,
    )
    frame = pd.DataFrame(
        {
            "set_id_a": pd.Series(pairs[:, 0], dtype="str"),
            "set_id_b": pd.Series(pairs[:, 1], dtype="str"),
            "kappa": kappa[first, second],
        }
    )
    return frame.sort_values(["set_id_a", "set_id_b"], ignore_index=True)
