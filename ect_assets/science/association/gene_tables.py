"""The table of genes: weight and rank in each component, and what chance is left for them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ect_assets.science.association.component_tables import NOT_ASKED, replicated
from ect_assets.science.nulls.places import mni_distances
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.bootstrap import resamples_for
from ect_assets.science.statistics.effective_size import closed_form_p
from ect_assets.science.statistics.list_stability import list_stability
from ect_assets.science.statistics.patients import Changes, projection_tests
from ect_assets.science.statistics.pls import DIRECTIONS, zscore
from ect_assets.science.statistics.resampling import gene_statistics, spatial_gene_p
from ect_assets.science.transcriptome.matrix import Aligned


def gene_table(
    ours: Aligned,
    null_maps: FloatArray,
    changes: Changes | None,
    n_components: int,
    n_bootstraps: int,
    gene_list_q: float,
    seed: int,
) -> pd.DataFrame:
    """Rank and test the genes: the rows of ``pls_genes``.

    Parameters
    ----------
    null_maps : (n_parcels, B) array
        Of the primary null model.
    changes : Changes or None
        Of the patients, over the same parcels; without them their question is not asked.
    gene_list_q : float
        A gene of the first component is listed where its bootstrap q is below.
    """
    predictors, values = zscore(ours.expression), zscore(ours.values)
    frame = gene_statistics(predictors, values, n_bootstraps, seed, n_components)
    first = frame[frame.component == 1]
    counts = resamples_for(values, n_bootstraps, seed, n_components)
    of_list = _list_columns(predictors, values, counts, first, gene_list_q, seed)
    of_genes = pd.concat(
        [
            spatial_gene_p(predictors, values, null_maps),
            closed_form(ours, predictors.T),
            _over_patients(changes, predictors.T, seed),
        ],
        axis=1,
    )
    frame = pd.concat([frame, pd.concat([of_genes] * n_components, ignore_index=True)], axis=1)
    listed = (frame.q_bootstrap < gene_list_q) & (frame.component == 1)
    signs = pd.Series(np.where(frame.z > 0, *DIRECTIONS), dtype="str")
    ranks = frame.groupby("component").z.rank(ascending=False, method="first")
    # Lists are of the first component, whose genes come first.
    frame = frame.join(of_list).assign(
        gene=list(ours.genes) * n_components,
        direction=signs.where(listed, None),
        rank=ranks.astype(int),
    )
    return frame.sort_values(["component", "rank"], ignore_index=True)


def _list_columns(
    predictors: FloatArray,
    values: FloatArray,
    counts: FloatArray,
    first: pd.DataFrame,
    gene_list_q: float,
    seed: int,
) -> pd.DataFrame:
    """Say of each gene how often it is listed, and how long its list is under other seeds."""
    z, errors = first.z.to_numpy(float), first.se.to_numpy(float)
    found = list_stability(predictors, values, counts, z, errors, gene_list_q, seed)
    low, high = np.where(z > 0, found.n_plus[:, None], found.n_minus[:, None])
    return pd.DataFrame(
        {
            "selection_frequency": found.selection_frequency,
            "n_listed_low": low,
            "n_listed_high": high,
        },
        index=first.index,
    ).astype({"n_listed_low": "Int64", "n_listed_high": "Int64"})


def _over_patients(changes: Changes | None, profiles: FloatArray, seed: int) -> pd.DataFrame:
    if changes is None:
        columns = ["p_patients", "q_patients", "replication"]
        return pd.DataFrame(NOT_ASKED, range(len(profiles)), columns)
    tested = projection_tests(changes, profiles)[["p_patients", "q_patients"]]
    return tested.assign(replication=replicated(changes, profiles, seed).replication)


def closed_form(ours: Aligned, profiles: FloatArray) -> pd.DataFrame:
    """Test profiles (m, n_parcels) by effective size; missing where structures are compared.

    A variogram takes the map as stationary, which cortex and subcortex together are not.
    """
    if ours.parcels.structure.nunique() > 1:
        return pd.DataFrame(np.nan, range(len(profiles)), ["n_effective", "p_closed_form"])
    distances = mni_distances(ours.parcels, "closed form")
    return closed_form_p(profiles, ours.values, distances)
