"""Tests of the mixed model per parcel, against statsmodels and against what is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from ect_assets.reference import loaders
from ect_assets.science.statistics.linear_model import linear_model
from ect_assets.science.statistics.mixed_model import mixed_model


def three_sessions(seed: int, missing: float, n: int = 24, sd_of_patients: float = 300.0):
    """Volumes, design and patients of three sessions, some of them missing."""
    rng = np.random.default_rng(seed)
    who, time = np.repeat(np.arange(n), 3), np.tile(np.arange(3), n)
    arm, age = rng.permutation(np.resize([0, 1, 1], n))[who], rng.normal(50, 10, n)[who]
    kept = rng.random(3 * n) >= missing
    kept[:3] = True
    who, time, arm, age = (one[kept] for one in (who, time, arm, age))
    later = [(time == 1).astype(float), (time == 2).astype(float)]
    columns = [np.ones(len(who)), *later, arm, later[0] * arm, later[1] * arm, age - 50]
    values = 3000 + rng.normal(0, sd_of_patients, (n, 3))[who] + rng.normal(0, 40, (len(who), 3))
    return values + 20 * later[1][:, None], np.column_stack(columns), who.astype(str)


@pytest.mark.parametrize("missing", [0.0, 0.25])
@pytest.mark.parametrize("sd_of_patients", [300.0, 50.0])
@pytest.mark.parametrize("tested", [0, 2, 5])
def test_estimates_and_variances_are_those_of_statsmodels(missing, sd_of_patients, tested):
    values, columns, who = three_sessions(1, missing, sd_of_patients=sd_of_patients)
    found = mixed_model(values, columns, who, tested)
    for parcel in range(values.shape[1]):
        fit = sm.MixedLM(values[:, parcel], columns, groups=who).fit(method="bfgs", gtol=1e-10)
        row = found.iloc[parcel]
        ratio = float(np.asarray(fit.cov_re)[0, 0] / fit.scale)
        assert row.effect == pytest.approx(fit.params[tested], rel=1e-5)
        assert row.residual_sd == pytest.approx(np.sqrt(fit.scale), rel=1e-5)
        assert row.variance_ratio == pytest.approx(ratio, rel=1e-4)
        same = np.equal.outer(who, who)
        covariance = fit.scale * (np.eye(len(who)) + ratio * same)
        exact = np.linalg.inv(columns.T @ np.linalg.solve(covariance, columns))
        assert row.se == pytest.approx(np.sqrt(exact[tested, tested]), rel=1e-5)
        assert row.se == pytest.approx(fit.bse[tested], rel=0.02)


@pytest.mark.parametrize(("tested", "column"), [(1, 0), (3, 1)])
def test_with_two_sessions_and_none_missing_it_is_the_model_of_the_changes(tested, column):
    rng = np.random.default_rng(2)
    n = 20
    arm = np.resize([0.0, 1.0, 1.0], n)
    arm -= arm.mean()
    patients = rng.normal(3000, 300, (n, 6))
    before, after = (patients + rng.normal(mean, 40, (n, 6)) for mean in (0, 20))
    later = np.repeat([0.0, 1.0], n)
    columns = np.column_stack([np.ones(2 * n), later, np.tile(arm, 2), later * np.tile(arm, 2)])
    found = mixed_model(np.vstack([before, after]), columns, np.tile(np.arange(n), 2), tested)
    expected = linear_model(after - before, np.column_stack([np.ones(n), arm]), column)
    for name in ("effect", "se", "t", "df", "p", "ci_low", "ci_high"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4)
    assert (found.n == n).all()


def test_without_any_differences_of_patients_it_is_least_squares():
    values, columns, who = three_sessions(3, 0.2, sd_of_patients=0.0)
    found = mixed_model(values, columns, who, 2)
    expected = linear_model(values, columns, 2)
    none = found.variance_ratio < 1e-5
    assert none.any()
    np.testing.assert_allclose(found.effect[none], expected.effect[none], rtol=1e-3)
    np.testing.assert_allclose(found.se[none], expected.se[none], rtol=1e-3)
    assert (found.df[none] == len(values) - columns.shape[1]).all()


@pytest.mark.parametrize(("missing", "sd_of_patients"), [(0.0, 300.0), (0.3, 300.0), (0.3, 40.0)])
def test_without_any_effect_one_test_in_twenty_is_below_five_percent(missing, sd_of_patients):
    rng = np.random.default_rng(4)
    _, columns, who = three_sessions(4, missing, n=16)
    n_tests = 2_000
    patients = rng.normal(0, sd_of_patients, (16, n_tests))[who.astype(int)]
    values = patients + rng.normal(0, 40, (len(who), n_tests))
    within = stats.binom.interval(0.999, n_tests, 0.05)
    for tested in (2, 5):
        count = (mixed_model(values, columns, who, tested).p < 0.05).sum()
        assert within[0] <= count <= within[1]


@pytest.mark.parametrize(
    ("who", "columns", "message"),
    [
        (range(6), np.ones((6, 1)), "No patient has two scans"),
        ([0, 0, 1, 1, 2, 2], np.ones((6, 2)), "combination"),
        ([0, 0, 1, 1, 2, 2], np.eye(6), "degrees of freedom"),
    ],
)
def test_what_cannot_be_fitted_is_refused(who, columns, message):
    values = np.random.default_rng(5).normal(size=(6, 2))
    with pytest.raises(ValueError, match=message):
        mixed_model(values, columns, [str(one) for one in who], 0)


def test_real_people_are_fitted_as_statsmodels_fits_them():
    table = loaders.ds000174_volumes().sort_values(["subject", "session"])
    group = loaders.ds000174_participants().set_index("subject").group
    later = (table.session == "followup").to_numpy(float)
    is_user = (group.loc[table.subject] == "CB").to_numpy(float)
    columns = np.column_stack([np.ones(len(table)), later, is_user, later * is_user])
    # As if every fifth person had not come a second time.
    kept = ~((later == 1) & table.subject.isin(sorted(set(table.subject))[::5]).to_numpy())
    names = [name for name in table if name.endswith("_volume")][::17]
    values, who = table[names].to_numpy(float)[kept], table.subject.to_numpy(str)[kept]
    found = mixed_model(values, columns[kept], who, 3)
    for parcel in range(len(names)):
        # In units near 1, where its optimiser converges.
        unit = values[:, parcel].std()
        fit = sm.MixedLM(values[:, parcel] / unit, columns[kept], groups=who)
        fit = fit.fit(method="bfgs", gtol=1e-10)
        row = found.iloc[parcel]
        assert row.n == 42
        assert row.effect == pytest.approx(fit.params[3] * unit, rel=1e-5)
        assert row.residual_sd == pytest.approx(np.sqrt(fit.scale) * unit, rel=1e-5)
