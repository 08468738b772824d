"""The figures and the section of the contrasts show each of them, as its tables have it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from ect_assets.lake.catalogue import connect
from ect_assets.reference import loaders
from ect_assets.report.figures.contrast_figures import (
    CONTRAST_EXHIBITS,
    draw_contrasts,
    draw_designs,
)
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.maps.parcels_on_surface import surface_of
from ect_assets.report.pages.contrast_sections import question
from ect_assets.report.pages.facts import Facts
from ect_assets.report.pages.writing import write_section
from ect_assets.study import Contrast, load_study
from ect_assets_tests.report.figure_reading import is_not_empty, panels, written

HERE = "desikan_killiany"


@pytest.fixture(scope="module")
def study(filled_input):
    return load_study(filled_input)


@pytest.fixture(scope="module")
def setting(study):
    surface = surface_of(study, HERE)
    return Setting(HERE, ("pre", "post"), "moran", simulated=True, surface=surface)


def maps(names):
    parcels = loaders.parcels(HERE).query("structure == 'cortex'").parcel
    t = np.linspace(-4, 4, len(parcels))
    return pd.concat(
        pd.DataFrame({"contrast": one, "parcel": parcels, "t": t, "q": 0.2, "n": 12, "unit": "mm3"})
        for one in names
    )


def test_every_contrast_has_a_map_under_what_it_asks(setting, tmp_path):
    setting = replace(setting, contrasts={"dose": "Change per session of ECT"})
    figure = draw_contrasts({"maps": maps(["dose", "placement"])}, setting)
    text = written(figure)
    assert "Change per session of ECT, n = 12" in text and "placement, n = 12" in text
    assert is_not_empty(figure, tmp_path)


def test_more_contrasts_than_a_page_has_room_for_are_counted(setting):
    figure = draw_contrasts({"maps": maps([f"c{one}" for one in range(7)])}, setting)
    assert "2 more" in written(figure) and "contrast_maps" in written(figure)


def test_a_design_is_drawn_in_the_order_of_the_column_that_is_tested(setting, tmp_path):
    rng = np.random.default_rng(0)
    dose = rng.permutation(np.arange(10.0)) - 4.5
    columns = {"mean": np.ones(10), "dose": dose, "age": rng.normal(size=10)}
    rows = pd.concat(
        pd.DataFrame({"row": np.arange(10), "column": name, "value": values})
        for name, values in columns.items()
    ).assign(contrast="slope", session=None, is_tested=lambda one: one["column"] == "dose")
    figure = draw_designs({"designs": rows}, setting)
    (panel,) = (one for one in panels(figure) if one.get_images())
    drawn = np.asarray(panel.get_images()[0].get_array())
    np.testing.assert_allclose(drawn[:, 1], np.sort(dose) / 4.5)
    assert [one.get_weight() for one in panel.get_xticklabels()] == ["normal", "bold", "normal"]
    assert "10 participants" in written(figure)
    assert is_not_empty(figure, tmp_path)


def test_the_exhibits_of_a_study_are_drawn_from_its_tables(study, setting):
    with connect(study.open_lake()) as connection:
        for exhibit in CONTRAST_EXHIBITS:
            frames = exhibit.frames(connection, setting)
            assert exhibit.why_absent(frames, setting) is None
            (frame,) = frames.values()
            assert set(frame.contrast) == set(study.contrasts)


def test_the_section_says_what_each_contrast_asks_and_found(study, setting):
    with connect(study.open_lake()) as connection:
        section = write_section("contrasts", Facts(connection, setting), study)
        (n_found,) = connection.execute(
            "SELECT count(*) FROM contrast_maps WHERE contrast = 'adjusted_change' AND q < 0.05 "
            f"AND parcellation = '{HERE}'"
        ).fetchone()
    points = str(section.blocks[0].html).split("<dt>")[1:]
    said = {words.partition("</dt>")[0]: words for words in points}
    assert set(said) == set(study.contrasts)
    for name, words in said.items():
        assert escape(study.contrasts[name].title) in words
    assert f">{n_found}</a> of" in said["adjusted_change"]


def test_a_study_without_contrasts_has_no_section_of_them(study, setting):
    bare = study.model_copy(update={"contrasts": {}})
    with connect(study.open_lake()) as connection:
        assert write_section("contrasts", Facts(connection, setting), bare) is None


GROUPS = {"by": "arm", "groups": ("a", "b")}


@pytest.mark.parametrize(
    ("contrast", "words"),
    [
        (Contrast(kind="change", only={"arm": ("a",)}), "Mean change, among arm a"),
        (Contrast(kind="difference", **GROUPS), "Difference of change, arm a minus b"),
        (Contrast(kind="slope", on="n_ect"), "Slope of change on n_ect"),
        (Contrast(kind="baseline", **GROUPS), "Before treatment, arm a minus b"),
        (Contrast(kind="baseline", on="age_years"), "Before treatment, slope on age_years"),
        (Contrast(kind="change", title="What I ask."), "What I ask"),
    ],
)
def test_a_contrast_is_written_as_its_question(contrast, words):
    assert question(contrast) == words
