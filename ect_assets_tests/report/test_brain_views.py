"""Each pixel of a view shows the triangle nearest to the eye that covers its centre."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.report.maps.brain_views import _rasterised

WIDTH, HEIGHT = 23, 17


@pytest.fixture(scope="module")
def corners() -> np.ndarray:
    """Triangles (n, 3, 3), some beyond the margins, one flat, two of them the same."""
    rng = np.random.default_rng(2)
    drawn = rng.uniform([-4, -4, 0], [WIDTH + 4, HEIGHT + 4, 9], size=(40, 3, 3))
    drawn[5, 2] = drawn[5, :2].mean(axis=0)
    drawn[9] = drawn[3]
    return drawn


def expected_at(corners: np.ndarray, column: int, row: int) -> tuple[int, np.ndarray] | None:
    """Solve for the weights of every triangle at one pixel, and take the nearest."""
    found = []
    for number, triangle in enumerate(corners):
        equations = np.vstack([triangle[:, :2].T, np.ones(3)])
        if np.linalg.matrix_rank(equations) == 3:
            weights = np.linalg.solve(equations, [column + 0.5, row + 0.5, 1])
            if (weights >= 0).all():
                found.append((-weights @ triangle[:, 2], number, weights))
    if not found:
        return None
    # Of equally near triangles the first.
    nearest = min(one[0] for one in found) + 1e-9
    return next((number, weights) for near, number, weights in found if near <= nearest)


def test_each_pixel_shows_the_nearest_triangle(corners):
    places, faces = corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 3)
    pixels, face, weights = _rasterised(places, faces, WIDTH, HEIGHT)
    place = {int(pixel): number for number, pixel in enumerate(pixels)}
    assert 9 not in face and 3 in face
    for row in range(HEIGHT):
        for column in range(WIDTH):
            expected = expected_at(corners, column, row)
            number = place.get(row * WIDTH + column)
            assert (expected is None) == (number is None)
            if expected is not None:
                assert face[number] == expected[0]
                np.testing.assert_allclose(weights[number], expected[1], atol=1e-9)
