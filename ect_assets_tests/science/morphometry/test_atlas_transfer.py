"""Carrying labels over the sphere: nearest vertices, and fsaverage's own sphere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ect_assets.reference.build.upstream import surface
from ect_assets.reference.loaders import desikan_hcp_overlap, parcels
from ect_assets.science.morphometry.atlas_transfer import (
    N_VERTICES,
    OUTSIDE_CORTEX,
    carry_labels,
    fsaverage_labels,
    fsaverage_sphere,
    nearest_vertices,
)

FACES = np.array(
    [[0, 3, 4], [0, 4, 5], [0, 5, 1], [0, 1, 2], [0, 2, 3], [3, 2, 8], [3, 8, 9], [3, 9, 4]]
    + [[4, 9, 10], [4, 10, 5], [5, 10, 6], [5, 6, 1], [1, 6, 7], [1, 7, 2], [2, 7, 8]]
    + [[8, 11, 9], [9, 11, 10], [10, 11, 6], [6, 11, 7], [7, 11, 8]]
)


def random_sphere(n: int, seed: int) -> np.ndarray:
    """Scatter points on a sphere of 100 mm."""
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return 100 * points / np.linalg.norm(points, axis=1, keepdims=True)


def halved_icosahedron(times: int) -> np.ndarray:
    """Halve the edges of an icosahedron, numbering new vertices as FreeSurfer does."""
    turns = 2 * np.pi / 5 * np.array([-1, 0, 1, 2, -2])
    rings = [
        np.column_stack([2 * np.cos(turns + shift), 2 * np.sin(turns + shift), np.full(5, height)])
        for shift, height in ((0, 1), (-np.pi / 5, -1))
    ]
    vertices = np.vstack([[0, 0, np.sqrt(5)], *rings, [0, 0, -np.sqrt(5)]]) / np.sqrt(5)
    faces = FACES
    for _ in range(times):
        edges = np.sort(faces[:, [0, 2, 1, 2, 0, 1]].reshape(-1, 2), axis=1)
        _, first, which = np.unique(edges, axis=0, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=int)
        place[np.argsort(first)] = np.arange(len(first))
        outer, far, near = (len(vertices) + place[which.ravel()].reshape(-1, 3)).T
        middles = vertices[edges[np.sort(first)]].sum(axis=1)
        vertices = np.vstack([vertices, middles / np.linalg.norm(middles, axis=1, keepdims=True)])
        a, b, c = faces.T
        rest = [
            np.stack(face, axis=1) for face in ((outer, far, c), (near, far, outer), (near, b, far))
        ]
        faces = np.vstack(
            [np.stack((a, near, outer), axis=1), np.stack(rest, axis=1).reshape(-1, 3)]
        )
    return vertices


def test_the_nearest_vertex_is_that_of_a_search_over_all():
    source, target = random_sphere(700, 1), random_sphere(500, 2)
    distance = np.linalg.norm(target[:, None] - source[None], axis=2)
    assert (nearest_vertices(source, target) == distance.argmin(axis=1)).all()


def test_spheres_may_have_different_radii():
    source, target = random_sphere(700, 1), random_sphere(500, 2)
    assert (nearest_vertices(source / 100, target) == nearest_vertices(source, target)).all()


def test_labels_come_back_unchanged_on_the_same_sphere():
    left, _ = fsaverage_labels("hcp_mmp")
    assert (carry_labels(left, fsaverage_sphere(), 100 * fsaverage_sphere()) == left).all()


def test_a_turn_that_both_spheres_make_changes_nothing():
    source, target, labels = random_sphere(700, 1), random_sphere(500, 2), np.arange(700)
    turn = Rotation.from_euler("xyz", [0.3, 0.9, -2]).as_matrix()
    turned = carry_labels(labels, source @ turn, target @ turn)
    assert (turned == carry_labels(labels, source, target)).all()


def test_fsaverages_sphere_is_an_icosahedron_halved_seven_times():
    assert np.abs(fsaverage_sphere() - halved_icosahedron(7)).max() < 7e-5


@pytest.mark.parametrize("hemisphere", ["L", "R"])
def test_fsaverages_sphere_begins_with_nilearns_fsaverage5(hemisphere):
    coarse, _ = surface("sphere", hemisphere)
    assert np.abs(100 * fsaverage_sphere()[: len(coarse)] - coarse).max() < 1e-2
    unit = coarse / np.linalg.norm(coarse, axis=1, keepdims=True)
    assert np.abs(fsaverage_sphere()[: len(coarse)] - unit).max() < 3e-7


def test_hcp_mmp_has_a_label_for_each_vertex_and_each_parcel_of_its_side():
    left, right = fsaverage_labels("hcp_mmp")
    assert len(left) == len(right) == N_VERTICES
    assert set(left) == set(range(181)) and set(right) == {0, *range(181, 361)}


def test_an_atlas_that_is_not_on_fsaverage_is_not_known():
    assert fsaverage_labels("desikan_killiany") is None


def test_parcels_outside_the_cortex_are_those_that_share_no_vertex_with_desikan_killiany():
    names = set(parcels("hcp_mmp")["parcel"]) - set(desikan_hcp_overlap()["hcp_mmp"])
    assert names == set(OUTSIDE_CORTEX["hcp_mmp"])
