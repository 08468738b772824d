"""Every table of the platform, once: the public interface.

Storage, checks, the UI's column lists, SQL comments and the data dictionary are read from here;
nothing says it a second time. Names and units are promises: a column may be added, none is
renamed or dropped. How a table becomes a file belongs in `lake`.
"""

from __future__ import annotations

from datetime import datetime

from ect_assets.schema import Table, column

SUBJECT = "study's label of the patient, without `sub-`"
SESSION = "BIDS label of the session, without `ses-`"
PARCELLATION = "name of the parcellation, for example hcp_mmp or desikan_killiany"
PARCEL = "the atlas's own name of the parcel, for example L_V1 or lh_superiorfrontal"
HEMISPHERE = "L, R, or B for a midline structure"
GENE = "gene symbol"
DOCUMENT = "path of the file, below the folder in which the rows are"
NULL_MODEL = "spatial null model that the null maps come from"
HEMISPHERES = ("L", "R", "B")
PROBABILITY = {"minimum": 0, "maximum": 1}


class RawScans(Table):
    """The T1w images as they came, with geometry, acquisition and checksum."""

    partitions = ("subject",)
    key = ("subject", "session")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    path: str = column("file, relative to the BIDS folder")
    sha256: str = column("checksum of the file")
    n_x: int = column("voxels along the first axis", minimum=1)
    n_y: int = column("voxels along the second axis", minimum=1)
    n_z: int = column("voxels along the third axis", minimum=1)
    voxel_x_mm: float = column("voxel size along the first axis", unit="mm", minimum=0)
    voxel_y_mm: float = column("voxel size along the second axis", unit="mm", minimum=0)
    voxel_z_mm: float = column("voxel size along the third axis", unit="mm", minimum=0)
    orientation: str = column("axis codes of the image, for example RAS")
    repetition_time_s: float | None = column("repetition time", unit="s")
    echo_time_s: float | None = column("echo time", unit="s")
    flip_angle_deg: float | None = column("flip angle", unit="degree")
    field_strength_t: float | None = column("field strength of the scanner", unit="T")
    manufacturer: str | None = column("manufacturer of the scanner")
    voxel_fingerprint: str | None = column(
        "signs of the differences between neighbouring voxels at 1,024 places: equal in copies, whatever their header, packing or scale; missing for a picture too small"
    )
    ingested_at: datetime = column("when this very content first came into the lake")


class Participants(Table):
    """The patients, as participants.tsv describes them; its further columns follow as they are."""

    key = ("subject",)
    has_further_columns = True
    subject: str = column(SUBJECT)
    age_years: float | None = column("age", unit="years", minimum=0, maximum=130)
    sex: str | None = column("sex as recorded, usually F or M")
    education_years: float | None = column("years of education", unit="years", minimum=0)
    onset_age_years: float | None = column("age at first onset", unit="years", minimum=0)
    episode_months: float | None = column("length of the current episode", unit="months", minimum=0)
    site: str | None = column("site at which the patient was scanned")


class ClinicalScores(Table):
    """Ratings and questionnaires, one score per patient, session and instrument."""

    key = ("subject", "session", "instrument")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    instrument: str = column("the instrument's name in study.toml, for example hamd")
    score: float = column("total score", unit="points")


class ScanVolumes(Table):
    """Whole-brain volumes and quality of each scan."""

    partitions = ("subject",)
    key = ("subject", "session")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    etiv_mm3: float | None = column("estimated total intracranial volume", unit="mm3", minimum=0)
    brain_mm3: float | None = column("volume of the brain", unit="mm3", minimum=0)
    gray_matter_mm3: float | None = column("volume of all gray matter", unit="mm3", minimum=0)
    source: str = column("where the volumes come from")
    source_version: str | None = column(
        "version of the program that made them, where its files say it"
    )
    qc_euler_holes: int | None = column(
        "topological defects of both surfaces before fixing", minimum=0
    )
    qc_cnr: float | None = column("contrast-to-noise ratio of gray and white matter")
    qc_pass: bool = column("true where the scan passes quality control")
    qc_reason: str | None = column("why it does not pass")


class ParcelGmv(Table):
    """Gray matter volume of each cortical parcel, per patient and session."""

    partitions = ("subject", "parcellation")
    key = ("subject", "session", "parcellation", "parcel")
    subject: str = column(SUBJECT)
    session: str = column(SESSION)
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    gmv_mm3: float = column("gray matter volume", unit="mm3", minimum=0)
    area_mm2: float | None = column("surface area", unit="mm2", minimum=0)
    thickness_mm: float | None = column("mean cortical thickness", unit="mm", minimum=0)
    source: str = column("where the volumes come from")


class Parcels(Table):
    """The parcels of a parcellation: names, hemisphere, where they lie."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    parcel_index: int = column("number of the parcel in the atlas", minimum=1)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    structure: str = column("cortex or subcortex")
    label: str = column("name for a reader")
    x_sphere: float | None = column("centroid on the unit sphere of registration, to the right")
    y_sphere: float | None = column("centroid on the unit sphere of registration, to the front")
    z_sphere: float | None = column("centroid on the unit sphere of registration, upwards")
    x_mni_mm: float | None = column("a central point in MNI152 space, to the right", unit="mm")
    y_mni_mm: float | None = column("a central point in MNI152 space, to the front", unit="mm")
    z_mni_mm: float | None = column("a central point in MNI152 space, upwards", unit="mm")


QUALITY = {
    "check_name": "what was looked at, for example tiv_changed",
    "value": "what was measured; missing where nothing could be compared",
    "limit_value": "where the check fails",
    "passes": "false where a person should look",
    "excludes": "true where it leaves the patient out, unless reviewed.tsv overrules it",
    "says": "what was found, for a reader",
}


class ScanQuality(Table):
    """Whether each scan is like the others of the cohort: surfaces, contrast, skull, identity."""

    key = ("subject", "session", "check_name")
    subject: str = column(SUBJECT + "; * for the cohort")
    session: str = column(SESSION + "; * for all")
    check_name: str = column(QUALITY["check_name"])
    value: float | None = column(QUALITY["value"])
    limit_value: float | None = column(QUALITY["limit_value"])
    passes: bool = column(QUALITY["passes"])
    excludes: bool = column(QUALITY["excludes"])
    says: str = column(QUALITY["says"])


class ParcelQuality(Table):
    """Whether each patient's parcels are like the cohort's: outliers, swapped sides or scans."""

    partitions = ("parcellation",)
    key = ("subject", "session", "parcellation", "check_name")
    subject: str = column(SUBJECT + "; * for the cohort")
    session: str = column(SESSION + "; * for all")
    parcellation: str = column(PARCELLATION)
    check_name: str = column(QUALITY["check_name"])
    value: float | None = column(QUALITY["value"])
    limit_value: float | None = column(QUALITY["limit_value"])
    passes: bool = column(QUALITY["passes"])
    excludes: bool = column(QUALITY["excludes"])
    says: str = column(QUALITY["says"])


class Exclusions(Table):
    """Who was left out, of what, and why; `*` where all sessions or parcellations are meant."""

    key = ("subject", "session", "parcellation", "reason")
    subject: str = column(SUBJECT + "; * for everybody: a check of all patients did not run")
    session: str = column(SESSION + "; * for all")
    parcellation: str = column(PARCELLATION + "; * for all")
    reason: str = column("short token, for example session_missing")
    stage: str = column("table whose making found it")
    detail: str = column("what was found, what was expected, what to do")
    overruled: bool = column("true where a reviewer keeps the data in spite of it")
    overruled_by_file: str | None = column("the reviewed file that says so")


class GmvChange(Table):
    """Change of gray matter volume per parcel between two sessions."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    hemisphere: str = column(HEMISPHERE, choices=HEMISPHERES)
    n: int = column("patients", minimum=2)
    mean_pre_mm3: float = column("mean at baseline", unit="mm3", minimum=0)
    mean_post_mm3: float = column("mean at follow-up", unit="mm3", minimum=0)
    mean_change_mm3: float = column("mean of follow-up minus baseline", unit="mm3")
    percent_change: float = column("mean change in percent of the mean at baseline", unit="%")
    t: float = column("t statistic of the mean change, adjusted for intracranial volume")
    df: int = column("degrees of freedom", minimum=1)
    p: float = column("two-sided p of t", **PROBABILITY)
    q: float = column(
        "p after false discovery rate over the parcels (Benjamini-Hochberg)", **PROBABILITY
    )
    cohen_dz: float = column("mean of the changes over their standard deviation")
    ci_low_mm3: float = column(
        "lower end of the 95 % interval of the adjusted mean change", unit="mm3"
    )
    ci_high_mm3: float = column(
        "upper end of the 95 % interval of the adjusted mean change", unit="mm3"
    )
    t_unadjusted: float = column("t of the plain paired t-test")
    p_unadjusted: float = column("two-sided p of the plain paired t-test", **PROBABILITY)


class ClinicalChange(Table):
    """Change of each instrument over the patients who have both sessions."""

    key = ("instrument",)
    instrument: str = column("the instrument's name in study.toml")
    n: int = column("patients with both scores", minimum=2)
    mean_pre: float = column("mean at baseline", unit="points")
    sd_pre: float = column("standard deviation at baseline", unit="points", minimum=0)
    mean_post: float = column("mean at follow-up", unit="points")
    sd_post: float = column("standard deviation at follow-up", unit="points", minimum=0)
    mean_change: float = column("mean of follow-up minus baseline", unit="points")
    t: float = column("t of the paired t-test")
    df: int = column("degrees of freedom", minimum=1)
    p: float = column("two-sided p of t", **PROBABILITY)
    cohen_dz: float = column("mean of the changes over their standard deviation")


class SymptomPls(Table):
    """How far the change of the brain goes with the change of symptoms, over patients."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument")
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    n: int = column("patients with both scans and both scores", minimum=3)
    r: float = column(
        "correlation of the PLS score with the improvement (baseline minus follow-up)"
    )
    r2: float = column("variance of improvement explained by the first component", **PROBABILITY)
    p_perm: float = column(
        "p of the covariance of brain and symptoms under exchange of patients", **PROBABILITY
    )
    p_perm_r2: float = column(
        "p of r2 under exchange of patients; says little, see the method notes", **PROBABILITY
    )
    n_permutations: int = column("permutations of patients", minimum=1)
    r_cross_validated: float = column(
        "correlation of improvement with its leave-one-out prediction"
    )
    p_cross_validated: float = column(
        "p of r_cross_validated under exchange of patients", **PROBABILITY
    )


class SymptomPlsScores(Table):
    """How each patient's brain changed along the component that goes with symptoms."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument", "subject")
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    subject: str = column(SUBJECT)
    score: float = column("score of the patient's change in the first component, in its own SD")
    improvement: float = column("baseline minus follow-up score, in points of the instrument")
    predicted_improvement: float = column(
        "improvement predicted from the other patients, in points of the instrument"
    )


class SymptomPlsWeights(Table):
    """Which parcels carry the association of brain change with symptoms."""

    partitions = ("parcellation",)
    key = ("parcellation", "instrument", "parcel")
    parcellation: str = column(PARCELLATION)
    instrument: str = column("the instrument's name in study.toml")
    parcel: str = column(PARCEL)
    weight: float = column("weight of the parcel in the first component")
    se: float = column("bootstrap standard error over patients", minimum=0)
    z: float = column("weight over its standard error")
    p: float = column("two-sided normal p of z; no test, see the method notes", **PROBABILITY)
    q: float = column("p after false discovery rate over the parcels; no test", **PROBABILITY)
    p_perm: float = column(
        "p of the correlation of the parcel's change with improvement, under exchange of patients",
        **PROBABILITY,
    )
    q_perm: float = column("p_perm after false discovery rate over the parcels", **PROBABILITY)


class Donors(Table):
    """The donors of the Allen Human Brain Atlas that expression is made from."""

    key = ("donor",)
    donor: str = column("number of the donor, for example 9861")
    n_samples: int = column("tissue samples", minimum=1)
    n_probes: int = column("microarray probes", minimum=1)
    sha256: str = column("checksum over the donor's five files")


class Expression(Table):
    """Expression of each gene in each parcel, normalised between 0 and 1."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel", "gene")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    gene: str = column(GENE)
    expression: float = column("normalised expression, mean over donors", bits=32)


class ExpressionCoverage(Table):
    """How well the donors' samples cover each parcel."""

    partitions = ("parcellation",)
    key = ("parcellation", "parcel")
    parcellation: str = column(PARCELLATION)
    parcel: str = column(PARCEL)
    n_samples: int | None = column(
        "tissue samples; missing where the source does not say", minimum=0
    )
    n_donors: int | None = column(
        "donors with a sample; missing where the source does not say", minimum=0
    )
    filled: bool = column("true where the parcel had no sample and was filled")
    fill_method: str | None = column("how it was filled")


class ExpressionMethods(Table):
    """How the expression of a parcellation was made, in sentences and in numbers."""

    partitions = ("parcellation",)
    key = ("parcellation",)
    parcellation: str = column(PARCELLATION)
    source: str = column("packaged or donors")
    methods: str = column("what was done, for the methods section, with references")
    parameters: str | None = column("abagen's arguments, as JSON")
    n_parcels: int = column("parcels with expression", minimum=0)
    n_parcels_filled: int = column("of these, parcels without a sample that were filled", minimum=0)
    n_parcels_empty: int = column("parcels of the hemisphere without expression", minimum=0)
    n_genes: int = column("genes of the matrix", minimum=1)
    n_probes: int | None = column("probes that passed the intensity filter", minimum=1)
    n_samples: int | None = column("tissue samples in a parcel", minimum=0)
    n_donors: int | None = column("donors with a sample in a parcel", minimum=0)
    atlas_sha256: str | None = column("checksum of labels, space and names of the atlas")
    abagen_version: str | None = column("version of abagen")


class GeneStability(Table):
    """The genes of each expression matrix, and how alike their pattern is between donors."""

    partitions = ("parcellation",)
    key = ("parcellation", "gene")
    parcellation: str = column(PARCELLATION)
    gene: str = column(GENE)
    entrez_id: int = column("NCBI Entrez identifier", minimum=1)
    differential_stability: float | None = column(
        "mean Spearman correlation of the pattern over parcels between pairs of donors; "
        "missing where the donors are not known apart",
        minimum=-1,
        maximum=1,
    )


class Genes(Table):
    """The genes of the expression matrices."""

    key = ("gene",)
    gene: str = column(GENE)
    entrez_id: int = column("NCBI Entrez identifier", minimum=1)
    differential_stability: float | None = column(
        "mean correlation of the regional pattern between donors, in the first parcellation, "
        "by name, that has it"
    )


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
    """Statistics of the null maps, against which the observed ones are held."""

    partitions = ("parcellation",)
    key = ("parcellation", "null_model", "statistic", "null_id")
    parcellation: str = column(PARCELLATION)
    null_model: str = column(NULL_MODEL)
    statistic: str = column("for example r2_y_component_1")
    null_id: int = column("number of the null map, from 0", minimum=0)
    value: float = column("value of the statistic for this null map")


class NullCalibration(Table):
    """How often each null model cries wolf on smooth noise, for this parcellation and matrix."""

    partitions = ("parcellation",)
    key = ("parcellation", "null_model", "statistic", "smoothness_mm")
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


class SymptomCalibration(Table):
    """How often the tests of brain against symptoms cry wolf when patients are exchanged."""

    partitions = ("parcellation",)
    key = ("parcellation", "statistic")
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
    """What the study could have found: the smallest effects within reach of its size."""

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


class PlsScores(Table):
    """The map of each component beside the map of change."""

    partitions = ("parcellation",)
    key = ("parcellation", "component", "parcel")
    parcellation: str = column(PARCELLATION)
    component: int = column("number of the component, from 1", minimum=1)
    parcel: str = column(PARCEL)
    score: float = column("score of the parcel; correlates positively with the map")
    map_value: float = column("t of the change in the parcel")


class PlsGenes(Table):
    """Weight of each gene in a component, with its bootstrap z and its spatial p."""

    partitions = ("parcellation",)
    key = ("parcellation", "component", "gene")
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
        "PLS1+ or PLS1- where q_bootstrap passes the study's threshold", choices=("PLS1+", "PLS1-")
    )
    rank: int = column("rank by z, 1 = highest", minimum=1)
    r_map: float = column(
        "correlation of the gene's expression with the map", minimum=-1.0000001, maximum=1.0000001
    )
    p_spatial: float = column(
        "two-sided p of r_map against the primary null model's maps", **PROBABILITY
    )
    q_spatial: float = column("p_spatial after false discovery rate over the genes", **PROBABILITY)


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
    parcellation: str = column(PARCELLATION)
    direction: str = column("PLS1+ or PLS1-", choices=("PLS1+", "PLS1-"))
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


class GoTermLinks(Table):
    """How similar enriched terms are by the genes that they share."""

    partitions = ("parcellation",)
    key = ("parcellation", "direction", "set_id_a", "set_id_b")
    parcellation: str = column(PARCELLATION)
    direction: str = column("PLS1+ or PLS1-", choices=("PLS1+", "PLS1-"))
    set_id_a: str = column("Gene Ontology identifier of one term")
    set_id_b: str = column("Gene Ontology identifier of the other term")
    kappa: float = column("Cohen's kappa of membership", minimum=-1, maximum=1)


class CellTypeEnrichment(Table):
    """Where the genes of each cell type stand in the ranking, and how many are in the lists."""

    partitions = ("parcellation",)
    key = ("parcellation", "cell_type")
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


class GeneSetEnrichment(Table):
    """Where the genes of each set stand in the ranking, under permutation of genes and in space."""

    partitions = ("parcellation",)
    key = ("parcellation", "collection", "set_id")
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


class GeneSetSpatialEnrichment(Table):
    """Each gene set's mean correlation with the map, against the null maps."""

    partitions = ("parcellation",)
    key = ("parcellation", "collection", "set_id", "null_model")
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


class Findings(Table):
    """Each claim with the p the field reports and the p that respects space."""

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
    holds: bool = column("true where both stay below 0.05 after false discovery rate")


class StudyReport(Table):
    """The report on one parcellation: a page and its figures, beside the rows that name them."""

    partitions = ("parcellation",)
    key = ("parcellation", "file")
    has_documents = True
    parcellation: str = column(PARCELLATION)
    file: str = column(DOCUMENT)
    title: str = column("what it shows")
    media_type: str = column("for example text/html")
    n_bytes: int = column("size", unit="byte", minimum=1)
    sha256: str = column("checksum of the file")


class StudyOverview(Table):
    """The report on the whole study, over all parcellations, as in study_report."""

    key = ("file",)
    has_documents = True
    file: str = column(DOCUMENT)
    title: str = column("what it shows")
    media_type: str = column("for example text/html")
    n_bytes: int = column("size", unit="byte", minimum=1)
    sha256: str = column("checksum of the file")


class AuditLog(Table):
    """What happened to the data: arrivals, changes, exclusions, withdrawals."""

    key = ("event_id",)
    event_id: str = column("identifier of the event")
    at: datetime = column("when")
    event: str = column(
        "arrived, waiting, changed, withdrawn, excluded or overruled",
        choices=("arrived", "waiting", "changed", "withdrawn", "excluded", "overruled"),
    )
    subject: str | None = column(SUBJECT + "; missing once withdrawn")
    detail: str = column("what, without personal data")


TABLES: dict[str, type[Table]] = {table.table_name: table for table in Table.__subclasses__()}
"""All tables by name, in the order of the walk."""
