"""Tests of gene set enrichment analysis."""

from __future__ import annotations

import gseapy
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment


@pytest.fixture
def ranking(genes):
    """A skewed statistic by gene."""
    z = np.random.default_rng(6).normal(0.4, 1.5, len(genes))
    return pd.Series(z, index=genes)


@pytest.fixture
def prerank(ranking, gene_sets):
    """Results of gseapy by set."""
    sets = {name: list(part["gene"]) for name, part in gene_sets.groupby("set_id")}
    run = gseapy.prerank(
        ranking, sets, min_size=5, max_size=500, permutation_num=5, outdir=None, weight=1
    )
    return run.res2d.set_index("Term")


def running_sum_score(ranking, members):
    """Enrichment score by walking down all genes."""
    ordered = ranking.sort_values(ascending=False)
    hit = ordered.index.isin(members)
    step = np.where(hit, ordered.abs() / ordered.abs()[hit].sum(), -1 / (~hit).sum())
    total = np.cumsum(step)
    return max(total.max(), total.min(), key=abs)


def test_the_enrichment_score_is_that_of_gseapy(ranking, gene_sets, prerank):
    found = gene_set_enrichment(ranking, gene_sets, 5, 0, min_size=5).set_index("set_id")
    assert set(prerank.index) == set(found.index)
    theirs = prerank["ES"].astype(float).loc[found.index]
    np.testing.assert_allclose(found["es"], theirs, atol=1e-12)


def test_the_leading_edge_is_that_of_gseapy(ranking, gene_sets, prerank):
    found = gene_set_enrichment(ranking, gene_sets, 5, 0, min_size=5).set_index("set_id")
    for set_id, row in found.iterrows():
        assert set(row["leading_edge"].split(";")) == set(
            prerank.loc[set_id, "Lead_genes"].split(";")
        )


def test_the_leading_edge_starts_at_the_end_of_the_ranking_it_belongs_to(ranking, gene_sets):
    found = gene_set_enrichment(ranking, gene_sets, 5, 0)
    assert (found["es"] < 0).any()
    for row in found.itertuples():
        z = ranking[row.leading_edge.split(";")].to_numpy()
        assert (np.diff(z * np.sign(row.es)) <= 0).all()


def test_the_null_is_that_of_a_loop_over_permuted_genes(ranking, gene_sets):
    found = gene_set_enrichment(ranking, gene_sets, 200, seed=7)
    ordered = ranking.sort_values(ascending=False)
    permuted = np.random.default_rng(7).permuted(
        np.tile(np.arange(len(ordered), dtype=np.int16), (200, 1)), axis=1
    )
    for row in found.iloc[:3].itertuples():
        members = gene_sets.loc[gene_sets["set_id"] == row.set_id, "gene"]
        places = np.flatnonzero(ordered.index.isin(members))
        null = np.array(
            [running_sum_score(ordered, ordered.index[drawn[places]]) for drawn in permuted]
        )
        same = np.abs(null[np.sign(null) == np.sign(row.es)])
        assert row.n_same_sign == len(same)
        assert row.p == (1 + (same >= abs(row.es)).sum()) / (1 + len(same))
        assert row.nes == pytest.approx(row.es / same.mean(), rel=1e-12)


@pytest.mark.parametrize(("chunk_size", "n_threads"), [(7, 1), (7, 3), (250, 1), (100, 2)])
def test_results_depend_neither_on_chunks_nor_on_threads(ranking, gene_sets, chunk_size, n_threads):
    whole = gene_set_enrichment(ranking, gene_sets, 100, 8)
    other = gene_set_enrichment(
        ranking, gene_sets, 100, 8, chunk_size=chunk_size, n_threads=n_threads
    )
    pd.testing.assert_frame_equal(other, whole, check_exact=True)


def test_nes_goes_with_that_of_gseapy(ranking, gene_sets):
    sets = {name: list(part["gene"]) for name, part in gene_sets.groupby("set_id")}
    run = gseapy.prerank(
        ranking, sets, min_size=5, max_size=500, permutation_num=2000, outdir=None, weight=1
    )
    theirs = run.res2d.set_index("Term")["NES"].astype(float)
    found = gene_set_enrichment(ranking, gene_sets, 2000, 0, min_size=5).set_index("set_id")
    assert np.corrcoef(found["nes"], theirs.loc[found.index])[0, 1] > 0.999


def test_the_same_seed_gives_the_same_result_and_another_seed_another(ranking, gene_sets):
    first = gene_set_enrichment(ranking, gene_sets, 100, 9)
    assert first.equals(gene_set_enrichment(ranking, gene_sets, 100, 9))
    assert not first["nes"].equals(gene_set_enrichment(ranking, gene_sets, 100, 10)["nes"])


def test_the_order_of_the_ranking_does_not_matter_even_with_ties(ranking, gene_sets):
    tied = ranking.round(0)
    shuffled = tied.sample(frac=1, random_state=11)
    found = gene_set_enrichment(shuffled, gene_sets, 50, 12)
    assert found.equals(gene_set_enrichment(tied, gene_sets, 50, 12))


def test_scaling_the_statistic_changes_nothing(ranking, gene_sets):
    plain = gene_set_enrichment(ranking, gene_sets, 50, 13)
    pd.testing.assert_frame_equal(gene_set_enrichment(ranking * 4, gene_sets, 50, 13), plain)


def test_a_set_at_the_top_of_the_ranking_is_found_and_p_is_never_zero(ranking, gene_sets):
    top = ranking.sort_values(ascending=False).index[:30]
    planted = gene_sets[gene_sets["set_id"] == "S00"].head(1).loc[lambda t: t.index.repeat(30)]
    planted = planted.assign(gene=list(top))
    found = gene_set_enrichment(ranking, planted, 200, 14).iloc[0]
    assert found["es"] == pytest.approx(1)
    assert found["p"] == 1 / (1 + found["n_same_sign"])


def test_without_a_null_of_the_same_sign_there_is_no_nes_and_p_is_one(genes):
    # The first hit takes nearly all the weight, so a score is below 0 only where it comes late.
    ranking = pd.Series(0.5 ** np.arange(len(genes)), index=genes)
    last = pd.DataFrame({"collection": "demo", "set_id": "S", "set_name": "s", "gene": genes[-20:]})
    found = gene_set_enrichment(ranking, last, 50, 0).iloc[0]
    assert found["es"] < -0.9
    assert found["n_same_sign"] == 0
    assert np.isnan(found["nes"])
    assert found["p"] == 1


def test_a_gene_that_is_ranked_twice_is_refused(ranking, gene_sets, genes):
    with pytest.raises(ValueError, match=f"{genes[3]} more than once"):
        gene_set_enrichment(pd.concat([ranking, ranking.iloc[[3]]]), gene_sets, 5, 0)


def test_p_is_uniform_for_random_rankings(genes, gene_sets):
    rng = np.random.default_rng(15)
    one = gene_sets[gene_sets["set_id"] == gene_sets.groupby("set_id").size().idxmax()]
    p = [
        gene_set_enrichment(pd.Series(rng.normal(size=len(genes)), index=genes), one, 99, seed)
        .iloc[0]
        .p
        for seed in range(200)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_a_missing_statistic_is_refused(ranking, gene_sets):
    ranking.iloc[5] = np.nan
    with pytest.raises(ValueError, match="position 5"):
        gene_set_enrichment(ranking, gene_sets, 5, 0)


def test_a_set_of_all_genes_is_refused(ranking):
    everything = pd.DataFrame(
        {"collection": "demo", "set_id": "ALL", "set_name": "all", "gene": ranking.index}
    )
    with pytest.raises(ValueError, match="ALL holds all 400"):
        gene_set_enrichment(ranking, everything, 5, 0)
