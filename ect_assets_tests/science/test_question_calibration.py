"""Rates of the three questions and their verdict, on cohorts in which the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.enrichment.membership import membership
from ect_assets.science.question_calibration import QUESTIONS, calibrate_questions
from ect_assets.science.statistics.patients import Changes

N_PARCELS, N_GENES, N_PATIENTS = 36, 400, 16


@pytest.fixture(scope="module")
def study():
    """Parcels on a grid, smooth genes, two sets with a pattern each, and noisy patients."""
    rng = np.random.default_rng(5)
    x, y = (one.ravel() * 12.0 for one in np.meshgrid(np.arange(6), np.arange(6)))
    places = np.column_stack([x, y, np.zeros(N_PARCELS)])
    distances = np.linalg.norm(places[:, None] - places, axis=2)
    root = np.linalg.cholesky(np.exp(-distances / 25) + 1e-9 * np.eye(N_PARCELS))
    patterns = root @ rng.normal(size=(N_PARCELS, 6))
    expression = patterns @ rng.normal(size=(6, N_GENES)) + 1.5 * rng.normal(
        size=(N_PARCELS, N_GENES)
    )
    follows = patterns.T @ (expression - expression.mean(axis=0))
    members = {f"set{k}": np.argsort(-follows[k])[:20] for k in range(2)}
    rows = [("mine", name, name, f"g{g}") for name, genes in members.items() for g in genes]
    sets = pd.DataFrame(rows, columns=["collection", "set_id", "set_name", "gene"])
    parcels = pd.DataFrame(places, columns=["x_mni_mm", "y_mni_mm", "z_mni_mm"]).assign(
        parcel=[f"p{number}" for number in range(N_PARCELS)], hemisphere="L", structure="cortex"
    )
    return {
        "expression": expression,
        "parcels": parcels,
        "tested": membership(sets, [f"g{number}" for number in range(N_GENES)]),
        "changes": Changes.of((root @ rng.normal(size=(N_PARCELS, N_PATIENTS))).T),
        "model": "moran",
        "lengths_mm": (25.0,),
        "n_cohorts": 60,
        "n_nulls": 99,
        "seed": 3,
    }


@pytest.fixture(scope="module")
def rates(study):
    return calibrate_questions(**study)


def test_each_question_has_a_rate_under_each_truth(rates):
    truths = ["no_change", "change_without_genes_25mm", "along_genes"]
    assert list(rates.truth.unique()) == truths
    assert (rates.groupby("truth").question.agg(tuple) == QUESTIONS).all()
    assert (rates.ci_low_05 <= rates.positive_rate_05).all()
    assert (rates.positive_rate_05 <= rates.ci_high_05).all()
    is_planted = rates.truth == "along_genes"
    assert (rates.true_positive_rate_05.notna() == is_planted).all()


def test_the_verdict_does_not_err_where_a_question_alone_does(rates):
    rate = rates.set_index(["truth", "question"]).positive_rate_05
    assert rate["change_without_genes_25mm", "patients"] > 0.2
    for truth in ("no_change", "change_without_genes_25mm"):
        assert rate[truth, "all"] <= 0.05
        assert rate[truth, "all"] <= rate[truth].drop("all").min()


def test_what_is_planted_is_found(rates):
    verdict = rates[(rates.truth == "along_genes") & (rates.question == "all")]
    assert verdict.true_positive_rate_05.iloc[0] > 0.5


def test_the_same_seed_gives_the_same_rates(study, rates):
    pd.testing.assert_frame_equal(calibrate_questions(**study), rates)
