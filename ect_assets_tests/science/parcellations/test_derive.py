"""Volumes from surfaces and central points, against what they must be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree

from ect_assets.problems import StudyError
from ect_assets.reference.build import hcp_mmp_volume
from ect_assets.science.parcellations.atlas import packaged_atlas, read_atlas
from ect_assets.science.parcellations.derive import nearest_to_mean, sphere_centroids
from ect_assets.science.parcellations.template import (
    cortical_gray_matter,
    midthickness,
    unit_sphere,
)


def test_each_voxel_has_the_label_of_the_nearest_vertex(surfaces, derived):
    voxels = np.argwhere(derived.labels)[::10_000]
    places = voxels + derived.affine[:3, 3]
    vertices = np.concatenate([midthickness("L"), midthickness("R")])
    distances = np.linalg.norm(places[:, None] - vertices[None], axis=2)
    assert distances.min(axis=1).max() <= 6
    expected = np.concatenate(surfaces)[distances.argmin(axis=1)]
    np.testing.assert_array_equal(derived.labels[tuple(voxels.T)], expected)


def test_only_cortical_gray_matter_is_labelled(derived):
    mask, _ = cortical_gray_matter()
    assert not derived.labels[~mask].any()


def test_the_same_surfaces_give_the_same_volume(annots, derived):
    assert read_atlas(annots).volume().to_bytes() == derived.image().to_bytes()


def test_the_packaged_hcp_mmp_lies_in_the_same_gray_matter_as_derived_volumes():
    mask, _ = cortical_gray_matter()
    labels = packaged_atlas("hcp_mmp").label_volume.labels
    assert not labels[~mask].any()


def test_the_build_script_takes_the_nearest_label_within_six_millimetres():
    vertices = np.array([[0.0, 0, 0], [10, 0, 0], [30, 0, 0]])
    places = np.array([[1.0, 0, 0], [9, 0, 0], [10, 7, 0], [29, 0, 0]])
    found = hcp_mmp_volume.nearest_labels(places, vertices, np.array([5, 6, 0]))
    assert found.tolist() == [5, 6, 0, 0]


def test_a_hemisphere_lies_on_its_side_after_the_way_to_mni152():
    assert (np.median(midthickness("L")[:, 0]) < -20) and (np.median(midthickness("R")[:, 0]) > 20)


def test_the_midthickness_lies_in_the_gray_matter_of_the_template():
    mask, affine = cortical_gray_matter()
    gray = np.argwhere(mask) + affine[:3, 3]
    cortex = packaged_atlas("hcp_mmp").surfaces[0] > 0
    distances, _ = KDTree(gray).query(midthickness("L")[cortex][::10])
    assert np.median(distances) < 1


def test_the_first_of_equally_central_points_is_taken():
    assert nearest_to_mean(np.array([[0.0, 0, 0], [2, 0, 0]])) == 0


@pytest.fixture
def unreached(surfaces):
    """A parcel of left cortex that no vertex has, and the surfaces."""
    row = {"parcel_index": [99], "parcel": ["tiny"], "hemisphere": ["L"], "structure": ["cortex"]}
    return pd.DataFrame(row), surfaces


def test_a_parcel_too_small_for_any_vertex_lies_at_the_nearest_one(unreached):
    place = midthickness("L")[[4_000]] + 0.1
    np.testing.assert_array_equal(sphere_centroids(*unreached, place)[0], unit_sphere("L")[4_000])


def test_a_parcel_of_cortex_far_from_it_is_refused(unreached):
    with pytest.raises(StudyError, match="tiny is labelled cortex, but its centre"):
        sphere_centroids(*unreached, np.array([[0.0, -30.0, -60.0]]))
