"""Which results rest on one donor: everything again without each of them.

Six donors stand behind the expression of every gene. Here the matrix is averaged without one of
them, and the first component and all gene sets are tested against the same null maps. How matrices
are made of samples belongs in `transcriptome`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.enrichment.membership import Membership
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import LEVEL, permutation_p
from ect_assets.science.statistics.pls import variance_explained, zscore
from ect_assets.science.statistics.resampling import two_sided_p

FEWEST_PARCELS = 10
"""Parcels that must have samples of the other donors."""
COMPONENT = "component"


def without_donor(of_donors: Mapping[str, pd.DataFrame], donor: str) -> pd.DataFrame:
    """Average the matrices of the other donors; missing where none of them has a sample."""
    others = [one for name, one in of_donors.items() if name != donor]
    return pd.concat(others).groupby(level=0, sort=False).mean()


def donor_influence(
    of_donors: Mapping[str, pd.DataFrame],
    expression: pd.DataFrame,
    change_map: ArrayLike,
    null_maps: ArrayLike,
    tested: Membership,
) -> pd.DataFrame:
    """Test the first component and gene sets without each donor.

    Parameters
    ----------
    of_donors : mapping of str to (n_parcels, n_genes) DataFrame
        Each donor's matrix, by the names of parcels and genes; missing without samples.
    expression : (n_parcels, n_genes) DataFrame
        Of all donors: the parcels and genes in use.
    change_map : (n_parcels,) array
    null_maps : (n_parcels, B) array
    tested : Membership
        Gene sets, of the genes of the expression.

    Returns
    -------
    DataFrame
        donor (left out), collection (``component`` for PLS1), name (``PLS1`` or the set), n_parcels
        (parcels that the other donors have), effect (R2; mean correlation of the set), p_spatial,
        effect_all and p_spatial_all (of all donors), weight_correlation (of the genes' weights with
        those of all donors; of the component only), depends (p is below 0.05 with all donors, and
        without this one it is not, or the sign differs). Donors without whom fewer than 10 parcels
        are left have no rows.
    """
    y, nulls = np.asarray(change_map, float), np.asarray(null_maps, float)
    whole, weights = _results(expression, y, nulls, tested)
    frames = []
    for donor in of_donors:
        matrix = without_donor(of_donors, donor).reindex(
            index=expression.index, columns=expression.columns
        )
        has_values = matrix.notna().all(axis=1).to_numpy()
        if has_values.sum() < FEWEST_PARCELS:
            continue
        matrix = matrix[has_values]
        matrix = matrix.loc[:, matrix.std() > 0]
        found, of_genes = _results(matrix, y[has_values], nulls[has_values], tested)
        rows = found.merge(
            whole.rename(columns={"effect": "effect_all", "p_spatial": "p_spatial_all"}),
            on=["collection", "name"],
        )
        alike = _alike(weights, of_genes)
        frames.append(
            rows.assign(
                donor=donor,
                n_parcels=int(has_values.sum()),
                weight_correlation=np.where(rows.collection == COMPONENT, alike, np.nan),
            )
        )
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames, ignore_index=True)
    agrees = np.sign(table.effect) == np.sign(table.effect_all)
    holds = (table.p_spatial < LEVEL) & agrees
    return table.assign(depends=(table.p_spatial_all < LEVEL) & ~holds)


def _results(
    matrix: pd.DataFrame, y: FloatArray, nulls: FloatArray, tested: Membership
) -> tuple[pd.DataFrame, pd.Series]:
    """Effect and p of the component and of each set, and the genes' weights."""
    x, maps = zscore(matrix.to_numpy(float)), zscore(np.column_stack([y, nulls]))
    r2 = variance_explained(x @ x.T, maps)[0]
    component = pd.DataFrame(
        {
            "collection": [COMPONENT],
            "name": ["PLS1"],
            "effect": [r2[0]],
            "p_spatial": [float(permutation_p(r2[0], r2[1:]))],
        }
    )
    mine = tested.matrix[:, tested.genes.get_indexer(matrix.columns)]
    sizes = np.asarray(mine.sum(axis=1)).ravel()
    has_genes = sizes > 0
    profiles = (mine @ np.ascontiguousarray(x.T))[has_genes] / sizes[has_genes, None]
    sets = pd.DataFrame(
        {
            "collection": tested.sets.collection.to_numpy()[has_genes],
            "name": tested.sets.set_id.to_numpy()[has_genes],
            "effect": profiles @ maps[:, 0] / (len(y) - 1),
            "p_spatial": two_sided_p(profiles, maps[:, 0], np.ascontiguousarray(maps[:, 1:])),
        }
    )
    weights = pd.Series(maps[:, 0] @ x, matrix.columns)
    return pd.concat([component, sets], ignore_index=True), weights


def _alike(first: pd.Series, second: pd.Series) -> float:
    common = first.index.intersection(second.index)
    return float(np.corrcoef(first[common], second[common])[0, 1])
