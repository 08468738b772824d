"""Synthetic images that several tests use."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.space import Array
from ect_assets.science.morphometry.volumetric.template import load_template
from ect_assets_tests.paths import ROOT

CHECKS = ROOT.parent / "shared" / "checks"


def texture(shape: tuple[int, int, int], seed: int) -> Array:
    """Smooth noise with a spread of 20 around 100: something to see everywhere."""
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.8)
    return (100 + 20 * values / values.std()).astype(np.float32)


def template_scan(file: Path, seed: int, shift_mm: float = 0.0, scale: float = 1.0) -> Path:
    """Write the template brain as if it were a patient's scan at 2 mm, with noise."""
    template = load_template().at(2.0)
    random = np.random.default_rng(seed)
    values = 400 * template.brain.values
    values = values + random.normal(scale=6, size=values.shape)
    affine = template.affine.copy()
    affine[:3, :3] *= scale
    affine[0, 3] += shift_mm
    nibabel.save(nibabel.Nifti1Image(np.clip(values, 0, None).astype(np.float32), affine), file)
    return file
