"""Area, volume and thickness on surfaces: exact on plain bodies, close on a real person."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.intake.volumes.stats_files import read_stats
from ect_assets.intake.volumes.surface_files import read_annotation, read_vertex_values
from ect_assets.science.morphometry.surface_measures import (
    parcel_measures,
    vertex_areas,
    vertex_gray_volumes,
)
from ect_assets_tests.paths import ROOT
from ect_assets_tests.science.morphometry.surfaces import ball

PERSON = ROOT / ".." / "shared/checks/freesurfer_sub01"
STATS = {"gmv_mm3": "GrayVol", "area_mm2": "SurfArea", "thickness_mm": "ThickAvg"}
real = pytest.mark.skipif(not PERSON.exists(), reason="needs ../shared/checks/freesurfer_sub01")


@pytest.fixture
def plate():
    """A square of side 2 mm in two triangles."""
    corners = np.array([[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]], dtype=float)
    return corners, np.array([[0, 1, 2], [0, 2, 3]])


def test_a_corner_has_a_third_of_each_triangle_that_meets_there(plate):
    assert vertex_areas(*plate) == pytest.approx([4 / 3, 2 / 3, 4 / 3, 2 / 3])


def test_the_volume_of_a_plate_is_area_times_height(plate):
    corners, triangles = plate
    raised = corners + [0.3, 0.1, 1.5]
    volumes = vertex_gray_volumes(corners, raised, triangles, np.ones(4, dtype=bool))
    assert volumes.sum() == pytest.approx(4 * 1.5)


def test_vertices_outside_the_cortex_have_no_volume_and_take_none_from_others(plate):
    corners, triangles = plate
    is_cortex = np.array([True, False, True, True])
    volumes = vertex_gray_volumes(corners, corners + [0, 0, 1], triangles, is_cortex)
    assert volumes == pytest.approx([4 / 3, 0, 4 / 3, 2 / 3])


def test_the_volume_of_a_shell_is_that_between_two_balls():
    vertices, triangles = ball()
    everywhere = np.ones(len(vertices), dtype=bool)
    volume = vertex_gray_volumes(50 * vertices, 52 * vertices, triangles, everywhere).sum()
    assert volume == pytest.approx(4 / 3 * np.pi * (52**3 - 50**3), rel=2e-3)


def test_the_area_of_a_ball_is_that_of_the_sphere():
    vertices, triangles = ball()
    assert vertex_areas(50 * vertices, triangles).sum() == pytest.approx(
        4 * np.pi * 50**2, rel=2e-3
    )


def test_parcels_have_the_sum_of_volume_and_area_and_the_plain_mean_of_thickness():
    labels = np.array([7, 3, 0, 7, -1])
    frame = parcel_measures(labels, np.arange(5.0), np.arange(5.0) * 10, np.array([1, 2, 3, 4, 5]))
    assert frame.index.tolist() == [3, 7]
    assert frame.to_numpy().tolist() == [[1, 10, 2], [3, 30, 2.5]]


def measured(annotation: str, is_computed: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the real person's parcels and read FreeSurfer's own, both hemispheres."""
    ours, theirs = [], []
    for side, hemisphere in (("lh", "L"), ("rh", "R")):
        surf = PERSON / "surf"
        volume, area, thickness = (
            read_vertex_values(surf / f"{side}.{name}") for name in ("volume", "area", "thickness")
        )
        if is_computed:
            pial, triangles = gifti(surf / f"anat_sub-01_hemi-{hemisphere}_pial.surf.gii")
            middle, _ = gifti(surf / f"anat_sub-01_hemi-{hemisphere}_midthickness.surf.gii")
            white = 2 * middle - pial
            volume = vertex_gray_volumes(white, pial, triangles, is_cortex=volume > 0)
            area = vertex_areas(white, triangles)
        labels, names = read_annotation(PERSON / f"label/{side}.{annotation}.annot")
        table = read_stats(PERSON / f"stats/{side}.{annotation}.stats").table
        frame = parcel_measures(labels, volume, area, thickness)
        frame = frame.set_axis([names[label - 1] for label in frame.index])
        theirs.append(
            table.set_index("StructName")[list(STATS.values())].set_axis([*STATS], axis=1)
        )
        ours.append(frame.loc[table["StructName"]])
    return pd.concat(ours), pd.concat(theirs)


def gifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a surface in GIFTI format."""
    vertices, triangles = nibabel.load(path).agg_data()
    return vertices.astype(np.float64), triangles


@real
@pytest.mark.parametrize("annotation", ["aparc", "aparc.DKTatlas", "aparc.a2009s"])
def test_sums_of_freesurfers_own_vertex_measures_are_its_statistics_within_rounding(annotation):
    ours, theirs = measured(annotation, is_computed=False)
    worst = (ours - theirs).abs().max()
    assert worst["gmv_mm3"] <= 0.5 and worst["area_mm2"] <= 0.5 and worst["thickness_mm"] <= 5.1e-4


@real
def test_computed_volumes_of_a_real_person_are_close_to_freesurfers():
    ours, theirs = measured("aparc", is_computed=True)
    error = ours["gmv_mm3"] / theirs["gmv_mm3"] - 1
    assert ours["gmv_mm3"].corr(theirs["gmv_mm3"]) > 0.9999
    assert abs(error.mean()) < 0.012 and error.abs().max() < 0.07


@real
def test_computed_areas_follow_freesurfers_although_the_white_surface_is_approximated():
    ours, theirs = measured("aparc", is_computed=True)
    # Twice the middle surface minus the pial one is smoother than the white surface itself.
    ratio = ours["area_mm2"] / theirs["area_mm2"]
    assert ours["area_mm2"].corr(theirs["area_mm2"]) > 0.999
    assert ratio.between(0.83, 0.95).all()
