"""Whether there is a picture in an image, and by what a copy is known."""

from __future__ import annotations

import numpy as np
import pytest

from ect_assets.science.imaging.geometry import ImageFault, geometry_of
from ect_assets.science.imaging.picture import (
    PictureSample,
    brightness_offset,
    check_picture,
    edges_of,
)
from ect_assets_tests.science.imaging.headers import SHAPE, affine_of, image, picture

GEOMETRY = geometry_of(image(affine_of(), None)[:540])


def fault_of(values: np.ndarray) -> str | None:
    """Name why an image is refused; None where it is not."""
    try:
        check_picture(values.astype(np.float64), edges_of(values.shape))
    except ImageFault as fault:
        return fault.reason
    return None


def fingerprint(values: np.ndarray, block: int = 5_000) -> str | None:
    """Take the fingerprint of voxels that come in blocks."""
    sample = PictureSample(GEOMETRY)
    flat = values.ravel(order="F")
    for begin in range(0, len(flat), block):
        sample.add(flat[begin : begin + block])
    return sample.fingerprint()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(SHAPE), "empty"),
        (np.full(SHAPE, 7.0), "empty"),
        (np.full(SHAPE, np.nan), "empty"),
        (np.random.default_rng(1).integers(98, 103, SHAPE), "without_contrast"),
        (98 + picture() / 120, "without_contrast"),
        (-98 - picture() / 120, "without_contrast"),
        (500 - picture().astype(float), "inverted"),
        (-picture().astype(float), "inverted"),
    ],
)
def test_an_image_without_a_picture_of_tissue_in_air_is_refused(values, reason):
    assert fault_of(values) == reason


@pytest.mark.parametrize(
    "values",
    [
        picture(),
        picture() - 1024.0,
        picture() - 450.0,
        picture() * 1e-6,
        np.random.default_rng(1).random(SHAPE),
        np.where(picture() > 200, picture() + 200.0 * (np.arange(36) > 18), np.nan),
    ],
    ids=["as scanned", "offset as in CT", "tissue below 0", "tiny", "noise", "background missing"],
)
def test_an_offset_a_scale_or_noise_around_the_head_is_no_fault(values):
    assert fault_of(values) is None


def test_the_message_says_between_which_values_the_image_lies():
    values = np.random.default_rng(1).integers(98, 103, SHAPE).astype(float)
    with pytest.raises(ImageFault, match="99 % of its voxels lie between 98 and 102"):
        check_picture(values, edges_of(SHAPE))


@pytest.mark.parametrize(("low", "high", "offset"), [(0, 600, 0), (-5, 600, 0), (3, 600, 0)])
def test_a_magnitude_image_is_left_as_it_is(low, high, offset):
    assert brightness_offset(low, high) == offset


@pytest.mark.parametrize(("low", "high"), [(-1024, 0), (-1024, -300), (-200, 400), (1000, 1600)])
def test_an_offset_is_found(low, high):
    assert brightness_offset(low, high) == low


@pytest.mark.parametrize("block", [7, 77, 1_000_000])
def test_a_fingerprint_does_not_depend_on_the_blocks(block):
    assert fingerprint(picture(), block) == fingerprint(picture())


@pytest.mark.parametrize("change", [lambda v: v * 3, lambda v: v + 100, lambda v: v * 7 - 1000])
def test_a_scale_without_loss_keeps_the_fingerprint(change):
    assert fingerprint(change(picture())) == fingerprint(picture())


def test_another_scan_of_the_same_object_has_another_fingerprint():
    assert fingerprint(picture(seed=2)) != fingerprint(picture(seed=1))


def test_a_picture_of_few_voxels_or_without_noise_has_none():
    assert fingerprint(np.where(picture() > 200, 400, 0).astype(np.int16)) is None
