"""Enrichment: what the genes do, and which claims hold; made in `science.association`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Drift, Made, Source, Verdict, Work, step
from ect_assets.pipeline.steps.matched_parcels import (
    COHORT,
    ROWS,
    aligned,
    changes_over,
)
from ect_assets.pipeline.steps.transcriptome import no_expression, no_expression_at_all
from ect_assets.problems import Problem
from ect_assets.reference import loaders
from ect_assets.science.association.null_tables import null_matrices_of
from ect_assets.science.association.set_tables import (
    cell_type_table,
    ontology_links,
    ontology_table,
    ranked_set_table,
    spatial_set_table,
    tested_sets,
)
from ect_assets.science.enrichment.collections import (
    cell_types_of,
    fetch_enrichr,
    read_own_collection,
)
from ect_assets.science.enrichment.findings import findings as judge_findings
from ect_assets.science.enrichment.gene_names import unmatched_in_words
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS
from ect_assets.study import Study

ASSET_GROUP = "enrichment"
SIZES = ("enrichment.min_size", "enrichment.max_size")


def own_files(study: Study) -> dict[str, Path]:
    """Name the file of each collection of the user's own."""
    return {
        name: study.folder / (source.file or Path("gene_sets") / f"{source.enrichr}.gmt")
        for name, source in study.gene_sets.items()
    }


def _existing_files(study: Study, partition: Partition) -> list[Path]:
    return [file for file in own_files(study).values() if file.is_file()]


GENE_SET_FILES = Source(
    "gene_set_files", "Gene set collections of the user's own.", _existing_files
)


@step(
    tables.GeneSets,
    # Association reads them: among the enrichment, the lineage would show that before it.
    "transcriptome",
    settings=("gene_sets",),
    version="2",
    sources=(GENE_SET_FILES,),
    reference=("go_annotations.parquet", "go_terms.parquet", "cell_types_seidlitz2020.gmt"),
    unavailable=no_expression_at_all,
)
def gene_sets(work: Work, genes: pd.DataFrame) -> Made:
    """Gene Ontology, cell types and your own sets, restricted to the genes of the matrices.

    Gene Ontology is matched by Entrez identifier, with the genes of descendant terms included;
    the cell classes of Seidlitz et al. (2020) come as symbols. Entries of your files that could not
    be matched are listed in the check `complete`.
    """
    frames = [loaders.gene_ontology(genes), loaders.cell_types(genes)]
    problems = []
    for name, file in own_files(work.study).items():
        library = work.study.gene_sets[name].enrichr
        if library is not None:
            fetch_enrichr(library, file, work.log)
        read = read_own_collection(file, genes, name)
        frames.append(read.sets)
        if len(read.unmatched):
            entries = ", ".join(read.unmatched.entry.drop_duplicates().head(20))
            problems.append(
                Problem(
                    "gene_not_matched",
                    f"{file.name}: {len(read.unmatched)} entries are not genes of the matrix, "
                    f"for example {entries}."
                    f"{unmatched_in_words(read.unmatched.entry, read.unmatched.why)}",
                    "gene_sets",
                )
            )
    frame = pd.concat([one.astype("str") for one in frames], ignore_index=True)
    counts = frame.groupby("collection").set_id.nunique()
    return Made(frame, tuple(problems), {f"sets {name}": int(n) for name, n in counts.items()})


def _in_order(frame: pd.DataFrame, table: type[tables.Table]) -> pd.DataFrame:
    return frame[[name for name in table.column_names() if name in frame]]


@step(
    tables.GeneSetSpatialEnrichment,
    ASSET_GROUP,
    settings=(*SIZES, *ROWS, *COHORT, "nulls.primary", "seed"),
    version="5",
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
    parcel_gmv: pd.DataFrame,
    scan_volumes: pd.DataFrame,
    exclusions: pd.DataFrame,
) -> Made:
    """Each gene set's mean correlation with the change, and three questions about it.

    Space: the ensemble null of Fulcher, Arnatkeviciute and Fornito (2021), in which the genes are
    kept and the map is replaced, so that genes which are expressed together are not counted as
    independent. Beside the mean, the mean of absolute correlations and the enrichment score of the
    ranking. Patients: whether their changes follow the set one by one. Genes: whether other sets of
    the same co-expression follow as closely. The last two stand with the primary null model.
    """
    ours = aligned(work, expression, expression_coverage, parcels, gmv_change)
    chosen = work.study.enrichment
    frame = spatial_set_table(
        ours,
        null_matrices_of(null_maps, ours.parcels.parcel),
        tested_sets(gene_sets, ours.genes, chosen.min_size, chosen.max_size),
        changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions),
        work.study.nulls.primary,
        work.study.seed,
    )
    holding = frame[frame.q < LEVEL].groupby("null_model").size()
    models = frame.null_model.unique()
    return Made(
        frame,
        figures={
            **{f"sets_q<0.05 {name}": int(holding.get(name, 0)) for name in models},
            "sets_q_all<0.05": int((frame.q_all < LEVEL).sum()),
        },
    )


@step(
    tables.GoEnrichment,
    ASSET_GROUP,
    settings=("nulls.primary", *SIZES),
    version="2",
    unavailable=no_expression,
)
def go_enrichment(
    work: Work,
    pls_genes: pd.DataFrame,
    gene_sets: pd.DataFrame,
    gene_set_spatial_enrichment: pd.DataFrame,
) -> Made:
    """Which Gene Ontology terms are over-represented among PLS1+ and PLS1- genes.

    Hypergeometric test against the genes of the matrix, false discovery rate over all terms
    tested. It takes genes as independent; the spatial p beside it does not. Enriched terms that
    share genes (kappa > 0.3) form clusters, as in Metascape, each represented by its best term.
    """
    from ect_assets.report.figures import enrichment_figures as figures

    chosen = work.study.enrichment
    frame = ontology_table(
        pls_genes[pls_genes.component == 1],
        gene_sets,
        gene_set_spatial_enrichment,
        work.study.nulls.primary,
        chosen.min_size,
        chosen.max_size,
    )
    frame = _in_order(frame, tables.GoEnrichment)
    enriched = frame[frame.q < LEVEL].groupby("direction").size()
    return Made(
        frame,
        figures={f"terms_q<0.05 {name}": int(enriched.get(name, 0)) for name in DIRECTIONS},
        pictures={"terms": figures.png_bytes(figures.dot_plot(frame, work.study.simulated))},
    )


@step(tables.GoTermLinks, ASSET_GROUP, unavailable=no_expression)
def go_term_links(
    work: Work, go_enrichment: pd.DataFrame, pls_genes: pd.DataFrame, gene_sets: pd.DataFrame
) -> Made:
    """The network of enriched terms: pairs that share genes, with kappa above 0.3."""
    from ect_assets.report.figures import enrichment_figures as figures

    first = pls_genes[pls_genes.component == 1]
    links = ontology_links(go_enrichment, gene_sets, first.gene)
    pictures = {}
    for direction in DIRECTIONS:
        of_direction = links[links.direction == direction].reset_index(drop=True)
        enriched = go_enrichment[
            (go_enrichment.direction == direction) & go_enrichment.cluster_id.notna()
        ]
        if len(enriched) > 1:
            numbered = enriched.astype({"cluster_id": int})
            drawn = figures.term_network(of_direction, numbered, work.study.simulated)
            pictures[f"network {direction}"] = figures.png_bytes(drawn)
    return Made(links, pictures=pictures)


@step(
    tables.GeneSetEnrichment,
    ASSET_GROUP,
    settings=("enrichment", "nulls.primary", "seed"),
    version="2",
    unavailable=no_expression,
)
def gene_set_enrichment(
    work: Work,
    pls_genes: pd.DataFrame,
    gene_sets: pd.DataFrame,
    gene_set_spatial_enrichment: pd.DataFrame,
) -> Made:
    """Where the genes of each set rank, and whether that holds against spatial nulls.

    Preranked gene set enrichment (Subramanian et al. 2005) of the bootstrap z, under permutation
    of genes, beside the spatial p of the primary null model. All collections.
    """
    study = work.study
    chosen = study.enrichment
    frame = ranked_set_table(
        pls_genes[pls_genes.component == 1],
        gene_sets,
        gene_set_spatial_enrichment,
        study.nulls.primary,
        (chosen.min_size, chosen.max_size),
        chosen.permutations,
        chosen.ontology_permutations,
        study.seed,
    )
    return Made(
        frame,
        figures={
            "sets_q_gene<0.05": int((frame.q_gene < LEVEL).sum()),
            "sets_q_spatial<0.05": int((frame.q_spatial < LEVEL).sum()),
        },
    )


@step(
    tables.CellTypeEnrichment,
    ASSET_GROUP,
    version="2",
    unavailable=no_expression,
    drift=Drift("nes", "q_spatial"),
)
def cell_type_enrichment(
    work: Work,
    pls_genes: pd.DataFrame,
    gene_sets: pd.DataFrame,
    gene_set_enrichment: pd.DataFrame,
) -> Made:
    """Which cell types the ranking favours, whether it holds spatially, and how many are listed.

    The rows of `gene_set_enrichment` of the cell types, with how many of their genes are among
    PLS1+ and PLS1- and the hypergeometric p of that.
    """
    from ect_assets.report.figures import enrichment_figures as figures

    cell_types = cell_types_of(gene_sets)
    first = pls_genes[pls_genes.component == 1]
    ranking = first.set_index("gene").z
    frame = cell_type_table(first, gene_sets, gene_set_enrichment)
    frame = _in_order(frame, tables.CellTypeEnrichment)
    simulated = work.study.simulated
    sums = figures.running_sums(ranking, cell_types, frame, simulated)
    return Made(
        frame,
        figures={
            "cell_types_q_gene<0.05": int((frame.q_gene < LEVEL).sum()),
            "cell_types_q_spatial<0.05": int((frame.q_spatial < LEVEL).sum()),
        },
        pictures={
            "cell types": figures.png_bytes(figures.cell_type_bars(frame, simulated)),
            "running sums": figures.png_bytes(sums),
        },
    )


@step(
    tables.Findings,
    ASSET_GROUP,
    settings=("nulls.primary",),
    version="2",
    unavailable=no_expression,
    checks={"claims_hold": "Claims of the usual test also hold spatially."},
)
def findings(
    work: Work,
    pls_components: pd.DataFrame,
    pls_genes: pd.DataFrame,
    go_enrichment: pd.DataFrame,
    cell_type_enrichment: pd.DataFrame,
    gene_set_spatial_enrichment: pd.DataFrame,
    parcel_influence: pd.DataFrame,
) -> Made:
    """All claims in one table, with the q usually reported and the answers to three questions.

    Patients: do their changes follow it one by one? Space: more than maps of the same smoothness?
    Genes: more than other co-expressed sets? A claim holds where the largest of these p stays below
    0.05 after false discovery rate, and its sign is that of its direction. The check `claims_hold`
    counts those that do not.
    """
    frame = judge_findings(
        pls_components,
        pls_genes[pls_genes.component == 1],
        go_enrichment,
        cell_type_enrichment,
        gene_set_spatial_enrichment,
        parcel_influence,
        work.study.nulls.primary,
    )
    claimed = frame[frame.q_published < LEVEL]
    lost = int((~claimed.holds).sum())
    says = (
        f"{lost} of {len(claimed)} claims with a published q below {LEVEL} do not hold once "
        "patients, space and genes are asked."
    )
    return Made(
        frame,
        figures={"claims": len(claimed), "claims_that_hold": len(claimed) - lost},
        verdicts={"claims_hold": Verdict(lost == 0, says)},
    )


STEPS = (
    gene_sets,
    gene_set_spatial_enrichment,
    go_enrichment,
    go_term_links,
    gene_set_enrichment,
    cell_type_enrichment,
    findings,
)
