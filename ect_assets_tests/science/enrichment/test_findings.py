"""Tests of the table of claims."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ect_assets.science.enrichment.findings import COLUMNS, findings, verdicts


@pytest.fixture
def tables():
    """The tables that findings are made from, by argument."""
    return {
        "components": pd.DataFrame(
            {
                "component": [1, 2, 1, 2],
                "null_model": ["vasa", "vasa", "moran", "moran"],
                "r2_y": [0.3, 0.1, 0.3, 0.1],
                "p_spatial": [0.01, 0.6, 0.02, 0.7],
                "p_patients": [0.004, 0.03] * 2,
                "replication": [0.8, np.nan] * 2,
            }
        ),
        "influence": pd.DataFrame(
            {
                "component": [1, 1, 1, 1, 2, 2, 2, 2],
                "parcel": list("abcd") * 2,
                "delta_r2": [0.1, -0.2, 0.3, 0.2, 0.0, 0.1, 0.2, 0.3],
            }
        ),
        "genes": pd.DataFrame(
            {
                "component": 1,
                "gene": list("ABCDE"),
                "direction": ["PLS1+", "PLS1+", "PLS1-", "PLS1-", None],
                "z": [5.0, 6.0, -5.0, -7.0, 1.0],
                "n_listed_low": [1, 1, 2, 2, 1],
                "n_listed_high": [4, 4, 3, 3, 4],
                "q_bootstrap": [1e-4, 1e-5, 1e-4, 1e-6, 0.4],
                "q_spatial": [0.04, 0.2, 0.06, 0.3, 0.001],
                "p_spatial": [0.004, 0.1, 0.012, 0.3, 0.0001],
                "p_patients": [0.006, 0.002, 0.2, 0.001, 0.0001],
                "q_patients": [0.01, 0.005, 0.2, 0.005, 0.0005],
            }
        ),
        "go": pd.DataFrame(
            {
                "direction": ["PLS1+", "PLS1+", "PLS1-", "PLS1-"],
                "set_id": ["GO:1", "GO:2", "GO:1", "GO:3"],
                "set_name": ["one", "two", "one", "three"],
                "fold_enrichment": [2.0, 1.1, 1.5, 3.0],
                "p": [1e-4, 0.2, 1e-3, 1e-5],
                "q": [0.01, 0.3, 0.02, 0.001],
            }
        ),
        "cell_types": pd.DataFrame(
            {
                "cell_type": ["neurons", "glia"],
                "nes": [1.8, -1.6],
                "p_gene": [0.001, 0.002],
                "q_gene": [0.002, 0.002],
                "p_spatial": [0.01, 0.3],
                "q_spatial": [0.02, 0.3],
            }
        ),
        "gene_set_spatial": pd.DataFrame(
            {
                "set_id": ["GO:1", "GO:2", "GO:3", "N", "G"] * 2,
                "set_name": ["one", "two", "three", "neurons", "glia"] * 2,
                "null_model": ["moran"] * 5 + ["vasa"] * 5,
                "score": [0.2, 0.1, -0.2, 0.2, -0.1] * 2,
                "p": [0.001, 0.2, 0.03, 0.01, 0.3] + [0.9] * 5,
                "q": [0.01, 0.3, 0.2, 0.02, 0.3] + [0.9] * 5,
                "p_patients": [0.002, 0.1, 0.001, 0.004, 0.001] + [None] * 5,
                "q_patients": [0.01, 0.1, 0.005, 0.01, 0.005] + [None] * 5,
                "p_genes": [0.003, 0.4, 0.002, 0.006, 0.001] + [None] * 5,
                "q_genes": [0.01, 0.4, 0.01, 0.01, 0.01] + [None] * 5,
                "p_all": [0.003, 0.4, 0.03, 0.01, 0.3] + [None] * 5,
                "q_all": [0.015, 0.4, 0.2, 0.03, 0.3] + [None] * 5,
                "replication": [0.9, 0.1, 0.8, 0.7, 0.9] + [None] * 5,
                "parcels": ["a;b;c"] * 5 + [None] * 5,
            }
        ),
    }


@pytest.fixture
def found(tables):
    """The claims, by kind, name and direction."""
    return findings(**tables, primary_null="moran").set_index(["kind", "name", "direction"])


def test_the_columns_are_those_of_the_table_and_keys_are_unique(tables):
    claims = findings(**tables, primary_null="moran")
    assert list(claims.columns) == COLUMNS
    assert not claims.duplicated(["kind", "name", "direction"]).any()
    assert claims["holds"].dtype == bool


def test_a_component_has_the_p_of_the_vasa_spins_and_of_the_primary_null(found):
    first = found.loc["component", "PLS1", "both"]
    assert (first["p_published"], first["p_spatial"]) == (0.01, 0.02)
    assert (first["q_published"], first["q_spatial"]) == (0.02, 0.04)
    assert first["holds"]
    assert not found.loc["component", "PLS2", "both"]["holds"]


def test_a_component_is_asked_of_patients_and_space_and_names_its_parcels(found):
    first, second = (found.loc["component", name, "both"] for name in ("PLS1", "PLS2"))
    assert (first["p_patients"], first["q_patients"]) == (0.004, 0.008)
    assert (first["p_all"], first["q_all"]) == (0.02, 0.04)
    assert np.isnan(first["p_genes"]) and first["replication"] == 0.8
    assert (first["parcels"], second["parcels"]) == ("c;d;a", "d;c;b")


def test_a_component_that_the_patients_do_not_show_does_not_hold(tables):
    tables["components"] = tables["components"].assign(p_patients=[0.06, 0.9] * 2)
    claims = findings(**tables, primary_null="moran")
    assert not claims[claims["kind"] == "component"]["holds"].any()


def test_a_component_needs_no_published_null(tables):
    components = tables["components"]
    tables["components"] = components[components["null_model"] == "moran"]
    claims = findings(**tables, primary_null="moran")
    first = claims[claims["kind"] == "component"].iloc[0]
    assert np.isnan(first["p_published"])
    assert first["holds"]


def test_a_gene_list_holds_where_one_of_its_genes_does(found):
    plus, minus = (found.loc["gene_list", f"{side} genes", side] for side in ("PLS1+", "PLS1-"))
    assert (plus["effect"], plus["q_spatial"], plus["holds"]) == (2, 0.04, True)
    assert (minus["effect"], minus["q_spatial"], minus["holds"]) == (2, 0.06, False)
    assert np.isnan(plus["p_published"])
    # Gene A has .006 as its larger p, the second of five: E has .0001.
    assert (plus["q_patients"], plus["q_all"]) == (0.005, pytest.approx(0.006 * 5 / 2))
    assert minus["q_all"] > 0.05


def test_a_gene_list_has_the_interval_of_its_length_and_no_other_claim_has_one(found):
    interval = found[["effect_low", "effect_high"]]
    assert interval.loc["gene_list", "PLS1+ genes", "PLS1+"].to_list() == [1, 4]
    assert interval.loc["gene_list", "PLS1- genes", "PLS1-"].to_list() == [2, 3]
    assert interval[found.index.get_level_values("kind") != "gene_list"].isna().all(axis=None)


def test_an_empty_gene_list_does_not_hold(tables):
    tables["genes"] = tables["genes"].assign(direction=pd.Series([None] * 5, dtype="str"))
    claims = findings(**tables, primary_null="moran")
    lists = claims[claims["kind"] == "gene_list"]
    assert list(lists["effect"]) == [0, 0]
    assert not lists["holds"].any()


def test_only_terms_that_the_field_would_report_are_claims(found):
    assert set(found.loc["go_term"].index) == {
        ("one (GO:1)", "PLS1+"),
        ("one (GO:1)", "PLS1-"),
        ("three (GO:3)", "PLS1-"),
    }


def test_a_term_holds_where_it_survives_space(found):
    term = found.loc["go_term", "one (GO:1)", "PLS1+"]
    assert (term["effect"], term["q_published"], term["q_spatial"]) == (2.0, 0.01, 0.01)
    assert term["holds"]
    assert not found.loc["go_term", "three (GO:3)", "PLS1-"]["holds"]


def test_a_term_whose_genes_go_the_other_way_does_not_hold(found):
    term = found.loc["go_term", "one (GO:1)", "PLS1-"]
    assert term["q_published"] < 0.05
    assert term["q_spatial"] < 0.05
    assert not term["holds"]


def test_cell_types_take_their_direction_from_the_sign_of_nes(found):
    assert found.loc["cell_type", "neurons", "PLS1+"]["holds"]
    assert not found.loc["cell_type", "glia", "PLS1-"]["holds"]


def test_without_enriched_terms_the_other_claims_remain(tables):
    tables["go"] = tables["go"].assign(q=1.0)
    claims = findings(**tables, primary_null="moran")
    assert set(claims["kind"]) == {"component", "gene_list", "cell_type"}


def test_a_missing_q_is_no_finding():
    q = pd.DataFrame({"q_published": [0.01, None, 0.01], "q_all": [0.01, 0.01, None]})
    assert list(verdicts(q)) == [True, True, False]


def test_the_level_itself_is_not_below_it():
    q = pd.DataFrame({"q_published": [0.01], "q_all": [0.05]})
    assert not verdicts(q).any()


def test_a_primary_null_without_rows_is_named(tables):
    with pytest.raises(ValueError, match="burt has no rows .* found: moran, vasa"):
        findings(**tables, primary_null="burt")


def test_a_reported_term_without_spatial_test_is_named(tables):
    spatial = tables["gene_set_spatial"]
    tables["gene_set_spatial"] = spatial[spatial["set_id"] != "GO:3"]
    with pytest.raises(ValueError, match="GO:3 is reported but has no row"):
        findings(**tables, primary_null="moran")
