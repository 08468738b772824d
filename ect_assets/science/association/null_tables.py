"""Null maps of a map, as long tables and as matrices, and what components explain of them.

The null models themselves are in `nulls`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.pls import variance_explained, zscore


def component_statistic(component: int) -> str:
    """Name the statistic that a component is tested by."""
    return f"r2_y_component_{component}"


def null_matrices(
    models: Sequence[str], values: ArrayLike, parcels: pd.DataFrame, n_nulls: int, seed: int
) -> dict[str, FloatArray]:
    """Draw the null maps of each model, (n_parcels, n_nulls), in the order of the parcels."""
    return {model: surrogate_maps(model, values, parcels, n_nulls, seed) for model in models}


def null_map_table(maps: Mapping[str, FloatArray], parcels: pd.Series) -> pd.DataFrame:
    """Write null maps as rows of the table ``null_maps``."""
    frames = []
    for model, values in maps.items():
        n_parcels, n_maps = values.shape
        frames.append(
            pd.DataFrame(
                {
                    "null_model": model,
                    "null_id": np.repeat(np.arange(n_maps), n_parcels),
                    "parcel": np.tile(parcels.to_numpy(), n_maps),
                    "value": values.T.ravel(),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def null_matrix(null_maps: pd.DataFrame, model: str, parcels: pd.Series) -> FloatArray:
    """Spread the null maps of one model into parcels by maps, in the order of `parcels`."""
    mine = null_maps[null_maps.null_model == model]
    wide = mine.pivot(index="parcel", columns="null_id", values="value")
    return wide.loc[parcels].to_numpy(float)


def null_matrices_of(null_maps: pd.DataFrame, parcels: pd.Series) -> dict[str, FloatArray]:
    """Spread the null maps of every model, in the order of the table."""
    return {
        model: null_matrix(null_maps, model, parcels) for model in null_maps.null_model.unique()
    }


def null_distribution_table(
    expression: ArrayLike, maps: Mapping[str, FloatArray], n_components: int
) -> pd.DataFrame:
    """Write what each component explains of the null maps, as ``null_distributions``."""
    predictors = zscore(expression)
    gram = predictors @ predictors.T
    frames = []
    for model, nulls in maps.items():
        cumulative = variance_explained(gram, nulls, n_components)
        for index, values in enumerate(np.diff(cumulative, axis=0, prepend=0)):
            frames.append(
                pd.DataFrame(
                    {
                        "null_model": model,
                        "statistic": component_statistic(index + 1),
                        "null_id": np.arange(values.size),
                        "value": values,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)
