"""Tests of gene sets against spatial null maps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ect_assets.science.enrichment.membership import membership
from ect_assets.science.enrichment.running_sums import running_sum
from ect_assets.science.enrichment.spatial import (
    spatial_enrichment,
    spatial_enrichment_of_collections,
)
from ect_assets.science.statistics.pls import zscore

N_PARCELS, N_NULLS = 30, 99


@pytest.fixture
def data(genes):
    """Expression (n_parcels, n_genes), its genes, a map and null maps."""
    rng = np.random.default_rng(16)
    expression = zscore(rng.normal(size=(N_PARCELS, len(genes))))
    return expression, genes, rng.normal(size=N_PARCELS), rng.normal(size=(N_PARCELS, N_NULLS))


def test_the_score_is_the_mean_correlation_of_the_genes_of_the_set(data, gene_sets):
    expression, genes, change_map, nulls = data
    found = spatial_enrichment(*data, gene_sets, 10, 50)
    maps = np.column_stack([change_map, nulls])
    r = np.corrcoef(expression.T, maps.T)[: len(genes), len(genes) :]
    for row in found.itertuples():
        members = gene_sets.loc[gene_sets["set_id"] == row.set_id, "gene"]
        score = r[np.isin(genes, members)].mean(axis=0)
        assert row.score == pytest.approx(score[0], abs=1e-12)
        assert row.null_mean == pytest.approx(score[1:].mean(), abs=1e-12)
        assert row.null_sd == pytest.approx(score[1:].std(ddof=1), abs=1e-12)
        assert row.p == (1 + (np.abs(score[1:]) >= abs(score[0])).sum()) / (1 + N_NULLS)


def test_the_family_wise_p_is_that_of_the_largest_of_all_sets(data, gene_sets):
    expression, genes, change_map, nulls = data
    found = spatial_enrichment(*data, gene_sets, 10, 50, chunk_size=3)
    maps = np.column_stack([change_map, nulls])
    r = np.corrcoef(expression.T, maps.T)[: len(genes), len(genes) :]
    members = [gene_sets.loc[gene_sets["set_id"] == one, "gene"] for one in found["set_id"]]
    score = np.abs([r[np.isin(genes, mine)].mean(axis=0) for mine in members])
    score /= np.sqrt((score[:, 1:] ** 2).mean(axis=1, keepdims=True))
    largest = score[:, 1:].max(axis=0)
    expected = [(1 + (largest >= one).sum()) / (1 + N_NULLS) for one in score[:, 0]]
    np.testing.assert_allclose(found["p_space_max"], expected)
    assert (found["p_space_max"] >= found["p"] - 1e-12).all()


def test_results_do_not_depend_on_the_chunks(data, gene_sets):
    chunked = spatial_enrichment(*data, gene_sets, 10, 50, chunk_size=3)
    pd.testing.assert_frame_equal(
        chunked, spatial_enrichment(*data, gene_sets, 10, 50), rtol=1e-12, atol=1e-14
    )


def test_permuting_parcels_and_genes_changes_nothing(data, gene_sets):
    expression, genes, change_map, nulls = data
    rng = np.random.default_rng(17)
    rows, columns = rng.permutation(N_PARCELS), rng.permutation(len(genes))
    permuted = spatial_enrichment(
        expression[np.ix_(rows, columns)],
        [genes[column] for column in columns],
        change_map[rows],
        nulls[rows],
        gene_sets,
        10,
        50,
    )
    plain = spatial_enrichment(*data, gene_sets, 10, 50)
    pd.testing.assert_frame_equal(permuted, plain, rtol=1e-10, atol=1e-14)


def test_the_scale_of_expression_and_maps_does_not_matter(data, gene_sets):
    expression, genes, change_map, nulls = data
    scaled = spatial_enrichment(
        expression * 2 + 1, genes, change_map * 9, nulls / 5 + 3, gene_sets, 10, 50
    )
    plain = spatial_enrichment(*data, gene_sets, 10, 50)
    pd.testing.assert_frame_equal(scaled, plain, rtol=1e-9, atol=1e-13)


def test_a_set_that_follows_the_map_is_found_and_p_is_never_zero(data, gene_sets):
    expression, genes, change_map, nulls = data
    members = set(gene_sets.loc[gene_sets["set_id"] == "S05", "gene"])
    followed = expression + np.outer(change_map, np.isin(genes, list(members)))
    found = spatial_enrichment(followed, genes, change_map, nulls, gene_sets, 1, None)
    assert found.set_index("set_id").loc["S05", "p"] == 1 / (1 + N_NULLS)


def test_p_is_uniform_when_map_and_null_maps_are_alike(data, gene_sets):
    expression, genes, _, _ = data
    rng = np.random.default_rng(18)
    one = gene_sets[gene_sets["set_id"] == "S05"]
    p = [
        spatial_enrichment(expression, genes, maps[:, 0], maps[:, 1:], one, 1, None)["p"].iloc[0]
        for maps in rng.normal(size=(300, N_PARCELS, 100))
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_names_must_match_the_columns(data, gene_sets):
    expression, genes, change_map, nulls = data
    with pytest.raises(ValueError, match="399 gene names for 400 columns"):
        spatial_enrichment(expression, genes[1:], change_map, nulls, gene_sets, 10, 50)


def test_a_missing_expression_is_refused(data, gene_sets):
    expression, *others = data
    expression[2, 3] = np.nan
    with pytest.raises(ValueError, match="row 2, column 3"):
        spatial_enrichment(expression, *others, gene_sets, 10, 50)


@pytest.mark.parametrize("score", ["mean_absolute", "es"])
def test_the_other_scores_are_those_of_a_loop_over_null_maps(data, gene_sets, score):
    expression, genes, change_map, nulls = data
    found = spatial_enrichment(*data, gene_sets, 10, 50, score=score)
    maps = np.column_stack([change_map, nulls])
    r = np.corrcoef(expression.T, maps.T)[: len(genes), len(genes) :]
    for row in found.iloc[:3].itertuples():
        members = gene_sets.loc[gene_sets["set_id"] == row.set_id, "gene"]
        if score == "es":
            curves = [running_sum(pd.Series(one, index=genes), members) for one in r.T]
            scores = np.array([max(c["running_es"], key=abs) for c in curves])
        else:
            scores = np.abs(r[np.isin(genes, members)]).mean(axis=0)
        assert row.score == pytest.approx(scores[0], abs=1e-12)
        assert row.null_mean == pytest.approx(scores[1:].mean(), abs=1e-12)
        assert row.null_sd == pytest.approx(scores[1:].std(ddof=1), abs=1e-12)
        assert row.p == (1 + (np.abs(scores[1:]) >= abs(scores[0])).sum()) / (1 + N_NULLS)


def test_a_set_that_follows_the_map_both_ways_is_found_by_the_mean_of_absolute_r(data):
    expression, genes, change_map, nulls = data
    both = pd.DataFrame({"collection": "demo", "set_id": "S", "set_name": "s", "gene": genes[:20]})
    signs = np.tile([1, -1], 10)
    expression[:, :20] += 2 * signs * change_map[:, None]
    p = {
        score: spatial_enrichment(expression, genes, change_map, nulls, both, 1, None, score=score)
        .iloc[0]
        .p
        for score in ("mean", "mean_absolute")
    }
    assert p["mean_absolute"] == 1 / (1 + N_NULLS)
    assert p["mean"] > 0.05


def test_enrichment_scores_do_not_depend_on_threads_or_the_order_of_genes(data, gene_sets):
    expression, genes, change_map, nulls = data
    alone = spatial_enrichment(*data, gene_sets, 10, 50, score="es", n_threads=1)
    order = np.random.default_rng(25).permutation(len(genes))
    other = spatial_enrichment(
        expression[:, order],
        [genes[place] for place in order],
        change_map,
        nulls,
        gene_sets,
        10,
        50,
        score="es",
        n_threads=3,
    )
    pd.testing.assert_frame_equal(other, alone, rtol=1e-9)


def test_an_unknown_score_is_refused(data, gene_sets):
    with pytest.raises(ValueError, match="no score 'median'; known ones: mean, mean_absolute, es"):
        spatial_enrichment(*data, gene_sets, 10, 50, score="median")


def test_a_set_of_all_genes_has_no_enrichment_score(data):
    everything = pd.DataFrame(
        {"collection": "demo", "set_id": "ALL", "set_name": "all", "gene": data[1]}
    )
    with pytest.raises(ValueError, match="ALL holds all 400"):
        spatial_enrichment(*data, everything, 1, None, score="es")


@pytest.mark.parametrize("score", ["mean", "mean_absolute", "es"])
def test_collections_that_are_tested_at_once_have_the_results_of_each_alone(data, gene_sets, score):
    ids = gene_sets["set_id"].unique()
    is_first = gene_sets["set_id"].isin(ids[: len(ids) // 3])
    collections = [membership(gene_sets[one], data[1]) for one in (is_first, ~is_first)]
    found = spatial_enrichment_of_collections(*data, collections, score)
    for one, sets in zip(found, collections, strict=True):
        alone = spatial_enrichment(*data, sets, 1, None, score=score)
        alone = alone.drop(columns="p_space_max", errors="ignore")
        pd.testing.assert_frame_equal(one, alone, rtol=0, atol=1e-14)
