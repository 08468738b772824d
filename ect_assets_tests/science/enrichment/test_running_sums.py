"""Tests of running sums, of one set and of many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.enrichment.running_sums import (
    SetScorer,
    from_high_to_low,
    ranked,
    running_sum,
)


@pytest.fixture
def ranking(genes):
    """A statistic by gene."""
    return pd.Series(np.random.default_rng(21).normal(0.3, 1, len(genes)), index=genes)


@pytest.fixture
def tested(genes, gene_sets):
    """The sets over the genes in their alphabetical order."""
    return membership(gene_sets, sorted(genes)).of_size(5, None)


def farthest(curve):
    """The value of a running sum that is farthest from 0."""
    return curve.loc[curve["running_es"].abs().idxmax(), "running_es"]


def test_the_running_sum_reaches_the_enrichment_score(ranking, gene_sets):
    found = gene_set_enrichment(ranking, gene_sets, 5, 0)
    for row in found.itertuples():
        members = gene_sets.loc[gene_sets["set_id"] == row.set_id, "gene"]
        lowest = running_sum(ranking, members)
        # A score below 0 is reached just before a hit, which is just after a miss.
        assert farthest(lowest) == pytest.approx(row.es, abs=1e-12)


def test_the_running_sum_ends_at_zero_and_goes_down_the_ranking(ranking, genes):
    curve = running_sum(ranking, genes[:30])
    assert curve["running_es"].iloc[-1] == pytest.approx(0, abs=1e-12)
    assert list(curve["rank"]) == list(range(1, len(genes) + 1))
    assert curve["z"].is_monotonic_decreasing
    assert set(curve.loc[curve["is_hit"], "gene"]) == set(genes[:30])


@pytest.mark.parametrize("chosen", [slice(0, 0), slice(None)])
def test_a_set_of_none_or_all_genes_has_no_running_sum(ranking, genes, chosen):
    with pytest.raises(ValueError, match="a running sum needs some of each"):
        running_sum(ranking, genes[chosen])


def test_equal_statistics_are_ranked_by_gene_name():
    tied = pd.Series([1.0, 2.0, 1.0, 1.0], index=["C", "D", "A", "B"])
    assert list(ranked(tied).index) == ["D", "A", "B", "C"]


def test_a_gene_that_is_ranked_twice_is_named(ranking, genes):
    twice = pd.concat([ranking, ranking.iloc[[7]]])
    with pytest.raises(ValueError, match=f"{genes[7]} more than once"):
        ranked(twice)


def test_many_rankings_are_scored_as_each_alone(tested, gene_sets):
    values = np.random.default_rng(22).normal(size=(5, len(tested.genes)))
    found = SetScorer(tested).statistics(values)
    for row, one in zip(found, values, strict=True):
        alone = gene_set_enrichment(pd.Series(one, index=tested.genes), gene_sets, 1, 0, min_size=5)
        np.testing.assert_allclose(row, alone["es"], atol=1e-12)


def test_permutations_are_scored_as_rankings_in_their_order(tested):
    rng = np.random.default_rng(23)
    weights = np.sort(np.abs(rng.normal(size=len(tested.genes))))[::-1]
    ranks = rng.permuted(np.tile(np.arange(len(weights)), (20, 1)), axis=1)
    # Ranking by weight puts each gene at the rank that the permutation gave it.
    np.testing.assert_array_equal(
        SetScorer(tested).permutations(ranks, weights), SetScorer(tested).statistics(weights[ranks])
    )


def test_scores_do_not_depend_on_the_threads(tested):
    values = np.random.default_rng(24).normal(size=(37, len(tested.genes)))
    alone = SetScorer(tested, n_threads=1).statistics(values)
    for n_threads in (2, 5):
        np.testing.assert_array_equal(SetScorer(tested, n_threads).statistics(values), alone)


def test_a_set_whose_statistics_are_all_zero_only_falls(tested):
    values = np.zeros((1, len(tested.genes)))
    found = SetScorer(tested).statistics(values)
    assert (found <= 0).all()
    assert np.isfinite(found).all()


def test_ties_keep_the_order_of_the_genes():
    values = np.random.default_rng(5).normal(size=(6, 400))
    values[2] = np.round(values[2], 1)
    values[3] = 0.0
    values[4, :2] = 0.0, -0.0
    expected = np.argsort(-values, axis=1, kind="stable")
    np.testing.assert_array_equal(from_high_to_low(values), expected)
