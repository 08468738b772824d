"""Gray and white matter of one subject, and where each voxel lies in the template.

Works on the average of the sessions, so that all of them share one segmentation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.halfway import Halfway
from ect_assets.science.morphometry.volumetric.itk import Itk, Step
from ect_assets.science.morphometry.volumetric.mixture import classify
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Volume,
    grid_around,
    resample,
    transform_points,
)
from ect_assets.science.morphometry.volumetric.template import load_template

WARP_MM = 2.0
WARP = [Step("SyN[0.2,3,0]", "mattes", (60, 40, 12), (4, 2, 1), (2, 1, 0))]
FLOOR = 0.02
"""Least prior probability of a tissue anywhere in the brain: people differ from the template."""


@dataclass(frozen=True)
class Tissue:
    """Tissue of the brain and its place in the template.

    Parameters
    ----------
    gray, white : (x, y, z) arrays
        Probability.
    template_mm : (n, 3) array
        Place in the template of each voxel of the mask, in the order of ``np.argwhere(mask)``.
    """

    gray: Array
    white: Array
    template_mm: NDArray[np.float32]


def find_tissue(halfway: Halfway, itk: Itk) -> Tissue:
    """Find tissue probabilities and template coordinates on the average of the sessions."""
    average, mask = halfway.average, halfway.mask
    template = load_template()
    stripped = Volume(np.where(mask, average.values, 0).astype(np.float32), average.affine)
    resolution_mm = float(halfway.grid.voxel_mm[0])
    coarse = template.at(max(WARP_MM, resolution_mm))
    fixed = stripped
    if resolution_mm < WARP_MM:
        fixed = resample(stripped, grid_around(stripped.grid.corners_mm, WARP_MM, 0.0))
    found = itk.register(fixed, coarse.brain, halfway.to_template, WARP)
    places = found.coordinates_mm(mask, halfway.grid.affine)
    index = transform_points(np.linalg.inv(template.affine), places).T
    gray, white = (
        ndimage.map_coordinates(prior, index, order=1) for prior in (template.gray, template.white)
    )
    rest = np.maximum(1 - gray - white, 0)
    shares = np.stack([rest, gray, white]) + FLOOR
    shares /= shares.sum(axis=0)
    priors = np.zeros((3, *mask.shape), dtype=np.float32)
    priors[:, mask] = shares
    _, gray_found, white_found = classify(stripped.values, mask, priors)
    return Tissue(gray_found, white_found, places.astype(np.float32))
