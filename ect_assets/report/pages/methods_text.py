"""How the numbers came about: the methods text of a page, with the study's own parameters.

The sentences follow `docs/method.md`, where formulas and measured accuracy stand. Parameters are
those of study.toml; what a run found out (probes, samples) comes from SQL.
"""

from __future__ import annotations

from markupsafe import Markup

from ect_assets.report.pages.blocks import Block, Points, Section, Verbatim, listing
from ect_assets.report.pages.display_names import null_name, parcellation_name
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.gene_sections import why_no_genes
from ect_assets.report.pages.provenance import ReportProvenance, making_blocks
from ect_assets.report.pages.references import Citations
from ect_assets.science.enrichment.clusters import KAPPA
from ect_assets.study import Study
from ect_assets.study.of_extensions import VOLUME_SOURCES

GENE_ONTOLOGY_RELEASE = "2022-07-01"
"""Of the packaged terms and annotations, as in PROVENANCE.md of the reference data."""

METHODS = """SELECT source, methods, n_parcels, n_parcels_filled, n_parcels_empty, n_genes,
  n_probes, n_samples, n_donors, simulated
FROM expression_methods WHERE parcellation = '{parcellation}'"""
CALIBRATED = """SELECT
  (SELECT count(*) FROM null_calibration WHERE parcellation = '{parcellation}') AS n_noise,
  (SELECT count(*) FROM symptom_calibration WHERE parcellation = '{parcellation}') AS n_symptoms,
  (SELECT count(*) FROM detectable_effects WHERE parcellation = '{parcellation}') AS n_effects"""
COMPARED = """SELECT count(*) AS n_parcels FROM pls_scores
WHERE parcellation = '{parcellation}' AND component = 1"""
NULL_WORKS = {
    "vasa": ("vasa2018", "alexanderbloch2018"),
    "hungarian": ("alexanderbloch2018", "markello_misic2021"),
    "moran": ("wagner2015", "vosdewael2020"),
    "burt": ("burt2020",),
}


def methods_section(
    facts: Facts, study: Study, provenance: ReportProvenance, citations: Citations
) -> Section:
    """Write the methods of one parcellation's page.

    Parameters
    ----------
    citations : Citations
        Takes up what is cited.
    """
    has_genes = why_no_genes(facts, study) is None
    items = [
        ("Design", _design(study, citations)),
        ("Volumes", _volumes(facts, study, citations)),
        ("Quality", _quality(study, citations)),
        ("Change", _change(study, citations)),
        ("Symptoms", _symptoms(study, citations)),
    ]
    if study.contrasts:
        items.append(("Contrasts", _contrasts(study, citations)))
    if has_genes:
        items += [
            ("Expression", _expression(facts, citations)),
            ("Association", _association(facts, study, citations)),
            ("Null maps", _nulls(study, citations)),
            ("Genes", _genes(study, citations)),
            ("Enrichment", _enrichment(study, citations)),
            ("Claims", _claims(study, citations)),
        ]
    if calibration := _calibration(facts, study, citations):
        items.append(("Calibration", calibration))
    blocks: list[Block] = [Points(items, "methods-text")]
    if has_genes:
        blocks += _own_report(facts)
    return Section("methods", "Methods", [*blocks, *making_blocks(study, provenance)])


def _design(study: Study, citations: Citations) -> Markup:
    return Markup(
        "The same participants are measured at {} and {}. The steps are those of {}, with a "
        "spatial test beside each test that treats parcels or genes as independent."
    ).format(study.sessions.baseline, study.sessions.follow_up, citations.name("liu2025"))


def _volumes(facts: Facts, study: Study, citations: Citations) -> Markup:
    name = facts.setting.parcellation
    works = {"hcp_mmp": ("glasser2016",), "desikan_killiany": ("desikan2006",)}.get(name, ())
    cited = Markup(" {}").format(citations.cite(*works)) if works else Markup("")
    return Markup("Gray matter volumes of the parcels of {}{} {}.").format(
        parcellation_name(name), cited, _source_of_volumes(study.morphometry.source, citations)
    )


def _source_of_volumes(source: str, citations: Citations) -> Markup:
    """Say where volumes come from; of the sources only the chosen one is cited."""
    if source == "volumetric":
        return Markup(
            "are measured in the images: both scans in the space half-way between them {}, bias "
            "field {}, registration with MNI152 {}, segmentation of their average, and "
            "tensor-based morphometry between the two"
        ).format(
            citations.cite("reuter2012"),
            citations.cite("tustison2010"),
            citations.cite("avants2011"),
        )
    if source not in VOLUME_SOURCES:
        return Markup("are read by {}, a source of the study's own").format(source)
    freesurfer = citations.cite("fischl2012")
    if source == "freesurfer":
        return Markup(
            "are read from finished FreeSurfer subjects {}, or measured on their surfaces as "
            "FreeSurfer does {}"
        ).format(freesurfer, citations.cite("winkler2018"))
    return {
        "freesurfer_tables": Markup("are read from FreeSurfer's group tables {}"),
        "recon-all": Markup("are FreeSurfer's, of recon-all {}, read from its statistics"),
    }[source].format(freesurfer)


def _quality(study: Study, citations: Citations) -> Markup:
    limits = study.quality
    return Markup(
        "Scans and parcels are compared with the cohort where there are at least {}; an outlier "
        "has a robust z above {} {}. A change of intracranial volume of more than {} % is flagged, "
        "of more than {} % leaves the participant out, as do outliers in more than {} % of the "
        "parcels."
    ).format(
        limits.fewest,
        f"{limits.outlier_z:g}",
        citations.cite("iglewicz1993"),
        f"{limits.tiv_change_warns_percent:g}",
        f"{limits.tiv_change_excludes_percent:g}",
        f"{100 * limits.parcel_share_excludes:g}",
    )


def _change(study: Study, citations: Citations) -> Markup:
    model = (
        "the difference between the sessions is regressed on the participant's mean intracranial "
        "volume, centred on the cohort, and its intercept tested with n − 2 degrees of freedom"
        if study.group.adjusts_for_etiv
        else "the difference between the sessions is tested by the paired t-test"
    )
    return Markup(
        "Per parcel, {}; q is the false discovery rate over all parcels of the same structure "
        "(cortex, subcortex, brain stem, cerebellum) {}. d<sub>z</sub> is the mean difference over "
        "its standard deviation {}."
    ).format(model, citations.cite("benjamini1995"), citations.cite("lakens2013"))


def _contrasts(study: Study, citations: Citations) -> Markup:
    etiv = ["mean intracranial volume"] if study.group.adjusts_for_etiv else []
    adjusted = listing([*etiv, *study.group.covariates])
    is_mixed = any(one.model == "mixed" for one in study.contrasts.values())
    mixed = (
        Markup(
            " Contrasts with every scan are linear mixed models with a random intercept per "
            "participant and a column for each session, by restricted maximum likelihood, with "
            "Satterthwaite's degrees of freedom {}."
        ).format(citations.cite("laird1982"))
        if is_mixed
        else Markup("")
    )
    own = any(one.covariates is not None for one in study.contrasts.values())
    return Markup(
        "A linear model per parcel over the participants who have every term, by least squares: "
        "the difference between the sessions (or the volume at baseline) on the columns of the "
        "contrast{}{}. Numbers are centred, factors coded against their first level and centred. "
        "The coefficient of the tested column is tested with n minus the number of columns "
        "degrees of freedom; q is the false discovery rate over the parcels of the same structure "
        "{}, and does not correct for the number of contrasts. Errors are taken for independent, "
        "with the same variance in all groups.{}"
    ).format(
        Markup(", adjusted for {}").format(adjusted) if adjusted else "",
        " (some contrasts for covariates of their own)" if own else "",
        citations.cite("benjamini1995"),
        mixed,
    )


def _symptoms(study: Study, citations: Citations) -> Markup:
    if not study.instruments:
        return Markup("study.toml names no instrument.")
    return Markup(
        "Scores are compared by the paired t-test. Improvement is the change of the score, above "
        "zero where it got better. Its first partial least squares component on the z-scored "
        "change of all parcels {} is tested by its covariance under {} permutations of "
        "participants. Its prediction is that of models fitted without the participant, with its "
        "own p from the same permutations. p = (1 + "
        "permutations as large or larger) / (1 + permutations) {}. For a parcel, z is weight over "
        "standard error in {} resamples of the participants; it is no test: as many parcels pass "
        "it with improvement assigned at random. The test of a parcel (p_perm, q_perm) "
        "permutes participants."
    ).format(
        citations.cite("mcintosh2004", "krishnan2011"),
        f"{study.association.permutations:,}",
        citations.cite("phipson2010"),
        f"{study.association.bootstraps:,}",
    )


def _expression(facts: Facts, citations: Citations) -> Markup:
    made = facts.ask(METHODS)
    if not made:
        return Markup("How the expression was computed is not recorded.")
    atlas, abagen = citations.cite("hawrylycz2012"), citations.cite("markello2021")
    matrix = Markup(
        "The matrix has {} genes in {} parcels; {} parcels of the compared side have no sample "
        "and are left out, {} were filled."
    ).format(
        made.show("n_genes"),
        made.show("n_parcels"),
        made.show("n_parcels_empty"),
        made.show("n_parcels_filled"),
    )
    if made.value("source") == "packaged":
        origin = Markup(
            "Gene expression of the Allen Human Brain Atlas {} as processed with abagen {} and "
            "distributed with the Imaging Transcriptomics toolbox {}."
        ).format(atlas, abagen, citations.cite("giacomel2022"))
        return Markup("{} {}").format(origin, matrix)
    origin = Markup(
        "{} {} is processed here by abagen {}, with the options below, along the recommendations "
        "of {}. {} probes and {} tissue samples of {} donors are used."
    ).format(
        "Expression of simulated donors, in the form of the Allen Human Brain Atlas"
        if made.value("simulated")
        else "Gene expression of the Allen Human Brain Atlas",
        atlas,
        abagen,
        citations.name("arnatkeviciute2019"),
        made.show("n_probes"),
        made.show("n_samples"),
        made.show("n_donors"),
    )
    return Markup("{} {}").format(origin, matrix)


def _own_report(facts: Facts) -> list[Block]:
    made = facts.ask(METHODS)
    if not made:
        return []
    title = "How the expression was computed, as reported by abagen or the source"
    return [Verbatim(title, made.value("methods"))]


def _association(facts: Facts, study: Study, citations: Citations) -> Markup:
    side = {"L": "left hemisphere", "R": "right hemisphere", "both": "both hemispheres"}
    return Markup(
        "Partial least squares {} of the map of change (t) on the z-scored expression of {} "
        "parcels ({}, {}); {} components. The score is signed so that it correlates positively "
        "with the map."
    ).format(
        citations.cite("hoskuldsson1988"),
        facts.ask(COMPARED).show("n_parcels"),
        listing(study.association.structures),
        side[study.association.hemisphere],
        study.association.components,
    )


def _nulls(study: Study, citations: Citations) -> Markup:
    models = [
        Markup("{} {}").format(null_name(name), citations.cite(*NULL_WORKS[name]))
        if name in NULL_WORKS
        else Markup("{} (of the study's own)").format(name)
        for name in study.nulls.models
    ]
    return Markup(
        "{} surrogates of the map that keep its spatial autocorrelation, of each of these models: "
        "{}. The spatial p and q of genes, terms and cell types are read from {}."
    ).format(f"{study.nulls.n:,}", listing(models), null_name(study.nulls.primary))


def _genes(study: Study, citations: Citations) -> Markup:
    return Markup(
        "Bootstrap z of a weight over {} resamples of the parcels {}; a gene is listed as PLS1+ or "
        "PLS1− where its two-sided q is below {}. Since this treats parcels as independent, each "
        "gene also has a spatial p: of its correlation with the map, against the null maps."
    ).format(
        f"{study.association.bootstraps:,}",
        citations.cite("whitaker2016"),
        f"{study.association.gene_list_q:g}",
    )


def _enrichment(study: Study, citations: Citations) -> Markup:
    limits = study.enrichment
    return Markup(
        "Gene Ontology {} (release of {}) terms of {} to {} genes are tested for "
        "over-representation in each list (hypergeometric; background: the genes of the matrix; q "
        "over all terms of a list). Terms below q = 0.05 that share genes (kappa above {}) are "
        "joined into clusters after {}. Cell types {} are tested by gene set enrichment {} with {} "
        "permutations of genes. Each has a second test in which the genes are kept and the map is "
        "replaced by null maps {}."
    ).format(
        citations.cite("ashburner2000", "go2023"),
        GENE_ONTOLOGY_RELEASE,
        limits.min_size,
        limits.max_size,
        f"{KAPPA:g}",
        citations.name("zhou2019"),
        citations.cite("seidlitz2020"),
        citations.cite("subramanian2005"),
        f"{limits.permutations:,}",
        citations.cite("fulcher2021"),
    )


def _claims(study: Study, citations: Citations) -> Markup:
    return Markup(
        "A claim holds where the largest p of the questions that apply stays below 0.05 after "
        "false discovery rate. Patients: for a component, the signs of the patients' changes are "
        "flipped {} times {}; for genes and sets, each patient's standardised change is projected "
        "on their expression and the mean projection tested. Space: {}. Genes, for sets: random "
        "sets grown to the same co-expression, with the map and with its null maps. Terms and "
        "cell types must also agree in sign. A gene list is represented by its best gene, "
        "corrected for the number of all genes {}. Published, for comparison: p of the spins "
        "(Váša) for a component, bootstrap q for a list, hypergeometric q for a term, q over "
        "permuted genes for a cell type. The false discovery rate is controlled within "
        "components, within genes, and within the sets of each collection (BP, MF, CC, cell "
        "types) separately, not over them."
    ).format(
        f"{study.association.permutations:,}",
        citations.cite("winkler2014"),
        null_name(study.nulls.primary),
        citations.cite("simes1986"),
    )


def _calibration(facts: Facts, study: Study, citations: Citations) -> Markup:
    """Describe the calibrations that there are; empty where there is none."""
    made = facts.ask(CALIBRATED)
    said = []
    if made.value("n_noise"):
        said.append(_noise_maps(study, citations))
    if made.value("n_symptoms"):
        said.append(_improvement_at_random(study, citations))
    if made.value("n_effects"):
        said.append(
            Markup(
                "Detectable effects: exact noncentral t for a parcel, Fisher's z for a "
                "correlation {}."
            ).format(citations.cite("cohen1988"))
        )
    return Markup(" ").join(said)


def _noise_maps(study: Study, citations: Citations) -> Markup:
    calibration = study.calibration
    return Markup(
        "{} noise maps ({} for the first component) with correlation exp(−distance / length) for "
        "each length of {} mm are tested with {} null maps each. Intervals of shares of maps are "
        "exact {}, wider where maps that share null maps are alike; those of mean shares are "
        "Student's."
    ).format(
        calibration.maps,
        max(calibration.maps, calibration.component_maps),
        listing([f"{length:g}" for length in calibration.lengths_mm]),
        calibration.nulls,
        citations.cite("clopper1934"),
    )


def _improvement_at_random(study: Study, citations: Citations) -> Markup:
    return Markup(
        "Improvement is assigned at random {} times (to {} participants, drawn at random, where "
        "there are more); intervals of shares are exact {}."
    ).format(
        study.calibration.symptom_maps,
        study.calibration.symptom_patients,
        citations.cite("clopper1934"),
    )
