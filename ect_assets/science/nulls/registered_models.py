"""Null models of a lab's own, registered under a name beside ours.

A model is a plain function of a map and of where its parcels are; `register` makes of it what
`models.MODELS` holds. It is as good as its author: `null_calibration` measures its false positives
as those of ours.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ect_assets.science.nulls.models import MODELS, Draw, NullModel
from ect_assets.science.nulls.places import column, mni_coordinates, mni_distances
from ect_assets.science.statistics.arrays import FloatArray

Function = Callable[[FloatArray, FloatArray, int, int], Any]
PLACES = {"distances": mni_distances, "coordinates": mni_coordinates}
"""What a model may take of the parcels, by the name of its second parameter."""
LARGEST_SEED = 2**32

_versions: dict[str, int] = {}
_modules: dict[str, str] = {}


def null_model(name: str) -> Callable[[Function], Function]:
    """Register a function as a null model; ``nulls.models`` in study.toml can name it then.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and ``_``.

    Returns
    -------
    callable
        Decorates ``model(values, distances, n, seed)``, which gives an (n, n_parcels) array of
        surrogates of the map ``values`` (n_parcels,), the same for the same seed. ``distances``
        (n_parcels, n_parcels) are Euclidean, in mm of MNI space; a second parameter that is named
        ``coordinates`` gets (n_parcels, 3) instead.

    Raises
    ------
    ValueError
        When the name is taken or the second parameter is neither.
    """

    def registered(function: Function) -> Function:
        register(name, function)
        return function

    return registered


def register(name: str, function: Function) -> None:
    """Register a null model, as `null_model` does."""
    where = f"{function.__module__}.{function.__qualname__}"
    if name in MODELS and _modules.get(name) != where:
        taken = _modules.get(name, "a null model of ECT Assets")
        raise ValueError(f"The null model {name!r} of {where} has the name of {taken}; rename it.")
    MODELS[name] = _prepared(name, function)
    _modules[name] = where
    source = inspect.getsource(inspect.getmodule(function) or function)
    _versions[name] = int(hashlib.sha256(source.encode()).hexdigest()[:8], 16)


def versions_of(models: tuple[str, ...]) -> dict[str, int]:
    """Return a version of each model that is not ours: it changes when its module does."""
    return {
        name: _versions.get(name, 0) for name in models if name in _versions or name not in MODELS
    }


def _prepared(name: str, function: Function) -> NullModel:
    second = list(inspect.signature(function).parameters)[1:2]
    if second not in (["distances"], ["coordinates"]):
        raise ValueError(
            f"The null model {name!r}: its parameters are (values, distances, n, seed), or "
            "coordinates instead of distances."
        )
    places_of = PLACES[second[0]]

    def prepared(parcels: pd.DataFrame, n: int, rng: np.random.Generator) -> Draw:
        places = places_of(parcels, name)
        seed = int(rng.integers(LARGEST_SEED))
        n_parcels = len(column(parcels, "parcel"))

        def draw(values: FloatArray) -> FloatArray:
            maps = np.asarray(function(values.copy(), places.copy(), n, seed), dtype=float)
            if maps.shape != (n, n_parcels):
                raise ValueError(
                    f"The null model {name!r} gave an array of {maps.shape}; "
                    f"{(n, n_parcels)} is expected, a surrogate in each row."
                )
            if not np.isfinite(maps).all():
                raise ValueError(f"The null model {name!r} gave values that are not finite.")
            return maps.T

        return draw

    return prepared
