"""A null model of this lab: smooth noise that takes on the values of the map."""

import numpy as np

from ect_assets.extensions import null_model

SMOOTHNESS_MM = 30.0


@null_model("smooth_noise")
def smooth_noise(values: np.ndarray, distances: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Give each surrogate the map's values, in the order of noise that is smooth over distance.

    Parameters
    ----------
    values : (n_parcels,) array
        The map.
    distances : (n_parcels, n_parcels) array
        Between the parcels, in mm.

    Returns
    -------
    (n, n_parcels) array
    """
    noise = np.random.default_rng(seed).standard_normal((n, len(values)))
    smooth = noise @ np.exp(-distances / SMOOTHNESS_MM)
    return np.sort(values)[smooth.argsort(axis=1).argsort(axis=1)]
