"""Maps of the brain show each value at its parcel, and what has none; nothing is guessed."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ect_assets import tables
from ect_assets.lake.store import Lake
from ect_assets.pipeline.step import Made, Work
from ect_assets.pipeline.steps import group, morphometry
from ect_assets.reference import loaders
from ect_assets.report.maps import brain_maps
from ect_assets.report.maps.parcels_on_surface import surface_parcels
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.study import Study, load_study
from ect_assets_tests.arranged import arranged

DPI = 60
VIEWS = ("left lateral", "left medial", "right medial", "right lateral")


@pytest.fixture(scope="module")
def lobes():
    """Desikan-Killiany on the surface."""
    return surface_parcels(packaged_atlas("desikan_killiany"))


def drawn(surface, values: dict[str, float], **how) -> Figure:
    """Draw a small map of a few values."""
    values = pd.Series(values, dtype=float)
    return brain_maps.draw_parcels(values, surface, "a title", "t", dpi=DPI, **how)


def views_of(figure: Figure) -> dict[str, np.ndarray]:
    """Return the four views of a figure, as integers that may be subtracted."""
    image = figure.axes[0].images[0].get_array()
    return dict(zip(VIEWS, np.split(np.asarray(image, dtype=int), 4, axis=1), strict=True))


def redness(view: np.ndarray) -> np.ndarray:
    """Return how much more red than blue each pixel is."""
    return view[..., 0] - view[..., 2]


def texts(figure: Figure) -> str:
    """Return all that is written in a figure."""
    return " ".join(one.get_text() for one in figure.findobj() if hasattr(one, "get_text"))


def patient(before: dict[str, float], after: dict[str, float]) -> pd.DataFrame:
    """Return the volumes of one patient at both sessions."""
    rows = [
        (session, parcel, volume)
        for session, volumes in (("pre", before), ("post", after))
        for parcel, volume in volumes.items()
    ]
    return pd.DataFrame(rows, columns=["session", "parcel", "gmv_mm3"])


@pytest.mark.parametrize(
    ("parcel", "view", "across", "down"),
    [
        # Share of the view's width from its left, and of its height from its top.
        ("lh_lateraloccipital", "left lateral", (0.7, 1.0), (0.4, 0.9)),
        ("rh_lateraloccipital", "right lateral", (0.0, 0.3), (0.4, 0.9)),
        ("lh_frontalpole", "left medial", (0.8, 1.0), (0.5, 1.0)),
        ("rh_frontalpole", "right medial", (0.0, 0.2), (0.5, 1.0)),
        ("lh_precuneus", "left medial", (0.1, 0.5), (0.0, 0.5)),
        ("rh_superiorparietal", "right lateral", (0.0, 0.4), (0.0, 0.5)),
        ("lh_inferiortemporal", "left lateral", (0.2, 0.8), (0.6, 1.0)),
    ],
)
def test_a_value_lands_on_its_side_of_the_brain_and_at_its_place(lobes, parcel, view, across, down):
    views = views_of(drawn(lobes, {parcel: 2.0}))
    is_red = redness(views[view]) > 60
    rows, columns = np.nonzero(is_red)
    place = columns.mean() / is_red.shape[1], rows.mean() / is_red.shape[0]
    assert across[0] < place[0] < across[1] and down[0] < place[1] < down[1]
    other_side = [seen for name, seen in views.items() if name.split()[0] != view.split()[0]]
    assert not any((redness(one) > 60).any() for one in other_side)


def test_growth_is_red_and_loss_is_blue(lobes):
    left = views_of(drawn(lobes, {"lh_precentral": 3.0, "lh_lateraloccipital": -3.0}))
    red = redness(left["left lateral"])
    assert red.max() > 60 and red.min() < -60


def test_the_colours_of_a_change_are_centred_at_zero(lobes):
    figure = drawn(lobes, {"lh_precentral": 3.0, "lh_insula": -1.0})
    low, high = figure.axes[1].get_xlim()
    assert low == -high


def test_what_has_no_value_is_gray_and_the_key_says_so(lobes):
    figure = drawn(lobes, {"lh_precentral": np.nan})
    assert not any(redness(view).any() for view in views_of(figure).values())
    assert "no value" in texts(figure)


def test_zero_is_not_drawn_as_no_value(lobes):
    zero = views_of(drawn(lobes, {"lh_precentral": 0.0, "rh_insula": 1.0}))["left lateral"]
    nothing = views_of(drawn(lobes, {"rh_insula": 1.0}))["left lateral"]
    assert (zero - nothing).max() > 40


def test_significant_parcels_have_a_black_outline(lobes):
    values = {"lh_precentral": 3.0, "rh_precentral": 3.0}
    views = views_of(drawn(lobes, values, significant=["lh_precentral"]))
    assert views["left lateral"].max(axis=-1).min() < 60
    assert views["right lateral"].max(axis=-1).min() > 90


def test_a_map_says_when_nothing_is_significant(lobes):
    assert "no parcel" in texts(drawn(lobes, {"lh_insula": 1.0}, significant=[]))
    assert "q <" not in texts(drawn(lobes, {"lh_insula": 1.0}))


def test_a_map_says_simulated_where_patients_are_and_only_there(lobes):
    assert "simulated patients" in texts(drawn(lobes, {"lh_insula": 1.0}, simulated=True))
    assert "simulated" not in texts(drawn(lobes, {"lh_insula": 1.0}))


def test_title_and_unit_are_written(lobes):
    written = texts(drawn(lobes, {"lh_insula": 1.0}))
    assert "a title" in written and " t " in f" {written} "


@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_the_same_values_give_the_same_bytes(lobes, file_format):
    first, second = (
        brain_maps.map_bytes(drawn(lobes, {"lh_insula": 1.0}), file_format) for _ in range(2)
    )
    assert first == second


def test_nothing_is_cut_off(lobes):
    title, unit = (
        "Change of gray matter volume, desikan_killiany, n = 124",
        "t of the mean change, adjusted for intracranial volume",
    )
    figure = brain_maps.draw_parcels(
        pd.Series({"lh_caudate": 1.0, "lh_insula": 2.0}), lobes, title, unit, significant=[]
    )
    inner = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert inner.x0 >= 0 and inner.y0 >= 0 and inner.x1 <= width and inner.y1 <= height


def test_a_thumbnail_is_as_wide_as_the_ui_shows_it(lobes):
    png = brain_maps.parcel_map_png(pd.Series({"lh_insula": 1.0}), lobes, "title", "t")
    assert struct.unpack(">I", png[16:20]) == (900,)


def test_values_without_a_place_on_the_surface_are_counted(lobes):
    assert "1 parcel with a value not on this surface" in texts(drawn(lobes, {"lh_caudate": 1.0}))


def test_a_value_of_another_parcellation_is_refused(lobes):
    with pytest.raises(ValueError, match="L_V1"):
        drawn(lobes, {"L_V1": 1.0})


def test_an_outline_of_another_parcellation_is_refused(lobes):
    with pytest.raises(ValueError, match="L_V1"):
        drawn(lobes, {"lh_insula": 1.0}, significant=["L_V1"])


def test_a_map_without_any_value_is_drawn_and_says_so(lobes):
    assert "no parcel has a value" in texts(drawn(lobes, {}, kind="level"))


def test_a_patient_is_drawn_by_the_change_in_percent(lobes, monkeypatch):
    given = {}
    monkeypatch.setattr(
        brain_maps, "parcel_map_png", lambda values, *_, **how: given.update(values=values, **how)
    )
    rows = patient({"lh_insula": 200.0, "rh_insula": 0.0}, {"lh_insula": 190.0, "rh_insula": 5.0})
    brain_maps.patient_change_png(rows, ("pre", "post"), lobes, "sub-001")
    assert given["values"]["lh_insula"] == pytest.approx(-5)
    assert np.isnan(given["values"]["rh_insula"])


def test_all_patients_have_the_same_colours(lobes, monkeypatch):
    limits = []
    monkeypatch.setattr(
        brain_maps, "parcel_map_png", lambda *_, **how: limits.append(how["limits"])
    )
    for after in (101.0, 150.0):
        rows = patient({"lh_insula": 100.0}, {"lh_insula": after})
        brain_maps.patient_change_png(rows, ("pre", "post"), lobes, "sub-001")
    assert limits[0] == limits[1]


def test_a_patient_with_one_session_has_no_map_of_change(lobes):
    rows = patient({"lh_insula": 100.0}, {})
    assert brain_maps.patient_change_png(rows, ("pre", "post"), lobes, "sub-001") is None


def made_of(study: Study, subject: str) -> Made:
    """Measure one patient's parcels."""
    partition = {"subject": subject, "parcellation": "desikan_killiany"}
    work = Work(study, Lake(study.lake_folder), partition)
    return morphometry.parcel_gmv.make(work, loaders.parcels("desikan_killiany"))


def test_a_patients_volumes_come_with_a_map_of_change(study_folder):
    made = made_of(load_study(study_folder), "001")
    assert made.pictures["change on the cortex"].startswith(b"\x89PNG")


def test_the_change_of_the_group_comes_with_a_map_of_t(study_folder):
    study = load_study(study_folder)
    subjects = [f"{number:03d}" for number in range(1, 6)]
    volumes = pd.concat([made_of(study, subject).frame for subject in subjects])
    scans = volumes[["subject", "session"]].drop_duplicates().assign(etiv_mm3=1.5e6)
    scans["etiv_mm3"] += 1000.0 * np.arange(len(scans))
    nobody = pd.DataFrame(columns=list(tables.Exclusions.column_names()))
    work = Work(study, Lake(study.lake_folder), {"parcellation": "desikan_killiany"})
    parcels = loaders.parcels("desikan_killiany")
    made = group.gmv_change.make(work, parcels, arranged(volumes), scans, nobody)
    assert made.pictures["t on the cortex"].startswith(b"\x89PNG")
