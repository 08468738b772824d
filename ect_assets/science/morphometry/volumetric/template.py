"""The template brain: nilearn's packaged MNI152 average with its tissue probability maps.

Read from nilearn's own files, never downloaded. Atlases of parcels are not read here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from nilearn import datasets
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Mask,
    Matrix,
    Volume,
    bounding_box,
    grid_around,
    resample,
)


@dataclass(frozen=True)
class Template:
    """MNI152 (ICBM 2009a, symmetric) without its skull.

    Parameters
    ----------
    brain : Volume
        T1w average, 0 to 1.
    gray, white : (x, y, z) arrays
        Probability of the tissue.
    mask : (x, y, z) array of bool
        The brain with the fluid around it.

    References
    ----------
    Fonov V et al. (2011). Unbiased average age-appropriate atlases for pediatric studies.
    NeuroImage 54:313-327.
    """

    brain: Volume
    gray: Array
    white: Array
    mask: Mask

    @property
    def affine(self) -> Matrix:
        """Voxel index -> millimetres."""
        return self.brain.affine

    @property
    def volume_mm3(self) -> float:
        """Volume inside the mask."""
        return float(self.mask.sum()) * self.brain.grid.voxel_mm3

    def at(self, resolution_mm: float) -> Template:
        """Give the template with larger voxels."""
        corners = self.brain.grid.corners_mm
        grid = grid_around(corners, resolution_mm, 0.0)

        def coarse(values: Array) -> Array:
            return resample(Volume(values, self.affine), grid).values

        return Template(
            Volume(coarse(self.brain.values), grid.affine),
            coarse(self.gray),
            coarse(self.white),
            coarse(self.mask.astype(np.float32)) > 0.5,
        )


@cache
def load_template() -> Template:
    """Read the template at 1 mm, cut to the brain with a margin of 12 voxels."""
    image = datasets.load_mni152_template(resolution=1)
    affine = np.asarray(image.affine, dtype=np.float64)

    def values(loaded: object) -> Array:
        return np.asarray(loaded.dataobj, dtype=np.float32)  # type: ignore[attr-defined]

    brain = values(image)
    gray = values(datasets.load_mni152_gm_template(resolution=1))
    white = values(datasets.load_mni152_wm_template(resolution=1))
    mask = ndimage.binary_fill_holes(values(datasets.load_mni152_brain_mask(resolution=1)) > 0.5)
    box = bounding_box(mask, margin=12)
    cut = Volume(np.maximum(brain, 0), affine).cropped(box)
    return Template(cut, np.clip(gray[box], 0, 1), np.clip(white[box], 0, 1), mask[box])
