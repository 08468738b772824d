"""Space, brightness, tissue classes, parcels and phantoms, each by itself."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from ect_assets.demo.phantom import grow
from ect_assets.problems import StudyError
from ect_assets.science.morphometry.volumetric.halfway import of_one_brightness
from ect_assets.science.morphometry.volumetric.mixture import classify
from ect_assets.science.morphometry.volumetric.parcels import labels_at, read_atlas
from ect_assets.science.morphometry.volumetric.quality import noise_spread
from ect_assets.science.morphometry.volumetric.settings import VolumetricSettings
from ect_assets.science.morphometry.volumetric.space import (
    Grid,
    Volume,
    dilate,
    erode,
    resample,
    rigid_from_parameters,
    rigid_parameters,
)
from ect_assets.science.morphometry.volumetric.template import load_template
from ect_assets_tests.science.morphometry.volumetric.phantoms import true_change
from ect_assets_tests.science.morphometry.volumetric.shapes import texture


def test_a_rigid_motion_is_found_again_from_its_six_numbers():
    numbers = np.array([0.1, -0.05, 0.2, 3.0, -4.0, 5.0])
    np.testing.assert_allclose(rigid_parameters(rigid_from_parameters(numbers)), numbers, atol=1e-9)


def test_resampling_onto_the_same_grid_changes_nothing():
    image = Volume(texture((12, 13, 14), 1), np.diag([2.0, 2.0, 2.0, 1.0]))
    np.testing.assert_array_equal(resample(image, image.grid).values, image.values)


def test_resampling_to_larger_voxels_keeps_the_mean():
    image = Volume(texture((40, 40, 40), 2), np.eye(4))
    coarse = resample(image, Grid((9, 9, 9), np.diag([4.0, 4.0, 4.0, 1.0])), np.eye(4))
    assert coarse.values[1:-1, 1:-1, 1:-1].mean() == pytest.approx(image.values.mean(), rel=0.02)


def test_widening_and_narrowing_a_ball_gives_it_back():
    grid = np.indices((30, 30, 30)) - 15
    ball = (grid**2).sum(axis=0) <= 36
    again = erode(dilate(ball, 8.0, 2.0), 8.0, 2.0)
    assert (again != ball).sum() < 0.1 * ball.sum()


def test_a_slow_difference_in_brightness_is_taken_out():
    image = texture((50, 50, 50), 3)
    slope = np.linspace(-0.1, 0.1, 50, dtype=np.float32)[:, None, None]
    first, second = of_one_brightness(
        [image * np.exp(slope), image * np.exp(-slope)], np.ones(image.shape, dtype=bool), 2.0
    )
    inner = (slice(8, -8),) * 3
    assert np.abs(np.log(first / second))[inner].max() < 0.01


def test_brightness_is_evened_alike_when_sessions_are_swapped():
    images = [texture((30, 30, 30), 4), texture((30, 30, 30), 5)]
    mask = np.ones(images[0].shape, dtype=bool)
    there, back = of_one_brightness(images, mask, 4.0), of_one_brightness(images[::-1], mask, 4.0)
    np.testing.assert_array_equal(there[0], back[1])


def test_three_tissues_are_told_apart():
    random = np.random.default_rng(6)
    truth = np.repeat(np.repeat(random.integers(0, 3, (6, 6, 6)), 4, 0), 4, 1).repeat(4, 2)
    image = np.array([30.0, 70.0, 100.0])[truth] + random.normal(scale=8, size=truth.shape)
    priors = np.full((3, *truth.shape), 0.2, dtype=np.float32)
    np.put_along_axis(priors, truth[None], 0.6, axis=0)
    found = classify(image.astype(np.float32), np.ones(truth.shape, dtype=bool), priors)
    assert (found.argmax(axis=0) == truth).mean() > 0.98


def test_tissue_probabilities_sum_to_one_inside_and_to_zero_outside():
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[4:16, 4:16, 4:16] = True
    priors = np.full((3, *mask.shape), 1 / 3, dtype=np.float32)
    total = classify(texture(mask.shape, 7), mask, priors).sum(axis=0)
    np.testing.assert_allclose(total, mask.astype(float), atol=1e-5)


def test_a_place_beside_a_parcel_takes_the_nearest_one_and_a_far_one_takes_none():
    labels = np.zeros((20, 20, 20), dtype=np.int32)
    labels[5, 5, 5], labels[9, 5, 5] = 1, 2
    places = np.array([[5.0, 5, 5], [6, 5, 5], [8, 5, 5], [5, 15, 5], [-50, 0, 0]])
    assert labels_at(labels, np.eye(4), places).tolist() == [1, 1, 2, 0, 0]


def test_an_atlas_of_probabilities_is_refused(tmp_path):
    file = tmp_path / "atlas.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.full((5, 5, 5), 0.5, dtype=np.float32), np.eye(4)), file)
    with pytest.raises(StudyError, match="whole numbers"):
        read_atlas(file)


def test_the_spread_of_noise_is_found_under_a_slope():
    random = np.random.default_rng(8)
    slope = np.linspace(0, 100, 40)[:, None, None]
    image = (slope + random.normal(scale=3, size=(40, 40, 40))).astype(np.float32)
    inner = np.zeros(image.shape, dtype=bool)
    inner[2:-2, 2:-2, 2:-2] = True
    assert noise_spread(image, inner) == pytest.approx(3, rel=0.05)


def test_a_parcel_of_a_phantom_grows_about_as_much_as_was_asked():
    labels = np.zeros((48, 48, 48), dtype=np.int32)
    labels[14:34, 14:34, 14:34] = 1
    grid = Grid(labels.shape, np.diag([2.0, 2.0, 2.0, 1.0]))
    deformation = grow(labels, np.array([5.0]), grid)
    change = true_change(deformation, labels, np.ones(labels.shape, dtype=np.float32), 1)
    assert 0.03 < change[0] < 0.05


def test_a_phantom_in_which_nothing_was_asked_to_grow_is_still():
    labels = np.ones((16, 16, 16), dtype=np.int32)
    deformation = grow(labels, np.array([0.0]), Grid(labels.shape, np.eye(4)))
    np.testing.assert_allclose(deformation.growth, 1.0, atol=1e-6)


def test_the_template_has_the_size_of_a_brain():
    assert 1.4e6 < load_template().volume_mm3 < 2.1e6


@pytest.mark.parametrize("wrong", [{"resolution_mm": 0.2}, {"threads": 0}, {"seed": 0}])
def test_settings_that_cannot_be_right_are_refused(wrong):
    with pytest.raises(StudyError):
        VolumetricSettings(**wrong)
