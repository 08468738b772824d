"""Growth between sessions, and the gain that takes back what the membrane holds down."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.change import GrayMatter, compare, session_growth
from ect_assets.science.morphometry.volumetric.gauss_newton import log_growth, pull, warp
from ect_assets.science.morphometry.volumetric.halfway import Halfway
from ect_assets.science.morphometry.volumetric.space import Grid
from ect_assets_tests.science.morphometry.volumetric.shapes import texture

SIDE, BLOCK = 64, 12
SHAPE = (SIDE, SIDE, SIDE)
WEIGHTS = np.ones(SHAPE, dtype=np.float32)


def blocks() -> np.ndarray:
    """Parcels in the middle of the cube."""
    place = (np.indices(SHAPE) - 8) // BLOCK
    parcel = 1 + place[0] + 4 * place[1] + 16 * place[2]
    parcel[((place < 0) | (place > 3)).any(axis=0)] = 0
    return parcel.astype(np.int32)


@pytest.fixture(scope="module")
def brain() -> GrayMatter:
    """All of the cube is gray matter."""
    return GrayMatter(WEIGHTS, blocks(), 1.0)


def fine_texture(seed: int) -> np.ndarray:
    """As `texture`, with structure of two or three voxels laid upon it."""
    fine = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 0.7)
    return texture(SHAPE, seed) + (8 * fine / fine.std()).astype(np.float32)


def two_scans(image: np.ndarray, known: np.ndarray, noise: float, seed: int):
    own = np.random.default_rng(seed).normal(scale=noise, size=(2, *SHAPE)).astype(np.float32)
    return warp(image, known, 0.5) + own[0], warp(image, known, -0.5) + own[1]


def plain_texture(seed: int) -> np.ndarray:
    return texture(SHAPE, seed)


@pytest.mark.parametrize(
    ("make", "noise"),
    [
        (plain_texture, 5.0),
        (fine_texture, 3.0),
        pytest.param(plain_texture, 3.0, marks=pytest.mark.slow),
        pytest.param(fine_texture, 5.0, marks=pytest.mark.slow),
    ],
)
def test_growth_divided_by_the_gain_has_the_size_of_the_true_growth(brain, make, noise):
    true, found = [], []
    for seed in range(4):
        known = brain.random_growth(np.random.default_rng((99, seed)))
        scans = two_scans(make(seed), known, noise, 10 + seed)
        growth, gain = compare(*scans, WEIGHTS, brain, seed=1)
        assert gain < 0.95
        true.append(brain.mean_over_parcels(log_growth(known))[1:])
        found.append(brain.mean_over_parcels(growth)[1:] / gain)
    slope = np.polyfit(np.concatenate(true), np.concatenate(found), 1)[0]
    assert slope == pytest.approx(1, abs=0.1)


def test_the_gain_falls_with_noise(brain):
    known = brain.random_growth(np.random.default_rng(5))
    gains = [
        compare(*two_scans(texture(SHAPE, 6), known, noise, 7), WEIGHTS, brain, seed=1)[1]
        for noise in (1.5, 3.0, 5.0)
    ]
    assert gains == sorted(gains, reverse=True)


def test_scans_without_a_difference_have_no_growth(brain):
    image = texture(SHAPE, 8)
    growth, gain = compare(image, image.copy(), WEIGHTS, brain, seed=1)
    assert not growth.any() and gain == 1


def test_of_three_sessions_each_is_compared_with_the_others(brain):
    """A brain that grows by the same twice: the middle session lies between the others."""
    step = brain.random_growth(np.random.default_rng(12))
    random = np.random.default_rng(13)
    image = texture(SHAPE, 12)
    scans = [
        warp(image, step, -share) + random.normal(scale=2, size=SHAPE).astype(np.float32)
        for share in (0.0, 1.0, 2.0)
    ]
    grid = Grid(SHAPE, np.eye(4))
    together = Halfway(grid, scans, np.ones(SHAPE, bool), [np.eye(4)] * 3, np.eye(4))
    growth = session_growth(together, WEIGHTS, blocks(), seed=1)
    np.testing.assert_allclose(sum(growth), 0, atol=1e-6)
    means = [brain.mean_over_parcels(one)[1:] for one in growth]
    true = brain.mean_over_parcels(log_growth(step))[1:]
    for first, second in ((0, 1), (1, 2)):
        assert np.polyfit(true, means[second] - means[first], 1)[0] == pytest.approx(1, abs=0.15)


def test_a_single_session_has_no_growth():
    alone = Halfway(
        Grid(SHAPE, np.eye(4)), [texture(SHAPE, 1)], WEIGHTS > 0, [np.eye(4)], np.eye(4)
    )
    (growth,) = session_growth(alone, WEIGHTS, blocks(), seed=1)
    assert not growth.any()


def test_a_growth_that_is_given_is_the_same_for_the_same_seed(brain):
    first, again = (brain.random_growth(np.random.default_rng((3, 1))) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_without_parcels_nothing_is_divided():
    nowhere = GrayMatter(np.ones(SHAPE, np.float32), np.zeros(SHAPE, np.int32), 1.0)
    random = np.random.default_rng(9)
    scans = [texture(SHAPE, 9) + random.normal(size=SHAPE).astype(np.float32) for _ in range(2)]
    assert compare(*scans, WEIGHTS, nowhere, seed=1)[1] == 1


def test_splines_give_a_moved_image_back_better_than_convolution():
    image = fine_texture(10)
    shift = np.full((3, *SHAPE), 0.5, dtype=np.float32)
    core = (slice(4, -4),) * 3
    errors = [
        float(np.abs(sample(sample(image, shift, 1.0), shift, -1.0) - image)[core].mean())
        for sample in (warp, pull)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_a_shift_by_whole_voxels_moves_an_image_exactly():
    image = texture(SHAPE, 11)
    shift = np.zeros((3, *SHAPE), dtype=np.float32)
    shift[1] = 2
    core = slice(8, -8)
    moved = warp(image, shift, 1.0)[core, core, core]
    np.testing.assert_allclose(moved, image[core, 10:-6, core], atol=1e-3)
