"""Moran spectral randomisation: surrogates with the spatial structure of a map.

Works on any set of places with distances, on one hemisphere or both. Which distances are taken
belongs in `models`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.nulls.distances import usable_distances
from ect_assets.science.statistics.arrays import FloatArray


def moran_eigenvectors(distances: ArrayLike) -> FloatArray:
    """Eigenvectors of the doubly centred inverse-distance weights.

    The weights are 1 / d with a zero diagonal. They are decomposed within the space of maps of
    mean zero, so exactly n - 1 vectors come back, whatever eigenvalues vanish.

    These are also the eigenvectors of neuromaps' weights (1 / d with a diagonal of one): for maps
    of mean zero the identity adds 1 to every eigenvalue and turns no vector. brainspace, which
    neuromaps calls, finds the constant map by its vanishing eigenvalue, in 32 bits; whatever
    other eigenvalue comes within its tolerance is dropped too, and the surrogates then have less
    variance than the map. Decomposing in the space of maps of mean zero needs no tolerance.

    Parameters
    ----------
    distances : (n, n) array
        Symmetric, positive off the diagonal.

    Returns
    -------
    (n, n - 1) array
        Orthonormal columns, each of mean zero, in ascending order of their eigenvalues.

    Raises
    ------
    ValueError
        When the matrix is not square and symmetric, or two places coincide.

    References
    ----------
    Dray S, Legendre P, Peres-Neto PR (2006). Spatial modelling: principal coordinate analysis of
    neighbour matrices. Ecol Model 196:483-493.
    """
    apart = usable_distances(distances)
    n = len(apart)
    weights = 1 / (apart + np.eye(n))
    np.fill_diagonal(weights, 0)
    # The first column of this Q is the constant map; the others span the maps of mean zero.
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0][:, 1:]
    vectors = np.linalg.eigh(basis.T @ ((weights + weights.T) / 2) @ basis)[1]
    return basis @ vectors


def random_signs(n: int, n_vectors: int, rng: np.random.Generator) -> FloatArray:
    """Draw the signs of n surrogates, one per eigenvector: (n, n_vectors) of -1 and 1."""
    return rng.integers(0, 2, size=(n, n_vectors)) * np.float64(2) - 1


def flip_spectrum(values: FloatArray, vectors: FloatArray, signs: FloatArray) -> FloatArray:
    """Give the Moran spectrum of a map other signs.

    Parameters
    ----------
    values : (n_parcels,) array
        The map.
    vectors : (n_parcels, n_parcels - 1) array
        See `moran_eigenvectors`. Their own signs do not matter.
    signs : (n, n_parcels - 1) array
        -1 or 1 for each surrogate and eigenvector.

    Returns
    -------
    (n_parcels, n) array
    """
    spectrum = vectors.T @ (values - values.mean())
    return vectors @ (spectrum * signs).T + values.mean()
