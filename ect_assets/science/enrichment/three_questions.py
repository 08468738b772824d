"""One verdict on gene sets from three questions: patients, space, genes.

An association of a map with a set may be noise of these patients, chance alignment of smooth
maps, or a property of any co-expressed set. Each question has its test (`statistics.patients`,
`spatial`, `matched_sets`); here they are asked of the same sets and brought together. Which claims
are made is in `findings`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.enrichment.matched_sets import (
    MatchedSets,
    coexpression_of,
    compare_with_matched,
    grow_matched_sets,
)
from ect_assets.science.enrichment.membership import Membership
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.influence import correlation_influence
from ect_assets.science.statistics.multiple_comparisons import benjamini_hochberg
from ect_assets.science.statistics.patients import (
    SPLITS,
    Changes,
    projection_tests,
    split_half_stability,
)
from ect_assets.science.statistics.pls import zscore

MATCHED_SETS = 1_000
"""Random sets of one kind that a set is compared with."""
MAPS_OF_GENES = 1_000
"""Null maps of which the question of genes is asked: p_genes cannot be smaller than 1 / (1 + random
sets) whatever their number."""
NAMED_PARCELS = 3
"""How many of the most influential parcels are named."""


def jointly(p_values: pd.DataFrame) -> pd.Series:
    """Return the largest p of several tests: p of the claim that all of their nulls are false.

    Parameters
    ----------
    p_values : DataFrame
        One column per test; missing where it was not made.

    Returns
    -------
    Series
        Level alpha if each test is; missing where one of them is.

    References
    ----------
    Berger RL (1982). Multiparameter hypothesis testing and acceptance sampling. Technometrics
    24:295-300.
    """
    return p_values.astype("float64").max(axis=1, skipna=False)


def random_sets_for(
    expression: ArrayLike, collections: Collection[Membership], seed: int
) -> MatchedSets:
    """Grow the random sets that the sets of several collections are compared with.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside; its columns are the genes of each collection.
    collections : collection of Membership
        The sets that are tested.
    seed : int
    """
    x = zscore(expression)
    shared = [coexpression_of(tested.mean_of(x)) for tested in collections]
    sizes = np.concatenate([tested.sizes for tested in collections])
    return grow_matched_sets(x, sizes, np.concatenate(shared), MATCHED_SETS, seed)


def set_questions(
    expression: ArrayLike,
    change_map: ArrayLike,
    null_maps: ArrayLike,
    tested: Membership,
    p_spatial: ArrayLike,
    changes: Changes | None,
    parcels: Sequence[str],
    random_sets: MatchedSets,
    seed: int,
) -> pd.DataFrame:
    """Ask the questions of patients and of genes, and bring all three together.

    Parameters
    ----------
    expression : (n_parcels, n_genes) array
        z-scored inside; its columns are the genes of ``tested``.
    change_map : (n_parcels,) array
    null_maps : (n_parcels, B) array
        Of the null model that decides; of genes the first 1,000 are asked.
    tested : Membership
        The sets, as `spatial_enrichment` tested them.
    p_spatial : (n_sets,) array
        Its p.
    changes : Changes or None
        Of the patients, over the same parcels. Without them the question of patients is not asked:
        its columns are missing, and p_all is of the other two.
    parcels : sequence of str
        Names of the parcels.
    random_sets : MatchedSets
        From `random_sets_for`, with these sets among others.
    seed : int

    Returns
    -------
    DataFrame
        One row per set: coexpression, n_matched, p_matched, p_genes, q_genes, p_patients,
        q_patients, replication, p_all, q_all (over the sets), parcels (the three without which the
        correlation weakens most, separated by ;).
    """
    profiles = tested.mean_of(zscore(expression))
    nulls = np.asarray(null_maps)[:, :MAPS_OF_GENES]
    maps = np.column_stack([zscore(change_map), zscore(nulls)])
    genes = compare_with_matched(profiles, tested.sizes, random_sets, maps)
    patients = _over_patients(changes, profiles, seed)
    together = pd.DataFrame({"space": np.asarray(p_spatial), "genes": genes.p_genes})
    if changes is not None:
        together["patients"] = patients.p_patients
    p_all = jointly(together)
    return pd.concat([genes, patients], axis=1).assign(
        p_all=p_all,
        q_all=benjamini_hochberg(p_all),
        parcels=most_influential(correlation_influence(profiles, change_map), parcels),
    )


def _over_patients(changes: Changes | None, profiles: FloatArray, seed: int) -> pd.DataFrame:
    if changes is None:
        columns = ["p_patients", "q_patients", "replication"]
        return pd.DataFrame(np.nan, range(len(profiles)), columns)
    tested = projection_tests(changes, profiles)[["p_patients", "q_patients"]]
    stable = split_half_stability(changes, profiles, SPLITS, seed)
    return tested.assign(replication=np.nan if stable is None else stable.replication)


def most_influential(influence: FloatArray, parcels: Sequence[str]) -> list[str]:
    """Name the parcels that carry each result most, separated by ;.

    Parameters
    ----------
    influence : (m, n_parcels) array
        As `statistics.influence` gives it.
    parcels : sequence of str
    """
    names = np.asarray(parcels, dtype=object)
    order = np.argsort(-influence, axis=1, kind="stable")[:, :NAMED_PARCELS]
    return [";".join(row) for row in names[order]]
