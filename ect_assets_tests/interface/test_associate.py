"""A map against genes without a study: its tables, what they say of patients, and how it reads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets import associate, tables
from ect_assets.problems import StudyError
from ect_assets.reference.loaders import (
    cell_types,
    expression_matrix,
    gene_ontology,
    parcels,
)
from ect_assets.science.association import tables_of_map
from ect_assets.science.association.choices import Choices
from ect_assets.science.association.map_values import MapError
from ect_assets.study.of_analyses import Association as AssociationSettings
from ect_assets.study.of_analyses import Calibration, Enrichment
from ect_assets.study.settings import Study

LEFT = list(expression_matrix("desikan_killiany").index[:34])
QUICK = Choices(
    permutations=99,
    bootstraps=100,
    gene_list_q=0.05,
    max_size=14,
    set_permutations=99,
    ontology_permutations=20,
)
N_NULLS = 99


def _few_sets() -> pd.DataFrame:
    """The cell types and sixty terms of Gene Ontology of 10 to 14 genes."""
    terms = gene_ontology().astype("str")
    sizes = terms.groupby("set_id").gene.nunique()
    few = sizes.index[sizes.between(10, 14)][:60]
    return pd.concat([terms[terms.set_id.isin(few)], cell_types()], ignore_index=True)


FEW_SETS = _few_sets()


@pytest.fixture(scope="module")
def values() -> pd.Series:
    """A map along two hundred genes."""
    matrix = expression_matrix("desikan_killiany").loc[LEFT]
    along = matrix.iloc[:, ::80].mean(axis=1)
    noise = np.random.default_rng(0).normal(size=len(LEFT))
    return along / along.std() + 0.5 * pd.Series(noise, LEFT)


@pytest.fixture(scope="module")
def found(values):
    """The map against the packaged expression."""
    return associate(values, n_nulls=N_NULLS, choices=QUICK, gene_sets=FEW_SETS)


@pytest.fixture(scope="module")
def asked(values):
    """The same with twelve patients."""
    noise = np.random.default_rng(2).normal(size=(12, len(LEFT)))
    changes = pd.DataFrame(noise, columns=LEFT) + values
    return associate(values, n_nulls=N_NULLS, choices=QUICK, gene_sets=FEW_SETS, changes=changes)


def test_the_tables_have_the_columns_of_a_studys_tables(asked):
    for name, frame in asked.tables():
        expected = [
            one
            for one in tables.TABLES[name].column_names()
            if one not in ("parcellation", "contrast", "simulated")
        ]
        assert list(frame) == expected, name


def test_the_defaults_are_those_of_a_study():
    said, calibration, enrichment = AssociationSettings(), Calibration(), Enrichment()
    ours = Choices()
    assert (ours.components, ours.permutations, ours.bootstraps, ours.gene_list_q) == (
        said.components,
        said.permutations,
        said.bootstraps,
        said.gene_list_q,
    )
    assert (
        ours.lengths_mm,
        ours.calibration_maps,
        ours.component_maps,
        ours.calibration_nulls,
    ) == (
        calibration.lengths_mm,
        calibration.maps,
        calibration.component_maps,
        calibration.nulls,
    )
    assert (ours.min_size, ours.max_size, ours.set_permutations, ours.ontology_permutations) == (
        enrichment.min_size,
        enrichment.max_size,
        enrichment.permutations,
        enrichment.ontology_permutations,
    )
    assert ours.seed == Study.model_fields["seed"].default


def test_without_patients_nothing_is_said_to_hold_and_it_is_said_why(found):
    claims = found.findings
    assert claims[["p_patients", "p_all", "q_all"]].isna().all(axis=None)
    passed = claims.q_asked < 0.05
    assert (claims.holds[~passed] == False).all()  # noqa: E712
    assert not claims.holds.fillna(False).any()
    assert "The question of patients was not asked" in repr(found)
    both = found.gene_sets[["p", "p_genes"]].astype(float).max(axis=1, skipna=False)
    pd.testing.assert_series_equal(found.gene_sets.p_asked, both, check_names=False)


def test_a_claim_that_passes_what_was_asked_is_neither_held_nor_refused(values):
    matrix = expression_matrix("desikan_killiany").loc[LEFT]
    smooth = associate(matrix.iloc[:, 0], n_nulls=N_NULLS, choices=QUICK, gene_sets=FEW_SETS)
    claims = smooth.findings
    genes = claims[(claims.kind == "gene_list") & (claims.q_asked < 0.05)]
    assert genes.holds.isna().all()


def test_with_patients_all_three_questions_are_answered(asked, found):
    claims = asked.findings
    assert "q_asked" not in claims and claims.holds.notna().all()
    assert claims.p_patients[claims.kind != "gene_list"].notna().all()
    assert "not asked" not in repr(asked)
    same = ["set_id", "score", "p", "p_genes"]
    pd.testing.assert_frame_equal(asked.gene_sets[same], found.gene_sets[same])


def test_random_sets_are_grown_once_for_many_maps(values, found, monkeypatch):
    again = associate(values[::-1] * 2 + 1, n_nulls=N_NULLS, choices=QUICK, gene_sets=FEW_SETS)
    expected = found.gene_sets

    def grown_again(*_):
        raise AssertionError("they know nothing of the map")

    monkeypatch.setattr(tables_of_map, "random_sets_for", grown_again)
    columns = ["set_id", "score", "coexpression", "n_matched"]
    pd.testing.assert_frame_equal(again.gene_sets[columns], expected[columns])


def test_the_same_map_gives_the_same_tables(values, found):
    again = associate(
        values.rename(lambda name: name.replace("lh_", "L_")), n_nulls=N_NULLS, choices=QUICK
    )
    pd.testing.assert_frame_equal(again.genes, found.genes)
    other = associate(values, n_nulls=N_NULLS, seed=1, choices=QUICK)
    assert not again.components.p_spatial.equals(other.components.p_spatial)


def test_it_reads_well_in_a_notebook(found):
    html = found._repr_html_()
    assert "<table" in html and "34 parcels of desikan_killiany" in html
    assert "PLS1" in html and "PLS1 explains" in repr(found)


@pytest.mark.parametrize("figure", ["genes", "pathways", "cell_types", "term_network"])
def test_the_figures_of_the_report_are_drawn(found, figure):
    drawn = found.plot(figure)
    assert drawn.get_size_inches()[0] == pytest.approx(183 / 25.4, abs=0.3)


def test_an_unknown_figure_or_table_is_named_with_those_there_are(found):
    with pytest.raises(KeyError, match="pathways"):
        found.plot("gens")
    with pytest.raises(KeyError, match="pls_genes"):
        found.table("parcel_gmv")


def test_the_rates_stand_beside_the_components_once_the_calibration_was_asked_for(values):
    quick = Choices(
        bootstraps=60,
        lengths_mm=(20.0,),
        calibration_maps=20,
        component_maps=20,
        calibration_nulls=19,
    )
    few = expression_matrix("desikan_killiany").loc[LEFT].iloc[:, :3000]
    found = associate(values, n_nulls=19, choices=quick, expression=few)
    assert found.components.false_positive_rate_05.isna().all()
    rates = found.calibration
    assert set(rates.statistic) >= {"r2_y_component_1", "gene_p_spatial", "gene_set_spatial"}
    assert found.components.false_positive_rate_05.notna().tolist() == [True, False]


def test_another_parcellation_needs_expression_and_then_is_compared(values):
    with pytest.raises(StudyError, match="No gene expression is packaged"):
        associate(np.zeros(180), "hcp_mmp")
    left = parcels("hcp_mmp").query("hemisphere == 'L'")
    drawn = np.random.default_rng(3).normal(size=(180, 40))
    matrix = pd.DataFrame(
        drawn, list(left.parcel), list(expression_matrix("desikan_killiany").columns[:40])
    )
    found = associate(np.arange(180.0), "hcp_mmp", expression=matrix, n_nulls=19)
    assert len(found.components) == 2 and found.components.r2_y[0] > 0


def test_what_does_not_fit_together_is_refused(values):
    without = [one for one in LEFT if one != "lh_insula"]
    with pytest.raises(StudyError, match="no null model mora.*moran"):
        associate(values, nulls="mora")
    with pytest.raises(MapError, match="no column for lh_insula"):
        associate(values, changes=pd.DataFrame(np.ones((5, 33)), columns=without))
    with pytest.raises(MapError, match="5 columns and 34 parcels"):
        associate(values, changes=np.ones((5, 5)))
    with pytest.raises(MapError, match="parcels as rows"):
        associate(values, expression=expression_matrix("desikan_killiany").T)


def test_changes_of_another_map_or_sign_are_refused(values):
    noise = np.random.default_rng(2).normal(size=(12, len(LEFT)))
    changes = pd.DataFrame(noise, columns=LEFT) + values
    with pytest.raises(MapError, match="neither the mean nor the t of these changes"):
        associate(values, changes=-changes)
