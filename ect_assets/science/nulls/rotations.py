"""Random rotations of the sphere.

Draws them and mirrors them for the other hemisphere. What a rotation does to parcels belongs in
`spins`.
"""

from __future__ import annotations

import numpy as np

from ect_assets.science.statistics.arrays import FloatArray

_MIRROR = np.diag([-1.0, 1.0, 1.0])


def random_rotations(n: int, rng: np.random.Generator) -> FloatArray:
    """Draw rotations uniformly over all rotations (Haar measure).

    Parameters
    ----------
    n : int
        How many.
    rng : Generator
        Drawing n and then m rotations gives the same as drawing n + m.

    Returns
    -------
    (n, 3, 3) array
        Orthogonal matrices of determinant 1.

    References
    ----------
    Mezzadri F (2007). How to generate random matrices from the classical compact groups. Notices
    of the AMS 54:592-604.
    """
    rotations, triangles = np.linalg.qr(rng.normal(size=(n, 3, 3)))
    # QR leaves the signs of the columns open; the diagonal fixes them.
    rotations = rotations * np.sign(np.diagonal(triangles, axis1=1, axis2=2))[:, None, :]
    rotations[np.linalg.det(rotations) < 0, :, 0] *= -1
    return rotations


def reflect(rotations: FloatArray) -> FloatArray:
    """Mirror rotations of the left sphere at the midline, for the right sphere.

    Parameters
    ----------
    rotations : (n, 3, 3) array
        Rotations of the left sphere.

    Returns
    -------
    (n, 3, 3) array
        F R F with F = diag(-1, 1, 1).
    """
    return _MIRROR @ rotations @ _MIRROR
