"""Moran spectral randomisation: surrogates with the spatial structure of a map.

Works on any set of places with distances, on one hemisphere or both. Which distances are taken
belongs in `models`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.statistics.arrays import FloatArray, finite, same_length


def moran_eigenvectors(distances: ArrayLike) -> FloatArray:
    """Eigenvectors of the doubly centred inverse-distance weights.

    The weights are 1 / d with a zero diagonal. They are decomposed within the space of maps of
    mean zero, so exactly n - 1 vectors come back, whatever eigenvalues vanish.

    Parameters
    ----------
    distances : (n, n) array
        Symmetric, positive off the diagonal.

    Returns
    -------
    (n, n - 1) array
        Orthonormal columns, each of mean zero.

    Raises
    ------
    ValueError
        When the matrix is not square and symmetric, or two places coincide.

    References
    ----------
    Dray S, Legendre P, Peres-Neto PR (2006). Spatial modelling: principal coordinate analysis of
    neighbour matrices. Ecol Model 196:483-493.
    """
    distances = finite("The distances", distances, 2)
    n = len(distances)
    if distances.shape != (n, n) or not np.allclose(distances, distances.T):
        raise ValueError(f"The distances ({distances.shape}) must be a symmetric square matrix.")
    apart = distances + np.eye(n)
    if (apart <= 0).any():
        i, j = np.argwhere(apart <= 0)[0]
        raise ValueError(
            f"Places {i} and {j} (counted from 0) have distance {distances[i, j]:g}: inverse "
            "distances need places that differ."
        )
    weights = 1 / apart
    np.fill_diagonal(weights, 0)
    # The first column of this Q is the constant map; the others span the maps of mean zero.
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0][:, 1:]
    _, vectors = np.linalg.eigh(basis.T @ ((weights + weights.T) / 2) @ basis)
    return basis @ vectors


def moran_surrogates(
    values: ArrayLike, distances: ArrayLike, n: int, rng: np.random.Generator
) -> FloatArray:
    """Draw surrogates by random signs of a map's Moran spectrum (procedure "singleton").

    Each surrogate keeps mean and variance of the map, and its power at every spatial scale.

    Parameters
    ----------
    values : (n_parcels,) array
        The map.
    distances : (n_parcels, n_parcels) array
        See `moran_eigenvectors`.
    n : int
        How many surrogates.
    rng : Generator
        Source of the signs.

    Returns
    -------
    (n_parcels, n) array

    Raises
    ------
    ValueError
        When a value is missing or the distances cannot be used.

    References
    ----------
    Wagner HH, Dray S (2015). Generating spatially constrained null models for irregularly spaced
    data using Moran spectral randomization methods. Methods Ecol Evol 6:1169-1178.
    """
    values = finite("The map", values, 1)
    vectors = moran_eigenvectors(distances)
    same_length("The map", values, "the distances", vectors)
    spectrum = vectors.T @ (values - values.mean())
    signs = 2.0 * rng.integers(0, 2, size=(n, len(spectrum))) - 1
    return vectors @ (spectrum * signs).T + values.mean()
