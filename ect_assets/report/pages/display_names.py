"""What things are called on the page: parcellations, null models, tests, checks.

Names that a study gives itself are shown as they are. Sentences belong in the texts.
"""

from __future__ import annotations

import re

from ect_assets.report.questions import EFFECTS, KINDS
from ect_assets.study import Study

PARCELLATIONS = {"hcp_mmp": "HCP-MMP1.0", "desikan_killiany": "Desikan-Killiany"}
NULLS = {
    "moran": "Moran spectral randomisation",
    "vasa": "spins, Váša assignment",
    "hungarian": "spins, Hungarian assignment",
    "burt": "variogram matching",
    "naive": "permutation of parcels, ignoring space",
    "bootstrap": "bootstrap of parcels, ignoring space",
}
GENE_LIST = "gene_list_bootstrap"
TESTS = {
    "r2_y_component_1": "variance explained by PLS1",
    "gene_p_spatial": "spatial p of a gene",
    "gene_set_spatial": "spatial p of a gene set",
    GENE_LIST: "any gene listed by the bootstrap",
    "p_perm": "brain against symptoms: covariance",
    "p_perm_r2": "brain against symptoms: fitted variance",
    "p_cross_validated": "brain against symptoms: prediction of those left out",
}
CHECKS = {
    "euler_number_low": "surface defects before correction",
    "contrast_low": "contrast of gray and white matter",
    "tiv_changed": "intracranial volume between the sessions",
    "tiv_shifted": "intracranial volume of the cohort between the sessions",
    "sources_mixed": "volumes of one source",
    "scan_duplicated": "no image twice",
    "image_copied": "no image twice, rescaled",
    "parcel_level_outliers": "parcels: volume within the cohort's range",
    "parcel_change_outliers": "parcels: change within the cohort's range",
    "left_right_swapped": "left and right not swapped",
    "sessions_exchanged": "scans not swapped between people",
    "session_copied": "no session a copy of the other",
    "person_twice": "no person under two labels",
}

TERMS = {
    "mean_etiv_mm3": "intracranial volume",
    "etiv_mm3": "intracranial volume",
    "age_years": "age",
    "education_years": "education",
    "onset_age_years": "age at onset",
    "episode_months": "length of the episode",
    "n_ect": "number of ECT sessions",
    "ect_placement": "placement",
    "ect_charge_mc": "charge",
    "ect_seizure_s": "seizure duration",
    "days_since_ect": "days since ECT",
    "ect_medication": "medication",
    "scan_interval_days": "days between scans",
}


def parcellation_name(name: str) -> str:
    """Name a parcellation as papers do."""
    return PARCELLATIONS.get(name, name)


def null_name(name: str) -> str:
    """Name a null model in words."""
    return NULLS.get(name, name)


def test_name(name: str) -> str:
    """Name what is tested in words."""
    return TESTS.get(name, name)


def gene_list_test(level: float) -> str:
    """Name the test of any listed gene, with what its list promises on noise.

    Parameters
    ----------
    level : float
        Below which q of the bootstrap a gene is listed.
    """
    return f"{TESTS[GENE_LIST]} (q < {level:g}; should be {100 * level:g} % of maps or less)"


def check_name(name: str) -> str:
    """Name a check of quality in words; the name it is stored under follows in brackets."""
    return f"{CHECKS[name]} ({name})" if name in CHECKS else name


def term_name(name: str) -> str:
    """Name a column of a model, ``sex: M`` or ``hamd.improvement`` too, as a reader knows it."""
    instrument, dot, what = name.partition(".")
    if dot:
        return f"{what.replace('_', ' ')} ({instrument})"
    column, colon, level = name.partition(": ")
    return f"{TERMS.get(column, column)}{colon}{level}"


def claim_name(name: str) -> str:
    """Write a claim as it is printed: with a minus sign, without the identifier of a term."""
    return re.sub(r" \(GO:\d+\)$", "", name).replace("PLS1-", "PLS1\u2212")


def kind_name(kind: str) -> str:
    """Name a kind of claims."""
    return KINDS.get(kind, kind)


def effect_name(test: str) -> str:
    """Name an effect whose smallest detectable size is told."""
    return EFFECTS.get(test, test)


def unit_name(unit: str) -> str:
    """Write the unit of an effect as it is printed."""
    return {"d_z": "dz", "R2": "R\u00b2"}.get(unit, unit)


def instrument_title(study: Study, name: str) -> str:
    """Give the title that the study gives an instrument."""
    return study.instruments[name].title if name in study.instruments else name
