"""Solving the linear system of a registration step: data term plus membrane, by multigrid.

The system of one Gauss-Newton step is

    (D + weight * L) x = b,

with D a symmetric 3 x 3 block per voxel, and L the graph Laplacian of the six neighbours (free
borders), which is the membrane energy's. Red-black Gauss-Seidel solves the blocks exactly, and
V-cycles carry what is smooth to coarser grids, so that the cost is proportional to the voxels.
Which D and b an image gives is in `gauss_newton`.

References
----------
Trottenberg U, Oosterlee CW, Schueller A (2001). Multigrid. Academic Press.
Ashburner J (2007). A fast diffeomorphic image registration algorithm. NeuroImage 38:95-113.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ect_assets.science.morphometry.volumetric.space import Array

SMALLEST_SIDE = 6
"""Grids with a shorter side are not made coarser."""

COARSEST_SWEEPS = 40


def solve(blocks: Array, right: Array, weight: float, cycles: int) -> Array:
    """Solve (D + weight L) x = b, starting from zero.

    Parameters
    ----------
    blocks : (6, x, y, z) array
        D per voxel as xx, yy, zz, xy, xz, yz; positive semi-definite.
    right : (3, x, y, z) array
        b.
    weight : float
        Of the membrane; above zero.
    cycles : int
        How many V-cycles.

    Returns
    -------
    (3, x, y, z) array
        x; each cycle divides its error by about ten.
    """
    grids = [blocks]
    while min(grids[-1].shape[1:]) >= 2 * SMALLEST_SIDE:
        grids.append(gather(grids[-1]))
    found = np.zeros_like(right)
    for _ in range(cycles):
        _cycle(grids, found, right, weight)
    return found


def _cycle(grids: list[Array], found: Array, right: Array, weight: float) -> None:
    blocks = grids[0]
    if len(grids) == 1:
        for _ in range(COARSEST_SWEEPS):
            sweep(blocks, found, right, weight, 0)
            sweep(blocks, found, right, weight, 1)
        return
    sweep(blocks, found, right, weight, 0)
    sweep(blocks, found, right, weight, 1)
    rest = gather(residual(blocks, found, right, weight))
    correction = np.zeros_like(rest)
    # Twice the spacing: a fourth of the squared slope, on eight times the volume.
    _cycle(grids[1:], correction, rest, 2 * weight)
    spread(correction, found)
    sweep(blocks, found, right, weight, 1)
    sweep(blocks, found, right, weight, 0)


@njit(cache=True)
def gather(fine: Array) -> Array:
    """Sum each cube of eight voxels; (n, x, y, z) -> half the size, odd ends included."""
    n, n_x, n_y, n_z = fine.shape
    coarse = np.zeros((n, (n_x + 1) // 2, (n_y + 1) // 2, (n_z + 1) // 2), np.float32)
    for part in range(n):
        for x in range(n_x):
            for y in range(n_y):
                for z in range(n_z):
                    coarse[part, x // 2, y // 2, z // 2] += fine[part, x, y, z]
    return coarse


@njit(cache=True)
def spread(coarse: Array, fine: Array) -> None:
    """Add the trilinear interpolation of a coarse field to a fine one, in place."""
    n, n_x, n_y, n_z = fine.shape
    _, c_x, c_y, c_z = coarse.shape
    for part in range(n):
        for x in range(n_x):
            x0 = x // 2
            x1 = min(max(x0 + 2 * (x % 2) - 1, 0), c_x - 1)
            for y in range(n_y):
                y0 = y // 2
                y1 = min(max(y0 + 2 * (y % 2) - 1, 0), c_y - 1)
                for z in range(n_z):
                    z0 = z // 2
                    z1 = min(max(z0 + 2 * (z % 2) - 1, 0), c_z - 1)
                    near = 3 * coarse[part, x0, y0, z0] + coarse[part, x0, y0, z1]
                    side = 3 * coarse[part, x0, y1, z0] + coarse[part, x0, y1, z1]
                    over = 3 * coarse[part, x1, y0, z0] + coarse[part, x1, y0, z1]
                    far = 3 * coarse[part, x1, y1, z0] + coarse[part, x1, y1, z1]
                    fine[part, x, y, z] += (9 * near + 3 * side + 3 * over + far) * np.float32(
                        1 / 64
                    )


@njit(cache=True, fastmath={"contract", "arcp"})
def sweep(blocks: Array, found: Array, right: Array, weight: float, colour: int) -> None:
    """Solve each voxel of one colour of the chequerboard for its neighbours, in place."""
    _, n_x, n_y, n_z = found.shape
    w = np.float32(weight)
    for x in range(n_x):
        for y in range(n_y):
            for z in range((x + y + colour) % 2, n_z, 2):
                count = np.float32(0)
                a = right[0, x, y, z]
                b = right[1, x, y, z]
                c = right[2, x, y, z]
                if x > 0:
                    count += np.float32(1)
                    a += w * found[0, x - 1, y, z]
                    b += w * found[1, x - 1, y, z]
                    c += w * found[2, x - 1, y, z]
                if x < n_x - 1:
                    count += np.float32(1)
                    a += w * found[0, x + 1, y, z]
                    b += w * found[1, x + 1, y, z]
                    c += w * found[2, x + 1, y, z]
                if y > 0:
                    count += np.float32(1)
                    a += w * found[0, x, y - 1, z]
                    b += w * found[1, x, y - 1, z]
                    c += w * found[2, x, y - 1, z]
                if y < n_y - 1:
                    count += np.float32(1)
                    a += w * found[0, x, y + 1, z]
                    b += w * found[1, x, y + 1, z]
                    c += w * found[2, x, y + 1, z]
                if z > 0:
                    count += np.float32(1)
                    a += w * found[0, x, y, z - 1]
                    b += w * found[1, x, y, z - 1]
                    c += w * found[2, x, y, z - 1]
                if z < n_z - 1:
                    count += np.float32(1)
                    a += w * found[0, x, y, z + 1]
                    b += w * found[1, x, y, z + 1]
                    c += w * found[2, x, y, z + 1]
                xx = blocks[0, x, y, z] + w * count
                yy = blocks[1, x, y, z] + w * count
                zz = blocks[2, x, y, z] + w * count
                xy = blocks[3, x, y, z]
                xz = blocks[4, x, y, z]
                yz = blocks[5, x, y, z]
                m_xx = yy * zz - yz * yz
                m_xy = xz * yz - xy * zz
                m_xz = xy * yz - xz * yy
                scale = np.float32(1) / (xx * m_xx + xy * m_xy + xz * m_xz)
                found[0, x, y, z] = scale * (m_xx * a + m_xy * b + m_xz * c)
                found[1, x, y, z] = scale * (
                    m_xy * a + (xx * zz - xz * xz) * b + (xy * xz - xx * yz) * c
                )
                found[2, x, y, z] = scale * (
                    m_xz * a + (xy * xz - xx * yz) * b + (xx * yy - xy * xy) * c
                )


@njit(cache=True)
def laplacian(field: Array) -> Array:
    """Apply L: the sum of the differences to the neighbours, free at the borders."""
    n, n_x, n_y, n_z = field.shape
    out = np.empty_like(field)
    for part in range(n):
        for x in range(n_x):
            before, after = max(x - 1, 0), min(x + 1, n_x - 1)
            for y in range(n_y):
                left, further = max(y - 1, 0), min(y + 1, n_y - 1)
                for z in range(n_z):
                    low, high = max(z - 1, 0), min(z + 1, n_z - 1)
                    # Pairs of opposite neighbours first: turning the image round changes no bit.
                    out[part, x, y, z] = (
                        np.float32(6) * field[part, x, y, z]
                        - (field[part, before, y, z] + field[part, after, y, z])
                        - (field[part, x, left, z] + field[part, x, further, z])
                        - (field[part, x, y, low] + field[part, x, y, high])
                    )
    return out


@njit(cache=True)
def residual(blocks: Array, found: Array, right: Array, weight: float) -> Array:
    """Give b - (D + weight L) x."""
    rest = laplacian(found)
    w = np.float32(weight)
    _, n_x, n_y, n_z = found.shape
    for x in range(n_x):
        for y in range(n_y):
            for z in range(n_z):
                a, b, c = found[0, x, y, z], found[1, x, y, z], found[2, x, y, z]
                xy, xz, yz = blocks[3, x, y, z], blocks[4, x, y, z], blocks[5, x, y, z]
                rest[0, x, y, z] = (
                    right[0, x, y, z]
                    - w * rest[0, x, y, z]
                    - (blocks[0, x, y, z] * a + xy * b + xz * c)
                )
                rest[1, x, y, z] = (
                    right[1, x, y, z]
                    - w * rest[1, x, y, z]
                    - (xy * a + blocks[1, x, y, z] * b + yz * c)
                )
                rest[2, x, y, z] = (
                    right[2, x, y, z]
                    - w * rest[2, x, y, z]
                    - (xz * a + yz * b + blocks[2, x, y, z] * c)
                )
    return rest
