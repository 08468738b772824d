"""Tests of variogram matching."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ect_assets.reference.loaders import parcels
from ect_assets.science.nulls.burt import draw_shuffles, prepare_variogram
from ect_assets.science.nulls.places import MNI

MEAN = 5.0


@pytest.fixture
def places():
    """Distances (n, n) of a hundred places and a smooth map (n,) on them."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (100, 3))
    distances = cdist(points, points)
    smooth = np.linalg.cholesky(np.exp(-distances / 40)) @ rng.normal(size=100)
    return distances, MEAN + smooth - smooth.mean()


def burt_surrogates(values, distances, n, rng):
    """Surrogates (n_parcels, n) with the variogram of the map."""
    shuffles = draw_shuffles(len(values), n, rng)
    return prepare_variogram(distances).surrogates(values, *shuffles)


def by_the_peer(values, distances, n, state):
    """Surrogates (n_parcels, n) of brainsmash, and the draws that it made for them."""
    peer = pytest.importorskip("brainsmash.mapgen")
    expected = peer.Base(values, distances)._call_method(n, np.random.RandomState(state)).T
    again = np.random.RandomState(state)
    orders = again.random_sample((len(values), n)).argsort(axis=0).T
    return expected, orders, again.randn(len(values), n).T


def test_the_peer_makes_the_same_surrogates_of_the_same_draws(places):
    distances, values = places
    expected, orders, noise = by_the_peer(values, distances, 70, state=1)
    found = prepare_variogram(distances).surrogates(values, orders, noise)
    # The peer leaves its surrogates at mean zero.
    np.testing.assert_allclose(found, expected + values.mean(), atol=1e-8)


def test_the_peer_makes_the_same_surrogates_on_a_grid_where_distances_tie():
    points = np.stack(np.meshgrid(*[np.arange(0.0, 5)] * 3), axis=-1).reshape(-1, 3)
    distances = cdist(points, points)
    values = np.sin(points[:, 0]) + np.random.default_rng(2).normal(size=len(points)) / 3
    expected, orders, noise = by_the_peer(values, distances, 20, state=2)
    found = prepare_variogram(distances).surrogates(values, orders, noise)
    np.testing.assert_allclose(found, expected + values.mean(), atol=1e-8)


def test_surrogates_come_nearer_to_the_variogram_of_the_map_than_shuffled_maps():
    cortex = parcels("hcp_mmp").query("hemisphere == 'L'")
    distances = cdist(cortex[MNI], cortex[MNI])
    values = np.linalg.cholesky(np.exp(-distances / 25)) @ np.random.default_rng(3).normal(size=180)
    matching = prepare_variogram(distances)

    def error(maps):
        target = matching.variogram(values[:, None])[:, 0]
        return np.abs(matching.variogram(maps).mean(axis=1) - target).mean()

    maps = burt_surrogates(values, distances, 300, np.random.default_rng(4))
    shuffled = np.random.default_rng(5).permuted(np.tile(values[:, None], 300), axis=0)
    assert error(maps) < 0.6 * error(shuffled)


def test_a_variogram_is_half_the_mean_squared_difference_of_near_places(places):
    distances, values = places
    matching = prepare_variogram(distances)
    squared = (values[matching.first] - values[matching.second]) ** 2
    expected = np.array([np.average(squared, weights=w) / 2 for w in matching.pair_weights])
    np.testing.assert_allclose(matching.variogram(values[:, None])[:, 0], expected)


def test_smoothing_leaves_a_constant_map_alone(places):
    distances, _ = places
    smoothed = prepare_variogram(distances).smoothers @ np.ones(len(distances))
    np.testing.assert_allclose(smoothed, 1)


def test_surrogates_do_not_resemble_the_map_on_average(places):
    distances, values = places
    maps = burt_surrogates(values, distances, 500, np.random.default_rng(5))
    r = np.corrcoef(values, maps.T)[0, 1:]
    # Shuffling without replacement leaves a bias of -1 / (n - 1).
    assert abs(r.mean()) < 1 / len(values) + 4 * r.std() / np.sqrt(len(r))


def test_the_batches_do_not_change_the_surrogates(places, monkeypatch):
    distances, values = places
    expected = burt_surrogates(values, distances, 40, np.random.default_rng(6))
    monkeypatch.setattr("ect_assets.science.nulls.burt.SURROGATES_AT_ONCE", 7)
    found = burt_surrogates(values, distances, 40, np.random.default_rng(6))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_places_that_are_all_equally_far_have_no_variogram():
    distances = np.ones((12, 12)) - np.eye(12)
    with pytest.raises(ValueError, match="distances that differ"):
        prepare_variogram(distances)


def test_fewer_than_ten_places_are_refused(places):
    with pytest.raises(ValueError, match="There are 9 parcels"):
        prepare_variogram(places[0][:9, :9])
