"""Vertices of the cortex belong to the parcels of the atlas that a study means, and pixels too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ect_assets.report.maps.brain_views import brain_views, triangles
from ect_assets.report.maps.parcels_on_surface import surface_of, surface_parcels
from ect_assets.report.maps.view_painting import parcels_seen
from ect_assets.science.parcellations.atlas import packaged_atlas
from ect_assets.study import Study
from ect_assets_tests.science.parcellations.files import N_PARCELS, write_annot

PACKAGED = ("hcp_mmp", "desikan_killiany")


@pytest.fixture(scope="module")
def surfaces():
    """Both packaged parcellations on the surface."""
    return {name: surface_parcels(packaged_atlas(name)) for name in PACKAGED}


@pytest.mark.parametrize("name", PACKAGED)
def test_every_parcel_of_cortex_covers_a_vertex_and_the_others_are_said_to_be_absent(
    surfaces, name
):
    parcels = packaged_atlas(name).parcels
    outside = parcels.loc[parcels["structure"] != "cortex", "parcel"]
    assert surfaces[name].absent == outside.to_list()


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("name", PACKAGED)
def test_a_hemisphere_has_none_but_its_own_parcels(surfaces, name, side):
    surface = surfaces[name]
    sides = packaged_atlas(name).parcels["hemisphere"].to_numpy()
    labels = surface.of(side)
    assert set(sides[labels[labels >= 0]]) == {side}


@pytest.mark.parametrize("name", PACKAGED)
def test_every_parcel_of_cortex_is_seen_from_some_side(surfaces, name):
    surface = surfaces[name]
    seen = np.unique(np.concatenate([view.ravel() for view in parcels_seen(surface, 352)]))
    assert set(surface.names[seen[seen >= 0]]) == set(surface.names.drop(surface.absent))


def test_smooth_borders_leave_every_vertex_its_own_parcel(surfaces):
    surface, width = surfaces["hcp_mmp"], 440
    for view, seen in zip(brain_views(width), parcels_seen(surface, width), strict=True):
        is_at_vertex = view.weights.max(axis=1) > 0.98
        nearest = view.corners[np.arange(len(view.corners)), view.weights.argmax(axis=1)]
        shown = seen[view.is_brain][is_at_vertex]
        np.testing.assert_array_equal(shown, surface.of(view.side)[nearest[is_at_vertex]])


def test_an_atlas_without_cortex_has_no_surface():
    assert surface_parcels(replace(packaged_atlas("desikan_killiany"), surfaces=None)) is None


def test_every_triangle_joins_three_vertices_of_fsaverage5():
    for side in "LR":
        assert triangles(side).shape == (20_480, 3) and triangles(side).max() == 10_241


@pytest.fixture
def own_atlas(tmp_path) -> Study:
    """A study whose parcellation has files of its own."""
    _write_own(tmp_path, shift=0)
    atlas = {"left": "L.annot", "right": "R.annot"}
    return Study(
        name="own", title="own", folder=tmp_path, parcellations={"coarse": {"atlas": atlas}}
    )


def _write_own(folder: Path, shift: int) -> None:
    numbers = (np.arange(10_242) + shift) % N_PARCELS + 1
    for side in "LR":
        write_annot(folder / f"{side}.annot", numbers + N_PARCELS * (side == "R"), side)


def test_labels_of_ones_own_surface_files_are_used(own_atlas):
    surface = surface_of(own_atlas, "coarse")
    assert not surface.absent and surface.left[0] != surface.left[1]


def test_labels_are_read_once(own_atlas):
    assert surface_of(own_atlas, "coarse") is surface_of(own_atlas, "coarse")


def test_labels_are_read_again_when_a_file_of_the_atlas_changes(own_atlas):
    before = surface_of(own_atlas, "coarse").left
    _write_own(own_atlas.folder, shift=1)
    assert (surface_of(own_atlas, "coarse").left != before).any()


def test_an_atlas_that_is_a_volume_is_sampled_at_the_vertices(tmp_path):
    atlas = packaged_atlas("desikan_killiany")
    parcels = atlas.parcels[["parcel_index", "parcel", "hemisphere", "structure"]]
    parcels.set_axis(["id", "name", "hemisphere", "structure"], axis=1).to_csv(
        tmp_path / "info.csv", index=False
    )
    (tmp_path / "volume.nii").write_bytes(atlas.volume().to_bytes())
    files = {"volume": "volume.nii", "info": "info.csv"}
    study = Study(name="own", title="own", folder=tmp_path, parcellations={"vol": {"atlas": files}})
    sampled, given = surface_of(study, "vol"), surface_parcels(atlas)
    assert (sampled.left == given.left).mean() > 0.6
