"""Spatial null models of parcellated brain maps, by name.

Each model turns one map (n_parcels,) into surrogates (n_parcels, n) that keep its spatial
autocorrelation. Tests that use them live in `statistics` and `enrichment`. Nothing here reads
files or knows about assets. A new model is a function of the same shape, entered in `MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ect_assets.nulls.moran import moran_surrogates
from ect_assets.nulls.rotations import random_rotations, reflect
from ect_assets.nulls.spins import vasa_assignment
from ect_assets.statistics.arrays import FloatArray, finite, some, varying

SPHERE = ["x_sphere", "y_sphere", "z_sphere"]
MNI = ["x_mni_mm", "y_mni_mm", "z_mni_mm"]
MINIMUM_PARCELS = 5

NullModel = Callable[[FloatArray, pd.DataFrame, int, np.random.Generator], FloatArray]


def surrogate_maps(
    model: str, values: ArrayLike, parcels: pd.DataFrame, n: int, seed: int
) -> FloatArray:
    """Draw surrogates of a map that keep its spatial autocorrelation.

    Parameters
    ----------
    model : str
        ``vasa`` (spherical rotations) or ``moran`` (Moran spectral randomisation).
    values : (n_parcels,) array
        The map.
    parcels : DataFrame
        The parcels in the order of the values: parcel, hemisphere (``L``, ``R``) and the
        coordinates that the model needs: x_sphere, y_sphere, z_sphere for ``vasa``; x_mni_mm,
        y_mni_mm, z_mni_mm for ``moran``.
    n : int
        How many surrogates.
    seed : int
        Seed of all random draws.

    Returns
    -------
    (n_parcels, n) array

    Raises
    ------
    ValueError
        When the model is unknown, a value or coordinate is missing, the map is constant, or
        there are fewer than 5 parcels (for ``vasa``: in a hemisphere).
    """
    if model not in MODELS:
        raise ValueError(
            f"There is no null model {model!r}; the known ones are {', '.join(sorted(MODELS))}."
        )
    map_values = varying("The map", finite("The map", values, 1))
    if len(map_values) != len(parcels):
        raise ValueError(f"The map has {len(map_values)} values for {len(parcels)} parcels.")
    if n < 1:
        raise ValueError(f"{n} surrogates were asked for; at least 1 is needed.")
    return MODELS[model](map_values, parcels, n, np.random.default_rng(seed))


def _vasa(
    values: FloatArray, parcels: pd.DataFrame, n: int, rng: np.random.Generator
) -> FloatArray:
    """Values of rotated parcels; both hemispheres turn together, mirrored at the midline."""
    coordinates = _coordinates(parcels, SPHERE, "vasa")
    hemisphere = _column(parcels, "hemisphere").to_numpy(dtype=object)
    other = ~np.isin(hemisphere, ["L", "R"])
    if other.any():
        raise ValueError(
            f"The null model vasa turns hemispheres L and R; these parcels are in neither: "
            f"{some(_column(parcels, 'parcel').to_numpy()[other])}. Leave them out."
        )
    left = random_rotations(n, rng)
    surrogates = np.empty((len(values), n))
    for side, rotations in (("L", left), ("R", reflect(left))):
        rows = np.flatnonzero(hemisphere == side)
        if rows.size == 0:
            continue
        _enough(rows.size, f"hemisphere {side}")
        assignment = vasa_assignment(coordinates[rows], rotations)
        surrogates[rows] = values[rows][assignment].T
    return surrogates


def _moran(
    values: FloatArray, parcels: pd.DataFrame, n: int, rng: np.random.Generator
) -> FloatArray:
    """Random signs of the Moran spectrum, over Euclidean distances in MNI space."""
    _enough(len(values), "the map")
    coordinates = _coordinates(parcels, MNI, "moran")
    return moran_surrogates(values, cdist(coordinates, coordinates), n, rng)


MODELS: dict[str, NullModel] = {"vasa": _vasa, "moran": _moran}
"""The known null models: (values, parcels, n, rng) -> (n_parcels, n) surrogates."""


def _column(parcels: pd.DataFrame, name: str) -> pd.Series:
    if name not in parcels:
        raise ValueError(f"The table of parcels has no column {name}.")
    return parcels[name]


def _coordinates(parcels: pd.DataFrame, columns: list[str], model: str) -> FloatArray:
    coordinates = np.column_stack(
        [_column(parcels, column).to_numpy(dtype=np.float64) for column in columns]
    )
    without = ~np.isfinite(coordinates).all(axis=1)
    if without.any():
        raise ValueError(
            f"The null model {model} needs {', '.join(columns)}, which {int(without.sum())} "
            f"parcels do not have: {some(_column(parcels, 'parcel').to_numpy()[without])}. "
            "Leave them out (subcortex has no place on the sphere) or take another model."
        )
    return coordinates


def _enough(n_parcels: int, where: str) -> None:
    if n_parcels < MINIMUM_PARCELS:
        raise ValueError(
            f"There are {n_parcels} parcels in {where}; surrogates need at least "
            f"{MINIMUM_PARCELS} to differ from the map."
        )
