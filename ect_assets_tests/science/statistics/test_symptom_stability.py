"""What of the symptom component comes back in halves and resamples of the patients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.cross_decomposition import PLSRegression

from ect_assets.science.statistics.symptom_stability import symptom_stability

N_PARCELS = 30


def patients(n: int, signal: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    cause = rng.normal(size=n)
    change = rng.normal(size=(n, N_PARCELS))
    change[:, :10] += signal * cause[:, None]
    return change * rng.uniform(1, 80, N_PARCELS), cause + 0.3 * rng.normal(size=n) + 20


def fitted(change, improvement):
    """Weights of scikit-learn, turned to the improvement."""
    model = PLSRegression(1).fit(change, improvement)
    side = np.sign(model.x_scores_[:, 0] @ (improvement - improvement.mean()))
    return model.x_weights_[:, 0] * side


def test_halves_are_fitted_and_predicted_as_scikit_learn_does():
    change, improvement = patients(15, 0.8)
    found = symptom_stability(change, improvement, seed=3, n_splits=20)
    draws = np.random.default_rng([3, 20])
    whole = np.sign([stats.pearsonr(parcel, improvement)[0] for parcel in change.T])
    likeness, predicted, back = [], [], []
    for _ in range(20):
        order = draws.permutation(15)
        halves = [order[:7], order[7:14]]
        weights = [fitted(change[one], improvement[one]) for one in halves]
        likeness.append(np.corrcoef(*weights)[0, 1])
        for mine, other in ((0, 1), (1, 0)):
            x, y = change[halves[mine]], improvement[halves[mine]]
            predicted.append(np.corrcoef(stats.zscore(x) @ weights[other], y)[0, 1])
            tests = [stats.pearsonr(parcel, y) for parcel in x.T]
            back.append(
                [
                    np.sign(test[0]) == sign and test[1] < 0.05
                    for test, sign in zip(tests, whole, strict=True)
                ]
            )
    assert found.weight_correlation == pytest.approx(np.mean(likeness), rel=1e-9)
    assert found.r_other_half == pytest.approx(np.mean(predicted), rel=1e-9)
    np.testing.assert_allclose(found.replication, np.mean(back, axis=0))


def test_a_link_comes_back_and_noise_does_not():
    there = symptom_stability(*patients(60, 1.5), seed=1)
    nothing = [symptom_stability(*patients(60, 0.0, seed), seed=1) for seed in range(8)]
    assert there.weight_correlation > 0.8 and there.r_other_half > 0.7
    assert there.replication[:10].min() > 0.9
    assert there.same_sign[:10].min() == 1.0
    assert abs(np.mean([one.weight_correlation for one in nothing])) < 0.2
    assert abs(np.mean([one.r_other_half for one in nothing])) < 0.25


def test_resamples_resemble_the_cohort_even_of_noise():
    nothing = symptom_stability(*patients(60, 0.0), seed=1)
    assert nothing.weight_correlation_bootstrap > 0.5


def test_the_scale_of_a_parcel_and_the_seed_decide_nothing_else():
    change, improvement = patients(12, 0.5)
    one = symptom_stability(change, improvement, seed=2)
    again = symptom_stability(change * 1000, improvement, seed=2)
    assert one.weight_correlation == pytest.approx(again.weight_correlation, rel=1e-9)
    np.testing.assert_array_equal(one.replication, again.replication)


def test_parcels_and_improvements_that_hardly_vary_break_nothing():
    change, improvement = patients(9, 0.5)
    change[1:, 0] = change[0, 0]
    change[8, 0] += 1
    found = symptom_stability(change, np.array([1.0] * 6 + [2.0, 3.0, 4.0]), seed=2)
    assert np.isfinite(found.weight_correlation)
    assert np.isfinite(found.same_sign).all()


def test_a_cohort_too_small_to_halve_is_not_asked():
    assert symptom_stability(*patients(7, 0.5), seed=2) is None
