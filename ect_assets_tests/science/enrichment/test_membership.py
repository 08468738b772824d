"""Tests of the matrix of sets and genes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.enrichment.membership import Membership, membership


def test_the_matrix_holds_one_where_a_gene_belongs_to_a_set(genes, gene_sets):
    found = membership(gene_sets, genes)
    for row, set_id in enumerate(found.sets["set_id"]):
        members = set(gene_sets.loc[gene_sets["set_id"] == set_id, "gene"]) & set(genes)
        assert {genes[place] for place in found.members(row)} == members
    assert set(found.matrix.data) == {1.0}


def test_sets_keep_their_order_of_appearance(genes, gene_sets):
    shuffled = gene_sets.sample(frac=1, random_state=2)
    found = membership(shuffled, genes)
    assert list(found.sets["set_id"]) == list(shuffled["set_id"].unique())


def test_repeated_rows_count_once(genes, gene_sets):
    twice = pd.concat([gene_sets, gene_sets.sample(frac=0.5, random_state=3)])
    np.testing.assert_array_equal(
        membership(twice, genes).matrix.toarray(), membership(gene_sets, genes).matrix.toarray()
    )


def test_categories_are_read_as_text(genes, gene_sets):
    found = membership(gene_sets.astype("category"), genes)
    expected = membership(gene_sets, genes)
    np.testing.assert_array_equal(found.matrix.toarray(), expected.matrix.toarray())


def test_the_same_identifier_in_two_collections_makes_two_sets(genes, gene_sets):
    both = pd.concat([gene_sets, gene_sets.assign(collection="other", set_name="another")])
    assert len(membership(both, genes).sets) == 80


def test_sizes_are_counted_among_the_known_genes(genes, gene_sets):
    kept = membership(gene_sets, genes).of_size(20, 30)
    known = gene_sets[gene_sets["gene"].isin(genes)].groupby("set_id").size()
    assert set(kept.sets["set_id"]) == set(known[known.between(20, 30)].index)


def test_no_set_of_the_wanted_size_is_an_error(genes, gene_sets):
    with pytest.raises(ValueError, match="None of 40 gene sets has between 100 and 200"):
        membership(gene_sets, genes).of_size(100, 200)


def test_a_gene_that_occurs_twice_in_the_order_is_named(genes, gene_sets):
    with pytest.raises(ValueError, match=f"{genes[3]} more than once"):
        membership(gene_sets, [*genes, genes[3]])


def test_a_set_with_two_names_is_named(genes, gene_sets):
    gene_sets.loc[gene_sets.index[2], "set_name"] = "other"
    with pytest.raises(ValueError, match="S00 has more than one name"):
        membership(gene_sets, genes)


def test_a_missing_column_is_named(genes, gene_sets):
    with pytest.raises(ValueError, match="no column set_name"):
        membership(gene_sets.drop(columns="set_name"), genes)


def test_a_missing_gene_is_refused(genes, gene_sets):
    gene_sets.loc[0, "gene"] = None
    with pytest.raises(ValueError, match="rows without"):
        membership(gene_sets, genes)


def test_collections_of_the_same_genes_are_put_together(genes, gene_sets):
    first = membership(gene_sets, genes)
    other = membership(gene_sets.assign(collection="other"), genes)
    both = Membership.together([first, other])
    assert list(both.sets.collection) == [*first.sets.collection, *other.sets.collection]
    assert list(both.sizes) == [*first.sizes, *other.sizes]
    last = len(both.sets) - 1
    np.testing.assert_array_equal(both.members(last), other.members(len(other.sets) - 1))
    with pytest.raises(ValueError, match="another order"):
        Membership.together([first, membership(gene_sets, genes[::-1])])
