"""What becomes of a gene list in other resamples and with other seeds."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.science.statistics.bootstrap import resamples_for
from ect_assets.science.statistics.list_stability import critical_z, list_stability
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import gene_statistics, normal_p

N_PARCELS, N_GENES, LEVEL = 30, 600, 0.05


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(N_PARCELS, 4)) @ rng.normal(size=(4, N_GENES))
    expression = zscore(patterns + 1.5 * rng.normal(size=(N_PARCELS, N_GENES)))
    return expression, zscore(expression[:, :40].mean(axis=1) * 2 + rng.normal(size=N_PARCELS))


def looked_at(data, n_bootstraps: int, seed: int):
    table = gene_statistics(*data, n_bootstraps, seed)
    counts = resamples_for(data[1], n_bootstraps, seed)
    z, errors = table.z.to_numpy(), table.se.to_numpy()
    return table, counts, list_stability(*data, counts, z, errors, LEVEL, seed)


def n_listed(table) -> np.ndarray:
    listed = table.q_bootstrap < LEVEL
    return np.array([(listed & (table.z > 0)).sum(), (listed & (table.z < 0)).sum()])


def test_selection_frequency_is_that_of_a_loop_over_resamples(data):
    x, y = data
    table, counts, found = looked_at(data, 60, seed=1)
    threshold = np.abs(table.z[table.q_bootstrap < LEVEL]).min()
    assert critical_z(table.z.to_numpy(), LEVEL) <= threshold
    listed = np.zeros(N_GENES)
    for count in counts.astype(int):
        drawn = np.repeat(np.arange(N_PARCELS), count)
        resampled_x, resampled_y = x[drawn] - x[drawn].mean(axis=0), y[drawn] - y[drawn].mean()
        weights = resampled_x.T @ resampled_y
        weights /= np.linalg.norm(resampled_x @ weights)
        weights *= np.sign(np.corrcoef(weights, table.weight)[0, 1])
        z = weights / table.se * np.sign(table.z)
        listed += z >= critical_z(table.z.to_numpy(), LEVEL)
    np.testing.assert_allclose(found.selection_frequency, listed / len(counts), atol=1e-12)


def test_listed_genes_are_selected_more_often_than_others(data):
    table, _, found = looked_at(data, 500, seed=2)
    listed = table.q_bootstrap < LEVEL
    assert 10 < listed.sum() < N_GENES - 10
    assert found.selection_frequency[listed].min() > found.selection_frequency[~listed].mean()


def test_the_interval_covers_the_list_of_very_many_resamples(data):
    limit = n_listed(gene_statistics(*data, 40_000, 99))
    covered = []
    for seed in range(30):
        _, _, found = looked_at(data, 300, seed)
        for (low, high), number in zip((found.n_plus, found.n_minus), limit, strict=True):
            covered.append(low <= number <= high)
    assert 0.8 <= np.mean(covered) <= 1


def test_ten_times_as_many_resamples_narrow_the_interval(data):
    few, many = (looked_at(data, n, seed=3)[2] for n in (1_000, 10_000))
    assert np.ptp(many.n_plus) < np.ptp(few.n_plus) / 2


@pytest.mark.parametrize("effect", [0, 1, 3])
def test_the_critical_z_is_that_of_benjamini_and_hochberg(effect):
    z = np.random.default_rng(4).normal(size=2_000)
    z[:200] += effect
    passing = benjamini_hochberg(normal_p(z)) <= LEVEL
    np.testing.assert_array_equal(np.abs(z) >= critical_z(z, LEVEL), passing)


def test_the_same_seed_gives_the_same_answer(data):
    first, again = (looked_at(data, 200, seed=5)[2] for _ in range(2))
    np.testing.assert_array_equal(first.selection_frequency, again.selection_frequency)
    np.testing.assert_array_equal(first.n_plus, again.n_plus)
