"""The contrasts of a simulated study: its designs, their maps, and what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from ect_assets import tables
from ect_assets.lake.catalogue import query
from ect_assets.orchestration.runner import Runner
from ect_assets.pipeline.inputs import Inputs
from ect_assets.pipeline.step import Made, Work
from ect_assets.pipeline.steps import contrasts
from ect_assets.pipeline.steps.measured_patients import Measured
from ect_assets.problems import StudyError
from ect_assets.science.statistics.power import smallest_mean_change
from ect_assets.study import Contrast, Study, load_study
from ect_assets.study.of_contrasts import Group

HERE = {"parcellation": "desikan_killiany"}
CHANGE = Contrast(kind="change")
pytestmark = pytest.mark.usefixtures("light_runs")


@pytest.fixture(scope="module")
def study(narrow_input) -> Study:
    """Seven simulated patients, whose tables are there."""
    return load_study(narrow_input)


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


def test_who_has_one_scan_is_not_in_a_design_and_named_in_exclusions(narrow_folder):
    bids = narrow_folder / "bids"
    shutil.rmtree(bids / "sub-002" / "ses-post")
    shutil.rmtree(bids / "derivatives/freesurfer/sub-002_ses-post")
    Runner(load_study(narrow_folder)).run(tables=("contrast_maps",))
    lake = load_study(narrow_folder).open_lake()
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


def with_further_session(inputs: dict[str, pd.DataFrame], of: list[str]) -> None:
    """Give some patients a third session, and take the second from one who keeps the first."""
    rng = np.random.default_rng(0)
    volumes, scans = inputs["parcel_gmv"], inputs["scan_volumes"]
    post = volumes.xs("post", level="session").loc[of]
    later = pd.concat({"m6": post * (1 + rng.normal(0, 0.01, post.shape))}, names=["session"])
    is_last = volumes.index == ("post", "007")
    inputs["parcel_gmv"] = pd.concat([volumes[~is_last], later]).sort_index()
    rows = scans[(scans.session == "post") & scans.subject.isin(of)].assign(session="m6")
    gone = (scans.session == "post") & (scans.subject == "007")
    inputs["scan_volumes"] = pd.concat([scans[~gone], rows], ignore_index=True)
    missing = {"subject": "007", "session": "post", "parcellation": "*", "stage": "raw_scans"}
    known = {"reason": "session_missing", "detail": "", "overruled": False}
    told = pd.DataFrame([missing | known])
    inputs["exclusions"] = pd.concat([inputs["exclusions"], told], ignore_index=True)


def made_of_three_sessions(study: Study) -> tuple[Made, Made, pd.DataFrame]:
    study = study.model_copy(
        update={"sessions": study.sessions.model_copy(update={"further": ("m6",)})}
    )
    lake = study.open_lake()
    work = Work(study, lake, HERE)
    inputs = Inputs(contrasts.design_matrix, study, lake).of(HERE)
    with_further_session(inputs, ["001", "002", "003", "005"])
    design = contrasts.design_matrix.make(work, **inputs)
    inputs.pop("participants")
    maps = contrasts.contrast_maps.make(work, design_matrix=design.frame, **inputs)
    return design, maps, inputs["parcel_gmv"]


MIXED = {
    "change": (Contrast(kind="change", model="mixed"), "session: post"),
    "later": (Contrast(kind="change", model="mixed", session="m6"), "session: m6"),
    "slope": (Contrast(kind="slope", on="age_years", model="mixed"), "age_years x session: post"),
    "baseline": (Contrast(kind="baseline", on="age_years", model="mixed"), "age_years"),
}


@pytest.mark.parametrize("kind", MIXED)
def test_a_mixed_model_takes_every_scan_and_is_that_of_statsmodels(study, kind):
    contrast, tested = MIXED[kind]
    asked = with_contrasts(study, Group(adjusts_for_etiv=False), it=contrast)
    design, maps, volumes = made_of_three_sessions(asked)
    frame = design.frame
    assert set(frame["column"][frame.is_tested]) == {tested}
    columns = frame.pivot(index=["subject", "session"], columns="column", values="value")
    assert len(columns) == 7 + 6 + 4
    rows = maps.frame.set_index("parcel")
    assert set(rows.n) == {7} and set(rows.n_scans) == {17} and set(rows.model) == {"mixed"}
    who = columns.index.get_level_values("subject").to_numpy(str)
    for parcel in rows.index[:3]:
        values = [volumes.loc[(session, subject), parcel] for subject, session in columns.index]
        ratio = rows.variance_ratio[parcel]
        same = np.equal.outer(who, who)
        weights, x = np.linalg.inv(np.eye(len(who)) + ratio * same), columns.to_numpy()
        exact = np.linalg.solve(x.T @ weights @ x, x.T @ weights @ np.array(values))
        place = list(columns.columns).index(tested)
        assert rows.effect[parcel] == pytest.approx(exact[place], rel=1e-6)
        fit = sm.MixedLM(np.array(values), x, groups=who).fit(method="powell")
        assert rows.effect[parcel] == pytest.approx(fit.params[place], rel=1e-2)


def test_with_pairs_alone_a_mixed_model_is_the_model_of_the_changes(study):
    arms = {"arm": ["a", "b", "a", "b", "a", "b", "b"]}
    asked = {"kind": "difference", "by": "arm", "groups": ("a", "b")}
    pairs, mixed = Contrast(**asked), Contrast(**asked, model="mixed")
    _, maps = made(with_contrasts(study, pairs=pairs, mixed=mixed), arms)
    found = maps.frame.set_index(["contrast", "parcel"])
    for name in ("effect", "se", "df", "p"):
        np.testing.assert_allclose(found.loc["mixed"][name], found.loc["pairs"][name], rtol=1e-3)


def test_a_session_that_nobody_has_is_refused_by_its_name(study):
    asked = with_contrasts(study, it=Contrast(kind="change", model="mixed", session="m6"))
    with pytest.raises(StudyError, match="ses-m6 has 0 usable scan"):
        made(asked)


def test_further_sessions_are_read_and_a_broken_one_leaves_nobody_out(narrow_folder):
    freesurfer = narrow_folder / "bids/derivatives/freesurfer"
    for subject in ("001", "002", "003"):
        shutil.copytree(
            freesurfer / f"sub-{subject}_ses-post", freesurfer / f"sub-{subject}_ses-m6"
        )
    broken = freesurfer / "sub-003_ses-m6/stats/lh.aparc.stats"
    broken.write_text("".join(broken.read_text().splitlines(keepends=True)[:70]))
    file = narrow_folder / "study.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('follow_up = "post"', 'follow_up = "post"\nfurther = ["m6"]')
    text += (
        '\n[contrasts.later]\nkind = "change"\nmodel = "mixed"\nsession = "m6"\ncovariates = []\n'
    )
    file.write_text(text, encoding="utf-8")
    before = load_study(narrow_folder).open_lake().read(tables.GmvChange, HERE)
    Runner(load_study(narrow_folder)).run(tables=("contrast_maps", "gmv_change"))
    lake = load_study(narrow_folder).open_lake()
    pd.testing.assert_frame_equal(lake.read(tables.GmvChange, HERE), before)
    assert not len(lake.read(tables.Exclusions))
    maps = lake.read(tables.ContrastMaps, HERE).query("contrast == 'later'")
    assert set(maps.n) == {7} and set(maps.n_scans) == {16}
    told = [one for _, failure in lake.failures() for one in failure.problems]
    assert {(one.subject, one.session) for one in told} == {("003", "m6")}


@pytest.mark.parametrize(
    ("measure", "column", "unit"),
    [("thickness", "thickness_mm", "mm"), ("area", "area_mm2", "mm2")],
)
def test_thickness_and_area_of_the_cortex_are_tested_as_volume_is(study, measure, column, unit):
    asked = {"kind": "change", "measure": measure}
    pairs, mixed = Contrast(**asked), Contrast(**asked, model="mixed")
    design, maps = made(with_contrasts(study, pairs=pairs, mixed=mixed))
    is_adjusted = "mean_etiv_mm3" in set(design.frame["column"])
    assert is_adjusted == (measure == "area")
    assert set(maps.frame.structure) == {"cortex"} and set(maps.frame.measure) == {measure}
    rows = study.open_lake().read(tables.ParcelGmv).query("parcellation == 'desikan_killiany'")
    wide = rows.pivot(index="subject", columns=["session", "parcel"], values=column)
    change = (wide["post"] - wide["pre"]).mean()
    found = maps.frame.set_index(["contrast", "parcel"])
    assert set(found.unit) == {unit}
    for name in ("pairs", "mixed"):
        ours = found.loc[name].effect
        np.testing.assert_allclose(ours, change[ours.index], rtol=1e-6, atol=1e-9)


def test_a_measure_that_the_source_does_not_give_is_refused(study, monkeypatch):
    nothing = Inputs(contrasts.contrast_maps, study, study.open_lake()).of(HERE)["parcel_gmv"]
    monkeypatch.setattr(Measured, "_values", lambda self, measure: nothing * np.nan)
    asked = {"thick": Contrast(kind="change", measure="thickness")}
    with pytest.raises(StudyError, match="only 0 of the 7 patients of the model have it"):
        made(with_contrasts(study, **asked))


def test_each_parcel_says_what_would_have_been_found(study):
    _, maps = made(with_contrasts(study, plain=CHANGE))
    for _, rows in maps.frame.groupby("structure"):
        shift = smallest_mean_change(1, int(rows.df.iloc[0]), 0.05 / len(rows), 0.8)
        np.testing.assert_allclose(rows.detectable_effect, rows.se * shift)
