"""Signal and contrast against noise, on a drawn head and on two real ones."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from ect_assets.science.morphometry.scan_contrast import (
    DEPTH_MM,
    ScanContrast,
    _is_deep,
    image_contrast,
    scan_contrast,
)
from ect_assets_tests.paths import ROOT

CHECKS = ROOT / ".." / "shared" / "checks"
REAL = ("t1w_colin27.nii.gz", "t1w_niivue_sample.nii.gz")
NOISE_PERCENT = (1, 5, 15)
WHITE, GRAY, FLUID = 110.0, 80.0, 30.0
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def drawn_head(noise: float, white: float = WHITE, finer: int = 1) -> np.ndarray:
    """Draw a head of 2 mm voxels or finer: scalp, fluid, gray matter, white matter, a core."""
    axes = np.meshgrid(*[np.arange(90) - 44.5] * 3, indexing="ij")
    radius_mm = 2 * np.sqrt(sum(axis**2 for axis in axes))
    head = np.select(
        [radius_mm < 12, radius_mm < 50, radius_mm < 62, radius_mm < 66, radius_mm < 78],
        [FLUID, white, GRAY, FLUID, 100.0],
    )
    head = head.repeat(finer, 0).repeat(finer, 1).repeat(finer, 2)
    return head + noise * np.random.default_rng(1).standard_normal(head.shape)


def noisy(image: np.ndarray, percent: float, white: float) -> np.ndarray:
    """Add the noise of a magnitude image, in percent of white matter."""
    random = np.random.default_rng(7)
    real, imaginary = random.standard_normal((2, *image.shape), dtype=np.float32)
    sd = np.float32(percent / 100 * white)
    return np.hypot(image + sd * real, sd * imaginary)


@pytest.fixture(scope="module", params=REAL)
def real(request) -> tuple[np.ndarray, np.ndarray]:
    """A real T1-weighted image and its affine."""
    file = CHECKS / request.param
    if not file.exists():
        pytest.skip("needs the real images in ../shared/checks")
    image = nibabel.load(file)
    return np.asanyarray(image.dataobj), image.affine


@pytest.fixture(scope="module")
def real_series(real) -> list[ScanContrast]:
    """The real image with more and more noise."""
    image, affine = real
    clean = scan_contrast(image, affine)
    levels = [noisy(image, percent, clean.white) for percent in NOISE_PERCENT]
    return [clean, *(scan_contrast(level, affine) for level in levels)]


def test_noise_is_measured_as_it_was_drawn():
    assert scan_contrast(drawn_head(5.0), AFFINE).noise == pytest.approx(5.0, rel=0.05)


def test_contrast_is_the_drawn_one():
    found = scan_contrast(drawn_head(5.0), AFFINE)
    assert found.cnr == pytest.approx((WHITE - GRAY) / 5.0, rel=0.1)


def test_the_scale_of_the_image_does_not_matter():
    image = drawn_head(5.0)
    one, other = scan_contrast(image, AFFINE), scan_contrast(8 * image, AFFINE)
    assert (one.snr, one.cnr) == pytest.approx((other.snr, other.cnr))


def test_less_white_matter_signal_is_less_contrast():
    assert (
        scan_contrast(drawn_head(5.0, 95.0), AFFINE).cnr
        < scan_contrast(drawn_head(5.0), AFFINE).cnr
    )


def test_a_drawing_without_noise_has_none():
    assert scan_contrast(drawn_head(0.0), AFFINE) is None


@pytest.mark.parametrize("side", [4, 60])
@pytest.mark.parametrize("value", [0.0, -1.0, 5.0, np.nan])
def test_an_image_without_a_head_has_none(side, value):
    assert scan_contrast(np.full((side, side, side), value), AFFINE) is None


def test_in_a_very_noisy_image_contrast_is_missing():
    found = scan_contrast(drawn_head(WHITE / 3, finer=2), np.diag([1.0, 1.0, 1.0, 1.0]))
    assert found.snr < 4 and np.isnan(found.cnr)


def test_more_noise_is_less_signal_and_contrast_in_a_real_image(real_series):
    found = np.array([(one.snr, one.cnr) for one in real_series])
    assert (np.diff(found, axis=0) < 0).all()


def test_the_noise_added_to_a_real_image_is_found_again(real_series):
    clean = real_series[0]
    added = np.hypot(np.array(NOISE_PERCENT) / 100 * clean.white, clean.noise)
    assert [one.noise for one in real_series[1:]] == pytest.approx(added, rel=0.12)


def test_it_does_not_matter_which_way_a_real_image_lies(real):
    image, affine = real
    upright = nibabel.Nifti1Image(image, affine)
    turn = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(affine), nibabel.orientations.axcodes2ornt("PIR")
    )
    turned = upright.as_reoriented(turn)
    found = scan_contrast(np.asanyarray(turned.dataobj), turned.affine)
    assert found.cnr == pytest.approx(scan_contrast(image, affine).cnr, rel=0.03)


def test_a_file_has_the_contrast_of_its_image(tmp_path):
    head = drawn_head(noise=3.0).astype(np.float32)
    file = tmp_path / "head.nii.gz"
    nibabel.save(nibabel.Nifti1Image(head, AFFINE), file)
    expected = scan_contrast(head, AFFINE)
    assert expected is not None
    assert image_contrast(file) == pytest.approx(expected.cnr, rel=1e-6)


def test_a_picture_without_a_head_has_no_contrast(tmp_path):
    file = tmp_path / "drawn.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((8, 8, 8), np.int16), np.eye(4)), file)
    assert np.isnan(image_contrast(file))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("layers", [slice(0, 21), slice(8, 30), slice(19, 40), slice(0, 40)])
@pytest.mark.parametrize("is_cut", [False, True])
def test_what_is_deep_in_a_head_is_found_in_a_part_of_it(axis, layers, is_cut):
    places = np.indices((40, 40, 40)).reshape(3, -1).T
    head = np.zeros(64_000, dtype=bool)
    for centre in np.random.default_rng(6).uniform(0 if is_cut else 14, 26, size=(4, 3)):
        head |= ((places - centre) ** 2).sum(axis=1) < 12**2
    head = head.reshape(40, 40, 40)
    sizes_mm = np.array([2.0, 2.5, 3.0])
    depth = ndimage.distance_transform_edt(np.pad(head, 1), sampling=sizes_mm)
    wanted = [slice(None)] * 3
    wanted[axis] = layers
    expected = (depth[1:-1, 1:-1, 1:-1] > DEPTH_MM)[tuple(wanted)]
    assert expected.any()
    np.testing.assert_array_equal(_is_deep(head, sizes_mm, axis, layers), expected)
