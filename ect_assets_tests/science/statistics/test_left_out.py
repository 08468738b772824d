"""Tests of left-out predictions where patients outnumber parcels, and where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from ect_assets.science.statistics import symptoms
from ect_assets.science.statistics.left_out import first_component, predict_left_out
from ect_assets.science.statistics.pls import zscore
from ect_assets.science.statistics.symptoms import symptom_pls, symptom_weights

SHAPES = [(40, 7), (12, 11), (12, 30)]


def cohort(n_subjects: int, n_parcels: int):
    """Change (n, p) of parcels of very different size, and three responses (n, 3)."""
    rng = np.random.default_rng((n_subjects, n_parcels))
    change = rng.normal(size=(n_subjects, n_parcels)) + rng.normal(size=(n_subjects, 1))
    responses = change[:, :1] + 2 * rng.normal(size=(n_subjects, 3)) + 20
    return change * rng.uniform(1, 500, n_parcels) + 3000, responses


def scikit_learn(change, responses):
    """Leave-one-out predictions, one response at a time."""
    model = PLSRegression(1, scale=True)
    predicted = [cross_val_predict(model, change, y, cv=LeaveOneOut()) for y in responses.T]
    return np.column_stack(predicted)


@pytest.mark.parametrize("shape", SHAPES)
def test_predictions_are_those_of_scikit_learn(shape):
    change, responses = cohort(*shape)
    found = predict_left_out(change, responses, chunk_size=2)
    np.testing.assert_allclose(found, scikit_learn(change, responses), rtol=1e-10)


@pytest.mark.parametrize("size", [1e-9, 1, 1e9])
def test_a_parcel_that_one_patient_alone_has_counts_as_in_scikit_learn(size):
    change, responses = cohort(40, 7)
    change[:, 0] = 0.1
    change[3, 0] += size
    found = predict_left_out(change, responses)
    np.testing.assert_allclose(found, scikit_learn(change, responses), rtol=1e-9)


def test_a_constant_parcel_has_no_weight():
    change, responses = cohort(40, 7)
    found = predict_left_out(np.column_stack([change, np.full(40, 0.1)]), responses)
    np.testing.assert_allclose(found, predict_left_out(change, responses), rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_covariance_and_variance_explained_are_those_of_scikit_learn(shape):
    change, responses = cohort(*shape)
    covariance, r2 = first_component(zscore(change), responses, chunk_size=2)
    expected = [PLSRegression(1).fit(change, y).score(change, y) for y in responses.T]
    np.testing.assert_allclose(r2, expected, rtol=1e-10)
    centred = responses - responses.mean(axis=0)
    size = np.linalg.norm(zscore(change).T @ centred, axis=0) ** 2
    np.testing.assert_allclose(covariance, size, rtol=1e-10)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("held", [1, 70, 333])
def test_how_many_permutations_are_held_changes_nothing(shape, held, monkeypatch):
    change, responses = cohort(*shape)
    fit, weights = (
        symptom_pls(change, responses[:, 0], 49, 5),
        symptom_weights(change, responses[:, 0], 50, 49, 5),
    )
    monkeypatch.setattr(symptoms, "NUMBERS_HELD", held)
    assert symptom_pls(change, responses[:, 0], 49, 5) == pytest.approx(fit, rel=1e-10)
    again = symptom_weights(change, responses[:, 0], 50, 49, 5)
    np.testing.assert_array_equal(again.p_perm, weights.p_perm)
