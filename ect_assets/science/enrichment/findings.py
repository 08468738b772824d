"""Every claim of the study in one table: what the field would report, and what is left of it.

Nothing is tested here. The p values come from the tables of association and enrichment; here they
are put side by side under one rule: a claim holds where the largest p of the questions that apply
to it (patients, space, and genes for sets) stays below 0.05 after false discovery rate. One that
lacks an answer does not hold, since it was not asked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ect_assets.science.enrichment.three_questions import jointly, most_influential
from ect_assets.science.statistics.multiple_comparisons import LEVEL, benjamini_hochberg
from ect_assets.science.statistics.pls import DIRECTIONS

PUBLISHED_NULL = "vasa"
BOTH = "both"
COLUMNS = [
    "kind",
    "name",
    "direction",
    "effect",
    "p_published",
    "q_published",
    "p_spatial",
    "q_spatial",
    "holds",
    "p_patients",
    "q_patients",
    "p_genes",
    "q_genes",
    "p_all",
    "q_all",
    "replication",
    "parcels",
    "effect_low",
    "effect_high",
]
OF_SETS = COLUMNS[COLUMNS.index("p_patients") : COLUMNS.index("parcels") + 1]
"""Columns that a set's row of the spatial enrichment has already."""


def verdicts(claims: pd.DataFrame) -> pd.Series:
    """Decide which claims hold.

    Parameters
    ----------
    claims : DataFrame
        q_all; missing where one of the questions was not answered.

    Returns
    -------
    Series of bool
        True where it is below 0.05.
    """
    return (claims["q_all"].astype("float64") < LEVEL).rename("holds")


def findings(
    components: pd.DataFrame,
    genes: pd.DataFrame,
    go: pd.DataFrame,
    cell_types: pd.DataFrame,
    gene_set_spatial: pd.DataFrame,
    influence: pd.DataFrame,
    primary_null: str,
    asks_patients: bool = True,
) -> pd.DataFrame:
    """Put every claim of one parcellation under the same rule.

    ``component``: effect is r2_y; published p of the Vasa spins (missing where they were not
    run), spatial p of the primary null model, p over patients of r2_y, q over the components. The
    question of genes is about sets and does not apply.

    ``gene_list``: effect is the number of genes. A list has no p of its own: its q is the
    smallest q of its genes, so that it holds where at least one listed gene follows the map beyond
    the null maps. Adjusted over all genes, the smallest q is Simes' p of the claim that none does,
    and only larger when taken over the listed ones. It says nothing about the other genes of the
    list. Its q_all is the smallest q, over all genes, of each gene's largest p over patients and
    space.

    ``go_term``: the terms of published q below 0.05; effect is the fold enrichment. The spatial q
    is that of the table of spatial enrichment, over all tested sets of the collection: the terms
    were chosen by the same map, and adjusting over the chosen ones alone would forget that choice.

    ``cell_type``: effect is nes, published p that of permuted genes.

    Sets have all three questions. A go_term or cell_type holds only if its mean correlation with
    the map has the sign of its direction.

    Parameters
    ----------
    components : DataFrame
        component, null_model, r2_y, p_spatial, p_patients, replication, as in ``pls_components``.
    genes : DataFrame
        component, direction, z, q_bootstrap, p_spatial, q_spatial, p_patients, q_patients,
        n_listed_low, n_listed_high, as in ``pls_genes``.
    go : DataFrame
        direction, set_id, set_name, fold_enrichment, p, q, as in ``go_enrichment``.
    cell_types : DataFrame
        cell_type, nes, p_gene, q_gene, p_spatial, q_spatial, as in ``cell_type_enrichment``.
    gene_set_spatial : DataFrame
        set_id, set_name, null_model, score, p, q and what `three_questions` adds, as in
        ``gene_set_spatial_enrichment``.
    influence : DataFrame
        component, parcel, delta_r2, as in ``parcel_influence``.
    primary_null : str
        Name of the null model that decides.
    asks_patients : bool
        False for a map without patients, whose p_all and holds are of the other questions.

    Returns
    -------
    DataFrame
        kind, name, direction (``PLS1+``, ``PLS1-``, ``both``), effect, p_published, q_published,
        p_spatial, q_spatial, holds, p_patients, q_patients, p_genes, q_genes, p_all, q_all,
        replication, parcels, effect_low, effect_high (of a gene list). Terms are named with their
        identifier in parentheses.

    Raises
    ------
    ValueError
        When the primary null model is in none of the tables, or a reported set has no row of it.

    References
    ----------
    Simes RJ (1986). An improved Bonferroni procedure for multiple tests of significance.
    Biometrika 73:751-754.
    """
    spatial = _of_model(gene_set_spatial, primary_null, "spatial enrichment")
    over = ["p_patients", "p_spatial"] if asks_patients else ["p_spatial"]
    parts = [
        _components(components, influence, primary_null, over),
        _gene_lists(genes, over),
        _go_terms(go, spatial),
        _cell_types(cell_types, spatial),
    ]
    claims = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return claims[COLUMNS]


def _of_model(table: pd.DataFrame, model: str, name: str) -> pd.DataFrame:
    rows = table[table["null_model"] == model]
    if rows.empty:
        known = ", ".join(map(str, table["null_model"].unique())) or "none"
        raise ValueError(
            f"The primary null model {model} has no rows in the table of {name}; found: {known}."
        )
    return rows


def _components(
    components: pd.DataFrame, influence: pd.DataFrame, primary_null: str, over: list[str]
) -> pd.DataFrame:
    spatial = _of_model(components, primary_null, "components").sort_values("component")
    is_published = components["null_model"] == PUBLISHED_NULL
    published = components[is_published].set_index("component")["p_spatial"]
    p_published = spatial["component"].map(published).to_numpy(dtype=np.float64)
    questions = spatial[["p_patients", "p_spatial"]].reset_index(drop=True).astype("float64")
    p_all = jointly(questions[over])
    wide = influence.pivot(index="component", columns="parcel", values="delta_r2")
    carried = most_influential(wide.loc[spatial["component"]].to_numpy(float), list(wide.columns))
    return _judged(
        "component",
        name=[f"PLS{number}" for number in spatial["component"]],
        direction=BOTH,
        effect=spatial["r2_y"].to_numpy(dtype=np.float64),
        p_published=p_published,
        q_published=benjamini_hochberg(p_published),
        p_spatial=questions["p_spatial"],
        q_spatial=benjamini_hochberg(questions["p_spatial"]),
        p_patients=questions["p_patients"],
        q_patients=benjamini_hochberg(questions["p_patients"]),
        p_genes=np.nan,
        q_genes=np.nan,
        p_all=p_all,
        q_all=benjamini_hochberg(p_all),
        replication=spatial["replication"].to_numpy(dtype=np.float64),
        parcels=carried,
    )


def _gene_lists(genes: pd.DataFrame, over: list[str]) -> pd.DataFrame:
    first = genes[genes["component"] == 1]
    first = first.assign(q_all=benjamini_hochberg(jointly(first[over])))
    lists = [first[(first["direction"] == direction).fillna(False)] for direction in DIRECTIONS]
    sides = [first[first["z"] > 0], first[first["z"] <= 0]]
    return _judged(
        "gene_list",
        name=[f"{direction} genes" for direction in DIRECTIONS],
        direction=list(DIRECTIONS),
        effect=[float(len(listed)) for listed in lists],
        p_published=np.nan,
        q_published=[listed["q_bootstrap"].min() for listed in lists],
        p_spatial=np.nan,
        q_spatial=[listed["q_spatial"].min() for listed in lists],
        p_patients=np.nan,
        q_patients=[listed["q_patients"].min() for listed in lists],
        p_genes=np.nan,
        q_genes=np.nan,
        p_all=np.nan,
        q_all=[listed["q_all"].min() for listed in lists],
        replication=np.nan,
        parcels=None,
        effect_low=[side["n_listed_low"].min() for side in sides],
        effect_high=[side["n_listed_high"].max() for side in sides],
    )


def _go_terms(go: pd.DataFrame, spatial: pd.DataFrame) -> pd.DataFrame:
    reported = go[go["q"] < LEVEL].sort_values(["direction", "p", "set_id"], ignore_index=True)
    tested = _rows_of(spatial, "set_id", reported["set_id"])
    sign = np.where(reported["direction"] == DIRECTIONS[0], 1, -1)
    return _judged(
        "go_term",
        agrees=np.sign(tested["score"].to_numpy()) == sign,
        name=[
            f"{name} ({set_id})"
            for name, set_id in zip(reported["set_name"], reported["set_id"], strict=True)
        ],
        direction=reported["direction"].astype("str").to_numpy(),
        effect=reported["fold_enrichment"].to_numpy(dtype=np.float64),
        p_published=reported["p"].to_numpy(),
        q_published=reported["q"].to_numpy(),
        p_spatial=tested["p"].to_numpy(),
        q_spatial=tested["q"].to_numpy(),
        **{name: tested[name].to_numpy() for name in OF_SETS},
    )


def _cell_types(cell_types: pd.DataFrame, spatial: pd.DataFrame) -> pd.DataFrame:
    tested = _rows_of(spatial, "set_name", cell_types["cell_type"])
    nes = cell_types["nes"].to_numpy(dtype=np.float64)
    return _judged(
        "cell_type",
        agrees=np.sign(tested["score"].to_numpy()) == np.sign(nes),
        name=cell_types["cell_type"].astype("str").to_numpy(),
        direction=np.where(nes >= 0, *DIRECTIONS),
        effect=nes,
        p_published=cell_types["p_gene"].to_numpy(),
        q_published=cell_types["q_gene"].to_numpy(),
        p_spatial=cell_types["p_spatial"].to_numpy(),
        q_spatial=cell_types["q_spatial"].to_numpy(),
        **{name: tested[name].to_numpy() for name in OF_SETS},
    )


def _rows_of(spatial: pd.DataFrame, key: str, wanted: pd.Series) -> pd.DataFrame:
    """One row of the spatial table per wanted set, in their order."""
    wanted = wanted.astype("str")
    rows = spatial[spatial[key].astype("str").isin(wanted)]
    indexed = rows.set_index(rows[key].astype("str"))
    if not indexed.index.is_unique:
        raise ValueError(
            f"{indexed.index[indexed.index.duplicated()][0]} has several rows in the table of "
            f"spatial enrichment: give each set a {key} of its own."
        )
    missing = wanted[~wanted.isin(indexed.index)]
    if len(missing):
        raise ValueError(
            f"{missing.iloc[0]} is reported but has no row in the table of spatial enrichment. "
            "Both must test the same sets: recompute them with the same size limits."
        )
    return indexed.loc[wanted.to_list()]


def _judged(kind: str, agrees: ArrayLike = True, **columns: object) -> pd.DataFrame:
    claims = pd.DataFrame({"effect_low": np.nan, "effect_high": np.nan} | columns)
    claims = claims.assign(kind=kind).astype({"effect_low": float, "effect_high": float})
    return claims.assign(holds=verdicts(claims) & np.asarray(agrees, dtype=bool))
