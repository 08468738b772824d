"""Tests of the linear model per parcel, against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from ect_assets.reference import loaders
from ect_assets.science.statistics.change import paired_change
from ect_assets.science.statistics.design import Model, design_matrix
from ect_assets.science.statistics.linear_model import linear_model


def ds000174() -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    """Volumes of both times and the people's terms, straight from the packaged tables."""
    table = loaders.ds000174_volumes().set_index(["subject", "session"]).sort_index()
    names = [name for name in table.columns if name.endswith("_volume")]
    before, after = (table.xs(one, level="session") for one in ("baseline", "followup"))
    people = loaders.ds000174_participants().set_index("subject").loc[before.index]
    terms = people[["age_at_baseline", "sex", "group", "cudit_baseline"]].assign(
        etiv_mm3=(before.eTIV + after.eTIV) / 2
    )
    return before[names].to_numpy(), after[names].to_numpy(), terms


COVARIATES = ("etiv_mm3", "age_at_baseline", "sex")
CENTRED = "I(etiv_mm3 / 1e6 - etiv_mm3.mean() / 1e6) + I(age_at_baseline - age_at_baseline.mean())"
SEX = "I((sex == 'male') * 1.0 - (sex == 'male').mean())"
OF_REAL_PEOPLE = {
    "change": (Model(covariates=COVARIATES), f"y ~ {CENTRED} + {SEX}", "Intercept"),
    "groups": (
        Model(by="group", groups=("CB", "HC"), covariates=COVARIATES),
        f"y ~ C(group, Treatment('HC')) + {CENTRED} + sex",
        "C(group, Treatment('HC'))[T.CB]",
    ),
    "slope": (
        Model(on="cudit_baseline", covariates=COVARIATES),
        f"y ~ cudit_baseline + {CENTRED} + sex",
        "cudit_baseline",
    ),
    "interaction": (
        Model(by="group", groups=("CB", "HC"), on="age_at_baseline", covariates=("sex",)),
        "y ~ C(group, Treatment('HC')) * age_at_baseline + sex",
        "C(group, Treatment('HC'))[T.CB]:age_at_baseline",
    ),
}


@pytest.mark.parametrize("kind", OF_REAL_PEOPLE)
@pytest.mark.parametrize("outcome", ["change", "baseline"])
def test_every_kind_of_contrast_of_real_people_is_that_of_statsmodels(kind, outcome):
    before, after, terms = ds000174()
    model, formula, name = OF_REAL_PEOPLE[kind]
    values = after - before if outcome == "change" else before
    design = design_matrix(terms, model)
    kept = terms.index.isin(design.columns.index)
    tested = design.columns.columns.get_loc(design.tested)
    found = linear_model(values[kept], design.columns, tested)
    data = terms[kept]
    for parcel in range(values.shape[1]):
        fit = smf.ols(formula, data.assign(y=values[kept, parcel])).fit()
        row = found.iloc[parcel]
        ours = row[["effect", "se", "t", "p", "ci_low", "ci_high", "df", "n"]].to_numpy(float)
        interval = fit.conf_int().loc[name]
        expected = [fit.params[name], fit.bse[name], fit.tvalues[name], fit.pvalues[name]]
        np.testing.assert_allclose(ours[:4], expected, rtol=1e-8)
        np.testing.assert_allclose(ours[4:6], interval, rtol=1e-8, atol=1e-8 * row.se)
        assert (row.df, row.n) == (fit.df_resid, fit.nobs)
    np.testing.assert_allclose(found.q, stats.false_discovery_control(found.p), rtol=1e-12)


def test_the_mean_change_adjusted_for_intracranial_volume_is_that_of_gmv_change():
    before, after, terms = ds000174()
    design = design_matrix(terms, Model(covariates=("etiv_mm3",)))
    ours = linear_model(after - before, design.columns, 0)
    published = paired_change(before, after, terms.etiv_mm3)
    for here, there in {"effect": "mean_change_mm3", "t": "t", "p": "p", "q": "q"}.items():
        np.testing.assert_allclose(ours[here], published[there], rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_an_unbalanced_design_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    n = 31
    terms = pd.DataFrame(
        {
            "arm": np.repeat(["x", "y", "z"], [5, 22, 4]),
            "dose": rng.gamma(2, 5, n),
            "scanner": rng.choice(["s1", "s2", "s3"], n, p=[0.6, 0.25, 0.15]),
            "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(50, 12, n)),
        }
    )
    values = rng.normal(0, 40, (n, 4)) + 1e3
    model = Model(by="arm", groups=("x", "y"), on="dose", covariates=("scanner", "age"))
    design = design_matrix(terms, model)
    kept = design.columns.index
    tested = design.columns.columns.get_loc(design.tested)
    found = linear_model(values[kept], design.columns, tested)
    data = terms.loc[kept]
    for parcel in range(4):
        formula = "v ~ C(arm, Treatment('y')) * dose + scanner + age"
        fit = smf.ols(formula, data.assign(v=values[kept, parcel])).fit()
        name = "C(arm, Treatment('y'))[T.x]:dose"
        expected = [fit.params[name], fit.bse[name], fit.tvalues[name], fit.pvalues[name]]
        row = found.loc[parcel, ["effect", "se", "t", "p"]].to_numpy(float)
        np.testing.assert_allclose(row, expected, rtol=1e-8)


def test_the_difference_of_two_groups_is_students_t_and_cohens_d():
    rng = np.random.default_rng(2)
    values = rng.normal(100, 10, (19, 3))
    terms = pd.DataFrame({"arm": ["x"] * 12 + ["y"] * 7})
    design = design_matrix(terms, Model(by="arm", groups=("x", "y")))
    found = linear_model(values, design.columns, 1)
    expected = stats.ttest_ind(values[:12], values[12:])
    np.testing.assert_allclose(found.t, expected.statistic, rtol=1e-10)
    np.testing.assert_allclose(found.p, expected.pvalue, rtol=1e-10)
    np.testing.assert_allclose(found.partial_d, found.t * np.sqrt(1 / 12 + 1 / 7), rtol=1e-10)


def test_without_other_terms_partial_d_of_a_mean_is_cohens_dz():
    change = np.random.default_rng(3).normal(5, 20, (15, 4))
    found = linear_model(change, np.ones((15, 1)), 0)
    np.testing.assert_allclose(found.partial_d, change.mean(0) / change.std(0, ddof=1))


def test_the_partial_correlation_is_that_of_the_residuals():
    rng = np.random.default_rng(4)
    dose, age = rng.normal(size=(2, 25))
    values = rng.normal(size=(25, 2)) + dose[:, None]
    found = linear_model(values, np.column_stack([np.ones(25), dose, age]), 1)
    nuisance = sm.add_constant(age)
    of_dose = sm.OLS(dose, nuisance).fit().resid
    for parcel in range(2):
        of_value = sm.OLS(values[:, parcel], nuisance).fit().resid
        expected = stats.pearsonr(of_dose, of_value).statistic
        assert found.partial_r[parcel] == pytest.approx(expected, rel=1e-10)


def test_a_change_that_is_the_rounding_of_equal_volumes_is_refused():
    before = np.random.default_rng(5).uniform(1e3, 1e4, (8, 2))
    after = before * (1 + 1e-16)
    with pytest.raises(ValueError, match="no variance to test against"):
        linear_model(after - before, np.ones((8, 1)), 0, size=before)


@pytest.mark.parametrize(
    ("columns", "message"),
    [(np.ones((8, 2)), "combination"), (np.eye(8), "degrees of freedom"), (np.ones(8), "axes")],
)
def test_a_design_that_cannot_be_fitted_is_refused(columns, message):
    values = np.random.default_rng(6).normal(size=(8, 2))
    with pytest.raises(ValueError, match=message):
        linear_model(values, columns, 0)


N_SIMULATIONS = 2_000
WITHIN = stats.binom.interval(0.999, N_SIMULATIONS, 0.05)
"""Of 2,000 simulations, how many may fall below .05; each case misses it once in a thousand."""
NULL_CASES = {
    "change": Model(covariates=("etiv_mm3", "age")),
    "difference": Model(by="arm", groups=("x", "y"), covariates=("etiv_mm3", "age")),
    "slope": Model(on="dose", covariates=("etiv_mm3", "scanner")),
    "interaction": Model(by="arm", groups=("x", "y"), on="dose", covariates=("age",)),
}


@pytest.mark.parametrize("kind", NULL_CASES)
def test_without_any_effect_one_test_in_twenty_is_below_five_percent(kind):
    rng = np.random.default_rng(7)
    n = 24
    terms = pd.DataFrame(
        {
            "arm": np.repeat(["x", "y"], [7, 17]),
            "dose": rng.gamma(2, 5, n),
            "age": rng.normal(50, 12, n),
            "scanner": np.resize(["s1", "s2", "s2"], n),
            "etiv_mm3": rng.normal(1.5e6, 1.2e5, n),
        }
    )
    design = design_matrix(terms, NULL_CASES[kind])
    tested = design.columns.columns.get_loc(design.tested)
    values = rng.normal(0, 40, (n, N_SIMULATIONS))
    if kind != "change":
        values += (
            3.0 * (terms.age.to_numpy()[:, None] - 50) * ("age" in NULL_CASES[kind].covariates)
        )
    found = linear_model(values, design.columns, tested)
    assert WITHIN[0] <= (found.p < 0.05).sum() <= WITHIN[1]
