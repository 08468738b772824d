"""Correlation with reference maps, against null maps, one by one and family-wise."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.science.statistics.reference_maps import reference_correlations
from ect_assets.science.statistics.resampling import spatial_gene_p


@pytest.fixture
def drawn():
    rng = np.random.default_rng(3)
    return rng.normal(size=(20, 6)), rng.normal(size=20), rng.normal(size=(20, 199))


def test_maps_without_gaps_are_tested_as_genes_are(drawn):
    references, values, nulls = drawn
    found, of_genes = reference_correlations(*drawn), spatial_gene_p(references, values, nulls)
    np.testing.assert_allclose(found.r, of_genes.r_map)
    np.testing.assert_allclose(found.p_spatial, of_genes.p_spatial)
    np.testing.assert_allclose(found.q_spatial, of_genes.q_spatial)
    np.testing.assert_allclose(found.p_max, of_genes.p_space_max)


def test_a_gap_leaves_out_its_parcel_for_that_map_alone(drawn):
    references, values, nulls = drawn
    before = reference_correlations(*drawn)
    references[[2, 5], 1] = np.nan
    found = reference_correlations(references, values, nulls)
    assert list(found.n_parcels) == [20, 18, 20, 20, 20, 20]
    known = np.isfinite(references[:, 1])
    assert found.r[1] == pytest.approx(np.corrcoef(references[known, 1], values[known])[0, 1])
    null_r = [np.corrcoef(references[known, 1], one[known])[0, 1] for one in nulls.T]
    assert found.p_spatial[1] == (1 + (np.abs(null_r) >= abs(found.r[1])).sum()) / 200
    others = [0, 2, 3, 4, 5]
    np.testing.assert_allclose(found.p_spatial[others], before.p_spatial[others])


def test_family_wise_p_is_never_below_that_of_one_map(drawn):
    found = reference_correlations(*drawn)
    assert (found.p_max >= found.p_spatial).all()


def test_a_constant_reference_is_refused(drawn):
    references, values, nulls = drawn
    references[:, 0] = 1
    with pytest.raises(ValueError, match="constant"):
        reference_correlations(references, values, nulls)


def test_of_maps_without_any_relation_one_in_twenty_families_is_found():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        drawn = rng.normal(size=(20, 5)), rng.normal(size=20), rng.normal(size=(20, 99))
        found.append((reference_correlations(*drawn).p_max <= 0.05).any())
    assert 0.01 <= np.mean(found) <= 0.10


def test_a_reference_with_few_parcels_does_not_decide_for_the_others():
    rng = np.random.default_rng(7)
    y, nulls = rng.standard_normal(60), rng.standard_normal((60, 999))
    along = y + 1.5 * rng.standard_normal(60)
    sparse = np.where(np.arange(60) < 5, rng.standard_normal(60), np.nan)
    alone = reference_correlations(along[:, None], y, nulls).p_max[0]
    beside = reference_correlations(np.column_stack([along, sparse]), y, nulls).p_max[0]
    assert alone < 0.005 and beside < 0.02


def test_a_reference_in_three_parcels_is_refused():
    y, nulls = np.arange(8.0), np.random.default_rng(1).standard_normal((8, 9))
    with pytest.raises(ValueError, match="fewer than 4 parcels"):
        reference_correlations(np.where(np.arange(8) < 3, y, np.nan)[:, None], y, nulls)
