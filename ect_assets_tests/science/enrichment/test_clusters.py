"""Tests of clusters of terms by the genes that they share."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from ect_assets.science.enrichment.clusters import kappa_matrix, term_clusters
from ect_assets.science.enrichment.membership import membership

GENES = [f"G{i:03d}" for i in range(200)]


def as_membership(sets):
    """Make a membership from a mapping of set to genes."""
    rows = [("demo", name, name, gene) for name, members in sets.items() for gene in members]
    frame = pd.DataFrame(rows, columns=["collection", "set_id", "set_name", "gene"])
    return membership(frame, GENES)


@pytest.fixture
def two_families():
    """Three sets alike, two others alike, one alone."""
    return as_membership(
        {
            "A1": GENES[:30],
            "A2": GENES[:25],
            "A3": GENES[3:33],
            "B1": GENES[100:120],
            "B2": GENES[102:124],
            "C": GENES[60:80],
        }
    )


@pytest.fixture
def terms():
    """Significance of the six sets."""
    return pd.DataFrame(
        {"set_id": ["A1", "A2", "A3", "B1", "B2", "C"], "p": [0.03, 0.01, 0.02, 1e-5, 1e-3, 0.04]}
    )


def test_kappa_is_that_of_scikit_learn(genes, gene_sets):
    known = membership(gene_sets, genes)
    found, rows = kappa_matrix(known), known.matrix.toarray()
    for i in range(len(rows)):
        for j in range(len(rows)):
            assert found[i, j] == pytest.approx(cohen_kappa_score(rows[i], rows[j]), abs=1e-12)


def test_kappa_is_symmetric_with_ones_on_the_diagonal(genes, gene_sets):
    found = kappa_matrix(membership(gene_sets, genes))
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(np.diag(found), 1, rtol=1e-15)


def test_sets_that_hold_every_gene_agree_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kappa_matrix(as_membership({"ALL": GENES, "TOO": GENES, "SOME": GENES[:9]}))
    np.testing.assert_array_equal(found, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_terms_that_share_genes_fall_into_one_cluster(two_families, terms):
    clusters, _ = term_clusters(terms, two_families)
    members = clusters.groupby("cluster_id")["set_id"].agg(set).to_dict()
    assert members == {1: {"B1", "B2"}, 2: {"A1", "A2", "A3"}, 3: {"C"}}


def test_the_term_of_lowest_p_speaks_for_its_cluster(two_families, terms):
    clusters, _ = term_clusters(terms, two_families)
    speakers = clusters.loc[clusters["cluster_representative"], "set_id"]
    assert list(speakers) == ["B1", "A2", "C"]


def test_links_are_the_pairs_above_the_threshold(two_families, terms):
    _, links = term_clusters(terms, two_families)
    kappa = pd.DataFrame(kappa_matrix(two_families), index=terms["set_id"], columns=terms["set_id"])
    pairs = list(zip(links["set_id_a"], links["set_id_b"], strict=True))
    assert pairs == [("A1", "A2"), ("A1", "A3"), ("A2", "A3"), ("B1", "B2")]
    assert [kappa.loc[a, b] for a, b in pairs] == list(links["kappa"])


def test_links_name_the_smaller_identifier_first_whatever_the_p(two_families, terms):
    reversed_p = terms.assign(p=terms["p"].to_numpy()[::-1])
    _, links = term_clusters(reversed_p, two_families)
    assert (links["set_id_a"] < links["set_id_b"]).all()


def test_the_order_of_the_terms_does_not_matter(genes, gene_sets):
    known = membership(gene_sets, genes)
    rng = np.random.default_rng(5)
    many = pd.DataFrame({"set_id": known.sets["set_id"], "p": rng.uniform(size=40).round(1)})
    expected = term_clusters(many, known, threshold=0.05)
    for seed in range(5):
        found = term_clusters(many.sample(frac=1, random_state=seed), known, threshold=0.05)
        assert found[0].equals(expected[0])
        assert found[1].equals(expected[1])


def test_identical_sets_share_a_cluster(terms):
    same = as_membership({"A": GENES[:20], "B": GENES[:20], "C": GENES[50:70]})
    three = pd.DataFrame({"set_id": ["A", "B", "C"], "p": [0.01, 0.01, 0.01]})
    clusters, links = term_clusters(three, same)
    assert list(clusters["cluster_id"]) == [1, 1, 2]
    assert list(clusters["cluster_representative"]) == [True, False, True]
    assert list(links["kappa"]) == [1]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_terms_are_clustered_too(two_families, terms, n):
    clusters, links = term_clusters(terms.iloc[:n], two_families)
    assert len(clusters) == n
    assert clusters["cluster_representative"].sum() == min(n, 1)
    assert list(clusters.columns) == ["set_id", "cluster_id", "cluster_representative"]
    assert len(links) == max(n - 1, 0)


def test_a_term_outside_the_membership_is_named(two_families):
    strange = pd.DataFrame({"set_id": ["Z9"], "p": [0.01]})
    with pytest.raises(ValueError, match="Term Z9 is not among the 6 sets"):
        term_clusters(strange, two_families)


def test_a_term_listed_twice_is_named(two_families, terms):
    with pytest.raises(ValueError, match="Term A1 is listed twice"):
        term_clusters(pd.concat([terms, terms.head(1)]), two_families)


def test_a_term_without_p_is_named(two_families, terms):
    terms.loc[2, "p"] = np.nan
    with pytest.raises(ValueError, match="Term A3 has no p"):
        term_clusters(terms, two_families)


def test_an_identifier_in_two_collections_is_refused(genes, gene_sets):
    both = pd.concat([gene_sets, gene_sets.assign(collection="other")])
    one = pd.DataFrame({"set_id": ["S00"], "p": [0.01]})
    with pytest.raises(ValueError, match="S00 is in two collections"):
        term_clusters(one, membership(both, genes))
