"""How good one scan is: signal against noise, gray against white matter.

Measured on each scan's own voxels, since resampling hides noise. What is left out for bad
quality is not decided here.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ect_assets.science.morphometry.volumetric.brain import Brain
from ect_assets.science.morphometry.volumetric.space import (
    Array,
    Grid,
    Mask,
    Matrix,
    Volume,
    resample,
)

SURE = 0.9
"""Probability above which a voxel counts as gray or white matter."""

FEWEST_VOXELS = 100


def noise_spread(image: Array, inside: Mask) -> float:
    """Estimate the standard deviation of the noise from second differences along all axes.

    The product of three (1, -2, 1) filters has the squared norm 6^3 and takes out what is smooth.

    Parameters
    ----------
    image : (x, y, z) array
    inside : (x, y, z) array of bool
        Where to look: tissue of one kind.

    References
    ----------
    Immerkaer J (1996). Fast noise variance estimation. Comput Vis Image Underst 64:300-302.
    """
    difference = image.astype(np.float32)
    for axis in range(3):
        difference = ndimage.convolve1d(difference, [1.0, -2.0, 1.0], axis=axis)
    return float(1.4826 * np.median(np.abs(difference[inside])) / np.sqrt(6.0**3))


def scan_quality(
    brain: Brain, gray: Array, white: Array, grid: Grid, pose: Matrix
) -> tuple[float, float]:
    """Give the signal-to-noise and the gray/white contrast-to-noise ratio of one scan.

    Parameters
    ----------
    brain : Brain
        The scan.
    gray, white : (x, y, z) arrays
        Tissue probabilities in the common space.
    grid : Grid
        Of the common space.
    pose : (4, 4) array
        Millimetres of the common space -> millimetres of the scan.

    Returns
    -------
    snr : float
        Mean of white matter over the standard deviation of the noise.
    cnr : float
        Difference of the means of white and gray matter over the root of the sum of their
        variances.

    References
    ----------
    Magnotta VA, Friedman L (2006). Measurement of signal-to-noise and contrast-to-noise in the
    fBIRN multicenter imaging study. J Digit Imaging 19:140-147.
    """
    back = np.linalg.inv(pose)
    image = brain.image
    even = image.values / np.maximum(resample(brain.bias, image.grid, outside=1).values, 0.1)
    parts = [
        resample(Volume(part, grid.affine), image.grid, back).values > SURE
        for part in (gray, white)
    ]
    if min(int(part.sum()) for part in parts) < FEWEST_VOXELS:
        return 0.0, 0.0
    gray_values, white_values = (even[part] for part in parts)
    contrast = abs(float(white_values.mean()) - float(gray_values.mean()))
    spread = np.sqrt(float(white_values.var()) + float(gray_values.var()))
    inner = ndimage.binary_erosion(parts[1])
    noise = noise_spread(even, inner if inner.any() else parts[1])
    snr = float(white_values.mean()) / noise if noise > 0 else float("inf")
    return snr, contrast / float(spread)
