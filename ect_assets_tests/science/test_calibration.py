"""Tests of the calibration on noise maps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ect_assets.reference.loaders import expression_matrix, parcels
from ect_assets.science.calibration import calibrate, noise_maps, reading, symptom_calibration
from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.resampling import spatial_gene_p

COLUMNS = [
    "null_model",
    "statistic",
    "smoothness_mm",
    "n_maps",
    "false_positive_rate_05",
    "false_positive_rate_01",
    "ci_low_05",
    "ci_high_05",
]


def left_cortex(parcellation):
    """Cortical parcels of the left hemisphere."""
    table = parcels(parcellation)
    chosen = (table.structure == "cortex") & (table.hemisphere == "L")
    return table[chosen].reset_index(drop=True)


def ahba_like(places, n_genes, seed=0):
    """Expression of smooth, shared and local parts, (n_parcels, n_genes)."""
    rng = np.random.default_rng(seed)
    distances = mni_distances(places, "noise")
    shared = noise_maps(distances, 60, 5, rng) @ rng.normal(size=(5, n_genes))
    smooth = noise_maps(distances, 30, n_genes, rng)
    return smooth + 0.7 * shared + rng.normal(size=smooth.shape)


@pytest.fixture(scope="module")
def places():
    """Desikan-Killiany, 34 parcels."""
    return left_cortex("desikan_killiany")


@pytest.fixture(scope="module")
def small(places):
    """Arguments of a calibration of 40 genes."""
    genes = [f"gene{i}" for i in range(40)]
    sets = pd.DataFrame(
        {
            "collection": "c",
            "set_id": np.repeat(["a", "b"], 15),
            "set_name": "s",
            "gene": genes[:30],
        }
    )
    return ahba_like(places, 40), places, genes, sets


@pytest.fixture(scope="module")
def table(small):
    """The calibration at two lengths."""
    return calibrate(*small, ["vasa", "moran"], [10, 30], 30, 39, 1, n_bootstraps=50)


def test_every_test_of_every_model_is_calibrated_at_every_length(table):
    assert list(table) == COLUMNS
    expected = {("naive", "r2_y_component_1"), ("bootstrap", "gene_list_bootstrap")} | {
        (model, statistic)
        for model in ("vasa", "moran")
        for statistic in ("r2_y_component_1", "gene_p_spatial", "gene_set_spatial")
    }
    for _, part in table.groupby("smoothness_mm"):
        assert set(zip(part.null_model, part.statistic, strict=True)) == expected


def test_every_rate_lies_within_its_interval(table):
    rate = table.false_positive_rate_05
    assert ((table.ci_low_05 <= rate) & (rate <= table.ci_high_05)).all()


def test_the_interval_of_a_share_of_maps_is_that_of_clopper_and_pearson(table):
    row = table[table.statistic == "r2_y_component_1"].iloc[0]
    hits = round(row.false_positive_rate_05 * row.n_maps)
    interval = stats.binomtest(hits, int(row.n_maps)).proportion_ci(0.95, "exact")
    assert (row.ci_low_05, row.ci_high_05) == pytest.approx((interval.low, interval.high))


def test_the_same_seed_gives_the_same_rates(small, table):
    again = calibrate(*small, ["vasa", "moran"], [10, 30], 30, 39, 1, n_bootstraps=50)
    pd.testing.assert_frame_equal(again, table)


def test_the_component_is_tried_on_more_maps_than_the_genes(small):
    few = calibrate(*small, ["moran"], [10], 30, 39, 1, n_bootstraps=50, n_component_maps=60)
    numbers = few.groupby("statistic").n_maps.first()
    assert numbers["r2_y_component_1"] == 60
    assert set(numbers.drop("r2_y_component_1")) == {30}


def test_progress_reaches_the_total(small):
    calls = []
    expression, places, genes, _ = small
    calibrate(
        expression,
        places,
        genes,
        None,
        ["moran"],
        [10],
        3,
        19,
        1,
        progress=lambda done, total: calls.append((done, total)),
        n_bootstraps=50,
    )
    assert calls == [(3, 3)]


def test_permuting_parcels_cries_wolf_on_smooth_maps_more_often_than_moran(places):
    expression = noise_maps(mni_distances(places, "noise"), 60, 300, np.random.default_rng(9))
    genes = [f"gene{i}" for i in range(300)]
    found = calibrate(expression, places, genes, None, ["moran"], [40], 150, 99, 3, n_bootstraps=50)
    rate = found[found.statistic == "r2_y_component_1"].set_index("null_model")
    assert rate.loc["naive", "ci_low_05"] > 0.05
    rates = rate["false_positive_rate_05"]
    assert rates["moran"] < rates["naive"]


def test_noise_maps_have_the_covariance_asked_for(places):
    distances = mni_distances(places, "noise")
    maps = noise_maps(distances, 25, 40_000, np.random.default_rng(4))
    np.testing.assert_allclose(np.cov(maps), np.exp(-distances / 25), atol=0.03)


def test_distances_without_such_a_covariance_are_refused():
    # A star: its ends are pairwise farther apart than through the centre.
    distances = np.full((6, 6), 5.0) * (1 - np.eye(6))
    distances[0, 1:] = distances[1:, 0] = 0.1
    with pytest.raises(ValueError, match="Euclidean"):
        noise_maps(distances, 10, 1, np.random.default_rng(0))


def test_a_rate_is_read_between_the_lengths_that_were_tried(table):
    mine = table[(table.null_model == "vasa") & (table.statistic == "r2_y_component_1")]
    middle = reading(table, 20, "vasa")
    assert middle.rate == pytest.approx(mine.false_positive_rate_05.mean())
    assert middle.ci_low == pytest.approx(mine.ci_low_05.mean())


def test_beyond_the_lengths_the_nearest_rate_is_read(table):
    assert reading(table, 500, "moran") == reading(table, 30, "moran")


def test_a_test_that_was_not_calibrated_cannot_be_read(table):
    with pytest.raises(ValueError, match="no calibration"):
        reading(table, 20, "burt")


def test_of_many_patients_some_are_drawn_with_the_parcels_that_vary_in_them():
    rng = np.random.default_rng(8)
    change = rng.normal(size=(60, 12))
    change[:, 3] = np.arange(60) == 0
    found = symptom_calibration(change, 20, 19, 6, most_patients=20)
    assert set(found.n_patients) == {20}
    assert set(found.n_parcels) <= {11, 12}
    assert found.equals(symptom_calibration(change, 20, 19, 6, most_patients=20))
    assert set(symptom_calibration(change, 20, 19, 6, most_patients=60).n_patients) == {60}


def test_symptom_tests_hold_their_rate_when_patients_are_exchanged():
    rng = np.random.default_rng(5)
    change = rng.normal(size=(16, 40)) + rng.normal(size=(16, 1))
    found = symptom_calibration(change, 200, 99, 6, improvement=rng.normal(size=16))
    assert (found.ci_low_05 <= 0.05).all()
    assert (found.ci_high_05 >= 0.05).all()


def test_expression_of_other_parcels_is_refused(small):
    with pytest.raises(ValueError, match="33 x 40, for 34 parcels"):
        calibrate(small[0][1:], *small[1:], ["moran"], [10], 2, 19, 1)


@pytest.mark.slow
@pytest.mark.parametrize("parcellation", ["desikan_killiany", "hcp_mmp"])
@pytest.mark.parametrize("length_mm", [15.0, 25.0, 40.0])
def test_the_moran_tests_hold_five_per_cent_on_smooth_noise(parcellation, length_mm):
    places = left_cortex(parcellation)
    if parcellation == "desikan_killiany":
        matrix = expression_matrix(parcellation).loc[places.parcel]
        expression, genes = matrix.to_numpy(float), matrix.columns
    else:
        expression = ahba_like(places, 3000)
        genes = [f"gene{i}" for i in range(3000)]
    n_maps = 400
    found = calibrate(expression, places, genes, None, ["moran"], [length_mm], n_maps, 499, 2)
    rates = found[found.null_model == "moran"].set_index("statistic").false_positive_rate_05
    # Of 400 maps; with more, a small excess shows on smooth maps: docs/method.md has the figures.
    low, high = stats.binom.interval(0.95, n_maps, 0.05)
    assert low <= n_maps * rates["r2_y_component_1"] <= high
    assert low <= n_maps * rates["gene_p_spatial"] <= high


def test_two_sided_p_is_that_of_the_surrogates_themselves(places):
    expression = ahba_like(places, 20)
    values = expression[:, 0] + np.random.default_rng(7).normal(size=len(places))
    nulls = surrogate_maps("moran", values, places, 99, 8)
    found = spatial_gene_p(expression, values, nulls).p_spatial
    null = np.abs(zscore(expression).T @ zscore(nulls))
    observed = np.abs(zscore(expression).T @ zscore(values))
    np.testing.assert_array_equal(found, (1 + (null >= observed[:, None]).sum(axis=1)) / 100)
