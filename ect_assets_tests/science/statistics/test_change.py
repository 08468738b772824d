"""Tests of the paired change over patients."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from ect_assets.problems import StudyError
from ect_assets.science.statistics.change import ETIV_COVARIATE, paired_change, paired_scores

N_SUBJECTS, N_PARCELS = 24, 30


def cohort(mean: float = 3000.0, seed: int = 0):
    """Baseline and follow-up volumes (n_subjects, n_parcels) and two covariates."""
    rng = np.random.default_rng(seed)
    baseline = rng.normal(mean, 300, (N_SUBJECTS, N_PARCELS))
    follow_up = baseline + rng.normal(5, 40, (N_SUBJECTS, N_PARCELS))
    covariates = np.column_stack(
        [rng.normal(1.5e6, 1.2e5, N_SUBJECTS), rng.integers(0, 2, N_SUBJECTS)]
    )
    return baseline, follow_up, covariates


@pytest.mark.parametrize("mean", [3000.0, 1e9])
def test_without_covariates_it_is_the_paired_t_test(mean):
    baseline, follow_up, _ = cohort(mean)
    table = paired_change(baseline, follow_up)
    expected = stats.ttest_rel(follow_up, baseline)
    np.testing.assert_allclose(table["t"], expected.statistic, rtol=1e-10)
    np.testing.assert_allclose(table["p"], expected.pvalue, rtol=1e-10)
    interval = expected.confidence_interval()
    np.testing.assert_allclose(table["ci_low_mm3"], interval.low, rtol=1e-10)
    np.testing.assert_allclose(table["ci_high_mm3"], interval.high, rtol=1e-10)


@pytest.mark.parametrize("n_covariates", [1, 2])
@pytest.mark.parametrize("mean", [3000.0, 1e9])
def test_with_centred_covariates_it_is_ordinary_least_squares(mean, n_covariates):
    baseline, follow_up, covariates = cohort(mean)
    covariates = covariates[:, :n_covariates]
    table = paired_change(baseline, follow_up, covariates)
    centred = covariates - covariates.mean(axis=0)
    design = sm.add_constant(centred / centred.std(axis=0))
    for parcel in range(N_PARCELS):
        fit = sm.OLS(follow_up[:, parcel] - baseline[:, parcel], design).fit()
        row = table.iloc[parcel]
        found = row[["mean_change_mm3", "t", "p", "ci_low_mm3", "ci_high_mm3", "df"]]
        expected = [fit.params[0], fit.tvalues[0], fit.pvalues[0], *fit.conf_int()[0], fit.df_resid]
        np.testing.assert_allclose(found.to_numpy(float), expected, rtol=1e-10)


def test_the_unadjusted_t_ignores_the_covariates():
    baseline, follow_up, covariates = cohort()
    table = paired_change(baseline, follow_up, covariates)
    plain = paired_change(baseline, follow_up)
    np.testing.assert_allclose(table["t_unadjusted"], plain["t"], rtol=1e-12)
    np.testing.assert_allclose(table["p_unadjusted"], plain["p"], rtol=1e-12)


def test_shifting_and_scaling_a_covariate_changes_nothing():
    baseline, follow_up, covariates = cohort()
    first = paired_change(baseline, follow_up, covariates[:, 0])
    second = paired_change(baseline, follow_up, covariates[:, 0] / 1000 - 77)
    np.testing.assert_allclose(first, second, rtol=1e-10)


def test_permuting_the_parcels_permutes_the_rows():
    baseline, follow_up, covariates = cohort()
    order = np.random.default_rng(1).permutation(N_PARCELS)
    table = paired_change(baseline, follow_up, covariates)
    permuted = paired_change(baseline[:, order], follow_up[:, order], covariates)
    np.testing.assert_allclose(permuted, table.iloc[order], rtol=1e-12)


def test_effect_size_and_percent_follow_their_definitions():
    baseline, follow_up, covariates = cohort()
    table = paired_change(baseline, follow_up, covariates)
    difference = follow_up - baseline
    np.testing.assert_allclose(
        table["cohen_dz"], difference.mean(axis=0) / difference.std(axis=0, ddof=1)
    )
    np.testing.assert_allclose(
        table["percent_change"], 100 * difference.mean(axis=0) / baseline.mean(axis=0)
    )


def test_p_is_uniform_when_nothing_changed():
    rng = np.random.default_rng(3)
    baseline = rng.normal(3000, 300, (12, 4000))
    table = paired_change(baseline, baseline + rng.normal(0, 40, baseline.shape), rng.random(12))
    assert stats.kstest(table["p"], "uniform").pvalue > 0.001


def test_a_parcel_with_the_same_difference_in_all_patients_is_named():
    baseline, follow_up, _ = cohort()
    follow_up[:, 7] = baseline[:, 7] + 0.1
    with pytest.raises(ValueError, match=r"1 of 30 columns .* 7 \(counted from 0\)"):
        paired_change(baseline, follow_up)


def test_too_few_patients_for_the_covariates_are_refused():
    baseline, follow_up, covariates = cohort()
    with pytest.raises(ValueError, match="3 subjects leave 0 degrees of freedom"):
        paired_change(baseline[:3], follow_up[:3], covariates[:3])


def test_a_constant_covariate_is_refused():
    baseline, follow_up, covariates = cohort()
    covariates[:, 1] = 1
    with pytest.raises(ValueError, match="Covariate 1 .* constant"):
        paired_change(baseline, follow_up, covariates)


def test_a_redundant_covariate_is_refused():
    baseline, follow_up, covariates = cohort()
    with pytest.raises(ValueError, match="combination"):
        paired_change(baseline, follow_up, np.column_stack([covariates, covariates @ [1e-3, 2.0]]))


def test_a_missing_volume_is_refused_with_its_place():
    baseline, follow_up, _ = cohort()
    follow_up[3, 5] = np.nan
    with pytest.raises(ValueError, match="follow-up has 1 missing .* row 3, column 5"):
        paired_change(baseline, follow_up)


def test_scores_of_an_instrument_are_compared_by_the_paired_t_test():
    rng = np.random.default_rng(4)
    before = rng.integers(20, 40, 24).astype(float)
    after = before - rng.integers(5, 25, 24)
    found = paired_scores(before, after)
    expected = stats.ttest_rel(after, before)
    assert found["t"] == pytest.approx(expected.statistic, rel=1e-10)
    assert found["p"] == pytest.approx(expected.pvalue, rel=1e-10)
    assert found["cohen_dz"] == pytest.approx(found["t"] / np.sqrt(24))
    assert (found["n"], found["df"]) == (24, 23)
    assert found["sd_pre"] == pytest.approx(before.std(ddof=1))
    assert found["mean_change"] == pytest.approx(found["mean_post"] - found["mean_pre"])


def test_scores_that_all_changed_alike_are_refused():
    with pytest.raises(ValueError, match="constant"):
        paired_scores([10, 12, 15], [5, 7, 10])


def test_an_intracranial_volume_that_all_patients_share_is_named_with_its_setting():
    rng = np.random.default_rng(3)
    baseline = rng.normal(3000, 100, (6, 4))
    follow_up = baseline + rng.normal(0, 10, (6, 4))
    with pytest.raises(StudyError) as raised:
        paired_change(baseline, follow_up, np.full(6, 1.5e6), (ETIV_COVARIATE,))
    told = str(raised.value)
    assert "scan_volumes.etiv_mm3" in told and "`adjusts_for_etiv = false` in [group]" in told
    assert "1.5e+06 in all 6 patients" in told
