"""Tables of gene sets: Gene Ontology, cell types, findings."""

from __future__ import annotations

from ect_assets.tables.columns import DIRECTIONS, GENE, NULL_MODEL, PARCELLATION, PROBABILITY
from ect_assets.tables.schema import Table, column

P_PATIENTS = "p over patients of the projection of their changes on the set's mean expression"
Q_PATIENTS = "p_patients after false discovery rate over the collection's sets"
P_GENES = (
    "p against random sets of the same co-expression, with the map and with the null maps; "
    "missing where too few genes are so alike"
)
Q_GENES = "p_genes after false discovery rate over the collection's sets"
P_ALL = "the largest of p_patients, p_spatial and p_genes; missing where one is"
Q_ALL = "p_all after false discovery rate over the collection's sets"
P_SPACE_MAX = (
    "p against the largest score of any set of the collection with each null map: family-wise"
)
REPLICATION = "share of random halves of the patients with the same sign and p_patients < 0.05"


class GeneSets(Table):
    """Which gene belongs to which set: Gene Ontology, cell types, the user's own."""

    key = ("collection", "set_id", "gene")
    collection: str = column("for example GO_BP or cell_types_seidlitz2020")
    set_id: str = column("the set's identifier, for example GO:0007268")
    gene: str = column(GENE)
    set_name: str = column("the set's name")


class GoEnrichment(Table):
    """Gene Ontology terms over-represented among the genes of each direction."""

    partitions = ("parcellation",)
    key = ("parcellation", "direction", "set_id")
    strongest = ("p", "p_spatial")
    parcellation: str = column(PARCELLATION)
    direction: str = column("PLS1+ or PLS1-", choices=DIRECTIONS)
    set_id: str = column("Gene Ontology identifier")
    set_name: str = column("name of the term")
    namespace: str = column("BP, MF or CC", choices=("BP", "MF", "CC"))
    n_list: int = column("genes of this direction", minimum=0)
    n_set: int = column("genes of the term in the background", minimum=1)
    n_overlap: int = column("genes in both", minimum=0)
    n_background: int = column("genes of the matrix", minimum=1)
    fold_enrichment: float | None = column("n_overlap over its expectation", minimum=0)
    p: float = column("hypergeometric p", **PROBABILITY)
    q: float = column(
        "p after false discovery rate over all tested terms of the direction", **PROBABILITY
    )
    p_spatial: float = column(
        "p of the term's mean correlation with the map against the primary null model's maps",
        **PROBABILITY,
    )
    q_spatial: float = column(
        "p_spatial after false discovery rate over the terms of its namespace", **PROBABILITY
    )
    cluster_id: int | None = column("cluster of similar terms")
    cluster_representative: bool | None = column("true for the best term of its cluster")
    genes: str = column("genes in both, separated by ;")
    p_patients: float | None = column(P_PATIENTS, **PROBABILITY)
    q_patients: float | None = column(Q_PATIENTS, **PROBABILITY)
    p_genes: float | None = column(P_GENES, **PROBABILITY)
    q_genes: float | None = column(Q_GENES, **PROBABILITY)
    p_all: float | None = column(P_ALL, **PROBABILITY)
    q_all: float | None = column(Q_ALL, **PROBABILITY)
    replication: float | None = column(REPLICATION, **PROBABILITY)
    p_space_max: float | None = column(P_SPACE_MAX, **PROBABILITY)


class GoTermLinks(Table):
    """Similarity of enriched terms by the genes that they share."""

    partitions = ("parcellation",)
    key = ("parcellation", "direction", "set_id_a", "set_id_b")
    strongest = ("|kappa|",)
    parcellation: str = column(PARCELLATION)
    direction: str = column("PLS1+ or PLS1-", choices=DIRECTIONS)
    set_id_a: str = column("Gene Ontology identifier of one term")
    set_id_b: str = column("Gene Ontology identifier of the other term")
    kappa: float = column("Cohen's kappa of membership", minimum=-1, maximum=1)


class CellTypeEnrichment(Table):
    """Where the genes of each cell type rank, and how many are in the lists."""

    partitions = ("parcellation",)
    key = ("parcellation", "cell_type")
    strongest = ("p_spatial", "p_gene")
    parcellation: str = column(PARCELLATION)
    cell_type: str = column("cell type")
    n_set: int = column("genes of the cell type in the matrix", minimum=1)
    es: float = column("enrichment score of the ranking by z", minimum=-1, maximum=1)
    nes: float | None = column(
        "es over the mean of permuted ones of the same sign; missing where none has it"
    )
    p_gene: float = column(
        "p of es under permutation of genes, among those of its sign; overstates", **PROBABILITY
    )
    q_gene: float = column("p_gene after false discovery rate over the cell types", **PROBABILITY)
    n_same_sign: int = column(
        "permutations whose score has the sign of es; few make a coarse p", minimum=0
    )
    p_spatial: float = column(
        "p of the set's mean correlation against the primary null model's maps", **PROBABILITY
    )
    q_spatial: float = column(
        "p_spatial after false discovery rate over the cell types", **PROBABILITY
    )
    n_in_pls_plus: int = column("genes of the cell type among PLS1+", minimum=0)
    p_in_pls_plus: float = column("hypergeometric p of n_in_pls_plus", **PROBABILITY)
    q_in_pls_plus: float = column("p_in_pls_plus after false discovery rate", **PROBABILITY)
    n_in_pls_minus: int = column("genes of the cell type among PLS1-", minimum=0)
    p_in_pls_minus: float = column("hypergeometric p of n_in_pls_minus", **PROBABILITY)
    q_in_pls_minus: float = column("p_in_pls_minus after false discovery rate", **PROBABILITY)
    leading_edge: str = column("genes that make up es, separated by ;")
    p_patients: float | None = column(P_PATIENTS, **PROBABILITY)
    q_patients: float | None = column(Q_PATIENTS, **PROBABILITY)
    p_genes: float | None = column(P_GENES, **PROBABILITY)
    q_genes: float | None = column(Q_GENES, **PROBABILITY)
    p_all: float | None = column(P_ALL, **PROBABILITY)
    q_all: float | None = column(Q_ALL, **PROBABILITY)
    replication: float | None = column(REPLICATION, **PROBABILITY)
    p_space_max: float | None = column(P_SPACE_MAX, **PROBABILITY)


class GeneSetEnrichment(Table):
    """Where the genes of each set rank, under permutation of genes and against spatial nulls."""

    partitions = ("parcellation",)
    key = ("parcellation", "collection", "set_id")
    strongest = ("p_spatial", "p_gene")
    parcellation: str = column(PARCELLATION)
    collection: str = column("for example GO_BP")
    set_id: str = column("the set's identifier")
    set_name: str = column("the set's name")
    n_set: int = column("genes of the set in the matrix", minimum=1)
    es: float = column("enrichment score of the ranking by z", minimum=-1, maximum=1)
    nes: float | None = column(
        "es over the mean of permuted ones of the same sign; missing where none has it"
    )
    p_gene: float = column(
        "p of es under permutation of genes, among those of its sign; overstates", **PROBABILITY
    )
    q_gene: float = column(
        "p_gene after false discovery rate over the collection's sets", **PROBABILITY
    )
    n_same_sign: int = column(
        "permutations whose score has the sign of es; few make a coarse p", minimum=0
    )
    p_spatial: float = column(
        "p of the set's mean correlation against the primary null model's maps", **PROBABILITY
    )
    q_spatial: float = column(
        "p_spatial after false discovery rate over the collection's sets", **PROBABILITY
    )
    leading_edge: str = column("genes that make up es, separated by ;")
    p_patients: float | None = column(P_PATIENTS, **PROBABILITY)
    q_patients: float | None = column(Q_PATIENTS, **PROBABILITY)
    p_genes: float | None = column(P_GENES, **PROBABILITY)
    q_genes: float | None = column(Q_GENES, **PROBABILITY)
    p_all: float | None = column(P_ALL, **PROBABILITY)
    q_all: float | None = column(Q_ALL, **PROBABILITY)
    replication: float | None = column(REPLICATION, **PROBABILITY)
    p_space_max: float | None = column(P_SPACE_MAX, **PROBABILITY)


class GeneSetSpatialEnrichment(Table):
    """Each gene set's mean correlation with the map, against the null maps."""

    partitions = ("parcellation",)
    key = ("parcellation", "collection", "set_id", "null_model")
    strongest = ("p", "|z|")
    parcellation: str = column(PARCELLATION)
    collection: str = column("for example GO_BP")
    set_id: str = column("the set's identifier")
    null_model: str = column(NULL_MODEL)
    set_name: str = column("the set's name")
    n_set: int = column("genes of the set in the matrix", minimum=1)
    score: float = column("mean correlation of the set's genes with the map", minimum=-1, maximum=1)
    null_mean: float = column("mean of the null maps' scores")
    null_sd: float = column("standard deviation of the null maps' scores", minimum=0)
    z: float = column("score in standard deviations from the null mean; p counts from 0 instead")
    p: float = column("share of null maps whose score is as far from 0, two-sided", **PROBABILITY)
    q: float = column("p after false discovery rate over the collection's sets", **PROBABILITY)
    score_absolute: float = column(
        "mean of the absolute correlations: finds sets that follow the map both ways",
        **PROBABILITY,
    )
    p_absolute: float = column("p of score_absolute against the null maps", **PROBABILITY)
    q_absolute: float = column(
        "p_absolute after false discovery rate over the collection's sets", **PROBABILITY
    )
    score_es: float | None = column(
        "enrichment score of the ranking by correlation with the map; with the primary null model "
        "only, as are its p and q",
        minimum=-1,
        maximum=1,
    )
    p_es: float | None = column(
        "two-sided p of score_es against the rankings of the null maps", **PROBABILITY
    )
    q_es: float | None = column(
        "p_es after false discovery rate over the collection's sets", **PROBABILITY
    )
    coexpression: float | None = column(
        "mean correlation between the set's genes, each with itself included", **PROBABILITY
    )
    n_matched: int | None = column("random sets of the same co-expression", minimum=0)
    p_matched: float | None = column("share of them that follow the map as closely", **PROBABILITY)
    p_patients: float | None = column(P_PATIENTS, **PROBABILITY)
    q_patients: float | None = column(Q_PATIENTS, **PROBABILITY)
    p_genes: float | None = column(P_GENES, **PROBABILITY)
    q_genes: float | None = column(Q_GENES, **PROBABILITY)
    p_all: float | None = column(P_ALL, **PROBABILITY)
    q_all: float | None = column(Q_ALL, **PROBABILITY)
    replication: float | None = column(REPLICATION, **PROBABILITY)
    parcels: str | None = column("the parcels without which score weakens most, separated by ;")
    p_space_max: float | None = column(P_SPACE_MAX, **PROBABILITY)
    n_effective: float | None = column(
        "number of independent parcels that score is worth, from both variograms"
    )
    p_closed_form: float | None = column(
        "two-sided p of the mean map's correlation with n_effective - 2 degrees of freedom: a "
        "second opinion beside p; with the primary null model, and missing where several "
        "structures are compared",
        **PROBABILITY,
    )


class Findings(Table):
    """Each claim with the p usually reported, and the answers to three questions."""

    partitions = ("parcellation",)
    key = ("parcellation", "kind", "name", "direction")
    parcellation: str = column(PARCELLATION)
    kind: str = column(
        "component, gene_list, go_term or cell_type",
        choices=("component", "gene_list", "go_term", "cell_type"),
    )
    name: str = column("what the claim is about")
    direction: str = column("plus or minus side of the first component, or both")
    effect: float | None = column("size of the effect; missing where no permutation gives one")
    p_published: float | None = column("p as the field reports it", **PROBABILITY)
    q_published: float | None = column("q as the field reports it", **PROBABILITY)
    p_spatial: float | None = column("p against spatial null maps", **PROBABILITY)
    q_spatial: float | None = column("q against spatial null maps", **PROBABILITY)
    holds: bool = column("true where q_all is below 0.05 and the sign is that of the direction")
    p_patients: float | None = column("p over patients", **PROBABILITY)
    q_patients: float | None = column("p_patients after false discovery rate", **PROBABILITY)
    p_genes: float | None = column(
        "p against sets of the same co-expression; a component or list has none", **PROBABILITY
    )
    q_genes: float | None = column("p_genes after false discovery rate", **PROBABILITY)
    p_all: float | None = column(
        "the largest p of the questions that apply: patients, space, and genes for sets",
        **PROBABILITY,
    )
    q_all: float | None = column("p_all after false discovery rate", **PROBABILITY)
    replication: float | None = column(
        "share of random halves of the patients with the same sign and p_patients < 0.05; of a "
        "component the mean correlation between halves of the genes' t over patients",
        minimum=-1.0000001,
        maximum=1.0000001,
    )
    parcels: str | None = column("the parcels that carry it most, separated by ;")
    effect_low: float | None = column(
        "of a gene list: lower end of the 95 % interval of the number of genes, over seeds of the "
        "bootstrap"
    )
    effect_high: float | None = column("of a gene list: upper end of it")
