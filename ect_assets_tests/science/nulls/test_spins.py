"""Tests of the assignment of rotated parcels."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from ect_assets.reference.loaders import parcels
from ect_assets.science.nulls.places import SPHERE
from ect_assets.science.nulls.rotations import random_rotations, reflect
from ect_assets.science.nulls.spins import hungarian_assignment, vasa_assignment
from ect_assets_tests.paths import ROOT

METHODS = {"vasa": vasa_assignment, "hungarian": hungarian_assignment}
CHECKS = ROOT / ".." / "shared" / "checks"


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


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_peer_gives_the_same_assignment_of_the_same_rotations(method):
    peer = pytest.importorskip("neuromaps.nulls.spins")
    sphere = parcels("hcp_mmp")[SPHERE].to_numpy()
    right = np.repeat([0, 1], 180)
    state = np.random.RandomState(5)
    left = np.stack([peer._gen_rotation(state)[0] for _ in range(10)])
    expected = peer.gen_spinsamples(
        sphere, right, n_rotate=10, method=method, seed=5, check_duplicates=False
    )
    found = np.hstack(
        [METHODS[method](sphere[:180], left), 180 + METHODS[method](sphere[180:], reflect(left))]
    )
    np.testing.assert_array_equal(found, expected.T)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_rotated_parcel_is_used_once(coordinates, method):
    rotations = random_rotations(40, np.random.default_rng(1))
    assignment = METHODS[method](coordinates, rotations)
    np.testing.assert_array_equal(np.sort(assignment, axis=1), np.tile(np.arange(30), (40, 1)))


@pytest.mark.parametrize("method", sorted(METHODS))
def test_no_rotation_leaves_each_parcel_in_place(coordinates, method):
    assignment = METHODS[method](coordinates, np.eye(3)[None])
    np.testing.assert_array_equal(assignment[0], np.arange(30))


def test_the_compiled_steps_are_the_published_ones(coordinates):
    rotations = random_rotations(10, np.random.default_rng(2))
    expected = [step_by_step(coordinates, rotation) for rotation in rotations]
    np.testing.assert_array_equal(vasa_assignment(coordinates, rotations), expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_any_number_of_parcels_is_paired_by_the_published_steps(coordinates, n):
    rotations = random_rotations(10, np.random.default_rng(n))
    expected = [step_by_step(coordinates[:n], rotation) for rotation in rotations]
    np.testing.assert_array_equal(vasa_assignment(coordinates[:n], rotations), expected)


def test_parcels_in_one_place_are_paired_in_their_order():
    points = np.tile([[0.0, 0.0, 1.0]], (6, 1))
    np.testing.assert_array_equal(vasa_assignment(points, np.eye(3)[None])[0], np.arange(6))


def test_hungarian_distances_sum_to_less_than_those_of_vasa(coordinates):
    rotations = random_rotations(20, np.random.default_rng(3))
    rotated, rotation = coordinates @ rotations, np.arange(20)[:, None]
    total = {
        method: np.linalg.norm(
            coordinates - rotated[rotation, assign(coordinates, rotations)], axis=2
        ).sum(axis=1)
        for method, assign in METHODS.items()
    }
    assert (total["hungarian"] <= total["vasa"] + 1e-12).all()


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_assignment_does_not_depend_on_the_number_of_threads(coordinates, method):
    rotations = random_rotations(130, np.random.default_rng(3))
    np.testing.assert_array_equal(
        METHODS[method](coordinates, rotations, n_threads=1),
        METHODS[method](coordinates, rotations, n_threads=2),
    )


@pytest.mark.parametrize("method", sorted(METHODS))
def test_permuting_the_parcels_permutes_the_assignment(coordinates, method):
    rng = np.random.default_rng(4)
    rotations, order = random_rotations(5, rng), rng.permutation(30)
    values = rng.normal(size=30)
    plain = values[METHODS[method](coordinates, rotations)]
    permuted = values[order][METHODS[method](coordinates[order], rotations)]
    np.testing.assert_array_equal(permuted, plain[:, order])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_missing_coordinate_is_refused(coordinates, method):
    coordinates[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        METHODS[method](coordinates, np.eye(3)[None])


def test_the_compiler_is_loaded_only_when_parcels_are_spun():
    code = "import sys, ect_assets.science.nulls.models; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
