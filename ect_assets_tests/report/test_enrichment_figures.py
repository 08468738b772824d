"""The figures of enrichment show what the tables say, and that patients are simulated."""

from __future__ import annotations

import struct

import pandas as pd
import pytest
from matplotlib.figure import Figure

from ect_assets.report.figures import enrichment_figures as figures


@pytest.fixture
def go():
    """Three enriched terms of one direction and none of the other."""
    return pd.DataFrame(
        {
            "direction": "PLS1+",
            "set_id": ["GO:1", "GO:2", "GO:3", "GO:4"],
            "set_name": ["synapse", "axon", "dendrite", "nucleus"],
            "n_overlap": [10, 20, 30, 5],
            "fold_enrichment": [4.0, 3.0, 2.0, 1.1],
            "p": [1e-8, 1e-6, 1e-4, 0.5],
            "q": [1e-6, 1e-4, 1e-2, 0.9],
            "cluster_id": [1, 1, 2, 0],
            "cluster_representative": [True, False, True, False],
        }
    )


@pytest.fixture
def cell_types():
    """One cell type that passes both nulls, one that passes neither."""
    return pd.DataFrame(
        {
            "cell_type": ["neurons", "glia"],
            "nes": [1.8, -0.7],
            "q_gene": [0.001, 0.4],
            "q_spatial": [0.01, 0.9],
        }
    )


@pytest.fixture
def drawn(go, cell_types):
    """Return a function that draws each figure."""
    ranking = pd.Series([2.0, 1.0, -1.0, -3.0], index=["a", "b", "c", "d"])
    members = pd.DataFrame({"set_name": ["neurons", "glia"], "gene": ["a", "d"]})
    links = pd.DataFrame({"set_id_a": ["GO:1"], "set_id_b": ["GO:2"], "kappa": [0.8]})
    return {
        "dot_plot": lambda simulated: figures.dot_plot(go, simulated),
        "cell_type_bars": lambda simulated: figures.cell_type_bars(cell_types, simulated),
        "running_sums": lambda simulated: figures.running_sums(
            ranking, members, cell_types, simulated
        ),
        "term_network": lambda simulated: figures.term_network(links, go.head(3), simulated),
    }


NAMES = ["dot_plot", "cell_type_bars", "running_sums", "term_network"]


def texts(figure: Figure) -> str:
    """Return all that is written in a figure."""
    return " ".join(one.get_text() for one in figure.findobj() if hasattr(one, "get_text"))


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_a_png_as_wide_as_the_ui_shows_it(drawn, name):
    png = figures.png_bytes(drawn[name](False))
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">I", png[16:20]) == (900,)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_says_simulated_where_patients_are_and_only_there(drawn, name):
    assert "simulated patients" in texts(drawn[name](True))
    assert "simulated" not in texts(drawn[name](False))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_table_gives_the_same_bytes(drawn, name):
    assert figures.png_bytes(drawn[name](True)) == figures.png_bytes(drawn[name](True))


def test_only_enriched_terms_are_drawn(drawn):
    written = texts(drawn["dot_plot"](False))
    assert "dendrite" in written and "nucleus" not in written
    assert "PLS1+: 3 terms" in written and "no term has q" in written


def test_colours_reach_to_the_smallest_q(go):
    figure = figures.dot_plot(go)
    bar = next(axes for axes in figure.axes if "q, genes" in axes.get_ylabel())
    assert bar.get_ylim()[1] == pytest.approx(6)


def test_both_q_of_a_cell_type_are_written(drawn):
    written = texts(drawn["cell_type_bars"](False))
    assert "neurons" in written and "0.400" in written and "0.900" in written


def test_a_study_without_enriched_terms_still_has_a_figure(go):
    assert figures.png_bytes(figures.dot_plot(go.tail(1))).startswith(b"\x89PNG")
