"""Tests of design matrices made of named terms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.statistics.design import (
    DesignError,
    Model,
    coding,
    design_matrix,
    restricted,
)


def patients(n: int = 20, seed: int = 0) -> pd.DataFrame:
    """Terms of patients: numbers, texts, a truth value."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age_years": rng.uniform(20, 70, n),
            "n_ect": rng.integers(6, 13, n).astype(float),
            "sex": np.resize(["F", "M", "F"], n),
            "site": np.resize(["a", "b", "c", "c"], n),
            "ect_placement": np.resize(["bitemporal", "right_unilateral"], n),
            "responded": pd.array(np.resize([True, False, False], n), dtype="boolean"),
        },
        index=[f"{one:03d}" for one in range(n)],
    )


def test_numbers_are_centred_and_factors_coded_against_their_first_level():
    design = design_matrix(patients(), Model(covariates=("age_years", "site")))
    assert list(design.columns) != [] and design.tested == "mean"
    assert list(design.columns.columns) == ["mean", "age_years", "site: b", "site: c"]
    np.testing.assert_allclose(design.columns.mean(), [1, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(design.columns["site: c"].unique(), [-0.5, 0.5])


def test_two_groups_differ_by_one_in_the_column_that_is_tested():
    model = Model(by="responded", groups=("true", "false"), covariates=("age_years",))
    design = design_matrix(patients(), model)
    tested = design.columns[design.tested]
    assert design.tested == "responded: true - false"
    responded = patients().responded.to_numpy(bool)
    assert tested[responded].min() - tested[~responded].max() == pytest.approx(1)


def test_an_interaction_has_both_its_terms_beside_it():
    model = Model(by="ect_placement", groups=("bitemporal", "right_unilateral"), on="n_ect")
    design = design_matrix(patients(), model)
    group = "ect_placement: bitemporal - right_unilateral"
    assert list(design.columns.columns) == ["mean", group, "n_ect", f"{group} x n_ect"]
    assert design.tested == f"{group} x n_ect"


def test_patients_of_other_groups_are_named_and_left_out():
    design = design_matrix(patients(), Model(by="site", groups=("a", "b")))
    others = patients().index[patients().site == "c"]
    assert design.of_other_groups == list(others)
    assert not set(others) & set(design.columns.index)


def test_patients_with_a_missing_value_are_named_with_what_they_lack():
    terms = patients()
    terms.loc["003", "age_years"] = np.nan
    terms.loc["005", ["age_years", "site"]] = [np.nan, None]
    design = design_matrix(terms, Model(covariates=("age_years", "site")))
    assert design.lacking == {"003": ["age_years"], "005": ["age_years", "site"]}
    assert len(design.columns) == 18
    np.testing.assert_allclose(design.columns["age_years"].mean(), 0, atol=1e-12)


def test_who_lacks_the_group_is_named_and_not_taken_for_another():
    terms = patients()
    terms.loc["001", "ect_placement"] = None
    model = Model(by="ect_placement", groups=("bitemporal", "right_unilateral"))
    assert design_matrix(terms, model).lacking == {"001": ["ect_placement"]}


def test_who_is_alone_with_a_value_of_a_factor_is_named_and_left_out():
    scanner = np.array(["x", *np.resize(["y", "z"], 19)])
    terms = with_column(scanner=scanner, room=np.where(scanner == "x", "r", "q"))
    terms.loc["001", "room"] = "r"
    design = design_matrix(terms, Model(covariates=("scanner",)))
    assert design.alone == {"000": ["scanner"]}
    assert list(design.columns.columns) == ["mean", "scanner: z"]
    terms.loc["002", "room"] = "s"
    terms.loc["003", "room"] = "s"
    twice = design_matrix(terms, Model(covariates=("scanner", "room")))
    assert twice.alone == {"000": ["scanner"], "001": ["room"]}


def with_column(**columns: object) -> pd.DataFrame:
    """Terms of patients with some columns replaced or added."""
    return patients().assign(**columns)


def test_a_term_that_is_compared_is_not_adjusted_for_a_second_time():
    model = Model(on="n_ect", covariates=("n_ect", "age_years"))
    assert list(design_matrix(patients(), model).columns.columns) == ["mean", "n_ect", "age_years"]


REFUSED = {
    "unknown": (patients(), Model(covariates=("agee",)), "no agee .* age_years"),
    "collinear": (
        with_column(age_months=patients().age_years * 12),
        Model(covariates=("age_years", "age_months")),
        "age_months follows from age_years",
    ),
    "collinear factor": (
        with_column(scanner=patients().site + "x"),
        Model(covariates=("site", "scanner")),
        "scanner: bx follows from site: b",
    ),
    "group follows from a covariate": (
        with_column(arm=patients().ect_placement + "x"),
        Model(by="ect_placement", groups=("bitemporal", "right_unilateral"), covariates=("arm",)),
        "cannot be told apart",
    ),
    "constant": (with_column(n_ect=8.0), Model(covariates=("n_ect",)), "is 8 in all 20 patients"),
    "constant factor": (with_column(site="a"), Model(covariates=("site",)), "the same in all 20"),
    "missing for half": (
        with_column(n_ect=np.where(np.arange(20) % 2, np.nan, np.arange(20))),
        Model(on="n_ect"),
        "missing for 10 of 20 patients",
    ),
    "group of one": (
        with_column(arm=["x", *["y"] * 19]),
        Model(by="arm", groups=("x", "y")),
        "1 in 'x' of 20 patients",
    ),
    "empty level": (
        patients(),
        Model(by="ect_placement", groups=("bitemporal", "bifrontal")),
        "0 in 'bifrontal'",
    ),
    "factor of texts": (
        with_column(note=[f"n{one}" for one in range(20)]),
        Model(covariates=("note",)),
        "note differs in nearly all of 20 patients",
    ),
    "factor written as numbers": (
        with_column(scanner=np.resize([1.0, 2, 3], 20)),
        Model(covariates=("scanner",)),
        "scanner has the whole numbers 1 to 3",
    ),
    "slope on a text": (patients(), Model(on="site"), "site is not a number"),
    "too many columns": (
        patients(4),
        Model(covariates=("age_years", "n_ect", "responded", "sex")),
        "(degrees of freedom|differs|follows)",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_estimated_is_refused_by_name(case):
    terms, model, message = case
    with pytest.raises(DesignError, match=message):
        design_matrix(terms, model)


def test_a_group_that_missing_values_leave_one_of_is_refused():
    terms = patients(6)
    terms.loc[["000", "002"], "age_years"] = np.nan
    groups = ("bitemporal", "right_unilateral")
    model = Model(by="ect_placement", groups=groups, covariates=("age_years",))
    with pytest.raises(DesignError, match="1 patient.s. of 'bitemporal'"):
        design_matrix(terms, model)


@pytest.mark.parametrize("values", [[0.0, 1.0], [21.0, 35.0, 42.0], [1.0, 2.0, 4.0], [0.5, 1, 2]])
def test_numbers_with_gaps_and_of_two_values_are_numbers(values):
    assert coding("x", pd.Series(np.resize(values, 12)), Model(covariates=("x",))) == "number"


def test_codes_are_what_the_study_says_they_are():
    codes = pd.Series(np.resize([1.0, 2, 3], 12))
    assert coding("x", codes, Model(covariates=("x",), factors=("x",))) == "factor"
    assert coding("x", codes, Model(covariates=("x",), numbers=("x",))) == "number"


def test_no_message_shows_a_value_that_only_a_table_holds():
    terms = with_column(note=[f"secret{one}" for one in range(20)])
    with pytest.raises(DesignError) as refused:
        design_matrix(terms, Model(covariates=("note",)))
    assert "secret" not in str(refused.value)


def test_of_some_patients_a_design_is_centred_again_and_drops_what_does_not_vary():
    design = design_matrix(patients(), Model(on="n_ect", covariates=("age_years", "site")))
    subjects = [one for one in patients().index if patients().site[one] != "b"]
    mine = restricted(design.columns, design.tested, subjects)
    expected = design_matrix(
        patients().loc[subjects], Model(on="n_ect", covariates=("age_years", "site"))
    )
    pd.testing.assert_frame_equal(mine, expected.columns)


def test_of_all_patients_a_design_stays_as_it_is():
    design = design_matrix(patients(), Model(covariates=("age_years",)))
    assert restricted(design.columns, design.tested, list(patients().index)) is design.columns


@pytest.mark.parametrize(("n", "message"), [(1, "only 1 of the 20"), (3, "are of one group")])
def test_too_few_patients_of_a_design_are_refused(n, message):
    design = design_matrix(
        patients(), Model(by="ect_placement", groups=("bitemporal", "right_unilateral"))
    )
    with pytest.raises(DesignError, match=message):
        restricted(design.columns, design.tested, list(patients().index[:n]))
