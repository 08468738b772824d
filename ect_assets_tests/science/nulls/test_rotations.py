"""Tests of random rotations."""

from __future__ import annotations

import numpy as np
from scipy import stats

from ect_assets.science.nulls.rotations import random_rotations, reflect


def test_rotations_are_orthogonal_and_keep_handedness():
    rotations = random_rotations(200, np.random.default_rng(0))
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.tile(np.eye(3), (200, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotations), 1)


def test_a_rotated_point_lies_anywhere_on_the_sphere():
    rotations = random_rotations(5000, np.random.default_rng(1))
    for point in np.eye(3):
        for coordinate in (point @ rotations).T:
            # Archimedes: each coordinate of a uniform point on the sphere is uniform.
            assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_the_angle_of_rotation_has_the_haar_distribution():
    rotations = random_rotations(5000, np.random.default_rng(2))
    angle = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert stats.kstest(angle, lambda a: (a - np.sin(a)) / np.pi).pvalue > 0.001


def test_a_mirrored_rotation_moves_mirrored_points_alike():
    rng = np.random.default_rng(3)
    points, mirror = rng.normal(size=(7, 3)), np.array([-1, 1, 1])
    rotations = random_rotations(5, rng)
    np.testing.assert_allclose((points * mirror) @ reflect(rotations), points @ rotations * mirror)


def test_drawing_in_parts_gives_the_same_rotations():
    rng = np.random.default_rng(4)
    parts = np.concatenate([random_rotations(3, rng), random_rotations(4, rng)])
    np.testing.assert_array_equal(parts, random_rotations(7, np.random.default_rng(4)))
