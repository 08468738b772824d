"""Where parcels lie and what maps hold, as the null models read them.

Anything missing is said here once, by the names of the parcels. What the models do with places
and values belongs in the other modules of this folder.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.statistics.arrays import FloatArray, some, varying

SPHERE = ["x_sphere", "y_sphere", "z_sphere"]
MNI = ["x_mni_mm", "y_mni_mm", "z_mni_mm"]
MINIMUM_PARCELS = 5


def usable_maps(values: ArrayLike, parcels: pd.Series) -> FloatArray:
    """Return maps (n_parcels, m) as a float array, or say why they cannot be used.

    Parameters
    ----------
    values : (n_parcels, m) array
        One map per column.
    parcels : (n_parcels,) Series
        Names of the parcels, for the messages.

    Returns
    -------
    (n_parcels, m) array

    Raises
    ------
    ValueError
        When there are not as many values as parcels, a value is missing or a map is constant.
    """
    maps = np.asarray(values, dtype=np.float64)
    if maps.ndim != 2 or maps.shape[1] == 0:
        raise ValueError(f"Maps must be n_parcels x m; the shape found is {maps.shape}.")
    if len(maps) != len(parcels):
        raise ValueError(f"The map has {len(maps)} values for {len(parcels)} parcels.")
    without = ~np.isfinite(maps).all(axis=1)
    if without.any():
        raise ValueError(
            f"The map has no value for {int(without.sum())} parcels: "
            f"{some(parcels.to_numpy()[without])}. Leave them out of map and parcels."
        )
    varying("The map", maps[:, 0] if maps.shape[1] == 1 else maps)
    return maps


def sphere_coordinates(parcels: pd.DataFrame, model: str) -> FloatArray:
    """Read the places of parcels on the sphere (n_parcels, 3); the model is for the message."""
    return _coordinates(parcels, SPHERE, model)


def mni_distances(parcels: pd.DataFrame, model: str) -> FloatArray:
    """Euclidean distances of parcels in MNI space, in mm.

    Parameters
    ----------
    parcels : DataFrame
        parcel, x_mni_mm, y_mni_mm, z_mni_mm.
    model : str
        Who needs them, for the messages.

    Returns
    -------
    (n_parcels, n_parcels) array

    Raises
    ------
    ValueError
        When a coordinate is missing or two parcels lie in the same place.
    """
    from scipy.spatial.distance import cdist

    coordinates = _coordinates(parcels, MNI, model)
    distances = cdist(coordinates, coordinates)
    first, second = np.nonzero(np.triu(distances == 0, k=1))
    if first.size > 0:
        names = column(parcels, "parcel").to_numpy()
        raise ValueError(
            f"The null model {model} needs parcels that lie apart; {names[first[0]]} and "
            f"{names[second[0]]} have the same {', '.join(MNI)}. Leave one out."
        )
    return distances


def mni_coordinates(parcels: pd.DataFrame, model: str) -> FloatArray:
    """Read the places of parcels in MNI space (n_parcels, 3), in mm; the model is for messages."""
    return _coordinates(parcels, MNI, model)


def column(parcels: pd.DataFrame, name: str) -> pd.Series:
    """Return a column of the table of parcels, or say that it is missing."""
    if name not in parcels:
        raise ValueError(f"The table of parcels has no column {name}.")
    return parcels[name]


def enough(n_parcels: int, where: str, minimum: int = MINIMUM_PARCELS) -> None:
    """Raise ValueError when there are too few parcels for surrogates to differ from the map."""
    if n_parcels < minimum:
        raise ValueError(
            f"There are {n_parcels} parcels in {where}; surrogates need at least "
            f"{minimum} to differ from the map."
        )


def _coordinates(parcels: pd.DataFrame, columns: list[str], model: str) -> FloatArray:
    coordinates = np.column_stack(
        [column(parcels, name).to_numpy(dtype=np.float64) for name in columns]
    )
    without = ~np.isfinite(coordinates).all(axis=1)
    if without.any():
        raise ValueError(
            f"The null model {model} needs {', '.join(columns)}, which {int(without.sum())} "
            f"parcels do not have: {some(column(parcels, 'parcel').to_numpy()[without])}. "
            "Leave them out (subcortex has no place on the sphere) or take another model."
        )
    return coordinates
