"""The figures of genes show what their tables say, with whatever names and however little."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from ect_assets.report.figures import gene_figures
from ect_assets.report.figures.figure_style import DOWN, UP, figure_bytes
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels
from ect_assets.science.statistics.multiple_comparisons import LEVEL
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

N_GENES = 60
EXHIBITS = {exhibit.name: exhibit for exhibit in gene_figures.GENE_EXHIBITS}


@pytest.fixture
def genes():
    """Sixty genes: the first five and the last four listed, one of each side passes in space."""
    z = np.linspace(6, -5, N_GENES)
    direction = [None] * N_GENES
    direction[:5] = ["PLS1+"] * 5
    direction[-4:] = ["PLS1-"] * 4
    q_spatial = np.full(N_GENES, 0.5)
    q_spatial[[0, -1]] = 0.01
    names = [ODD_NAME, *(f"GENE{number}" for number in range(1, N_GENES))]
    return pd.DataFrame(
        {
            "rank": range(1, N_GENES + 1),
            "gene": names,
            "z": z,
            "direction": pd.Series(direction, dtype="str"),
            "q_spatial": q_spatial,
        }
    )


@pytest.fixture
def association(genes):
    """What Figure 3 is drawn from, with two null models."""
    random = np.random.default_rng(0)
    t = random.normal(size=12)
    return {
        "scores": pd.DataFrame(
            {"parcel": [f"p{i}" for i in range(12)], "t": t, "score": t + random.normal(size=12)}
        ),
        "components": pd.DataFrame(
            {
                "null_model": ["moran", "vasa"],
                "r2_y": 0.25,
                "r": 0.5,
                "p_spatial": [0.012, 0.0004],
                "n_nulls": 1000,
            }
        ),
        "null_distributions": pd.DataFrame(
            {
                "null_model": ["moran"] * 30 + ["vasa"] * 20,
                "null_id": [*range(30), *range(20)],
                "r": random.uniform(0, 1, 50),
            }
        ),
        "genes": genes,
    }


@pytest.fixture
def terms():
    """Three terms of one direction, one of which passes in space, and one of the other."""
    return pd.DataFrame(
        {
            "direction": ["PLS1+", "PLS1+", "PLS1+", "PLS1-"],
            "set_id": ["GO:1", "GO:2", "GO:3", "GO:4"],
            "set_name": [ODD_NAME, "axon", "dendrite", "nucleus"],
            "namespace": "CC",
            "n_list": 100,
            "n_set": 50,
            "n_overlap": [10, 20, 30, 5],
            "fold_enrichment": [4.0, 3.0, 2.0, 1.5],
            "p": [1e-8, 1e-6, 1e-4, 1e-3],
            "q": [1e-6, 1e-4, 1e-2, 0.04],
            "p_spatial": [0.2, 0.0001, 0.2, 0.2],
            "q_spatial": [0.678, 0.012, 0.345, 0.9],
            "cluster_id": [1.0, 1.0, 2.0, np.nan],
            "cluster_representative": [True, False, True, None],
        }
    )


@pytest.fixture
def pathways(terms):
    """What Figure 4 and the network are drawn from."""
    links = {"direction": ["PLS1+"], "set_id_a": ["GO:1"], "set_id_b": ["GO:2"], "kappa": [0.8]}
    return {
        "tested_terms": pd.DataFrame({"direction": ["PLS1+", "PLS1-"], "terms": [9, 9]}),
        "enriched_terms": terms,
        "links": pd.DataFrame(links),
    }


@pytest.fixture
def cell_types(genes):
    """What Figure 5 is drawn from: three cell types, one of them without a score."""
    frame = pd.DataFrame(
        {
            "cell_type": [ODD_NAME, "glia", "unknown"],
            "n_set": [7, 6, 5],
            "nes": [1.8, -0.7, np.nan],
            "q_gene": [0.001, 0.4, 1.0],
            "q_spatial": [0.01, 0.9, 1.0],
            "n_in_pls_plus": [4, 0, 1],
            "q_in_pls_plus": [0.002, 1.0, 0.8],
            "n_in_pls_minus": [1, 3, 0],
            "q_in_pls_minus": [0.7, 0.03, 1.0],
        }
    )
    members = [
        (name, f"GENE{number}")
        for name, some in zip(frame["cell_type"], (range(1, 8), range(50, 56), range(20, 25)),
                              strict=True)
        for number in some
    ]  # fmt: skip
    return {
        "cell_types": frame,
        "ranking": genes[["gene", "rank", "z"]],
        "members": pd.DataFrame(members, columns=["set_name", "gene"]),
    }


@pytest.fixture
def drawn(association, pathways, cell_types):
    """Return a function that draws each figure by its name."""
    frames = {**association, **pathways, **cell_types}
    return lambda name: EXHIBITS[name].draw(frames, SETTING)


@pytest.mark.parametrize("name", EXHIBITS)
def test_a_figure_has_something_in_it(drawn, name, tmp_path):
    assert is_not_empty(drawn(name), tmp_path)


@pytest.mark.parametrize("name", EXHIBITS)
@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_the_same_tables_give_the_same_bytes(drawn, name, file_format):
    assert figure_bytes(drawn(name), file_format) == figure_bytes(drawn(name), file_format)


@pytest.mark.parametrize("name", EXHIBITS)
def test_an_odd_name_stands_as_it_is(drawn, name):
    figure = drawn(name)
    assert ODD_NAME in written(figure) and set_as_mathematics(figure) == []


@pytest.mark.parametrize("name", EXHIBITS)
def test_nothing_is_written_smaller_than_six_points(drawn, name):
    figure = drawn(name)
    sizes = [one.get_fontsize() for one in figure.findobj(lambda a: hasattr(a, "get_fontsize"))]
    assert min(sizes) >= 6


@pytest.mark.parametrize("name", EXHIBITS)
def test_a_figure_says_that_patients_are_simulated(drawn, name):
    assert "simulated patients" in written(drawn(name))


def test_a_figure_without_surface_has_no_maps_but_all_else(association):
    figure = gene_figures.draw_genes(association, SETTING)
    assert "Change of gray matter volume" not in written(figure)
    assert [one for one in texts(figure) if one in "abcd"] == ["a", "b", "c"]


def test_a_figure_with_surface_has_both_maps(association):
    parcel_of = np.arange(10242) // 900
    surface = SurfaceParcels(pd.Index(association["scores"]["parcel"]), parcel_of, parcel_of)
    figure = gene_figures.draw_genes(association, replace(SETTING, surface=surface))
    said = texts(figure)
    assert {"Change of gray matter volume", "PLS1 of gene expression"} <= set(said)
    assert [one for one in said if one in "abcd"] == ["a", "b", "c", "d"]


def test_points_are_the_parcels(association):
    figure = gene_figures.draw_genes(association, SETTING)
    points = panel_with(figure, "PLS1 score").collections[0].get_offsets()
    np.testing.assert_array_equal(points, association["scores"][["t", "score"]])


def test_growth_and_loss_have_their_colours(association):
    figure = gene_figures.draw_genes(association, SETTING)
    colours = panel_with(figure, "PLS1 score").collections[0].get_facecolors()
    expected = [UP if t >= 0 else DOWN for t in association["scores"]["t"]]
    assert [to_hex(one).upper() for one in colours] == [to_hex(one).upper() for one in expected]


def test_each_null_model_has_its_maps_its_p_and_the_observed_r(association):
    figure = gene_figures.draw_genes(association, SETTING)
    for model, n_maps, p in (("Moran", 30, "p = 0.012"), ("spin (Vasa)", 20, "p < 0.001")):
        panel = panel_with(figure, model)
        assert sum(bar.get_height() for bar in panel.patches) == n_maps
        assert list(panel.lines[0].get_xdata()) == [0.5, 0.5]
        assert p in panel.get_title("left")


def test_the_primary_null_model_comes_first(association):
    figure = gene_figures.draw_genes(association, SETTING)
    titles = [one.get_title("left") for one in panels(figure) if " maps" in one.get_title("left")]
    assert titles[0].startswith("Moran, primary")


def test_genes_are_drawn_in_order_and_those_of_a_list_in_its_colour(association):
    panel = panel_with(gene_figures.draw_genes(association, SETTING), "z (bootstrap)")
    lines = {line.get_label(): line for line in panel.lines}
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), association["genes"]["z"])
    assert list(lines["PLS1+"].get_xdata()) == [1, 2, 3, 4, 5] and lines["PLS1+"].get_color() == UP
    assert list(lines["PLS1\u2212"].get_xdata()) == [57, 58, 59, 60]


def test_listed_genes_are_counted_beside_those_that_pass_in_space(association):
    said = written(gene_figures.draw_genes(association, SETTING))
    assert "PLS1+: 5 genes by bootstrap 1 on this side pass in space" in said
    assert "PLS1\u2212: 4 genes by bootstrap 1 on this side pass in space" in said


def test_a_study_without_listed_gene_says_zero(association):
    none = association["genes"].assign(direction=pd.Series([None] * N_GENES, dtype="str"))
    said = written(gene_figures.draw_genes(association | {"genes": none}, SETTING))
    assert "PLS1+: 0 genes by bootstrap" in said


def test_the_strongest_genes_of_both_ends_are_named(association):
    said = texts(gene_figures.draw_genes(association, SETTING))
    assert "GENE1" in said and "GENE59" in said and "GENE30" not in said


def test_both_q_of_a_term_are_written_and_the_one_that_passes_in_space_is_marked(pathways):
    said = texts(gene_figures.draw_pathways(pathways, SETTING))
    assert {"0.678", "0.012 *", "0.345"} <= set(said)


def test_a_term_that_passes_in_space_has_a_heavy_line(pathways):
    panel = panel_with(gene_figures.draw_pathways(pathways, SETTING), "PLS1+: 3 terms")
    terms = pathways["enriched_terms"].head(3)
    dots = panel.collections[1]
    widths = np.asarray(dots.get_linewidths())
    assert list(dots.get_offsets()[:, 0]) == list(terms["fold_enrichment"])
    np.testing.assert_array_equal(widths > 1, terms["q_spatial"] < LEVEL)


def test_without_any_enriched_term_the_figure_of_pathways_says_so(pathways):
    empty = pathways | {"enriched_terms": pathways["enriched_terms"].head(0)}
    assert written(gene_figures.draw_pathways(empty, SETTING)).count("no term has q < 0.05") == 2


def test_without_any_enriched_term_there_is_no_network(pathways):
    exhibit = EXHIBITS["supplementary_figure_4_term_network"]
    empty = pathways | {"enriched_terms": pathways["enriched_terms"].head(0)}
    assert exhibit.why_absent(empty, SETTING) is not None


def test_a_cell_type_is_written_with_both_q_and_its_genes_in_both_lists(cell_types):
    said = texts(gene_figures.draw_cell_types(cell_types, SETTING))
    assert {"0.400", "0.900", "4 (0.002)", "3 (0.030)"} <= set(said)


def test_bars_are_the_scores_and_one_that_passes_in_space_is_hatched(cell_types):
    panel = panel_with(gene_figures.draw_cell_types(cell_types, SETTING), "normalised enrichment")
    bars = {round(bar.get_width(), 3): bar.get_hatch() for bar in panel.patches}
    assert bars == {-0.7: None, 1.8: "///"}


def test_a_running_sum_rises_at_the_genes_of_its_cell_type(cell_types):
    panel = panel_with(gene_figures.draw_cell_types(cell_types, SETTING), "glia (6)")
    curve = panel.lines[0].get_ydata()
    assert set(np.flatnonzero(np.diff(curve) > 0) + 1) == set(range(50, 56))


def test_terms_stand_in_the_order_of_p(pathways):
    mixed = pathways["enriched_terms"].assign(p=[1e-4, 1e-8, 1e-6, 1e-3], q_spatial=0.5)
    said = texts(gene_figures.draw_pathways(pathways | {"enriched_terms": mixed}, SETTING))
    places = [said.index(name) for name in ("axon", "dendrite", ODD_NAME)]
    assert places == sorted(places)


def test_where_terms_are_few_all_of_them_are_named(pathways):
    said = texts(gene_figures.draw_term_network(pathways, SETTING))
    assert {"axon", "dendrite (1\u00a0term)"} <= set(said)
