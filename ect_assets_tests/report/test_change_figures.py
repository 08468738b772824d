"""Figures of the change of the brain show what the tables say, and names as they are."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from ect_assets.report.figures import (
    change_figures,
    label_placement,
    parcel_figures,
    quality_figures,
)
from ect_assets.report.figures.exhibits import Setting
from ect_assets.report.figures.figure_parts import equation, mean_and_interval, number, signed
from ect_assets.report.figures.figure_style import DOWN, UP, figure_bytes, report_style
from ect_assets.report.maps.brain_maps import draw_map
from ect_assets.report.maps.parcels_on_surface import SurfaceParcels, surface_parcels
from ect_assets.science.parcellations.atlas import packaged_atlas

ODD_NAME = "a$_1<b>&$_2"
SUBJECTS = [f"{number_:02d}" for number_ in range(1, 9)]


@pytest.fixture(scope="module")
def lobes() -> SurfaceParcels:
    """Desikan-Killiany on the surface."""
    surface = surface_parcels(packaged_atlas("desikan_killiany"))
    assert surface is not None
    return surface


def setting(surface: SurfaceParcels | None = None, simulated: bool = False) -> Setting:
    """Say what is drawn."""
    return Setting("desikan_killiany", ("pre", "post"), "moran", simulated, surface)


def texts(figure: Figure) -> list[str]:
    """Return all that is written in a figure, once it has been laid out."""
    with report_style():
        figure.draw_without_rendering()
    found = [one for one in figure.findobj() if hasattr(one, "get_text")]
    return [one.get_text() for one in found if one.get_text() and one.get_visible()]


def parcels(names: list[str], q: float = 0.01) -> pd.DataFrame:
    """Make the changes of some parcels: the first grew most, the last shrank most."""
    t = np.linspace(4, -4, len(names))
    return pd.DataFrame(
        {
            "parcel": names,
            "hemisphere": ["L", "R"] * (len(names) // 2) + ["B"] * (len(names) % 2),
            "n": 8,
            "mean_pre_mm3": 1000.0 + np.arange(len(names)),
            "mean_post_mm3": 1000.0 + 10 * t,
            "percent_change": t,
            "ci_low_percent": t - 1,
            "ci_high_percent": t + 2,
            "t": t,
            "df": 6,
            "p": 10 ** -np.abs(t),
            "q": q,
        }
    )


def patients(names: list[str]) -> pd.DataFrame:
    """Make volumes in which every second patient shrinks."""
    rows = [
        (name, subject, 1000.0 + 10 * place, 1010.0 + 10 * place - 20 * (place % 2))
        for name in names
        for place, subject in enumerate(SUBJECTS)
    ]
    return pd.DataFrame(rows, columns=["parcel", "subject", "before_mm3", "after_mm3"])


def drawn_patients(names: list[str], q: float = 0.01) -> Figure:
    """Draw some parcels patient by patient."""
    shown = names[: change_figures.MOST_PANELS]
    frames = {"parcels": parcels(names, q), "patients": patients(shown)}
    return change_figures.draw_patients(frames, setting())


def panel_of(figure: Figure, title: str):
    """Return the panel with a title."""
    (panel,) = [one for one in figure.axes if one.get_title(loc="left") == title]
    return panel


# Maps


def test_a_map_fills_a_part_of_a_figure_with_its_title_unit_and_views(lobes):
    figure = Figure((7, 2), dpi=50)
    part = figure.subfigures(1, 2)[0]
    values = pd.Series({"lh_insula": 2.0, "rh_insula": 1.0})
    draw_map(part, values, lobes, ODD_NAME, title="a title")
    written = texts(figure)
    assert {ODD_NAME, "a title", "left lateral", "right medial"} <= set(written)


@pytest.mark.parametrize(("size", "n_rows"), [((7.2, 2.0), 1), ((3.5, 3.2), 2)])
def test_the_views_stand_in_the_arrangement_that_shows_them_largest(lobes, size, n_rows):
    figure = Figure(size, dpi=50)
    draw_map(figure, pd.Series({"lh_insula": 2.0, "rh_insula": 1.0}), lobes, "t")
    assert sum(bool(axes.images) for axes in figure.axes) == n_rows


def test_a_hemisphere_without_values_is_left_out_of_a_map_in_a_part(lobes):
    figure = Figure((7, 2), dpi=50)
    draw_map(figure, pd.Series({"lh_insula": 2.0}), lobes, "t")
    written = set(texts(figure))
    assert {"left lateral", "left medial"} <= written
    assert not {"right lateral", "right medial"} & written


def test_a_map_in_a_part_counts_what_has_no_place_on_the_surface(lobes):
    figure = Figure((7, 2), dpi=50)
    draw_map(figure, pd.Series({"lh_caudate": 2.0}), lobes, "t", significant=[])
    assert "1 not on this surface" in texts(figure)


@pytest.fixture
def maps(lobes, monkeypatch) -> list[dict]:
    """Draw the first figure, and return what each of its maps was given."""
    given: list[dict] = []
    monkeypatch.setattr(
        change_figures,
        "draw_map",
        lambda part, values, surface, unit, kind="change", **how: given.append(
            {"values": values, "unit": unit, "kind": kind, **how}
        ),
    )
    frame = parcels(["lh_insula", "rh_insula"]).assign(q=[0.04, 0.06])
    change_figures.draw_gray_matter_volume({"parcels": frame}, setting(lobes))
    return given


def test_the_first_figure_shows_both_means_and_t(maps):
    shown = [one["values"]["rh_insula"] for one in maps]
    assert shown == [1001.0, 960.0, -4.0]


def test_before_and_after_have_the_same_colours(maps):
    assert maps[0]["limits"] == maps[1]["limits"] and maps[0]["kind"] == "level"


def test_parcels_with_q_below_5_percent_are_outlined_on_the_change_alone(maps):
    assert maps[2]["significant"] == ["lh_insula"] and "significant" not in maps[0]


def test_the_first_figure_is_drawn(lobes):
    frames = {"parcels": parcels(["lh_insula", "rh_insula"])}
    figure = change_figures.draw_gray_matter_volume(frames, setting(lobes, simulated=True))
    assert {"simulated patients", "a", "b", "c"} <= set(texts(figure))


# Patient by patient


def test_every_patient_has_a_line_from_before_to_after():
    lines = {
        line.get_label(): list(line.get_ydata())
        for line in panel_of(drawn_patients(["one"]), "one").lines
        if line.get_label() in SUBJECTS
    }
    rows = patients(["one"])
    assert lines == {
        row.subject: [row.before_mm3, row.after_mm3] for row in rows.itertuples(index=False)
    }


def test_lines_that_rise_are_orange_and_those_that_fall_are_blue():
    panel = panel_of(drawn_patients(["one"]), "one")
    colours = {line.get_label(): to_hex(line.get_color()).upper() for line in panel.lines}
    assert (colours["01"], colours["02"]) == (UP, DOWN)


def test_a_panel_says_the_change_that_was_tested_with_its_interval_and_q():
    assert "+4.0 % [+3.0, +6.0], q = 0.010" in texts(drawn_patients(["one"]))


def test_a_figure_without_significant_parcels_says_so():
    written = texts(drawn_patients(["one", "two"], q=0.3))
    assert "No parcel has q < 0.05; these are the 2 with the smallest p" in written


def test_no_more_than_twelve_parcels_are_shown_and_the_others_counted():
    figure = drawn_patients([f"p{place}" for place in range(15)])
    titles = [one.get_title(loc="left") for one in figure.axes]
    assert sum(bool(title) for title in titles) == 12
    assert any("3 more with q < 0.05 in gmv_change" in one for one in texts(figure))


def test_nothing_tested_is_drawn_as_that():
    assert "No parcel was tested" in texts(drawn_patients([]))


@pytest.fixture
def tables() -> duckdb.DuckDBPyConnection:
    """Make a lake in memory of a few parcels and patients."""
    connection = duckdb.connect()
    names = [f"p{place:02d}" for place in range(8)]
    change = parcels(names).assign(
        parcellation="desikan_killiany", structure="cortex", ci_low_mm3=1, ci_high_mm3=2, q=0.5
    )
    wide = patients(names)
    volumes = pd.concat(
        wide[["parcel", "subject"]].assign(
            session=session, gmv_mm3=wide[column], parcellation="desikan_killiany"
        )
        for session, column in (("pre", "before_mm3"), ("post", "after_mm3"))
    )
    excluded = pd.DataFrame(
        {
            "subject": ["01", "02", "03"],
            "session": "*",
            "parcellation": ["*", "*", "hcp_mmp"],
            "reason": "r",
            "stage": "scan_quality",
            "overruled": [False, True, False],
        }
    )
    for name, frame in (("gmv_change", change), ("parcel_gmv", volumes), ("exclusions", excluded)):
        connection.register("given", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    return connection


def test_without_significant_parcels_the_six_of_smallest_p_are_asked_for(tables):
    frames = change_figures.SUPPLEMENTARY_FIGURE_1.frames(tables, setting())
    assert sorted(frames["parcels"]["parcel"]) == ["p00", "p01", "p02", "p05", "p06", "p07"]


def test_with_significant_parcels_only_those_are_asked_for(tables):
    tables.execute("UPDATE gmv_change SET q = 0.04 WHERE parcel = 'p03'")
    frames = change_figures.SUPPLEMENTARY_FIGURE_1.frames(tables, setting())
    assert list(frames["parcels"]["parcel"]) == ["p03"]
    assert set(frames["patients"]["parcel"]) == {"p03"}


def test_patients_who_are_left_out_are_not_drawn_and_those_a_reviewer_kept_are(tables):
    frames = change_figures.SUPPLEMENTARY_FIGURE_1.frames(tables, setting())
    assert sorted(set(frames["patients"]["subject"])) == SUBJECTS[1:]


# All parcels


def test_every_parcel_is_drawn_at_its_change_and_p():
    frame = parcels([f"p{place}" for place in range(7)])
    figure = parcel_figures.draw_all_parcels({"parcels": frame}, setting())
    drawn = np.vstack([one.get_offsets() for one in figure.axes[0].collections])
    expected = np.column_stack([frame["percent_change"], -np.log10(frame["p"])])
    np.testing.assert_allclose(np.sort(drawn, axis=0), np.sort(expected, axis=0))


def test_a_p_of_zero_does_not_leave_the_figure():
    frame = parcels(["one", "two"]).assign(p=0.0)
    figure = parcel_figures.draw_all_parcels({"parcels": frame}, setting())
    assert np.isfinite(figure.axes[0].get_ylim()).all()


def test_the_boundary_of_q_lies_between_the_parcels_on_both_sides():
    frame = parcels(["one", "two", "three", "four"]).assign(
        p=[1e-4, 1e-3, 1e-1, 0.5], q=[0.01, 0.02, 0.2, 0.6]
    )
    panel = parcel_figures.draw_all_parcels({"parcels": frame}, setting()).axes[0]
    (height,) = [line.get_ydata()[0] for line in panel.lines if line.get_linestyle() == "--"]
    assert height == pytest.approx(2)


def test_parcels_are_counted_by_sign_and_without_any_the_figure_says_so():
    frame = parcels(["one", "two"])
    sure = parcel_figures.draw_all_parcels({"parcels": frame}, setting())
    unsure = parcel_figures.draw_all_parcels({"parcels": frame.assign(q=0.4)}, setting())
    assert "2 of 2 parcels have q < 0.05: 1 grew, 1 shrank" in texts(sure)
    assert "none of 2 parcels has q < 0.05" in texts(unsure)


@pytest.mark.parametrize("n", [0, 1, 68, 400])
def test_any_number_of_parcels_is_drawn_within_the_figure(n):
    names = [f"a_rather_long_name_{place}" for place in range(n)]
    figure = parcel_figures.draw_all_parcels({"parcels": parcels(names)}, setting())
    with report_style():
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01
    assert box.x1 <= width + 0.01 and box.y1 <= height + 0.01


def test_the_axis_of_t_agrees_with_p():
    from scipy import stats

    figure = parcel_figures.draw_all_parcels({"parcels": parcels(["one", "two"])}, setting())
    side = figure.axes[2]
    t = [float(label.get_text()) for label in side.get_yticklabels()]
    expected = -np.log10(2 * stats.t.sf(t, 6))
    np.testing.assert_allclose(side.get_yticks(), expected)


def test_labels_lie_neither_on_one_another_nor_on_points():
    figure = parcel_figures.draw_all_parcels(
        {"parcels": parcels([f"name_{place}" for place in range(60)])}, setting()
    )
    panel = figure.axes[0]
    figure.draw_without_rendering()
    named = [one for one in panel.texts if one.get_text().startswith("name_")]
    # Of the words alone, without the line that leads to the point.
    boxes = [Text.get_window_extent(one) for one in named]
    points = np.vstack([one.get_offsets() for one in panel.collections])
    assert len(boxes) >= 3
    assert not any(
        one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place]
    )
    assert not any(one.count_contains(panel.transData.transform(points)) for one in boxes)


def test_a_label_without_room_is_left_out():
    from ect_assets.report.figures.figure_style import new_figure

    panel = new_figure(20, 20, False).subplots()
    point = np.array([[0.5, 0.5]])
    assert label_placement.label_points(panel, point, ["much too long a label " * 5], point) == []


# Quality


def checks(n_out: int = 1) -> pd.DataFrame:
    """Make a check in which the last scans fail, and one that says the same of all."""
    values = np.arange(len(SUBJECTS), dtype=float)
    is_out = values >= len(SUBJECTS) - n_out
    frame = pd.DataFrame(
        {
            "check_name": "tiv_changed",
            "subject": SUBJECTS,
            "session": "post",
            "value": values,
            "limit_value": 5.5,
            "passes": ~is_out,
            "excludes": is_out,
        }
    )
    return pd.concat([frame, frame.assign(check_name="sources_mixed", value=1.0, passes=True)])


NOBODY = pd.DataFrame(
    {name: pd.Series(dtype=str) for name in ("subject", "session", "reason", "stage")}
).assign(overruled=pd.Series(dtype=bool))
NO_COHORT = pd.DataFrame({"check_name": [], "value": [], "limit_value": [], "says": []})


def drawn_quality(left_out: pd.DataFrame = NOBODY, cohort: pd.DataFrame = NO_COHORT) -> Figure:
    """Draw the quality of a few scans."""
    frames = {"checks": checks(), "cohort": cohort, "left_out": left_out}
    return quality_figures.draw_quality(frames, setting())


def test_every_scan_is_drawn_at_its_value_and_named_where_it_stands_out():
    figure = drawn_quality()
    panel = panel_of(figure, "Intracranial volume")
    drawn = np.vstack([one.get_offsets() for one in panel.collections])
    assert sorted(drawn[:, 1]) == list(range(len(SUBJECTS)))
    assert "08 post" in texts(figure) and "07 post" not in texts(figure)


def test_a_check_of_both_directions_has_both_limits():
    panel = panel_of(drawn_quality(), "Intracranial volume")
    assert {line.get_ydata()[0] for line in panel.lines} == {5.5, -5.5}


def test_a_check_that_is_the_same_for_all_is_said_in_words():
    assert "volumes of one source: nothing stands out" in texts(drawn_quality())


def test_what_is_wrong_with_the_whole_cohort_is_said():
    row = {"check_name": "tiv_shifted", "value": 7.079, "limit_value": 2.0, "says": "median"}
    cohort = pd.DataFrame([row])
    written = " ".join(texts(drawn_quality(cohort=cohort)))
    assert "intracranial volume of the cohort between the sessions: 7.08 (limit 2.00)" in written


def test_it_is_said_that_nobody_was_left_out():
    assert "No patient was left out" in texts(drawn_quality())


def test_who_was_left_out_and_kept_is_drawn_by_name_and_reason():
    left_out = pd.DataFrame(
        {
            "subject": [ODD_NAME, "02"],
            "session": "*",
            "reason": ["scan_duplicated", ODD_NAME],
            "stage": "scan_quality",
            "overruled": [False, True],
        }
    )
    written = texts(drawn_quality(left_out))
    assert {ODD_NAME, "02", "no image twice"} <= set(written)
    assert "Left out, and why; open: kept by a reviewer" in written


def test_quality_without_any_check_is_drawn():
    frames = {"checks": checks().head(0), "cohort": NO_COHORT, "left_out": NOBODY}
    assert "No patient was left out" in texts(quality_figures.draw_quality(frames, setting()))


# All of them


@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_the_same_rows_give_the_same_bytes(file_format):
    first, second = (figure_bytes(drawn_patients(["one"]), file_format) for _ in range(2))
    assert first == second and len(first) > 5000


def test_names_are_written_as_they_are():
    frame = parcels([ODD_NAME, "two"])
    everywhere = (
        drawn_patients([ODD_NAME]),
        parcel_figures.draw_all_parcels({"parcels": frame}, setting()),
    )
    for figure in everywhere:
        assert ODD_NAME in texts(figure)
        assert b"a$_1&lt;b&gt;&amp;$_2" in figure_bytes(figure, "svg")
    # Beside its point, and below its interval.
    assert figure_bytes(everywhere[1], "svg").count(b"a$_1&lt;b&gt;&amp;$_2</text>") == 2


def test_figures_have_distinct_names_and_ask_for_what_they_need():
    exhibits = change_figures.CHANGE_EXHIBITS
    assert len({one.name for one in exhibits}) == len(exhibits) == 5
    assert all(set(one.needs) <= set(one.queries) for one in exhibits)


def test_numbers_are_written_as_they_are_printed():
    assert (signed(-2.14), signed(-0.01), number(-0.001)) == ("\u22122.1", "+0.0", "0.00")
    assert equation("p", 0.0004) == "p < 0.001"
    assert equation("p", np.nan) == "p unknown"


def test_a_mean_has_students_interval():
    from scipy import stats

    values = np.array([1.0, 2.0, 4.0, np.nan])
    mean, half = mean_and_interval(values)
    interval = stats.ttest_1samp(values[:3], 0).confidence_interval()
    assert (mean - half, mean + half) == pytest.approx((interval.low, interval.high))
