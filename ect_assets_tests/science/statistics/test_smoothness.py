"""Tests of the smoothness of maps, on simulated maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ect_assets.reference.loaders import parcels
from ect_assets.science.calibration import noise_maps
from ect_assets.science.statistics.smoothness import correlation_length, moran_index

MNI = ["x_mni_mm", "y_mni_mm", "z_mni_mm"]


@pytest.fixture(scope="module")
def places():
    """HCP-MMP parcels of both hemispheres."""
    return parcels("hcp_mmp")


def between(places):
    """Distances between parcels in mm."""
    return cdist(places[MNI], places[MNI])


@pytest.mark.parametrize("length_mm", [15, 25, 40])
def test_the_mean_estimate_over_180_parcels_is_near_the_truth(places, length_mm):
    distances = between(places[places.hemisphere == "L"])
    maps = noise_maps(distances, length_mm, 150, np.random.default_rng(length_mm))
    found = [correlation_length(one, distances) for one in maps.T]
    assert np.mean(found) == pytest.approx(length_mm, rel=0.25)


def test_smoothness_does_not_depend_on_units_and_order_of_the_parcels(places):
    left = places[places.hemisphere == "L"]
    distances = between(left)
    values = noise_maps(distances, 25, 1, np.random.default_rng(0))[:, 0]
    order = np.random.default_rng(1).permutation(len(left))
    plain = correlation_length(values, distances)
    other = correlation_length(7 * values[order] - 3, distances[np.ix_(order, order)])
    assert other == pytest.approx(plain, rel=1e-6)


def test_white_noise_is_not_smooth(places):
    distances = between(places)
    values = np.random.default_rng(2).normal(size=len(places))
    assert correlation_length(values, distances, places.hemisphere.to_numpy()) < 8


def test_a_difference_between_hemispheres_is_not_smoothness(places):
    distances, sides = between(places), places.hemisphere.to_numpy()
    values = noise_maps(distances, 20, 1, np.random.default_rng(3))[:, 0]
    shifted = values + 100 * (sides == "L")
    plain = correlation_length(values, distances, sides)
    assert correlation_length(shifted, distances, sides) == pytest.approx(plain, rel=1e-6)


def test_several_maps_together_say_more_than_each(places):
    distances = between(places[places.hemisphere == "L"])[::4, ::4]
    maps = noise_maps(distances, 25, 400, np.random.default_rng(5))
    alone = [correlation_length(one, distances) for one in maps.T[:60]]
    together = [correlation_length(maps[:, k : k + 20], distances) for k in range(0, 400, 20)]
    assert np.std(together) < np.std(alone) / 2
    assert np.mean(together) == pytest.approx(25, rel=0.25)


def test_morans_index_is_its_double_sum_and_grows_with_smoothness(places):
    distances = between(places[places.hemisphere == "L"])[::6, ::6]
    maps = noise_maps(distances, 20, 3, np.random.default_rng(6))
    n = len(maps)
    for found, z in zip(moran_index(maps, distances), (maps - maps.mean(axis=0)).T, strict=True):
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
        agreement = sum(z[i] * z[j] / distances[i, j] for i, j in pairs)
        total = sum(1 / distances[i, j] for i, j in pairs)
        assert found == pytest.approx(n / total * agreement / (z @ z), rel=1e-10)
    rough, smooth = (
        moran_index(noise_maps(distances, length, 200, np.random.default_rng(7)), distances).mean()
        for length in (5, 60)
    )
    assert rough < smooth / 2


def test_nine_parcels_are_too_few():
    points = np.random.default_rng(4).normal(size=(9, 3))
    with pytest.raises(ValueError, match="9 parcels"):
        correlation_length(np.arange(9.0), cdist(points, points))
