"""The whole walk, from files to enriched genes, of the real study."""

from __future__ import annotations

import re

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.cross_decomposition import PLSRegression

from ect_assets.demo import make_ds000174_study
from ect_assets.orchestration.instance import open_instance
from ect_assets.orchestration.runner import Runner
from ect_assets.reference import loaders
from ect_assets_tests.conftest import shortened
from ect_assets_tests.test_walk import rows, walked


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The real study ds000174, walked through."""
    folder = tmp_path_factory.mktemp("real") / "ds000174"
    make_ds000174_study(folder, folder / "data_lake")
    shortened(folder)
    return walked(folder)


def left_out(runner: Runner) -> set[str]:
    """Name those whom an exclusion that stands keeps out of imaging."""
    sql = "SELECT subject FROM exclusions WHERE NOT overruled AND stage != 'clinical_scores'"
    return set(rows(runner, sql).subject)


def real_volumes(runner: Runner) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Volumes and mean intracranial volume of ds000174, straight from the packaged tables.

    Only of those whom quality control leaves in.
    """
    table = loaders.ds000174_volumes().set_index(["subject", "session"]).sort_index()
    table = table.drop(index=left_out(runner), level="subject")
    names = [name for name in table.columns if name.endswith("_volume")]
    before = table.xs("baseline", level="session")
    after = table.xs("followup", level="session").loc[before.index]
    etiv = (before["eTIV"] + after["eTIV"]).to_numpy() / 2
    return before[names], after[names], etiv


def test_the_change_of_the_real_study_is_that_of_scipy_and_statsmodels(real):
    import statsmodels.api as sm

    _, runner, _ = real
    ours = rows(runner, "FROM gmv_change").set_index("parcel")
    before, after, etiv = real_volumes(runner)
    change = after - before
    plain = stats.ttest_rel(after, before)
    design = np.column_stack([np.ones(len(etiv)), etiv - etiv.mean()])
    for index, name in enumerate(change.columns):
        row = ours.loc[name.removesuffix("_volume")]
        fit = sm.OLS(change[name].to_numpy(), design).fit()
        assert row.t == pytest.approx(fit.tvalues[0], rel=1e-10)
        assert row.p == pytest.approx(fit.pvalues[0], rel=1e-10)
        assert (row.ci_low_mm3, row.ci_high_mm3) == pytest.approx(fit.conf_int()[0], rel=1e-10)
        assert row.t_unadjusted == pytest.approx(plain.statistic[index], rel=1e-10)
        assert row.p_unadjusted == pytest.approx(plain.pvalue[index], rel=1e-10)
    expected = stats.false_discovery_control(ours.p)
    np.testing.assert_allclose(ours.q, expected, rtol=1e-10)


def test_users_against_controls_is_the_linear_model_of_statsmodels(real):
    import statsmodels.formula.api as smf

    _, runner, _ = real
    ours = rows(runner, "FROM contrast_maps").set_index(["contrast", "parcel"])
    before, after, etiv = real_volumes(runner)
    people = loaders.ds000174_participants().set_index("subject").loc[before.index]
    known = people.assign(etiv=etiv / 1e6, y=0.0)
    formula = "y ~ C(group, Treatment('HC')) + etiv + age_at_baseline + sex"
    outcomes = {"users_against_controls": after - before, "users_at_baseline": before}
    for contrast, values in outcomes.items():
        for name in values.columns:
            fit = smf.ols(formula, known.assign(y=values[name].to_numpy())).fit()
            row = ours.loc[(contrast, name.removesuffix("_volume"))]
            term = "C(group, Treatment('HC'))[T.CB]"
            found = [row.effect, row.se, row.t, row.p, row.ci_low, row.ci_high]
            expected = [one[term] for one in (fit.params, fit.bse, fit.tvalues, fit.pvalues)]
            expected += list(fit.conf_int().loc[term])
            assert found == pytest.approx(expected, rel=1e-8, abs=1e-8 * row.se)


def test_whom_quality_leaves_out_of_the_real_study_is_told_in_its_readme(real):
    study, runner, _ = real
    told = re.findall(r"sub-(\d+)", (study.bids_folder / "README").read_text())
    assert set(told) == left_out(runner)
    assert set(rows(runner, "FROM gmv_change").n) == {42 - len(set(told))}
    tiv = rows(runner, "FROM scan_quality WHERE check_name = 'tiv_changed'")
    assert (tiv.value.abs() > 3).sum() == 36 and not tiv.excludes.any()


def test_the_first_component_of_the_real_study_is_that_of_scikit_learn(real):
    _, runner, _ = real
    scores = rows(runner, "FROM pls_scores WHERE component = 1").set_index("parcel")
    matrix = loaders.expression_matrix("desikan_killiany").loc[scores.index].to_numpy(float)
    fit = PLSRegression(2).fit(matrix, scores.map_value)
    sign = np.sign(np.corrcoef(fit.x_scores_[:, 0], scores.map_value)[0, 1])
    theirs = sign * fit.x_scores_[:, 0]
    ours = scores.score.to_numpy()
    np.testing.assert_allclose(ours / ours.std(), theirs / theirs.std(), atol=1e-10)
    r2 = rows(runner, "SELECT DISTINCT component, r2_y FROM pls_components ORDER BY component")
    explained = np.corrcoef(theirs, scores.map_value)[0, 1] ** 2
    assert r2.r2_y[0] == pytest.approx(explained, abs=1e-10)
    assert r2.r2_y.sum() == pytest.approx(fit.score(matrix, scores.map_value), abs=1e-10)


def test_each_null_model_has_its_p_and_how_often_it_is_wrong(real):
    _, runner, _ = real
    first = rows(runner, "FROM pls_components WHERE component = 1").set_index("null_model")
    assert sorted(first.index) == ["burt", "hungarian", "moran", "vasa"]
    assert first.p_spatial.between(1 / 100, 1).all()
    assert first.false_positive_rate_05.between(0, 1).all()
    calibration = rows(runner, "FROM null_calibration WHERE statistic = 'r2_y_component_1'")
    assert set(calibration.null_model) == {"naive", *first.index}


def test_the_null_distribution_behind_a_p_gives_that_p(real):
    _, runner, _ = real
    sql = """SELECT c.p_spatial, (1 + count(*) FILTER (d.value >= c.r2_y)) / (1 + count(*)) AS again
        FROM pls_components c JOIN null_distributions d
          ON d.null_model = c.null_model AND d.statistic = 'r2_y_component_' || c.component
        GROUP BY c.component, c.null_model, c.p_spatial"""
    both = rows(runner, sql)
    assert len(both) == 8
    np.testing.assert_allclose(both.p_spatial, both.again)


def test_a_claim_holds_only_where_both_nulls_agree(real):
    _, runner, _ = real
    claims = rows(runner, "FROM findings")
    assert {"component", "gene_list", "cell_type"} <= set(claims.kind)
    both = (claims.q_published < 0.05) & (claims.q_spatial < 0.05)
    assert not claims.holds[~both].any()


def test_the_check_says_how_many_claims_do_not_hold(real):
    study, runner, _ = real
    key = dg.AssetCheckKey(dg.AssetKey("findings"), "claims_hold")
    with open_instance(study) as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    lost = rows(runner, "FROM findings WHERE q_published < 0.05 AND NOT holds")
    says = found.event.dagster_event.event_specific_data.metadata["says"].value
    assert says.startswith(f"- {len(lost)} of ")
    assert found.status.value == ("FAILED" if len(lost) else "SUCCEEDED")


def test_each_enriched_term_carries_both_p_values(real):
    _, runner, _ = real
    sql = """SELECT g.p_spatial AS ours, s.p AS theirs FROM go_enrichment g
        JOIN gene_set_spatial_enrichment s USING (parcellation, set_id)
        WHERE s.null_model = 'moran'"""
    both = rows(runner, sql)
    tested = rows(
        runner,
        """SELECT count(*) AS n FROM gene_set_spatial_enrichment
        WHERE null_model = 'moran' AND collection LIKE 'GO_%'""",
    )
    assert len(both) == 2 * tested.n[0] > 3_000
    assert (both.ours == both.theirs).all()


def test_figures_are_shown_beside_the_table_and_say_simulated_only_where_it_is(real):
    study, _, _ = real
    with open_instance(study) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("cell_type_enrichment"))
    metadata = event.asset_materialization.metadata
    assert metadata["cell types"].value.startswith("![cell types](data:image/png;base64,iVBOR")
    assert metadata["simulated"].value is False


def test_the_lists_are_of_the_first_component(real):
    _, runner, _ = real
    genes = rows(runner, "SELECT component, direction, count(*) AS n FROM pls_genes GROUP BY ALL")
    assert set(genes.component) == {1, 2}
    assert genes[genes.component == 2].direction.isna().all()


def test_the_expression_table_is_the_packaged_matrix(real):
    _, runner, _ = real
    table = rows(runner, "FROM expression").pivot(
        index="parcel", columns="gene", values="expression"
    )
    matrix = loaders.expression_matrix("desikan_killiany")
    pd.testing.assert_frame_equal(
        table.loc[matrix.index, matrix.columns], matrix, check_names=False, check_dtype=False
    )


def test_nothing_in_the_real_study_is_called_simulated(real):
    _, runner, _ = real
    for name in ("parcel_gmv", "gmv_change", "pls_genes"):
        assert not rows(runner, f"FROM {name}").simulated.any()


def test_both_questionnaires_of_the_real_study_are_analysed(real):
    _, runner, _ = real
    assert sorted(rows(runner, "FROM symptom_pls").instrument) == ["audit", "cudit"]
    people = loaders.ds000174_participants()
    expected = stats.ttest_rel(people.audit_followup, people.audit_baseline)
    audit = rows(runner, "FROM clinical_change WHERE instrument = 'audit'").iloc[0]
    assert (audit.t, audit.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)


def test_study_wide_results_do_not_name_sessions_that_the_study_does_not_have(real):
    _, runner, _ = real
    assert set(rows(runner, "FROM parcel_gmv").session) == {"baseline", "followup"}
