"""Tests of the association between change and symptoms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from ect_assets.science.statistics.symptoms import (
    leave_one_out_predictions,
    symptom_pls,
    symptom_pls_of_many,
    symptom_scores,
    symptom_weights,
)

N_SUBJECTS, N_PARCELS = 24, 60


def patients(signal: float, seed: int = 0):
    """Change (n_subjects, n_parcels) and improvement; ten parcels and it share a cause."""
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=N_SUBJECTS)
    change = rng.normal(size=(N_SUBJECTS, N_PARCELS))
    change[:, :10] += 2 * cause[:, None]
    change *= rng.uniform(1, 80, N_PARCELS)
    return change, signal * cause + rng.normal(size=N_SUBJECTS) + 20


def scikit_learn_predictions(change, improvement):
    """Leave-one-out predictions by scikit-learn."""
    model = PLSRegression(1, scale=True)
    return cross_val_predict(model, change, improvement, cv=LeaveOneOut()).ravel()


def test_predictions_of_left_out_patients_are_those_of_scikit_learn():
    change, improvement = patients(0.3)
    found = leave_one_out_predictions(change, improvement)
    np.testing.assert_allclose(found, scikit_learn_predictions(change, improvement), rtol=1e-10)


def test_a_parcel_that_is_constant_without_one_patient_does_not_break_the_prediction():
    change, improvement = patients(0.3)
    change[:, 0] = 0.1
    change[3, 0] = 1
    found = leave_one_out_predictions(change, improvement)
    np.testing.assert_allclose(found, scikit_learn_predictions(change, improvement), rtol=1e-10)


def test_r_is_the_correlation_of_score_and_improvement():
    change, improvement = patients(0.3)
    score = PLSRegression(1).fit(change, improvement).x_scores_[:, 0]
    found = symptom_pls(change, improvement, 19, seed=1)
    assert found["r"] == pytest.approx(np.corrcoef(score, improvement)[0, 1], abs=1e-12)
    assert found["r2"] == pytest.approx(found["r"] ** 2)


def test_scores_are_those_of_scikit_learn_in_their_own_standard_deviation():
    change, improvement = patients(0.3)
    score = PLSRegression(1).fit(change, improvement).x_scores_[:, 0]
    found = symptom_scores(change, improvement)
    np.testing.assert_allclose(found, score / score.std(ddof=1), atol=1e-10)


def test_several_improvements_at_once_give_what_each_gives_alone():
    change, first = patients(0.3)
    second = np.random.default_rng(12).normal(size=N_SUBJECTS)
    found = symptom_pls_of_many(change, np.column_stack([first, second]), 99, [3, 4])
    assert found[0] == pytest.approx(symptom_pls(change, first, 99, 3), rel=1e-12)
    assert found[1] == pytest.approx(symptom_pls(change, second, 99, 4), rel=1e-12)


def test_the_cross_validated_r_may_be_negative():
    change, improvement = patients(0.0, seed=3)
    found = symptom_pls(change, improvement, 19, seed=1)["r_cross_validated"]
    predicted = leave_one_out_predictions(change, improvement)
    assert found == pytest.approx(np.corrcoef(predicted, improvement)[0, 1], abs=1e-12)
    assert found < 0


def test_p_values_are_those_of_a_loop_over_permuted_patients():
    change, improvement = patients(0.1)
    found = symptom_pls(change, improvement, 49, seed=2)
    permuted = np.random.default_rng(2).permuted(np.tile(improvement, (49, 1)), axis=1)
    r2 = [PLSRegression(1).fit(change, y).score(change, y) for y in permuted]
    left_out = [np.corrcoef(scikit_learn_predictions(change, y), y)[0, 1] for y in permuted]
    assert found["p_perm_r2"] == (1 + np.sum(np.array(r2) >= found["r2"])) / 50
    standardised = (change - change.mean(axis=0)) / change.std(axis=0, ddof=1)
    size = [np.linalg.norm(standardised.T @ (y - y.mean())) for y in [improvement, *permuted]]
    assert found["p_perm"] == np.sum(np.array(size) >= size[0] - 1e-12) / 50
    expected = (1 + np.sum(np.array(left_out) >= found["r_cross_validated"])) / 50
    assert found["p_cross_validated"] == expected


def test_a_strong_association_is_found_and_p_is_never_zero():
    change, improvement = patients(2.0)
    found = symptom_pls(change[:, :10], improvement, 999, seed=4)
    assert found["p_perm"] == 1 / 1000
    assert found["p_cross_validated"] == 1 / 1000


def test_p_finds_improvement_that_follows_the_main_direction_of_change():
    rng = np.random.default_rng(11)
    response = rng.normal(size=24)
    change = np.outer(response, rng.normal(size=200)) + rng.normal(size=(24, 200))
    improvement = response + rng.normal(size=24)
    found = symptom_pls(change, improvement, 999, seed=1)
    assert found["p_perm"] < 0.01 < 0.2 < found["p_perm_r2"]


def test_results_do_not_depend_on_the_chunks():
    data = patients(0.1)
    whole, chunked = symptom_pls(*data, 100, 5), symptom_pls(*data, 100, 5, chunk_size=7)
    assert whole == pytest.approx(chunked, rel=1e-12)


def test_the_same_seed_gives_the_same_result():
    data = patients(0.1)
    assert symptom_pls(*data, 200, 6) == symptom_pls(*data, 200, 6)


def test_permuting_the_parcels_changes_nothing():
    change, improvement = patients(0.1)
    order = np.random.default_rng(7).permutation(N_PARCELS)
    plain = symptom_pls(change, improvement, 99, 8)
    assert symptom_pls(change[:, order], improvement, 99, 8) == pytest.approx(plain, rel=1e-10)


@pytest.mark.parametrize("p", ["p_perm", "p_perm_r2", "p_cross_validated"])
def test_p_is_uniform_when_symptoms_go_their_own_way(p):
    rng = np.random.default_rng(9)
    found = [
        symptom_pls(rng.normal(size=(12, 20)), rng.normal(size=12), 99, seed)[p]
        for seed in range(300)
    ]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_three_patients_are_too_few():
    change, improvement = patients(0.1)
    with pytest.raises(ValueError, match="3 patients .* at least 4"):
        symptom_pls(change[:3], improvement[:3], 10, 0)


def test_patients_who_all_improved_alike_are_refused():
    with pytest.raises(ValueError, match="improvement is constant"):
        symptom_pls(patients(0)[0], np.full(N_SUBJECTS, 12.0), 10, 0)


def test_predictions_that_do_not_vary_are_refused():
    improvement, aside = np.array([1.0, 1, -1, -1]), np.array([1.0, -1, 1, -1])

    def change(noise):
        return np.column_stack([improvement + noise * aside, improvement - noise * aside])

    # By symmetry the predictions are c, c, -c, -c; some noise makes c vanish.
    noise = brentq(
        lambda noise: leave_one_out_predictions(change(noise), improvement)[0], 0.1, 10, xtol=1e-15
    )
    with pytest.raises(ValueError, match="same leave-one-out prediction"):
        symptom_pls(change(noise), improvement, 10, 0)


def test_a_missing_change_is_refused():
    change, improvement = patients(0.1)
    change[2, 3] = np.nan
    with pytest.raises(ValueError, match="row 2, column 3"):
        symptom_weights(change, improvement, 60, 19, 0)


def test_weights_point_to_the_parcels_that_drive_the_improvement():
    table = symptom_weights(*patients(1.0), 500, 199, 10)
    assert list(table) == ["weight", "se", "z", "p", "q", "p_perm", "q_perm"]
    assert table["z"].iloc[:10].mean() > 2 * table["z"].iloc[10:].abs().mean()


def test_few_patients_with_tied_improvement_still_get_weights():
    change, _ = patients(0.1)
    table = symptom_weights(change[:5], [1.0, 1, 1, 1, 2], 500, 19, 11)
    assert np.isfinite(table.to_numpy()).all()


def test_p_of_a_parcel_is_that_of_a_loop_over_exchanged_patients():
    change, improvement = patients(0.5)
    found = symptom_weights(change, improvement, 20, 99, 13)
    rng = np.random.default_rng(13)
    exchanged = rng.permuted(np.tile(improvement, (99, 1)), axis=1)
    for parcel in (0, 5, 30):
        r = abs(stats.pearsonr(change[:, parcel], improvement).statistic)
        null = [abs(stats.pearsonr(change[:, parcel], y).statistic) for y in exchanged]
        expected = (1 + np.sum(np.array(null) >= r - 1e-12)) / 100
        assert found.p_perm[parcel] == pytest.approx(expected)


def test_no_parcel_passes_where_symptoms_go_their_own_way_though_many_pass_by_z():
    rng = np.random.default_rng(14)
    by_z, by_exchange = [], []
    for seed in range(20):
        change = rng.normal(size=(24, 3)) @ rng.normal(size=(3, 40)) + rng.normal(size=(24, 40)) / 2
        found = symptom_weights(change, rng.normal(size=24), 200, 199, seed)
        by_z.append((found.q < 0.05).any())
        by_exchange.append((found.q_perm < 0.05).any())
    assert np.mean(by_exchange) <= 0.2 < 0.5 < np.mean(by_z)
