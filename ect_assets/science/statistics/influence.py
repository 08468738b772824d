"""Which parcels carry a result: what is left of it without each of them.

Whether there is a result belongs in `resampling`, `patients` and the null models.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.pls import PartialLeastSquares, variance_explained, zscore


def component_influence(
    expression: ArrayLike, change_map: ArrayLike, n_components: int
) -> FloatArray:
    """Compute by how much the explained variance falls when a parcel is left out.

    Genes keep the scale that they have over all parcels; their mean is that of the parcels left.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside.
    change_map : (n_parcels,) array
    n_components : int

    Returns
    -------
    (n_components, n_parcels) array
        R2 of the component over all parcels minus R2 without the parcel: positive where the parcel
        carries it.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a gene or the map is constant.
    """
    x = zscore(expression, name="The expression")
    y = finite("The map", change_map, 1)
    same_length("The expression", x, "the map", y)
    gram = x @ x.T
    whole = _r2(gram, y, n_components)
    places = np.arange(len(y))
    left = [
        _r2(gram[np.ix_(rest, rest)], y[rest], n_components)
        for rest in (np.delete(places, place) for place in places)
    ]
    return whole[:, None] - np.column_stack(left)


def _r2(gram: FloatArray, y: FloatArray, n_components: int) -> FloatArray:
    return np.diff(variance_explained(gram, y[:, None], n_components)[:, 0], prepend=0)


def correlation_influence(profiles: ArrayLike, change_map: ArrayLike) -> FloatArray:
    """Compute by how much a correlation with the map weakens when a parcel is left out.

    Parameters
    ----------
    profiles : (m, n_parcels) array
    change_map : (n_parcels,) array

    Returns
    -------
    (m, n_parcels) array
        |r| over all parcels minus r without the parcel in the direction of r; NaN where nothing
        varies without it.

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, or a profile or the map is constant.
    """
    x = zscore(finite("The profiles", profiles, 2), axis=1)
    y = zscore(change_map)
    same_length("The profiles' parcels", x.T, "the map", y)
    n = len(y)
    product = x * y
    r = product.sum(axis=1) / (n - 1)
    # Sums over the others: those over all are 0, n - 1 and (n - 1) r.
    shared = (n - 1) * r[:, None] - product - x * y / (n - 1)
    of_x = (n - 1) - x**2 * n / (n - 1)
    of_y = (n - 1) - y**2 * n / (n - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = shared / np.sqrt(of_x * of_y)
    weakened: FloatArray = np.abs(r)[:, None] - np.sign(r)[:, None] * without
    return weakened


def first_pattern_share(expression: ArrayLike, model: PartialLeastSquares) -> FloatArray:
    """Compute which share of each component is the first principal component of expression.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside; what the model was fitted to.
    model : PartialLeastSquares

    Returns
    -------
    (n_components,) array
        Squared correlation over parcels of the component's scores with those of the first principal
        component, which many maps of the cortex follow.

    References
    ----------
    Dear R et al. (2024). Cortical gene expression architecture links healthy neurodevelopment to
    the imaging, transcriptomics and genetics of autism and schizophrenia. Nat Neurosci
    27:1075-1086.
    """
    x = zscore(expression, name="The expression")
    _, vectors = np.linalg.eigh(x @ x.T)
    scores = model.x_scores_ / np.linalg.norm(model.x_scores_, axis=0)
    share: FloatArray = (vectors[:, -1] @ scores) ** 2
    return share
