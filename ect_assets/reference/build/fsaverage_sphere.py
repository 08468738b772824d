"""Makes `fsaverage_sphere.npy`: where each of fsaverage's 163,842 vertices lies on the sphere.

FreeSurfer's sphere is an icosahedron whose edges were halved seven times, written with four
decimals and then brought to one radius. The four decimals are found again here, so that whole
numbers are packaged and the coordinates come back exactly. Both hemispheres share the sphere.
What is done with it belongs in `morphometry.atlas_transfer`.

The source is `fsaverage.L.sphere.164k_fs_L.surf.gii` of the smriprep wheel
(smriprep/data/atlases/fs_L).
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from nibabel.gifti import GiftiImage

from ect_assets.problems import StudyError
from ect_assets.reference.build import upstream

SOURCE = "fsaverage.L.sphere.164k_fs_L.surf.gii"
TARGET = "fsaverage_sphere.npy"
UNITS = 10_000
"""Whole numbers per radius: four decimals."""

FLOAT32_ERROR = 3e-7


def unit(vertices: np.ndarray) -> np.ndarray:
    """Bring each vertex (n, 3) to length 1."""
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True)


def four_decimals(directions: np.ndarray) -> np.ndarray:
    """Find the coordinates of four decimals that point in given directions.

    Parameters
    ----------
    directions : (n, 3) array
        Unit vectors, exact to 32-bit floats.

    Returns
    -------
    (n, 3) array of int16
        In ten-thousandths; brought to length 1 they are the directions.

    Raises
    ------
    StudyError
        When some direction is not one of four decimals.
    """
    nearest = np.round(directions * UNITS)
    found, error = nearest.copy(), np.full(len(directions), np.inf)
    # Rounding took place before the radius was made one, so a neighbour may fit better.
    for step in sorted(product((-1, 0, 1), repeat=3), key=lambda step: sum(map(abs, step))):
        candidate = nearest + step
        miss = np.abs(unit(candidate) - directions).max(axis=1)
        is_better = miss < error - FLOAT32_ERROR
        found[is_better], error[is_better] = candidate[is_better], miss[is_better]
    if error.max() > FLOAT32_ERROR:
        raise StudyError(
            f"{SOURCE} is not a sphere of four decimals: vertex {error.argmax()} misses by "
            f"{error.max():.1e}. Use the smriprep release of PROVENANCE.md."
        )
    return found.astype(np.int16)


def build(source: Path, target: Path) -> None:
    """Write `fsaverage_sphere.npy`, after holding it against nilearn's fsaverage5."""
    vertices, _ = GiftiImage.from_filename(source / SOURCE).agg_data()
    sphere = four_decimals(unit(vertices.astype(np.float64)))
    for hemisphere in upstream.SIDES:
        coarse, _ = upstream.surface("sphere", hemisphere)
        if np.abs(unit(sphere[: len(coarse)].astype(float)) - unit(coarse)).max() > FLOAT32_ERROR:
            raise StudyError(
                f"{SOURCE} does not begin with nilearn's fsaverage5 ({hemisphere}). Use the "
                "releases of PROVENANCE.md."
            )
    # Column by column it compresses better in the wheel.
    np.save(target / TARGET, np.asfortranarray(sphere))


if __name__ == "__main__":
    upstream.run(build, "Where each vertex of fsaverage lies on the sphere.")
