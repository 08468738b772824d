"""Tests of Moran spectral randomisation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ect_assets.science.nulls.moran import flip_spectrum, moran_eigenvectors, random_signs


@pytest.fixture
def places():
    """Distances (n, n) of forty places and a smooth map (n,) on them."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (40, 3))
    distances = cdist(points, points)
    smooth = np.linalg.cholesky(np.exp(-distances / 40)) @ rng.normal(size=40)
    return distances, 5 + 2 * smooth


def moran_surrogates(values, distances, n, rng):
    """Surrogates (n_parcels, n) by random signs of the map's spectrum."""
    vectors = moran_eigenvectors(distances)
    return flip_spectrum(values, vectors, random_signs(n, vectors.shape[1], rng))


def weights(distances):
    """Inverse distances with a zero diagonal."""
    apart = distances + np.eye(len(distances))
    return 1 / apart - np.eye(len(distances))


def moran_index(maps, distances):
    """Moran's I of each column."""
    centred, w = maps - maps.mean(axis=0), weights(distances)
    return len(w) / w.sum() * (centred * (w @ centred)).sum(axis=0) / (centred**2).sum(axis=0)


def test_the_eigenvectors_are_those_of_the_doubly_centred_weights(places):
    distances, _ = places
    n = len(distances)
    centring = np.eye(n) - 1 / n
    centred = centring @ weights(distances) @ centring
    vectors = moran_eigenvectors(distances)
    values = np.einsum("ij,ij->j", vectors, centred @ vectors)
    assert vectors.shape == (n, n - 1)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n - 1), atol=1e-12)
    np.testing.assert_allclose(centred @ vectors, vectors * values, atol=1e-12)


def test_surrogates_keep_mean_and_variance_of_the_map(places):
    distances, values = places
    maps = moran_surrogates(values, distances, 50, np.random.default_rng(1))
    np.testing.assert_allclose(maps.mean(axis=0), values.mean(), rtol=1e-12)
    np.testing.assert_allclose(maps.std(axis=0, ddof=1), values.std(ddof=1), rtol=1e-12)


def test_surrogates_keep_the_spatial_autocorrelation_of_the_map(places):
    distances, values = places
    maps = moran_surrogates(values, distances, 50, np.random.default_rng(2))
    np.testing.assert_allclose(
        moran_index(maps, distances), moran_index(values[:, None], distances)[0], rtol=1e-10
    )


def test_surrogates_keep_the_power_of_the_map_in_each_eigenvector(places):
    distances, values = places
    vectors = moran_eigenvectors(distances)
    maps = moran_surrogates(values, distances, 20, np.random.default_rng(3))
    expected = np.abs(vectors.T @ values)
    found = np.abs(vectors.T @ maps)
    np.testing.assert_allclose(found, np.tile(expected[:, None], (1, 20)), atol=1e-12)


def test_surrogates_do_not_resemble_the_map_on_average(places):
    distances, values = places
    maps = moran_surrogates(values, distances, 2000, np.random.default_rng(4))
    r = np.corrcoef(values, maps.T)[0, 1:]
    assert abs(r.mean()) < 4 * r.std() / np.sqrt(len(r))


class Precise:
    """numpy for brainspace, with 64 bits where it asks for 32."""

    float32 = np.float64

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize("diagonal", [0, 1])
def test_the_peer_makes_the_same_surrogates_of_the_same_signs(places, monkeypatch, diagonal):
    peer = pytest.importorskip("brainspace.null_models.moran")
    monkeypatch.setattr(peer, "np", Precise())
    distances, values = places
    n = len(values)
    expected = peer.MoranRandomization(n_rep=30, joint=True, random_state=3).fit(
        weights(distances) + diagonal * np.eye(n)
    )
    assert expected.mem_.shape == (n, n - 1)
    # The peer's eigenvalues descend, ours ascend.
    signs = np.random.RandomState(3).choice([-1.0, 1.0], size=(30, n - 1, 1))[:, ::-1, 0]
    found = flip_spectrum(values, moran_eigenvectors(distances), signs)
    np.testing.assert_allclose(found.T, expected.randomize(values), atol=1e-10)


def test_the_peer_as_released_makes_nearly_the_same_surrogates(places):
    peer = pytest.importorskip("brainspace.null_models.moran")
    distances, values = places
    n = len(values)
    # As neuromaps calls it: a diagonal of one, and 32 bits inside.
    expected = peer.MoranRandomization(n_rep=30, joint=True, tol=1e-6, random_state=3).fit(
        weights(distances) + np.eye(n)
    )
    signs = np.random.RandomState(3).choice([-1.0, 1.0], size=(30, n - 1, 1))[:, ::-1, 0]
    found = flip_spectrum(values, moran_eigenvectors(distances), signs)
    np.testing.assert_allclose(found.T, expected.randomize(values), atol=1e-3)


def test_places_that_coincide_are_named(places):
    distances, _ = places
    distances[2, 5] = distances[5, 2] = 0
    with pytest.raises(ValueError, match="Places 2 and 5"):
        moran_eigenvectors(distances)
