"""Enrichment: what the genes do, and which claims hold spatially; tests: `enrichment`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ect_assets import tables
from ect_assets.lake.store import Partition
from ect_assets.pipeline.step import Drift, Made, Source, Verdict, Work, step
from ect_assets.pipeline.steps.lined_up import (
    COHORT,
    ROWS,
    aligned,
    changes_over,
    closed_form,
    null_matrix,
)
from ect_assets.pipeline.steps.transcriptome import no_expression, no_expression_at_all
from ect_assets.problems import Problem
from ect_assets.reference import loaders
from ect_assets.science.enrichment.clusters import term_clusters
from ect_assets.science.enrichment.collections import (
    GENE_ONTOLOGY,
    cell_types_of,
    fetch_enrichr,
    ontology_of,
    read_own_collection,
)
from ect_assets.science.enrichment.findings import findings as judge_findings
from ect_assets.science.enrichment.gene_names import unmatched_in_words
from ect_assets.science.enrichment.gene_set_enrichment import gene_set_enrichment as rank_enrichment
from ect_assets.science.enrichment.membership import membership
from ect_assets.science.enrichment.over_representation import over_representation
from ect_assets.science.enrichment.spatial import Score, spatial_enrichment
from ect_assets.science.enrichment.three_questions import random_sets_for, set_questions
from ect_assets.science.statistics.multiple_comparisons import LEVEL
from ect_assets.science.statistics.pls import DIRECTIONS, zscore
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


QUESTIONS = ["p_patients", "q_patients", "p_genes", "q_genes", "p_all", "q_all", "replication"]


def _spatial_columns(spatial: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Take the answers to the three questions, ready to stand beside another test."""
    mine = spatial[spatial.null_model == primary]
    return mine[["collection", "set_id", "p", "q", "p_space_max", *QUESTIONS]].rename(
        columns={"p": "p_spatial", "q": "q_spatial"}
    )


def _in_order(frame: pd.DataFrame, table: type[tables.Table]) -> pd.DataFrame:
    return frame[[name for name in table.column_names() if name in frame]]


@step(
    tables.GeneSetSpatialEnrichment,
    ASSET_GROUP,
    settings=(*SIZES, *ROWS, *COHORT, "nulls.primary", "seed"),
    version="4",
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
    predictors, values = zscore(ours.expression), zscore(ours.values)
    changes = changes_over(work, ours.parcels.parcel, parcels, parcel_gmv, scan_volumes, exclusions)
    chosen = work.study.enrichment
    frames = []
    tested = {
        collection: membership(sets, ours.genes).of_size(
            chosen.min_size, chosen.max_size if collection in GENE_ONTOLOGY else None
        )
        for collection, sets in gene_sets.groupby("collection", sort=False)
    }
    random_sets = random_sets_for(predictors, tested.values(), work.study.seed)
    primary = work.study.nulls.primary
    for model in null_maps.null_model.unique():
        nulls = null_matrix(null_maps, model, ours.parcels.parcel)
        for sets in tested.values():
            # Ranking all genes for each null map is most of the work: once is enough.
            scores: tuple[Score, ...] = ("mean", "mean_absolute")
            scores += ("es",) if model == primary else ()
            mean, absolute, *es = (
                spatial_enrichment(
                    predictors, ours.genes, values, nulls, sets, 1, None, score=score
                )
                for score in scores
            )
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
                    work.study.seed,
                )
                closed = closed_form(ours, sets.mean_of(predictors))
                mean = pd.concat([mean, asked, closed], axis=1)
            frames.append(
                mean.assign(
                    null_model=model,
                    score_absolute=absolute.score,
                    p_absolute=absolute.p,
                    q_absolute=absolute.q,
                    score_es=es[0].score if es else None,
                    p_es=es[0].p if es else None,
                    q_es=es[0].q if es else None,
                )
            )
    frame = pd.concat(frames, ignore_index=True)
    holding = frame[frame.q < LEVEL].groupby("null_model").size()
    models = frame.null_model.unique()
    return Made(
        frame.assign(n_matched=frame.n_matched.astype("Int64")),
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

    terms = ontology_of(gene_sets)
    first = pls_genes[pls_genes.component == 1]
    chosen = work.study.enrichment
    spatial = _spatial_columns(gene_set_spatial_enrichment, work.study.nulls.primary)
    frames = []
    for direction in DIRECTIONS:
        listed = first.gene[first.direction == direction]
        found = over_representation(
            listed, terms, first.gene, chosen.min_size, chosen.max_size
        ).assign(direction=direction)
        clusters, _ = _clusters(found, terms, first.gene)
        frames.append(found.merge(clusters, on="set_id", how="left"))
    frame = pd.concat(frames, ignore_index=True).merge(spatial, on=["collection", "set_id"])
    frame = frame.assign(
        namespace=frame.collection.map(GENE_ONTOLOGY).astype("str"),
        cluster_id=frame.cluster_id.astype("Int64"),
        cluster_representative=frame.cluster_representative.astype("boolean"),
    )
    frame = _in_order(frame, tables.GoEnrichment)
    frame = frame.sort_values(["direction", "p", "set_id"], ignore_index=True)
    enriched = frame[frame.q < LEVEL].groupby("direction").size()
    return Made(
        frame,
        figures={f"terms_q<0.05 {name}": int(enriched.get(name, 0)) for name in DIRECTIONS},
        pictures={"terms": figures.png_bytes(figures.dot_plot(frame, work.study.simulated))},
    )


def _clusters(
    found: pd.DataFrame, terms: pd.DataFrame, background: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Group the enriched terms of one direction by the genes that they share."""
    enriched = found.loc[found.q < LEVEL, ["set_id", "p"]]
    mine = terms[terms.set_id.isin(enriched.set_id)]
    return term_clusters(enriched, membership(mine, list(background)))


@step(tables.GoTermLinks, ASSET_GROUP, unavailable=no_expression)
def go_term_links(
    work: Work, go_enrichment: pd.DataFrame, pls_genes: pd.DataFrame, gene_sets: pd.DataFrame
) -> Made:
    """The network of enriched terms: pairs that share genes, with kappa above 0.3."""
    from ect_assets.report.figures import enrichment_figures as figures

    first = pls_genes[pls_genes.component == 1]
    links = [
        _clusters(
            go_enrichment[go_enrichment.direction == direction], ontology_of(gene_sets), first.gene
        )[1].assign(direction=direction)
        for direction in DIRECTIONS
    ]
    pictures = {}
    for direction, of_direction in zip(DIRECTIONS, links, strict=True):
        enriched = go_enrichment[
            (go_enrichment.direction == direction) & go_enrichment.cluster_id.notna()
        ]
        if len(enriched) > 1:
            numbered = enriched.astype({"cluster_id": int})
            drawn = figures.term_network(of_direction, numbered, work.study.simulated)
            pictures[f"network {direction}"] = figures.png_bytes(drawn)
    return Made(pd.concat(links, ignore_index=True), pictures=pictures)


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
    ranking = pls_genes[pls_genes.component == 1].set_index("gene").z
    chosen = study.enrichment
    frames = []
    for collection, sets in gene_sets.groupby("collection", sort=False):
        is_ontology = collection in GENE_ONTOLOGY
        frames.append(
            rank_enrichment(
                ranking,
                sets,
                chosen.ontology_permutations if is_ontology else chosen.permutations,
                study.seed,
                chosen.min_size,
                chosen.max_size if is_ontology else None,
            )
        )
    frame = pd.concat(frames, ignore_index=True).rename(columns={"p": "p_gene", "q": "q_gene"})
    spatial = _spatial_columns(gene_set_spatial_enrichment, study.nulls.primary)
    frame = frame.merge(spatial, on=["collection", "set_id"], validate="one_to_one")
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
    frame = cell_types_of(gene_set_enrichment).rename(columns={"set_name": "cell_type"})
    for direction, name in zip(DIRECTIONS, ("pls_plus", "pls_minus"), strict=True):
        listed = first.gene[first.direction == direction]
        counts = over_representation(listed, cell_types, first.gene, 1, None)
        counts = counts[["set_id", "n_overlap", "p", "q"]].rename(
            columns={"n_overlap": f"n_in_{name}", "p": f"p_in_{name}", "q": f"q_in_{name}"}
        )
        frame = frame.merge(counts, on="set_id")
    ranking = first.set_index("gene").z
    frame = _in_order(frame, tables.CellTypeEnrichment)
    frame = frame.sort_values("nes", ascending=False, ignore_index=True)
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
