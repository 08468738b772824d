"""One subject's whole path from files to volumes, and how images that cannot be used are told."""

from __future__ import annotations

import sys

import nibabel
import numpy as np
import pandas as pd
import pytest

from ect_assets.problems import StudyError
from ect_assets.science.morphometry.volumetric.brain import first_guess, refined_mask
from ect_assets.science.morphometry.volumetric.itk import ants_version
from ect_assets.science.morphometry.volumetric.measures import (
    SubjectImages,
    parcel_volumes,
    scan_measures,
)
from ect_assets.science.morphometry.volumetric.pictures import change_picture, outline_picture
from ect_assets.science.morphometry.volumetric.reading import read_head
from ect_assets.science.morphometry.volumetric.settings import ImageError, VolumetricSettings
from ect_assets.science.morphometry.volumetric.space import Grid, Volume
from ect_assets.science.morphometry.volumetric.subject import measure_subject
from ect_assets.science.morphometry.volumetric.template import load_template
from ect_assets_tests.science.imaging.cases import REFUSED
from ect_assets_tests.science.morphometry.volumetric.shapes import template_scan

COARSE = VolumetricSettings(resolution_mm=4.0)


def written(folder, values, voxel_mm=2.0):
    file = folder / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([voxel_mm] * 3 + [1.0])), file)
    return file


@pytest.mark.parametrize(
    ("values", "voxel_mm", "reason"),
    [
        (np.full((80, 90, 80), 7.0, dtype=np.float32), 2.0, "image_without_contrast"),
        (np.zeros((20, 20, 20), dtype=np.float32), 2.0, "scan_not_a_head"),
        (np.zeros((80, 90, 80, 5), dtype=np.float32), 2.0, "scan_not_a_head"),
        (np.ones((40, 45, 40), dtype=np.float32), 5.0, "scan_too_coarse"),
    ],
)
def test_an_image_that_is_no_usable_head_is_told_by_its_reason(tmp_path, values, voxel_mm, reason):
    with pytest.raises(ImageError) as caught:
        read_head(written(tmp_path, values, voxel_mm))
    assert caught.value.reason == reason


def test_a_small_bright_thing_is_no_head(tmp_path):
    values = np.zeros((80, 90, 80), dtype=np.float32)
    values[30:45, 30:45, 30:45] = 100
    with pytest.raises(ImageError, match="size of a head"):
        read_head(written(tmp_path, values))


def test_a_file_that_is_no_image_is_told(tmp_path):
    file = tmp_path / "scan.nii.gz"
    file.write_bytes(b"no image")
    with pytest.raises(ImageError, match="The image is not a NIfTI image"):
        read_head(file)


@pytest.mark.parametrize("offset", [-500.0, 900.0])
def test_an_image_that_does_not_begin_at_zero_is_read_as_if_it_did(tmp_path, offset):
    scan = template_scan(tmp_path / "scan.nii.gz", 1)
    expected = read_head(scan)
    shifted = nibabel.load(scan)
    values = shifted.get_fdata(dtype=np.float32) + np.float32(offset)
    nibabel.save(nibabel.Nifti1Image(values, shifted.affine), scan)
    found = read_head(scan)
    assert found.values.shape == expected.values.shape
    np.testing.assert_allclose(found.affine, expected.affine)
    assert np.abs(found.values - expected.values).max() < 0.1


def test_a_magnitude_image_is_not_shifted(tmp_path):
    scan = template_scan(tmp_path / "scan.nii.gz", 1)
    values = nibabel.load(scan).get_fdata(dtype=np.float32)
    ratio = read_head(scan).values.max() / values.max()
    assert read_head(scan).values.min() == 0 and ratio == pytest.approx(0.25, rel=0.2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda values: 98 + values / 150, "image_without_contrast"),
        (lambda values: 500 - values, "image_inverted"),
        (lambda values: np.full_like(values, np.nan), "image_without_contrast"),
        (lambda values: np.full_like(values, -1024), "image_without_contrast"),
    ],
)
def test_an_image_that_shows_no_tissue_in_air_is_told_by_its_reason(tmp_path, change, reason):
    scan = template_scan(tmp_path / "scan.nii.gz", 1)
    image = nibabel.load(scan)
    values = change(image.get_fdata(dtype=np.float32))
    nibabel.save(nibabel.Nifti1Image(values.astype(np.float32), image.affine), scan)
    with pytest.raises(ImageError) as caught:
        read_head(scan)
    assert caught.value.reason == reason


@pytest.mark.parametrize("case", ["both codes 0", "sform of zeros", "sform mirrored against qform"])
def test_an_image_whose_orientation_is_not_known_is_not_measured(tmp_path, case):
    content, reason, words = REFUSED[case]
    file = tmp_path / "scan.nii"
    file.write_bytes(content())
    with pytest.raises(ImageError, match=f"The image .*{words}") as caught:
        read_head(file)
    assert caught.value.reason == f"scan_{reason}"


def test_where_no_tissue_is_bright_the_brain_is_not_found():
    dark = Volume(np.zeros((20, 20, 20), np.float32), np.diag([2.0, 2, 2, 1]))
    with pytest.raises(ImageError, match="no bright tissue"):
        first_guess(dark, load_template().at(2.0))
    with pytest.raises(ImageError, match="no bright tissue"):
        refined_mask(dark, np.zeros((20, 20, 20), bool))


def test_a_missing_file_is_told_with_its_session(tmp_path):
    with pytest.raises(ImageError, match="Session post"):
        measure_subject({"post": tmp_path / "gone.nii.gz"}, tmp_path / "work", COARSE)


def test_no_image_at_all_is_told(tmp_path):
    with pytest.raises(ImageError, match="no image"):
        measure_subject({}, tmp_path / "work", COARSE)


def test_a_missing_antspyx_is_told_with_the_mend(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("ect_assets.science.morphometry.volumetric.itk.version", missing)
    with pytest.raises(StudyError, match="antspyx"):
        ants_version()


def test_ants_is_not_imported_before_it_is_needed():
    import subprocess

    code = f"import sys, {measure_subject.__module__}; sys.exit('ants' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def made_up() -> SubjectImages:
    """A block of gray matter of two sessions; the second is larger by exp(0.02)."""
    shape = (10, 10, 10)
    mask = np.ones(shape, dtype=bool)
    growth = np.full(shape, 0.01, dtype=np.float32)
    quality = pd.DataFrame(
        {
            "session": ["pre", "post"],
            "etiv_alone_mm3": [1.40e6, 1.50e6],
            "snr": [20.0, 21.0],
            "cnr": [2.0, 2.1],
        }
    )
    return SubjectImages(
        ("pre", "post"),
        Grid(shape, np.diag([2.0, 2.0, 2.0, 1.0])),
        np.full(shape, 60, dtype=np.float32),
        mask,
        np.full(shape, 0.75, dtype=np.float32),
        np.full(shape, 0.25, dtype=np.float32),
        np.argwhere(mask).astype(np.float32) * 2,
        [-growth, growth],
        quality,
    )


@pytest.fixture
def halves(tmp_path):
    """An atlas of two parcels, 1 and 3, side by side."""
    labels = np.ones((10, 10, 10), dtype=np.int16)
    labels[5:] = 3
    file = tmp_path / "atlas.nii.gz"
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([2.0, 2.0, 2.0, 1.0])), file)
    return file


def test_a_parcels_volume_grows_with_its_session(made_up, halves):
    volumes = parcel_volumes(made_up, halves).set_index(["session", "parcel_index"])["gmv_mm3"]
    assert volumes["post", 3] / volumes["pre", 3] == pytest.approx(np.exp(0.02), rel=1e-5)


def test_parcels_keep_the_numbers_of_the_atlas(made_up, halves):
    assert parcel_volumes(made_up, halves)["parcel_index"].tolist() == [1, 3, 1, 3]


def test_the_parcels_hold_all_the_gray_matter(made_up, halves):
    total = parcel_volumes(made_up, halves).groupby("session")["gmv_mm3"].sum()
    gray = scan_measures(made_up).set_index("session")["gray_matter_mm3"]
    assert total["pre"] == pytest.approx(gray["pre"], rel=1e-5)


def test_the_intracranial_volume_is_one_value_per_subject(made_up):
    assert scan_measures(made_up)["etiv_mm3"].tolist() == [1.45e6, 1.45e6]


def test_a_skull_that_seems_to_grow_is_a_finding(made_up):
    assert [finding.reason for finding in made_up.findings] == ["tiv_changed"]


def test_pictures_are_png(made_up, halves):
    for picture in (outline_picture, change_picture):
        assert picture(made_up, halves, "sub-01").startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two scans of the template brain with noise of their own, already measured once."""
    folder = tmp_path_factory.mktemp("pair")
    scans = {
        "pre": template_scan(folder / "pre.nii.gz", 1),
        "post": template_scan(folder / "post.nii.gz", 2, shift_mm=3.0),
    }
    return folder, scans, measure_subject(scans, folder / "work", COARSE)


@pytest.mark.slow
def test_a_brain_without_skull_has_the_volume_of_its_template(pair):
    _, _, images = pair
    assert images.etiv_mm3 == pytest.approx(1.88e6, rel=0.05)


@pytest.mark.slow
def test_a_second_scan_of_the_same_brain_shows_hardly_any_change(pair):
    _, _, images = pair
    gray = scan_measures(images)["gray_matter_mm3"]
    assert gray[1] / gray[0] == pytest.approx(1, abs=0.005)


@pytest.mark.slow
def test_nothing_is_run_again_when_nothing_changed(pair):
    folder, scans, _ = pair
    run = []
    measure_subject(scans, folder / "work", COARSE, lambda stage, seconds: run.append(stage))
    assert run == []


@pytest.mark.slow
def test_another_resolution_keeps_what_was_found_in_each_scan(pair):
    folder, scans, _ = pair
    run = []
    settings = VolumetricSettings(resolution_mm=5.0)
    measure_subject(scans, folder / "work", settings, lambda stage, seconds: run.append(stage))
    assert run == ["common", "tissue", "growth", "quality"]


@pytest.mark.slow
def test_the_same_images_give_the_same_bytes(pair, tmp_path):
    folder, scans, _ = pair
    measure_subject({"pre": scans["pre"]}, tmp_path / "one", COARSE)
    measure_subject({"pre": scans["pre"]}, tmp_path / "two", COARSE)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name
