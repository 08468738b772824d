"""Rival explanations of a map: what genes explain beyond confound maps.

An electric field, or the distance to where the current enters, may have the pattern of genes. The
map and every gene are taken as what confounds do not explain of them, and asked again. Which
confounds a study names belongs to its settings; null models are in `nulls`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.nulls.models import surrogate_maps
from ect_assets.science.statistics.arrays import FloatArray, finite, same_length
from ect_assets.science.statistics.multiple_comparisons import permutation_p
from ect_assets.science.statistics.pls import variance_explained, zscore

POSITIONS_MM = {
    "FT7": (-80.8, 14.1, -11.1),
    "FT8": (81.8, 15.4, -11.3),
    "C2": (37.7, -9.6, 88.4),
    "AFF5h": (-50.8, 64.0, 23.1),
    "AFF6h": (52.4, 65.1, 22.9),
}
"""Positions of the 10-05 system on the scalp of the MNI head (Colin27), in mm.

Oostenveld R, Praamstra P (2001). The five percent electrode system for high-resolution EEG and ERP
measurements. Clin Neurophysiol 112:713-719; as in the template standard_1005.elc of FieldTrip.
"""
PLACEMENTS = {
    "bitemporal": ("FT7", "FT8"),
    "right_unilateral": ("FT8", "C2"),
    "bifrontal": ("AFF5h", "AFF6h"),
}
"""The positions nearest to the electrodes of a placement, by its clinical rule.

Temporal: 2 to 3 cm above the middle of the line from the ear's tragus to the eye's outer corner;
right unilateral: there, and right of the vertex (d'Elia G (1970). Unilateral electroconvulsive
therapy. Acta Psychiatr Scand Suppl 215); bifrontal: 5 cm above the outer corner of each eye
(Letemendia FJJ et al. (1993). Therapeutic advantage of bifrontal electrode placement in ECT.
Psychol Med 23:349-360).
"""
FEWEST_LEFT = 5
"""Parcels that must remain beyond the number of confounds."""


def electrode_distance(coordinates: ArrayLike, placement: str) -> FloatArray:
    """Compute how far each parcel lies from the nearest electrode.

    Parameters
    ----------
    coordinates : (n_parcels, 3) array
        In MNI space, in mm.
    placement : str
        A key of `PLACEMENTS`.

    Returns
    -------
    (n_parcels,) array
        In mm.

    Raises
    ------
    ValueError
        When the placement is unknown or a coordinate is missing.
    """
    if placement not in PLACEMENTS:
        raise ValueError(
            f"There is no placement {placement!r}; known ones: {', '.join(PLACEMENTS)}."
        )
    places = finite("The coordinates", coordinates, 2)
    electrodes = np.array([POSITIONS_MM[name] for name in PLACEMENTS[placement]])
    apart = np.linalg.norm(places[:, None] - electrodes, axis=2)
    nearest: FloatArray = apart.min(axis=1)
    return nearest


def first_pattern(expression: ArrayLike) -> FloatArray:
    """Return the first principal component of expression (C1), (n_parcels,), its sign arbitrary.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside.

    References
    ----------
    Dear R et al. (2024). Cortical gene expression architecture links healthy neurodevelopment to
    the imaging, transcriptomics and genetics of autism and schizophrenia. Nat Neurosci
    27:1075-1086.
    """
    x = zscore(expression, name="The expression")
    pattern: FloatArray = np.linalg.eigh(x @ x.T)[1][:, -1]
    return pattern


def beyond(values: ArrayLike, confounds: ArrayLike) -> FloatArray:
    """Take from maps what confounds, and a constant, explain of them by least squares.

    Parameters
    ----------
    values : (n_parcels, m) array
    confounds : (n_parcels, k) array

    Returns
    -------
    (n_parcels, m) array

    Raises
    ------
    ValueError
        When shapes do not fit, a value is missing, a confound is constant or a combination of
        others, or fewer than 5 parcels are left beyond their number.
    """
    maps, known = finite("The maps", values, 2), finite("The confounds", confounds, 2)
    same_length("The maps", maps, "the confounds", known)
    n, k = known.shape
    if n - k - 1 < FEWEST_LEFT:
        raise ValueError(
            f"{k} confounds of {n} parcels leave {n - k - 1} degrees of freedom; at least "
            f"{FEWEST_LEFT} are needed."
        )
    design = np.column_stack([np.ones(n), zscore(known, name="The confounds")])
    if np.linalg.matrix_rank(design) <= k:
        raise ValueError("A confound is a combination of the others: leave one out.")
    basis = np.linalg.qr(design)[0]
    left: FloatArray = maps - basis @ (basis.T @ maps)
    return left


def partial_components(
    expression: ArrayLike,
    change_map: ArrayLike,
    confounds: ArrayLike,
    parcels: pd.DataFrame,
    model: str,
    n_nulls: int,
    n_components: int,
    seed: int,
) -> pd.DataFrame:
    """Ask how much genes explain of a map beyond confounds, against its own null maps.

    Genes and map are replaced by what the confounds leave of them, genes z-scored again; null maps
    are drawn for the map that is left, and lose what confounds explain of them as well.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside. A gene that the confounds explain whole is left out.
    change_map : (n_parcels,) array
    confounds : (n_parcels, k) array
    parcels : DataFrame
        The parcels in the order of the rows, as for `nulls.models.surrogate_maps`.
    model, n_nulls, n_components, seed
        Null model and number of its maps; PLS components.

    Returns
    -------
    DataFrame
        component; r2_confounds: share of the map that the confounds explain; r2_partial: share of
        what they leave that the component explains; p_partial: (1 + null maps of as much) / (1 +
        null maps).

    Raises
    ------
    ValueError
        As `beyond`; when the confounds explain the map whole.
    """
    x, y = zscore(expression, name="The expression"), zscore(change_map, name="The map")
    left = beyond(y[:, None], confounds)[:, 0]
    remaining = float((left**2).sum() / (y**2).sum())
    if remaining < 1e-10:
        raise ValueError("The confounds explain the whole map: nothing is left for genes.")
    genes = beyond(x, confounds)
    genes = zscore(genes[:, (genes**2).sum(axis=0) > 1e-10 * (len(y) - 1)])
    nulls = beyond(surrogate_maps(model, left, parcels, n_nulls, seed), confounds)
    cumulative = variance_explained(genes @ genes.T, np.column_stack([left, nulls]), n_components)
    r2 = np.diff(cumulative, axis=0, prepend=0)
    return pd.DataFrame(
        {
            "component": np.arange(1, n_components + 1),
            "r2_confounds": 1 - remaining,
            "r2_partial": r2[:, 0],
            "p_partial": permutation_p(r2[:, 0], r2[:, 1:], axis=1),
        }
    )
