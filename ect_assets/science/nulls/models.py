"""Spatial null models of parcellated brain maps, by name.

Each model turns one map (n_parcels,) into surrogates (n_parcels, n) that keep its spatial
autocorrelation. `surrogate_maps` is for one map; `prepare` does once what many maps on the same
parcels share. Tests that use them live in `statistics` and `enrichment`. Nothing here reads files
or knows about assets. A new model is a function of the same shape, entered in `MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ect_assets.science.nulls.burt import MINIMUM_PLACES, draw_shuffles, prepare_variogram
from ect_assets.science.nulls.moran import flip_spectrum, moran_eigenvectors, random_signs
from ect_assets.science.nulls.places import (
    column,
    enough,
    mni_distances,
    sphere_coordinates,
    usable_maps,
)
from ect_assets.science.nulls.rotations import random_rotations, reflect
from ect_assets.science.nulls.spins import Assignment, hungarian_assignment, vasa_assignment
from ect_assets.science.statistics.arrays import FloatArray, some

Draw = Callable[[FloatArray], FloatArray]
"""Turns a map (n_parcels,) into its surrogates (n_parcels, n)."""

NullModel = Callable[[pd.DataFrame, int, np.random.Generator], Draw]


@dataclass(frozen=True)
class PreparedNull:
    """The n surrogates of any map on the same parcels; made by `prepare`.

    All random draws are made already, so every map gets the same rotations, signs, or
    permutations and noise, and a map the same surrogates each time.
    """

    parcels: pd.Series
    n: int
    draw: Draw

    def surrogates(self, values: ArrayLike) -> FloatArray:
        """Draw the surrogates of several maps.

        Parameters
        ----------
        values : (n_parcels, m) array
            One map per column.

        Returns
        -------
        (m, n_parcels, n) array
            8 m n_parcels n bytes; hand over a few maps at a time where that is too much.

        Raises
        ------
        ValueError
            When a value is missing or a map is constant.
        """
        maps = usable_maps(values, self.parcels)
        surrogates = np.empty((maps.shape[1], len(maps), self.n))
        for index, one in enumerate(maps.T):
            surrogates[index] = self.draw(np.ascontiguousarray(one))
        return surrogates


def prepare(model: str, parcels: pd.DataFrame, n: int, seed: int) -> PreparedNull:
    """Do once what the surrogates of every map on the same parcels share.

    Parameters
    ----------
    model, parcels, n, seed
        See `surrogate_maps`.

    Returns
    -------
    PreparedNull
        ``prepare(model, parcels, n, seed).surrogates(values[:, None])[0]`` is the same as
        ``surrogate_maps(model, values, parcels, n, seed)``.

    Raises
    ------
    ValueError
        When the model is unknown, coordinates are missing or parcels are too few.
    """
    if model not in MODELS:
        raise ValueError(
            f"There is no null model {model!r}; the known ones are {', '.join(sorted(MODELS))}."
        )
    if n < 1:
        raise ValueError(f"{n} surrogates were asked for; at least 1 is needed.")
    draw = MODELS[model](parcels, n, np.random.default_rng(seed))
    return PreparedNull(column(parcels, "parcel"), n, draw)


def surrogate_maps(
    model: str, values: ArrayLike, parcels: pd.DataFrame, n: int, seed: int
) -> FloatArray:
    """Draw surrogates of a map that keep its spatial autocorrelation.

    Parameters
    ----------
    model : str
        ``vasa`` or ``hungarian`` (spherical rotations), ``moran`` (Moran spectral randomisation)
        or ``burt`` (variogram matching).
    values : (n_parcels,) array
        The map.
    parcels : DataFrame
        The parcels in the order of the values: parcel, hemisphere (``L``, ``R``) and the
        coordinates that the model needs: x_sphere, y_sphere, z_sphere for rotations, which
        subcortex does not have; x_mni_mm, y_mni_mm, z_mni_mm for ``moran`` and ``burt``. With a
        column structure ``moran`` draws within each, and keeps the mean of each.
    n : int
        How many surrogates.
    seed : int
        Seed of all random draws. The first of many surrogates are the same as fewer.

    Returns
    -------
    (n_parcels, n) array

    Raises
    ------
    ValueError
        When the model is unknown, a value or coordinate is missing (the parcels are named), the
        map is constant, or there are fewer than 5 parcels (for rotations: in a hemisphere; for
        ``burt``: 10).
    """
    maps = usable_maps(np.reshape(values, (-1, 1)), column(parcels, "parcel"))
    return prepare(model, parcels, n, seed).surrogates(maps)[0]


def _assignments(model: str, parcels: pd.DataFrame, n: int, rng: np.random.Generator) -> Assignment:
    coordinates = sphere_coordinates(parcels, model)
    hemisphere = column(parcels, "hemisphere").to_numpy(dtype=object)
    other = ~np.isin(hemisphere, ["L", "R"])
    if other.any():
        raise ValueError(
            f"The null model {model} turns hemispheres L and R; these parcels are in neither: "
            f"{some(column(parcels, 'parcel').to_numpy()[other])}. Leave them out."
        )
    sides = [(side, np.flatnonzero(hemisphere == side)) for side in ("L", "R")]
    for side, rows in sides:
        if rows.size > 0:
            enough(rows.size, f"hemisphere {side}")
    left = random_rotations(n, rng)
    assignment = np.empty((n, len(parcels)), dtype=np.int64)
    for side, rows in sides:
        rotations = left if side == "L" else reflect(left)
        if rows.size > 0:
            assignment[:, rows] = rows[SPINS[model](coordinates[rows], rotations)]
    return assignment


def _spins(model: str) -> NullModel:
    """Values of rotated parcels."""

    def prepared(parcels: pd.DataFrame, n: int, rng: np.random.Generator) -> Draw:
        places = np.ascontiguousarray(_assignments(model, parcels, n, rng).T)
        return lambda values: values[places]

    return prepared


def _moran(parcels: pd.DataFrame, n: int, rng: np.random.Generator) -> Draw:
    """Random signs of the Moran spectrum, over Euclidean distances in MNI space.

    Within each structure: cortex and subcortex differ in a map for reasons that are none of space.
    """
    parts = [
        (rows, *_spectrum(parcels.iloc[rows], n, rng)) for rows in _rows_of_structures(parcels)
    ]

    def draw(values: FloatArray) -> FloatArray:
        surrogates = np.empty((len(parcels), n))
        for rows, vectors, signs in parts:
            surrogates[rows] = flip_spectrum(values[rows], vectors, signs)
        return surrogates

    return draw


def _spectrum(
    parcels: pd.DataFrame, n: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    enough(len(parcels), "the map")
    distances = mni_distances(parcels, "moran")
    vectors = _eigenvectors(distances.tobytes(), len(distances))
    return vectors, random_signs(n, vectors.shape[1], rng)


@lru_cache(maxsize=4)
def _eigenvectors(distances: bytes, n: int) -> FloatArray:
    """Decompose once what all seeds share: a calibration draws signs a hundred times."""
    vectors = moran_eigenvectors(np.frombuffer(distances).reshape(n, n))
    vectors.flags.writeable = False
    return vectors


def _rows_of_structures(parcels: pd.DataFrame) -> list[NDArray[np.intp]]:
    """Give the rows of each structure; all of them where the table does not say."""
    if "structure" not in parcels:
        return [np.arange(len(parcels))]
    structure = parcels["structure"].to_numpy(dtype=object)
    return [np.flatnonzero(structure == one) for one in pd.unique(structure)]


def _burt(parcels: pd.DataFrame, n: int, rng: np.random.Generator) -> Draw:
    """Shuffled, smoothed and scaled to the variogram, over Euclidean distances in MNI space."""
    enough(len(parcels), "the map", MINIMUM_PLACES)
    matching = prepare_variogram(mni_distances(parcels, "burt"))
    orders, noise = draw_shuffles(len(parcels), n, rng)
    return lambda values: matching.surrogates(values, orders, noise)


SPINS = {"vasa": vasa_assignment, "hungarian": hungarian_assignment}
"""The known ways to give rotated parcels to unrotated ones."""

MODELS: dict[str, NullModel] = {
    "vasa": _spins("vasa"),
    "hungarian": _spins("hungarian"),
    "moran": _moran,
    "burt": _burt,
}
"""The known null models: (parcels, n, rng) -> (map -> surrogates)."""
