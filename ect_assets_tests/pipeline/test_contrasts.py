"""The contrasts of a simulated study: its designs, their maps, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import statsmodels.api as sm

from ect_assets import tables
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.inputs import Inputs
from ect_assets.pipeline.step import Made, Work
from ect_assets.pipeline.steps import contrasts
from ect_assets.problems import StudyError
from ect_assets.study import Contrast, Study, load_study
from ect_assets.study.of_contrasts import Group

HERE = {"parcellation": "desikan_killiany"}
CHANGE = Contrast(kind="change")


@pytest.fixture(scope="module")
def study(filled_input) -> Study:
    """Seven simulated patients, whose tables are there."""
    return load_study(filled_input)


def with_contrasts(study: Study, group: Group | None = None, **named: Contrast) -> Study:
    return study.model_copy(update={"contrasts": named, "group": group or Group()})


def made(study: Study, people: dict[str, object] | None = None) -> tuple[Made, Made]:
    """Make both tables from the study's lake, with other columns of the participants."""
    lake = study.open_lake()
    work = Work(study, lake, HERE)
    inputs = Inputs(contrasts.design_matrix, study, lake).of(HERE)
    inputs["participants"] = inputs["participants"].assign(**(people or {}))
    design = contrasts.design_matrix.make(work, **inputs)
    inputs.pop("participants")
    return design, contrasts.contrast_maps.make(work, design_matrix=design.frame, **inputs)


def test_the_maps_are_those_of_statsmodels_on_the_design_that_is_kept(study):
    lake = study.open_lake()
    maps, design = (lake.read(one, HERE) for one in (tables.ContrastMaps, tables.DesignMatrix))
    volumes = lake.read(tables.ParcelGmv).query("parcellation == 'desikan_killiany'")
    wide = volumes.pivot(index="subject", columns=["session", "parcel"], values="gmv_mm3")
    change = wide["post"] - wide["pre"]
    assert set(design.contrast) == set(maps.contrast) == set(study.contrasts)
    for name, matrix in design.groupby("contrast"):
        columns = matrix.pivot(index="subject", columns="column", values="value")
        tested = matrix["column"][matrix.is_tested].iloc[0]
        rows = maps[maps.contrast == name].set_index("parcel")
        assert (rows.structure == "subcortex").sum() == 14
        for parcel in rows.index[::9]:
            fit = sm.OLS(change.loc[columns.index, parcel], columns).fit()
            expected = [fit.params[tested], fit.bse[tested], fit.pvalues[tested]]
            ours = rows.loc[parcel, ["effect", "se", "p"]].to_numpy(float)
            np.testing.assert_allclose(ours, expected, rtol=1e-8)


def test_the_change_without_covariates_is_gmv_change_row_by_row(study):
    _, maps = made(with_contrasts(study, plain=CHANGE))
    published = study.open_lake().read(tables.GmvChange, HERE)
    assert list(maps.frame.parcel) == list(published.parcel)
    for ours, theirs in {"effect": "mean_change_mm3", "t": "t", "p": "p", "q": "q"}.items():
        np.testing.assert_allclose(maps.frame[ours], published[theirs], rtol=1e-10)


def test_a_slope_says_in_which_unit_it_is(study):
    _, maps = made(with_contrasts(study, dose=Contrast(kind="slope", on="n_ect"), plain=CHANGE))
    assert maps.frame.groupby("contrast").unit.unique().map(list).to_dict() == {
        "dose": ["mm3 per n_ect"],
        "plain": ["mm3"],
    }


def test_scores_of_an_instrument_are_terms(study):
    named = Contrast(kind="slope", on="hamd.improvement")
    design, _ = made(with_contrasts(study, better=named))
    tested = design.frame[design.frame.is_tested].set_index("subject").value
    responses = study.open_lake().read(tables.ClinicalResponse).set_index("subject")
    expected = responses.improvement - responses.improvement.mean()
    np.testing.assert_allclose(tested, expected.loc[tested.index])


def test_the_volumes_before_treatment_can_be_compared(study):
    arms = {"arm": ["a", "b", "a", "b", "a", "b", "b"]}
    named = Contrast(kind="baseline", by="arm", groups=("a", "b"), covariates=())
    plain = with_contrasts(study, Group(adjusts_for_etiv=False), before=named)
    _, maps = made(plain, arms)
    pre = query(
        study.open_lake(),
        "SELECT subject, gmv_mm3 FROM parcel_gmv WHERE session = 'pre' AND parcel = 'lh_insula' "
        "AND parcellation = 'desikan_killiany' ORDER BY subject",
    ).df()
    is_a = np.array(arms["arm"]) == "a"
    expected = pre.gmv_mm3[is_a].mean() - pre.gmv_mm3[~is_a].mean()
    found = maps.frame.set_index("parcel").effect["lh_insula"]
    assert found == pytest.approx(expected, rel=1e-10)


def test_only_some_patients_may_be_asked_about(study):
    arms = {"arm": ["patient", "patient", "patient", "patient", "patient", "control", "control"]}
    named = Contrast(kind="change", only={"arm": ("patient",)})
    design, maps = made(with_contrasts(study, patients=named), arms)
    assert design.frame.subject.nunique() == 5 and set(maps.frame.n) == {5}


def test_who_has_no_value_is_named_and_the_others_stay(study):
    people = {"dose": [1.5, 2.0, np.nan, 4.0, 6.5, 5.0, 3.0]}
    group = Group(covariates=("dose",))
    named = {"plain": Contrast(kind="change", covariates=()), "adjusted": CHANGE}
    design, maps = made(with_contrasts(study, group, **named), people)
    assert maps.frame.groupby("contrast").n.unique().map(list).to_dict() == {
        "adjusted": [6],
        "plain": [7],
    }
    (told,) = design.problems
    assert (told.reason, told.subject) == ("term_missing", "003")
    assert "[contrasts.adjusted]" in told.detail and "dose" in told.detail


REFUSED = {
    "collinear": ({"months": range(12, 96, 12), "years": range(1, 8)}, ("years", "months")),
    "constant": ({"site": ["x"] * 7}, ("site",)),
    "missing for half": ({"dose": [1.5, *[np.nan] * 5, 2.5]}, ("dose",)),
    "codes": ({"scanner": [1, 2, 3, 1, 2, 3, 1]}, ("scanner",)),
    "unknown": ({}, ("agee",)),
}


@pytest.mark.parametrize(("people", "covariates"), REFUSED.values(), ids=REFUSED)
def test_a_contrast_that_cannot_be_estimated_is_refused_and_the_others_are_made(
    study, people, covariates
):
    people = {name: list(values) for name, values in people.items()}
    group = Group(covariates=covariates, numbers=("years", "months"))
    named = {"plain": Contrast(kind="change", covariates=()), "adjusted": CHANGE}
    design, maps = made(with_contrasts(study, group, **named), people)
    assert set(maps.frame.contrast) == {"plain"}
    (told,) = design.problems
    assert told.reason == "contrast_refused" and "[contrasts.adjusted]" in told.detail
    assert covariates[-1] in told.detail and "study.toml" in told.detail


def test_a_group_of_one_is_refused(study):
    arms = {"arm": ["control", *["patient"] * 6]}
    named = Contrast(kind="difference", by="arm", groups=("patient", "control"))
    with pytest.raises(StudyError, match="1 in 'control' of 7 patients.*at least 2"):
        made(with_contrasts(study, controls=named), arms)


def test_who_has_one_scan_is_not_in_a_design_and_named_in_exclusions(filled_folder):
    bids = filled_folder / "bids"
    shutil.rmtree(bids / "sub-002" / "ses-post")
    shutil.rmtree(bids / "derivatives/freesurfer/sub-002_ses-post")
    Runner(load_study(filled_folder)).run(tables=("contrast_maps",))
    lake = load_study(filled_folder).open_lake()
    assert "002" not in set(lake.read(tables.DesignMatrix, HERE).subject)
    assert "session_missing" in set(lake.read(tables.Exclusions).query("subject == '002'").reason)


def test_a_study_without_contrasts_has_neither_table(study):
    why = contrasts.contrast_maps.why_unavailable(with_contrasts(study), HERE)
    assert why is not None and "[contrasts]" in why


def test_a_study_without_scores_in_its_contrasts_does_not_wait_for_them(study):
    plain = with_contrasts(study, plain=CHANGE)
    asks = with_contrasts(study, slope=Contrast(kind="slope", on="hamd.improvement"))
    assert "clinical_response" not in contrasts.design_matrix.upstream_of(plain, HERE)
    assert "clinical_response" in contrasts.design_matrix.upstream_of(asks, HERE)
