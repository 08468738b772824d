"""Tables of gene sets: against the map, in the ranking, in the lists, with all questions beside."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ect_assets.science.association.gene_tables import closed_form
from ect_assets.science.enrichment.clusters import term_clusters
from ect_assets.science.enrichment.collections import GENE_ONTOLOGY, cell_types_of, ontology_of
from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.science.enrichment.matched_sets import MatchedSets
from ect_assets.science.enrichment.membership import Membership, membership
from ect_assets.science.enrichment.over_representation import over_representation
from ect_assets.science.enrichment.spatial import (
    Score,
    spatial_enrichment,
    spatial_enrichment_of_collections,
)
from ect_assets.science.enrichment.three_questions import random_sets_for, set_questions
from ect_assets.science.statistics.arrays import FloatArray
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.patients import Changes
from ect_assets.science.statistics.pls import DIRECTIONS, zscore
from ect_assets.science.transcriptome.matrix import Aligned

QUESTIONS = ["p_patients", "q_patients", "p_genes", "q_genes", "p_all", "q_all", "replication"]


def tested_sets(
    gene_sets: pd.DataFrame, genes: list[str], min_size: int, max_size: int | None
) -> dict[str, Membership]:
    """Choose the sets of each collection that are tested; the largest is of Gene Ontology alone."""
    return {
        str(collection): membership(sets, genes).of_size(
            min_size, max_size if collection in GENE_ONTOLOGY else None
        )
        for collection, sets in gene_sets.groupby("collection", sort=False, observed=True)
    }


def spatial_set_table(
    ours: Aligned,
    maps: Mapping[str, FloatArray],
    tested: Mapping[str, Membership],
    changes: Changes | None,
    primary: str,
    seed: int,
    gene_by_gene: bool = True,
    random_sets: MatchedSets | None = None,
) -> pd.DataFrame:
    """Test each set against the null maps: the rows of ``gene_set_spatial_enrichment``.

    Parameters
    ----------
    maps : mapping of str to (n_parcels, B) array
        Null maps by model.
    tested : mapping of str to Membership
        From `tested_sets`.
    changes : Changes or None
        Of the patients, over the same parcels; without them their question is not asked.
    primary : str
        The null model with which the questions of patients and of genes are asked.
    gene_by_gene : bool
        Whether to give the scores that need every gene's correlation with every null map, which is
        most of the work; without them the columns of ``absolute`` and ``es`` are missing.
    random_sets : MatchedSets, optional
        From `random_sets_for` with these sets; grown here without it.
    """
    predictors, values = zscore(ours.expression), zscore(ours.values)
    if random_sets is None:
        random_sets = random_sets_for(predictors, tested.values(), seed)
    frames = []
    for model, nulls in maps.items():
        # Ranking all genes for each null map is most of the work: once is enough.
        scores: list[Score] = ["mean_absolute", "es"] if model == primary else ["mean_absolute"]
        by_gene = {
            score: spatial_enrichment_of_collections(
                predictors, ours.genes, values, nulls, list(tested.values()), score
            )
            for score in (scores if gene_by_gene else [])
        }
        for place, sets in enumerate(tested.values()):
            mean = spatial_enrichment(predictors, ours.genes, values, nulls, sets, 1, None)
            if model == primary:
                asked = set_questions(
                    predictors,
                    values,
                    nulls,
                    sets,
                    mean.p,
                    changes,
                    list(ours.parcels.parcel),
                    random_sets,
                    seed,
                )
                closed = closed_form(ours, sets.mean_of(predictors))
                mean = pd.concat([mean, asked, closed], axis=1)
            frames.append(
                mean.assign(
                    null_model=model,
                    **_beside(by_gene.get("mean_absolute"), place, "absolute"),
                    **_beside(by_gene.get("es"), place, "es"),
                )
            )
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(n_matched=frame.n_matched.astype("Int64"))


def _beside(
    tested: list[pd.DataFrame] | None, place: int, name: str
) -> dict[str, pd.Series | float]:
    """Name the columns of another score of one collection; missing where it was not asked for."""
    return {
        f"{column}_{name}": np.nan if tested is None else tested[place][column]
        for column in ("score", "p", "q")
    }


def _spatial_columns(spatial: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Take the answers to the three questions, ready to stand beside another test."""
    mine = spatial[spatial.null_model == primary]
    return mine[["collection", "set_id", "p", "q", "p_space_max", *QUESTIONS]].rename(
        columns={"p": "p_spatial", "q": "q_spatial"}
    )


def ontology_table(
    first: pd.DataFrame,
    gene_sets: pd.DataFrame,
    spatial: pd.DataFrame,
    primary: str,
    min_size: int,
    max_size: int | None,
) -> pd.DataFrame:
    """Test the terms of Gene Ontology in the lists of genes: the rows of ``go_enrichment``.

    Parameters
    ----------
    first : DataFrame
        The genes of the first component, from `gene_table`.
    spatial : DataFrame
        From `spatial_set_table`.
    """
    terms = ontology_of(gene_sets)
    frames = []
    for direction in DIRECTIONS:
        listed = first.gene[first.direction == direction]
        found = over_representation(listed, terms, first.gene, min_size, max_size)
        clusters, _ = _enriched_clusters(found, terms, first.gene)
        frames.append(found.assign(direction=direction).merge(clusters, on="set_id", how="left"))
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.merge(_spatial_columns(spatial, primary), on=["collection", "set_id"])
    frame = frame.assign(
        namespace=frame.collection.map(GENE_ONTOLOGY).astype("str"),
        cluster_id=frame.cluster_id.astype("Int64"),
        cluster_representative=frame.cluster_representative.astype("boolean"),
    )
    return frame.sort_values(["direction", "p", "set_id"], ignore_index=True)


def _enriched_clusters(
    found: pd.DataFrame, terms: pd.DataFrame, background: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Group the enriched terms of one direction by shared genes, as `term_clusters` does."""
    enriched = found.loc[found.q < LEVEL, ["set_id", "p"]]
    mine = terms[terms.set_id.isin(enriched.set_id)]
    return term_clusters(enriched, membership(mine, list(background)))


def ontology_links(
    ontology: pd.DataFrame, gene_sets: pd.DataFrame, background: pd.Series
) -> pd.DataFrame:
    """Join enriched terms that share genes: the rows of ``go_term_links``.

    Parameters
    ----------
    ontology : DataFrame
        From `ontology_table`.
    background : Series of str
        All genes of the matrix.
    """
    terms = ontology_of(gene_sets)
    return pd.concat(
        [
            _enriched_clusters(ontology[ontology.direction == direction], terms, background)[
                1
            ].assign(direction=direction)
            for direction in DIRECTIONS
        ],
        ignore_index=True,
    )


def ranked_set_table(
    first: pd.DataFrame,
    gene_sets: pd.DataFrame,
    spatial: pd.DataFrame,
    primary: str,
    sizes: tuple[int, int | None],
    n_permutations: int,
    n_ontology_permutations: int,
    seed: int,
) -> pd.DataFrame:
    """Test where the genes of each set rank: the rows of ``gene_set_enrichment``.

    Parameters
    ----------
    first : DataFrame
        The genes of the first component, from `gene_table`.
    spatial : DataFrame
        From `spatial_set_table`.
    sizes : (int, int or None)
        Smallest and largest sets that are tested; the largest is of Gene Ontology alone.
    """
    ranking = first.set_index("gene").z
    smallest, largest = sizes
    frames = []
    for collection, sets in gene_sets.groupby("collection", sort=False, observed=True):
        is_ontology = collection in GENE_ONTOLOGY
        frames.append(
            gene_set_enrichment(
                ranking,
                sets,
                n_ontology_permutations if is_ontology else n_permutations,
                seed,
                smallest,
                largest if is_ontology else None,
            )
        )
    frame = pd.concat(frames, ignore_index=True).rename(columns={"p": "p_gene", "q": "q_gene"})
    beside = _spatial_columns(spatial, primary)
    return frame.merge(beside, on=["collection", "set_id"], validate="one_to_one")


def cell_type_table(
    first: pd.DataFrame, gene_sets: pd.DataFrame, ranked: pd.DataFrame
) -> pd.DataFrame:
    """Count the listed genes of each cell type: the rows of ``cell_type_enrichment``.

    Parameters
    ----------
    first : DataFrame
        The genes of the first component, from `gene_table`.
    ranked : DataFrame
        From `ranked_set_table`.
    """
    cell_types = cell_types_of(gene_sets)
    frame = cell_types_of(ranked).rename(columns={"set_name": "cell_type"})
    for direction, name in zip(DIRECTIONS, ("pls_plus", "pls_minus"), strict=True):
        listed = first.gene[first.direction == direction]
        counts = over_representation(listed, cell_types, first.gene, 1, None)
        counts = counts[["set_id", "n_overlap", "p", "q"]].rename(
            columns={"n_overlap": f"n_in_{name}", "p": f"p_in_{name}", "q": f"q_in_{name}"}
        )
        frame = frame.merge(counts, on="set_id")
    return frame.sort_values("nes", ascending=False, ignore_index=True)
