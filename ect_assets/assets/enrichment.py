"""Fifth station: what the genes do. The tests are in `enrichment`."""

from __future__ import annotations

import pandas as pd

from ect_assets import tables
from ect_assets.assets.association import ROWS, aligned, null_matrix
from ect_assets.assets.enrichment_sets import GENE_ONTOLOGY, cell_types_of, ontology_of
from ect_assets.assets.transcriptome import no_expression, no_expression_at_all
from ect_assets.enrichment.gene_set_enrichment import gene_set_enrichment
from ect_assets.enrichment.over_representation import over_representation
from ect_assets.enrichment.spatial import spatial_enrichment
from ect_assets.reference import loaders
from ect_assets.statistics.pls import zscore
from ect_assets.step import Made, Work, step

STATION = "enrichment"
DIRECTIONS = ("PLS1+", "PLS1-")
NEVER_TOO_LARGE = 100_000
"""Cell classes count hundreds of genes; the size limits are meant for Gene Ontology."""


@step(
    tables.GeneSets,
    STATION,
    reference=("go_annotations.parquet", "go_terms.parquet", "cell_types_seidlitz2020.gmt"),
    unavailable=no_expression_at_all,
)
def gene_sets(work: Work) -> Made:
    """Gene Ontology and cell types, restricted to the genes of the matrices.

    Gene Ontology is matched by Entrez identifier, with the genes of descendant terms included;
    the cell classes of Seidlitz et al. (2020) come as symbols.
    """
    frame = pd.concat([loaders.gene_ontology(), loaders.cell_types()], ignore_index=True)
    frame = frame.astype("str")
    return Made(
        frame,
        figures={
            "sets": int(frame.set_id.nunique()),
            "cell_type_genes_not_matched": len(loaders.unmatched_cell_type_genes()),
        },
    )


@step(
    tables.GoEnrichment,
    STATION,
    settings=("enrichment.min_size", "enrichment.max_size"),
    unavailable=no_expression,
)
def go_enrichment(work: Work, pls_genes: pd.DataFrame, gene_sets: pd.DataFrame) -> Made:
    """Which Gene Ontology terms are over-represented among PLS1+ and PLS1- genes.

    Hypergeometric test against the genes of the matrix, false discovery rate over all terms
    tested. It takes genes as independent; `gene_set_spatial_enrichment` does not.
    """
    terms = ontology_of(gene_sets)
    pls_genes = pls_genes[pls_genes.component == 1]
    namespaces = terms.drop_duplicates("set_id").set_index("set_id").collection.map(GENE_ONTOLOGY)
    chosen = work.study.enrichment
    frames = [
        over_representation(
            pls_genes.gene[pls_genes.direction == direction],
            terms,
            pls_genes.gene,
            chosen.min_size,
            chosen.max_size,
        ).assign(direction=direction)
        for direction in DIRECTIONS
    ]
    frame = pd.concat(frames, ignore_index=True)
    frame = frame.assign(
        namespace=frame.set_id.map(namespaces).astype("str"),
        cluster_id=pd.array([None] * len(frame), dtype="Int64"),
        cluster_representative=pd.array([None] * len(frame), dtype="boolean"),
    )
    frame = frame[[one for one in tables.GoEnrichment.column_names() if one in frame]]
    significant = frame[frame.q < 0.05].groupby("direction").size()
    figures = {f"terms_q_below_0.05 {name}": int(significant.get(name, 0)) for name in DIRECTIONS}
    return Made(frame.sort_values(["direction", "p", "set_id"], ignore_index=True), figures=figures)


@step(
    tables.GeneSetSpatialEnrichment,
    STATION,
    settings=("enrichment.min_size", "enrichment.max_size", *ROWS),
    unavailable=no_expression,
)
def gene_set_spatial_enrichment(
    work: Work,
    gene_sets: pd.DataFrame,
    null_maps: pd.DataFrame,
    expression: pd.DataFrame,
    expression_coverage: pd.DataFrame,
    parcels: pd.DataFrame,
    gmv_change: pd.DataFrame,
) -> Made:
    """Each gene set's mean correlation with the change, against spatial null maps.

    The ensemble null of Fulcher, Arnatkeviciute and Fornito (2021): the genes stay, the map is
    replaced, so that genes which are expressed together are not counted as independent.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    predictors, values = zscore(ours.expression), zscore(ours.values)
    chosen = work.study.enrichment
    frames = []
    for model in null_maps.null_model.unique():
        nulls = null_matrix(null_maps, model, ours.parcels.parcel)
        for collection, sets in gene_sets.groupby("collection", sort=False):
            is_ontology = collection in GENE_ONTOLOGY
            result = spatial_enrichment(
                predictors,
                ours.genes,
                values,
                nulls,
                sets,
                chosen.min_size,
                chosen.max_size if is_ontology else NEVER_TOO_LARGE,
            )
            frames.append(result.assign(collection=collection, null_model=model))
    frame = pd.concat(frames, ignore_index=True)
    holding = frame[frame.q < 0.05].groupby("null_model").size()
    return Made(
        frame,
        figures={
            f"sets_q_below_0.05 {name}": int(holding.get(name, 0))
            for name in frame.null_model.unique()
        },
    )


@step(
    tables.CellTypeEnrichment,
    STATION,
    settings=("enrichment.permutations", "nulls.primary", "seed"),
    unavailable=no_expression,
)
def cell_type_enrichment(
    work: Work,
    pls_genes: pd.DataFrame,
    gene_sets: pd.DataFrame,
    gene_set_spatial_enrichment: pd.DataFrame,
) -> Made:
    """Where the genes of each cell type stand in the ranking, and whether that survives space.

    Preranked gene set enrichment (Subramanian et al. 2005) under permutation of genes, the
    spatial p of the primary null model beside it, and how many genes are in the lists.
    """
    cell_types = cell_types_of(gene_sets)
    pls_genes = pls_genes[pls_genes.component == 1]
    study = work.study
    ranking = pls_genes.set_index("gene").z
    frame = gene_set_enrichment(ranking, cell_types, study.enrichment.permutations, study.seed)
    frame = frame.rename(columns={"set_name": "cell_type", "p": "p_gene", "q": "q_gene"})
    spatial = gene_set_spatial_enrichment[
        (gene_set_spatial_enrichment.null_model == study.nulls.primary)
        & ~gene_set_spatial_enrichment.collection.isin(list(GENE_ONTOLOGY))
    ].rename(columns={"p": "p_spatial", "q": "q_spatial"})
    frame = frame.merge(spatial[["set_id", "p_spatial", "q_spatial"]], on="set_id")
    for direction, name in zip(DIRECTIONS, ("pls_plus", "pls_minus"), strict=True):
        counts = over_representation(
            pls_genes.gene[pls_genes.direction == direction],
            cell_types,
            pls_genes.gene,
            1,
            NEVER_TOO_LARGE,
        ).rename(columns={"n_overlap": f"n_in_{name}", "p": f"p_in_{name}", "q": f"q_in_{name}"})
        frame = frame.merge(
            counts[["set_id", f"n_in_{name}", f"p_in_{name}", f"q_in_{name}"]], on="set_id"
        )
    frame = frame[[one for one in tables.CellTypeEnrichment.column_names() if one in frame]]
    return Made(
        frame.sort_values("nes", ascending=False, ignore_index=True),
        figures={
            "cell_types_q_gene_below_0.05": int((frame.q_gene < 0.05).sum()),
            "cell_types_q_spatial_below_0.05": int((frame.q_spatial < 0.05).sum()),
        },
    )


STEPS = (gene_sets, go_enrichment, gene_set_spatial_enrichment, cell_type_enrichment)
