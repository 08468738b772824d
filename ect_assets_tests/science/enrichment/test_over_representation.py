"""Tests of over-representation and of the overlap of one list and one set."""

from __future__ import annotations

import gseapy
import numpy as np
import pytest

from ect_assets.science.enrichment.over_representation import over_representation


@pytest.fixture
def listed(genes):
    """A list of genes, drawn from the background."""
    return list(np.random.default_rng(4).choice(genes, 60, replace=False))


def test_p_is_that_of_gseapy(genes, gene_sets, listed):
    found = over_representation(listed, gene_sets, genes, 1, None).set_index("set_id")
    sets = {name: list(part["gene"]) for name, part in gene_sets.groupby("set_id")}
    enrichment = gseapy.enrich(listed, sets, background=list(genes), outdir=None, no_plot=True)
    theirs = enrichment.results.set_index("Term")
    assert len(theirs) > 30
    ours = found.loc[theirs.index]
    np.testing.assert_allclose(ours["p"], theirs["P-value"].astype(float), rtol=1e-12)
    np.testing.assert_array_equal(
        ours["n_overlap"].astype(str) + "/" + ours["n_set"].astype(str), theirs["Overlap"]
    )


def test_sets_without_overlap_are_tested_too(genes, gene_sets):
    found = over_representation(genes[:2], gene_sets, genes, 1, None)
    empty = found[found["n_overlap"] == 0]
    assert len(empty) > 10
    assert (empty["p"] == 1).all()
    assert (empty["genes"] == "").all()
    assert len(found) == 40


def test_an_empty_list_has_no_finding_and_no_error(genes, gene_sets):
    found = over_representation([], gene_sets, genes, 1, None)
    assert (found["p"] == 1).all()
    assert found["fold_enrichment"].isna().all()


def test_the_shared_genes_are_listed_in_alphabetical_order(genes, gene_sets, listed):
    found = over_representation(listed, gene_sets, genes, 1, None)
    for row in found.itertuples():
        members = set(gene_sets.loc[gene_sets["set_id"] == row.set_id, "gene"])
        assert row.genes == ";".join(sorted(members & set(listed)))


def test_fold_enrichment_compares_shares(genes, gene_sets, listed):
    found = over_representation(listed, gene_sets, genes, 1, None)
    shares = (found["n_overlap"] / found["n_list"]) / (found["n_set"] / found["n_background"])
    np.testing.assert_allclose(found["fold_enrichment"], shares)


def test_the_order_of_lists_and_rows_does_not_matter(genes, gene_sets, listed):
    plain = over_representation(listed, gene_sets, genes, 5, 50)
    shuffled = over_representation(
        set(listed), gene_sets.sample(frac=1, random_state=5), sorted(genes), 5, 50
    )
    expected = plain.sort_values("set_id", ignore_index=True)
    assert shuffled.sort_values("set_id", ignore_index=True).equals(expected)


def test_listed_genes_outside_the_background_are_named(genes, gene_sets):
    with pytest.raises(ValueError, match="1 of 2 listed genes .* NOVEL"):
        over_representation([genes[0], "NOVEL"], gene_sets, genes, 1, None)
