"""The figures of a whole study show each parcellation, and only count what agrees."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from ect_assets.report.figures.figure_style import figure_bytes
from ect_assets.report.figures.overview_figures import (
    N_PAIRS,
    N_TERMS,
    OVERVIEW_EXHIBITS,
    draw_claims,
    draw_robustness,
    drawn_claims,
)
from ect_assets.report.figures.overview_panels import held_in
from ect_assets_tests.report.figure_reading import (
    ODD_NAME,
    SETTING,
    is_not_empty,
    panel_with,
    panels,
    set_as_mathematics,
    texts,
    written,
)

EXHIBITS = {exhibit.name: exhibit for exhibit in OVERVIEW_EXHIBITS}
PAIR = ["parcellation_a", "parcellation_b"]


def robustness(parcellations):
    """Return what the first figure is drawn from, for some parcellations."""
    random = np.random.default_rng(0)
    components = pd.DataFrame(
        [
            {"parcellation": name, "null_model": model, "r2_y": 0.2 + place / 10, "p_spatial": p}
            for place, name in enumerate(parcellations)
            for model, p in (("moran", 0.03), ("vasa", 0.2))
        ]
    )
    pairs = list(itertools.combinations(parcellations, 2))
    agreement = pd.DataFrame(pairs, columns=PAIR).assign(n_genes=50, r=0.61, same_sign=0.72)
    genes = [
        pd.DataFrame({"z_a": random.normal(size=50), "z_b": random.normal(size=50)}).assign(
            parcellation_a=first, parcellation_b=second, gene=[f"G{i}" for i in range(50)]
        )
        for first, second in pairs
    ]
    nothing = pd.DataFrame(columns=[*PAIR, "gene", "z_a", "z_b"])
    genes = pd.concat(genes) if genes else nothing
    return {"components": components, "agreement": agreement, "genes": genes}


@pytest.fixture
def claims():
    """A cell type that holds one way here and the other way there, and one that holds twice."""
    rows = [
        ("component", "PLS1", "small", "both", 0.2, 0.3, False),
        ("component", "PLS1", "large", "both", 0.01, 0.01, True),
        ("cell_type", "astrocytes", "small", "PLS1+", 0.01, 0.01, True),
        ("cell_type", "astrocytes", "large", "PLS1-", 0.01, 0.01, True),
        ("cell_type", ODD_NAME, "small", "PLS1+", 0.01, 0.01, True),
        ("cell_type", ODD_NAME, "large", "PLS1+", 0.01, 0.01, True),
        ("go_term", "synapse (GO:1)", "small", "PLS1-", 0.01, 0.9, False),
    ]
    columns = ["kind", "name", "parcellation", "direction", "q_published", "q_spatial", "holds"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def cell_types():
    """Two cell types in two parcellations, one of which passes in space in one of them."""
    return pd.DataFrame(
        {
            "parcellation": ["large", "large", "small", "small"],
            "cell_type": ["astrocytes", ODD_NAME] * 2,
            "nes": [-1.5, 1.2, 0.8, 1.4],
            "q_gene": 0.01,
            "q_spatial": [0.5, 0.01, 0.6, 0.7],
        }
    )


@pytest.fixture
def drawn(claims, cell_types):
    """Return a function that draws each figure by its name."""
    frames = robustness(["large", ODD_NAME]) | {"claims": claims, "cell_types": cell_types}
    return lambda name: EXHIBITS[name].draw(frames, SETTING)


@pytest.mark.parametrize("name", EXHIBITS)
def test_a_figure_has_something_in_it(drawn, name, tmp_path):
    assert is_not_empty(drawn(name), tmp_path)


@pytest.mark.parametrize("name", EXHIBITS)
def test_the_same_tables_give_the_same_bytes(drawn, name):
    assert figure_bytes(drawn(name), "svg") == figure_bytes(drawn(name), "svg")


@pytest.mark.parametrize("name", EXHIBITS)
def test_an_odd_name_stands_as_it_is(drawn, name):
    figure = drawn(name)
    assert ODD_NAME in written(figure) and set_as_mathematics(figure) == []


def test_each_parcellation_has_a_bar_of_its_variance():
    figure = draw_robustness(robustness(["large", "small"]), SETTING)
    bars = panel_with(figure, "variance explained").patches
    assert [bar.get_width() for bar in bars] == pytest.approx([20, 30])


def test_each_null_model_has_a_p_in_each_parcellation():
    panel = panel_with(draw_robustness(robustness(["large", "small"]), SETTING), "p of PLS1")
    drawn = {line.get_label(): list(line.get_xdata()) for line in panel.lines if line.get_marker()}
    assert drawn["Moran, primary"] == [0.03, 0.03] and drawn["spin (Vasa)"] == [0.2, 0.2]


def test_a_pair_of_parcellations_shows_each_gene_once():
    panel = panel_with(draw_robustness(robustness(["large", "small"]), SETTING), "r = 0.61")
    assert "72 % of the same sign" in panel.get_title("left")
    assert panel.collections[0].get_array().sum() == 50


def test_one_parcellation_alone_is_drawn_without_pairs():
    figure = draw_robustness(robustness(["small"]), SETTING)
    assert len(panels(figure)) == 2


def test_pairs_that_are_not_drawn_are_counted():
    figure = draw_robustness(robustness(["a", "b", "c", "d"]), SETTING)
    assert f"{6 - N_PAIRS} more pairs not drawn" in written(figure)


def test_scores_are_those_of_the_table_and_filled_where_they_pass_in_space(claims, cell_types):
    figure = draw_claims({"claims": claims, "cell_types": cell_types}, SETTING)
    panel = panel_with(figure, "normalised enrichment score")
    marks = {
        round(x, 3): line.get_markerfacecolor() != "white"
        for line in panel.lines
        for x in line.get_xdata()
        if line.get_marker() in ("o", "s")
    }
    assert marks == {-1.5: False, 1.2: True, 0.8: False, 1.4: False}


def test_opposite_directions_do_not_confirm_each_other(claims):
    held = held_in(claims)
    assert held["cell_type", "astrocytes"] == 1 and held["cell_type", ODD_NAME] == 2


def test_each_claim_says_in_how_many_parcellations_it_holds(claims, cell_types):
    said = texts(draw_claims({"claims": claims, "cell_types": cell_types}, SETTING))
    assert said.count("2 of 2") == 1 and said.count("1 of 2") == 2 and said.count("0 of 2") == 1


def test_a_claim_that_holds_is_filled(claims, cell_types):
    figure = draw_claims({"claims": claims, "cell_types": cell_types.head(0)}, SETTING)
    marks = [line for panel in panels(figure) for line in panel.lines if line.get_marker() in "^vo"]
    assert sum(line.get_markerfacecolor() != "white" for line in marks) == claims["holds"].sum()


def test_of_many_terms_the_most_common_are_drawn_and_the_others_counted(claims, cell_types):
    many = pd.concat(
        [claims.tail(1).assign(name=f"term {number}") for number in range(N_TERMS + 3)]
    )
    figure = draw_claims({"claims": pd.concat([claims, many]), "cell_types": cell_types}, SETTING)
    assert "4 more Gene Ontology terms not drawn" in written(figure)


def test_claims_that_hold_come_first_within_their_kind(claims):
    names = list(dict.fromkeys(drawn_claims(claims)["name"]))
    assert names == ["PLS1", ODD_NAME, "astrocytes", "synapse (GO:1)"]


def test_without_claims_the_figure_is_left_out_with_a_reason(claims, cell_types):
    frames = {"claims": claims.head(0), "cell_types": cell_types}
    assert EXHIBITS["figure_2_findings"].why_absent(frames, SETTING) is not None
