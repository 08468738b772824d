"""The figure of symptoms shows what the tables say, with one instrument or several, or alone."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from ect_assets.report.figures import symptom_figures
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.figures.figure_style import DOWN, UP, figure_bytes, report_style
from ect_assets.report.figures.symptom_figures import FIGURE_2, MOST_INSTRUMENTS, draw_symptoms
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels, surface_parcels
from ect_assets.science.parcellations.atlas import packaged_atlas

ODD_NAME = "h$_1<b>&$_2"
SUBJECTS = [f"{place:02d}" for place in range(1, 7)]
BEFORE = np.array([20.0, 24, 18, 30, 22, 26])
AFTER = np.array([10.0, 4, 20, 12, 22, 5])


def setting(surface: SurfaceParcels | None = None, simulated: bool = False) -> Setting:
    """Say what is drawn."""
    return Setting("desikan_killiany", ("pre", "post"), "moran", simulated, surface)


def frames(*instruments: str) -> dict[str, pd.DataFrame]:
    """Make the answers of the lake for some instruments."""
    scores = pd.DataFrame({"subject": SUBJECTS, "baseline_score": BEFORE, "follow_up_score": AFTER})
    points = pd.DataFrame(
        {
            "subject": SUBJECTS,
            "score": np.linspace(-1.5, 1.5, 6),
            "improvement": BEFORE - AFTER,
            "predicted_improvement": [11.0, 12, 9, 13, 10, 14],
        }
    )
    of_each = range(len(instruments))
    return {
        "scores": _each(scores, instruments),
        "tests": pd.DataFrame(
            {
                "instrument": list(instruments),
                "n": 6,
                "mean_pre": BEFORE.mean(),
                "mean_post": AFTER.mean(),
                "t": [-3.456 + place for place in of_each],
                "df": 5,
                "p": 0.0123,
                "cohen_dz": -1.2345,
            }
        ),
        "associations": pd.DataFrame(
            {
                "instrument": list(instruments),
                "n": 6,
                "r": [0.912 - 0.1 * place for place in of_each],
                "p_perm": 0.0126,
                "p_perm_r2": 0.6,
                "r_cross_validated": -0.254,
                "p_cross_validated": 0.66,
            }
        ),
        "pls_scores": _each(points, instruments),
        "weights": pd.DataFrame(
            {
                "instrument": [*instruments, "x"][0],
                "parcel": ["lh_insula", "rh_insula"],
                "z": [3.0, -1.0],
                "q_perm": [0.01, 0.3],
            }
        ),
    }


def _each(frame: pd.DataFrame, instruments: tuple[str, ...]) -> pd.DataFrame:
    if not instruments:
        return frame.head(0).assign(instrument=pd.Series(dtype=str))
    return pd.concat([frame.assign(instrument=name) for name in instruments], ignore_index=True)


def texts(figure: Figure) -> list[str]:
    """Return all that is written in a figure, once it has been laid out."""
    with report_style():
        figure.draw_without_rendering()
    found = [one for one in figure.findobj() if hasattr(one, "get_text")]
    return [one.get_text() for one in found if one.get_text() and one.get_visible()]


def panels_of(figure: Figure, title: str) -> list:
    """Return the panels with a title."""
    return [one for one in figure.axes if one.get_title(loc="left") == title]


def test_every_patient_has_a_line_between_both_scores():
    (panel,) = panels_of(draw_symptoms(frames("hamd"), setting()), "hamd, n = 6")
    lines = {
        line.get_label(): tuple(line.get_ydata())
        for line in panel.lines
        if line.get_label() in SUBJECTS
    }
    assert lines == dict(zip(SUBJECTS, zip(BEFORE, AFTER, strict=True), strict=True))


def test_scores_that_rise_are_orange_and_those_that_fall_are_blue():
    (panel,) = panels_of(draw_symptoms(frames("hamd"), setting()), "hamd, n = 6")
    colours = {line.get_label(): to_hex(line.get_color()).upper() for line in panel.lines}
    assert (colours["03"], colours["01"]) == (UP, DOWN)


def test_the_test_of_the_scores_is_written():
    written = texts(draw_symptoms(frames("hamd"), setting()))
    assert "t(5) = \u22123.46, p = 0.012, dz = \u22121.23" in written


def test_fitted_and_predicted_improvement_are_drawn_from_their_columns():
    given = frames("hamd")
    figure = draw_symptoms(given, setting())
    points = given["pls_scores"]
    for title, columns in (
        ("Fitted, n = 6", ["score", "improvement"]),
        ("Predicted, patient left out", ["improvement", "predicted_improvement"]),
    ):
        (panel,) = panels_of(figure, title)
        np.testing.assert_allclose(panel.collections[0].get_offsets(), points[columns])


def test_improvement_and_its_prediction_have_the_same_scale():
    (panel,) = panels_of(draw_symptoms(frames("hamd"), setting()), "Predicted, patient left out")
    assert panel.get_xlim() == panel.get_ylim()


def test_an_instrument_is_called_by_its_title():
    titled = replace(setting(), instruments={"hamd": "Hamilton Depression"})
    assert "Hamilton Depression, n = 6" in texts(draw_symptoms(frames("hamd"), titled))


def test_both_correlations_stand_above_their_panels():
    written = texts(draw_symptoms(frames("hamd"), setting()))
    assert {"covariance: p = 0.013; r = 0.91, p = 0.600", "r = \u22120.25, p = 0.660"} <= set(
        written
    )


def test_two_instruments_have_a_row_each():
    figure = draw_symptoms(frames("cudit", "audit"), setting())
    assert panels_of(figure, "cudit, n = 6") and panels_of(figure, "audit, n = 6")
    assert len(panels_of(figure, "Fitted, n = 6")) == 2


def test_an_instrument_without_an_association_says_so_in_its_row():
    given = frames("cudit", "audit")
    given["associations"] = given["associations"].head(1)
    assert "no association computed" in texts(draw_symptoms(given, setting()))


def test_without_any_association_the_scores_stand_alone():
    given = frames("cudit", "audit")
    for name in ("associations", "pls_scores", "weights"):
        given[name] = given[name].head(0)
    figure = draw_symptoms(given, setting())
    assert [one.get_title(loc="left") for one in figure.axes] == ["cudit, n = 6", "audit, n = 6"]


def test_more_instruments_than_fit_are_counted():
    names = [f"scale{place}" for place in range(MOST_INSTRUMENTS + 2)]
    assert "2 more instruments in clinical_change" in texts(
        draw_symptoms(frames(*names), setting())
    )


def test_without_any_score_nothing_is_drawn_and_it_is_said_why():
    assert FIGURE_2.why_absent(frames(), setting()) == "this study has no scores, no tests"


@pytest.mark.parametrize("missing", [(), ("associations",)])
def test_without_any_score_a_figure_can_still_be_drawn(missing):
    given = frames()
    for name in missing:
        given[name] = given[name].head(0)
    assert len(figure_bytes(draw_symptoms(given, setting()), "png")) > 1000


def test_weights_are_drawn_on_the_cortex_with_the_sure_ones_outlined(monkeypatch):
    shown = {}

    def note(part, values, surface, unit, **how):
        shown.update(values=values.to_dict(), **how)

    monkeypatch.setattr(symptom_figures, "draw_map", note)
    surface = surface_parcels(packaged_atlas("desikan_killiany"))
    draw_symptoms(frames("hamd", "bdi"), setting(surface))
    assert shown["values"] == {"lh_insula": 3.0, "rh_insula": -1.0}
    assert shown["significant"] == ["lh_insula"] and shown["title"].endswith("hamd")


def test_the_whole_figure_fits_a_page_and_nothing_is_cut_off():
    surface = surface_parcels(packaged_atlas("desikan_killiany"))
    names = [f"scale{place}" for place in range(MOST_INSTRUMENTS)]
    figure = draw_symptoms(frames(*names), setting(surface, simulated=True))
    with report_style():
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert height * 25.4 <= 247 and "simulated patients" in texts(figure)
    assert box.x0 >= -0.01 and box.y0 >= -0.01
    assert box.x1 <= width + 0.01 and box.y1 <= height + 0.01


def test_names_of_instruments_are_written_as_they_are():
    figure = draw_symptoms(frames(ODD_NAME), setting())
    assert f"{ODD_NAME}, n = 6" in texts(figure)
    assert b"h$_1&lt;b&gt;&amp;$_2, n = 6" in figure_bytes(figure, "svg")


@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_the_same_rows_give_the_same_bytes(file_format):
    first, second = (
        figure_bytes(draw_symptoms(frames("hamd"), setting()), file_format) for _ in range(2)
    )
    assert first == second and len(first) > 5000


def test_only_patients_with_both_scores_and_a_sure_identity_are_asked_for():
    connection = duckdb.connect()
    scores = pd.DataFrame(
        [
            ("01", "pre", "hamd", 20.0),
            ("01", "post", "hamd", 10.0),
            ("02", "pre", "hamd", 20.0),
            ("03", "pre", "hamd", 20.0),
            ("03", "post", "hamd", 20.0),
        ],
        columns=["subject", "session", "instrument", "score"],
    )
    excluded = pd.DataFrame(
        [("03", "participants", "*", False), ("01", "scan_quality", "*", False)],
        columns=["subject", "stage", "parcellation", "overruled"],
    )
    connection.register("clinical_scores", scores)
    connection.register("exclusions", excluded)
    answer = connection.execute(FIGURE_2.statements(setting())["scores"]).df()
    assert answer.to_dict("records") == [
        {"instrument": "hamd", "subject": "01", "baseline_score": 20.0, "follow_up_score": 10.0}
    ]
