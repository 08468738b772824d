"""Tests of the assignment of rotated parcels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ect_assets.nulls.rotations import random_rotations, reflect
from ect_assets.nulls.spins import vasa_assignment

CHECKS = Path(__file__).resolve().parents[2] / ".." / "shared" / "checks"


def step_by_step(coordinates, rotation):
    """One rotation by the published steps, without shortcuts."""
    distances = cdist(coordinates, coordinates @ rotation)
    assignment = np.empty(len(coordinates), dtype=int)
    for _ in coordinates:
        row = np.nanargmax(np.nanmin(np.where(np.isinf(distances), np.nan, distances), axis=1))
        column = np.nanargmin(np.where(np.isinf(distances[row]), np.nan, distances[row]))
        assignment[row] = column
        distances[:, column] = np.inf
        distances[row] = 0
        distances[row, column] = -1
    return assignment


@pytest.fixture
def coordinates():
    """Thirty places on the unit sphere."""
    points = np.random.default_rng(0).normal(size=(30, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.skipif(not CHECKS.is_dir(), reason=f"needs the reference files in {CHECKS}")
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_published_assignment_is_reproduced(side):
    sphere = np.loadtxt(CHECKS / "sphere_HCP.txt")
    with np.load(CHECKS / "spin_vasa_reference.npz") as reference:
        left, expected = reference["rotations_left"], reference["assignment"]
    if side == "left":
        found, expected = vasa_assignment(sphere[:180], left), expected[:, :180]
    else:
        found, expected = vasa_assignment(sphere[180:], reflect(left)) + 180, expected[:, 180:]
    np.testing.assert_array_equal(found, expected)


def test_each_rotated_parcel_is_used_once(coordinates):
    assignment = vasa_assignment(coordinates, random_rotations(40, np.random.default_rng(1)))
    np.testing.assert_array_equal(np.sort(assignment, axis=1), np.tile(np.arange(30), (40, 1)))


def test_no_rotation_leaves_each_parcel_in_place(coordinates):
    assignment = vasa_assignment(coordinates, np.eye(3)[None])
    np.testing.assert_array_equal(assignment[0], np.arange(30))


def test_the_vectorised_steps_are_the_published_ones(coordinates):
    rotations = random_rotations(10, np.random.default_rng(2))
    expected = [step_by_step(coordinates, rotation) for rotation in rotations]
    np.testing.assert_array_equal(vasa_assignment(coordinates, rotations), expected)


def test_the_assignment_does_not_depend_on_the_chunks(coordinates):
    rotations = random_rotations(20, np.random.default_rng(3))
    np.testing.assert_array_equal(
        vasa_assignment(coordinates, rotations, chunk_size=3),
        vasa_assignment(coordinates, rotations),
    )


def test_permuting_the_parcels_permutes_the_assignment(coordinates):
    rng = np.random.default_rng(4)
    rotations, order = random_rotations(5, rng), rng.permutation(30)
    values = rng.normal(size=30)
    plain = values[vasa_assignment(coordinates, rotations)]
    permuted = values[order][vasa_assignment(coordinates[order], rotations)]
    np.testing.assert_array_equal(permuted, plain[:, order])


def test_a_missing_coordinate_is_refused(coordinates):
    coordinates[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        vasa_assignment(coordinates, np.eye(3)[None])
