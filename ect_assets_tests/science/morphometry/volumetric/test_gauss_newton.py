"""The registration between two scans finds what is there, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.gauss_newton import deformation, log_growth, pull
from ect_assets.science.morphometry.volumetric.multigrid import (
    gather,
    laplacian,
    residual,
    solve,
    spread,
)
from ect_assets_tests.science.morphometry.volumetric.shapes import texture

SHAPE = (40, 44, 36)


@pytest.fixture(scope="module")
def swelling() -> np.ndarray:
    """A known displacement (3, x, y, z) in voxels: growth around the centre."""
    grid = np.indices(SHAPE, dtype=np.float32)
    centre = np.array(SHAPE, dtype=np.float32).reshape(3, 1, 1, 1) / 2
    away = grid - centre
    return 0.06 * away * np.exp(-(away**2).sum(axis=0) / (2 * 7.0**2))


@pytest.fixture(scope="module")
def pair(swelling) -> tuple[np.ndarray, np.ndarray]:
    """An image pulled half-way in both directions, with a little noise."""
    image = texture(SHAPE, 1)
    random = np.random.default_rng(2)
    a, b = (pull(image, swelling, sign * 0.5) for sign in (1.0, -1.0))
    noise = random.normal(scale=0.5, size=(2, *SHAPE)).astype(np.float32)
    return a + noise[0], b + noise[1]


WEIGHTS = np.ones(SHAPE, dtype=np.float32)


def test_a_known_small_deformation_is_found(pair, swelling):
    u = deformation(*pair, WEIGHTS, 16.0).ravel()
    assert np.corrcoef(u, swelling.ravel())[0, 1] > 0.85


def test_the_growth_found_is_that_of_the_known_deformation(pair, swelling):
    found = log_growth(deformation(*pair, WEIGHTS, 16.0))
    true = log_growth(swelling)
    core = tuple(slice(n // 2 - 5, n // 2 + 5) for n in SHAPE)
    assert found[core].mean() == pytest.approx(true[core].mean(), rel=0.2)


def test_swapping_the_scans_turns_the_growth_round_exactly(pair):
    there = log_growth(deformation(*pair, WEIGHTS, 16.0))
    back = log_growth(deformation(*pair[::-1], WEIGHTS, 16.0))
    np.testing.assert_array_equal(there, -back)


def test_the_same_scan_twice_has_not_changed_at_all(pair):
    assert not deformation(pair[0], pair[0].copy(), WEIGHTS, 16.0).any()


def test_noise_alone_is_no_change():
    image = texture(SHAPE, 3)
    noise = np.random.default_rng(4).normal(size=(2, *SHAPE)).astype(np.float32)
    growth = log_growth(deformation(image + noise[0], image + noise[1], WEIGHTS, 16.0))
    assert np.abs(ndimage.uniform_filter(growth, 10)).max() < 0.03


def test_multigrid_solves_the_system_it_is_given():
    random = np.random.default_rng(5)
    slopes = random.normal(size=(3, 30, 25, 33)).astype(np.float32)
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    blocks = np.stack([slopes[i] * slopes[j] for i, j in pairs])
    right = random.normal(size=slopes.shape).astype(np.float32)
    found = solve(blocks, right, 4.0, 12)
    rest = residual(blocks, found, right, 4.0)
    assert np.linalg.norm(rest) < 1e-3 * np.linalg.norm(right)


def test_a_constant_field_has_no_membrane_energy():
    assert not laplacian(np.full((3, 7, 8, 9), 2.5, dtype=np.float32)).any()


def test_going_to_a_coarser_grid_keeps_the_sum_at_odd_sizes():
    fine = np.random.default_rng(6).random((2, 7, 9, 5)).astype(np.float32)
    np.testing.assert_allclose(
        gather(fine).sum(axis=(1, 2, 3)), fine.sum(axis=(1, 2, 3)), rtol=1e-5
    )


def test_a_constant_stays_constant_on_a_finer_grid():
    fine = np.zeros((1, 7, 9, 5), dtype=np.float32)
    spread(np.full((1, 4, 5, 3), 3.0, dtype=np.float32), fine)
    np.testing.assert_allclose(fine, 3.0, rtol=1e-6)
