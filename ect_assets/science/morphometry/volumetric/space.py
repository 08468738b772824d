"""Images with their place in space: resampling, grids, rigid and affine matrices.

All matrices act on millimetres of RAS+ world coordinates (x to the right, y forward, z up).
What an image shows is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.linalg import expm, logm

Array = NDArray[np.floating[Any]]
Matrix = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
SplineOrder = Literal[0, 1, 3]


@dataclass(frozen=True)
class Grid:
    """Voxels in space.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along each axis.
    affine : (4, 4) array
        Voxel index -> millimetres.
    """

    shape: tuple[int, int, int]
    affine: Matrix

    @property
    def voxel_mm(self) -> Array:
        """Length of a voxel along each axis."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_mm3(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def corners_mm(self) -> Array:
        """The eight outermost voxel centres, (8, 3)."""
        ends = [(0.0, n - 1.0) for n in self.shape]
        return transform_points(self.affine, np.array(np.meshgrid(*ends)).reshape(3, 8).T)


@dataclass(frozen=True)
class Volume:
    """Values on a grid."""

    values: Array
    affine: Matrix

    @property
    def grid(self) -> Grid:
        """Where the voxels are."""
        n_x, n_y, n_z = self.values.shape
        return Grid((n_x, n_y, n_z), self.affine)

    def cropped(self, box: tuple[slice, slice, slice]) -> Volume:
        """Keep a box of voxels; the rest stays where it is in space."""
        affine = self.affine.copy()
        affine[:3, 3] = transform_points(self.affine, np.array([[axis.start for axis in box]]))[0]
        return Volume(np.ascontiguousarray(self.values[box]), affine)


def transform_points(matrix: Matrix, points: Array) -> Array:
    """Apply a (4, 4) matrix to (n, 3) points."""
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def bounding_box(mask: Mask, margin: int = 0) -> tuple[slice, slice, slice]:
    """Find the box around the true voxels of a mask, wider by a margin, within the array."""
    spans = []
    for axis in range(3):
        found = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        low, high = found[0] - margin, found[-1] + margin + 1
        spans.append(slice(max(int(low), 0), min(int(high), mask.shape[axis])))
    return spans[0], spans[1], spans[2]


def grid_around(points_mm: Array, voxel_mm: float, margin_mm: float) -> Grid:
    """Make an axis-aligned isotropic grid that holds all points, with a margin."""
    low = points_mm.min(axis=0) - margin_mm
    n_x, n_y, n_z = np.ceil((points_mm.max(axis=0) + margin_mm - low) / voxel_mm).astype(int) + 1
    affine = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    affine[:3, 3] = low
    return Grid((int(n_x), int(n_y), int(n_z)), affine)


def resample(
    image: Volume,
    grid: Grid,
    matrix: Matrix | None = None,
    order: SplineOrder = 1,
    outside: float = 0.0,
) -> Volume:
    """Bring an image onto another grid.

    Where the new voxels are larger, the image is smoothed first so that nothing aliases.

    Parameters
    ----------
    grid : Grid
        The voxels that are wanted.
    matrix : (4, 4) array, optional
        Millimetres of the grid -> millimetres of the image; identity without it.
    order : int
        Of the spline: 0 nearest, 1 linear, 3 cubic.
    outside : float
        Value beyond the image.
    """
    linking = np.eye(4) if matrix is None else matrix
    index = np.linalg.inv(image.affine) @ linking @ grid.affine
    values = image.values
    if order > 0:
        step = grid.voxel_mm.mean() / image.grid.voxel_mm
        sigma = np.where(step > 1.25, 0.425 * np.sqrt(np.maximum(step**2 - 1, 0)), 0)
        values = ndimage.gaussian_filter(values, sigma) if sigma.any() else values
    out = ndimage.affine_transform(
        values, index[:3, :3], index[:3, 3].tolist(), grid.shape, order=order, cval=outside
    )
    return Volume(out, grid.affine)


def dilate(mask: Mask, radius_mm: float, voxel_mm: float) -> Mask:
    """Widen a mask by a distance in every direction."""
    return ndimage.distance_transform_edt(~mask, sampling=voxel_mm) <= radius_mm


def erode(mask: Mask, radius_mm: float, voxel_mm: float) -> Mask:
    """Narrow a mask by a distance from every side; what lies beyond the array counts as outside."""
    padded = np.pad(mask, 1)
    distance = ndimage.distance_transform_edt(padded, sampling=voxel_mm)[1:-1, 1:-1, 1:-1]
    return distance > radius_mm


def largest_piece(mask: Mask) -> Mask:
    """Keep the largest connected piece of a mask."""
    pieces, n_pieces = ndimage.label(mask)
    if n_pieces < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return pieces == sizes.argmax()


def nearest_rotation(matrix: Matrix) -> Matrix:
    """Give the rotation closest to the linear part of a matrix, as a (3, 3) array.

    References
    ----------
    Higham NJ (1986). Computing the polar decomposition. SIAM J Sci Stat Comput 7:1160-1174.
    """
    left, _, right = np.linalg.svd(matrix[:3, :3])
    flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    return left @ flip @ right


def rigid_about(rotation: Matrix, centre_mm: NDArray, centre_goes_to_mm: NDArray) -> Matrix:
    """Make the (4, 4) matrix of a rotation that takes one point to another."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = centre_goes_to_mm - rotation @ centre_mm
    return matrix


def rigid_from_parameters(parameters: NDArray[np.float64]) -> Matrix:
    """Make a rigid matrix from its logarithm: three rotations (radians), three shifts (mm)."""
    a, b, c, *shift = parameters
    generator = np.zeros((4, 4))
    generator[:3, :3] = [[0, -c, b], [c, 0, -a], [-b, a, 0]]
    generator[:3, 3] = shift
    return np.real(expm(generator))


def rigid_parameters(matrix: Matrix) -> NDArray[np.float64]:
    """Give the logarithm of a rigid matrix as six numbers; inverse of `rigid_from_parameters`."""
    generator = np.real(logm(matrix))
    return np.array(
        [generator[2, 1], generator[0, 2], generator[1, 0], *generator[:3, 3]], dtype=np.float64
    )
