"""Tests of bootstrap standard errors and spatial p values of genes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ect_assets.science.statistics.bootstrap import bootstrap_counts, bootstrap_standard_errors
from ect_assets.science.statistics.pls import PartialLeastSquares, zscore
from ect_assets.science.statistics.resampling import (
    SMALLEST_P,
    gene_statistics,
    normal_p,
    spatial_gene_p,
)

N_PARCELS, N_GENES = 34, 80


@pytest.fixture
def data():
    """z-scored expression (n_parcels, n_genes) and map (n_parcels,)."""
    rng = np.random.default_rng(0)
    expression = zscore(rng.normal(size=(N_PARCELS, N_GENES)))
    return expression, zscore(expression[:, 0] + rng.normal(size=N_PARCELS))


def first_component(x, y, norm):
    """One centred PLS component, written as in a textbook."""
    x, y = x - x.mean(axis=0), y - y.mean()
    weights = x.T @ y
    length = np.linalg.norm(x @ weights) if norm == "scores" else np.linalg.norm(weights)
    return weights / length


@pytest.mark.parametrize("norm", ["scores", "weights"])
def test_standard_errors_are_those_of_a_loop_over_resamples(data, norm):
    x, y = data
    counts = bootstrap_counts(N_PARCELS, 200, np.random.default_rng(1))
    weights, standard_errors = bootstrap_standard_errors(x, y, counts, norm=norm)
    original = first_component(x, y, norm)
    resampled = []
    for row in counts.astype(int):
        drawn = np.repeat(np.arange(N_PARCELS), row)
        one = first_component(x[drawn], y[drawn], norm)
        resampled.append(one * np.sign(np.corrcoef(one, original)[0, 1]))
    np.testing.assert_allclose(weights[0], original, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(standard_errors[0], np.std(resampled, axis=0, ddof=1), rtol=1e-10)


def test_signs_are_aligned_when_resamples_disagree():
    rng = np.random.default_rng(2)
    x, y = zscore(rng.normal(size=(8, 3))), zscore(rng.normal(size=8))
    counts = bootstrap_counts(8, 300, rng)
    original = first_component(x, y, "scores")
    resampled = np.array(
        [
            first_component(x[drawn], y[drawn], "scores")
            for drawn in (np.repeat(np.arange(8), row) for row in counts.astype(int))
        ]
    )
    signs = np.sign([np.corrcoef(one, original)[0, 1] for one in resampled])
    assert (signs < 0).any()
    found = bootstrap_standard_errors(x, y, counts)[1]
    expected = (resampled * signs[:, None]).std(axis=0, ddof=1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-10)


def test_every_resample_has_as_many_rows_as_the_sample():
    counts = bootstrap_counts(20, 50, np.random.default_rng(3))
    np.testing.assert_array_equal(counts.sum(axis=1), 20)


def test_resamples_with_too_few_different_rows_are_drawn_anew():
    counts = bootstrap_counts(4, 2000, np.random.default_rng(4), minimum_distinct=3)
    assert (counts > 0).sum(axis=1).min() == 3


def test_resamples_with_a_constant_response_are_drawn_anew():
    response = np.array([1.0, 1, 1, 1, 2])
    counts = bootstrap_counts(5, 2000, np.random.default_rng(5), response=response)
    assert ((counts[:, 4] > 0) & (counts[:, :4].sum(axis=1) > 0)).all()


def test_more_different_rows_than_there_are_is_refused():
    with pytest.raises(ValueError, match="2 rows cannot have 3"):
        bootstrap_counts(2, 10, np.random.default_rng(0))


def test_a_resample_without_variation_is_refused(data):
    counts = np.ones((3, N_PARCELS))
    counts[1] = 0
    counts[1, 0] = N_PARCELS
    with pytest.raises(ValueError, match="1 of 3 resamples"):
        bootstrap_standard_errors(*data, counts)


def test_the_same_seed_gives_the_same_table_and_another_seed_another(data):
    first, again = gene_statistics(*data, 100, seed=6), gene_statistics(*data, 100, seed=6)
    assert first.equals(again)
    assert not first["se"].equals(gene_statistics(*data, 100, seed=7)["se"])


def test_gene_statistics_do_not_depend_on_units(data):
    x, y = data
    plain, scaled = gene_statistics(x, y, 100, 8), gene_statistics(x * 7 + 3, y * 0.2 - 1, 100, 8)
    np.testing.assert_allclose(scaled, plain, rtol=1e-8)


def test_the_columns_of_gene_statistics_are_those_of_the_table(data):
    table = gene_statistics(*data, 60, 9)
    assert list(table) == ["component", "weight", "se", "z", "p_bootstrap", "q_bootstrap"]
    np.testing.assert_allclose(table["p_bootstrap"], 2 * stats.norm.sf(table["z"].abs()))


def test_the_correlation_of_each_gene_with_the_map_is_pearsons(data):
    x, y = data
    table = spatial_gene_p(x, y, np.random.default_rng(10).normal(size=(N_PARCELS, 19)))
    expected = [stats.pearsonr(gene, y).statistic for gene in x.T]
    np.testing.assert_allclose(table["r_map"], expected, atol=1e-12)


def test_spatial_p_counts_null_maps_that_correlate_as_strongly_in_either_direction(data):
    x, y = data
    nulls = np.random.default_rng(11).normal(size=(N_PARCELS, 99))
    table = spatial_gene_p(x, y, nulls)
    null = np.corrcoef(x.T, nulls.T)[:N_GENES, N_GENES:]
    reached = (np.abs(null) >= np.abs(table["r_map"].to_numpy())[:, None]).sum(axis=1)
    np.testing.assert_array_equal(table["p_spatial"], (1 + reached) / 100)


def test_spatial_p_does_not_depend_on_the_chunks(data):
    nulls = np.random.default_rng(12).normal(size=(N_PARCELS, 99))
    chunked = spatial_gene_p(*data, nulls, chunk_size=7)
    np.testing.assert_allclose(chunked, spatial_gene_p(*data, nulls), rtol=1e-12)


def test_permuting_the_parcels_leaves_spatial_p_alone(data):
    rng = np.random.default_rng(13)
    nulls, order = rng.normal(size=(N_PARCELS, 99)), rng.permutation(N_PARCELS)
    plain = spatial_gene_p(*data, nulls)
    permuted = spatial_gene_p(data[0][order], data[1][order], nulls[order])
    np.testing.assert_allclose(permuted, plain, atol=1e-12)


def test_spatial_p_is_uniform_when_map_and_null_maps_are_alike():
    rng = np.random.default_rng(14)
    x = rng.normal(size=(20, 1))
    p = [
        spatial_gene_p(x, maps[:, 0], maps[:, 1:])["p_spatial"].iloc[0]
        for maps in rng.normal(size=(300, 20, 100))
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.001


def test_a_missing_null_value_is_refused(data):
    with pytest.raises(ValueError, match="missing"):
        spatial_gene_p(*data, np.full((N_PARCELS, 5), np.nan))


def test_genes_of_several_components_follow_one_another(data):
    table = gene_statistics(*data, 60, 9, n_components=2)
    rotations = PartialLeastSquares(2).fit(*data)
    expected = rotations.x_rotations_ / np.linalg.norm(rotations.x_scores_, axis=0)
    np.testing.assert_array_equal(table["component"], np.repeat([1, 2], N_GENES))
    np.testing.assert_allclose(table["weight"], expected.T.ravel(), rtol=1e-9, atol=1e-13)


def test_a_bootstrap_p_is_never_zero():
    np.testing.assert_array_equal(normal_p([50.0, -np.inf]), [SMALLEST_P, SMALLEST_P])
