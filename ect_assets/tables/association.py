"""Tables of the association of change and expression: null maps, PLS, calibration."""

from __future__ import annotations

from ect_assets.tables.columns import (
    DIRECTIONS,
    GENE,
    NULL_MODEL,
    PARCEL,
    PARCELLATION,
    PROBABILITY,
)
from ect_assets.tables.schema import Table, column


class NullMaps(Table):
    """Surrogates of the map of change that keep its spatial autocorrelation."""

    partitions = ("parcellation",)
    key = ("parcellation", "null_model", "null_id", "parcel")
    parcellation: str = column(PARCELLATION)
    null_model: str = column(NULL_MODEL)
    null_id: int = column("number of the null map, from 0", minimum=0)
    parcel: str = column(PARCEL)
    value: float = column("value of the null map in the parcel")


class NullDistributions(Table):
    """Statistics of the null maps: the null distributions of the observed ones."""

    partitions = ("parcellation",)
    key = ("parcellation", "null_model", "statistic", "null_id")
    parcellation: str = column(PARCELLATION)
    null_model: str = column(NULL_MODEL)
    statistic: str = column("for example r2_y_component_1")
    null_id: int = column("number of the null map, from 0", minimum=0)
    value: float = column("value of the statistic for this null map")


class NullCalibration(Table):
    """False positive rate of each null model on smooth noise, for this parcellation and matrix."""

    partitions = ("parcellation",)
    key = ("parcellation", "null_model", "statistic", "smoothness_mm")
    strongest = ("|false_positive_rate_05|",)
    parcellation: str = column(PARCELLATION)
    null_model: str = column(NULL_MODEL)
    statistic: str = column("the test whose error rate it is")
    smoothness_mm: float = column("length over which the noise is correlated", unit="mm", minimum=0)
    n_maps: int = column("noise maps tried", minimum=1)
    false_positive_rate_05: float = column(
        "share with p <= 0.05: of noise maps, or of genes or sets on average over maps; for gene_list_bootstrap of maps with any listed gene",
        **PROBABILITY,
    )
    false_positive_rate_01: float = column(
        "the same at 0.01; gene_list_bootstrap has its own threshold, and the same number here",
        **PROBABILITY,
    )
    ci_low_05: float = column("lower end of the 95 % interval of the rate at 0.05", **PROBABILITY)
    ci_high_05: float = column("upper end of the 95 % interval of the rate at 0.05", **PROBABILITY)


class QuestionCalibration(Table):
    """How often gene sets are found by each question and by all three, in simulated cohorts."""

    partitions = ("parcellation",)
    key = ("parcellation", "truth", "question")
    parcellation: str = column(PARCELLATION)
    truth: str = column(
        "what changed in the simulated patients: no_change, change_without_genes_15mm and so on, along_genes"
    )
    question: str = column(
        "patients, space, genes, or all three", choices=("patients", "space", "genes", "all")
    )
    smoothness_mm: float = column(
        "length over which the planted change is correlated; 0 where it is not drawn",
        unit="mm",
        minimum=0,
    )
    n_cohorts: int = column("simulated cohorts", minimum=2)
    positive_rate_05: float = column(
        "share with p <= 0.05 of the cell types that were not planted, mean over cohorts",
        **PROBABILITY,
    )
    positive_rate_01: float = column("the same at 0.01", **PROBABILITY)
    ci_low_05: float = column("lower end of the 95 % interval of the rate at 0.05", **PROBABILITY)
    ci_high_05: float = column("upper end of the 95 % interval of the rate at 0.05", **PROBABILITY)
    true_positive_rate_05: float | None = column(
        "share with p <= 0.05 of the planted cell types", **PROBABILITY
    )


class SymptomCalibration(Table):
    """False positive rate of the tests of brain against symptoms, by permuting patients."""

    partitions = ("parcellation",)
    key = ("parcellation", "statistic")
    strongest = ("|false_positive_rate_05|",)
    parcellation: str = column(PARCELLATION)
    statistic: str = column("the p value of symptom_pls whose error rate it is")
    n_patients: int = column("patients", minimum=3)
    n_parcels: int = column("parcels", minimum=1)
    n_maps: int = column("random improvements tried", minimum=1)
    false_positive_rate_05: float = column("share with p <= 0.05", **PROBABILITY)
    false_positive_rate_01: float = column("share with p <= 0.01", **PROBABILITY)
    ci_low_05: float = column("lower end of the 95 % interval of the rate at 0.05", **PROBABILITY)
    ci_high_05: float = column("upper end of the 95 % interval of the rate at 0.05", **PROBABILITY)


class DetectableEffects(Table):
    """The smallest effects that a study of this size can detect."""

    partitions = ("parcellation",)
    key = ("parcellation", "test")
    parcellation: str = column(PARCELLATION)
    test: str = column("parcel_change, parcel_change_bonferroni, symptom_correlation or pls_r2")
    n: int = column("patients; parcels for pls_r2", minimum=2)
    alpha: float = column("two-sided level of the test", **PROBABILITY)
    power: float | None = column(
        "probability of finding the smallest effect; not known for pls_r2", **PROBABILITY
    )
    smallest_effect: float = column(
        "smallest effect that is found with this power; for pls_r2 the one that reaches p = 0.05",
        minimum=0,
    )
    effect_unit: str = column("d_z, r or R2", choices=("d_z", "r", "R2"))
    half_width_95: float | None = column("half width of the 95 % confidence interval", minimum=0)


class PlsComponents(Table):
    """How much of the map of change each component of gene expression explains."""

    partitions = ("parcellation",)
    key = ("parcellation", "component", "null_model")
    parcellation: str = column(PARCELLATION)
    component: int = column("number of the component, from 1", minimum=1)
    null_model: str = column(NULL_MODEL)
    r2_y: float = column("variance of the map explained by the component", **PROBABILITY)
    r2_y_cumulative: float = column(
        "variance of the map explained up to the component", **PROBABILITY
    )
    r2_x: float = column("variance of expression explained by the component", **PROBABILITY)
    p_spatial: float = column("p of r2_y against the null maps", **PROBABILITY)
    n_nulls: int = column("null maps", minimum=1)
    map_smoothness_mm: float | None = column(
        "length over which the map is correlated, estimated; uncertain for a single map",
        unit="mm",
        minimum=0,
    )
    false_positive_rate_05: float | None = column(
        "how often this null model gives p <= 0.05 on noise as smooth as the map; first component only",
        **PROBABILITY,
    )
    false_positive_ci_low_05: float | None = column("lower end of its 95 % interval", **PROBABILITY)
    false_positive_ci_high_05: float | None = column(
        "upper end of its 95 % interval", **PROBABILITY
    )
    p_patients: float | None = column(
        "p of r2_y when the signs of patients' changes are flipped", **PROBABILITY
    )
    p_patients_covariance: float | None = column(
        "the same of the covariance of scores and map: any change makes it small", **PROBABILITY
    )
    replication: float | None = column(
        "mean correlation between random halves of the patients of the genes' t over patients; first component only",
        minimum=-1.0000001,
        maximum=1.0000001,
    )
    r2_c1_share: float | None = column(
        "squared correlation of the scores with the first principal component of expression",
        minimum=0,
        maximum=1.0000001,
    )
    patients_smoothness_mm: float | None = column(
        "length over which the patients' residual changes are correlated", unit="mm", minimum=0
    )
    p_smoother: float | None = column(
        "share of maps with flipped signs of patients that are as smooth as the map; where it is "
        "small, p_patients is too",
        **PROBABILITY,
    )
    r2_confounds: float | None = column(
        "variance of the map explained by the confounds of [association]; missing without any",
        minimum=-1e-9,
        maximum=1.0000001,
    )
    r2_partial: float | None = column(
        "variance of what the confounds leave of the map that the component explains, of genes "
        "without what the confounds explain of them",
        **PROBABILITY,
    )
    p_partial: float | None = column(
        "p of r2_partial against the primary null model's maps of what is left", **PROBABILITY
    )


class ParcelInfluence(Table):
    """How much of a component rests on each parcel."""

    partitions = ("parcellation",)
    key = ("parcellation", "contrast", "component", "parcel")
    parcellation: str = column(PARCELLATION)
    contrast: str = column("the map: gmv_change")
    component: int = column("number of the component, from 1", minimum=1)
    parcel: str = column(PARCEL)
    delta_r2: float = column(
        "r2_y minus what it is without the parcel", minimum=-1.0000001, maximum=1.0000001
    )


class DonorInfluence(Table):
    """What becomes of the first component and of gene sets without each donor."""

    partitions = ("parcellation",)
    key = ("parcellation", "donor", "collection", "name")
    strongest = ("p_spatial_all",)
    parcellation: str = column(PARCELLATION)
    donor: str = column("the donor that is left out")
    collection: str = column("component, or the collection of the set")
    name: str = column("PLS1, or the set's identifier")
    n_parcels: int = column("parcels with samples of the other donors", minimum=1)
    effect: float = column(
        "variance of the map explained, or mean correlation of the set's genes, without the donor"
    )
    p_spatial: float = column("its p against the primary null model's maps", **PROBABILITY)
    effect_all: float = column("the same with all donors")
    p_spatial_all: float = column("its p", **PROBABILITY)
    weight_correlation: float | None = column(
        "correlation of the genes' weights with those of all donors; of the component only",
        minimum=-1.0000001,
        maximum=1.0000001,
    )
    depends: bool = column(
        "true where p_spatial_all is below 0.05, and p_spatial is not or the sign differs"
    )


class ReferenceMaps(Table):
    """Maps of the user's own that the change is compared with, by parcel."""

    partitions = ("parcellation",)
    key = ("parcellation", "reference", "parcel")
    parcellation: str = column(PARCELLATION)
    reference: str = column("name of the reference map")
    parcel: str = column(PARCEL)
    value: float = column("value of the reference map in the parcel; see source for its unit")
    source: str | None = column("where the map comes from, as sources.tsv says")
    licence: str | None = column("its licence or terms; missing where sources.tsv says none")


class ReferenceCorrelations(Table):
    """How far each map of change resembles each reference map, against spatial null maps."""

    partitions = ("parcellation",)
    key = ("parcellation", "contrast", "reference")
    strongest = ("p_spatial", "|r|")
    parcellation: str = column(PARCELLATION)
    contrast: str = column("the map of t: gmv_change, or a contrast of study.toml")
    reference: str = column("name of the reference map")
    n_parcels: int = column("parcels in use that the reference has a value in", minimum=5)
    r: float = column(
        "Pearson correlation of t with the reference map", minimum=-1.0000001, maximum=1.0000001
    )
    p_spatial: float = column("two-sided p of r against the null maps of t", **PROBABILITY)
    q_spatial: float = column(
        "p_spatial after false discovery rate over the references of the contrast", **PROBABILITY
    )
    p_max: float = column(
        "p of r against the largest of any reference with each null map, on Fisher's scale: family-wise over the references of the contrast",
        **PROBABILITY,
    )
    null_model: str = column(NULL_MODEL)
    n_nulls: int = column("null maps", minimum=1)
    source: str | None = column("where the reference map comes from, as sources.tsv says")
    licence: str | None = column("its licence or terms; missing where sources.tsv says none")


class PlsScores(Table):
    """The map of each component beside the map of change."""

    partitions = ("parcellation",)
    key = ("parcellation", "component", "parcel")
    strongest = ("component", "|score|")
    parcellation: str = column(PARCELLATION)
    component: int = column("number of the component, from 1", minimum=1)
    parcel: str = column(PARCEL)
    score: float = column("score of the parcel; correlates positively with the map")
    map_value: float = column("t of the change in the parcel")


class PlsGenes(Table):
    """Weight of each gene in a component, with its bootstrap z and its spatial p."""

    partitions = ("parcellation",)
    key = ("parcellation", "component", "gene")
    strongest = ("component", "|z|")
    parcellation: str = column(PARCELLATION)
    component: int = column("number of the component, from 1", minimum=1)
    gene: str = column(GENE)
    weight: float = column("weight, with the scores of unit length")
    se: float = column("bootstrap standard error over parcels", minimum=0)
    z: float = column("weight over its standard error")
    p_bootstrap: float = column(
        "two-sided normal p of z; takes parcels as independent, which they are not", **PROBABILITY
    )
    q_bootstrap: float = column(
        "p_bootstrap after false discovery rate over the genes", **PROBABILITY
    )
    direction: str | None = column(
        "PLS1+ or PLS1- where q_bootstrap passes the study's threshold", choices=DIRECTIONS
    )
    rank: int = column("rank by z, 1 = highest", minimum=1)
    r_map: float = column(
        "correlation of the gene's expression with the map", minimum=-1.0000001, maximum=1.0000001
    )
    p_spatial: float = column(
        "two-sided p of r_map against the primary null model's maps", **PROBABILITY
    )
    q_spatial: float = column("p_spatial after false discovery rate over the genes", **PROBABILITY)
    p_space_max: float | None = column(
        "p of r_map against the largest correlation of any gene with each null map: family-wise",
        **PROBABILITY,
    )
    p_patients: float | None = column(
        "p over patients of the projection of their changes on the gene", **PROBABILITY
    )
    q_patients: float | None = column(
        "p_patients after false discovery rate over the genes", **PROBABILITY
    )
    replication: float | None = column(
        "share of random halves of the patients with the same sign and p_patients < 0.05",
        **PROBABILITY,
    )
    selection_frequency: float | None = column(
        "share of the bootstrap's resamples in which the gene is beyond the list's threshold; "
        "first component only",
        **PROBABILITY,
    )
    n_listed_low: int | None = column(
        "lower end of the 95 % interval, over seeds of the bootstrap, of the number of genes listed "
        "in the gene's direction; first component only",
        minimum=0,
    )
    n_listed_high: int | None = column("upper end of it", minimum=0)
    n_effective: float | None = column(
        "number of independent parcels that the correlation is worth, from both variograms"
    )
    p_closed_form: float | None = column(
        "two-sided p of r_map with n_effective - 2 degrees of freedom: a second opinion beside "
        "p_spatial; missing where several structures are compared",
        **PROBABILITY,
    )
