"""How noisy a T1-weighted image is, from the image alone: signal and contrast against noise.

A quick look, no segmentation: crude head mask, three classes of brightness deep inside it, and
the noise between neighbouring voxels of its white matter. For comparing scans of one protocol; a
resampled or filtered image looks better than it is. What the surfaces say of an image belongs in
`quality`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ect_assets.science.imaging.files import read_geometry
from ect_assets.science.imaging.geometry import ImageFault
from ect_assets.science.imaging.picture import PERCENTS, brightness_offset
from ect_assets.science.morphometry.quality_rows import NORMAL_MAD

BLOCK_MM = 2.0
"""Blocks of this size are averaged before classes are sought, so that noise does not blur them."""
DEPTH_MM = 15.0
"""Nearer to the outside there is scalp, skull and its marrow."""
HEIGHT_MM = 100.0
"""Below the crown; further down there is neck and face."""
FEWEST_BLOCKS = 2_000
MOST_SAMPLES = 50_000
LEAST_NOISE = 1e-6
"""Relative to white matter; below, the picture was drawn, not measured."""
LEAST_SNR = 4.0
"""Below, gray and white matter are no longer told apart."""
RANGE = (0.001, 0.999)
_BINS = 256
_ROUNDS = 200


@dataclass(frozen=True)
class ScanContrast:
    """Brightness of tissue against noise; without unit.

    Attributes
    ----------
    snr : float
        Mean of white matter over the SD of the noise.
    cnr : float
        Difference of the means of white and gray matter over the SD of the noise; missing (NaN)
        where the SNR is below 4.
    white, gray, noise : float
        Both means and the SD, in units of the image.
    """

    snr: float
    cnr: float
    white: float
    gray: float
    noise: float


def image_contrast(file: Path) -> float:
    """Estimate the contrast-to-noise ratio of an image file.

    Parameters
    ----------
    file : Path
        NIfTI; three-dimensional, as `raw_scans` has checked.

    Returns
    -------
    float
        Missing (NaN) where it cannot be estimated; why an image is refused `raw_scans` says.
    """
    import nibabel

    try:
        read_geometry(file)
        image = nibabel.load(file)
    except ImageFault:
        return float("nan")
    values = np.squeeze(np.asanyarray(image.dataobj))  # type: ignore[attr-defined]
    found = scan_contrast(values, image.affine)  # type: ignore[attr-defined]
    return float("nan") if found is None else found.cnr


def scan_contrast(image: np.ndarray, affine: np.ndarray) -> ScanContrast | None:
    """Estimate signal and contrast of a T1-weighted image against its noise.

    Parameters
    ----------
    image : (x, y, z) array
        Intensities of any real type; a copy is made slab by slab only.
    affine : (4, 4) array
        Voxels to mm; says voxel sizes and which way is up.

    Returns
    -------
    ScanContrast or None
        None where there is no head to be found, or no noise: a cut, tiny or drawn picture.

    Notes
    -----
    Noise is the robust SD of e = v - (left + right) / 2 over interior voxels of white matter,
    along each axis, whose variance is 3/2 that of independent noise. Classes are the three
    normal components, fitted by expectation maximisation, of the blocks' means.

    References
    ----------
    Immerkaer J (1996). Fast noise variance estimation. Comput Vis Image Underst 64:300-302.
    Magnotta VA, Friedman L (2006). Measurement of signal-to-noise and contrast-to-noise in the
    fBIRN multicenter imaging study. J Digit Imaging 19:140-147.
    """
    import nibabel
    from scipy import ndimage

    sizes_mm = nibabel.affines.voxel_sizes(affine)
    steps = np.maximum(np.round(BLOCK_MM / sizes_mm).astype(int), 1)
    if min(np.array(image.shape) // steps) < 8:
        return None
    blocks = _block_means(image, steps)
    offset = brightness_offset(*map(float, np.percentile(blocks, PERCENTS)))
    blocks -= np.float32(offset)
    if not np.quantile(blocks, 0.999) > 0:
        return None
    inside = _deep_in_head(blocks, sizes_mm * steps, affine)
    if inside.sum() < FEWEST_BLOCKS or not np.ptp(np.quantile(blocks[inside], RANGE)) > 0:
        return None
    means, bounds = _three_classes(blocks[inside])
    is_white = ndimage.binary_erosion(inside & (blocks > bounds[1]))
    noise = _noise(image, is_white, steps)
    if not noise > LEAST_NOISE * means[2]:
        return None
    white, gray = float(means[2]), float(means[1])
    snr = white / noise
    cnr = (white - gray) / noise if snr >= LEAST_SNR else np.nan
    return ScanContrast(snr, cnr, white, gray, noise)


def _block_means(image: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Average blocks of voxels, one slab of the last axis at a time."""
    n_x, n_y, n_z = np.array(image.shape) // steps
    step_x, step_y, step_z = steps
    means = np.empty((n_x, n_y, n_z), dtype=np.float32)
    for place in range(n_z):
        slab = image[: n_x * step_x, : n_y * step_y, place * step_z : (place + 1) * step_z]
        blocks = np.asarray(slab, np.float32).reshape(n_x, step_x, n_y, step_y, step_z)
        means[:, :, place] = np.nan_to_num(blocks).mean(axis=(1, 3, 4))
    return means


def _deep_in_head(blocks: np.ndarray, sizes_mm: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Mark the blocks well below the surface of the head and not far from its crown."""
    import nibabel
    from scipy import ndimage

    # Above half of Otsu's threshold the dark skull closes around the brain.
    mask = blocks > _otsu(blocks) / 2
    labels, n_parts = ndimage.label(mask)
    if not n_parts:
        return mask
    head = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    head = ndimage.binary_fill_holes(ndimage.binary_closing(head, iterations=3))
    axis = [code in "SI" for code in nibabel.aff2axcodes(affine)].index(True)
    is_upwards = nibabel.aff2axcodes(affine)[axis] == "S"
    there = np.flatnonzero(head.any(axis=tuple({0, 1, 2} - {axis})))
    n_layers = int(HEIGHT_MM / sizes_mm[axis])
    layers = (
        slice(max(there[-1] - n_layers, 0), head.shape[axis])
        if is_upwards
        else slice(0, there[0] + n_layers)
    )
    upper = [slice(None)] * 3
    upper[axis] = layers
    is_deep = np.zeros_like(head)
    is_deep[tuple(upper)] = _is_deep(head, sizes_mm, axis, layers)
    return is_deep


def _is_deep(head: np.ndarray, sizes_mm: np.ndarray, axis: int, layers: slice) -> np.ndarray:
    """Mark what lies deeper than `DEPTH_MM` in some layers of a head.

    Distances are taken in as small a box as decides this: the head in these layers, and as much of
    it beyond them as the depth reaches.
    """
    from scipy import ndimage

    beyond = int(np.ceil(DEPTH_MM / sizes_mm[axis])) + 1
    near = [slice(None)] * 3
    near[axis] = slice(max(layers.start - beyond, 0), layers.stop + beyond)
    part = head[tuple(near)]
    box = ndimage.find_objects(part.astype(np.uint8))[0]
    sides = [(0, 0) if place == axis else (1, 1) for place in range(3)]
    box = tuple(slice(None) if place == axis else box[place] for place in range(3))
    # The image ends where the head is cut off; the box does not.
    sides[axis] = (int(near[axis].start == 0), int(near[axis].stop >= head.shape[axis]))
    padded = np.pad(part[box], sides)
    depth = ndimage.distance_transform_edt(padded, sampling=sizes_mm)
    inner = tuple(
        slice(before, before + n) for (before, _), n in zip(sides, part[box].shape, strict=True)
    )
    is_deep = np.zeros(part.shape, dtype=bool)
    is_deep[box] = depth[inner] > DEPTH_MM
    wanted = [slice(None)] * 3
    start = layers.start - near[axis].start
    wanted[axis] = slice(start, start + min(layers.stop, head.shape[axis]) - layers.start)
    return is_deep[tuple(wanted)]


def _otsu(values: np.ndarray) -> float:
    """Return the threshold that parts two classes best (Otsu 1979)."""
    counts, edges = np.histogram(values, _BINS, (0.0, float(np.quantile(values, 0.999))))
    centres = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sum_below = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = sum_below / below - (sum_below[-1] - sum_below) / above
        between = below * above * difference**2
    return float(centres[np.nan_to_num(between, nan=-1.0).argmax()])


def _three_classes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit fluid, gray and white matter; give their means and the two bounds between them."""
    low, high = np.quantile(values, RANGE)
    counts, edges = np.histogram(values, _BINS, (low, high))
    centres = (edges[1:] + edges[:-1]) / 2
    means = np.quantile(values, [0.05, 0.4, 0.85])
    spreads = np.full(3, (high - low) / 10)
    shares = np.array([0.1, 0.45, 0.45])
    for _ in range(_ROUNDS):
        # A class never shrinks to a single bin, where its density would grow without bound.
        spreads = np.maximum(spreads, (high - low) / 50)
        z = (centres[:, None] - means) / spreads
        density = shares / spreads * np.exp(-0.5 * z**2) + 1e-300
        belongs = counts[:, None] * density / density.sum(axis=1, keepdims=True)
        weight = belongs.sum(axis=0) + 1e-12
        shares = weight / weight.sum()
        means = (belongs * centres[:, None]).sum(axis=0) / weight
        spreads = np.sqrt((belongs * (centres[:, None] - means) ** 2).sum(axis=0) / weight)
    means = np.sort(means)
    return means, (means[1:] + means[:-1]) / 2


def _noise(image: np.ndarray, is_white: np.ndarray, steps: np.ndarray) -> float:
    """Estimate the SD of the noise from neighbours inside white matter."""
    places = np.argwhere(is_white) * steps + steps // 2
    if len(places) < 100:
        return 0.0
    places = places[:: max(len(places) // MOST_SAMPLES, 1)]
    here = _at(image, places)
    squares = []
    for axis in range(3):
        step = np.eye(3, dtype=int)[axis]
        residual = here - (_at(image, places - step) + _at(image, places + step)) / 2
        squares.append((NORMAL_MAD * np.median(np.abs(residual - np.median(residual)))) ** 2)
    return float(np.sqrt(np.mean(squares) / 1.5))


def _at(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    return image[tuple(places.T)].astype(np.float64)
